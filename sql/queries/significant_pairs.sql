-- Shares of ordered pairs with an index of at least 0.95, and of those the shares that are
-- bidirectional and that stay inside one two-digit division (the paper's descriptives).
WITH judged AS (
    SELECT
        p.measurement_id,
        p.survey_year,
        p.agglomeration_code,
        p.index >= 0.95 AS near,
        back.index >= 0.95 AS near_back,
        left(p.from_industry, 2) = left(p.to_industry, 2) AS same_division
    FROM coagglomeration.pair_index AS p
    INNER JOIN coagglomeration.pair_index AS back
        ON
            p.measurement_id = back.measurement_id AND p.country = back.country
            AND p.survey_year = back.survey_year
            AND p.agglomeration_code = back.agglomeration_code
            AND p.from_industry = back.to_industry AND p.to_industry = back.from_industry
)

SELECT
    measurement_id,
    survey_year,
    agglomeration_code,
    count(*) AS ordered_pairs,
    avg(near::integer) AS share_near,
    avg(near_back::integer) FILTER (WHERE near) AS share_bidirectional,
    avg(same_division::integer) FILTER (WHERE near) AS share_same_division
FROM judged
GROUP BY measurement_id, survey_year, agglomeration_code
ORDER BY measurement_id, survey_year, agglomeration_code;
