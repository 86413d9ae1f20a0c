-- Results have versions. Everybody reads one set of them: that of the session setting
-- coagg.results (a number, or latest), else the active one. The views here bear the names by which
-- results are known; tables *_version hold every version.

CREATE OR REPLACE FUNCTION ops.results()
RETURNS integer LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    asked text := current_setting('coagg.results', true);
    found integer;
BEGIN
    IF asked IS NULL OR asked = '' THEN
        SELECT a.set_id INTO found FROM ops.active_results AS a;
    ELSIF asked = 'latest' THEN
        SELECT max(s.set_id) INTO found FROM ops.result_set AS s;
    ELSIF asked ~ '^[0-9]{1,9}$' THEN
        SELECT s.set_id INTO found FROM ops.result_set AS s WHERE s.set_id = asked::integer;
    END IF;
    IF found IS NULL THEN
        RAISE EXCEPTION 'results % are not kept', asked
            USING ERRCODE = 'no_data_found', HINT = 'coagg results list shows those that are.';
    END IF;
    RETURN found;
END;
$$;
COMMENT ON FUNCTION ops.results() IS 'Number of the set of results that this session reads: its setting coagg.results, else the active set.';

ALTER TABLE coagglomeration.unit_version ALTER COLUMN from_set SET DEFAULT ops.results();
ALTER TABLE panel.build_version ALTER COLUMN from_set SET DEFAULT ops.results();
ALTER TABLE estimates.run ALTER COLUMN from_set SET DEFAULT ops.results();

CREATE VIEW coagglomeration.unit AS
SELECT
    u.measurement_id,
    u.country,
    u.survey_year,
    u.agglomeration_code,
    u.block,
    u.fixed_industries,
    u.firms,
    u.pairs,
    u.points_sha256,
    u.input_sha256,
    u.code_version,
    u.cpu_seconds,
    u.finished_at,
    u.inputs,
    u.unit_id
FROM coagglomeration.unit_version AS u
WHERE
    u.from_set <= (SELECT ops.results())
    AND (u.until_set IS NULL OR u.until_set > (SELECT ops.results()));
COMMENT ON VIEW coagglomeration.unit IS 'Ledger of finished units of work: a block of fixed industries of one agglomeration and year.';

CREATE VIEW coagglomeration.pair_result AS
SELECT
    r.measurement_id,
    r.country,
    r.survey_year,
    r.agglomeration_code,
    r.block,
    r.fixed_industry,
    r.redrawn_industry,
    r.fixed_firms,
    r.redrawn_firms,
    r.observed_cost,
    r.null_mean,
    r.null_sd,
    r.index,
    r.standard_error,
    r.exact_draws
FROM coagglomeration.pair_version AS r
WHERE EXISTS (
    SELECT FROM coagglomeration.unit_version AS u
    WHERE
        u.unit_id = r.unit_id
        AND u.from_set <= (SELECT ops.results())
        AND (u.until_set IS NULL OR u.until_set > (SELECT ops.results()))
);
COMMENT ON VIEW coagglomeration.pair_result IS 'The index of each ordered pair, stored once as (fixed, redrawn); read it through coagglomeration.pair_index.';

CREATE VIEW panel.build AS
SELECT
    b.measurement_id,
    b.country,
    b.survey_year,
    b.input_sha256,
    b.settings,
    b.cells,
    b.pairs,
    b.facts,
    b.code_version,
    b.built_at,
    b.inputs,
    b.build_id,
    b.from_set
FROM panel.build_version AS b
WHERE
    b.from_set <= (SELECT ops.results())
    AND (b.until_set IS NULL OR b.until_set > (SELECT ops.results()));
COMMENT ON VIEW panel.build IS 'One row a survey year of the panel: what it was built from.';

