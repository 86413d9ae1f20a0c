-- The year, whole: rows with their place, pile-up and flags, ready to be written to its partition.

CREATE TEMP VIEW cleaned_firm AS
SELECT
    firm.row_number,
    firm.firm_id,
    firm.firm_name,
    firm.legal_representative,
    firm.phone,
    firm.postal_code,
    firm.address,
    firm.main_product,
    firm.established_year,
    firm.place_code,
    firm.industry_code,
    firm.industry,
    firm.output_thousand_cny,
    firm.employment,
    firm.source_lon,
    firm.source_lat,
    firm.lon,
    firm.lat,
    placed.prefecture_code,
    CASE
        WHEN own.place_code IS NULL THEN NULL
        ELSE coalesce(distance.prefecture_code, placed.prefecture_code)
    END AS own_prefecture_code,
    firm.unreadable,
    point.pile_up_size,
    year.country,
    year.survey_year,
    year.classification,
    CASE
        WHEN own.place_code IS NULL THEN NULL
        ELSE coalesce(distance.distance_km, 0)
    END AS distance_to_own_km,
    CASE
        WHEN
            placed.beside_polygon
            OR distance.point_id IS NOT NULL
            OR (firm.place_code IS NOT NULL AND own.place_code IS NULL)
            OR pile_up.point_id IS NOT NULL
            OR shared_id.firm_id IS NOT NULL
            OR plant.firm_id IS NOT NULL
            THEN firm.flags || array_remove(ARRAY[
                CASE WHEN placed.beside_polygon THEN 'beside_polygon' END,
                CASE WHEN distance.point_id IS NOT NULL THEN 'outside_own_prefecture' END,
                CASE
                    WHEN firm.place_code IS NOT NULL AND own.place_code IS NULL THEN 'place_unknown'
                END,
                CASE WHEN pile_up.point_id IS NOT NULL THEN 'pile_up' END,
                CASE WHEN shared_id.firm_id IS NOT NULL THEN 'shared_id' END,
                CASE WHEN plant.firm_id IS NOT NULL THEN 'establishment' END
            ], NULL)
        ELSE firm.flags
    END AS flags
FROM incoming_firm AS firm
INNER JOIN firm_point ON firm.row_number = firm_point.row_number
INNER JOIN incoming_point AS point ON firm_point.point_id = point.point_id
INNER JOIN point_place AS placed ON firm_point.point_id = placed.point_id
LEFT JOIN own_prefecture AS own ON firm.place_code = own.place_code
LEFT JOIN own_distance AS distance
    ON firm_point.point_id = distance.point_id AND firm.place_code = distance.place_code
LEFT JOIN pile_up ON firm_point.point_id = pile_up.point_id
LEFT JOIN shared_id ON firm.firm_id = shared_id.firm_id
LEFT JOIN establishment AS plant
    ON firm.firm_id = plant.firm_id AND coalesce(firm.firm_name, '') = plant.firm_name
-- settings are asked once, not in every row
CROSS JOIN (
    SELECT
        ops.setting('country') AS country,
        ops.setting('survey_year')::smallint AS survey_year,
        nullif(current_setting('coagg.classification', TRUE), '') AS classification
    LIMIT 1
) AS year
ORDER BY placed.prefecture_code, firm.row_number; -- a cell is read in one piece
