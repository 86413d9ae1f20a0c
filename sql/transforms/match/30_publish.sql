-- Matches and candidates in place of those of the run before; the counts of the run.

DELETE FROM clean.patent_match;
INSERT INTO clean.patent_match (
    patent_id, position, country, survey_year, row_number, panel_id, stage, score, evidence
)
SELECT
    applicant_row.patent_id,
    applicant_row.position,
    ops.setting('country'),
    choice.survey_year,
    choice.row_number,
    choice.panel_id,
    choice.stage,
    choice.score,
    choice.evidence
FROM applicant_row
INNER JOIN choice
    ON
        applicant_row.key_id = choice.key_id
        AND applicant_row.application_year = choice.application_year
WHERE choice.fits = 1;

DELETE FROM clean.match_candidate;
INSERT INTO clean.match_candidate (
    applicant_name, panel_id, firm_name, stage, score, reason, patents
)
SELECT
    applicant_key.name,
    open.panel_id,
    (array_agg(open.firm_name ORDER BY open.score DESC, open.stage, open.firm_name))[1],
    (array_agg(open.stage ORDER BY open.score DESC, open.stage, open.firm_name))[1],
    max(open.score),
    (array_agg(open.reason ORDER BY open.score DESC, open.stage, open.firm_name))[1],
    sum(open.patents)::integer
FROM (
    SELECT
        key_id,
        panel_id,
        firm_name,
        stage,
        score,
        reason,
        patents
    FROM choice
    WHERE fits > 1
    UNION ALL
    SELECT
        pick.key_id,
        pick.panel_id,
        pick.firm_name,
        pick.stage,
        pick.score,
        pick.reason,
        applicant_year.patents
    FROM pick
    INNER JOIN applicant_year ON pick.key_id = applicant_year.key_id
    WHERE NOT pick.taken
) AS open
INNER JOIN applicant_key ON open.key_id = applicant_key.key_id
GROUP BY applicant_key.name, open.panel_id;

CREATE TEMPORARY TABLE match_count ON COMMIT DROP AS
WITH state AS (
    SELECT
        applicant_year.applicants,
        coalesce(
            (
                SELECT max(choice.fits) FROM choice
                WHERE
                    choice.key_id = applicant_year.key_id
                    AND choice.application_year = applicant_year.application_year
            ), 0
        ) AS fits,
        picked.taken,
        picked.key_id IS NOT NULL AS picked
    FROM applicant_year
    LEFT JOIN (
        SELECT
            key_id,
            bool_or(taken) AS taken
        FROM pick
        GROUP BY key_id
    ) AS picked ON applicant_year.key_id = picked.key_id
)

SELECT
    coalesce(sum(applicants), 0)::bigint AS applicants,
    coalesce(sum(applicants) FILTER (WHERE fits > 1 OR (picked AND NOT taken)), 0)::bigint AS ambiguous,
    coalesce(sum(applicants) FILTER (WHERE fits = 0 AND taken), 0)::bigint AS outside
FROM state;
