-- Rule: a number that is the publication number of a loaded patent stands for that patent.
-- A number that no loaded patent has is kept as it is. Where the file cites publications only, an
-- application that happens to have the number of one is not meant: the number is then marked.

ANALYZE incoming_citation;

CREATE TEMP TABLE publication ON COMMIT DROP AS
SELECT
    publication_number,
    min(patent_id) AS patent_id
FROM clean.patent
WHERE publication_number IS NOT NULL
GROUP BY publication_number;

DELETE FROM publication
USING clean.patent
WHERE
    publication.publication_number = patent.patent_id
    AND ops.setting('cited') = 'any';

ANALYZE publication;

CREATE TEMP TABLE resolved_citation ON COMMIT DROP AS
SELECT
    citation.row_number,
    coalesce(citing.patent_id, citation.citing_id) AS citing_id,
    CASE
        WHEN cited.patent_id IS NOT NULL THEN cited.patent_id
        WHEN same_number.patent_id IS NOT NULL AND ops.setting('cited') = 'publications'
            THEN 'PUBLICATION' || citation.cited_id
        ELSE citation.cited_id
    END AS cited_id,
    citation.citation_date
FROM incoming_citation AS citation
LEFT JOIN publication AS citing
    ON
        citation.citing_id = citing.publication_number
        AND ops.setting('cited') = 'any'
LEFT JOIN publication AS cited ON citation.cited_id = cited.publication_number
LEFT JOIN clean.patent AS same_number ON citation.cited_id = same_number.patent_id;

ANALYZE resolved_citation;
