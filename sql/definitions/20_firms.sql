-- Firms as readers want them.

DROP VIEW IF EXISTS clean.firm_located;
CREATE VIEW clean.firm_located AS
SELECT
    f.survey_year * 10000000::bigint + f.row_number AS firm_key,
    f.country,
    f.survey_year,
    f.row_number,
    f.firm_id,
    f.firm_name,
    f.industry,
    i.name AS industry_name,
    i.name_en AS industry_name_en,
    f.classification,
    f.output_thousand_cny,
    f.employment,
    f.prefecture_code,
    p.name AS prefecture_name,
    m.agglomeration_code,
    f.pile_up_size,
    f.flags,
    f.lon,
    f.lat,
    f.geom
FROM clean.firm AS f
INNER JOIN reference.prefecture AS p
    ON f.country = p.country AND f.prefecture_code = p.prefecture_code
LEFT JOIN reference.agglomeration_member AS m
    ON f.country = m.country AND f.prefecture_code = m.prefecture_code AND m.assigned
LEFT JOIN reference.industry AS i
    ON f.classification = i.classification AND f.industry = i.industry_code;
COMMENT ON VIEW clean.firm_located IS 'Firms with the names of their industry and prefecture and their urban agglomeration (null outside all): for maps and ad-hoc questions.';
COMMENT ON COLUMN clean.firm_located.firm_key IS 'Integer key (survey year, row number) for programs that want one, unique within a country.';
COMMENT ON COLUMN clean.firm_located.country IS 'Country code, CN or GB.';
COMMENT ON COLUMN clean.firm_located.survey_year IS 'Survey year.';
COMMENT ON COLUMN clean.firm_located.row_number IS 'Number of the data row in the file.';
COMMENT ON COLUMN clean.firm_located.firm_id IS 'Code of the legal person.';
COMMENT ON COLUMN clean.firm_located.firm_name IS 'Name as received.';
COMMENT ON COLUMN clean.firm_located.industry IS 'Three-digit industry.';
COMMENT ON COLUMN clean.firm_located.industry_name IS 'Name of the industry in the classification.';
COMMENT ON COLUMN clean.firm_located.industry_name_en IS 'English name of the industry.';
COMMENT ON COLUMN clean.firm_located.classification IS 'Revision of the classification.';
COMMENT ON COLUMN clean.firm_located.output_thousand_cny IS 'Gross output in thousand yuan.';
COMMENT ON COLUMN clean.firm_located.employment IS 'Persons employed.';
COMMENT ON COLUMN clean.firm_located.prefecture_code IS 'Prefecture of the point.';
COMMENT ON COLUMN clean.firm_located.prefecture_name IS 'Name of the prefecture.';
COMMENT ON COLUMN clean.firm_located.agglomeration_code IS 'Urban agglomeration, null outside all.';
COMMENT ON COLUMN clean.firm_located.pile_up_size IS 'Firms of the year at exactly this point.';
COMMENT ON COLUMN clean.firm_located.flags IS 'What is doubtful about the row.';
COMMENT ON COLUMN clean.firm_located.lon IS 'Longitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.firm_located.lat IS 'Latitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.firm_located.geom IS 'The point, WGS-84.';

CREATE OR REPLACE FUNCTION clean.publish_year(
    in_country text, in_survey_year integer, in_partition text
)
RETURNS void LANGUAGE plpgsql AS $$
-- Put a year that was built aside in the place of the old one. The caller's transaction also
-- writes the ledger row, so readers see the old year whole or the new year whole.
DECLARE
    parent text := 'firm_' || lower(in_country);
    old text;
BEGIN
    SELECT partition_name INTO old FROM ops.load
    WHERE country = in_country AND survey_year = in_survey_year AND superseded_at IS NULL;
    IF old IS NOT NULL THEN
        EXECUTE format('ALTER TABLE clean.%I DETACH PARTITION clean.%I', parent, old);
        EXECUTE format('DROP TABLE clean.%I', old);
    END IF;
    EXECUTE format('ALTER TABLE clean.%I ATTACH PARTITION clean.%I FOR VALUES IN (%s)',
        parent, in_partition, in_survey_year);
    UPDATE ops.load SET superseded_at = now()
    WHERE country = in_country AND survey_year = in_survey_year AND superseded_at IS NULL;
END;
$$;
COMMENT ON FUNCTION clean.publish_year(text, integer, text) IS 'Swap a year built aside into clean.firm and mark the load it replaces.';
