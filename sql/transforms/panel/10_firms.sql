-- Firms of the year by industry and agglomeration. Settings: country, survey_year, classification
-- (of the panel). Firms without an industry, and outside all agglomerations, are in no sum.

CREATE TEMPORARY TABLE firm_cell ON COMMIT DROP AS
SELECT
    f.agglomeration_code,
    f.industry,
    count(*)::integer AS firms,
    (count(*) FILTER (WHERE f.output_thousand_cny > 0))::integer AS output_firms,
    max(f.output_thousand_cny) FILTER (WHERE f.output_thousand_cny > 0)
    / sum(f.output_thousand_cny ORDER BY f.row_number) FILTER (WHERE f.output_thousand_cny > 0) AS output_largest_share,
    (count(*) FILTER (WHERE f.employment > 0))::integer AS employment_firms,
    max(f.employment) FILTER (WHERE f.employment > 0)::double precision
    / sum(f.employment) FILTER (WHERE f.employment > 0) AS employment_largest_share,
    -- in one order, whatever that of the pages: sums in floating point differ in their last places
    avg(f.lon ORDER BY f.row_number) AS lon,
    avg(f.lat ORDER BY f.row_number) AS lat,
    sum(coalesce(f.output_thousand_cny, 0) ORDER BY f.row_number) AS output,
    sum(coalesce(f.employment, 0))::double precision AS employment,
    (count(*) FILTER (WHERE f.doubtful))::integer AS doubtful
FROM clean.cell_firm AS f
WHERE
    f.country = (SELECT ops.setting('country'))
    AND f.survey_year = (SELECT ops.setting('survey_year')::smallint)
    AND f.classification = ops.setting('classification')
    AND f.agglomeration_code IS NOT NULL
GROUP BY f.agglomeration_code, f.industry;

-- shares of nothing are unknown: null, not 0
CREATE TEMPORARY TABLE own_size ON COMMIT DROP AS
WITH totals AS (
    SELECT
        *,
        sum(employment) OVER (PARTITION BY agglomeration_code) AS employment_c,
        sum(employment) OVER (PARTITION BY industry) AS employment_j,
        sum(employment) OVER () AS employment_all,
        sum(output) OVER (PARTITION BY agglomeration_code) AS output_c,
        sum(output) OVER (PARTITION BY industry) AS output_j,
        sum(output) OVER () AS output_all
    FROM pg_temp.firm_cell
    WHERE industry IS NOT NULL
)

SELECT
    agglomeration_code,
    industry,
    firms,
    output,
    employment,
    (employment / nullif(employment_c, 0)) / nullif(employment_j / nullif(employment_all, 0), 0)
        AS location_quotient,
    (output / nullif(output_c, 0)) / nullif(output_j / nullif(output_all, 0), 0)
        AS location_quotient_output
FROM totals;
ANALYZE pg_temp.own_size;
