-- Rule: one row an application. The grant is taken before the publication, then the earlier row.
-- A second grant that differs, a publication beside its grant, and a plain repeat have reasons of
-- their own.

ANALYZE incoming_patent;

CREATE TEMP TABLE repeated ON COMMIT DROP AS
SELECT
    row_number,
    granted,
    publication_number,
    grant_date,
    first_value(row_number) OVER preferred AS kept_row,
    first_value(granted) OVER preferred AS kept_granted,
    first_value(publication_number) OVER preferred AS kept_publication,
    first_value(grant_date) OVER preferred AS kept_grant_date
FROM incoming_patent
WHERE patent_id IN (
    SELECT patent_id
    FROM incoming_patent
    GROUP BY patent_id
    HAVING count(*) > 1
)
WINDOW preferred AS (PARTITION BY patent_id ORDER BY granted DESC, row_number);

INSERT INTO incoming_refused (row_number, reason, detail)
SELECT
    row_number,
    CASE
        WHEN
            granted
            AND (
                publication_number IS DISTINCT FROM kept_publication
                OR grant_date IS DISTINCT FROM kept_grant_date
            )
            THEN 'second_grant'
        WHEN NOT granted AND kept_granted AND publication_number <> kept_publication
            THEN 'earlier_publication'
        ELSE 'duplicate_application'
    END AS reason,
    'row ' || kept_row || ' is taken for this application' AS detail
FROM repeated
WHERE row_number <> kept_row;

DELETE FROM incoming_patent
USING repeated
WHERE incoming_patent.row_number = repeated.row_number AND repeated.row_number <> repeated.kept_row;
