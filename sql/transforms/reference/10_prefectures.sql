-- Prefectures of a country as they arrived, and their pieces. Rows are updated in place, so that whatever
-- refers to a prefecture stays; only prefectures that vanished from the files are deleted.

INSERT INTO reference.prefecture AS held
(country, prefecture_code, name, name_en, province_code, source, geom)
SELECT
    country,
    prefecture_code,
    name,
    name_en,
    province_code,
    source,
    geom
FROM pg_temp.incoming_prefecture
ON CONFLICT (country, prefecture_code) DO UPDATE
SET
    name = excluded.name,
    name_en = excluded.name_en,
    province_code = excluded.province_code,
    source = excluded.source,
    geom = excluded.geom;

DELETE FROM reference.prefecture AS held
WHERE
    held.country IN (SELECT country FROM pg_temp.incoming_prefecture)
    AND NOT EXISTS (
        SELECT 1 FROM pg_temp.incoming_prefecture AS incoming
        WHERE
            incoming.country = held.country
            AND incoming.prefecture_code = held.prefecture_code
    );

DELETE FROM reference.prefecture_piece
WHERE country IN (SELECT country FROM pg_temp.incoming_prefecture);
INSERT INTO reference.prefecture_piece (country, prefecture_code, geom)
SELECT
    prefecture.country,
    prefecture.prefecture_code,
    piece.geom
FROM reference.prefecture
CROSS JOIN LATERAL public.st_subdivide(prefecture.geom, 256) AS piece (geom)
WHERE
    public.st_dimension(piece.geom) = 2
    AND prefecture.country IN (SELECT country FROM pg_temp.incoming_prefecture)
ORDER BY prefecture.country, prefecture.prefecture_code;

TRUNCATE pg_temp.incoming_prefecture;
ANALYZE reference.prefecture;
ANALYZE reference.prefecture_piece;
