-- Shares of ordered pairs with phi = 1, of those the shares inside one two-digit division and
-- bidirectional, and the correlation of input-output and technological dependence.
SELECT
    measurement_id,
    country,
    count(*) AS ordered_pairs,
    avg(phi_95::integer) AS share_near,
    avg(same_division::integer) FILTER (WHERE phi_95) AS share_same_division,
    avg(phi_back_95::integer) FILTER (WHERE phi_95) AS share_bidirectional,
    corr(io, tech) AS correlation_io_tech
FROM panel.industry_pair
GROUP BY measurement_id, country
ORDER BY measurement_id, country;
