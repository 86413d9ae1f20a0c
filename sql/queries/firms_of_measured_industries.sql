-- Firms of the industries of a measurement: the right way from an index to its firms, since codes
-- mean what the measurement's classification says. Here of the newest measurement and its last year.
WITH latest AS MATERIALIZED (
    SELECT
        u.measurement_id,
        m.classification,
        u.country,
        u.survey_year
    FROM coagglomeration.unit AS u
    INNER JOIN coagglomeration.measurement AS m ON u.measurement_id = m.measurement_id
    WHERE u.country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    ORDER BY u.measurement_id DESC, u.survey_year DESC
    LIMIT 1
)

SELECT
    l.measurement_id,
    f.classification,
    f.survey_year,
    f.agglomeration_code,
    f.industry,
    count(*) AS firms,
    count(*) FILTER (WHERE f.doubtful) AS doubtful,
    sum(f.employment) AS employment
FROM clean.cell_firm AS f
CROSS JOIN latest AS l
WHERE
    -- values, not joins: only this year and this classification are read
    f.country = (SELECT country FROM latest)
    AND f.survey_year = (SELECT survey_year FROM latest)
    AND f.classification = (SELECT classification FROM latest)
    AND f.industry IS NOT NULL
    AND f.agglomeration_code IN (
        SELECT u.agglomeration_code
        FROM coagglomeration.unit AS u
        WHERE
            u.measurement_id = (SELECT measurement_id FROM latest)
            AND u.country = (SELECT country FROM latest)
            AND u.survey_year = (SELECT survey_year FROM latest)
    )
GROUP BY l.measurement_id, f.classification, f.survey_year, f.agglomeration_code, f.industry
ORDER BY l.measurement_id, f.survey_year, f.agglomeration_code, firms DESC, f.industry;
