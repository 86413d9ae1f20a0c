-- Layers, and the ledger of what was done to the data base.

CREATE EXTENSION IF NOT EXISTS postgis;

CREATE SCHEMA reference;
CREATE SCHEMA clean;
CREATE SCHEMA panel;
CREATE SCHEMA coagglomeration;

COMMENT ON SCHEMA ops IS 'What was done: loads, received files, locks.';
COMMENT ON SCHEMA reference IS 'Places, urban agglomerations, industries and concordances.';
COMMENT ON SCHEMA clean IS 'Firms of every survey year, typed and located, and the rows that were refused.';
COMMENT ON SCHEMA panel IS 'Industry x agglomeration x year aggregates.';
COMMENT ON SCHEMA coagglomeration IS 'Directional coagglomeration of ordered industry pairs.';

CREATE TABLE ops.definitions (
    sha256 text PRIMARY KEY
);
COMMENT ON TABLE ops.definitions IS 'Which state of sql/definitions is applied.';
COMMENT ON COLUMN ops.definitions.sha256 IS 'Hash over all definition files, in order.';

CREATE TABLE ops.year_lock (
    country text NOT NULL,
    survey_year smallint NOT NULL,
    PRIMARY KEY (country, survey_year)
);
COMMENT ON TABLE ops.year_lock IS 'One row a survey year; a load holds its row lock, so two loads of one year cannot meet.';
COMMENT ON COLUMN ops.year_lock.country IS 'Country code, CN or GB.';
COMMENT ON COLUMN ops.year_lock.survey_year IS 'Survey year.';

CREATE TABLE ops.load (
    load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    country text NOT NULL,
    survey_year smallint NOT NULL,
    file_name text NOT NULL,
    file_sha256 text NOT NULL,
    file_bytes bigint NOT NULL,
    file_format text NOT NULL,
    file_encoding text,
    layout text NOT NULL,
    datum text NOT NULL,
    classification text,
    settings_sha256 text NOT NULL,
    rows_read integer NOT NULL,
    rows_clean integer NOT NULL,
    rows_refused integer NOT NULL,
    counts jsonb NOT NULL,
    partition_name text NOT NULL,
    code_version text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    superseded_at timestamptz,
    CONSTRAINT nothing_lost CHECK (rows_read = rows_clean + rows_refused)
);
CREATE UNIQUE INDEX one_current_load ON ops.load (country, survey_year) WHERE superseded_at IS NULL;
COMMENT ON TABLE ops.load IS 'One row a successful load of a file of firms; rows read = clean + refused, always.';
COMMENT ON COLUMN ops.load.load_id IS 'Number of the load.';
COMMENT ON COLUMN ops.load.country IS 'Country code, CN or GB.';
COMMENT ON COLUMN ops.load.survey_year IS 'Survey year the file was loaded as.';
COMMENT ON COLUMN ops.load.file_name IS 'Name of the file as received.';
COMMENT ON COLUMN ops.load.file_sha256 IS 'Hash of the file as received; it is kept under this name in the data folder.';
COMMENT ON COLUMN ops.load.file_bytes IS 'Size of the file as received, in bytes.';
COMMENT ON COLUMN ops.load.file_format IS 'Format as detected from the content.';
COMMENT ON COLUMN ops.load.file_encoding IS 'Encoding as detected; null for formats that state their own.';
COMMENT ON COLUMN ops.load.layout IS 'Column map used.';
COMMENT ON COLUMN ops.load.datum IS 'Datum the coordinates were read as: wgs84, gcj02 or bd09.';
COMMENT ON COLUMN ops.load.classification IS 'Revision of the industry classification, detected from the codes.';
COMMENT ON COLUMN ops.load.settings_sha256 IS 'Hash over layout, datum and cleaning settings; same file and same hash: nothing to do.';
COMMENT ON COLUMN ops.load.rows_read IS 'Data rows in the file.';
COMMENT ON COLUMN ops.load.rows_clean IS 'Rows in clean.firm.';
COMMENT ON COLUMN ops.load.rows_refused IS 'Rows in clean.refused.';
COMMENT ON COLUMN ops.load.counts IS 'Counts by refusal reason and by flag, the datum diagnostic, and the pile-ups.';
COMMENT ON COLUMN ops.load.partition_name IS 'Partition of clean.firm that holds the year.';
COMMENT ON COLUMN ops.load.code_version IS 'Version of coagg that loaded it.';
COMMENT ON COLUMN ops.load.loaded_at IS 'When it became visible.';
COMMENT ON COLUMN ops.load.superseded_at IS 'When a corrected file replaced it; null for the current one.';
