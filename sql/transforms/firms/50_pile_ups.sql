-- Rule: a point is a pile-up when it holds at least pile_up_min firms and at least the share
-- pile_up_share of its prefecture's firms: a threshold relative to the place, since hundreds of
-- firms on one point mean little in a metropolis and much in a county.

CREATE TEMP TABLE pile_up ON COMMIT DROP AS
WITH counted AS (
    SELECT
        point.point_id,
        point.pile_up_size,
        sum(point.pile_up_size) OVER (PARTITION BY placed.prefecture_code) AS prefecture_firms
    FROM incoming_point AS point
    INNER JOIN point_place AS placed ON point.point_id = placed.point_id
)

SELECT counted.point_id
FROM counted
CROSS JOIN (
    SELECT
        ops.setting('pile_up_min')::integer AS least,
        ops.setting('pile_up_share')::double precision AS share
    LIMIT 1
) AS setting
WHERE
    counted.pile_up_size >= setting.least
    AND counted.pile_up_size >= setting.share * counted.prefecture_firms;
ANALYZE pile_up;
