-- One row: what was counted and what was not. Settings: measurement_id, country, survey_year,
-- window_years, io_table, uk_measurement_id, uk_survey_year.
WITH year_patents AS (
    SELECT p.patent_id
    FROM clean.patent AS p
    WHERE
        p.granted
        AND p.application_year BETWEEN (SELECT ops.setting('survey_year')::integer)
        AND (SELECT ops.setting('survey_year')::integer + ops.setting('window_years')::integer - 1)
)

SELECT
    (SELECT count(*) FROM pg_temp.own)::integer AS cells,
    (SELECT count(*) FROM pg_temp.index_pair)::integer AS pairs,
    jsonb_build_object(
        'firms', (SELECT coalesce(sum(firms), 0) FROM pg_temp.firm_cell),
        'firms_without_industry',
        (SELECT coalesce(sum(firms), 0) FROM pg_temp.firm_cell WHERE industry IS NULL),
        'firms_doubtful_industry', (SELECT coalesce(sum(doubtful), 0) FROM pg_temp.firm_cell),
        'cells_without_firms', (SELECT count(*) FROM pg_temp.own WHERE firms = 0),
        'patents_granted', (SELECT count(*) FROM year_patents),
        'patents_matched', (
            SELECT count(DISTINCT p.patent_id) FROM year_patents AS p
            INNER JOIN clean.patent_match AS m ON p.patent_id = m.patent_id
            WHERE m.country = ops.setting('country')
        ),
        'patents_placed', (
            SELECT count(DISTINCT patent_id) FROM pg_temp.placed_patent
            WHERE counts AND agglomeration_code IS NOT NULL
        ),
        'patents_in_cells', (SELECT coalesce(sum(scale), 0) FROM pg_temp.own),
        'patents_outside_cells', (
            SELECT coalesce(sum(i.scale), 0) FROM pg_temp.innovation AS i
            WHERE NOT EXISTS (
                SELECT FROM pg_temp.cell AS c
                WHERE c.agglomeration_code = i.agglomeration_code AND c.industry = i.industry
            )
        ),
        'patents_doubtful_industry', (SELECT coalesce(sum(doubtful), 0) FROM pg_temp.innovation),
        'citations', (SELECT coalesce(sum(citations), 0) FROM pg_temp.cited),
        'industry_pairs', (SELECT count(*) FROM pg_temp.dependence),
        'industry_pairs_without_io', (SELECT count(*) FROM pg_temp.dependence WHERE io IS NULL),
        'industry_pairs_without_tech', (SELECT count(*) FROM pg_temp.dependence WHERE tech IS NULL),
        'industry_pairs_without_uk',
        (SELECT count(*) FROM pg_temp.dependence WHERE uk_index IS NULL)
    ) AS facts;
