-- Results of the index. A measurement is one set of settings; its units are committed one by one.

CREATE TABLE coagglomeration.measurement (
    measurement_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    settings_sha256 text NOT NULL UNIQUE,
    method text NOT NULL,
    cost text NOT NULL,
    draws integer NOT NULL CHECK (draws > 0),
    seed bigint NOT NULL,
    min_firms integer NOT NULL CHECK (min_firms > 0),
    pile_ups text NOT NULL CHECK (pile_ups IN ('keep', 'drop', 'spread')),
    direction text NOT NULL CHECK (direction IN ('from-fixed', 'from-redrawn')),
    settings jsonb NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE coagglomeration.measurement IS 'One row a set of settings with which the index was measured.';
COMMENT ON COLUMN coagglomeration.measurement.measurement_id IS 'Number of the measurement.';
COMMENT ON COLUMN coagglomeration.measurement.settings_sha256 IS 'Hash of the settings: the same settings are the same measurement.';
COMMENT ON COLUMN coagglomeration.measurement.method IS 'exact, calibrated, sinkhorn or published.';
COMMENT ON COLUMN coagglomeration.measurement.cost IS 'Cost of moving mass: sqeuclidean (km2) or euclidean (km).';
COMMENT ON COLUMN coagglomeration.measurement.draws IS 'Counterfactual draws a null distribution.';
COMMENT ON COLUMN coagglomeration.measurement.seed IS 'Seed of the draws.';
COMMENT ON COLUMN coagglomeration.measurement.min_firms IS 'Firms an industry needs in a cell to enter.';
COMMENT ON COLUMN coagglomeration.measurement.pile_ups IS 'What was done with firms at pile-ups: keep, drop, or spread over a disc.';
COMMENT ON COLUMN coagglomeration.measurement.direction IS 'from-fixed: j -> k holds j fixed and redraws k (the authors'' program); from-redrawn: its transpose.';
COMMENT ON COLUMN coagglomeration.measurement.settings IS 'All settings.';
COMMENT ON COLUMN coagglomeration.measurement.made_at IS 'When it was first asked for.';

CREATE TABLE coagglomeration.unit (
    measurement_id integer NOT NULL REFERENCES coagglomeration.measurement,
    country text NOT NULL,
    survey_year smallint NOT NULL,
    agglomeration_code text NOT NULL,
    block smallint NOT NULL,
    fixed_industries text[] NOT NULL,
    firms integer NOT NULL,
    pairs integer NOT NULL,
    points_sha256 text NOT NULL,
    input_sha256 text NOT NULL,
    code_version text NOT NULL,
    cpu_seconds double precision NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (measurement_id, country, survey_year, agglomeration_code, block)
);
COMMENT ON TABLE coagglomeration.unit IS 'Ledger of finished units of work: a block of fixed industries of one agglomeration and year.';
COMMENT ON COLUMN coagglomeration.unit.measurement_id IS 'The measurement.';
COMMENT ON COLUMN coagglomeration.unit.country IS 'Country code.';
COMMENT ON COLUMN coagglomeration.unit.survey_year IS 'Survey year.';
COMMENT ON COLUMN coagglomeration.unit.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN coagglomeration.unit.block IS 'Number of the block of fixed industries.';
COMMENT ON COLUMN coagglomeration.unit.fixed_industries IS 'The fixed industries of the block.';
COMMENT ON COLUMN coagglomeration.unit.firms IS 'Firms in the pool.';
COMMENT ON COLUMN coagglomeration.unit.pairs IS 'Rows written to pair_result.';
COMMENT ON COLUMN coagglomeration.unit.points_sha256 IS 'Hash over the pool: row numbers, points and industries, in order.';
COMMENT ON COLUMN coagglomeration.unit.input_sha256 IS 'Hash over points, settings, fixed industries and code version; unchanged: the unit is skipped.';
COMMENT ON COLUMN coagglomeration.unit.code_version IS 'Version of the index code that computed it.';
COMMENT ON COLUMN coagglomeration.unit.cpu_seconds IS 'CPU time of the worker.';
COMMENT ON COLUMN coagglomeration.unit.finished_at IS 'When the unit was committed.';

CREATE TABLE coagglomeration.pair_result (
    measurement_id integer NOT NULL REFERENCES coagglomeration.measurement,
    country text NOT NULL,
    survey_year smallint NOT NULL,
    agglomeration_code text NOT NULL,
    block smallint NOT NULL,
    fixed_industry text NOT NULL,
    redrawn_industry text NOT NULL,
    fixed_firms integer NOT NULL,
    redrawn_firms integer NOT NULL,
    observed_cost double precision NOT NULL,
    null_mean double precision NOT NULL,
    null_sd double precision NOT NULL,
    index double precision NOT NULL CHECK (index BETWEEN 0 AND 1),
    standard_error double precision NOT NULL,
    exact_draws integer NOT NULL,
    PRIMARY KEY (measurement_id, country, survey_year, agglomeration_code, fixed_industry, redrawn_industry),
    FOREIGN KEY (measurement_id, country, survey_year, agglomeration_code, block)
    REFERENCES coagglomeration.unit ON DELETE CASCADE,
    CHECK (fixed_industry <> redrawn_industry)
);
CREATE INDEX pair_result_unit
ON coagglomeration.pair_result (measurement_id, country, survey_year, agglomeration_code, block);
COMMENT ON TABLE coagglomeration.pair_result IS 'The index of each ordered pair, stored once as (fixed, redrawn); read it through coagglomeration.pair_index.';
COMMENT ON COLUMN coagglomeration.pair_result.measurement_id IS 'The measurement.';
COMMENT ON COLUMN coagglomeration.pair_result.country IS 'Country code.';
COMMENT ON COLUMN coagglomeration.pair_result.survey_year IS 'Survey year.';
COMMENT ON COLUMN coagglomeration.pair_result.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN coagglomeration.pair_result.block IS 'Unit of work that wrote the row.';
COMMENT ON COLUMN coagglomeration.pair_result.fixed_industry IS 'Industry whose sites are held fixed.';
COMMENT ON COLUMN coagglomeration.pair_result.redrawn_industry IS 'Industry whose sites are redrawn from the pool.';
COMMENT ON COLUMN coagglomeration.pair_result.fixed_firms IS 'Firms of the fixed industry.';
COMMENT ON COLUMN coagglomeration.pair_result.redrawn_firms IS 'Firms of the redrawn industry: the size of a draw.';
COMMENT ON COLUMN coagglomeration.pair_result.observed_cost IS 'Optimal-transport cost between the two industries, km2 (sqeuclidean) or km (euclidean).';
COMMENT ON COLUMN coagglomeration.pair_result.null_mean IS 'Mean of the counterfactual costs.';
COMMENT ON COLUMN coagglomeration.pair_result.null_sd IS 'Standard deviation of the counterfactual costs.';
COMMENT ON COLUMN coagglomeration.pair_result.index IS 'Share of draws at least as costly as observed, in [0, 1]: 0.97 = nearer than 97% of random site choices.';
COMMENT ON COLUMN coagglomeration.pair_result.standard_error IS 'Estimated standard error of the index: Monte Carlo and, where used, surrogate.';
COMMENT ON COLUMN coagglomeration.pair_result.exact_draws IS 'Draws solved exactly for this pair''s null distribution.';
