-- Countries are data: each has a row, made from its folder.

CREATE TABLE reference.country (
    country text PRIMARY KEY,
    name text NOT NULL,
    west double precision NOT NULL,
    south double precision NOT NULL,
    east double precision NOT NULL,
    north double precision NOT NULL,
    datums text[] NOT NULL,
    datum text,
    classifications text[] NOT NULL,
    classification text,
    home boolean NOT NULL DEFAULT FALSE
);
COMMENT ON TABLE reference.country IS 'Countries that are loaded, as their folders describe them (docs/country.md).';
COMMENT ON COLUMN reference.country.country IS 'Code of two letters, ISO 3166.';
COMMENT ON COLUMN reference.country.name IS 'Name in English.';
COMMENT ON COLUMN reference.country.west IS 'West of a box round the country with room for any datum, degrees; points outside are refused.';
COMMENT ON COLUMN reference.country.south IS 'South of the box.';
COMMENT ON COLUMN reference.country.east IS 'East of the box.';
COMMENT ON COLUMN reference.country.north IS 'North of the box.';
COMMENT ON COLUMN reference.country.datums IS 'Datums and coordinate systems that occur in its files.';
COMMENT ON COLUMN reference.country.datum IS 'The one taken where neither layout nor command names one; null: the points decide.';
COMMENT ON COLUMN reference.country.classifications IS 'Classifications that its firms may have, in the order of their years; not all need be loaded.';
COMMENT ON COLUMN reference.country.home IS 'Whether it is the country that is meant where none is named (COAGG_COUNTRY).';
COMMENT ON COLUMN reference.country.classification IS 'The classification that results of the country speak.';

-- Sources of reference data are those of one country from here on. A list of agglomerations of the
-- user's own stays in place; what is of the package is loaded again.
INSERT INTO reference.load_report (source, item, count, detail, loaded_at)
SELECT
    'agglomerations ' || place.country AS source,
    report.item,
    report.count,
    report.detail,
    report.loaded_at
FROM reference.load_report AS report
CROSS JOIN (SELECT DISTINCT country FROM reference.agglomeration) AS place
WHERE
    report.source = 'agglomerations'
    AND EXISTS (
        SELECT 1 FROM reference.load_report AS own
        WHERE own.source = report.source AND own.item = 'file' AND own.detail = 'own file'
    );
DELETE FROM reference.load_report WHERE source IN ('prefectures', 'place codes', 'agglomerations');

COMMENT ON TABLE reference.prefecture IS 'Areas of each country: of China the prefectures of 2024, of the United Kingdom the ITL3 regions of 2021, of others those of their folder.';
COMMENT ON COLUMN reference.prefecture.country IS 'Country code.';
COMMENT ON COLUMN reference.prefecture.prefecture_code IS 'Code of the area. China: four digits of the national code (4414), six for directly administered counties (429004). United Kingdom: ITL3.';
COMMENT ON COLUMN reference.prefecture.province_code IS 'Code of the area above. China: first two digits of the code. United Kingdom: ITL1 code.';
COMMENT ON COLUMN reference.prefecture_piece.country IS 'Country code.';
COMMENT ON TABLE reference.industry IS 'Industry classifications of all countries, each as its folder has it or the user gave it.';
COMMENT ON COLUMN reference.industry.classification IS 'Name of the classification, such as gbt4754_2002 or uksic2007.';
COMMENT ON COLUMN reference.industry.level IS '1 section, else the number of characters: 2 division, 3 group, 4 class and so on.';
COMMENT ON COLUMN reference.load_report.source IS 'Part of the reference data: prefectures, place codes or agglomerations of a country, a classification or a concordance.';
COMMENT ON COLUMN clean.firm.country IS 'Country code.';
COMMENT ON COLUMN clean.firm.prefecture_code IS 'Area (prefecture, region) whose polygon holds the point; the lowest code on a shared border.';
COMMENT ON COLUMN clean.refused.country IS 'Country code.';
COMMENT ON COLUMN ops.year_lock.country IS 'Country code.';
COMMENT ON COLUMN ops.load.country IS 'Country code.';
