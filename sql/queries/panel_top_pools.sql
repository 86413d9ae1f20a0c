-- Which industries sit beside the largest pools of knowledge, and what do they make of them?
SELECT
    c.measurement_id,
    c.survey_year,
    c.agglomeration_code,
    c.industry,
    i.name AS industry_name,
    c.kp_outward_scale,
    c.kp_inward_scale,
    c.kp_outward_scale_oneway,
    c.innovation_scale,
    c.location_quotient
FROM panel.industry_cell AS c
LEFT JOIN panel.build AS b
    ON
        c.measurement_id = b.measurement_id AND c.country = b.country
        AND c.survey_year = b.survey_year
LEFT JOIN reference.industry AS i
    ON b.settings ->> 'classification' = i.classification AND c.industry = i.industry_code
ORDER BY c.kp_outward_scale DESC, c.measurement_id, c.survey_year, c.agglomeration_code, c.industry
LIMIT 50;
