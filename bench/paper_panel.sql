-- A made world of the paper's size, straight into the tables (used by bench/panel and
-- bench/estimates, bench/queries). Settings: years (comma-separated), firms (rows a year), patents,
-- citations, industries (of an index in China), index (settings of the measurement, JSON).

SELECT setseed(0.5);

CREATE TEMPORARY TABLE place ON COMMIT DROP AS
SELECT
    prefecture_code,
    agglomeration_code,
    public.st_x(middle) AS lon,
    public.st_y(middle) AS lat,
    row_number() OVER (ORDER BY prefecture_code)::integer AS number
FROM reference.agglomeration_member
INNER JOIN (
    SELECT
        country,
        prefecture_code,
        public.st_pointonsurface(geom) AS middle
    FROM reference.prefecture
) AS p USING (country, prefecture_code)
WHERE country = 'CN' AND assigned;

-- firms carry the codes of 2011; the panel translates them to 163 industries of 2002
CREATE TEMPORARY TABLE code ON COMMIT DROP AS
SELECT
    industry_code,
    row_number() OVER (ORDER BY industry_code)::integer AS number
FROM reference.industry
WHERE classification = 'gbt4754_2011' AND level = 4 AND industry_code BETWEEN '13' AND '44';

CREATE TEMPORARY TABLE j ON COMMIT DROP AS
SELECT
    industry_code AS industry,
    row_number() OVER (ORDER BY industry_code)::integer AS number
FROM reference.industry
WHERE classification = 'gbt4754_2002' AND level = 3 AND industry_code BETWEEN '13' AND '44'
ORDER BY industry_code LIMIT ops.setting('industries')::integer;

INSERT INTO clean.firm (
    country, survey_year, row_number, firm_id, firm_name, industry_code, industry, classification,
    source_lon, source_lat, lon, lat, prefecture_code, own_prefecture_code, distance_to_own_km,
    pile_up_size, flags,
    output_thousand_cny, employment
)
SELECT
    'CN',
    y.survey_year,
    n,
    n::text,
    'firm ' || n,
    c.industry_code,
    left(c.industry_code, 3),
    'gbt4754_2011',
    p.lon,
    p.lat,
    -- two in a hundred at one point of their prefecture
    p.lon + (n % 50 > 0)::integer * 0.3 * (random() - 0.5),
    p.lat + (n % 50 > 0)::integer * 0.3 * (random() - 0.5),
    p.prefecture_code,
    p.prefecture_code,
    (n % 20 = 0)::integer * 100 * random(),
    1,
    CASE WHEN n % 50 = 0 THEN '{pile_up}'::text [] ELSE '{}' END,
    (1000 * random())::integer,
    (500 * random())::integer
FROM unnest(string_to_array(ops.setting('years'), ',')::smallint []) AS y (survey_year)
CROSS JOIN generate_series(1, ops.setting('firms')::integer) AS n
INNER JOIN code AS c ON c.number = 1 + (hashint4(n) & 2147483647) % (SELECT count(*) FROM code)
INNER JOIN place AS p ON p.number = 1 + (hashint4(n + 7) & 2147483647) % (SELECT count(*) FROM place);

INSERT INTO clean.patent (
    patent_id, dataset, row_number, application_date, granted, patent_value, flags
)
SELECT
    'P' || n,
    'made',
    n,
    make_date(1998 + n % 23, 6, 1),
    n % 5 > 0,
    10 * random(),
    '{}'
FROM generate_series(1, ops.setting('patents')::integer) AS n;

-- each matched to a firm of the survey year nearest its application
INSERT INTO clean.patent_match (
    patent_id, position, country, survey_year, row_number, panel_id, stage, score, evidence
)
SELECT
    'P' || n,
    1,
    'CN',
    near.survey_year,
    -- a few firms hold many patents
    1 + floor(ops.setting('firms')::integer * random() * random())::integer,
    n,
    'code',
    1,
    'made'
FROM generate_series(1, ops.setting('patents')::integer) AS n
CROSS JOIN LATERAL (
    SELECT y.survey_year
    FROM unnest(string_to_array(ops.setting('years'), ',')::smallint []) AS y (survey_year)
    ORDER BY abs(y.survey_year - 1998 - n % 23), y.survey_year LIMIT 1
) AS near;

INSERT INTO clean.citation (citing_id, cited_id, dataset)
SELECT
    'P' || 1 + floor(ops.setting('patents')::integer * random()),
    'P' || 1 + floor(ops.setting('patents')::integer * random()),
    'made'
