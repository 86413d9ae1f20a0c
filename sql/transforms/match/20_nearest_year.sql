-- The row of each picked firm whose survey year is nearest to the application; the earlier on ties.

ANALYZE pick;

CREATE TEMPORARY TABLE nearest ON COMMIT DROP AS
SELECT DISTINCT ON (wanted.panel_id, wanted.application_year)
    wanted.panel_id,
    wanted.application_year,
    firm.survey_year,
    firm.row_number
FROM (
    SELECT DISTINCT
        pick.panel_id,
        applicant_year.application_year
    FROM pick
    INNER JOIN applicant_year ON pick.key_id = applicant_year.key_id
    WHERE pick.taken
) AS wanted
INNER JOIN clean.firm_panel AS firm
    ON
        wanted.panel_id = firm.panel_id
        AND firm.country = ops.setting('country')
        AND abs(firm.survey_year - wanted.application_year) <= ops.setting('max_years')::integer
ORDER BY
    wanted.panel_id ASC, wanted.application_year ASC,
    abs(firm.survey_year - wanted.application_year) ASC, firm.survey_year ASC;
ANALYZE nearest;

-- what each applicant may be in each year: `fits` firms; only one is a match
CREATE TEMPORARY TABLE choice ON COMMIT DROP AS
SELECT
    applicant_year.key_id,
    applicant_year.application_year,
    applicant_year.applicants,
    applicant_year.patents,
    pick.panel_id,
    pick.firm_name,
    pick.stage,
    pick.score,
    pick.evidence,
    pick.reason,
    nearest.survey_year,
    nearest.row_number,
    count(*) OVER (PARTITION BY applicant_year.key_id, applicant_year.application_year) AS fits
FROM applicant_year
INNER JOIN pick ON applicant_year.key_id = pick.key_id
INNER JOIN nearest
    ON
        pick.panel_id = nearest.panel_id
        AND applicant_year.application_year = nearest.application_year
WHERE pick.taken;
CREATE INDEX ON choice (key_id, application_year);
ANALYZE choice;
