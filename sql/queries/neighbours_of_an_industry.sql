-- Whose neighbourhood does an industry seek, and who seeks its? Here the industry that is in most
-- pairs of the latest measurement; in its place write a code of that measurement's classification.
WITH latest AS (
    SELECT measurement_id
    FROM coagglomeration.unit
    ORDER BY unit_id DESC
    LIMIT 1
),

chosen AS (
    SELECT p.from_industry AS industry
    FROM coagglomeration.pair_index AS p
    INNER JOIN latest AS l ON p.measurement_id = l.measurement_id
    WHERE p.index >= 0.95
    GROUP BY p.from_industry
    ORDER BY count(*) DESC, p.from_industry
    LIMIT 1
),

pairs AS (
    SELECT p.*
    FROM coagglomeration.pair_named AS p
    INNER JOIN latest AS l ON p.measurement_id = l.measurement_id
    WHERE p.index >= 0.95
)

SELECT
    p.survey_year,
    p.agglomeration_code,
    'outward' AS direction,
    c.industry,
    coalesce(p.from_name_en, p.from_name) AS industry_name,
    p.to_industry AS other_industry,
    coalesce(p.to_name_en, p.to_name) AS other_name,
    p.classification,
    p.index,
    p.standard_error
FROM pairs AS p
INNER JOIN chosen AS c ON p.from_industry = c.industry
UNION ALL
SELECT
    p.survey_year,
    p.agglomeration_code,
    'inward',
    c.industry,
    coalesce(p.to_name_en, p.to_name),
    p.from_industry,
    coalesce(p.from_name_en, p.from_name),
    p.classification,
    p.index,
    p.standard_error
FROM pairs AS p
INNER JOIN chosen AS c ON p.to_industry = c.industry
ORDER BY survey_year, agglomeration_code, direction DESC, index DESC, other_industry;
