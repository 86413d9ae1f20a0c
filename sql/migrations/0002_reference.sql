-- Reference data: places, urban agglomerations, industries, concordances.
-- The rows come from etl/data through `coagg db upgrade`; see etl/data/LICENCES.md.

CREATE TABLE reference.prefecture (
    country text NOT NULL,
    prefecture_code text NOT NULL,
    name text NOT NULL,
    name_en text,
    province_code text NOT NULL,
    source text NOT NULL,
    geom public.GEOMETRY (MULTIPOLYGON, 4326) NOT NULL,
    PRIMARY KEY (country, prefecture_code),
    CONSTRAINT prefecture_valid CHECK (public.st_isvalid(geom) AND NOT public.st_isempty(geom))
);
CREATE INDEX prefecture_geom ON reference.prefecture USING gist (geom);
COMMENT ON TABLE reference.prefecture IS 'Prefectures of China as of 2024 (municipalities and directly administered counties included) and ITL3 regions of the United Kingdom of 2021.';
COMMENT ON COLUMN reference.prefecture.country IS 'Country code, CN or GB.';
COMMENT ON COLUMN reference.prefecture.prefecture_code IS 'China: four digits of the national code (4414, municipalities 1100), six for directly administered counties (429004). GB: ITL3.';
COMMENT ON COLUMN reference.prefecture.name IS 'Name as in the source.';
COMMENT ON COLUMN reference.prefecture.name_en IS 'English name, short form.';
COMMENT ON COLUMN reference.prefecture.province_code IS 'China: first two digits of the code. GB: ITL1 code.';
COMMENT ON COLUMN reference.prefecture.source IS 'Data set the polygon comes from.';
COMMENT ON COLUMN reference.prefecture.geom IS 'Area, WGS-84, valid.';

CREATE TABLE reference.prefecture_piece (
    piece_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    country text NOT NULL,
    prefecture_code text NOT NULL,
    geom public.GEOMETRY (POLYGON, 4326) NOT NULL,
    FOREIGN KEY (country, prefecture_code) REFERENCES reference.prefecture ON DELETE CASCADE
);
CREATE INDEX prefecture_piece_geom ON reference.prefecture_piece USING gist (geom);
CREATE INDEX prefecture_piece_prefecture ON reference.prefecture_piece (country, prefecture_code);
COMMENT ON TABLE reference.prefecture_piece IS 'Prefectures cut into pieces of at most 256 vertices, for fast point-in-polygon tests.';
COMMENT ON COLUMN reference.prefecture_piece.piece_id IS 'Number of the piece.';
COMMENT ON COLUMN reference.prefecture_piece.country IS 'Country code, CN or GB.';
COMMENT ON COLUMN reference.prefecture_piece.prefecture_code IS 'Prefecture the piece belongs to.';
COMMENT ON COLUMN reference.prefecture_piece.geom IS 'The piece, WGS-84.';

CREATE TABLE reference.prefecture_code (
    country text NOT NULL,
    survey_year smallint NOT NULL,
    place_code text NOT NULL,
    name text NOT NULL,
    prefecture_code text,
    candidates text[] NOT NULL,
    in_force boolean NOT NULL,
    rule text NOT NULL,
    PRIMARY KEY (country, survey_year, place_code),
    FOREIGN KEY (country, prefecture_code) REFERENCES reference.prefecture ON DELETE CASCADE,
    CONSTRAINT main_candidate_first CHECK (
        cardinality(candidates) > 0
        AND coalesce(prefecture_code = candidates[1], cardinality(candidates) > 1)
    ),
    CONSTRAINT known_rule CHECK (
        rule IN (
            'same', 'recoded', 'merged', 'municipality', 'several', 'divided',
            'directly administered', 'county moved'
        )
    )
);
CREATE INDEX prefecture_code_prefecture ON reference.prefecture_code (country, prefecture_code);
COMMENT ON TABLE reference.prefecture_code IS 'Place codes a survey of each year may hold (four digits; six where four are not enough) and the prefecture of today they mean.';
COMMENT ON COLUMN reference.prefecture_code.country IS 'Country code.';
COMMENT ON COLUMN reference.prefecture_code.survey_year IS 'Survey year.';
COMMENT ON COLUMN reference.prefecture_code.place_code IS 'Place code as it stands in the survey: four digits, or six.';
COMMENT ON COLUMN reference.prefecture_code.name IS 'Name of the place in that year (of the nearest year in which the code was in force).';
COMMENT ON COLUMN reference.prefecture_code.prefecture_code IS 'Prefecture of today; null when the code alone does not settle it (see candidates).';
COMMENT ON COLUMN reference.prefecture_code.candidates IS 'All prefectures of today that hold a part of the place as it was between 1998 and 2024, the main one first where there is one.';
COMMENT ON COLUMN reference.prefecture_code.in_force IS 'Whether the code was in force in that year; others are kept because registers lag.';
COMMENT ON COLUMN reference.prefecture_code.rule IS 'same, recoded, merged, municipality, several, divided, directly administered or county moved: explained in etl/data/LICENCES.md.';

