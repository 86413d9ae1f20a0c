-- Rule: an id and name that stand in an earlier row of the year are refused. With the setting
-- establishments = plants only those at the same point are (to five decimals, a metre): a firm's
-- row at another point is a plant of it, kept and flagged. A quarter is added so that no point of
-- six decimals lies on a border of two metres.
-- Rule: one id under several names is kept, each row flagged.

ANALYZE incoming_firm;

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    row_number,
    'duplicate_id' AS reason,
    format('firm id %s repeats row %s', firm_id, first_row) AS detail
FROM (
    SELECT
        firm.row_number,
        firm.firm_id,
        min(firm.row_number) OVER (
            PARTITION BY
                firm.firm_id,
                coalesce(firm.firm_name, ''),
                CASE WHEN chosen.plants THEN floor(firm.lon * 1e5 + 0.25) END,
                CASE WHEN chosen.plants THEN floor(firm.lat * 1e5 + 0.25) END
        ) AS first_row
    FROM incoming_firm AS firm
    CROSS JOIN (SELECT ops.setting('establishments') = 'plants' AS plants) AS chosen
    WHERE firm.firm_id IS NOT NULL
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
HAVING count(DISTINCT coalesce(firm_name, '')) > 1;
ANALYZE shared_id;

CREATE TEMP TABLE establishment ON COMMIT DROP AS
SELECT
    firm_id,
    coalesce(firm_name, '') AS firm_name
FROM incoming_firm
WHERE firm_id IS NOT NULL
GROUP BY firm_id, coalesce(firm_name, '')
HAVING count(*) > 1;
ANALYZE establishment;
