-- One row: what the panel of a year is built from, as text to hash. Sums of row hashes do not
-- depend on the order of rows. Settings: measurement_id, country, survey_year, io_table,
-- uk_measurement_id, uk_survey_year (the last three empty: none).
SELECT concat_ws(
    E'\n',
    (
        SELECT string_agg(agglomeration_code || block || input_sha256, ',' ORDER BY agglomeration_code, block)
        FROM coagglomeration.unit
        WHERE
            measurement_id = ops.setting('measurement_id')::integer
            AND country = ops.setting('country')
            AND survey_year = ops.setting('survey_year')::smallint
    ),
    (
        SELECT string_agg(block || input_sha256, ',' ORDER BY block)
        FROM coagglomeration.unit
        WHERE
            measurement_id = nullif(current_setting('coagg.uk_measurement_id'), '')::integer
            AND survey_year = nullif(current_setting('coagg.uk_survey_year'), '')::smallint
            AND country = 'GB' AND agglomeration_code = 'UK'
    ),
    (
        -- rows of all years: a match may name any of them
        SELECT string_agg(survey_year || file_sha256 || settings_sha256, ',' ORDER BY survey_year)
        FROM ops.load
        WHERE country = ops.setting('country') AND superseded_at IS NULL
    ),
    (
        SELECT
            sum(hashtextextended(concat_ws(
                '|', row_number, coalesce(industry_code, '-'), coalesce(industry, '-'),
                coalesce(classification, '-'), coalesce(output_thousand_cny::text, '-'),
                coalesce(employment::text, '-'), prefecture_code
            ), 0))::text
        FROM clean.firm
        WHERE
            country = (SELECT ops.setting('country'))
            AND survey_year = (SELECT ops.setting('survey_year')::smallint)
    ),
    (
        SELECT string_agg(kind || dataset || file_sha256 || settings_sha256, ',' ORDER BY kind, dataset)
        FROM ops.input_load
        WHERE kind IN ('patents', 'citations') AND superseded_at IS NULL
    ),
    (
        SELECT
            sum(hashtextextended(concat_ws(
                '|', patent_id, application_year, granted, coalesce(patent_value::text, '-')
            ), 0))::text
        FROM clean.patent
    ),
    (SELECT count(*)::text FROM clean.citation),
    (
        SELECT
            sum(hashtextextended(
                concat_ws('|', patent_id, position, country, survey_year, row_number), 0
            ))::text
        FROM clean.patent_match
    ),
    (
        SELECT
            sum(hashtextextended(
                concat_ws('|', supplier, user_sector, direct_coefficient), 0
            ))::text
        FROM reference.io_flow
        WHERE io_table = current_setting('coagg.io_table')
    ),
    (
        SELECT
            sum(hashtextextended(
                concat_ws('|', sector_code, classification, industry, weight), 0
            ))::text
        FROM reference.io_sector_industry
        WHERE io_table = current_setting('coagg.io_table')
    ),
    (
        SELECT
            sum(hashtextextended(concat_ws(
                '|', from_classification, from_code, to_classification, to_code, weight, doubtful
            ), 0))::text
        FROM reference.industry_concordance
    ),
    (
        SELECT sum(hashtextextended(concat_ws('|', agglomeration_code, prefecture_code), 0))::text
        FROM reference.agglomeration_member
        WHERE country = ops.setting('country') AND assigned
    )
) AS fingerprint;
