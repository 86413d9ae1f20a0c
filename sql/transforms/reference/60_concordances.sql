-- The concordance that arrived replaces the one between the same two classifications.

DELETE FROM reference.industry_concordance AS held
WHERE EXISTS (
    SELECT 1 FROM pg_temp.incoming_concordance AS incoming
    WHERE
        incoming.from_classification = held.from_classification
        AND incoming.to_classification = held.to_classification
);

INSERT INTO reference.industry_concordance
(
    from_classification, from_code, to_classification, to_code,
    weight, official, doubtful, basis, source
)
SELECT
    from_classification,
    from_code,
    to_classification,
    to_code,
    weight,
    official,
    doubtful,
    basis,
    source
FROM pg_temp.incoming_concordance;

TRUNCATE pg_temp.incoming_concordance;
ANALYZE reference.industry_concordance;
