-- The classification that arrived, updated in place, so that the concordances of others stay.

INSERT INTO reference.industry AS held
(classification, industry_code, level, parent_code, section, name, name_en)
SELECT
    classification,
    industry_code,
    level,
    parent_code,
    section,
    name,
    name_en
FROM pg_temp.incoming_industry
ON CONFLICT (classification, industry_code) DO UPDATE
SET
    level = excluded.level,
    parent_code = excluded.parent_code,
    section = excluded.section,
    name = excluded.name,
    name_en = excluded.name_en;

DELETE FROM reference.industry AS held
WHERE
    held.classification IN (SELECT classification FROM pg_temp.incoming_industry)
    AND NOT EXISTS (
        SELECT 1 FROM pg_temp.incoming_industry AS incoming
        WHERE
            incoming.classification = held.classification
            AND incoming.industry_code = held.industry_code
    );

TRUNCATE pg_temp.incoming_industry;
ANALYZE reference.industry;
