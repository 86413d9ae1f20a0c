-- Where do geocoders pile firms up? The points with the most firms, and how many industries they mix.
SELECT
    country,
    survey_year,
    lon,
    lat,
    max(prefecture_name) AS prefecture,
    count(*) AS firms,
    count(DISTINCT industry) AS industries
FROM clean.firm_located
WHERE flags @> '{pile_up}'
GROUP BY country, survey_year, lon, lat
ORDER BY firms DESC, lon, lat
LIMIT 100;
