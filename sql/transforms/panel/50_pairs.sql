-- The pairs of the year. Settings: build_id, measurement_id, country, survey_year.

INSERT INTO panel.pair_version (
    build_id, measurement_id, country, survey_year, agglomeration_code, from_industry, to_industry,
    index, index_back, phi_90, phi_95, phi_99, phi_back_90, phi_back_95, phi_back_99,
    uk_index, uk_index_back, uk_phi, uk_phi_back, citations, citations_back,
    io, io_back, tech, tech_back, same_division
)
SELECT
    (SELECT ops.setting('build_id')::integer),
    (SELECT ops.setting('measurement_id')::integer),
    (SELECT ops.setting('country')),
    (SELECT ops.setting('survey_year')::smallint),
    p.agglomeration_code,
    p.j,
    p.k,
    p.index,
    p.index_back,
    p.index >= 0.90,
    p.index >= 0.95,
    p.index >= 0.99,
    p.index_back >= 0.90,
    p.index_back >= 0.95,
    p.index_back >= 0.99,
    d.uk_index,
    d.uk_index_back,
    d.uk_phi,
    d.uk_phi_back,
    coalesce(c.citations, 0),
    coalesce(c_back.citations, 0),
    d.io,
    d.io_back,
    d.tech,
    d.tech_back,
    left(p.j, 2) = left(p.k, 2)
FROM pg_temp.index_pair AS p
INNER JOIN pg_temp.dependence AS d ON p.j = d.j AND p.k = d.k
LEFT JOIN pg_temp.cited AS c
    ON p.agglomeration_code = c.agglomeration_code AND p.j = c.j AND p.k = c.k
LEFT JOIN pg_temp.cited AS c_back
    ON p.agglomeration_code = c_back.agglomeration_code AND p.j = c_back.k AND p.k = c_back.j
ORDER BY p.agglomeration_code, p.j, p.k;
