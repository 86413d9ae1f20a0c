-- Diagnostic: of a sample of points read in each datum, how many fall inside a prefecture, and how
-- many inside the one their place code names. The right datum has the larger shares.

CREATE TEMP TABLE sampled_point ON COMMIT DROP AS
SELECT
    sample_id,
    datum,
    place_code,
    public.st_setsrid(public.st_makepoint(lon, lat), 4326) AS geom
FROM datum_sample;
CREATE INDEX ON sampled_point USING gist (geom);
ANALYZE sampled_point;

CREATE TEMP TABLE sampled_place ON COMMIT DROP AS
SELECT DISTINCT ON (asked.place_code)
    asked.place_code,
    code.candidates
FROM (
    -- one key a row: two keys in one condition would be tried on every pair of rows
    SELECT DISTINCT
        sample.place_code,
        written.key
    FROM datum_sample AS sample
    CROSS JOIN (SELECT ops.setting('place_code_digits')::integer AS digits) AS chosen
    CROSS JOIN LATERAL unnest(ARRAY[sample.place_code, left(sample.place_code, chosen.digits)]) AS written (key)
    WHERE sample.place_code IS NOT NULL
) AS asked
INNER JOIN reference.prefecture_code AS code ON asked.key = code.place_code
WHERE code.country = ops.setting('country') AND code.candidates <> '{}'
ORDER BY
    asked.place_code,
    abs(code.survey_year - ops.setting('survey_year')::integer),
    length(code.place_code) DESC;

CREATE TEMP TABLE sampled_hit ON COMMIT DROP AS
SELECT
    hit.sample_id,
    hit.datum,
    piece.prefecture_code
FROM reference.prefecture_piece AS piece
CROSS JOIN LATERAL (
    SELECT
        point.sample_id,
        point.datum
    FROM sampled_point AS point
    WHERE public.st_covers(piece.geom, point.geom)
    OFFSET 0
) AS hit
WHERE piece.country = ops.setting('country');
ANALYZE sampled_hit;

SELECT
    point.datum,
    count(*) AS points,
    count(*) FILTER (WHERE hit.prefecture_codes IS NOT NULL) AS inside_any,
    count(*) FILTER (WHERE place.candidates IS NOT NULL) AS with_place,
    count(*) FILTER (WHERE hit.prefecture_codes && place.candidates) AS inside_own
FROM sampled_point AS point
LEFT JOIN (
    SELECT
        sample_id,
        datum,
        array_agg(prefecture_code) AS prefecture_codes
    FROM sampled_hit
    GROUP BY sample_id, datum
) AS hit ON point.sample_id = hit.sample_id AND point.datum = hit.datum
LEFT JOIN sampled_place AS place ON point.place_code = place.place_code
GROUP BY point.datum;
