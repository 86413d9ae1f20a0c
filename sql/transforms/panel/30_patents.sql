-- Patents by cell, and citations between industries. Settings: country, survey_year,
-- classification, window_years (patents of the years t to t + window - 1 count), cited (anywhere,
-- or same-agglomeration: where the cited patent's firm must be).

-- the firm row that a match names gives industry and agglomeration: any survey year's
CREATE TEMPORARY TABLE matched_firm ON COMMIT DROP AS
SELECT
    f.survey_year,
    f.row_number,
    m.agglomeration_code,
    f.industry,
    f.doubtful
FROM (
    SELECT DISTINCT
survey_year,
row_number
    FROM clean.patent_match
    WHERE country = ops.setting('country')
) AS matched
INNER JOIN clean.firm_industry AS f
    ON matched.survey_year = f.survey_year AND matched.row_number = f.row_number
LEFT JOIN reference.agglomeration_member AS m
    ON f.country = m.country AND f.prefecture_code = m.prefecture_code AND m.assigned
WHERE f.country = ops.setting('country') AND f.classification = ops.setting('classification');
ANALYZE pg_temp.matched_firm;

-- a patent counts whole in each cell of its applicants, once a cell
CREATE TEMPORARY TABLE placed_patent ON COMMIT DROP AS
SELECT
    p.patent_id,
    f.agglomeration_code,
    f.industry,
    p.application_year BETWEEN ops.setting('survey_year')::integer
    AND ops.setting('survey_year')::integer + ops.setting('window_years')::integer - 1 AS counts,
    coalesce(max(p.patent_value), 0) AS patent_value,
    bool_and(f.doubtful) AS doubtful
FROM clean.patent AS p
INNER JOIN clean.patent_match AS m ON p.patent_id = m.patent_id
INNER JOIN pg_temp.matched_firm AS f
    ON m.survey_year = f.survey_year AND m.row_number = f.row_number
WHERE p.granted AND m.country = ops.setting('country') AND f.industry IS NOT NULL
GROUP BY p.patent_id, f.agglomeration_code, f.industry;
ANALYZE pg_temp.placed_patent;

CREATE TEMPORARY TABLE innovation ON COMMIT DROP AS
SELECT
    agglomeration_code,
    industry,
    count(*)::double precision AS scale,
    sum(patent_value) AS quality,
    (count(*) FILTER (WHERE doubtful))::integer AS doubtful
FROM pg_temp.placed_patent
WHERE counts AND agglomeration_code IS NOT NULL
GROUP BY agglomeration_code, industry;
ANALYZE pg_temp.innovation;

-- a citation counts once from a citing cell (j, c) to a cited industry k
CREATE TEMPORARY TABLE cited ON COMMIT DROP AS
SELECT
    link.agglomeration_code,
    link.j,
    link.k,
    count(*)::double precision AS citations
FROM (
    SELECT DISTINCT
        c.citing_id,
        c.cited_id,
        citing.agglomeration_code,
        citing.industry AS j,
        cited.industry AS k
    FROM pg_temp.placed_patent AS citing
    INNER JOIN clean.citation AS c ON citing.patent_id = c.citing_id
    INNER JOIN pg_temp.placed_patent AS cited ON c.cited_id = cited.patent_id
    WHERE
        citing.counts AND citing.agglomeration_code IS NOT NULL
        AND citing.industry <> cited.industry
        AND (
            ops.setting('cited') = 'anywhere'
            OR citing.agglomeration_code = cited.agglomeration_code
        )
) AS link
GROUP BY link.agglomeration_code, link.j, link.k;
ANALYZE pg_temp.cited;
