-- Rule: what is refused with its first row is refused with all rows of its applicants.

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    further.row_number,
    refused.reason,
    refused.detail
FROM further_applicant AS further
INNER JOIN incoming_refused AS refused ON further.kept_row = refused.row_number;

DELETE FROM further_applicant
USING incoming_refused
WHERE further_applicant.row_number = incoming_refused.row_number;
