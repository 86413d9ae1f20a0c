-- Rule: an id and name that stand in an earlier row of the year are refused.
-- Rule: one id under several names is kept, each row flagged.

ANALYZE incoming_firm;

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    row_number,
    'duplicate_id' AS reason,
    'repeats row ' || first_row AS detail
FROM (
    SELECT
        row_number,
        min(row_number) OVER (PARTITION BY firm_id, coalesce(firm_name, '')) AS first_row
    FROM incoming_firm
    WHERE firm_id IS NOT NULL
) AS numbered
WHERE row_number > first_row;

DELETE FROM incoming_firm
USING incoming_refused
WHERE
    incoming_firm.row_number = incoming_refused.row_number
    AND incoming_refused.reason = 'duplicate_id';

CREATE TEMP TABLE shared_id ON COMMIT DROP AS
SELECT firm_id
FROM incoming_firm
WHERE firm_id IS NOT NULL
GROUP BY firm_id
HAVING count(*) > 1;
ANALYZE shared_id;
