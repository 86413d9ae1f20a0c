-- What ties j to k whatever the agglomeration: input-output, technology, the index of the instruments country.
-- Settings: country, classification, tech (patents or output), io_table (empty: none),
-- uk_measurement_id, uk_survey_year (empty: none).

-- IO(j -> k) = sum over sectors u of j and s of k of weight * weight * direct coefficient(s -> u)
CREATE TEMPORARY TABLE sector ON COMMIT DROP AS
WITH mapped AS (
    -- a map in the panel's classification if there is one, else one that translates to it
    SELECT classification
    FROM reference.io_sector_industry
    WHERE io_table = current_setting('coagg.io_table')
    GROUP BY classification
    ORDER BY classification <> ops.setting('classification'), classification
    LIMIT 1
)

SELECT
    t.from_code AS industry,
    s.sector_code,
    sum(t.weight * s.weight) AS weight
FROM reference.io_sector_industry AS s
INNER JOIN reference.industry_translation AS t
    ON
        s.classification = t.to_classification AND s.industry = t.to_code
        AND t.from_classification = ops.setting('classification')
        AND t.to_classification = (SELECT classification FROM mapped)
WHERE
    s.io_table = current_setting('coagg.io_table')
    AND s.classification = (SELECT classification FROM mapped)
GROUP BY t.from_code, s.sector_code;
ANALYZE pg_temp.sector;

CREATE TEMPORARY TABLE io ON COMMIT DROP AS
WITH known AS (
    SELECT DISTINCT industry FROM pg_temp.sector
),

flows AS (
    SELECT
        j.industry AS j,
        k.industry AS k,
        sum(j.weight * k.weight * f.direct_coefficient) AS io
    FROM reference.io_flow AS f
    INNER JOIN pg_temp.sector AS j ON f.user_sector = j.sector_code
    INNER JOIN pg_temp.sector AS k ON f.supplier = k.sector_code
    WHERE f.io_table = current_setting('coagg.io_table')
    GROUP BY j.industry, k.industry
)

SELECT
    p.j,
    p.k,
    coalesce(f.io, 0) AS io -- both are in the table and nothing flows
FROM pg_temp.industry_pair AS p
INNER JOIN known AS j ON p.j = j.industry
INNER JOIN known AS k ON p.k = k.industry
LEFT JOIN flows AS f ON p.j = f.j AND p.k = f.k;
ANALYZE pg_temp.io;

-- Tech(j -> k) = N_jk / N_j over agglomerations; N counts those with revealed advantage
CREATE TEMPORARY TABLE tech ON COMMIT DROP AS
WITH amount AS (
    SELECT
        agglomeration_code,
        industry,
        scale AS x
    FROM pg_temp.innovation
    WHERE ops.setting('tech') = 'patents'
    UNION ALL
    SELECT
        agglomeration_code,
        industry,
        output
    FROM pg_temp.own_size
    WHERE ops.setting('tech') = 'output'
),

totals AS (
    SELECT
        *,
        sum(x) OVER (PARTITION BY agglomeration_code) AS x_c,
        sum(x) OVER (PARTITION BY industry) AS x_j,
        sum(x) OVER () AS x_all
    FROM amount
),

-- (x_jc / x_c) / (x_j / x) >= 1, without a division
advantage AS (
    SELECT
        agglomeration_code,
        industry
    FROM totals
    WHERE x > 0 AND x * x_all >= x_c * x_j
),

own AS (
    SELECT
        industry,
count(*)::double precision AS n
    FROM advantage
    GROUP BY industry
),

together AS (
    SELECT
        a.industry AS j,
        b.industry AS k,
        count(*) AS n
    FROM advantage AS a
    INNER JOIN advantage AS b ON a.agglomeration_code = b.agglomeration_code
    GROUP BY a.industry, b.industry
)

SELECT
    p.j,
    p.k,
    coalesce(t.n, 0) / own.n AS tech
FROM pg_temp.industry_pair AS p
INNER JOIN own ON p.j = own.industry
LEFT JOIN together AS t ON p.j = t.j AND p.k = t.k;
ANALYZE pg_temp.tech;

-- Groups u of the instruments country (by default the UK) of j and v of k, u <> v; weight: share of u that is j times share of v that is k
CREATE TEMPORARY TABLE uk_link ON COMMIT DROP AS
SELECT
    from_code AS uk_group,
    left(to_code, 3) AS industry,
    sum(weight) AS weight
FROM reference.industry_translation
WHERE
    from_classification = current_setting('coagg.instrument_classification')
    AND to_classification = ops.setting('classification')
    AND length(from_code) = 3
GROUP BY from_code, left(to_code, 3);
ANALYZE pg_temp.uk_link;

CREATE TEMPORARY TABLE uk_pair ON COMMIT DROP AS
SELECT
    from_industry,
    to_industry,
    index
FROM coagglomeration.pair_index
WHERE
    measurement_id = nullif(current_setting('coagg.uk_measurement_id'), '')::integer
    AND survey_year = nullif(current_setting('coagg.uk_survey_year'), '')::smallint
    AND country = ops.setting('instrument_country')
    AND agglomeration_code = ops.setting('instrument_agglomeration');
ANALYZE pg_temp.uk_pair;

CREATE TEMPORARY TABLE uk ON COMMIT DROP AS
SELECT
    j.industry AS j,
    k.industry AS k,
    sum(j.weight * k.weight * p.index) / sum(j.weight * k.weight) AS uk_index,
    sum(j.weight * k.weight * (p.index >= 0.95)::integer) / sum(j.weight * k.weight) AS uk_phi
FROM pg_temp.uk_pair AS p
INNER JOIN pg_temp.uk_link AS j ON p.from_industry = j.uk_group
INNER JOIN pg_temp.uk_link AS k ON p.to_industry = k.uk_group
WHERE j.industry <> k.industry
GROUP BY j.industry, k.industry;
ANALYZE pg_temp.uk;

CREATE TEMPORARY TABLE dependence ON COMMIT DROP AS
SELECT
    p.j,
    p.k,
    io.io,
    io_back.io AS io_back,
    tech.tech,
    tech_back.tech AS tech_back,
    uk.uk_index,
    uk_back.uk_index AS uk_index_back,
    uk.uk_phi,
    uk_back.uk_phi AS uk_phi_back
FROM pg_temp.industry_pair AS p
LEFT JOIN pg_temp.io AS io ON p.j = io.j AND p.k = io.k
LEFT JOIN pg_temp.io AS io_back ON p.j = io_back.k AND p.k = io_back.j
LEFT JOIN pg_temp.tech AS tech ON p.j = tech.j AND p.k = tech.k
LEFT JOIN pg_temp.tech AS tech_back ON p.j = tech_back.k AND p.k = tech_back.j
LEFT JOIN pg_temp.uk AS uk ON p.j = uk.j AND p.k = uk.k
LEFT JOIN pg_temp.uk AS uk_back ON p.j = uk_back.k AND p.k = uk_back.j;
ANALYZE pg_temp.dependence;
