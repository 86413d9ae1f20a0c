-- What the panel of a year is made from: one row an input, its name, count of rows and hash. Sums
-- of row hashes do not depend on the order of rows, and a NULL is a value among others. Only what
-- is used counts: patents of the window and those they cite, firms of their matches, translations
-- between the classifications at hand. Settings: measurement_id, country, survey_year,
-- classification, window_years, io_table, uk_measurement_id, uk_survey_year (the last three empty:
-- none), instrument_country, instrument_agglomeration, instrument_classification.
WITH setting AS MATERIALIZED (
    SELECT
        ops.setting('measurement_id')::integer AS measurement_id,
        ops.setting('country') AS country,
        ops.setting('survey_year')::smallint AS survey_year,
        ops.setting('survey_year')::integer + ops.setting('window_years')::integer - 1 AS last_year,
        ops.setting('classification') AS classification,
        current_setting('coagg.io_table') AS io_table,
        nullif(current_setting('coagg.uk_measurement_id'), '')::integer AS uk_measurement_id,
        nullif(current_setting('coagg.uk_survey_year'), '')::smallint AS uk_survey_year,
        ops.setting('instrument_country') AS instrument_country,
        ops.setting('instrument_agglomeration') AS instrument_agglomeration,
        current_setting('coagg.instrument_classification') AS instrument_classification
),

year_firm AS MATERIALIZED (
    SELECT
        row_number,
        prefecture_code,
        industry,
        doubtful,
        output_thousand_cny,
        employment
    FROM clean.cell_firm
    WHERE
        country = (SELECT s.country FROM setting AS s)
        AND survey_year = (SELECT s.survey_year FROM setting AS s)
        AND classification = (SELECT s.classification FROM setting AS s)
),

counting AS MATERIALIZED (
    SELECT
        patent_id,
        patent_value
    FROM clean.patent
    WHERE
        granted
        AND application_year BETWEEN (SELECT s.survey_year FROM setting AS s)
        AND (SELECT s.last_year FROM setting AS s)
),

citing AS MATERIALIZED (
    SELECT
        c.citing_id,
        c.cited_id
    FROM counting AS p
    INNER JOIN clean.citation AS c ON p.patent_id = c.citing_id
),

wanted_match AS MATERIALIZED (
    SELECT
        m.patent_id,
        m.survey_year,
        m.row_number
    FROM (
        SELECT patent_id FROM counting
        UNION
        SELECT cited_id FROM citing
    ) AS wanted
    INNER JOIN clean.patent_match AS m ON wanted.patent_id = m.patent_id
    WHERE m.country = (SELECT s.country FROM setting AS s)
),

matched_firm AS MATERIALIZED (
    SELECT
        f.survey_year,
        f.row_number,
        f.prefecture_code,
        f.industry,
        f.doubtful
    FROM (
        SELECT DISTINCT
            survey_year,
            row_number
        FROM wanted_match
    ) AS m
    INNER JOIN clean.cell_firm AS f
        ON m.survey_year = f.survey_year AND m.row_number = f.row_number
    WHERE
        f.country = (SELECT s.country FROM setting AS s)
        AND f.classification = (SELECT s.classification FROM setting AS s)
),

mapped AS MATERIALIZED (
    SELECT DISTINCT classification
    FROM reference.io_sector_industry
    WHERE io_table = (SELECT s.io_table FROM setting AS s)
),

