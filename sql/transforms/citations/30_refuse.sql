-- Rules: a patent does not cite itself, and cites another once.

DELETE FROM clean.citation
WHERE dataset = ops.setting('dataset');

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    row_number,
    'self_citation' AS reason,
    citing_id AS detail
FROM resolved_citation
WHERE citing_id = cited_id;

DELETE FROM resolved_citation
WHERE citing_id = cited_id;

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    row_number,
    'duplicate_citation' AS reason,
    'repeats row ' || first_row AS detail
FROM (
    SELECT
        row_number,
        min(row_number) OVER (PARTITION BY citing_id, cited_id) AS first_row
    FROM resolved_citation
) AS numbered
WHERE row_number > first_row;

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    incoming.row_number,
    'in_other_dataset' AS reason,
    'dataset ' || held.dataset || ' holds this citation' AS detail
FROM resolved_citation AS incoming
INNER JOIN clean.citation AS held
    ON incoming.citing_id = held.citing_id AND incoming.cited_id = held.cited_id
WHERE NOT EXISTS (
    SELECT 1
    FROM incoming_refused AS refused
    WHERE refused.row_number = incoming.row_number
);

DELETE FROM resolved_citation
USING incoming_refused
WHERE resolved_citation.row_number = incoming_refused.row_number;
