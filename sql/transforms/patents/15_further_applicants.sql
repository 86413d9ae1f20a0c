-- Rule: rows of one application that say the same but for the applicant belong together, as a
-- source writes them that has one row an applicant. The first keeps the applicants of all; a row
-- that brings no other name is a repeat, unless its source says that each row is of one person.

ANALYZE incoming_patent;
ANALYZE incoming_applicant;

CREATE TEMP TABLE alike ON COMMIT DROP AS
SELECT
    row_number,
    of_one_applicant,
    min(row_number) OVER (
        PARTITION BY
            patent_id, publication_number, title, kind, application_date, grant_date, granted,
            ipc, patent_value
    ) AS kept_row
FROM incoming_patent
WHERE patent_id IN (
    SELECT patent_id
    FROM incoming_patent
    GROUP BY patent_id
    HAVING count(*) > 1
);

-- Names of the rows alike; one that differs in case and signs only is the same.
CREATE TEMP TABLE alike_name ON COMMIT DROP AS
SELECT
    alike.row_number,
    applicant.position,
    alike.kept_row,
    row_number() OVER (
        PARTITION BY alike.kept_row, lower(regexp_replace(applicant.name, '[^[:alnum:]]', '', 'g'))
        ORDER BY alike.row_number, applicant.position
    ) = 1 AS is_new
FROM alike
INNER JOIN incoming_applicant AS applicant ON alike.row_number = applicant.row_number;

CREATE TEMP TABLE further_applicant ON COMMIT DROP AS
SELECT
    row_number,
    kept_row
FROM alike
WHERE
    row_number <> kept_row
    AND (
        EXISTS (
            SELECT 1
            FROM alike_name
            WHERE alike_name.row_number = alike.row_number AND alike_name.is_new
        )
        OR (
            of_one_applicant
            AND NOT EXISTS (
                SELECT 1
                FROM alike_name
                WHERE alike_name.row_number = alike.row_number
            )
        )
    );

CREATE TEMP TABLE moved_applicant ON COMMIT DROP AS
SELECT
    alike_name.kept_row AS row_number,
    row_number() OVER (
        PARTITION BY alike_name.kept_row
        ORDER BY applicant.sequence, applicant.row_number, applicant.position
    ) AS position,
    applicant.sequence,
    applicant.name,
    applicant.organisation_code,
    applicant.place_code,
    applicant.address
FROM alike_name
INNER JOIN incoming_applicant AS applicant
    ON
        alike_name.row_number = applicant.row_number
        AND alike_name.position = applicant.position
WHERE
    (alike_name.is_new OR alike_name.row_number = alike_name.kept_row)
    AND alike_name.kept_row IN (
        SELECT further_applicant.kept_row
        FROM further_applicant
    );

DELETE FROM incoming_applicant
WHERE row_number IN (
    SELECT kept_row
    FROM further_applicant
    UNION ALL
    SELECT row_number
    FROM further_applicant
);

INSERT INTO incoming_applicant (
    row_number, position, sequence, name, organisation_code, place_code, address
)
SELECT
    row_number,
    position,
    sequence,
    name,
    organisation_code,
    place_code,
    address
FROM moved_applicant;

DELETE FROM incoming_patent
USING further_applicant
WHERE incoming_patent.row_number = further_applicant.row_number;

UPDATE incoming_patent
SET flags = array_remove(flags, 'applicant_missing')
WHERE
    row_number IN (
        SELECT moved_applicant.row_number
        FROM moved_applicant
    );
