-- What analysts may read. Primary suppression by the rule of ops.disclosure: a number is null where
-- it rests on too few firms, or one firm dominates it. Nothing here holds a sum over suppressed cells
-- (no margins, no location quotients, no pool with a suppressed cell in it): whatever is published
-- rests on published cells alone, so that no difference of two numbers gives a suppressed one away.
-- What columns hide is hidden by CASE in them; a view that hides rows is a security barrier.

-- the only place that reads the rule. A session may ask for more firms, never for fewer
CREATE VIEW publish.disclosure AS
SELECT
    greatest(min_firms, nullif(current_setting('coagg.disclosure', TRUE), '')::integer) AS min_firms,
    dominance,
    confidential
FROM ops.disclosure;
COMMENT ON VIEW publish.disclosure IS 'The rule of suppression in force; the views of this schema read it here.';
COMMENT ON COLUMN publish.disclosure.min_firms IS 'A number that rests on fewer firms is suppressed; more than ops.disclosure says where a session asks for it (setting coagg.disclosure).';
COMMENT ON COLUMN publish.disclosure.dominance IS 'Output or employment of which one firm has more than this share is suppressed.';
COMMENT ON COLUMN publish.disclosure.confidential IS 'Whether the firms are confidential: coagg tables and coagg show then obey the rule unasked.';

CREATE VIEW panel.cell_status AS
SELECT
    c.measurement_id,
    c.country,
    c.survey_year,
    c.agglomeration_code,
    c.industry,
    coalesce(c.firms >= d.min_firms AND g.firms >= d.min_firms, FALSE) AS firms_safe,
    coalesce(
        c.firms >= d.min_firms AND g.firms >= d.min_firms
        AND (
            c.output_thousand_cny = 0
            OR (g.output_firms >= d.min_firms AND g.output_largest_share <= d.dominance)
        ), FALSE
    ) AS output_safe,
    coalesce(
        c.firms >= d.min_firms AND g.firms >= d.min_firms
        AND (
            c.employment = 0
            OR (g.employment_firms >= d.min_firms AND g.employment_largest_share <= d.dominance)
        ), FALSE
    ) AS employment_safe,
    CASE
        WHEN g.firms IS NULL THEN 'not counted: coagg panel'
        WHEN c.firms < d.min_firms OR g.firms < d.min_firms THEN 'few firms'
    END AS reason,
    g.lon,
    g.lat
FROM panel.industry_cell AS c
CROSS JOIN publish.disclosure AS d
LEFT JOIN panel.cell_guard AS g
    ON
        c.measurement_id = g.measurement_id AND c.country = g.country
        AND c.survey_year = g.survey_year AND c.agglomeration_code = g.agglomeration_code
        AND c.industry = g.industry;
COMMENT ON VIEW panel.cell_status IS 'Which numbers of a cell of the panel may be published by the rule of ops.disclosure. A cell without a row in panel.cell_guard may not.';
COMMENT ON COLUMN panel.cell_status.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN panel.cell_status.country IS 'Country code.';
COMMENT ON COLUMN panel.cell_status.survey_year IS 'Survey year.';
COMMENT ON COLUMN panel.cell_status.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN panel.cell_status.industry IS 'Three-digit industry.';
COMMENT ON COLUMN panel.cell_status.firms_safe IS 'Whether enough firms are in the cell for counts, patents, its centre and its pairs.';
COMMENT ON COLUMN panel.cell_status.output_safe IS 'Whether output may be published: enough firms have one, and none has too large a share.';
COMMENT ON COLUMN panel.cell_status.employment_safe IS 'The same of employment.';
COMMENT ON COLUMN panel.cell_status.reason IS 'Why nothing of the cell is published; null where something is.';
COMMENT ON COLUMN panel.cell_status.lon IS 'Mean longitude of the firms.';
COMMENT ON COLUMN panel.cell_status.lat IS 'Mean latitude of the firms.';

