-- The index as the paper speaks of it: from j toward k.

-- a branch for each reading of direction, so that a condition on an industry reaches the key
CREATE VIEW coagglomeration.pair_index AS
SELECT
    r.measurement_id,
    r.country,
    r.survey_year,
    r.agglomeration_code,
    r.fixed_industry AS from_industry,
    r.redrawn_industry AS to_industry,
    r.fixed_firms AS from_firms,
    r.redrawn_firms AS to_firms,
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
    m.classification,
    u.code_version
FROM coagglomeration.measurement AS m
INNER JOIN coagglomeration.pair_version AS r ON m.measurement_id = r.measurement_id
INNER JOIN coagglomeration.unit_version AS u
    ON
        r.unit_id = u.unit_id
        AND r.measurement_id = u.measurement_id AND r.country = u.country
        AND r.survey_year = u.survey_year AND r.agglomeration_code = u.agglomeration_code
WHERE
    m.direction = 'from-fixed'
    AND u.from_set <= (SELECT ops.results())
    AND (u.until_set IS NULL OR u.until_set > (SELECT ops.results()))
UNION ALL
SELECT
    r.measurement_id,
    r.country,
    r.survey_year,
    r.agglomeration_code,
    r.redrawn_industry AS from_industry,
    r.fixed_industry AS to_industry,
    r.redrawn_firms AS from_firms,
    r.fixed_firms AS to_firms,
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
    m.classification,
    u.code_version
FROM coagglomeration.measurement AS m
INNER JOIN coagglomeration.pair_version AS r ON m.measurement_id = r.measurement_id
INNER JOIN coagglomeration.unit_version AS u
    ON
        r.unit_id = u.unit_id
        AND r.measurement_id = u.measurement_id AND r.country = u.country
        AND r.survey_year = u.survey_year AND r.agglomeration_code = u.agglomeration_code
WHERE
    m.direction = 'from-redrawn'
    AND u.from_set <= (SELECT ops.results())
    AND (u.until_set IS NULL OR u.until_set > (SELECT ops.results()));
COMMENT ON VIEW coagglomeration.pair_index IS 'Index of each ordered pair; j -> k: from_industry j seeks the neighbourhood of to_industry k. Firms by clean.cell_firm, names by pair_named.';
COMMENT ON COLUMN coagglomeration.pair_index.measurement_id IS 'The measurement (set of settings).';
COMMENT ON COLUMN coagglomeration.pair_index.country IS 'Country code.';
COMMENT ON COLUMN coagglomeration.pair_index.survey_year IS 'Survey year.';
COMMENT ON COLUMN coagglomeration.pair_index.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN coagglomeration.pair_index.from_industry IS 'j of j -> k, by the measurement''s direction.';
COMMENT ON COLUMN coagglomeration.pair_index.to_industry IS 'k of j -> k.';
COMMENT ON COLUMN coagglomeration.pair_index.from_firms IS 'Firms of j.';
COMMENT ON COLUMN coagglomeration.pair_index.to_firms IS 'Firms of k.';
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
COMMENT ON COLUMN coagglomeration.pair_index.classification IS 'Classification of the codes; own: that of the survey year.';
COMMENT ON COLUMN coagglomeration.pair_index.code_version IS 'Version of the index code.';

CREATE VIEW coagglomeration.pair_named AS
SELECT
    p.measurement_id,
    p.country,
    p.survey_year,
    p.agglomeration_code,
    a.name AS agglomeration_name,
    n.classification,
    p.from_industry,
    j.name AS from_name,
    j.name_en AS from_name_en,
    p.to_industry,
    k.name AS to_name,
    k.name_en AS to_name_en,
    p.from_firms,
    p.to_firms,
    p.index,
    p.standard_error,
    back.index AS reverse_index,
    back.standard_error AS reverse_standard_error,
    p.observed_cost,
    p.null_mean,
    p.null_sd,
    (p.null_mean - p.observed_cost) / nullif(p.null_sd, 0) AS sd_below_chance,
    p.cost,
    p.draws,
    p.method,
    p.direction
