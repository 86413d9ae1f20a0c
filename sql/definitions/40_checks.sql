-- What can be wrong with the data base: a title, a count, a hint. Zero counts are good news.

CREATE VIEW ops.checks AS
WITH current_load AS (
    SELECT * FROM ops.load WHERE superseded_at IS NULL
),

firms AS (
    SELECT
        country,
        survey_year,
        count(*) AS n
    FROM clean.firm
    GROUP BY country, survey_year
),

refused AS (
    SELECT
        country,
        survey_year,
        count(*) AS n
    FROM clean.refused
    GROUP BY country, survey_year
),

firm_cells AS (
    SELECT DISTINCT
        b.country,
        b.survey_year,
        b.classification,
        f.agglomeration_code,
        f.industry
    FROM (
        SELECT DISTINCT
            country,
            survey_year,
            settings ->> 'classification' AS classification
        FROM panel.build
    ) AS b
    -- year by year: joined, all firms would be translated to all classifications
    CROSS JOIN LATERAL (
        SELECT DISTINCT
            c.agglomeration_code,
            c.industry
        FROM clean.cell_firm AS c
        WHERE
            c.country = b.country AND c.survey_year = b.survey_year
            AND c.classification = b.classification
    ) AS f
)

SELECT
    'reference data are missing' AS title,
    (NOT EXISTS (SELECT FROM reference.prefecture_piece))::integer
    + (NOT EXISTS (SELECT FROM reference.industry))::integer
    + (
        NOT EXISTS (SELECT FROM reference.agglomeration_member WHERE assigned)
        AND NOT EXISTS (SELECT FROM reference.area_country)
    )::integer AS problems,
    'coagg db upgrade loads them' AS hint
UNION ALL
SELECT
    'years whose clean rows differ from the ledger',
    count(*),
    'load the year''s file again (coagg load firms)'
FROM current_load AS l
FULL JOIN firms AS f ON l.country = f.country AND l.survey_year = f.survey_year
WHERE coalesce(l.rows_clean, 0) <> coalesce(f.n, 0)
UNION ALL
SELECT
    'years whose refused rows differ from the ledger',
    count(*),
    'load the year''s file again (coagg load firms)'
FROM current_load AS l
FULL JOIN refused AS r ON l.country = r.country AND l.survey_year = r.survey_year
WHERE coalesce(l.rows_refused, 0) <> coalesce(r.n, 0)
UNION ALL
SELECT
    'years with more than a tenth of their rows refused',
    count(*),
    'SELECT reason, count(*) FROM clean.refused GROUP BY reason: is the layout or the datum right?'
FROM current_load
WHERE rows_refused > 0.1 * rows_read
UNION ALL
SELECT
    'years whose points speak for another datum',
    count(*),
    'coagg load firms FILE --datum ...: the load''s note says which'
FROM current_load
WHERE counts -> 'facts' ->> 'datum_note' LIKE 'read as %'
UNION ALL
SELECT
    'firms in a prefecture that no longer exists',
    count(*),
    'the reference data changed: load the year''s file again'
FROM clean.firm AS f
WHERE NOT EXISTS (
    SELECT FROM reference.prefecture AS p
    WHERE p.country = f.country AND p.prefecture_code = f.prefecture_code
)
UNION ALL
SELECT
    'prefectures given to two urban agglomerations',
    count(*),
    'assign each to one in the agglomerations file, then coagg db upgrade'
FROM (
    SELECT FROM reference.agglomeration_member
    WHERE assigned
    GROUP BY country, prefecture_code
    HAVING count(*) > 1
) AS twice
UNION ALL
SELECT
    'cells of the index that are unfinished',
    count(*),
    'the run was stopped: coagg index --survey-year ... goes on where it stopped'
FROM (
    -- a unit says how many pairs its cell has, so pairs need not be counted
    SELECT FROM coagglomeration.unit
    GROUP BY measurement_id, country, survey_year, agglomeration_code
    HAVING sum(cardinality(fixed_industries)) <> max(pairs / nullif(cardinality(fixed_industries), 0)) + 1
) AS unfinished
UNION ALL
SELECT
    'survey years with an index or a panel and no firms',
    count(*),
    'coagg unload firms --survey-year ... withdraws what is left of the year'
FROM (
    SELECT
        country,
        survey_year
    FROM coagglomeration.unit
    UNION
    SELECT
        country,
        survey_year
    FROM panel.build
    EXCEPT
    SELECT
        country,
        survey_year
    FROM firms
) AS haunted
UNION ALL
SELECT
    'cells of the panel whose firms vanished',
    count(*),
    'the year was loaded again: coagg rebuild; or, with its settings, coagg index --survey-year ..., then coagg panel'
FROM panel.industry_cell AS c
INNER JOIN panel.build AS b
    ON
        c.measurement_id = b.measurement_id AND c.country = b.country
        AND c.survey_year = b.survey_year
WHERE EXISTS (
    SELECT FROM firms AS f
    WHERE f.country = c.country AND f.survey_year = c.survey_year
)
AND NOT EXISTS (
    SELECT FROM firm_cells AS f
    WHERE
        f.country = c.country AND f.survey_year = c.survey_year
        AND f.agglomeration_code = c.agglomeration_code AND f.industry = c.industry
        AND f.classification = b.settings ->> 'classification'
);
COMMENT ON VIEW ops.checks IS 'What coagg check prints: possible faults of the data base, how many there are, what to do.';
COMMENT ON COLUMN ops.checks.title IS 'What would be wrong.';
COMMENT ON COLUMN ops.checks.problems IS 'How many there are.';
COMMENT ON COLUMN ops.checks.hint IS 'What to do.';
