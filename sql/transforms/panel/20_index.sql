-- The index of the year, both directions of a pair in one row, and the cells it makes.
-- Settings: measurement_id, country, survey_year.

CREATE TEMPORARY TABLE index_pair ON COMMIT DROP AS
WITH measured AS (
    SELECT
        agglomeration_code,
        from_industry,
        to_industry,
        index
    FROM coagglomeration.pair_index
    WHERE
        measurement_id = ops.setting('measurement_id')::integer
        AND country = ops.setting('country')
        AND survey_year = ops.setting('survey_year')::smallint
)

SELECT
    go.agglomeration_code,
    go.from_industry AS j,
    go.to_industry AS k,
    go.index,
    back.index AS index_back
FROM measured AS go
INNER JOIN measured AS back
    ON
        go.agglomeration_code = back.agglomeration_code
        AND go.from_industry = back.to_industry AND go.to_industry = back.from_industry;
ANALYZE pg_temp.index_pair;

CREATE TEMPORARY TABLE cell ON COMMIT DROP AS
SELECT DISTINCT
    agglomeration_code,
    j AS industry
FROM pg_temp.index_pair;
ANALYZE pg_temp.cell;

CREATE TEMPORARY TABLE industry_pair ON COMMIT DROP AS
SELECT DISTINCT
    j,
    k
FROM pg_temp.index_pair;
ANALYZE pg_temp.industry_pair;