FROM generate_series(1, ops.setting('citations')::integer)
ON CONFLICT DO NOTHING;

INSERT INTO reference.io_table VALUES ('made', 2012, 'unit', 139, '{}');
INSERT INTO reference.io_sector
SELECT
    'made',
    's' || n,
    'sector ' || n,
    100
FROM generate_series(1, 139) AS n;
INSERT INTO reference.io_flow
SELECT
    'made',
    's' || a,
    's' || b,
    1,
    random() / 139
FROM generate_series(1, 139) AS a CROSS JOIN generate_series(1, 139) AS b;
INSERT INTO reference.io_sector_industry
SELECT
    'made',
    's' || 1 + number % 139,
    'gbt4754_2002',
    industry,
    1,
    FALSE,
    'made'
FROM j;

INSERT INTO coagglomeration.measurement (
    settings_sha256, method, cost, draws, seed, min_firms, pile_ups, direction, settings
)
SELECT
    'made ' || country,
    'calibrated',
    'sqeuclidean',
    1000,
    1,
    1,
    'keep',
    'from-fixed',
    settings
FROM (
    VALUES ('CN', ops.setting('index')::jsonb), ('GB', '{}'::jsonb)
) AS made (country, settings);
UPDATE coagglomeration.measurement SET classification = settings ->> 'classification'
WHERE settings_sha256 = 'made CN';

CREATE TEMPORARY TABLE measured ON COMMIT DROP AS
SELECT
    m.measurement_id,
    'CN' AS country,
    y.survey_year,
    a.agglomeration_code
FROM coagglomeration.measurement AS m
CROSS JOIN unnest(string_to_array(ops.setting('years'), ',')::smallint []) AS y (survey_year)
CROSS JOIN (SELECT DISTINCT agglomeration_code FROM place) AS a
WHERE m.settings_sha256 = 'made CN'
UNION ALL
SELECT
    measurement_id,
    'GB',
    2013::smallint,
    'UK'
FROM coagglomeration.measurement WHERE settings_sha256 = 'made GB';

-- industries of each country, sixteen to a unit of work
CREATE TEMPORARY TABLE side ON COMMIT DROP AS
SELECT
    country,
    industry,
    (row_number() OVER (PARTITION BY country ORDER BY industry) - 1) / 16 AS block
FROM (
    SELECT
        'CN' AS country,
        industry
    FROM j
    UNION ALL
    SELECT
        'GB',
        industry_code
    FROM reference.industry
    WHERE classification = 'uksic2007' AND level = 3
) AS both_countries;

INSERT INTO coagglomeration.unit_version (
    measurement_id, country, survey_year, agglomeration_code, block, fixed_industries, firms, pairs,
    points_sha256, input_sha256, inputs, code_version, cpu_seconds
)
SELECT
    m.measurement_id,
    m.country,
    m.survey_year,
    m.agglomeration_code,
    s.block,
    array_agg(s.industry ORDER BY s.industry),
    1,
    count(*) * (n.industries - 1),
    'made',
    'made',
    '{}',
    'made',
    0
FROM measured AS m
INNER JOIN side AS s ON m.country = s.country
INNER JOIN (
    SELECT
        country,
        count(*) AS industries
    FROM side
    GROUP BY country
) AS n ON m.country = n.country
GROUP BY
    m.measurement_id, m.country, m.survey_year, m.agglomeration_code, s.block, n.industries
ORDER BY 1, 2, 3, 4, 5;

INSERT INTO coagglomeration.pair_version (
    measurement_id, country, survey_year, agglomeration_code, block, fixed_industry,
    redrawn_industry, fixed_firms, redrawn_firms, observed_cost, null_mean, null_sd, index,
    standard_error, exact_draws, unit_id
)
SELECT
    u.measurement_id,
    u.country,
    u.survey_year,
    u.agglomeration_code,
    u.block,
    a.industry,
    b.industry,
    5,
    5,
    1,
    1,
    1,
    round(random()::numeric, 3)::double precision,
    0.01,
    40,
    u.unit_id
FROM coagglomeration.unit_version AS u
CROSS JOIN unnest(u.fixed_industries) AS a (industry)
INNER JOIN side AS b ON u.country = b.country AND a.industry <> b.industry
ORDER BY 1, 2, 3, 4, 6, 7;
