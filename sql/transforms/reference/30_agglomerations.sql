-- Agglomerations and their members, as they arrived; the polygons follow in 40_dissolve.sql,
-- an empty one holds the place until then. A list replaces those of its own countries alone, areas
-- of their own too; years that are being loaded are waited for, and wait.

LOCK TABLE reference.area_country IN EXCLUSIVE MODE;
DELETE FROM clean.firm_area
WHERE country IN (
    SELECT a.country FROM reference.area_country AS a
    INNER JOIN pg_temp.incoming_member AS m ON a.country = m.country
);
DELETE FROM reference.area_country
WHERE country IN (SELECT country FROM pg_temp.incoming_member);

DELETE FROM reference.agglomeration_member
WHERE country IN (SELECT country FROM pg_temp.incoming_member);
DELETE FROM reference.agglomeration
WHERE country IN (SELECT country FROM pg_temp.incoming_member);

INSERT INTO reference.agglomeration
(country, agglomeration_code, name, name_en, basis, confidence, geom)
SELECT DISTINCT
    country,
    agglomeration_code,
    name,
    name_en,
    basis,
    confidence,
    public.st_geomfromtext('MULTIPOLYGON EMPTY', 4326)
FROM pg_temp.incoming_member;

INSERT INTO reference.agglomeration_member
(country, agglomeration_code, prefecture_code, core, coverage, assigned, rule)
SELECT
    country,
    agglomeration_code,
    prefecture_code,
    core,
    coverage,
    assigned,
    rule
FROM pg_temp.incoming_member;

TRUNCATE pg_temp.incoming_member;