CREATE TABLE reference.agglomeration (
    country text NOT NULL,
    agglomeration_code text NOT NULL,
    name text NOT NULL,
    name_en text,
    basis text,
    confidence text,
    geom public.GEOMETRY (MULTIPOLYGON, 4326) NOT NULL,
    PRIMARY KEY (country, agglomeration_code)
);
CREATE INDEX agglomeration_geom ON reference.agglomeration USING gist (geom);
COMMENT ON TABLE reference.agglomeration IS 'Urban agglomerations: their assigned prefectures, dissolved.';
COMMENT ON COLUMN reference.agglomeration.country IS 'Country code.';
COMMENT ON COLUMN reference.agglomeration.agglomeration_code IS 'Short code, CY for Chengdu-Chongqing.';
COMMENT ON COLUMN reference.agglomeration.name IS 'Name.';
COMMENT ON COLUMN reference.agglomeration.name_en IS 'English name.';
COMMENT ON COLUMN reference.agglomeration.basis IS 'Plan the list of members rests on.';
COMMENT ON COLUMN reference.agglomeration.confidence IS 'How sure the list of members is: A official plan in full, B official plan in outline, C no single official list.';
COMMENT ON COLUMN reference.agglomeration.geom IS 'Assigned prefectures dissolved, WGS-84. A member that belongs only in part is taken whole.';

CREATE TABLE reference.agglomeration_member (
    country text NOT NULL,
    agglomeration_code text NOT NULL,
    prefecture_code text NOT NULL,
    core boolean NOT NULL,
    coverage text NOT NULL,
    assigned boolean NOT NULL,
    rule text NOT NULL,
    PRIMARY KEY (country, agglomeration_code, prefecture_code),
    FOREIGN KEY (country, agglomeration_code) REFERENCES reference.agglomeration ON DELETE CASCADE,
    FOREIGN KEY (country, prefecture_code) REFERENCES reference.prefecture,
    CONSTRAINT known_coverage CHECK (coverage IN ('whole', 'part'))
);
CREATE UNIQUE INDEX assigned_once ON reference.agglomeration_member (country, prefecture_code)
WHERE assigned;
COMMENT ON TABLE reference.agglomeration_member IS 'Prefectures that an urban agglomeration claims; a prefecture is assigned to one of its claimants at most.';
COMMENT ON COLUMN reference.agglomeration_member.country IS 'Country code.';
COMMENT ON COLUMN reference.agglomeration_member.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN reference.agglomeration_member.prefecture_code IS 'Prefecture.';
COMMENT ON COLUMN reference.agglomeration_member.core IS 'Whether it is a core city of the agglomeration.';
COMMENT ON COLUMN reference.agglomeration_member.coverage IS 'whole, or part when the plan names only some of its counties; either way the prefecture is taken whole.';
COMMENT ON COLUMN reference.agglomeration_member.assigned IS 'Whether the prefecture counts as part of this agglomeration.';
COMMENT ON COLUMN reference.agglomeration_member.rule IS 'Why it is assigned, or to which other claimant it went and why.';

