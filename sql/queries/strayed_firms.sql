-- How far do geocoded points lie from the prefecture that the firm's place code names? Latest year.
SELECT
    country,
    survey_year,
    own_prefecture_code,
    count(*) AS firms,
    count(*) FILTER (WHERE distance_to_own_km > 0) AS strayed,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY distance_to_own_km) FILTER (
        WHERE distance_to_own_km > 0
    ) AS median_km
FROM clean.firm
WHERE
    own_prefecture_code IS NOT NULL
    AND country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    AND survey_year = (
        SELECT max(survey_year) FROM clean.firm
        WHERE country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    )
GROUP BY country, survey_year, own_prefecture_code
ORDER BY strayed DESC, own_prefecture_code
LIMIT 100;
