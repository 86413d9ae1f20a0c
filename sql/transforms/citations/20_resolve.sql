-- Rule: a number that is the publication number of a loaded patent stands for that patent.
-- A number that no loaded patent has is kept as it is. Where the file cites publications only, an
-- application that happens to have the number of one is not meant: the number is then marked.
--
-- A publication is known also by its number without the kind (US7000001 for US7000001B2), where
-- only one loaded patent has that number; and without the country too, where all loaded
-- publications are of one country. Utility models are numbered apart.

ANALYZE incoming_citation;

CREATE TEMP TABLE publication ON COMMIT DROP AS
SELECT
    publication_number,
    min(patent_id) AS patent_id
FROM clean.patent
WHERE publication_number IS NOT NULL
GROUP BY publication_number;

CREATE TEMP TABLE core_publication ON COMMIT DROP AS
WITH plain AS (
    SELECT
        patent_id,
        publication_number ~ '[0-9][UY][0-9]?$' AS is_utility,
        regexp_replace(
            regexp_replace(publication_number, '^([A-Z]{2})0+', '\1'),
            '([0-9])[A-Z][0-9]?$', '\1'
        ) AS core
    FROM publication
    WHERE publication_number ~ '^[A-Z]{2}[A-Z]{0,2}[0-9]+([A-Z][0-9]?)?$'
),

known_by AS (
    SELECT
        core,
        patent_id,
        is_utility
    FROM plain
    UNION ALL
    SELECT
        substr(core, 3) AS core,
        patent_id,
        is_utility
    FROM plain
    WHERE (
        SELECT count(DISTINCT substr(publication_number, 1, 2)) = 1
        FROM publication
    )
)

SELECT
    core,
    min(patent_id) AS patent_id,
    bool_or(is_utility) AS is_utility
FROM known_by
GROUP BY core
HAVING count(DISTINCT patent_id) = 1;

DELETE FROM publication
USING clean.patent
WHERE
    publication.publication_number = patent.patent_id
    AND ops.setting('cited') = 'any';

ANALYZE publication;
ANALYZE core_publication;

-- Numbers of the file that no patent has as they stand, and the patent they mean.
CREATE TEMP TABLE meant ON COMMIT DROP AS
SELECT
    number.number,
    core_publication.patent_id
FROM (
    SELECT cited_id AS number
    FROM incoming_citation
    UNION
    SELECT citing_id AS number
    FROM incoming_citation
    WHERE ops.setting('cited') = 'any'
) AS number
INNER JOIN core_publication
    ON
        regexp_replace(
            regexp_replace(number.number, '^([A-Z]{2})0+', '\1'), '([0-9])[A-Z][0-9]?$', '\1'
        ) = core_publication.core
        AND (
            number.number !~ '[0-9][A-Z][0-9]?$'
            OR (number.number ~ '[0-9][UY][0-9]?$') = core_publication.is_utility
        )
WHERE
    NOT EXISTS (
        SELECT 1
        FROM publication
        WHERE publication.publication_number = number.number
    )
    AND NOT EXISTS (
        SELECT 1
        FROM clean.patent
        WHERE patent.patent_id = number.number AND ops.setting('cited') = 'any'
    );

ANALYZE meant;

CREATE TEMP TABLE resolved_citation ON COMMIT DROP AS
SELECT
    citation.row_number,
    coalesce(citing.patent_id, meant_citing.patent_id, citation.citing_id) AS citing_id,
    CASE
        WHEN cited.patent_id IS NOT NULL THEN cited.patent_id
        WHEN meant_cited.patent_id IS NOT NULL THEN meant_cited.patent_id
        WHEN same_number.patent_id IS NOT NULL AND ops.setting('cited') = 'publications'
            THEN 'PUBLICATION' || citation.cited_id
        ELSE citation.cited_id
    END AS cited_id,
    citation.citation_date,
    coalesce(meant_citing.patent_id, meant_cited.patent_id) IS NOT NULL AS by_number
FROM incoming_citation AS citation
LEFT JOIN publication AS citing
    ON
        citation.citing_id = citing.publication_number
        AND ops.setting('cited') = 'any'
LEFT JOIN publication AS cited ON citation.cited_id = cited.publication_number
LEFT JOIN meant AS meant_citing
    ON
        citation.citing_id = meant_citing.number
        AND ops.setting('cited') = 'any'
LEFT JOIN meant AS meant_cited ON citation.cited_id = meant_cited.number
LEFT JOIN clean.patent AS same_number ON citation.cited_id = same_number.patent_id;

ANALYZE resolved_citation;
