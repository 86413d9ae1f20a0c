-- Rule: a point belongs to the prefecture whose polygon covers it (borders included, the lowest
-- code on a shared border); a point in none belongs to the nearest prefecture within 5 km and is
-- flagged; a point farther out is outside the country and refused.
-- Driven from the subdivided pieces: the planner's own order is an order of magnitude dearer.

CREATE TEMP TABLE incoming_point ON COMMIT DROP AS
SELECT
    row_number() OVER (ORDER BY lon, lat)::integer AS point_id,
    lon,
    lat,
    count(*)::integer AS pile_up_size,
    public.st_setsrid(public.st_makepoint(lon, lat), 4326) AS geom
FROM incoming_firm
GROUP BY lon, lat;
CREATE INDEX ON incoming_point USING gist (geom);
ANALYZE incoming_point;

-- joins go by this number from here on: the planner takes a pair of coordinates for independent
CREATE TEMP TABLE firm_point ON COMMIT DROP AS
SELECT
    firm.row_number,
    point.point_id
FROM incoming_firm AS firm
INNER JOIN incoming_point AS point ON firm.lon = point.lon AND firm.lat = point.lat;
ANALYZE firm_point;

CREATE TEMP TABLE point_place ON COMMIT DROP AS
SELECT
    hit.point_id,
    min(piece.prefecture_code) AS prefecture_code,
    FALSE AS beside_polygon
FROM reference.prefecture_piece AS piece
CROSS JOIN LATERAL (
    SELECT point.point_id
    FROM incoming_point AS point
    WHERE public.st_covers(piece.geom, point.geom)
    OFFSET 0
) AS hit
WHERE piece.country = ops.setting('country')
GROUP BY hit.point_id;

INSERT INTO point_place
SELECT
    lost.point_id,
    near.prefecture_code,
    TRUE AS beside_polygon
FROM (
    SELECT point.* FROM incoming_point AS point
    LEFT JOIN point_place AS placed ON point.point_id = placed.point_id
    WHERE placed.point_id IS NULL
) AS lost
CROSS JOIN LATERAL (
    SELECT piece.prefecture_code
    FROM reference.prefecture_piece AS piece
    WHERE
        piece.country = ops.setting('country')
        AND piece.geom OPERATOR(public.&&) public.st_expand(lost.geom, 0.12)
        AND public.st_dwithin(piece.geom::public.geography, lost.geom::public.geography, 5000)
    ORDER BY
        public.st_distance(piece.geom::public.geography, lost.geom::public.geography),
        piece.prefecture_code
    LIMIT 1
) AS near;
CREATE UNIQUE INDEX ON point_place (point_id);
ANALYZE point_place;

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    firm.row_number,
    'outside_country' AS reason,
    format('%s %s', firm.lon, firm.lat) AS detail
FROM incoming_firm AS firm
INNER JOIN firm_point ON firm.row_number = firm_point.row_number
LEFT JOIN point_place AS placed ON firm_point.point_id = placed.point_id
WHERE placed.point_id IS NULL;
