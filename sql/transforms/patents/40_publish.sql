-- The dataset's rows, anew.

INSERT INTO clean.patent (
    patent_id, dataset, row_number, publication_number, title, kind, application_date, grant_date,
    granted, ipc, patent_value, flags
)
SELECT
    patent_id,
    ops.setting('dataset') AS dataset,
    row_number,
    publication_number,
    title,
    kind,
    application_date,
    grant_date,
    granted,
    ipc,
    patent_value,
    flags
FROM incoming_patent
ORDER BY row_number;

INSERT INTO clean.patent_applicant (
    patent_id, position, name, organisation_code, place_code, address
)
SELECT
    patent.patent_id,
    applicant.position,
    applicant.name,
    applicant.organisation_code,
    applicant.place_code,
    applicant.address
FROM incoming_applicant AS applicant
INNER JOIN incoming_patent AS patent ON applicant.row_number = patent.row_number
ORDER BY applicant.row_number, applicant.position;

DELETE FROM clean.refused_input
WHERE kind = 'patents' AND dataset = ops.setting('dataset');

INSERT INTO clean.refused_input (kind, dataset, row_number, reason, detail, received)
SELECT
    'patents' AS kind,
    ops.setting('dataset') AS dataset,
    row_number,
    reason,
    detail,
    received
FROM incoming_refused;