CREATE VIEW publish.cell AS
SELECT
    (hashtextextended(concat_ws('/', c.measurement_id, c.country, c.survey_year, c.agglomeration_code, c.industry), 0) & 9223372036854775807) AS cell_key,
    c.measurement_id,
    c.country,
    c.survey_year,
    c.agglomeration_code,
    a.name AS agglomeration_name,
    b.settings ->> 'classification' AS classification,
    c.industry,
    i.name AS industry_name,
    i.name_en AS industry_name_en,
    CASE WHEN s.firms_safe THEN c.firms END AS firms,
    CASE WHEN s.output_safe THEN c.output_thousand_cny END AS output_thousand_cny,
    CASE WHEN s.employment_safe THEN c.employment END AS employment,
    CASE WHEN s.firms_safe THEN c.innovation_scale END AS innovation_scale,
    CASE WHEN s.firms_safe THEN c.innovation_quality END AS innovation_quality,
    CASE WHEN s.firms_safe AND n.out_firms THEN c.kp_outward_scale END AS kp_outward_scale,
    CASE WHEN s.firms_safe AND n.out_firms THEN c.kp_outward_quality END AS kp_outward_quality,
    CASE WHEN s.firms_safe AND n.out_output THEN c.output_outward END AS output_outward,
    CASE WHEN s.firms_safe AND n.out_employment THEN c.employment_outward END AS employment_outward,
    CASE WHEN s.firms_safe AND n.in_firms THEN c.kp_inward_scale END AS kp_inward_scale,
    CASE WHEN s.firms_safe AND n.in_firms THEN c.kp_inward_quality END AS kp_inward_quality,
    CASE WHEN s.firms_safe AND n.in_output THEN c.output_inward END AS output_inward,
    CASE WHEN s.firms_safe AND n.in_employment THEN c.employment_inward END AS employment_inward,
    CASE
        WHEN NOT s.firms_safe THEN coalesce(s.reason, 'few firms')
        ELSE nullif(
            concat_ws(
                '; ',
                CASE WHEN NOT s.output_safe THEN 'output: few firms, or one dominates' END,
                CASE WHEN NOT s.employment_safe THEN 'employment: few firms, or one dominates' END,
                CASE
                    WHEN NOT (
                        n.out_firms AND n.out_output AND n.out_employment
                        AND n.in_firms AND n.in_output AND n.in_employment
                    ) THEN 'pools: a suppressed cell is in them'
                END
            ), ''
        )
    END AS suppressed
FROM panel.industry_cell AS c
INNER JOIN panel.cell_status AS s
    ON
        c.measurement_id = s.measurement_id AND c.country = s.country
        AND c.survey_year = s.survey_year AND c.agglomeration_code = s.agglomeration_code
        AND c.industry = s.industry
INNER JOIN panel.build AS b
    ON
        c.measurement_id = b.measurement_id AND c.country = b.country
        AND c.survey_year = b.survey_year
LEFT JOIN reference.agglomeration AS a
    ON c.country = a.country AND c.agglomeration_code = a.agglomeration_code
LEFT JOIN reference.industry AS i
    ON b.settings ->> 'classification' = i.classification AND c.industry = i.industry_code
