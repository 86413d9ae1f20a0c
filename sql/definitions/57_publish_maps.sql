-- Layers for QGIS and other map programs: an integer key first, one geometry type, an SRID.

CREATE VIEW publish.cell_map AS
SELECT
    c.cell_key,
    c.measurement_id,
    c.country,
    c.survey_year,
    c.agglomeration_code,
    c.agglomeration_name,
    c.classification,
    c.industry,
    c.industry_name,
    c.industry_name_en,
    c.firms,
    c.output_thousand_cny,
    c.employment,
    c.innovation_scale,
    c.innovation_quality,
    c.kp_outward_scale,
    c.kp_inward_scale,
    c.suppressed,
    a.geom
FROM publish.cell AS c
INNER JOIN reference.agglomeration AS a
    ON c.country = a.country AND c.agglomeration_code = a.agglomeration_code;
COMMENT ON VIEW publish.cell_map IS 'Map layer: publish.cell with the area of the urban agglomeration. Filter by industry and year.';
COMMENT ON COLUMN publish.cell_map.cell_key IS 'Integer key, that of publish.cell.';
COMMENT ON COLUMN publish.cell_map.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN publish.cell_map.country IS 'Country code.';
COMMENT ON COLUMN publish.cell_map.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.cell_map.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.cell_map.agglomeration_name IS 'Its name.';
COMMENT ON COLUMN publish.cell_map.classification IS 'Classification of the industry.';
COMMENT ON COLUMN publish.cell_map.industry IS 'Three-digit industry.';
COMMENT ON COLUMN publish.cell_map.industry_name IS 'Its name.';
COMMENT ON COLUMN publish.cell_map.industry_name_en IS 'Its English name.';
COMMENT ON COLUMN publish.cell_map.firms IS 'Located firms; null: suppressed.';
COMMENT ON COLUMN publish.cell_map.output_thousand_cny IS 'Gross output in thousand yuan; null: suppressed.';
COMMENT ON COLUMN publish.cell_map.employment IS 'Persons employed; null: suppressed.';
COMMENT ON COLUMN publish.cell_map.innovation_scale IS 'Granted patents; null: suppressed.';
COMMENT ON COLUMN publish.cell_map.innovation_quality IS 'Sum of patent value; null: suppressed.';
COMMENT ON COLUMN publish.cell_map.kp_outward_scale IS 'Granted patents of industries it coagglomerates toward; null: suppressed.';
COMMENT ON COLUMN publish.cell_map.kp_inward_scale IS 'Granted patents of industries that coagglomerate toward it; null: suppressed.';
COMMENT ON COLUMN publish.cell_map.suppressed IS 'What is suppressed and why; null: nothing.';
COMMENT ON COLUMN publish.cell_map.geom IS 'Area of the agglomeration, WGS-84.';

CREATE VIEW publish.pair_map AS
SELECT
    (hashtextextended(concat_ws('/', p.measurement_id, p.country, p.survey_year, p.agglomeration_code, p.from_industry, p.to_industry), 0) & 9223372036854775807) AS pair_key,
    p.measurement_id,
    p.country,
    p.survey_year,
    p.agglomeration_code,
    p.from_industry,
    jn.name AS from_name,
    jn.name_en AS from_name_en,
    p.to_industry,
    kn.name AS to_name,
    kn.name_en AS to_name_en,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.index END AS index,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.index_back END AS index_back,
    CASE WHEN j.firms_safe AND k.firms_safe THEN p.phi_95 END AS phi_95,
    CASE WHEN NOT (j.firms_safe AND k.firms_safe) THEN 'few firms' END AS suppressed,
    CASE
        WHEN j.firms_safe AND k.firms_safe
            THEN public.st_setsrid(
                public.st_makeline(
                    public.st_makepoint(j.lon, j.lat), public.st_makepoint(k.lon, k.lat)
                ), 4326
            )
    END::public.GEOMETRY (LINESTRING, 4326) AS geom
