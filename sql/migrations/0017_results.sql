-- Results have versions: a result is there from one set of results until another.

CREATE TABLE ops.result_set (
    set_id integer PRIMARY KEY,
    made_by text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    loads jsonb,
    code_version text NOT NULL
);
-- one set is made at a time
CREATE UNIQUE INDEX one_draft ON ops.result_set ((completed_at IS NULL)) WHERE completed_at IS NULL;
COMMENT ON TABLE ops.result_set IS 'Versions of the results: all that an index, panels and tables said at one time. The set that is being made has no completed_at; nobody reads it by accident.';
COMMENT ON COLUMN ops.result_set.set_id IS 'Number of the set, in order of time; 0: results of before there were versions.';
COMMENT ON COLUMN ops.result_set.made_by IS 'What began it: rebuild, index, panel, estimate, or unload.';
COMMENT ON COLUMN ops.result_set.opened_at IS 'When its first result was begun.';
COMMENT ON COLUMN ops.result_set.completed_at IS 'When it was complete; null while it is being made.';
COMMENT ON COLUMN ops.result_set.loads IS 'Files it was made from: name of the data -> file and its sha256.';
COMMENT ON COLUMN ops.result_set.code_version IS 'Version of the program that began it.';

CREATE TABLE ops.active_results (
    only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    set_id integer NOT NULL REFERENCES ops.result_set,
    pinned boolean NOT NULL DEFAULT FALSE
);
COMMENT ON TABLE ops.active_results IS 'The set of results that readers see; one row.';
COMMENT ON COLUMN ops.active_results.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN ops.active_results.set_id IS 'The set.';
COMMENT ON COLUMN ops.active_results.pinned IS 'True: chosen by coagg results activate; newer sets do not replace it.';

CREATE TABLE ops.result_job (
    job_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    set_id integer NOT NULL REFERENCES ops.result_set ON DELETE CASCADE,
    job text NOT NULL,
    measurement_id integer,
    country text,
    survey_year smallint,
    pid integer,
    backend_start timestamptz,
    fault text
);
COMMENT ON TABLE ops.result_job IS 'Work on the set that is being made: it is complete when nobody works on it.';
COMMENT ON COLUMN ops.result_job.job_id IS 'Number of the work.';
COMMENT ON COLUMN ops.result_job.set_id IS 'The set.';
COMMENT ON COLUMN ops.result_job.job IS 'The command: rebuild, index, panel, estimate, or unload.';
COMMENT ON COLUMN ops.result_job.measurement_id IS 'Measurement whose year is measured; null for other work.';
COMMENT ON COLUMN ops.result_job.country IS 'Its country.';
COMMENT ON COLUMN ops.result_job.survey_year IS 'Its survey year.';
COMMENT ON COLUMN ops.result_job.pid IS 'Server process of the worker; null when the work failed.';
COMMENT ON COLUMN ops.result_job.backend_start IS 'When that process began: numbers are used again.';
COMMENT ON COLUMN ops.result_job.fault IS 'Why the work is not finished; null while it goes on.';

INSERT INTO ops.result_set (set_id, made_by, completed_at, code_version)
VALUES (0, 'before there were versions', now(), '');
INSERT INTO ops.active_results (set_id) VALUES (0);

-- the index: a unit is a version, its pairs hang on it

ALTER TABLE coagglomeration.unit RENAME TO unit_version;
ALTER TABLE coagglomeration.pair_result RENAME TO pair_version;
ALTER TABLE coagglomeration.unit_version ADD COLUMN unit_id integer GENERATED ALWAYS AS IDENTITY;
ALTER TABLE coagglomeration.unit_version ADD COLUMN from_set integer NOT NULL DEFAULT 0;
ALTER TABLE coagglomeration.unit_version ADD COLUMN until_set integer;
ALTER TABLE coagglomeration.pair_version ADD COLUMN unit_id integer;
UPDATE coagglomeration.pair_version AS p SET unit_id = u.unit_id
FROM coagglomeration.unit_version AS u
WHERE
    u.measurement_id = p.measurement_id AND u.country = p.country
    AND u.survey_year = p.survey_year AND u.agglomeration_code = p.agglomeration_code
    AND u.block = p.block;
