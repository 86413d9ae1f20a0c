-- The dataset's rows, anew.

INSERT INTO clean.citation (citing_id, cited_id, citation_date, dataset)
SELECT
    citing_id,
    cited_id,
    citation_date,
    ops.setting('dataset') AS dataset
FROM resolved_citation
ORDER BY citing_id, cited_id;

DELETE FROM clean.refused_input
WHERE kind = 'citations' AND dataset = ops.setting('dataset');

INSERT INTO clean.refused_input (kind, dataset, row_number, reason, detail, received)
SELECT
    'citations' AS kind,
    ops.setting('dataset') AS dataset,
    row_number,
    reason,
    detail,
    received
FROM incoming_refused;
