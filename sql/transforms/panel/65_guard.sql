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
    f.agglomeration_code,
    f.industry,
    f.firms,
    f.output_firms,
    f.output_largest_share,
    f.employment_firms,
    f.employment_largest_share,
    f.lon,
    f.lat
FROM pg_temp.firm_cell AS f
INNER JOIN pg_temp.cell AS c
    ON f.agglomeration_code = c.agglomeration_code AND f.industry = c.industry
ORDER BY f.agglomeration_code, f.industry;
