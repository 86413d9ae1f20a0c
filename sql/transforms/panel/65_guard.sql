-- What the rule of suppression needs to know of each cell, from the firms that the cell counts.
-- Settings: measurement_id, country, survey_year.

DELETE FROM panel.cell_guard
WHERE
    measurement_id = ops.setting('measurement_id')::integer
    AND country = ops.setting('country')
    AND survey_year = ops.setting('survey_year')::smallint;

INSERT INTO panel.cell_guard (
    measurement_id, country, survey_year, agglomeration_code, industry, firms, output_firms,
    output_largest_share, employment_firms, employment_largest_share, lon, lat
)
SELECT
    ops.setting('measurement_id')::integer,
    ops.setting('country'),
    ops.setting('survey_year')::smallint,
    c.agglomeration_code,
    c.industry,
    coalesce(f.firms, 0),
    coalesce(f.output_firms, 0),
    f.output_largest_share,
    coalesce(f.employment_firms, 0),
    f.employment_largest_share,
    f.lon,
    f.lat
FROM pg_temp.cell AS c
LEFT JOIN pg_temp.firm_cell AS f
    ON c.agglomeration_code = f.agglomeration_code AND c.industry = f.industry
ORDER BY c.agglomeration_code, c.industry;