FROM panel.industry_pair AS p
INNER JOIN panel.cell_status AS j
    ON
        p.measurement_id = j.measurement_id AND p.country = j.country
        AND p.survey_year = j.survey_year AND p.agglomeration_code = j.agglomeration_code
        AND p.from_industry = j.industry
INNER JOIN panel.cell_status AS k
    ON
        p.measurement_id = k.measurement_id AND p.country = k.country
        AND p.survey_year = k.survey_year AND p.agglomeration_code = k.agglomeration_code
        AND p.to_industry = k.industry
INNER JOIN panel.build AS b
    ON
        p.measurement_id = b.measurement_id AND p.country = b.country
        AND p.survey_year = b.survey_year
LEFT JOIN reference.industry AS jn
    ON b.settings ->> 'classification' = jn.classification AND p.from_industry = jn.industry_code
LEFT JOIN reference.industry AS kn
    ON b.settings ->> 'classification' = kn.classification AND p.to_industry = kn.industry_code;
COMMENT ON VIEW publish.pair_map IS 'Map layer: ordered pairs of the panel as lines from the centre of the firms of j to that of k; pairs of a cell with few firms have neither numbers nor line.';
COMMENT ON COLUMN publish.pair_map.pair_key IS 'Integer key, that of publish.pair.';
COMMENT ON COLUMN publish.pair_map.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN publish.pair_map.country IS 'Country code.';
COMMENT ON COLUMN publish.pair_map.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.pair_map.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.pair_map.from_industry IS 'Industry j.';
COMMENT ON COLUMN publish.pair_map.from_name IS 'Its name.';
COMMENT ON COLUMN publish.pair_map.from_name_en IS 'Its English name.';
COMMENT ON COLUMN publish.pair_map.to_industry IS 'Industry k.';
COMMENT ON COLUMN publish.pair_map.to_name IS 'Its name.';
COMMENT ON COLUMN publish.pair_map.to_name_en IS 'Its English name.';
COMMENT ON COLUMN publish.pair_map.index IS 'Coagg(j -> k); null: suppressed.';
COMMENT ON COLUMN publish.pair_map.index_back IS 'Coagg(k -> j); null: suppressed.';
COMMENT ON COLUMN publish.pair_map.phi_95 IS 'Coagg(j -> k) >= 0.95; null: suppressed.';
COMMENT ON COLUMN publish.pair_map.suppressed IS 'Why the numbers are suppressed; null: they are not.';
COMMENT ON COLUMN publish.pair_map.geom IS 'Line from j to k, WGS-84; null: suppressed.';

CREATE VIEW publish.agglomeration_map AS
WITH cells AS (
    SELECT
        c.measurement_id,
        c.country,
        c.survey_year,
        c.agglomeration_code,
        count(*) AS industries,
        count(*) FILTER (WHERE s.firms_safe) AS published,
        sum(c.firms) FILTER (WHERE s.firms_safe) AS firms,
        sum(c.output_thousand_cny) FILTER (WHERE s.output_safe) AS output_thousand_cny,
        sum(c.employment) FILTER (WHERE s.employment_safe) AS employment,
        sum(c.innovation_scale) FILTER (WHERE s.firms_safe) AS innovation_scale
    FROM panel.industry_cell AS c
    INNER JOIN panel.cell_status AS s
        ON
            c.measurement_id = s.measurement_id AND c.country = s.country
            AND c.survey_year = s.survey_year AND c.agglomeration_code = s.agglomeration_code
            AND c.industry = s.industry
    GROUP BY c.measurement_id, c.country, c.survey_year, c.agglomeration_code
)

SELECT
    (hashtextextended(concat_ws('/', c.measurement_id, c.country, c.survey_year, c.agglomeration_code), 0) & 9223372036854775807) AS agglomeration_key,
    c.measurement_id,
    c.country,
    c.survey_year,
    c.agglomeration_code,
    a.name AS agglomeration_name,
    c.industries,
    c.published,
    c.firms,
    c.output_thousand_cny,
    c.employment,
    c.innovation_scale,
    a.geom
