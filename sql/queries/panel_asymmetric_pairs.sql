-- The most one-sided pairs: j seeks k, k does not seek j; averaged over agglomerations and years.
SELECT
    measurement_id,
    from_industry,
    to_industry,
    count(*) AS cells,
    avg(index) AS mean_index,
    avg(index_back) AS mean_index_back,
    avg(index - index_back) AS asymmetry,
    avg((phi_95 AND NOT phi_back_95)::integer) AS share_one_way,
    max(io) AS io,
    max(io_back) AS io_back
FROM panel.industry_pair
GROUP BY measurement_id, from_industry, to_industry
ORDER BY asymmetry DESC, measurement_id, from_industry, to_industry
LIMIT 50;
