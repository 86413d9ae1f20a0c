-- Who may see what: publication views, the rule of suppression, accesses given, and locks that
-- only those who may write can hold.

CREATE SCHEMA publish;
COMMENT ON SCHEMA publish IS 'What analysts read: numbers with small and dominated cells suppressed, and layers for maps. Views only; made anew by coagg db upgrade.';

CREATE TABLE ops.disclosure (
    only_one boolean PRIMARY KEY DEFAULT TRUE CHECK (only_one),
    min_firms integer NOT NULL DEFAULT 3 CHECK (min_firms >= 1),
    dominance double precision NOT NULL DEFAULT 0.75 CHECK (dominance > 0 AND dominance <= 1),
    confidential boolean NOT NULL DEFAULT TRUE,
    changed_by text NOT NULL DEFAULT session_user,
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO ops.disclosure DEFAULT VALUES;
COMMENT ON TABLE ops.disclosure IS 'Rule of primary suppression in the views of schema publish and in what is made from them; one row, changed by coagg db disclosure.';
COMMENT ON COLUMN ops.disclosure.only_one IS 'Always true: there is one rule.';
COMMENT ON COLUMN ops.disclosure.min_firms IS 'A number that rests on fewer firms is suppressed (threshold rule).';
COMMENT ON COLUMN ops.disclosure.dominance IS 'Output or employment of which one firm has more than this share is suppressed ((n,k) dominance rule, n = 1).';
COMMENT ON COLUMN ops.disclosure.confidential IS 'Whether the firms are confidential: coagg tables and coagg show then obey the rule unasked. Analysts are held to it always.';
COMMENT ON COLUMN ops.disclosure.changed_by IS 'Role that set it.';
COMMENT ON COLUMN ops.disclosure.changed_at IS 'When.';

CREATE TABLE ops.access (
    access_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role_name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('analyst', 'loader', 'owner')),
    names boolean NOT NULL,
    statement_seconds integer,
    idle_seconds integer,
    granted_by text NOT NULL DEFAULT session_user,
    granted_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE UNIQUE INDEX one_access ON ops.access (role_name) WHERE revoked_at IS NULL;
COMMENT ON TABLE ops.access IS 'Who was let in, as what, from when to when: written by coagg db grant and coagg db revoke.';
COMMENT ON COLUMN ops.access.access_id IS 'Number of the access.';
COMMENT ON COLUMN ops.access.role_name IS 'Login role.';
COMMENT ON COLUMN ops.access.kind IS 'analyst reads published numbers; loader writes data; owner may do all.';
COMMENT ON COLUMN ops.access.names IS 'Whether single firms with their names may be read.';
COMMENT ON COLUMN ops.access.statement_seconds IS 'Longest statement of an analyst, in seconds; coagg db who --end-over-limit ends longer ones.';
COMMENT ON COLUMN ops.access.idle_seconds IS 'Longest idle transaction of an analyst, in seconds; ended in the same way.';
COMMENT ON COLUMN ops.access.granted_by IS 'Role that granted it.';
COMMENT ON COLUMN ops.access.granted_at IS 'When.';
COMMENT ON COLUMN ops.access.revoked_at IS 'When it was taken back; null while it stands.';

CREATE TABLE ops.lock (
    name text PRIMARY KEY
);
COMMENT ON TABLE ops.lock IS 'Rows that work locks so that it does not meet itself. Who may not write cannot lock them, unlike advisory locks. The table itself is locked by a rebuild.';
COMMENT ON COLUMN ops.lock.name IS 'What is held: match, load of a kind of input, or a share of the units of work.';
INSERT INTO ops.lock (name)
SELECT 'unit ' || n FROM generate_series(0, 255) AS n
UNION ALL
SELECT unnest(ARRAY['match', 'load patents', 'load citations', 'load input-output', 'load sector-map']);

CREATE TABLE panel.cell_guard (
    measurement_id integer NOT NULL REFERENCES coagglomeration.measurement,
    country text NOT NULL,
    survey_year smallint NOT NULL,
    agglomeration_code text NOT NULL,
    industry text NOT NULL,
    firms integer NOT NULL,
    output_firms integer NOT NULL,
    output_largest_share double precision,
    employment_firms integer NOT NULL,
    employment_largest_share double precision,
    lon double precision,
    lat double precision,
    PRIMARY KEY (measurement_id, country, survey_year, agglomeration_code, industry)
);
COMMENT ON TABLE panel.cell_guard IS 'What the rule of suppression needs to know of a cell of the panel, counted from the same firms; and its centre.';
COMMENT ON COLUMN panel.cell_guard.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN panel.cell_guard.country IS 'Country code.';
COMMENT ON COLUMN panel.cell_guard.survey_year IS 'Survey year.';
COMMENT ON COLUMN panel.cell_guard.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN panel.cell_guard.industry IS 'Three-digit industry, in the classification of the measurement.';
COMMENT ON COLUMN panel.cell_guard.firms IS 'Located firms.';
COMMENT ON COLUMN panel.cell_guard.output_firms IS 'Firms with an output above zero: those that the sum rests on.';
COMMENT ON COLUMN panel.cell_guard.output_largest_share IS 'Share of the largest of them; null when there is none.';
COMMENT ON COLUMN panel.cell_guard.employment_firms IS 'Firms with employment above zero.';
COMMENT ON COLUMN panel.cell_guard.employment_largest_share IS 'Share of the largest of them; null when there is none.';
COMMENT ON COLUMN panel.cell_guard.lon IS 'Mean longitude of the firms, WGS-84 degrees; null without firms.';
COMMENT ON COLUMN panel.cell_guard.lat IS 'Mean latitude of the firms, WGS-84 degrees; null without firms.';
