-- Every rebuild and each of its steps, written as it goes: a night that can be read in the morning.

CREATE TABLE ops.run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'failed', 'stopped', 'killed')),
    error text,
    host text NOT NULL,
    pid integer NOT NULL,
    process_started text,
    system_user text NOT NULL,
    code_version text NOT NULL,
    disk_free_before bigint,
    disk_free_after bigint,
    database_bytes_before bigint,
    database_bytes_after bigint,
    state_md5 text,
    older jsonb
);
CREATE INDEX ON ops.run (started_at);
COMMENT ON TABLE ops.run IS 'One row a run of coagg rebuild, dry runs left out. A run without an end whose process is gone was killed.';
COMMENT ON COLUMN ops.run.run_id IS 'Number of the run.';
COMMENT ON COLUMN ops.run.command IS 'Command and options as they were called, without paths of programs.';
COMMENT ON COLUMN ops.run.started_at IS 'When it began.';
COMMENT ON COLUMN ops.run.finished_at IS 'When it ended; empty while it runs and when it was killed.';
COMMENT ON COLUMN ops.run.outcome IS 'done: every step is up to date; failed: some step is not; stopped: by a person; killed: found without an end by a later run; empty: it runs, or was killed.';
COMMENT ON COLUMN ops.run.error IS 'Why the run as a whole ended early, in a line.';
COMMENT ON COLUMN ops.run.host IS 'Machine that it ran on.';
COMMENT ON COLUMN ops.run.pid IS 'Its process there.';
COMMENT ON COLUMN ops.run.process_started IS 'When the process began, in ticks after the machine did: tells it from a later one of the same number.';
COMMENT ON COLUMN ops.run.system_user IS 'User of the operating system who ran it.';
COMMENT ON COLUMN ops.run.code_version IS 'Version of coagg.';
COMMENT ON COLUMN ops.run.disk_free_before IS 'Bytes free on the disk of the server when it began; empty when its disk cannot be seen from here.';
COMMENT ON COLUMN ops.run.disk_free_after IS 'The same when it ended.';
COMMENT ON COLUMN ops.run.database_bytes_before IS 'Bytes of the data base when it began.';
COMMENT ON COLUMN ops.run.database_bytes_after IS 'The same when it ended.';

CREATE TABLE ops.run_step (
    run_id bigint NOT NULL REFERENCES ops.run ON DELETE CASCADE,
    number integer NOT NULL,
    step text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'unchanged', 'failed', 'left out')),
    why text NOT NULL,
    said text NOT NULL DEFAULT '',
    traceback text,
    tries integer NOT NULL DEFAULT 1,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    seconds double precision,
    peak_memory_bytes bigint,
    disk_free_before bigint,
    disk_free_after bigint,
    database_bytes_before bigint,
    database_bytes_after bigint,
    PRIMARY KEY (run_id, number)
);
CREATE INDEX ON ops.run_step (step, started_at);
COMMENT ON TABLE ops.run_step IS 'One row a step of a run, written when it begins and again when it ends.';
COMMENT ON COLUMN ops.run_step.run_id IS 'The run.';
COMMENT ON COLUMN ops.run_step.number IS 'Place of the step in the run, from 1.';
COMMENT ON COLUMN ops.run_step.step IS 'Name of the step.';
COMMENT ON COLUMN ops.run_step.state IS 'running, done, unchanged (nothing to do), failed, or left out (it needs one that failed). A step of a killed run stays running.';
COMMENT ON COLUMN ops.run_step.why IS 'Why it was done or left out.';
COMMENT ON COLUMN ops.run_step.said IS 'What it did, with counts of rows; of a failed step the error, in a line.';
COMMENT ON COLUMN ops.run_step.traceback IS 'Where a fault of the program arose; empty for faults a person can mend.';
COMMENT ON COLUMN ops.run_step.tries IS 'How often it was tried: more than 1 when the server went away meanwhile.';
COMMENT ON COLUMN ops.run_step.started_at IS 'When it began.';
COMMENT ON COLUMN ops.run_step.finished_at IS 'When it ended.';
COMMENT ON COLUMN ops.run_step.seconds IS 'How long it took, with waiting.';
COMMENT ON COLUMN ops.run_step.peak_memory_bytes IS 'Greatest memory of the process during the step.';
COMMENT ON COLUMN ops.run_step.disk_free_before IS 'Bytes free on the disk of the server when it began; empty when its disk cannot be seen from here.';
COMMENT ON COLUMN ops.run_step.disk_free_after IS 'The same when it ended.';
COMMENT ON COLUMN ops.run_step.database_bytes_before IS 'Bytes of the data base when it began.';
COMMENT ON COLUMN ops.run_step.database_bytes_after IS 'The same when it ended.';
COMMENT ON COLUMN ops.run.state_md5 IS 'Hash of what was loaded and measured, and of the rules, when the run ended.';
COMMENT ON COLUMN ops.run.older IS 'Results that were older than what they are made from then, by name, and why; coagg status says them while state_md5 holds.';

-- what was done last is the newest row of ops.run_step
DROP TABLE ops.rebuild_step;
