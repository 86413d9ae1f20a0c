-- The index as the paper speaks of it: from j toward k.

DROP VIEW IF EXISTS coagglomeration.pair_index;
CREATE VIEW coagglomeration.pair_index AS
SELECT
    r.measurement_id,
    r.country,
    r.survey_year,
    r.agglomeration_code,
    CASE m.direction WHEN 'from-fixed' THEN r.fixed_industry ELSE r.redrawn_industry END AS from_industry,
    CASE m.direction WHEN 'from-fixed' THEN r.redrawn_industry ELSE r.fixed_industry END AS to_industry,
    r.fixed_industry,
    r.redrawn_industry,
    r.fixed_firms,
    r.redrawn_firms,
    r.observed_cost,
    r.null_mean,
    r.null_sd,
    r.index,
    r.standard_error,
    r.exact_draws,
    m.draws,
    m.seed,
    m.method,
    m.cost,
    m.direction,
    u.code_version
FROM coagglomeration.pair_result AS r
INNER JOIN coagglomeration.measurement AS m ON r.measurement_id = m.measurement_id
INNER JOIN coagglomeration.unit AS u
    ON
        r.measurement_id = u.measurement_id AND r.country = u.country
        AND r.survey_year = u.survey_year AND r.agglomeration_code = u.agglomeration_code
        AND r.block = u.block;
COMMENT ON VIEW coagglomeration.pair_index IS 'Directional coagglomeration index of each ordered pair of three-digit industries. j -> k: from_industry j seeks the neighbourhood of to_industry k.';
COMMENT ON COLUMN coagglomeration.pair_index.measurement_id IS 'The measurement (set of settings).';
COMMENT ON COLUMN coagglomeration.pair_index.country IS 'Country code.';
COMMENT ON COLUMN coagglomeration.pair_index.survey_year IS 'Survey year.';
COMMENT ON COLUMN coagglomeration.pair_index.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN coagglomeration.pair_index.from_industry IS 'j of j -> k, by the measurement''s direction.';
COMMENT ON COLUMN coagglomeration.pair_index.to_industry IS 'k of j -> k.';
COMMENT ON COLUMN coagglomeration.pair_index.fixed_industry IS 'Industry whose sites are held fixed.';
COMMENT ON COLUMN coagglomeration.pair_index.redrawn_industry IS 'Industry whose sites are redrawn from the pool.';
COMMENT ON COLUMN coagglomeration.pair_index.fixed_firms IS 'Firms of the fixed industry.';
COMMENT ON COLUMN coagglomeration.pair_index.redrawn_firms IS 'Firms of the redrawn industry.';
COMMENT ON COLUMN coagglomeration.pair_index.observed_cost IS 'Observed optimal-transport cost, km2 (sqeuclidean) or km (euclidean).';
COMMENT ON COLUMN coagglomeration.pair_index.null_mean IS 'Mean of the counterfactual costs.';
COMMENT ON COLUMN coagglomeration.pair_index.null_sd IS 'Standard deviation of the counterfactual costs.';
COMMENT ON COLUMN coagglomeration.pair_index.index IS 'Share of draws at least as costly as observed.';
COMMENT ON COLUMN coagglomeration.pair_index.standard_error IS 'Estimated standard error of the index.';
COMMENT ON COLUMN coagglomeration.pair_index.exact_draws IS 'Draws solved exactly for the null.';
COMMENT ON COLUMN coagglomeration.pair_index.draws IS 'Counterfactual draws.';
COMMENT ON COLUMN coagglomeration.pair_index.seed IS 'Seed of the draws.';
COMMENT ON COLUMN coagglomeration.pair_index.method IS 'exact, calibrated, sinkhorn or published.';
COMMENT ON COLUMN coagglomeration.pair_index.cost IS 'Cost of moving mass.';
COMMENT ON COLUMN coagglomeration.pair_index.direction IS 'Reading of the direction.';
COMMENT ON COLUMN coagglomeration.pair_index.code_version IS 'Version of the index code.';
