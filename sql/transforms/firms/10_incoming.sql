-- Where the file's typed rows arrive: temporary, so a killed load leaves nothing.

CREATE TEMP TABLE incoming_firm (
    row_number integer NOT NULL,
    firm_id text,
    firm_name text,
    legal_representative text,
    phone text,
    postal_code text,
    address text,
    main_product text,
    established_year smallint,
    place_code text,
    industry_code text,
    industry text,
    output_thousand_cny double precision,
    employment integer,
    source_lon double precision NOT NULL,
    source_lat double precision NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    flags text[] NOT NULL,
    unreadable jsonb
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_refused (
    row_number integer NOT NULL,
    reason text NOT NULL,
    detail text,
    received jsonb
) ON COMMIT DROP;
