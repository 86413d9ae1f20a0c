-- Applicants: one row each with its year, and the distinct combinations that matching looks at.

CREATE TEMPORARY TABLE applicant_row ON COMMIT DROP AS
SELECT
    applicant.patent_id,
    applicant.position,
    patent.application_year,
    -- 64 bits: two of ten million combinations fall together once in several hundred thousand runs
    hashtextextended(
        concat_ws(
            chr(31), applicant.name, coalesce(applicant.organisation_code, ''),
            coalesce(applicant.place_code, ''), coalesce(left(applicant.address, 12), '')
        ), 0
    ) AS key_id
FROM clean.patent_applicant AS applicant
INNER JOIN clean.patent AS patent ON applicant.patent_id = patent.patent_id;

CREATE TEMPORARY TABLE applicant_key ON COMMIT DROP AS
SELECT
    hashtextextended(
        concat_ws(
            chr(31), applicant.name, coalesce(applicant.organisation_code, ''),
            coalesce(applicant.place_code, ''), coalesce(left(applicant.address, 12), '')
        ), 0
    ) AS key_id,
    min(applicant.name) AS name,
    min(applicant.organisation_code) AS organisation_code,
    min(applicant.place_code) AS place_code,
    min(left(applicant.address, 12)) AS address_head,
    count(*)::bigint AS applicants
FROM clean.patent_applicant AS applicant
GROUP BY key_id;

CREATE TEMPORARY TABLE applicant_year ON COMMIT DROP AS
SELECT
    key_id,
    application_year,
    count(*)::integer AS applicants,
    count(DISTINCT patent_id)::integer AS patents
FROM applicant_row
GROUP BY key_id, application_year;

CREATE TEMPORARY TABLE pick (
    key_id bigint NOT NULL,
    panel_id bigint NOT NULL,
    firm_name text NOT NULL,
    stage text NOT NULL,
    score double precision NOT NULL,
    evidence text NOT NULL,
    taken boolean NOT NULL,
    reason text NOT NULL
) ON COMMIT DROP;
ANALYZE applicant_row;
ANALYZE applicant_key;
ANALYZE applicant_year;
