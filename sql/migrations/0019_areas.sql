-- Agglomerations that are areas of their own: which countries have them, and the area of each firm.

CREATE TABLE reference.area_country (
    country text PRIMARY KEY,
    file_name text NOT NULL
);
COMMENT ON TABLE reference.area_country IS 'Countries whose agglomerations are areas of their own: a firm belongs by its point, not by its prefecture, and there are no members.';
COMMENT ON COLUMN reference.area_country.country IS 'Country code.';
COMMENT ON COLUMN reference.area_country.file_name IS 'File the areas came from.';

CREATE TABLE clean.firm_area (
    country text NOT NULL,
    survey_year smallint NOT NULL,
    row_number integer NOT NULL,
    agglomeration_code text NOT NULL,
    PRIMARY KEY (country, survey_year, row_number)
);
CREATE INDEX firm_area_agglomeration ON clean.firm_area (country, survey_year, agglomeration_code);
COMMENT ON TABLE clean.firm_area IS 'Area of each firm that stands in one, in the countries of reference.area_country; written when a year or the areas are loaded.';
COMMENT ON COLUMN clean.firm_area.country IS 'Country code.';
COMMENT ON COLUMN clean.firm_area.survey_year IS 'Survey year.';
COMMENT ON COLUMN clean.firm_area.row_number IS 'Number of the data row in the file, as in clean.firm.';
COMMENT ON COLUMN clean.firm_area.agglomeration_code IS 'Urban agglomeration whose area holds the point; the lowest code on a shared border.';

COMMENT ON TABLE reference.agglomeration IS 'Urban agglomerations: their assigned prefectures, dissolved, or areas of their own (reference.area_country).';
COMMENT ON COLUMN reference.agglomeration.basis IS 'Plan the list of members rests on, or the file of the areas.';
COMMENT ON COLUMN reference.agglomeration.geom IS 'Assigned prefectures dissolved, or the area of its own, WGS-84. A member that belongs only in part is taken whole.';
