-- Whose neighbourhood does an industry seek, and who seeks its? Here, in the last year of the latest
-- measurement, the industry that is in most pairs; in its place write a code of that measurement's
-- classification.
WITH latest AS MATERIALIZED (
    SELECT
        measurement_id,
        country,
        survey_year
    FROM coagglomeration.unit
    WHERE country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    ORDER BY unit_id DESC
    LIMIT 1
),

chosen AS MATERIALIZED (
    SELECT from_industry AS industry
    FROM coagglomeration.pair_index
    WHERE
        measurement_id = (SELECT measurement_id FROM latest)
        AND country = (SELECT country FROM latest)
        AND survey_year = (SELECT survey_year FROM latest)
        AND index >= 0.95
    GROUP BY from_industry
    ORDER BY count(*) DESC, from_industry
    LIMIT 1
)

SELECT
    survey_year,
    agglomeration_code,
    'outward' AS direction,
    from_industry AS industry,
    coalesce(from_name_en, from_name) AS industry_name,
    to_industry AS other_industry,
    coalesce(to_name_en, to_name) AS other_name,
    classification,
    index,
    standard_error
FROM coagglomeration.pair_named
WHERE
    measurement_id = (SELECT measurement_id FROM latest)
    AND country = (SELECT country FROM latest)
    AND survey_year = (SELECT survey_year FROM latest)
    AND from_industry = (SELECT industry FROM chosen)
    AND index >= 0.95
UNION ALL
SELECT
    survey_year,
    agglomeration_code,
    'inward',
    to_industry,
    coalesce(to_name_en, to_name),
    from_industry,
    coalesce(from_name_en, from_name),
    classification,
    index,
    standard_error
FROM coagglomeration.pair_named
WHERE
    measurement_id = (SELECT measurement_id FROM latest)
    AND country = (SELECT country FROM latest)
    AND survey_year = (SELECT survey_year FROM latest)
    AND to_industry = (SELECT industry FROM chosen)
    AND index >= 0.95
ORDER BY survey_year, agglomeration_code, direction DESC, index DESC, other_industry;
