-- Where the files of reference data arrive: temporary, so a killed load leaves nothing.

DROP TABLE IF EXISTS pg_temp.incoming_country, pg_temp.incoming_prefecture,
pg_temp.incoming_place_code, pg_temp.incoming_member, pg_temp.incoming_area,
pg_temp.incoming_industry, pg_temp.incoming_concordance;

CREATE TEMP TABLE incoming_country (
    country text NOT NULL,
    name text NOT NULL,
    west double precision NOT NULL,
    south double precision NOT NULL,
    east double precision NOT NULL,
    north double precision NOT NULL,
    datums text[] NOT NULL,
    datum text,
    classifications text[] NOT NULL,
    classification text
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_prefecture (
    country text NOT NULL,
    prefecture_code text NOT NULL,
    name text NOT NULL,
    name_en text,
    province_code text NOT NULL,
    source text NOT NULL,
    geom public.GEOMETRY (MULTIPOLYGON, 4326) NOT NULL
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_place_code (
    country text NOT NULL,
    place_code text NOT NULL,
    name text NOT NULL,
    first_year smallint NOT NULL,
    last_year smallint NOT NULL,
    prefecture_code text,
    candidates text[] NOT NULL,
    rule text NOT NULL
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_member (
    country text NOT NULL,
    agglomeration_code text NOT NULL,
    name text NOT NULL,
    name_en text,
    basis text,
    confidence text,
    prefecture_code text NOT NULL,
    core boolean NOT NULL,
    coverage text NOT NULL,
    assigned boolean NOT NULL,
    rule text NOT NULL
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_area (
    country text, -- null: to be found by place
    agglomeration_code text NOT NULL,
    name text NOT NULL,
    name_en text,
    basis text NOT NULL,
    file_name text NOT NULL,
    geom public.GEOMETRY (MULTIPOLYGON, 4326) NOT NULL
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_industry (
    classification text NOT NULL,
    industry_code text NOT NULL,
    level smallint NOT NULL,
    parent_code text,
    section text,
    name text NOT NULL,
    name_en text
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_concordance (
    from_classification text NOT NULL,
    from_code text NOT NULL,
    to_classification text NOT NULL,
    to_code text NOT NULL,
    weight double precision NOT NULL,
    official boolean NOT NULL,
    doubtful boolean NOT NULL,
    basis text NOT NULL,
    source text NOT NULL
) ON COMMIT DROP;