-- whether all industries that a pool sums over may be published
CROSS JOIN LATERAL (
    SELECT
        coalesce(bool_and(coalesce(k.firms_safe, FALSE)) FILTER (WHERE p.phi_95), TRUE) AS out_firms,
        coalesce(bool_and(coalesce(k.output_safe, FALSE)) FILTER (WHERE p.phi_95), TRUE) AS out_output,
        coalesce(bool_and(coalesce(k.employment_safe, FALSE)) FILTER (WHERE p.phi_95), TRUE)
            AS out_employment,
        coalesce(bool_and(coalesce(k.firms_safe, FALSE)) FILTER (WHERE p.phi_back_95), TRUE) AS in_firms,
        coalesce(bool_and(coalesce(k.output_safe, FALSE)) FILTER (WHERE p.phi_back_95), TRUE)
            AS in_output,
        coalesce(bool_and(coalesce(k.employment_safe, FALSE)) FILTER (WHERE p.phi_back_95), TRUE)
            AS in_employment
    FROM panel.industry_pair AS p
    LEFT JOIN panel.cell_status AS k
        ON
            p.measurement_id = k.measurement_id AND p.country = k.country
            AND p.survey_year = k.survey_year AND p.agglomeration_code = k.agglomeration_code
            AND p.to_industry = k.industry
    WHERE
        p.measurement_id = c.measurement_id AND p.country = c.country
        AND p.survey_year = c.survey_year AND p.agglomeration_code = c.agglomeration_code
        AND p.from_industry = c.industry
) AS n;
COMMENT ON VIEW publish.cell IS 'Cells (industry, agglomeration, year) of the panel, small and dominated ones suppressed. Pools are those at an index of 0.95.';
COMMENT ON COLUMN publish.cell.cell_key IS 'Integer key: a hash of the codes that make the cell, the same after every rebuild.';
COMMENT ON COLUMN publish.cell.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN publish.cell.country IS 'Country code.';
COMMENT ON COLUMN publish.cell.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.cell.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.cell.agglomeration_name IS 'Its name.';
COMMENT ON COLUMN publish.cell.classification IS 'Classification of the industry.';
COMMENT ON COLUMN publish.cell.industry IS 'Three-digit industry.';
COMMENT ON COLUMN publish.cell.industry_name IS 'Its name.';
COMMENT ON COLUMN publish.cell.industry_name_en IS 'Its English name.';
COMMENT ON COLUMN publish.cell.firms IS 'Located firms; null: suppressed.';
COMMENT ON COLUMN publish.cell.output_thousand_cny IS 'Gross output in thousand yuan; null: suppressed.';
COMMENT ON COLUMN publish.cell.employment IS 'Persons employed; null: suppressed.';
COMMENT ON COLUMN publish.cell.innovation_scale IS 'Granted patents; null: suppressed.';
COMMENT ON COLUMN publish.cell.innovation_quality IS 'Sum of patent value; null: suppressed.';
COMMENT ON COLUMN publish.cell.kp_outward_scale IS 'Granted patents of industries k that this one coagglomerates toward (j -> k); null: suppressed.';
COMMENT ON COLUMN publish.cell.kp_outward_quality IS 'Their patent value; null: suppressed.';
COMMENT ON COLUMN publish.cell.output_outward IS 'Their output, thousand yuan; null: suppressed.';
COMMENT ON COLUMN publish.cell.employment_outward IS 'Their employment; null: suppressed.';
COMMENT ON COLUMN publish.cell.kp_inward_scale IS 'Granted patents of industries k that coagglomerate toward this one (k -> j); null: suppressed.';
COMMENT ON COLUMN publish.cell.kp_inward_quality IS 'Their patent value; null: suppressed.';
COMMENT ON COLUMN publish.cell.output_inward IS 'Their output, thousand yuan; null: suppressed.';
COMMENT ON COLUMN publish.cell.employment_inward IS 'Their employment; null: suppressed.';
COMMENT ON COLUMN publish.cell.suppressed IS 'What is suppressed and why; null: nothing.';

CREATE VIEW publish.suppression AS
SELECT
    measurement_id,
    country,
    survey_year,
    agglomeration_code,
    count(*) AS cells,
    count(*) FILTER (WHERE NOT firms_safe) AS cells_suppressed,
    count(*) FILTER (WHERE firms_safe AND NOT output_safe) AS output_suppressed,
    count(*) FILTER (WHERE firms_safe AND NOT employment_safe) AS employment_suppressed
FROM panel.cell_status
GROUP BY measurement_id, country, survey_year, agglomeration_code;
COMMENT ON VIEW publish.suppression IS 'How much of the panel is suppressed: cells by agglomeration and year.';
COMMENT ON COLUMN publish.suppression.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN publish.suppression.country IS 'Country code.';
COMMENT ON COLUMN publish.suppression.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.suppression.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.suppression.cells IS 'Cells of the panel.';
COMMENT ON COLUMN publish.suppression.cells_suppressed IS 'Cells of which nothing is published, for too few firms.';
COMMENT ON COLUMN publish.suppression.output_suppressed IS 'Further cells whose output is suppressed.';
COMMENT ON COLUMN publish.suppression.employment_suppressed IS 'Further cells whose employment is suppressed.';
