-- Shares of ordered pairs with an index of at least 0.95, and of those the shares that are
-- bidirectional and that stay inside one two-digit division (the paper's descriptives): of the last
-- year of the latest measurement. Years one by one are quick; all at once sort every pair there is.
WITH latest AS MATERIALIZED (
    SELECT
        measurement_id,
        country,
        survey_year
    FROM coagglomeration.unit
    WHERE country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    ORDER BY finished_at DESC, measurement_id DESC, survey_year DESC
    LIMIT 1
),

pair AS (
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
    WHERE
        measurement_id = (SELECT l.measurement_id FROM latest AS l)
        AND country = (SELECT l.country FROM latest AS l)
        AND survey_year = (SELECT l.survey_year FROM latest AS l)
    WINDOW both_ways AS (
        PARTITION BY
            agglomeration_code,
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
