-- Where do geocoders pile firms up? The points with the most firms, and how many industries they mix,
-- latest year.
SELECT
    country,
    survey_year,
    lon,
    lat,
    max(prefecture_name) AS prefecture,
    count(*) AS firms,
    count(DISTINCT industry) AS industries
FROM clean.firm_located
WHERE
    flags @> '{pile_up}'
    AND country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    AND survey_year = (
        SELECT max(survey_year) FROM clean.firm
        WHERE country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    )
GROUP BY country, survey_year, lon, lat
ORDER BY firms DESC, lon, lat
LIMIT 100;