ALTER TABLE coagglomeration.pair_version
ALTER COLUMN unit_id SET NOT NULL,
DROP CONSTRAINT pair_result_pkey,
DROP CONSTRAINT pair_result_measurement_id_country_survey_year_agglomerati_fkey,
DROP CONSTRAINT pair_result_measurement_id_fkey;
DROP INDEX coagglomeration.pair_result_unit;
ALTER TABLE coagglomeration.unit_version DROP CONSTRAINT unit_pkey;
ALTER TABLE coagglomeration.unit_version ADD PRIMARY KEY (unit_id);
ALTER TABLE coagglomeration.pair_version ADD PRIMARY KEY (
    measurement_id, country, survey_year, agglomeration_code, fixed_industry, redrawn_industry,
    unit_id
);
CREATE INDEX pair_version_unit ON coagglomeration.pair_version (unit_id);
ALTER TABLE coagglomeration.pair_version
ADD FOREIGN KEY (unit_id) REFERENCES coagglomeration.unit_version ON DELETE CASCADE;
CREATE UNIQUE INDEX unit_newest ON coagglomeration.unit_version
(measurement_id, country, survey_year, agglomeration_code, block) WHERE until_set IS NULL;
CREATE INDEX unit_cell ON coagglomeration.unit_version
(measurement_id, country, survey_year, agglomeration_code, block);
COMMENT ON TABLE coagglomeration.unit_version IS 'Every version of a unit of work; those of the set that is read are coagglomeration.unit.';
COMMENT ON COLUMN coagglomeration.unit_version.unit_id IS 'Number of this version of the unit.';
COMMENT ON COLUMN coagglomeration.unit_version.from_set IS 'First set of results it is in.';
COMMENT ON COLUMN coagglomeration.unit_version.until_set IS 'First set of results it is no longer in; null: it is in the newest.';
COMMENT ON TABLE coagglomeration.pair_version IS 'Pairs of every version of a unit; those of the set that is read are coagglomeration.pair_result.';
COMMENT ON COLUMN coagglomeration.pair_version.unit_id IS 'Version of the unit that wrote the row.';

-- the panel: a build is a version, its cells and pairs hang on it

ALTER TABLE panel.build RENAME TO build_version;
ALTER TABLE panel.industry_cell RENAME TO cell_version;
ALTER TABLE panel.industry_pair RENAME TO pair_version;
ALTER TABLE panel.cell_guard RENAME TO guard_version;
ALTER TABLE panel.build_version ADD COLUMN build_id integer GENERATED ALWAYS AS IDENTITY;
ALTER TABLE panel.build_version ADD COLUMN from_set integer NOT NULL DEFAULT 0;
ALTER TABLE panel.build_version ADD COLUMN until_set integer;
ALTER TABLE panel.cell_version ADD COLUMN build_id integer;
ALTER TABLE panel.pair_version ADD COLUMN build_id integer;
ALTER TABLE panel.guard_version ADD COLUMN build_id integer;
UPDATE panel.cell_version AS c SET build_id = b.build_id
FROM panel.build_version AS b
WHERE
    b.measurement_id = c.measurement_id AND b.country = c.country
    AND b.survey_year = c.survey_year;
UPDATE panel.guard_version AS c SET build_id = b.build_id
FROM panel.build_version AS b
WHERE
    b.measurement_id = c.measurement_id AND b.country = c.country
    AND b.survey_year = c.survey_year;
UPDATE panel.pair_version AS c SET build_id = b.build_id
FROM panel.build_version AS b
WHERE
    b.measurement_id = c.measurement_id AND b.country = c.country
    AND b.survey_year = c.survey_year;
-- rows without a build belong to no panel; no release wrote any
DELETE FROM panel.cell_version WHERE build_id IS NULL;
DELETE FROM panel.guard_version WHERE build_id IS NULL;
DELETE FROM panel.pair_version WHERE build_id IS NULL;
ALTER TABLE panel.build_version DROP CONSTRAINT build_pkey;
ALTER TABLE panel.build_version ADD PRIMARY KEY (build_id);
CREATE UNIQUE INDEX build_newest ON panel.build_version
(measurement_id, country, survey_year) WHERE until_set IS NULL;
ALTER TABLE panel.cell_version
ALTER COLUMN build_id SET NOT NULL,
DROP CONSTRAINT industry_cell_pkey,
DROP CONSTRAINT industry_cell_measurement_id_fkey;
ALTER TABLE panel.cell_version ADD PRIMARY KEY (
    measurement_id, country, survey_year, agglomeration_code, industry, build_id
);
ALTER TABLE panel.guard_version
ALTER COLUMN build_id SET NOT NULL,
DROP CONSTRAINT cell_guard_pkey,
DROP CONSTRAINT cell_guard_measurement_id_fkey;
ALTER TABLE panel.guard_version ADD PRIMARY KEY (
    measurement_id, country, survey_year, agglomeration_code, industry, build_id
);
ALTER TABLE panel.pair_version
ALTER COLUMN build_id SET NOT NULL,
DROP CONSTRAINT industry_pair_pkey;
ALTER TABLE panel.pair_version ADD PRIMARY KEY (
    measurement_id, country, survey_year, agglomeration_code, from_industry, to_industry, build_id
);
COMMENT ON TABLE panel.build_version IS 'Every version of a year of the panel; those of the set that is read are panel.build.';
COMMENT ON COLUMN panel.build_version.build_id IS 'Number of this version of the year.';
COMMENT ON COLUMN panel.build_version.from_set IS 'First set of results it is in.';
COMMENT ON COLUMN panel.build_version.until_set IS 'First set of results it is no longer in; null: it is in the newest.';
COMMENT ON TABLE panel.cell_version IS 'Cells of every version of a year; those of the set that is read are panel.industry_cell.';
COMMENT ON COLUMN panel.cell_version.build_id IS 'Version of the year.';
COMMENT ON TABLE panel.guard_version IS 'What the rule of suppression needs to know of a cell, of every version of a year; those of the set that is read are panel.cell_guard.';
COMMENT ON COLUMN panel.guard_version.build_id IS 'Version of the year.';
COMMENT ON TABLE panel.pair_version IS 'Pairs of every version of a year; those of the set that is read are panel.industry_pair.';
COMMENT ON COLUMN panel.pair_version.build_id IS 'Version of the year.';

