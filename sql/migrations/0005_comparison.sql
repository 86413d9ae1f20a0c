-- Comparison indices on the same points as the index; one set of settings a cell, replaced in whole.

CREATE TABLE coagglomeration.comparison_cell (
    country text NOT NULL,
    survey_year smallint NOT NULL,
    agglomeration_code text NOT NULL,
    draws integer NOT NULL CHECK (draws > 0),
    seed bigint NOT NULL,
    min_firms integer NOT NULL CHECK (min_firms > 0),
    pile_ups text NOT NULL CHECK (pile_ups IN ('keep', 'drop', 'spread')),
    firms integer NOT NULL,
    weights text NOT NULL CHECK (weights IN ('employment', 'firms')),
    without_employment integer NOT NULL,
    areas integer NOT NULL,
    diversification double precision,
    points_sha256 text NOT NULL,
    input_sha256 text NOT NULL,
    code_version text NOT NULL,
    cpu_seconds double precision NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (country, survey_year, agglomeration_code)
);
COMMENT ON TABLE coagglomeration.comparison_cell IS 'Ledger of the cells whose comparison indices are computed, with what they were computed from.';
COMMENT ON COLUMN coagglomeration.comparison_cell.country IS 'Country code.';
COMMENT ON COLUMN coagglomeration.comparison_cell.survey_year IS 'Survey year.';
COMMENT ON COLUMN coagglomeration.comparison_cell.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN coagglomeration.comparison_cell.draws IS 'Counterfactual draws of Duranton-Overman and permutations of the colocation quotient.';
COMMENT ON COLUMN coagglomeration.comparison_cell.seed IS 'Seed of the draws.';
COMMENT ON COLUMN coagglomeration.comparison_cell.min_firms IS 'Firms an industry needs in the cell to enter, as in the measurement compared with.';
COMMENT ON COLUMN coagglomeration.comparison_cell.pile_ups IS 'What was done with firms at pile-ups, as in the measurement compared with.';
COMMENT ON COLUMN coagglomeration.comparison_cell.firms IS 'Firms in the pool.';
COMMENT ON COLUMN coagglomeration.comparison_cell.weights IS 'What shares are made of: employment, or firms where no firm of the year has employment.';
COMMENT ON COLUMN coagglomeration.comparison_cell.without_employment IS 'Firms of the pool without employment: no weight in shares, still points.';
COMMENT ON COLUMN coagglomeration.comparison_cell.areas IS 'Prefectures with firms, the areas of Ellison-Glaeser(-Kerr).';
COMMENT ON COLUMN coagglomeration.comparison_cell.diversification IS 'Inverse Herfindahl of the shares of three-digit industries: 1 (one industry) to their number.';
COMMENT ON COLUMN coagglomeration.comparison_cell.points_sha256 IS 'Hash over the cell''s firms: row numbers, points and industries, in order; as in unit.';
COMMENT ON COLUMN coagglomeration.comparison_cell.input_sha256 IS 'Hash over points, weights, areas, the year''s totals, settings and code version; unchanged: the cell is skipped.';
COMMENT ON COLUMN coagglomeration.comparison_cell.code_version IS 'Version of the code that computed it.';
COMMENT ON COLUMN coagglomeration.comparison_cell.cpu_seconds IS 'CPU time.';
COMMENT ON COLUMN coagglomeration.comparison_cell.finished_at IS 'When the cell was committed.';

CREATE TABLE coagglomeration.comparison (
    country text NOT NULL,
    survey_year smallint NOT NULL,
    agglomeration_code text NOT NULL,
    fixed_industry text NOT NULL,
    redrawn_industry text NOT NULL,
    comparison text NOT NULL
    CHECK (comparison IN ('ellison_glaeser_kerr', 'duranton_overman', 'colocation_quotient')),
    value double precision,
    p_value double precision CHECK (p_value BETWEEN 0 AND 1),
    verdict text NOT NULL CHECK (verdict IN ('near', 'apart', 'neither', 'untested')),
    fixed_firms integer NOT NULL,
    redrawn_firms integer NOT NULL,
    PRIMARY KEY (
        country, survey_year, agglomeration_code, comparison, fixed_industry, redrawn_industry
    ),
    FOREIGN KEY (country, survey_year, agglomeration_code)
    REFERENCES coagglomeration.comparison_cell ON DELETE CASCADE,
    CHECK (fixed_industry <> redrawn_industry)
);
COMMENT ON TABLE coagglomeration.comparison IS 'Comparison indices of each ordered pair, in the layout of pair_result; symmetric ones stand in both orders.';
COMMENT ON COLUMN coagglomeration.comparison.country IS 'Country code.';
COMMENT ON COLUMN coagglomeration.comparison.survey_year IS 'Survey year.';
COMMENT ON COLUMN coagglomeration.comparison.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN coagglomeration.comparison.fixed_industry IS 'Industry A of A -> B, the fixed one of the index.';
COMMENT ON COLUMN coagglomeration.comparison.redrawn_industry IS 'Industry B of A -> B, the redrawn one of the index.';
COMMENT ON COLUMN coagglomeration.comparison.comparison IS 'ellison_glaeser_kerr, duranton_overman or colocation_quotient.';
COMMENT ON COLUMN coagglomeration.comparison.value IS 'The index; null where its formula leaves it undefined. Duranton-Overman: localisation, or minus dispersion.';
COMMENT ON COLUMN coagglomeration.comparison.p_value IS 'One-sided, small: nearer than by chance; null where there is no test.';
COMMENT ON COLUMN coagglomeration.comparison.verdict IS 'near, apart or neither at 5%; untested where there is no test (always with Ellison-Glaeser-Kerr).';
COMMENT ON COLUMN coagglomeration.comparison.fixed_firms IS 'Firms of the fixed industry.';
COMMENT ON COLUMN coagglomeration.comparison.redrawn_firms IS 'Firms of the redrawn industry.';

CREATE TABLE coagglomeration.industry_comparison (
    country text NOT NULL,
    survey_year smallint NOT NULL,
    agglomeration_code text NOT NULL,
    industry text NOT NULL,
    firms integer NOT NULL,
    location_quotient double precision,
    ellison_glaeser double precision,
    plant_herfindahl double precision,
    PRIMARY KEY (country, survey_year, agglomeration_code, industry),
    FOREIGN KEY (country, survey_year, agglomeration_code)
    REFERENCES coagglomeration.comparison_cell ON DELETE CASCADE
);
COMMENT ON TABLE coagglomeration.industry_comparison IS 'Indices of one industry in one agglomeration; null where undefined.';
COMMENT ON COLUMN coagglomeration.industry_comparison.country IS 'Country code.';
COMMENT ON COLUMN coagglomeration.industry_comparison.survey_year IS 'Survey year.';
COMMENT ON COLUMN coagglomeration.industry_comparison.agglomeration_code IS 'Urban agglomeration.';
COMMENT ON COLUMN coagglomeration.industry_comparison.industry IS 'Three-digit industry.';
COMMENT ON COLUMN coagglomeration.industry_comparison.firms IS 'Its firms in the pool.';
COMMENT ON COLUMN coagglomeration.industry_comparison.location_quotient IS 'Its share here over its share in all agglomerations of the year together.';
COMMENT ON COLUMN coagglomeration.industry_comparison.ellison_glaeser IS 'Agglomeration of Ellison and Glaeser (1997) over the prefectures of the agglomeration.';
COMMENT ON COLUMN coagglomeration.industry_comparison.plant_herfindahl IS 'Herfindahl index of the sizes of its firms, as used in ellison_glaeser.';
