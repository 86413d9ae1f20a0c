-- Every place code in every survey year: in the years in which it was not in force it means what
-- it meant in the nearest year in which it was, since registers lag behind the map.

DELETE FROM reference.prefecture_code
WHERE country IN (SELECT country FROM pg_temp.incoming_place_code);

INSERT INTO reference.prefecture_code
(country, survey_year, place_code, name, prefecture_code, candidates, in_force, rule)
SELECT DISTINCT ON (incoming.country, incoming.place_code, years.survey_year)
    incoming.country,
    years.survey_year,
    incoming.place_code,
    incoming.name,
    incoming.prefecture_code,
    incoming.candidates,
    years.survey_year BETWEEN incoming.first_year AND incoming.last_year AS in_force,
    incoming.rule
FROM pg_temp.incoming_place_code AS incoming
CROSS JOIN (
    SELECT generate_series(min(first_year)::integer, max(last_year)::integer)::smallint
        AS survey_year
    FROM pg_temp.incoming_place_code
) AS years
ORDER BY
    incoming.country,
    incoming.place_code,
    years.survey_year,
    greatest(
        incoming.first_year - years.survey_year, years.survey_year - incoming.last_year, 0
    ),
    incoming.first_year;

TRUNCATE pg_temp.incoming_place_code;
ANALYZE reference.prefecture_code;
