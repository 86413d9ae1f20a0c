-- Patents by cell, and citations between industries. Settings: country, survey_year,
-- classification, window_years (patents of the years t to t + window - 1 count), cited (anywhere,
-- or same-agglomeration: where the cited patent's firm must be).

-- granted patents of the window, and those that they cite: only these need a place
CREATE TEMPORARY TABLE wanted_patent ON COMMIT DROP AS
WITH counting AS (
    SELECT patent_id
    FROM clean.patent
    WHERE
        granted
        AND application_year BETWEEN (SELECT ops.setting('survey_year')::integer)
        AND (
            SELECT ops.setting('survey_year')::integer + ops.setting('window_years')::integer - 1
        )
),

cited AS (
    SELECT c.cited_id AS patent_id
    FROM counting
    INNER JOIN clean.citation AS c ON counting.patent_id = c.citing_id
    EXCEPT
    SELECT patent_id FROM counting
)

SELECT
    patent_id,
    TRUE AS counts
FROM counting
UNION ALL
SELECT
    patent_id,
    FALSE
FROM cited;
ANALYZE pg_temp.wanted_patent;

CREATE TEMPORARY TABLE wanted_match ON COMMIT DROP AS
SELECT
    m.patent_id,
    m.survey_year,
    m.row_number,
    w.counts
FROM pg_temp.wanted_patent AS w
INNER JOIN clean.patent_match AS m ON w.patent_id = m.patent_id
WHERE m.country = (SELECT ops.setting('country'));
ANALYZE pg_temp.wanted_match;

-- the firm row that a match names gives industry and agglomeration: any survey year's
CREATE TEMPORARY TABLE matched_firm ON COMMIT DROP AS
SELECT
    f.survey_year,
    f.row_number,
    f.agglomeration_code,
    f.industry,
    f.doubtful
FROM (
    SELECT DISTINCT
        survey_year,
        row_number
    FROM pg_temp.wanted_match
) AS matched
INNER JOIN clean.cell_firm AS f
    ON matched.survey_year = f.survey_year AND matched.row_number = f.row_number
WHERE
    f.country = (SELECT ops.setting('country'))
    AND f.classification = ops.setting('classification');
ANALYZE pg_temp.matched_firm;

-- a patent counts whole in each cell of its applicants, once a cell
CREATE TEMPORARY TABLE placed_patent ON COMMIT DROP AS
SELECT
    p.patent_id,
    f.agglomeration_code,
    f.industry,
    bool_or(m.counts) AS counts,
    coalesce(max(p.patent_value), 0) AS patent_value,
    bool_and(f.doubtful) AS doubtful
FROM pg_temp.wanted_match AS m
INNER JOIN clean.patent AS p ON m.patent_id = p.patent_id
INNER JOIN pg_temp.matched_firm AS f
    ON m.survey_year = f.survey_year AND m.row_number = f.row_number
WHERE p.granted AND f.industry IS NOT NULL
GROUP BY p.patent_id, f.agglomeration_code, f.industry;
ANALYZE pg_temp.placed_patent;

CREATE TEMPORARY TABLE innovation ON COMMIT DROP AS
SELECT
    agglomeration_code,
    industry,
    count(*)::double precision AS scale,
    sum(patent_value ORDER BY patent_id) AS quality,
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
            (SELECT ops.setting('cited')) = 'anywhere'
            OR citing.agglomeration_code = cited.agglomeration_code
        )
) AS link
GROUP BY link.agglomeration_code, link.j, link.k;
ANALYZE pg_temp.cited;
