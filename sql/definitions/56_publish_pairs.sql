-- Pairs of industries for analysts: suppressed where either industry has few firms.

CREATE VIEW publish.pair AS
SELECT
    (hashtextextended(concat_ws('/', p.measurement_id, p.country, p.survey_year, p.agglomeration_code, p.from_industry, p.to_industry), 0) & 9223372036854775807) AS pair_key,
    p.measurement_id,
    p.country,
    p.survey_year,
    p.agglomeration_code,
    p.agglomeration_name,
    p.classification,
    p.from_industry,
    p.from_name,
    p.from_name_en,
    p.to_industry,
    p.to_name,
    p.to_name_en,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.from_firms END AS from_firms,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.to_firms END AS to_firms,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.index END AS index,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.standard_error END AS standard_error,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.reverse_index END AS reverse_index,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.observed_cost END AS observed_cost,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.null_mean END AS null_mean,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.null_sd END AS null_sd,
    CASE WHEN least(p.from_firms, p.to_firms) >= d.min_firms THEN p.sd_below_chance END AS sd_below_chance,
    p.draws,
    p.method,
    p.cost,
    CASE WHEN NOT least(p.from_firms, p.to_firms) >= d.min_firms THEN 'few firms' END AS suppressed
FROM coagglomeration.pair_named AS p
CROSS JOIN publish.disclosure AS d;
COMMENT ON VIEW publish.pair IS 'The index of each ordered pair j -> k with names; pairs of an industry with few firms suppressed.';
COMMENT ON COLUMN publish.pair.pair_key IS 'Integer key: a hash of the codes that make the pair, the same after every rebuild.';
COMMENT ON COLUMN publish.pair.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN publish.pair.country IS 'Country code.';
COMMENT ON COLUMN publish.pair.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.pair.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.pair.agglomeration_name IS 'Its name.';
COMMENT ON COLUMN publish.pair.classification IS 'Classification of both industries.';
COMMENT ON COLUMN publish.pair.from_industry IS 'j of j -> k.';
COMMENT ON COLUMN publish.pair.from_name IS 'Its name.';
COMMENT ON COLUMN publish.pair.from_name_en IS 'Its English name.';
COMMENT ON COLUMN publish.pair.to_industry IS 'k of j -> k.';
COMMENT ON COLUMN publish.pair.to_name IS 'Its name.';
COMMENT ON COLUMN publish.pair.to_name_en IS 'Its English name.';
COMMENT ON COLUMN publish.pair.from_firms IS 'Firms of j; null: suppressed.';
COMMENT ON COLUMN publish.pair.to_firms IS 'Firms of k; null: suppressed.';
COMMENT ON COLUMN publish.pair.index IS 'Share of draws at least as costly as observed; null: suppressed.';
COMMENT ON COLUMN publish.pair.standard_error IS 'Its estimated standard error; null: suppressed.';
COMMENT ON COLUMN publish.pair.reverse_index IS 'The index of k -> j; null: suppressed or not measured.';
COMMENT ON COLUMN publish.pair.observed_cost IS 'Observed optimal-transport cost, km2 (sqeuclidean) or km (euclidean); null: suppressed.';
COMMENT ON COLUMN publish.pair.null_mean IS 'Mean of the counterfactual costs; null: suppressed.';
COMMENT ON COLUMN publish.pair.null_sd IS 'Their standard deviation; null: suppressed.';
COMMENT ON COLUMN publish.pair.sd_below_chance IS 'How many standard deviations the observed cost lies below the mean of the counterfactual ones; null: suppressed or without spread.';
COMMENT ON COLUMN publish.pair.draws IS 'Counterfactual draws.';
COMMENT ON COLUMN publish.pair.method IS 'Method of the index.';
COMMENT ON COLUMN publish.pair.cost IS 'Cost of moving mass.';
COMMENT ON COLUMN publish.pair.suppressed IS 'Why the numbers are suppressed; null: they are not.';

