-- What each year of the panel was built from, and what could not be used.
SELECT
    measurement_id,
    country,
    survey_year,
    settings ->> 'classification' AS classification,
    settings ->> 'io_table' AS io_table,
    settings ->> 'uk_measurement_id' AS uk_measurement_id,
    cells,
    pairs,
    (facts ->> 'firms_without_industry')::double precision
    / nullif((facts ->> 'firms')::double precision, 0) AS share_firms_without_industry,
    (facts ->> 'firms_doubtful_industry')::double precision
    / nullif((facts ->> 'firms')::double precision, 0) AS share_firms_doubtful,
    (facts ->> 'patents_matched')::double precision
    / nullif((facts ->> 'patents_granted')::double precision, 0) AS share_patents_matched,
    (facts ->> 'patents_outside_cells')::double precision AS patents_outside_cells,
    (facts ->> 'industry_pairs_without_io')::double precision
    / nullif((facts ->> 'industry_pairs')::double precision, 0) AS share_pairs_without_io,
    (facts ->> 'industry_pairs_without_uk')::double precision
    / nullif((facts ->> 'industry_pairs')::double precision, 0) AS share_pairs_without_uk,
    built_at
FROM panel.build
ORDER BY measurement_id, country, survey_year;