-- an input a row of this: its name and the hash of one of its rows
hashed AS (
    SELECT
        'index' AS input,
        hash_record_extended(row(u.agglomeration_code, u.block, u.input_sha256), 0) AS row_hash
    FROM coagglomeration.unit AS u
    INNER JOIN setting AS s
        ON
            u.measurement_id = s.measurement_id AND u.country = s.country
            AND u.survey_year = s.survey_year
    UNION ALL
    SELECT
        'UK index',
        hash_record_extended(row(u.block, u.input_sha256), 0)
    FROM coagglomeration.unit AS u
    INNER JOIN setting AS s
        ON u.measurement_id = s.uk_measurement_id AND u.survey_year = s.uk_survey_year
    WHERE u.country = s.instrument_country AND u.agglomeration_code = s.instrument_agglomeration
    UNION ALL
    SELECT
        'firms',
        hash_record_extended(row(row_number, prefecture_code, output_thousand_cny, employment), 0)
    FROM year_firm
    UNION ALL
    SELECT
        'industries of firms',
        hash_record_extended(row(row_number, industry, doubtful), 0)
    FROM year_firm
    UNION ALL
    SELECT
        'agglomerations',
        hash_record_extended(row(m.prefecture_code, m.agglomeration_code), 0)
    FROM reference.agglomeration_member AS m
    WHERE
        m.assigned
        AND m.country = (SELECT s.country FROM setting AS s)
        AND m.prefecture_code IN (
            SELECT prefecture_code FROM year_firm
            UNION
            SELECT prefecture_code FROM matched_firm
        )
    UNION ALL
    -- areas of one's own have no members: what counts is where each firm stands
    SELECT
        'agglomerations',
        hash_record_extended(row(a.survey_year, a.row_number, a.agglomeration_code), 0)
    FROM clean.firm_area AS a
    INNER JOIN (
        SELECT
            s.survey_year,
            f.row_number
        FROM year_firm AS f
        CROSS JOIN setting AS s
        UNION
        SELECT
            survey_year,
            row_number
        FROM matched_firm
    ) AS f ON a.survey_year = f.survey_year AND a.row_number = f.row_number
    WHERE
        a.country = (SELECT s.country FROM setting AS s)
        AND a.country IN (SELECT c.country FROM reference.area_country AS c)
    UNION ALL
    SELECT
        'patents',
        hash_record_extended(row(patent_id, patent_value), 0)
    FROM counting
    UNION ALL
    SELECT
        'patents',
        hash_record_extended(row(p.patent_id, p.granted), 0)
    FROM (SELECT DISTINCT cited_id FROM citing) AS c
    INNER JOIN clean.patent AS p ON c.cited_id = p.patent_id
    UNION ALL
    SELECT
        'citations',
        hash_record_extended(row(citing_id, cited_id), 0)
    FROM citing
    UNION ALL
    SELECT
        'matches',
        hash_record_extended(row(patent_id, survey_year, row_number), 0)
    FROM wanted_match
    UNION ALL
    SELECT
        'firms of patents',
        hash_record_extended(row(survey_year, row_number, prefecture_code, industry, doubtful), 0)
    FROM matched_firm
    UNION ALL
    SELECT
        'input-output table',
        hash_record_extended(row(f.supplier, f.user_sector, f.direct_coefficient), 0)
    FROM reference.io_flow AS f
    INNER JOIN setting AS s ON f.io_table = s.io_table
    UNION ALL
    SELECT
        'sector map',
        hash_record_extended(row(i.sector_code, i.classification, i.industry, i.weight), 0)
    FROM reference.io_sector_industry AS i
    INNER JOIN setting AS s ON i.io_table = s.io_table
    UNION ALL
    -- weights are sums and quotients: rounded, whatever the order of summing
    SELECT
        'concordances',
        hash_record_extended(
            row(t.from_classification, t.from_code, t.to_classification, t.to_code, round(t.weight::numeric, 9)), 0
        )
    FROM reference.industry_translation AS t
    CROSS JOIN setting AS s
    WHERE
        (
            t.from_classification = s.classification
            AND t.to_classification IN (SELECT i.classification FROM mapped AS i)
        )
        OR (
            s.uk_measurement_id IS NOT NULL
            AND t.from_classification = s.instrument_classification AND t.to_classification = s.classification
        )
)

SELECT
    input,
    count(*)::text AS rows,
    sum(row_hash)::text AS row_hashes
FROM hashed
GROUP BY input
ORDER BY input;
