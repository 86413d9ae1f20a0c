-- Firms of the industries of a measurement: the right way from an index to its firms, since codes
-- mean what the measurement's classification says.
SELECT
    u.measurement_id,
    f.classification,
    f.survey_year,
    f.agglomeration_code,
    f.industry,
    count(*) AS firms,
    count(*) FILTER (WHERE f.doubtful) AS doubtful,
    sum(f.employment) AS employment
FROM (
    SELECT DISTINCT
        measurement_id,
        country,
        survey_year,
        agglomeration_code
    FROM coagglomeration.unit
) AS u
INNER JOIN coagglomeration.measurement AS m ON u.measurement_id = m.measurement_id
INNER JOIN clean.cell_firm AS f
    ON
        u.country = f.country AND u.survey_year = f.survey_year
        AND u.agglomeration_code = f.agglomeration_code
        AND m.classification = f.classification
WHERE f.industry IS NOT NULL
GROUP BY u.measurement_id, f.classification, f.survey_year, f.agglomeration_code, f.industry
ORDER BY u.measurement_id, f.survey_year, f.agglomeration_code, firms DESC, f.industry;
