-- Shares of ordered pairs with an index of at least 0.95, and of those the shares that are
-- bidirectional and that stay inside one two-digit division (the paper's descriptives).
WITH pair AS (
    -- both directions of a pair side by side, by one sort and no join
    SELECT
        measurement_id,
        country,
        survey_year,
        agglomeration_code,
        from_industry,
        to_industry,
        index >= 0.95 AS near,
        bool_and(index >= 0.95) OVER both_ways AS near_both,
        count(*) OVER both_ways AS directions
    FROM coagglomeration.pair_index
    WINDOW both_ways AS (
        PARTITION BY
            measurement_id, country, survey_year, agglomeration_code,
            least(from_industry, to_industry), greatest(from_industry, to_industry)
    )
)

SELECT
    measurement_id,
    country,
    survey_year,
    agglomeration_code,
    count(*) AS ordered_pairs,
    avg(near::integer) AS share_near,
    avg(near_both::integer) FILTER (WHERE near) AS share_bidirectional,
    avg((left(from_industry, 2) = left(to_industry, 2))::integer) FILTER (WHERE near)
        AS share_same_division
FROM pair
WHERE directions = 2
GROUP BY measurement_id, country, survey_year, agglomeration_code
ORDER BY measurement_id, country, survey_year, agglomeration_code;
