-- Which urban agglomeration a firm belongs to: that of its prefecture, or, where a country's
-- agglomerations are areas of their own, the area that its point stands in. The one place that says
-- so. Two branches, so that a question about one agglomeration reads the firms of that one alone.
CREATE VIEW clean.firm_placed AS
SELECT
    f.country,
    f.survey_year,
    f.row_number,
    f.firm_id,
    f.firm_name,
    f.industry_code,
    f.industry,
    f.classification,
    f.output_thousand_cny,
    f.employment,
    f.prefecture_code,
    m.agglomeration_code,
    f.pile_up_size,
    f.flags,
    f.lon,
    f.lat,
    f.geom
FROM clean.firm AS f
LEFT JOIN reference.agglomeration_member AS m
    ON f.country = m.country AND f.prefecture_code = m.prefecture_code AND m.assigned
WHERE f.country NOT IN (SELECT country FROM reference.area_country)
UNION ALL
SELECT
    f.country,
    f.survey_year,
    f.row_number,
    f.firm_id,
    f.firm_name,
    f.industry_code,
    f.industry,
    f.classification,
    f.output_thousand_cny,
    f.employment,
    f.prefecture_code,
    a.agglomeration_code,
    f.pile_up_size,
    f.flags,
    f.lon,
    f.lat,
    f.geom
FROM reference.area_country AS c
INNER JOIN clean.firm AS f ON c.country = f.country
LEFT JOIN clean.firm_area AS a
    ON f.country = a.country AND f.survey_year = a.survey_year AND f.row_number = a.row_number;
COMMENT ON VIEW clean.firm_placed IS 'Firms with their urban agglomeration: by prefecture, or by the point where a country has areas of its own.';
COMMENT ON COLUMN clean.firm_placed.country IS 'Country code.';
COMMENT ON COLUMN clean.firm_placed.survey_year IS 'Survey year.';
COMMENT ON COLUMN clean.firm_placed.row_number IS 'Number of the data row in the file.';
COMMENT ON COLUMN clean.firm_placed.firm_id IS 'Code of the legal person.';
COMMENT ON COLUMN clean.firm_placed.firm_name IS 'Name as received.';
COMMENT ON COLUMN clean.firm_placed.industry_code IS 'Industry code as received, with lost leading zeros restored.';
COMMENT ON COLUMN clean.firm_placed.industry IS 'Three-digit industry; null when missing or unknown.';
COMMENT ON COLUMN clean.firm_placed.classification IS 'Classification of the survey year, null where its codes fit none.';
COMMENT ON COLUMN clean.firm_placed.output_thousand_cny IS 'Gross output in thousand yuan.';
COMMENT ON COLUMN clean.firm_placed.employment IS 'Persons employed.';
COMMENT ON COLUMN clean.firm_placed.prefecture_code IS 'Prefecture of the point.';
COMMENT ON COLUMN clean.firm_placed.agglomeration_code IS 'Urban agglomeration, null outside all.';
COMMENT ON COLUMN clean.firm_placed.pile_up_size IS 'Firms of the year at exactly this point.';
COMMENT ON COLUMN clean.firm_placed.flags IS 'What is doubtful about the row.';
COMMENT ON COLUMN clean.firm_placed.lon IS 'Longitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.firm_placed.lat IS 'Latitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.firm_placed.geom IS 'The point, WGS-84.';

-- Who stands in a cell: the one statement that says which firms of a year and urban agglomeration
-- belong to which industry under which classification. Ask for one classification:
--   WHERE country = 'CN' AND survey_year = 2013 AND agglomeration_code = 'CY' AND classification = 'own'
-- classification 'own' is each firm's code as its survey year has it; a measurement names its own in
-- coagglomeration.measurement.classification.

CREATE VIEW clean.cell_firm AS
SELECT
    f.country,
    f.survey_year,
    f.agglomeration_code,
    f.prefecture_code,
    f.row_number,
    'own' AS classification,
    f.classification AS own_classification,
    f.industry,
    FALSE AS doubtful,
    f.output_thousand_cny,
    f.employment,
    f.lon,
    f.lat,
    f.flags @> '{pile_up}' AS pile_up
FROM clean.firm_placed AS f
UNION ALL
-- translated: four digits decide where the code has four
SELECT
    f.country,
    f.survey_year,
    f.agglomeration_code,
    f.prefecture_code,
    f.row_number,
    t.classification,
    f.classification AS own_classification,
    CASE
        WHEN f.classification = t.classification THEN f.industry
        ELSE coalesce(four.industry, three.industry)
    END AS industry,
    CASE
        WHEN f.classification = t.classification THEN FALSE
        ELSE coalesce(four.doubtful, three.doubtful, FALSE)
    END AS doubtful,
    f.output_thousand_cny,
    f.employment,
    f.lon,
    f.lat,
    f.flags @> '{pile_up}' AS pile_up
FROM clean.firm_placed AS f
CROSS JOIN (SELECT DISTINCT classification FROM reference.industry) AS t
LEFT JOIN reference.harmonised_industry AS four
    ON
        f.classification = four.from_classification AND f.industry_code = four.from_code
        AND t.classification = four.to_classification AND length(four.from_code) = 4
