-- Where do patents come from, how concentrated are they, and how many cells have none?
SELECT
    measurement_id,
    survey_year,
    agglomeration_code,
    count(*) AS industries,
    sum(innovation_scale) AS patents,
    sum(innovation_quality) / nullif(sum(innovation_scale), 0) AS value_a_patent,
    avg((innovation_scale = 0)::integer) AS share_without_patents,
    max(innovation_scale) / nullif(sum(innovation_scale), 0) AS share_of_largest_industry,
    avg(kp_outward_scale) AS mean_pool_outward,
    avg(kp_inward_scale) AS mean_pool_inward
FROM panel.industry_cell
GROUP BY measurement_id, survey_year, agglomeration_code
ORDER BY measurement_id, survey_year, patents DESC, agglomeration_code;
