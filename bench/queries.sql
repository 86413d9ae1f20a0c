-- What bench/queries adds to bench/paper_panel.sql: loads, refused rows, a second set of results in
-- which every other unit of the index and every other year of the panel is another version (1.5
-- times the rows), and the panel itself, straight into the tables.

INSERT INTO ops.load (
    country, survey_year, file_name, file_sha256, file_bytes, file_format, layout, datum,
    classification, settings_sha256, rows_read, rows_clean, rows_refused, counts, partition_name,
    code_version, inputs
)
SELECT
    'CN',
    y.survey_year,
    'made',
    'made',
    1,
    'csv',
    'made',
    'WGS-84',
    'gbt4754_2011',
    'made',
    f.n,
    f.n,
    0,
    '{}',
    'firm_cn_' || y.survey_year || '_made',
    'made',
    '{}'
FROM unnest(string_to_array(ops.setting('years'), ',')::smallint []) AS y (survey_year)
CROSS JOIN (SELECT ops.setting('firms')::integer AS n) AS f;

INSERT INTO clean.refused (country, survey_year, row_number, reason, received)
SELECT
    'CN',
    y.survey_year,
    10000000 + n,
    (ARRAY['coordinates_missing', 'coordinates_zero', 'duplicate_id'])[1 + n % 3],
    jsonb_build_object('name', 'firm ' || n)
FROM unnest(string_to_array(ops.setting('years'), ',')::smallint []) AS y (survey_year)
CROSS JOIN generate_series(1, ops.setting('firms')::integer / 100) AS n;

INSERT INTO ops.result_set (set_id, made_by, completed_at, code_version)
VALUES (1, 'made', now(), 'made');
UPDATE ops.active_results SET set_id = 1;

UPDATE coagglomeration.unit_version SET until_set = 1
WHERE country = 'CN' AND unit_id % 2 = 0;
INSERT INTO coagglomeration.unit_version (
    measurement_id, country, survey_year, agglomeration_code, block, fixed_industries, firms, pairs,
    points_sha256, input_sha256, inputs, code_version, cpu_seconds, from_set
)
SELECT
    measurement_id,
    country,
    survey_year,
    agglomeration_code,
    block,
    fixed_industries,
    firms,
    pairs,
    points_sha256,
    input_sha256,
    inputs,
    code_version,
    cpu_seconds,
    1
FROM coagglomeration.unit_version
WHERE until_set = 1
ORDER BY unit_id;
INSERT INTO coagglomeration.pair_version (
    measurement_id, country, survey_year, agglomeration_code, block, fixed_industry,
    redrawn_industry, fixed_firms, redrawn_firms, observed_cost, null_mean, null_sd, index,
    standard_error, exact_draws, unit_id
)
SELECT
    p.measurement_id,
    p.country,
    p.survey_year,
    p.agglomeration_code,
    p.block,
    p.fixed_industry,
    p.redrawn_industry,
    p.fixed_firms,
    p.redrawn_firms,
    p.observed_cost,
    p.null_mean,
    p.null_sd,
    p.index,
    p.standard_error,
    p.exact_draws,
    newer.unit_id
FROM coagglomeration.unit_version AS newer
INNER JOIN coagglomeration.unit_version AS older
    ON
        newer.measurement_id = older.measurement_id AND newer.survey_year = older.survey_year
        AND newer.agglomeration_code = older.agglomeration_code AND newer.block = older.block
        AND older.until_set = 1
INNER JOIN coagglomeration.pair_version AS p ON older.unit_id = p.unit_id
WHERE newer.from_set = 1
ORDER BY newer.unit_id, p.fixed_industry, p.redrawn_industry;

INSERT INTO panel.build_version (
    measurement_id, country, survey_year, input_sha256, inputs, settings, cells, pairs, facts,
    code_version, from_set, until_set
)
SELECT
    m.measurement_id,
    m.country,
    m.survey_year,
    'made',
    '{}',
    '{"classification": "gbt4754_2002", "io_table": "made"}',
    0,
    0,
    '{"firms": 1, "firms_without_industry": 0, "firms_doubtful_industry": 0}',
    'made',
    s.from_set,
    s.until_set
