-- Estimates: every number of every table, with the specification and the data it came from.

CREATE SCHEMA estimates;
COMMENT ON SCHEMA estimates IS 'Estimates: every number of every table, with the specification and the data it came from.';

CREATE TABLE estimates.run (
    run_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    measurement_id integer NOT NULL REFERENCES coagglomeration.measurement,
    table_name text NOT NULL,
    specification jsonb NOT NULL,
    specification_sha256 text NOT NULL,
    data_sha256 text NOT NULL,
    options jsonb NOT NULL,
    code_version text NOT NULL,
    estimated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX run_table ON estimates.run (measurement_id, table_name, estimated_at);
COMMENT ON TABLE estimates.run IS 'One row a table that was estimated.';
COMMENT ON COLUMN estimates.run.run_id IS 'Number of the run.';
COMMENT ON COLUMN estimates.run.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN estimates.run.table_name IS 'Name of the table.';
COMMENT ON COLUMN estimates.run.specification IS 'The specification as used.';
COMMENT ON COLUMN estimates.run.specification_sha256 IS 'Hash of the specification.';
COMMENT ON COLUMN estimates.run.data_sha256 IS 'Hash over the rows of the panel it was estimated from.';
COMMENT ON COLUMN estimates.run.options IS 'Options of the run that change a number.';
COMMENT ON COLUMN estimates.run.code_version IS 'Version of coagg.';
COMMENT ON COLUMN estimates.run.estimated_at IS 'When.';

CREATE TABLE estimates.column_result (
    run_id integer NOT NULL REFERENCES estimates.run ON DELETE CASCADE,
    column_number smallint NOT NULL,
    label text NOT NULL,
    dependent text NOT NULL,
    estimator text NOT NULL,
    observations integer NOT NULL,
    r2 double precision,
    r2_within double precision,
    convention text NOT NULL,
    effects text[] NOT NULL,
    clusters jsonb NOT NULL,
    dropped text[] NOT NULL,
    diagnostics jsonb NOT NULL,
    PRIMARY KEY (run_id, column_number)
);
COMMENT ON TABLE estimates.column_result IS 'One row a column of a table.';
COMMENT ON COLUMN estimates.column_result.run_id IS 'The run.';
COMMENT ON COLUMN estimates.column_result.column_number IS 'Number of the column, from 1.';
COMMENT ON COLUMN estimates.column_result.label IS 'Heading of the column.';
COMMENT ON COLUMN estimates.column_result.dependent IS 'Dependent variable.';
COMMENT ON COLUMN estimates.column_result.estimator IS 'ols, 2sls or ppml.';
COMMENT ON COLUMN estimates.column_result.observations IS 'Observations used.';
COMMENT ON COLUMN estimates.column_result.r2 IS 'R squared.';
COMMENT ON COLUMN estimates.column_result.r2_within IS 'R squared after the fixed effects are taken out.';
COMMENT ON COLUMN estimates.column_result.convention IS 'Small-sample convention of the errors.';
COMMENT ON COLUMN estimates.column_result.effects IS 'Fixed effects.';
COMMENT ON COLUMN estimates.column_result.clusters IS 'Number of clusters by cluster variable.';
COMMENT ON COLUMN estimates.column_result.dropped IS 'Regressors left out, each with its reason.';
COMMENT ON COLUMN estimates.column_result.diagnostics IS 'First stage, weak-identification statistics, tests.';

CREATE TABLE estimates.coefficient (
    run_id integer NOT NULL,
    column_number smallint NOT NULL,
    stage text NOT NULL CHECK (stage IN ('main', 'first')),
    place smallint NOT NULL,
    name text NOT NULL,
    coefficient double precision NOT NULL,
    standard_error double precision,
    t double precision,
    p double precision,
    standardised double precision,
    PRIMARY KEY (run_id, column_number, stage, name),
    FOREIGN KEY (run_id, column_number) REFERENCES estimates.column_result ON DELETE CASCADE
);
COMMENT ON TABLE estimates.coefficient IS 'One row a coefficient.';
COMMENT ON COLUMN estimates.coefficient.run_id IS 'The run.';
COMMENT ON COLUMN estimates.coefficient.column_number IS 'The column.';
COMMENT ON COLUMN estimates.coefficient.stage IS 'main: of the dependent variable; first: first stage of 2SLS.';
COMMENT ON COLUMN estimates.coefficient.place IS 'Order in the column, from 1.';
COMMENT ON COLUMN estimates.coefficient.name IS 'Regressor.';
COMMENT ON COLUMN estimates.coefficient.coefficient IS 'Estimate.';
COMMENT ON COLUMN estimates.coefficient.standard_error IS 'Standard error.';
COMMENT ON COLUMN estimates.coefficient.t IS 'Estimate over standard error.';
COMMENT ON COLUMN estimates.coefficient.p IS 'P value, t with clusters - 1 degrees of freedom.';
COMMENT ON COLUMN estimates.coefficient.standardised IS 'Estimate times standard deviation of the regressor over that of the dependent variable.';

CREATE TABLE estimates.equality (
    run_id integer NOT NULL REFERENCES estimates.run ON DELETE CASCADE,
    test_number smallint NOT NULL,
    label text NOT NULL,
    first_column smallint NOT NULL,
    first_name text NOT NULL,
    second_column smallint NOT NULL,
    second_name text NOT NULL,
    difference double precision NOT NULL,
    standard_error double precision,
    p double precision,
    standardised_difference double precision,
    standardised_standard_error double precision,
    standardised_p double precision,
    PRIMARY KEY (run_id, test_number)
);
COMMENT ON TABLE estimates.equality IS 'One row a test that coefficients of two columns are equal: both samples stacked, every regressor and fixed effect interacted.';
COMMENT ON COLUMN estimates.equality.run_id IS 'The run.';
COMMENT ON COLUMN estimates.equality.test_number IS 'Number of the test, from 1.';
COMMENT ON COLUMN estimates.equality.label IS 'What is tested, in words.';
COMMENT ON COLUMN estimates.equality.first_column IS 'Column of the first coefficient.';
COMMENT ON COLUMN estimates.equality.first_name IS 'Regressor of the first coefficient.';
COMMENT ON COLUMN estimates.equality.second_column IS 'Column of the second coefficient.';
COMMENT ON COLUMN estimates.equality.second_name IS 'Regressor of the second coefficient.';
COMMENT ON COLUMN estimates.equality.difference IS 'Second coefficient minus first.';
COMMENT ON COLUMN estimates.equality.standard_error IS 'Clustered standard error of the difference.';
COMMENT ON COLUMN estimates.equality.p IS 'P value of equality.';
COMMENT ON COLUMN estimates.equality.standardised_difference IS 'The same of standardised coefficients, standard deviations taken as known.';
COMMENT ON COLUMN estimates.equality.standardised_standard_error IS 'Its standard error.';
COMMENT ON COLUMN estimates.equality.standardised_p IS 'Its p value.';

CREATE TABLE estimates.descriptive (
    run_id integer NOT NULL REFERENCES estimates.run ON DELETE CASCADE,
    place smallint NOT NULL,
    level text NOT NULL CHECK (level IN ('cell', 'pair')),
    name text NOT NULL,
    statistic text NOT NULL CHECK (
        statistic IN ('observations', 'mean', 'sd', 'min', 'max', 'share', 'correlation')
    ),
    value double precision,
    PRIMARY KEY (run_id, level, name, statistic)
);
COMMENT ON TABLE estimates.descriptive IS 'One row a descriptive statistic.';
COMMENT ON COLUMN estimates.descriptive.run_id IS 'The run.';
COMMENT ON COLUMN estimates.descriptive.place IS 'Order of the variable, from 1.';
COMMENT ON COLUMN estimates.descriptive.level IS 'cell: industry x agglomeration x year; pair: ordered industry pairs in them.';
COMMENT ON COLUMN estimates.descriptive.name IS 'Variable, or name of the share or correlation.';
COMMENT ON COLUMN estimates.descriptive.statistic IS 'observations, mean, sd (N - 1), min, max, share or correlation.';
COMMENT ON COLUMN estimates.descriptive.value IS 'Value; null where undefined.';