-- a foreign key would be checked once a row of some millions
CREATE FUNCTION panel.forget_build() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM panel.cell_version AS c
    WHERE
        c.measurement_id = OLD.measurement_id AND c.country = OLD.country
        AND c.survey_year = OLD.survey_year AND c.build_id = OLD.build_id;
    DELETE FROM panel.guard_version AS g
    WHERE
        g.measurement_id = OLD.measurement_id AND g.country = OLD.country
        AND g.survey_year = OLD.survey_year AND g.build_id = OLD.build_id;
    DELETE FROM panel.pair_version AS p
    WHERE
        p.measurement_id = OLD.measurement_id AND p.country = OLD.country
        AND p.survey_year = OLD.survey_year AND p.build_id = OLD.build_id;
    RETURN OLD;
END;
$$;
COMMENT ON FUNCTION panel.forget_build() IS 'Removes the cells and pairs of a version of a year with it.';
CREATE TRIGGER forget_build AFTER DELETE ON panel.build_version
FOR EACH ROW EXECUTE FUNCTION panel.forget_build();

-- the tables: a run is a version

ALTER TABLE estimates.run ADD COLUMN from_set integer NOT NULL DEFAULT 0;
ALTER TABLE estimates.run ADD COLUMN until_set integer;
UPDATE estimates.run AS r SET until_set = 0
WHERE EXISTS (
    SELECT FROM estimates.run AS newer
    WHERE
        newer.measurement_id = r.measurement_id AND newer.table_name = r.table_name
        AND newer.options = r.options AND newer.run_id > r.run_id
);
COMMENT ON COLUMN estimates.run.from_set IS 'First set of results it is in.';
COMMENT ON COLUMN estimates.run.until_set IS 'First set of results it is no longer in; null: it is in the newest.';

-- translations between classifications, kept (sql/definitions/35_panel.sql fills them)

CREATE TABLE reference.kept_translation (
    from_classification text NOT NULL,
    from_code text NOT NULL,
    to_classification text NOT NULL,
    to_code text NOT NULL,
    weight double precision NOT NULL,
    doubtful boolean NOT NULL,
    steps integer NOT NULL,
    PRIMARY KEY (from_classification, from_code, to_classification, to_code)
);
COMMENT ON TABLE reference.kept_translation IS 'What reference.industry_translation shows: kept, since working it out anew for every cell takes long.';
CREATE TABLE reference.kept_harmonised (
    from_classification text NOT NULL,
    from_code text NOT NULL,
    to_classification text NOT NULL,
    industry text NOT NULL,
    weight double precision NOT NULL,
    doubtful boolean NOT NULL,
    steps integer NOT NULL,
    PRIMARY KEY (from_classification, from_code, to_classification)
);
COMMENT ON TABLE reference.kept_harmonised IS 'What reference.harmonised_industry shows: kept, since working it out anew for every cell takes long.';
COMMENT ON COLUMN reference.kept_translation.from_classification IS 'Classification translated from.';
COMMENT ON COLUMN reference.kept_translation.from_code IS 'Code translated from, three or four digits.';
COMMENT ON COLUMN reference.kept_translation.to_classification IS 'Classification translated to; may be the same.';
COMMENT ON COLUMN reference.kept_translation.to_code IS 'Code translated to.';
COMMENT ON COLUMN reference.kept_translation.weight IS 'Share of from_code that goes to to_code; backwards: its weight over all that lead to from_code. They add to one (two steps: at most).';
COMMENT ON COLUMN reference.kept_translation.doubtful IS 'Whether the link is weak; of two steps: when no way through has two firm links.';
COMMENT ON COLUMN reference.kept_translation.steps IS 'Concordances passed: 0 within a classification, 1 or 2.';
COMMENT ON COLUMN reference.kept_harmonised.from_classification IS 'Classification translated from.';
COMMENT ON COLUMN reference.kept_harmonised.from_code IS 'Code translated from, three or four digits.';
COMMENT ON COLUMN reference.kept_harmonised.to_classification IS 'Classification translated to; may be the same.';
COMMENT ON COLUMN reference.kept_harmonised.industry IS 'Three-digit industry in the latter.';
COMMENT ON COLUMN reference.kept_harmonised.weight IS 'Share of from_code that goes to it.';
COMMENT ON COLUMN reference.kept_harmonised.doubtful IS 'Whether all its links are weak, or no more than half of from_code goes there.';
COMMENT ON COLUMN reference.kept_harmonised.steps IS 'Concordances passed.';

-- a row that is gone from a file moves the numbers of all after it, and changes no other cell
COMMENT ON COLUMN coagglomeration.unit_version.points_sha256 IS 'Hash over the pool: points and industries, in the order of rows.';
COMMENT ON COLUMN coagglomeration.comparison_cell.points_sha256 IS 'Hash over the cell''s firms: points and industries, in the order of rows; as in unit.';
