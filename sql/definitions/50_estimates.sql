-- Estimates: the latest of each table.

CREATE VIEW estimates.latest AS
SELECT DISTINCT ON (r.measurement_id, r.options ->> 'country', r.table_name, r.options)
    r.measurement_id,
    r.options ->> 'country' AS country,
    r.table_name,
    r.options,
    r.run_id,
    r.specification,
    r.specification_sha256,
    r.data_sha256,
    r.inputs,
    r.survey_years,
    r.code_version,
    r.estimated_at,
    (SELECT ops.results()) AS results,
    r.from_set
FROM estimates.run AS r
WHERE
    r.from_set <= (SELECT ops.results())
    AND (r.until_set IS NULL OR r.until_set > (SELECT ops.results()))
ORDER BY r.measurement_id, r.options ->> 'country', r.table_name, r.options, r.run_id DESC;
COMMENT ON VIEW estimates.latest IS 'The latest run of every table by measurement, country and options.';
COMMENT ON COLUMN estimates.latest.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN estimates.latest.country IS 'Country code.';
COMMENT ON COLUMN estimates.latest.table_name IS 'Name of the table.';
COMMENT ON COLUMN estimates.latest.options IS 'Options of the run that change a number.';
COMMENT ON COLUMN estimates.latest.run_id IS 'The run.';
COMMENT ON COLUMN estimates.latest.specification IS 'The specification as used.';
COMMENT ON COLUMN estimates.latest.specification_sha256 IS 'Hash of the specification.';
COMMENT ON COLUMN estimates.latest.data_sha256 IS 'Hash over the rows of the panel it was estimated from.';
COMMENT ON COLUMN estimates.latest.inputs IS 'Hash of each input by name; null: made before this was kept.';
COMMENT ON COLUMN estimates.latest.survey_years IS 'Years of the panel it was restricted to; empty: all that the panel had.';
COMMENT ON COLUMN estimates.latest.code_version IS 'Version of coagg.';
COMMENT ON COLUMN estimates.latest.estimated_at IS 'When.';
COMMENT ON COLUMN estimates.latest.results IS 'The set of results that is read.';
COMMENT ON COLUMN estimates.latest.from_set IS 'First set of results it is in.';