CREATE VIEW publish.panel_pair AS
SELECT
    (hashtextextended(concat_ws('/', p.measurement_id, p.country, p.survey_year, p.agglomeration_code, p.from_industry, p.to_industry), 0) & 9223372036854775807) AS pair_key,
    p.measurement_id,
    p.country,
    p.survey_year,
    p.agglomeration_code,
    p.from_industry,
    p.to_industry,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.index END AS index,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.index_back END AS index_back,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.uk_index END AS uk_index,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.uk_index_back END AS uk_index_back,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.citations END AS citations,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.citations_back END AS citations_back,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.io END AS io,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.io_back END AS io_back,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.tech END AS tech,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.tech_back END AS tech_back,
    p.same_division,
    CASE WHEN NOT (j.firms_safe AND k.firms_safe) THEN 'few firms' END AS suppressed
FROM panel.industry_pair AS p
INNER JOIN panel.cell_status AS j
    ON
        p.measurement_id = j.measurement_id AND p.country = j.country
        AND p.survey_year = j.survey_year AND p.agglomeration_code = j.agglomeration_code
        AND p.from_industry = j.industry
INNER JOIN panel.cell_status AS k
    ON
        p.measurement_id = k.measurement_id AND p.country = k.country
        AND p.survey_year = k.survey_year AND p.agglomeration_code = k.agglomeration_code
        AND p.to_industry = k.industry;
COMMENT ON VIEW publish.panel_pair IS 'Ordered pairs of the panel with the index and the three dependences; pairs of a cell with few firms suppressed.';
COMMENT ON COLUMN publish.panel_pair.pair_key IS 'Integer key, that of publish.pair.';
COMMENT ON COLUMN publish.panel_pair.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN publish.panel_pair.country IS 'Country code.';
COMMENT ON COLUMN publish.panel_pair.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.panel_pair.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.panel_pair.from_industry IS 'Industry j.';
COMMENT ON COLUMN publish.panel_pair.to_industry IS 'Industry k.';
COMMENT ON COLUMN publish.panel_pair.index IS 'Coagg(j -> k); null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.index_back IS 'Coagg(k -> j); null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.uk_index IS 'Mean UK index of j -> k; null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.uk_index_back IS 'The same of k -> j; null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.citations IS 'Citations by patents of j to patents of k; null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.citations_back IS 'Citations by patents of k to patents of j; null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.io IS 'Share of the input of j that comes from k; null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.io_back IS 'Share of the input of k that comes from j; null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.tech IS 'Technological dependence P(RCA_k | RCA_j); null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.tech_back IS 'The same of k on j; null: suppressed or not known.';
COMMENT ON COLUMN publish.panel_pair.same_division IS 'Whether both are of one two-digit division.';
COMMENT ON COLUMN publish.panel_pair.suppressed IS 'Why the numbers are suppressed; null: they are not.';

CREATE VIEW publish.comparison AS
SELECT
    c.country,
    c.survey_year,
    c.agglomeration_code,
    c.comparison,
    c.fixed_industry,
    c.redrawn_industry,
    CASE WHEN least(c.fixed_firms, c.redrawn_firms) >= d.min_firms THEN c.value END AS value,
    CASE WHEN least(c.fixed_firms, c.redrawn_firms) >= d.min_firms THEN c.p_value END AS p_value,
    CASE WHEN least(c.fixed_firms, c.redrawn_firms) >= d.min_firms THEN c.verdict END AS verdict,
    CASE WHEN least(c.fixed_firms, c.redrawn_firms) < d.min_firms THEN 'few firms' END AS suppressed
FROM coagglomeration.comparison AS c
CROSS JOIN publish.disclosure AS d;
COMMENT ON VIEW publish.comparison IS 'Comparison indices of ordered pairs; pairs of an industry with few firms suppressed.';
COMMENT ON COLUMN publish.comparison.country IS 'Country code.';
COMMENT ON COLUMN publish.comparison.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.comparison.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.comparison.comparison IS 'Which index.';
COMMENT ON COLUMN publish.comparison.fixed_industry IS 'Industry held fixed.';
COMMENT ON COLUMN publish.comparison.redrawn_industry IS 'The other industry.';
COMMENT ON COLUMN publish.comparison.value IS 'Value of the index; null: suppressed or undefined.';
COMMENT ON COLUMN publish.comparison.p_value IS 'p-value; null: suppressed or none.';
COMMENT ON COLUMN publish.comparison.verdict IS 'near, apart, neither or untested; null: suppressed.';
COMMENT ON COLUMN publish.comparison.suppressed IS 'Why the numbers are suppressed; null: they are not.';