FROM coagglomeration.pair_index AS p
-- a survey year has one classification
LEFT JOIN LATERAL (
    SELECT f.classification
    FROM clean.firm AS f
    WHERE
        f.country = p.country AND f.survey_year = p.survey_year
        AND f.classification IS NOT NULL
    LIMIT 1
) AS l ON p.classification = 'own'
CROSS JOIN LATERAL (
    SELECT coalesce(l.classification, nullif(p.classification, 'own')) AS classification
) AS n
LEFT JOIN reference.agglomeration AS a
    ON p.country = a.country AND p.agglomeration_code = a.agglomeration_code
LEFT JOIN reference.industry AS j
    ON n.classification = j.classification AND p.from_industry = j.industry_code
LEFT JOIN reference.industry AS k
    ON n.classification = k.classification AND p.to_industry = k.industry_code
-- the pair the other way round is the row with both industries exchanged, whatever the direction
LEFT JOIN coagglomeration.pair_result AS back
    ON
        p.measurement_id = back.measurement_id AND p.country = back.country
        AND p.survey_year = back.survey_year
        AND p.agglomeration_code = back.agglomeration_code
        AND p.redrawn_industry = back.fixed_industry
        AND p.fixed_industry = back.redrawn_industry;
COMMENT ON VIEW coagglomeration.pair_named IS 'Ordered pairs with both names in the measurement''s classification, and the index of the reverse pair.';
COMMENT ON COLUMN coagglomeration.pair_named.measurement_id IS 'The measurement (set of settings).';
COMMENT ON COLUMN coagglomeration.pair_named.country IS 'Country code.';
COMMENT ON COLUMN coagglomeration.pair_named.survey_year IS 'Survey year.';
COMMENT ON COLUMN coagglomeration.pair_named.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN coagglomeration.pair_named.agglomeration_name IS 'Its name.';
COMMENT ON COLUMN coagglomeration.pair_named.classification IS 'Classification of both codes; null where the codes of the year fit none.';
COMMENT ON COLUMN coagglomeration.pair_named.from_industry IS 'j of j -> k.';
COMMENT ON COLUMN coagglomeration.pair_named.from_name IS 'Name of j in that classification.';
COMMENT ON COLUMN coagglomeration.pair_named.from_name_en IS 'English name of j.';
COMMENT ON COLUMN coagglomeration.pair_named.to_industry IS 'k of j -> k.';
COMMENT ON COLUMN coagglomeration.pair_named.to_name IS 'Name of k in that classification.';
COMMENT ON COLUMN coagglomeration.pair_named.to_name_en IS 'English name of k.';
COMMENT ON COLUMN coagglomeration.pair_named.from_firms IS 'Firms of j.';
COMMENT ON COLUMN coagglomeration.pair_named.to_firms IS 'Firms of k.';
COMMENT ON COLUMN coagglomeration.pair_named.index IS 'Index of j -> k.';
COMMENT ON COLUMN coagglomeration.pair_named.standard_error IS 'Its estimated standard error.';
COMMENT ON COLUMN coagglomeration.pair_named.reverse_index IS 'Index of k -> j.';
COMMENT ON COLUMN coagglomeration.pair_named.reverse_standard_error IS 'Its estimated standard error.';
COMMENT ON COLUMN coagglomeration.pair_named.observed_cost IS 'Observed optimal-transport cost, km2 (sqeuclidean) or km (euclidean).';
COMMENT ON COLUMN coagglomeration.pair_named.null_mean IS 'Mean of the counterfactual costs.';
COMMENT ON COLUMN coagglomeration.pair_named.null_sd IS 'Standard deviation of the counterfactual costs.';
COMMENT ON COLUMN coagglomeration.pair_named.sd_below_chance IS 'How many null standard deviations the observed cost lies below the null mean; null where the null has no spread.';
COMMENT ON COLUMN coagglomeration.pair_named.cost IS 'Cost of moving mass.';
COMMENT ON COLUMN coagglomeration.pair_named.draws IS 'Counterfactual draws.';
COMMENT ON COLUMN coagglomeration.pair_named.method IS 'exact, calibrated, sinkhorn or published.';
COMMENT ON COLUMN coagglomeration.pair_named.direction IS 'Reading of the direction.';
