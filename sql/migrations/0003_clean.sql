-- Firms: partitioned by country, then survey year, so that a corrected year is swapped in whole.

CREATE TABLE clean.firm (
    country text NOT NULL,
    survey_year smallint NOT NULL,
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
    classification text,
    output_thousand_cny double precision,
    employment integer,
    source_lon double precision NOT NULL,
    source_lat double precision NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    geom public.GEOMETRY (POINT, 4326) GENERATED ALWAYS AS (
        public.st_setsrid(public.st_makepoint(lon, lat), 4326)
    ) STORED,
    prefecture_code text NOT NULL,
    own_prefecture_code text,
    distance_to_own_km double precision,
    pile_up_size integer NOT NULL,
    flags text[] NOT NULL,
    unreadable jsonb,
    PRIMARY KEY (country, survey_year, row_number)
) PARTITION BY LIST (country);

CREATE TABLE clean.firm_cn PARTITION OF clean.firm FOR VALUES IN ('CN') PARTITION BY LIST (survey_year);
CREATE TABLE clean.firm_gb PARTITION OF clean.firm FOR VALUES IN ('GB') PARTITION BY LIST (survey_year);

CREATE INDEX firm_place ON clean.firm (prefecture_code, industry);
CREATE INDEX firm_id ON clean.firm (firm_id);
CREATE INDEX firm_geom ON clean.firm USING gist (geom);

COMMENT ON TABLE clean.firm IS 'Firms of every survey year: typed, located in WGS-84, doubtful rows flagged. One partition a country and year.';
COMMENT ON COLUMN clean.firm.country IS 'Country code, CN or GB.';
COMMENT ON COLUMN clean.firm.survey_year IS 'Survey year.';
COMMENT ON COLUMN clean.firm.row_number IS 'Number of the data row in the file as received; 1 is the first row after the header.';
COMMENT ON COLUMN clean.firm.firm_id IS 'Code of the legal person; leading zeros kept, and put back where lost and the check digit fits.';
COMMENT ON COLUMN clean.firm.firm_name IS 'Name as received.';
COMMENT ON COLUMN clean.firm.legal_representative IS 'Name of the legal representative.';
COMMENT ON COLUMN clean.firm.phone IS 'Telephone number as received.';
COMMENT ON COLUMN clean.firm.postal_code IS 'Postal code as received.';
COMMENT ON COLUMN clean.firm.address IS 'Address as received.';
COMMENT ON COLUMN clean.firm.main_product IS 'Main product or activity as received.';
COMMENT ON COLUMN clean.firm.established_year IS 'Year the firm was founded.';
COMMENT ON COLUMN clean.firm.place_code IS 'Administrative place code as received, four or six digits.';
COMMENT ON COLUMN clean.firm.industry_code IS 'Industry code as received, with lost leading zeros restored.';
COMMENT ON COLUMN clean.firm.industry IS 'Three-digit industry; null when missing or unknown (the firm stays in the pool).';
COMMENT ON COLUMN clean.firm.classification IS 'Revision of the classification, detected from the year''s codes.';
COMMENT ON COLUMN clean.firm.output_thousand_cny IS 'Gross output in thousand yuan, current prices.';
COMMENT ON COLUMN clean.firm.employment IS 'Persons employed at year end.';
COMMENT ON COLUMN clean.firm.source_lon IS 'Longitude as received, in degrees of the file''s datum (axes put right where they were swapped).';
COMMENT ON COLUMN clean.firm.source_lat IS 'Latitude as received, in degrees of the file''s datum.';
COMMENT ON COLUMN clean.firm.lon IS 'Longitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.firm.lat IS 'Latitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.firm.geom IS 'The point, WGS-84.';
COMMENT ON COLUMN clean.firm.prefecture_code IS 'Prefecture (GB: ITL3 region) whose polygon holds the point; the lowest code on a shared border.';
COMMENT ON COLUMN clean.firm.own_prefecture_code IS 'Prefecture that the place code names in this survey year.';
COMMENT ON COLUMN clean.firm.distance_to_own_km IS 'Distance from the own prefecture in km; 0 inside, null when it is not known.';
COMMENT ON COLUMN clean.firm.pile_up_size IS 'Number of the year''s firms at exactly this point, this one included.';
COMMENT ON COLUMN clean.firm.flags IS 'What is doubtful about the row; see reference.flag.';
COMMENT ON COLUMN clean.firm.unreadable IS 'Values that could not be read as numbers, as received, by column.';

