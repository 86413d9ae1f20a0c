-- Rule: the place code names the firm's own prefecture in its survey year (whole first, then its
-- first digits, as many as the country says: of China four; a year after the last with codes reads that last one's). A code that may mean
-- several prefectures is satisfied by any of them. The distance is stated for every firm outside.

CREATE TEMP TABLE own_prefecture ON COMMIT DROP AS
WITH codes AS (
    SELECT
        place_code,
        candidates
    FROM reference.prefecture_code
    WHERE
        country = ops.setting('country')
        AND survey_year = (
            SELECT
                coalesce(
                    max(survey_year) FILTER (
                        WHERE survey_year <= ops.setting('survey_year')::integer
                    ),
                    min(survey_year)
                ) AS nearest
            FROM reference.prefecture_code
            WHERE country = ops.setting('country')
        )
        AND candidates <> '{}'
)

SELECT
    asked.place_code,
    coalesce(whole.candidates, short.candidates) AS candidates
FROM (SELECT DISTINCT place_code FROM incoming_firm WHERE place_code IS NOT NULL) AS asked
LEFT JOIN codes AS whole ON asked.place_code = whole.place_code
LEFT JOIN codes AS short
    ON left(asked.place_code, ops.setting('place_code_digits')::integer) = short.place_code
WHERE whole.place_code IS NOT NULL OR short.place_code IS NOT NULL;
ANALYZE own_prefecture;

-- a table of its own, so that distances are measured of these few and of no others
CREATE TEMP TABLE strayed_point ON COMMIT DROP AS
SELECT
    asked.point_id,
    asked.place_code,
    own.candidates,
    point.geom
FROM (
    SELECT DISTINCT
        firm_point.point_id,
        firm.place_code
    FROM incoming_firm AS firm
    INNER JOIN firm_point ON firm.row_number = firm_point.row_number
) AS asked
INNER JOIN own_prefecture AS own ON asked.place_code = own.place_code
INNER JOIN point_place AS placed ON asked.point_id = placed.point_id
INNER JOIN incoming_point AS point ON asked.point_id = point.point_id
WHERE placed.prefecture_code <> all(own.candidates);
ANALYZE strayed_point;

-- the nearest place is sought in a plane where a degree of longitude is shrunk as at the point;
-- the distance to it is geodesic (a geodesic search gives the same within a percent, at 12 times
-- the price)
CREATE TEMP TABLE own_distance ON COMMIT DROP AS
SELECT
    strayed.point_id,
    strayed.place_code,
    near.prefecture_code,
    public.st_distance(
        public.st_scale(near.place, 1 / strayed.shrink, 1)::public.geography,
        strayed.geom::public.geography
    ) / 1000 AS distance_km
FROM (
    SELECT
        *,
        cos(radians(public.st_y(geom))) AS shrink
    FROM strayed_point
) AS strayed
CROSS JOIN LATERAL (
    SELECT
        piece.prefecture_code,
        public.st_closestpoint(
            public.st_scale(piece.geom, strayed.shrink, 1),
            public.st_scale(strayed.geom, strayed.shrink, 1)
        ) AS place
    FROM reference.prefecture_piece AS piece
    WHERE
        piece.country = ops.setting('country')
        AND piece.prefecture_code = any(strayed.candidates)
    ORDER BY
        public.st_distance(
            public.st_scale(piece.geom, strayed.shrink, 1),
            public.st_scale(strayed.geom, strayed.shrink, 1)
        ),
        piece.piece_id
    LIMIT 1
) AS near;
CREATE UNIQUE INDEX ON own_distance (point_id, place_code);
ANALYZE own_distance;
