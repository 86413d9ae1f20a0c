-- Rule: an application that another dataset holds is refused here; but a grant takes the place of
-- a row without one, which is then refused there, so that the order of loading does not matter.

DELETE FROM clean.patent
WHERE dataset = ops.setting('dataset');

CREATE TEMP TABLE held_elsewhere ON COMMIT DROP AS
SELECT
    incoming.row_number,
    held.patent_id,
    held.dataset,
    held.row_number AS held_row,
    incoming.granted AND NOT held.granted AS takes_over
FROM incoming_patent AS incoming
INNER JOIN clean.patent AS held ON incoming.patent_id = held.patent_id;

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    row_number,
    'in_other_dataset' AS reason,
    'dataset ' || dataset || ' row ' || held_row || ' holds this application' AS detail
FROM held_elsewhere
WHERE NOT takes_over;

DELETE FROM incoming_patent
USING held_elsewhere
WHERE incoming_patent.row_number = held_elsewhere.row_number AND NOT held_elsewhere.takes_over;

INSERT INTO clean.refused_input (kind, dataset, row_number, reason, detail, received)
SELECT
    'patents' AS kind,
    patent.dataset,
    patent.row_number,
    'granted_in_other_dataset' AS reason,
    'dataset ' || ops.setting('dataset') || ' row ' || held.row_number || ' holds its grant'
        AS detail,
    to_jsonb(patent)
    || jsonb_build_object('applicants', (
        SELECT jsonb_agg(applicant.name ORDER BY applicant.position)
        FROM clean.patent_applicant AS applicant
        WHERE applicant.patent_id = patent.patent_id
    )) AS received
FROM held_elsewhere AS held
INNER JOIN clean.patent AS patent ON held.patent_id = patent.patent_id
WHERE held.takes_over;

UPDATE ops.input_load AS ledger
SET
    rows_clean = ledger.rows_clean - taken.rows,
    rows_refused = ledger.rows_refused + taken.rows,
    counts = jsonb_set(
        ledger.counts, '{reasons,granted_in_other_dataset}',
        to_jsonb(
            taken.rows
            + coalesce((ledger.counts #>> '{reasons,granted_in_other_dataset}')::integer, 0)
        )
    )
FROM (
    SELECT
        dataset,
        count(*)::integer AS rows
    FROM held_elsewhere
    WHERE takes_over
    GROUP BY dataset
) AS taken
WHERE
    ledger.kind = 'patents'
    AND ledger.dataset = taken.dataset
    AND ledger.superseded_at IS NULL;

DELETE FROM clean.patent
USING held_elsewhere
WHERE patent.patent_id = held_elsewhere.patent_id AND held_elsewhere.takes_over;