FROM (SELECT DISTINCT measurement_id, country, survey_year FROM measured WHERE country = 'CN') AS m
INNER JOIN (VALUES (0, 1), (1, NULL), (0, NULL)) AS s (from_set, until_set)
    ON (m.survey_year % 2 = 0) = (coalesce(s.until_set, s.from_set) = 1)
ORDER BY m.survey_year, s.from_set;

INSERT INTO panel.cell_version (
    measurement_id, country, survey_year, agglomeration_code, industry, firms, output_thousand_cny,
    employment, location_quotient, innovation_scale, innovation_quality, kp_outward_scale,
    kp_outward_quality, output_outward, employment_outward, kp_inward_scale, kp_inward_quality,
    output_inward, employment_inward, build_id
)
SELECT
    b.measurement_id,
    b.country,
    b.survey_year,
    m.agglomeration_code,
    j.industry,
    1 + floor(100 * random()),
    1000 * random(),
    100 * random(),
    2 * random(),
    floor(20 * random()),
    20 * random(),
    floor(100 * random()),
    100 * random(),
    100000 * random(),
    10000 * random(),
    floor(100 * random()),
    100 * random(),
    100000 * random(),
    10000 * random(),
    b.build_id
FROM panel.build_version AS b
INNER JOIN measured AS m USING (measurement_id, country, survey_year)
CROSS JOIN j
ORDER BY 1, 2, 3, 4, 5;

INSERT INTO panel.guard_version (
    measurement_id, country, survey_year, agglomeration_code, industry, firms, output_firms,
    output_largest_share, employment_firms, employment_largest_share, lon, lat, build_id
)
SELECT
    measurement_id,
    country,
    survey_year,
    agglomeration_code,
    industry,
    firms,
    firms,
    0.9 * random(),
    firms,
    0.9 * random(),
    110 + random(),
    30 + random(),
    build_id
FROM panel.cell_version
ORDER BY 1, 2, 3, 4, 5;

INSERT INTO panel.pair_version (
    measurement_id, country, survey_year, agglomeration_code, from_industry, to_industry, index,
    index_back, phi_90, phi_95, phi_99, phi_back_90, phi_back_95, phi_back_99, citations,
    citations_back, io, io_back, tech, tech_back, same_division, build_id
)
SELECT
    p.measurement_id,
    p.country,
    p.survey_year,
    p.agglomeration_code,
    p.fixed_industry,
    p.redrawn_industry,
    p.index,
    back.index,
    p.index >= 0.9,
    p.index >= 0.95,
    p.index >= 0.99,
    back.index >= 0.9,
    back.index >= 0.95,
    back.index >= 0.99,
    floor(2 * random()),
    floor(2 * random()),
    random(),
    random(),
    random(),
    random(),
    left(p.fixed_industry, 2) = left(p.redrawn_industry, 2),
    b.build_id
FROM panel.build_version AS b
INNER JOIN coagglomeration.pair_version AS p
    ON
        b.measurement_id = p.measurement_id AND b.country = p.country
        AND b.survey_year = p.survey_year
INNER JOIN coagglomeration.unit_version AS u ON p.unit_id = u.unit_id AND u.from_set = 0
INNER JOIN coagglomeration.pair_version AS back
    ON
        p.measurement_id = back.measurement_id AND p.country = back.country
        AND p.survey_year = back.survey_year AND p.agglomeration_code = back.agglomeration_code
        AND p.fixed_industry = back.redrawn_industry AND p.redrawn_industry = back.fixed_industry
INNER JOIN coagglomeration.unit_version AS v ON back.unit_id = v.unit_id AND v.from_set = 0
ORDER BY 1, 2, 3, 4, 5, 6, 22;

UPDATE panel.build_version AS b SET
    cells = (SELECT count(*) FROM panel.cell_version AS c WHERE c.build_id = b.build_id),
    pairs = p.pairs
FROM (SELECT build_id, count(*) AS pairs FROM panel.pair_version GROUP BY build_id) AS p
WHERE b.build_id = p.build_id;
