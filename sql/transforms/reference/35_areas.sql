-- Agglomerations that are areas of their own, in place of what their countries had: each firm of
-- every year that is loaded gets the area that its point stands in. Years that are being loaded are
-- waited for, and wait.

LOCK TABLE reference.area_country IN EXCLUSIVE MODE;
DELETE FROM reference.agglomeration_member
WHERE country IN (SELECT country FROM pg_temp.incoming_area);
DELETE FROM reference.agglomeration
WHERE country IN (SELECT country FROM pg_temp.incoming_area);

INSERT INTO reference.agglomeration
(country, agglomeration_code, name, name_en, basis, geom)
SELECT
    country,
    agglomeration_code,
    name,
    name_en,
    basis,
    geom
FROM pg_temp.incoming_area;

INSERT INTO reference.area_country AS held (country, file_name)
SELECT DISTINCT
    country,
    file_name
FROM pg_temp.incoming_area
ON CONFLICT (country) DO UPDATE SET file_name = excluded.file_name;
ANALYZE reference.agglomeration;
ANALYZE reference.agglomeration_member;

SELECT clean.place_in_areas(c.country, y.survey_year, 'clean.firm')
FROM (SELECT DISTINCT country FROM pg_temp.incoming_area) AS c
CROSS JOIN generate_series(1900, 2100) AS y (survey_year)
WHERE EXISTS (
    SELECT FROM clean.firm AS f
    WHERE f.country = c.country AND f.survey_year = y.survey_year
)
ORDER BY c.country, y.survey_year;
ANALYZE clean.firm_area;