CREATE TABLE reference.industry (
    classification text NOT NULL,
    industry_code text NOT NULL,
    level smallint NOT NULL,
    parent_code text,
    section text,
    name text NOT NULL,
    name_en text,
    PRIMARY KEY (classification, industry_code),
    FOREIGN KEY (classification, parent_code) REFERENCES reference.industry
);
CREATE INDEX industry_parent ON reference.industry (classification, parent_code);
COMMENT ON TABLE reference.industry IS 'Industry classifications: GB/T 4754 of 2002, 2011, 2017 (1994 when the user supplies it) and UK SIC 2007.';
COMMENT ON COLUMN reference.industry.classification IS 'Name of the classification: gbt4754_2002, gbt4754_2011, gbt4754_2017, uksic2007.';
COMMENT ON COLUMN reference.industry.industry_code IS 'Code, text with its leading zeros.';
COMMENT ON COLUMN reference.industry.level IS '1 section (a letter), 2 division, 3 group, 4 class, 5 subclass: the number of characters.';
COMMENT ON COLUMN reference.industry.parent_code IS 'Code one level up; null for sections.';
COMMENT ON COLUMN reference.industry.section IS 'Letter of the section.';
COMMENT ON COLUMN reference.industry.name IS 'Name in the language of the classification.';
COMMENT ON COLUMN reference.industry.name_en IS 'English name, short form; of GB/T 4754 for sections and for divisions 06-46 and their groups.';

CREATE TABLE reference.industry_concordance (
    from_classification text NOT NULL,
    from_code text NOT NULL,
    to_classification text NOT NULL,
    to_code text NOT NULL,
    weight double precision NOT NULL,
    official boolean NOT NULL,
    doubtful boolean NOT NULL,
    basis text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (from_classification, from_code, to_classification, to_code),
    FOREIGN KEY (from_classification, from_code)
    REFERENCES reference.industry (classification, industry_code) ON DELETE CASCADE,
    FOREIGN KEY (to_classification, to_code)
    REFERENCES reference.industry (classification, industry_code) ON DELETE CASCADE,
    CONSTRAINT weight_share CHECK (weight > 0 AND weight <= 1)
);
CREATE INDEX industry_concordance_to ON reference.industry_concordance (to_classification, to_code);
COMMENT ON TABLE reference.industry_concordance IS 'Links between codes of the same length of two classifications, many to many; the weights of one from_code add to one.';
COMMENT ON COLUMN reference.industry_concordance.from_classification IS 'Classification a code is translated from.';
COMMENT ON COLUMN reference.industry_concordance.from_code IS 'Code translated from, three or four digits.';
COMMENT ON COLUMN reference.industry_concordance.to_classification IS 'Classification it is translated to.';
COMMENT ON COLUMN reference.industry_concordance.to_code IS 'Code translated to.';
COMMENT ON COLUMN reference.industry_concordance.weight IS 'Share of from_code that goes to to_code: number of links between them over all links of from_code. No measure of firms or output.';
COMMENT ON COLUMN reference.industry_concordance.official IS 'Whether a statistical office published the link; false for all that are shipped.';
COMMENT ON COLUMN reference.industry_concordance.doubtful IS 'Whether the link is weak: only the code is the same, not the name; or, through ISIC, under a tenth of the links.';
COMMENT ON COLUMN reference.industry_concordance.basis IS 'What the link rests on.';
COMMENT ON COLUMN reference.industry_concordance.source IS 'File the link comes from.';

CREATE TABLE reference.load_report (
    source text NOT NULL,
    item text NOT NULL,
    count integer,
    detail text,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, item)
);
COMMENT ON TABLE reference.load_report IS 'What loading the reference data found, dropped and mended, and the hash of what is loaded.';
COMMENT ON COLUMN reference.load_report.source IS 'Part of the reference data: prefectures, place codes, agglomerations, a classification or a concordance.';
COMMENT ON COLUMN reference.load_report.item IS 'What was counted; sha256 and file say what is loaded.';
COMMENT ON COLUMN reference.load_report.count IS 'How many.';
COMMENT ON COLUMN reference.load_report.detail IS 'Which ones, or what was done with them.';
COMMENT ON COLUMN reference.load_report.loaded_at IS 'When this was loaded.';