LEFT JOIN reference.harmonised_industry AS three
    ON
        f.classification = three.from_classification AND f.industry = three.from_code
        AND t.classification = three.to_classification AND length(three.from_code) = 3;
COMMENT ON VIEW clean.cell_firm IS 'Firms of each year and urban agglomeration with their industry under a classification: ask for one (own, gbt4754_2002 ...).';
COMMENT ON COLUMN clean.cell_firm.country IS 'Country code.';
COMMENT ON COLUMN clean.cell_firm.survey_year IS 'Survey year.';
COMMENT ON COLUMN clean.cell_firm.agglomeration_code IS 'Urban agglomeration, null outside all.';
COMMENT ON COLUMN clean.cell_firm.prefecture_code IS 'Prefecture of the point.';
COMMENT ON COLUMN clean.cell_firm.row_number IS 'Number of the data row in the file.';
COMMENT ON COLUMN clean.cell_firm.classification IS 'Classification of the column industry; own: the code as the survey year has it.';
COMMENT ON COLUMN clean.cell_firm.own_classification IS 'Classification of the survey year, null where its codes fit none.';
COMMENT ON COLUMN clean.cell_firm.industry IS 'Three-digit industry; null when unknown or without a translation.';
COMMENT ON COLUMN clean.cell_firm.doubtful IS 'Whether the translation is doubtful.';
COMMENT ON COLUMN clean.cell_firm.output_thousand_cny IS 'Gross output in thousand yuan.';
COMMENT ON COLUMN clean.cell_firm.employment IS 'Persons employed.';
COMMENT ON COLUMN clean.cell_firm.lon IS 'Longitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.cell_firm.lat IS 'Latitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.cell_firm.pile_up IS 'Whether the point is a likely fall-back point of the geocoder.';

CREATE VIEW clean.firm_located AS
SELECT
    (
        ((ascii(left(f.country, 1)) - 65) * 26 + ascii(right(f.country, 1)) - 65)
        * 8796093022208::bigint
        + f.survey_year * 2147483648::bigint + f.row_number
    ) AS firm_key,
    f.country,
    f.survey_year,
    f.row_number,
    f.firm_id,
    f.firm_name,
    f.industry,
    i.name AS industry_name,
    i.name_en AS industry_name_en,
    f.classification,
    f.output_thousand_cny,
    f.employment,
    f.prefecture_code,
    p.name AS prefecture_name,
    f.agglomeration_code,
    f.pile_up_size,
    f.flags,
    f.lon,
    f.lat,
    f.geom
FROM clean.firm_placed AS f
INNER JOIN reference.prefecture AS p
    ON f.country = p.country AND f.prefecture_code = p.prefecture_code
LEFT JOIN reference.industry AS i
    ON f.classification = i.classification AND f.industry = i.industry_code;
COMMENT ON VIEW clean.firm_located IS 'Firms with the names of their industry and prefecture and their urban agglomeration (null outside all): for maps and ad-hoc questions.';
COMMENT ON COLUMN clean.firm_located.firm_key IS 'Integer key made of country, survey year and row number, unique over all; below 2^53, so that every program keeps it exactly.';
COMMENT ON COLUMN clean.firm_located.country IS 'Country code.';
COMMENT ON COLUMN clean.firm_located.survey_year IS 'Survey year.';
COMMENT ON COLUMN clean.firm_located.row_number IS 'Number of the data row in the file.';
COMMENT ON COLUMN clean.firm_located.firm_id IS 'Code of the legal person.';
COMMENT ON COLUMN clean.firm_located.firm_name IS 'Name as received.';
COMMENT ON COLUMN clean.firm_located.industry IS 'Three-digit industry.';
COMMENT ON COLUMN clean.firm_located.industry_name IS 'Name of the industry in the classification.';
COMMENT ON COLUMN clean.firm_located.industry_name_en IS 'English name of the industry.';
COMMENT ON COLUMN clean.firm_located.classification IS 'Revision of the classification.';
COMMENT ON COLUMN clean.firm_located.output_thousand_cny IS 'Gross output in thousand yuan.';
COMMENT ON COLUMN clean.firm_located.employment IS 'Persons employed.';
COMMENT ON COLUMN clean.firm_located.prefecture_code IS 'Prefecture of the point.';
COMMENT ON COLUMN clean.firm_located.prefecture_name IS 'Name of the prefecture.';
COMMENT ON COLUMN clean.firm_located.agglomeration_code IS 'Urban agglomeration, null outside all.';
COMMENT ON COLUMN clean.firm_located.pile_up_size IS 'Firms of the year at exactly this point.';
COMMENT ON COLUMN clean.firm_located.flags IS 'What is doubtful about the row.';
COMMENT ON COLUMN clean.firm_located.lon IS 'Longitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.firm_located.lat IS 'Latitude, WGS-84 degrees.';
COMMENT ON COLUMN clean.firm_located.geom IS 'The point, WGS-84.';
