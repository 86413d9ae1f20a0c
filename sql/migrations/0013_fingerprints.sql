-- What a result was made from stands beside it: a hash for each input by its name.

ALTER TABLE ops.load ADD COLUMN inputs jsonb;
ALTER TABLE ops.input_load ADD COLUMN inputs jsonb;
ALTER TABLE ops.match_run ADD COLUMN inputs jsonb;
ALTER TABLE coagglomeration.unit ADD COLUMN inputs jsonb;
ALTER TABLE coagglomeration.comparison_cell ADD COLUMN inputs jsonb;
ALTER TABLE panel.build ADD COLUMN inputs jsonb;
ALTER TABLE estimates.run ADD COLUMN inputs jsonb;

-- a table that cannot be estimated is not tried again from the same
CREATE TABLE estimates.refusal (
    measurement_id integer NOT NULL REFERENCES coagglomeration.measurement,
    table_name text NOT NULL,
    options jsonb NOT NULL,
    inputs jsonb NOT NULL,
    reason text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (measurement_id, table_name, options)
);
COMMENT ON TABLE estimates.refusal IS 'Tables that cannot be estimated, and why; a row goes when one can.';
COMMENT ON COLUMN estimates.refusal.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN estimates.refusal.table_name IS 'Name of the table.';
COMMENT ON COLUMN estimates.refusal.options IS 'Options of the run that change a number.';
COMMENT ON COLUMN estimates.refusal.inputs IS 'Hash of each input by name; the same again: not tried.';
COMMENT ON COLUMN estimates.refusal.reason IS 'Why it cannot be estimated.';
COMMENT ON COLUMN estimates.refusal.refused_at IS 'When.';

COMMENT ON COLUMN ops.load.inputs IS 'Hash of each input by name: file, layout, datum, places, codes, rules; null: made before this was kept.';
COMMENT ON COLUMN ops.input_load.inputs IS 'Hash of each input by name: files, layout, rules; null: made before this was kept.';
COMMENT ON COLUMN ops.match_run.inputs IS 'Hash of each input by name: firms, patents, decisions, settings, rules; null: made before this was kept.';
COMMENT ON COLUMN coagglomeration.unit.inputs IS 'Hash of each input by name: firms, industries, settings, code, pot; null: made before this was kept.';
COMMENT ON COLUMN coagglomeration.comparison_cell.inputs IS 'Hash of each input by name: firms, weights, areas, totals, settings, code; null: made before this was kept.';
COMMENT ON COLUMN panel.build.inputs IS 'Hash of each input by name: index, firms, patents, tables, settings, rules; null: made before this was kept.';
COMMENT ON COLUMN estimates.run.inputs IS 'Hash of each input by name: cells, pairs, specification, code, pyfixest; null: made before this was kept.';

COMMENT ON COLUMN ops.load.settings_sha256 IS 'Hash over all of inputs; the same: nothing to do.';
COMMENT ON COLUMN ops.input_load.settings_sha256 IS 'Hash over all of inputs; the same: nothing to do.';
COMMENT ON COLUMN ops.match_run.input_sha256 IS 'Hash over all of inputs; the same: nothing to do.';
COMMENT ON COLUMN coagglomeration.unit.input_sha256 IS 'Hash over all of inputs; the same: the unit is skipped.';
COMMENT ON COLUMN coagglomeration.comparison_cell.input_sha256 IS 'Hash over all of inputs; the same: the cell is skipped.';
COMMENT ON COLUMN panel.build.input_sha256 IS 'Hash over all of inputs; the same: the year is skipped.';
COMMENT ON COLUMN estimates.run.data_sha256 IS 'Hash over the cells and pairs that the table rests on.';

-- a diary: whether a step is up to date is asked of the engine and of the tables
ALTER TABLE ops.rebuild_step DROP COLUMN parts;
ALTER TABLE ops.rebuild_step ADD COLUMN why text NOT NULL DEFAULT '';
COMMENT ON TABLE ops.rebuild_step IS 'Diary of coagg rebuild: when each step was done last, why, and what came of it.';
COMMENT ON COLUMN ops.rebuild_step.why IS 'Why it was done: never done, or what had changed.';
