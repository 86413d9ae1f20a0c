-- What coagg rebuild did last in each step, and from what.

CREATE TABLE ops.rebuild_step (
    step text PRIMARY KEY,
    parts jsonb NOT NULL,
    outcome text NOT NULL,
    seconds double precision NOT NULL,
    code_version text NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.rebuild_step IS 'One row a step of coagg rebuild: from what it was done last; the same parts again mean nothing to do.';
COMMENT ON COLUMN ops.rebuild_step.step IS 'Name of the step: firms CN 2013, match firms, index CN 2013, panel 2013, estimates.';
COMMENT ON COLUMN ops.rebuild_step.parts IS 'Hash of each thing the step depends on, by name: a difference is the reason why it is redone.';
COMMENT ON COLUMN ops.rebuild_step.outcome IS 'What it did, in a line.';
COMMENT ON COLUMN ops.rebuild_step.seconds IS 'How long it took.';
COMMENT ON COLUMN ops.rebuild_step.code_version IS 'Version of coagg.';
COMMENT ON COLUMN ops.rebuild_step.finished_at IS 'When.';