CREATE VIEW publish.industry_comparison AS
SELECT
    c.country,
    c.survey_year,
    c.agglomeration_code,
    c.industry,
    CASE WHEN c.firms >= d.min_firms THEN c.firms END AS firms,
    CASE WHEN c.firms >= d.min_firms THEN c.ellison_glaeser END AS ellison_glaeser,
    CASE WHEN c.firms < d.min_firms THEN 'few firms' END AS suppressed
FROM coagglomeration.industry_comparison AS c
CROSS JOIN publish.disclosure AS d;
COMMENT ON VIEW publish.industry_comparison IS 'Index of Ellison and Glaeser of each industry; without location quotient and plant Herfindahl, which tell of single firms.';
COMMENT ON COLUMN publish.industry_comparison.country IS 'Country code.';
COMMENT ON COLUMN publish.industry_comparison.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.industry_comparison.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.industry_comparison.industry IS 'Three-digit industry.';
COMMENT ON COLUMN publish.industry_comparison.firms IS 'Its firms in the pool; null: suppressed.';
COMMENT ON COLUMN publish.industry_comparison.ellison_glaeser IS 'Agglomeration of Ellison and Glaeser (1997); null: suppressed or undefined.';
COMMENT ON COLUMN publish.industry_comparison.suppressed IS 'Why the numbers are suppressed; null: they are not.';

-- What is said of all cells together, and of where the numbers come from.

CREATE VIEW publish.descriptive WITH (security_barrier) AS
SELECT
    run_id,
    place,
    level,
    name,
    statistic,
    value
FROM estimates.descriptive
WHERE statistic NOT IN ('min', 'max');
COMMENT ON VIEW publish.descriptive IS 'Descriptive statistics of the tables, without smallest and largest values, which are those of single cells.';
COMMENT ON COLUMN publish.descriptive.run_id IS 'The run.';
COMMENT ON COLUMN publish.descriptive.place IS 'Place in the table.';
COMMENT ON COLUMN publish.descriptive.level IS 'cell or pair.';
COMMENT ON COLUMN publish.descriptive.name IS 'Variable.';
COMMENT ON COLUMN publish.descriptive.statistic IS 'Which statistic.';
COMMENT ON COLUMN publish.descriptive.value IS 'Its value.';

CREATE VIEW publish.measurement AS
SELECT
    measurement_id,
    method,
    cost,
    draws,
    seed,
    min_firms,
    pile_ups,
    direction,
    classification,
    made_at
FROM coagglomeration.measurement;
COMMENT ON VIEW publish.measurement IS 'The measurements of the index: one row a set of settings.';
COMMENT ON COLUMN publish.measurement.measurement_id IS 'Number of the measurement.';
COMMENT ON COLUMN publish.measurement.method IS 'exact, calibrated, sinkhorn or published.';
COMMENT ON COLUMN publish.measurement.cost IS 'Cost of moving mass.';
COMMENT ON COLUMN publish.measurement.draws IS 'Counterfactual draws.';
COMMENT ON COLUMN publish.measurement.seed IS 'Seed of the draws.';
COMMENT ON COLUMN publish.measurement.min_firms IS 'Firms an industry needs in a cell to enter.';
COMMENT ON COLUMN publish.measurement.pile_ups IS 'What was done with firms at pile-ups.';
COMMENT ON COLUMN publish.measurement.direction IS 'Reading of the direction.';
COMMENT ON COLUMN publish.measurement.classification IS 'Classification of the industries; own: that of each survey year.';
COMMENT ON COLUMN publish.measurement.made_at IS 'When it was first asked for.';

CREATE VIEW publish.survey_year WITH (security_barrier) AS
SELECT
    country,
    survey_year,
    classification,
    datum,
    code_version,
    loaded_at
FROM ops.load
WHERE superseded_at IS NULL;
COMMENT ON VIEW publish.survey_year IS 'Survey years that are loaded.';
COMMENT ON COLUMN publish.survey_year.country IS 'Country code.';
COMMENT ON COLUMN publish.survey_year.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.survey_year.classification IS 'Classification of its industry codes.';
COMMENT ON COLUMN publish.survey_year.datum IS 'Datum the coordinates were read as.';
COMMENT ON COLUMN publish.survey_year.code_version IS 'Version of coagg that loaded it.';
COMMENT ON COLUMN publish.survey_year.loaded_at IS 'When.';