CREATE VIEW panel.industry_cell AS
SELECT
    c.measurement_id,
    c.country,
    c.survey_year,
    c.agglomeration_code,
    c.industry,
    c.firms,
    c.output_thousand_cny,
    c.employment,
    c.location_quotient,
    c.location_quotient_output,
    c.innovation_scale,
    c.innovation_quality,
    c.kp_outward_scale,
    c.kp_outward_quality,
    c.output_outward,
    c.employment_outward,
    c.kp_inward_scale,
    c.kp_inward_quality,
    c.output_inward,
    c.employment_inward,
    c.kp_outward_scale_90,
    c.kp_outward_quality_90,
    c.output_outward_90,
    c.employment_outward_90,
    c.kp_inward_scale_90,
    c.kp_inward_quality_90,
    c.output_inward_90,
    c.employment_inward_90,
    c.kp_outward_scale_99,
    c.kp_outward_quality_99,
    c.output_outward_99,
    c.employment_outward_99,
    c.kp_inward_scale_99,
    c.kp_inward_quality_99,
    c.output_inward_99,
    c.employment_inward_99,
    c.kp_outward_scale_oneway,
    c.kp_outward_quality_oneway,
    c.output_outward_oneway,
    c.employment_outward_oneway,
    c.kp_inward_scale_oneway,
    c.kp_inward_quality_oneway,
    c.output_inward_oneway,
    c.employment_inward_oneway,
    c.kp_outward_scale_uk,
    c.kp_outward_quality_uk,
    c.output_outward_uk,
    c.employment_outward_uk,
    c.kp_inward_scale_uk,
    c.kp_inward_quality_uk,
    c.output_inward_uk,
    c.employment_inward_uk
FROM panel.cell_version AS c
WHERE EXISTS (
    SELECT FROM panel.build_version AS b
    WHERE
        b.build_id = c.build_id
        AND b.from_set <= (SELECT ops.results())
        AND (b.until_set IS NULL OR b.until_set > (SELECT ops.results()))
);
COMMENT ON VIEW panel.industry_cell IS 'Cells (j, c, t): every industry of the index in its agglomeration and year, with innovation, size and pools in levels. 0: nothing there. Null: not known.';

CREATE VIEW panel.cell_guard AS
SELECT
    g.measurement_id,
    g.country,
    g.survey_year,
    g.agglomeration_code,
    g.industry,
    g.firms,
    g.output_firms,
    g.output_largest_share,
    g.employment_firms,
    g.employment_largest_share,
    g.lon,
    g.lat
FROM panel.guard_version AS g
WHERE EXISTS (
    SELECT FROM panel.build_version AS b
    WHERE
        b.build_id = g.build_id
        AND b.from_set <= (SELECT ops.results())
        AND (b.until_set IS NULL OR b.until_set > (SELECT ops.results()))
);
COMMENT ON VIEW panel.cell_guard IS 'What the rule of suppression needs to know of a cell of the panel, counted from the same firms; and its centre.';

CREATE VIEW panel.industry_pair AS
SELECT
    p.measurement_id,
    p.country,
    p.survey_year,
    p.agglomeration_code,
    p.from_industry,
    p.to_industry,
    p.index,
    p.index_back,
    p.phi_90,
    p.phi_95,
    p.phi_99,
    p.phi_back_90,
    p.phi_back_95,
    p.phi_back_99,
    p.uk_index,
    p.uk_index_back,
    p.uk_phi,
    p.uk_phi_back,
    p.citations,
    p.citations_back,
    p.io,
    p.io_back,
    p.tech,
    p.tech_back,
    p.same_division
FROM panel.pair_version AS p
WHERE EXISTS (
    SELECT FROM panel.build_version AS b
    WHERE
        b.build_id = p.build_id
        AND b.from_set <= (SELECT ops.results())
        AND (b.until_set IS NULL OR b.until_set > (SELECT ops.results()))
);
COMMENT ON VIEW panel.industry_pair IS 'Ordered pairs (j, k) of different industries in (c, t): all that the index has.';

-- a column of a view says what the column of its table says
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT
            v.attrelid::regclass AS view,
            v.attname AS name,
            col_description(t.attrelid, t.attnum) AS said
        FROM (
            VALUES
            ('coagglomeration.unit', 'coagglomeration.unit_version'),
            ('coagglomeration.pair_result', 'coagglomeration.pair_version'),
            ('panel.build', 'panel.build_version'),
            ('panel.industry_cell', 'panel.cell_version'),
            ('panel.cell_guard', 'panel.guard_version'),
            ('panel.industry_pair', 'panel.pair_version')
        ) AS pairs (view, base)
        INNER JOIN pg_attribute AS v ON pairs.view::regclass = v.attrelid AND v.attnum > 0
        INNER JOIN pg_attribute AS t
            ON pairs.base::regclass = t.attrelid AND v.attname = t.attname
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', one.view, one.name, one.said);
    END LOOP;
END;
$$;
