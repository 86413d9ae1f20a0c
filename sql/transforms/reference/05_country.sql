-- A country as its folder describes it, and the partition that holds its firms.

INSERT INTO reference.country AS held
(country, name, west, south, east, north, datums, datum, classifications, classification)
SELECT
    country,
    name,
    west,
    south,
    east,
    north,
    datums,
    datum,
    classifications,
    classification
FROM pg_temp.incoming_country
ON CONFLICT (country) DO UPDATE
SET
    name = excluded.name,
    west = excluded.west,
    south = excluded.south,
    east = excluded.east,
    north = excluded.north,
    datums = excluded.datums,
    datum = excluded.datum,
    classifications = excluded.classifications,
    classification = excluded.classification;

SELECT clean.add_country(country)
FROM pg_temp.incoming_country;

TRUNCATE pg_temp.incoming_country;