FROM cells AS c
INNER JOIN reference.agglomeration AS a
    ON c.country = a.country AND c.agglomeration_code = a.agglomeration_code;
COMMENT ON VIEW publish.agglomeration_map IS 'Map layer: urban agglomerations with sums over their published cells, and over these alone.';
COMMENT ON COLUMN publish.agglomeration_map.agglomeration_key IS 'Integer key: a hash of the codes.';
COMMENT ON COLUMN publish.agglomeration_map.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN publish.agglomeration_map.country IS 'Country code.';
COMMENT ON COLUMN publish.agglomeration_map.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.agglomeration_map.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN publish.agglomeration_map.agglomeration_name IS 'Its name.';
COMMENT ON COLUMN publish.agglomeration_map.industries IS 'Industries of the panel.';
COMMENT ON COLUMN publish.agglomeration_map.published IS 'Of these, those with enough firms.';
COMMENT ON COLUMN publish.agglomeration_map.firms IS 'Firms of published cells.';
COMMENT ON COLUMN publish.agglomeration_map.output_thousand_cny IS 'Output of cells whose output is published, thousand yuan.';
COMMENT ON COLUMN publish.agglomeration_map.employment IS 'Employment of cells whose employment is published.';
COMMENT ON COLUMN publish.agglomeration_map.innovation_scale IS 'Granted patents of published cells.';
COMMENT ON COLUMN publish.agglomeration_map.geom IS 'Area of the agglomeration, WGS-84.';

CREATE VIEW publish.firm_map AS
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
    f.classification,
    f.industry,
    f.industry_name,
    f.industry_name_en,
    f.output_thousand_cny,
    f.employment,
    f.prefecture_code,
    f.prefecture_name,
    f.agglomeration_code,
    f.pile_up_size,
    f.flags,
    f.geom
FROM clean.firm_located AS f;
COMMENT ON VIEW publish.firm_map IS 'Map layer, confidential: single firms with their names. Only for those to whom names are granted (coagg db grant NAME --names).';
COMMENT ON COLUMN publish.firm_map.firm_key IS 'Integer key made of country, survey year and row number, unique over all; below 2^53, so that every program keeps it exactly.';
COMMENT ON COLUMN publish.firm_map.country IS 'Country code.';
COMMENT ON COLUMN publish.firm_map.survey_year IS 'Survey year.';
COMMENT ON COLUMN publish.firm_map.row_number IS 'Number of the data row in the file.';
COMMENT ON COLUMN publish.firm_map.firm_id IS 'Code of the legal person.';
COMMENT ON COLUMN publish.firm_map.firm_name IS 'Name as received.';
COMMENT ON COLUMN publish.firm_map.classification IS 'Classification of the industry.';
COMMENT ON COLUMN publish.firm_map.industry IS 'Three-digit industry.';
COMMENT ON COLUMN publish.firm_map.industry_name IS 'Its name.';
COMMENT ON COLUMN publish.firm_map.industry_name_en IS 'Its English name.';
COMMENT ON COLUMN publish.firm_map.output_thousand_cny IS 'Gross output in thousand yuan.';
COMMENT ON COLUMN publish.firm_map.employment IS 'Persons employed.';
COMMENT ON COLUMN publish.firm_map.prefecture_code IS 'Prefecture of the point.';
COMMENT ON COLUMN publish.firm_map.prefecture_name IS 'Its name.';
COMMENT ON COLUMN publish.firm_map.agglomeration_code IS 'Urban agglomeration, null outside all.';
COMMENT ON COLUMN publish.firm_map.pile_up_size IS 'Firms of the year at exactly this point.';
COMMENT ON COLUMN publish.firm_map.flags IS 'What is doubtful about the row.';
COMMENT ON COLUMN publish.firm_map.geom IS 'The point, WGS-84.';
