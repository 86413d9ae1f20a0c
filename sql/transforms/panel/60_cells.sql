-- The cells of the year: own size, innovation, and the pools over the other industries k.
-- Settings: build_id, measurement_id, country, survey_year. A k without patents adds 0; a UK pool is null
-- where the UK index knows no pair of the industry.

CREATE TEMPORARY TABLE own ON COMMIT DROP AS
SELECT
    c.agglomeration_code,
    c.industry,
    coalesce(f.firms, 0) AS firms,
    coalesce(f.output, 0) AS output,
    coalesce(f.employment, 0) AS employment,
    f.location_quotient,
    f.location_quotient_output,
    coalesce(i.scale, 0) AS scale,
    coalesce(i.quality, 0) AS quality
FROM pg_temp.cell AS c
LEFT JOIN pg_temp.own_size AS f
    ON c.agglomeration_code = f.agglomeration_code AND c.industry = f.industry
LEFT JOIN pg_temp.innovation AS i
    ON c.agglomeration_code = i.agglomeration_code AND c.industry = i.industry;
ANALYZE pg_temp.own;

INSERT INTO panel.cell_version (
    build_id, measurement_id, country, survey_year, agglomeration_code, industry,
    firms, output_thousand_cny, employment, location_quotient, location_quotient_output,
    innovation_scale, innovation_quality,
    kp_outward_scale, kp_outward_quality, output_outward, employment_outward, kp_inward_scale,
    kp_inward_quality, output_inward, employment_inward, kp_outward_scale_90,
    kp_outward_quality_90, output_outward_90, employment_outward_90, kp_inward_scale_90,
    kp_inward_quality_90, output_inward_90, employment_inward_90, kp_outward_scale_99,
    kp_outward_quality_99, output_outward_99, employment_outward_99, kp_inward_scale_99,
    kp_inward_quality_99, output_inward_99, employment_inward_99, kp_outward_scale_oneway,
    kp_outward_quality_oneway, output_outward_oneway, employment_outward_oneway,
    kp_inward_scale_oneway, kp_inward_quality_oneway, output_inward_oneway,
    employment_inward_oneway, kp_outward_scale_uk, kp_outward_quality_uk, output_outward_uk,
    employment_outward_uk, kp_inward_scale_uk, kp_inward_quality_uk, output_inward_uk,
    employment_inward_uk
)
WITH pools AS (
    SELECT
        p.agglomeration_code,
        p.j,
        coalesce(sum(k.scale) FILTER (WHERE p.index >= 0.95), 0) AS kp_outward_scale,
        coalesce(sum(k.quality) FILTER (WHERE p.index >= 0.95), 0) AS kp_outward_quality,
        coalesce(sum(k.output) FILTER (WHERE p.index >= 0.95), 0) AS output_outward,
        coalesce(sum(k.employment) FILTER (WHERE p.index >= 0.95), 0) AS employment_outward,
        coalesce(sum(k.scale) FILTER (WHERE p.index_back >= 0.95), 0) AS kp_inward_scale,
        coalesce(sum(k.quality) FILTER (WHERE p.index_back >= 0.95), 0) AS kp_inward_quality,
        coalesce(sum(k.output) FILTER (WHERE p.index_back >= 0.95), 0) AS output_inward,
        coalesce(sum(k.employment) FILTER (WHERE p.index_back >= 0.95), 0) AS employment_inward,
        coalesce(sum(k.scale) FILTER (WHERE p.index >= 0.90), 0) AS kp_outward_scale_90,
        coalesce(sum(k.quality) FILTER (WHERE p.index >= 0.90), 0) AS kp_outward_quality_90,
        coalesce(sum(k.output) FILTER (WHERE p.index >= 0.90), 0) AS output_outward_90,
        coalesce(sum(k.employment) FILTER (WHERE p.index >= 0.90), 0) AS employment_outward_90,
        coalesce(sum(k.scale) FILTER (WHERE p.index_back >= 0.90), 0) AS kp_inward_scale_90,
        coalesce(sum(k.quality) FILTER (WHERE p.index_back >= 0.90), 0) AS kp_inward_quality_90,
        coalesce(sum(k.output) FILTER (WHERE p.index_back >= 0.90), 0) AS output_inward_90,
        coalesce(sum(k.employment) FILTER (WHERE p.index_back >= 0.90), 0) AS employment_inward_90,
        coalesce(sum(k.scale) FILTER (WHERE p.index >= 0.99), 0) AS kp_outward_scale_99,
        coalesce(sum(k.quality) FILTER (WHERE p.index >= 0.99), 0) AS kp_outward_quality_99,
        coalesce(sum(k.output) FILTER (WHERE p.index >= 0.99), 0) AS output_outward_99,
        coalesce(sum(k.employment) FILTER (WHERE p.index >= 0.99), 0) AS employment_outward_99,
        coalesce(sum(k.scale) FILTER (WHERE p.index_back >= 0.99), 0) AS kp_inward_scale_99,
        coalesce(sum(k.quality) FILTER (WHERE p.index_back >= 0.99), 0) AS kp_inward_quality_99,
        coalesce(sum(k.output) FILTER (WHERE p.index_back >= 0.99), 0) AS output_inward_99,
        coalesce(sum(k.employment) FILTER (WHERE p.index_back >= 0.99), 0) AS employment_inward_99,
        coalesce(sum(k.scale) FILTER (WHERE p.index >= 0.95 AND p.index_back < 0.95), 0) AS kp_outward_scale_oneway,
        coalesce(sum(k.quality) FILTER (WHERE p.index >= 0.95 AND p.index_back < 0.95), 0) AS kp_outward_quality_oneway,
        coalesce(sum(k.output) FILTER (WHERE p.index >= 0.95 AND p.index_back < 0.95), 0) AS output_outward_oneway,
        coalesce(sum(k.employment) FILTER (WHERE p.index >= 0.95 AND p.index_back < 0.95), 0) AS employment_outward_oneway,
        coalesce(sum(k.scale) FILTER (WHERE p.index_back >= 0.95 AND p.index < 0.95), 0) AS kp_inward_scale_oneway,
        coalesce(sum(k.quality) FILTER (WHERE p.index_back >= 0.95 AND p.index < 0.95), 0) AS kp_inward_quality_oneway,
        coalesce(sum(k.output) FILTER (WHERE p.index_back >= 0.95 AND p.index < 0.95), 0) AS output_inward_oneway,
        coalesce(sum(k.employment) FILTER (WHERE p.index_back >= 0.95 AND p.index < 0.95), 0) AS employment_inward_oneway,
        sum(k.scale * d.uk_phi) AS kp_outward_scale_uk,
        sum(k.quality * d.uk_phi) AS kp_outward_quality_uk,
        sum(k.output * d.uk_phi) AS output_outward_uk,
        sum(k.employment * d.uk_phi) AS employment_outward_uk,
        sum(k.scale * d.uk_phi_back) AS kp_inward_scale_uk,
        sum(k.quality * d.uk_phi_back) AS kp_inward_quality_uk,
        sum(k.output * d.uk_phi_back) AS output_inward_uk,
        sum(k.employment * d.uk_phi_back) AS employment_inward_uk
    FROM pg_temp.index_pair AS p
    INNER JOIN pg_temp.own AS k ON p.agglomeration_code = k.agglomeration_code AND p.k = k.industry
    INNER JOIN pg_temp.dependence AS d ON p.j = d.j AND p.k = d.k
    GROUP BY p.agglomeration_code, p.j
)