CREATE TABLE clean.refused (
    country text NOT NULL,
    survey_year smallint NOT NULL,
    row_number integer NOT NULL,
    reason text NOT NULL,
    detail text,
    received jsonb NOT NULL,
    PRIMARY KEY (country, survey_year, row_number)
);
CREATE INDEX refused_reason ON clean.refused (country, survey_year, reason);
COMMENT ON TABLE clean.refused IS 'Rows that were not taken in, as received, each with its reason.';
COMMENT ON COLUMN clean.refused.country IS 'Country code, CN or GB.';
COMMENT ON COLUMN clean.refused.survey_year IS 'Survey year the file was loaded as.';
COMMENT ON COLUMN clean.refused.row_number IS 'Number of the data row in the file as received.';
COMMENT ON COLUMN clean.refused.reason IS 'Machine-readable reason; see reference.refusal_reason.';
COMMENT ON COLUMN clean.refused.detail IS 'The offending value, or the row it repeats.';
COMMENT ON COLUMN clean.refused.received IS 'The row as received, header to value.';

CREATE TABLE reference.refusal_reason (
    reason text PRIMARY KEY,
    meaning text NOT NULL
);
COMMENT ON TABLE reference.refusal_reason IS 'Why a row can be refused.';
COMMENT ON COLUMN reference.refusal_reason.reason IS 'Reason as stored in clean.refused.';
COMMENT ON COLUMN reference.refusal_reason.meaning IS 'What it means, in one sentence.';
INSERT INTO reference.refusal_reason VALUES
    ('coordinates_missing', 'No longitude or no latitude.'),
    ('coordinates_zero', 'Longitude or latitude is zero: a geocoder that found nothing.'),
    ('coordinates_unreadable', 'Longitude or latitude is text that is no number.'),
    ('coordinates_impossible', 'Longitude or latitude is no place on earth, either way round.'),
    ('outside_country', 'The point lies outside the country, more than 5 km from its prefectures.'),
    ('duplicate_id', 'The firm id and name stand in an earlier row of the same year.'),
    ('survey_year_differs', 'The row states another year than the one it was loaded as.'),
    ('row_malformed', 'The row has another number of fields than the header.'),
    ('row_has_nul', 'The row holds NUL bytes.'),
    ('row_undecodable', 'The row holds bytes that are no text in the encoding of the file.'),
    ('row_too_long', 'The row is longer than a row can be.');
ALTER TABLE clean.refused ADD FOREIGN KEY (reason) REFERENCES reference.refusal_reason (reason);

CREATE TABLE reference.flag (
    flag text PRIMARY KEY,
    meaning text NOT NULL
);
COMMENT ON TABLE reference.flag IS 'What can be doubtful about a row that was kept.';
COMMENT ON COLUMN reference.flag.flag IS 'Flag as stored in clean.firm.flags.';
COMMENT ON COLUMN reference.flag.meaning IS 'What it means, in one sentence.';
INSERT INTO reference.flag VALUES
    ('axes_swapped', 'Longitude and latitude had changed places and were put right.'),
    ('low_precision', 'Fewer than three decimals in a coordinate: known to about 1 km at best.'),
    ('outside_own_prefecture', 'The point lies outside the prefecture that the place code names.'),
    ('beside_polygon', 'The point lies in no prefecture and was given to the nearest one within 5 km.'),
    ('place_missing', 'No place code.'),
    ('place_unknown', 'The place code names no prefecture in this survey year.'),
    ('pile_up', 'Many firms share exactly this point: likely a fall-back point of the geocoder.'),
    ('shared_id', 'Another row of the year has the same firm id under another name.'),
    ('industry_missing', 'No industry code; the firm counts in the pool only.'),
    ('industry_unknown', 'The industry code is not in the classification; the firm counts in the pool only.'),
    ('industry_zero_restored', 'The leading zero of the industry code was lost and put back.'),
    ('output_unreadable', 'Output is text that is no number; see the column unreadable.'),
    ('employment_unreadable', 'Employment is text that is no number; see the column unreadable.'),
    ('established_year_unreadable', 'The founding year is no year; see the column unreadable.');