SELECT
    (SELECT ops.setting('build_id')::integer),
    (SELECT ops.setting('measurement_id')::integer),
    (SELECT ops.setting('country')),
    (SELECT ops.setting('survey_year')::smallint),
    own.agglomeration_code,
    own.industry,
    own.firms,
    own.output,
    own.employment,
    own.location_quotient,
    own.location_quotient_output,
    own.scale,
    own.quality,
    pools.kp_outward_scale,
    pools.kp_outward_quality,
    pools.output_outward,
    pools.employment_outward,
    pools.kp_inward_scale,
    pools.kp_inward_quality,
    pools.output_inward,
    pools.employment_inward,
    pools.kp_outward_scale_90,
    pools.kp_outward_quality_90,
    pools.output_outward_90,
    pools.employment_outward_90,
    pools.kp_inward_scale_90,
    pools.kp_inward_quality_90,
    pools.output_inward_90,
    pools.employment_inward_90,
    pools.kp_outward_scale_99,
    pools.kp_outward_quality_99,
    pools.output_outward_99,
    pools.employment_outward_99,
    pools.kp_inward_scale_99,
    pools.kp_inward_quality_99,
    pools.output_inward_99,
    pools.employment_inward_99,
    pools.kp_outward_scale_oneway,
    pools.kp_outward_quality_oneway,
    pools.output_outward_oneway,
    pools.employment_outward_oneway,
    pools.kp_inward_scale_oneway,
    pools.kp_inward_quality_oneway,
    pools.output_inward_oneway,
    pools.employment_inward_oneway,
    pools.kp_outward_scale_uk,
    pools.kp_outward_quality_uk,
    pools.output_outward_uk,
    pools.employment_outward_uk,
    pools.kp_inward_scale_uk,
    pools.kp_inward_quality_uk,
    pools.output_inward_uk,
    pools.employment_inward_uk
FROM pg_temp.own AS own
INNER JOIN pools ON own.agglomeration_code = pools.agglomeration_code AND own.industry = pools.j
ORDER BY own.agglomeration_code, own.industry;
