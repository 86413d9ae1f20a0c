-- The panel: industry x agglomeration x year, and ordered industry pairs in it.

CREATE TABLE panel.industry_cell (
    measurement_id integer NOT NULL REFERENCES coagglomeration.measurement,
    country text NOT NULL,
    survey_year smallint NOT NULL,
    agglomeration_code text NOT NULL,
    industry text NOT NULL,
    firms integer NOT NULL,
    output_thousand_cny double precision NOT NULL,
    employment double precision NOT NULL,
    location_quotient double precision,
    location_quotient_output double precision,
    innovation_scale double precision NOT NULL,
    innovation_quality double precision NOT NULL,
    kp_outward_scale double precision,
    kp_outward_quality double precision,
    output_outward double precision,
    employment_outward double precision,
    kp_inward_scale double precision,
    kp_inward_quality double precision,
    output_inward double precision,
    employment_inward double precision,
    kp_outward_scale_90 double precision,
    kp_outward_quality_90 double precision,
    output_outward_90 double precision,
    employment_outward_90 double precision,
    kp_inward_scale_90 double precision,
    kp_inward_quality_90 double precision,
    output_inward_90 double precision,
    employment_inward_90 double precision,
    kp_outward_scale_99 double precision,
    kp_outward_quality_99 double precision,
    output_outward_99 double precision,
    employment_outward_99 double precision,
    kp_inward_scale_99 double precision,
    kp_inward_quality_99 double precision,
    output_inward_99 double precision,
    employment_inward_99 double precision,
    kp_outward_scale_oneway double precision,
    kp_outward_quality_oneway double precision,
    output_outward_oneway double precision,
    employment_outward_oneway double precision,
    kp_inward_scale_oneway double precision,
    kp_inward_quality_oneway double precision,
    output_inward_oneway double precision,
    employment_inward_oneway double precision,
    kp_outward_scale_uk double precision,
    kp_outward_quality_uk double precision,
    output_outward_uk double precision,
    employment_outward_uk double precision,
    kp_inward_scale_uk double precision,
    kp_inward_quality_uk double precision,
    output_inward_uk double precision,
    employment_inward_uk double precision,
    PRIMARY KEY (measurement_id, country, survey_year, agglomeration_code, industry)
);
COMMENT ON TABLE panel.industry_cell IS 'Cells (j, c, t): every industry of the index in its agglomeration and year, with innovation, size and pools in levels. 0: nothing there. Null: not known.';
COMMENT ON COLUMN panel.industry_cell.measurement_id IS 'The measurement of the index the pools rest on.';
COMMENT ON COLUMN panel.industry_cell.country IS 'Country code.';
COMMENT ON COLUMN panel.industry_cell.survey_year IS 'Survey year t.';
COMMENT ON COLUMN panel.industry_cell.agglomeration_code IS 'Urban agglomeration c.';
COMMENT ON COLUMN panel.industry_cell.industry IS 'Three-digit industry j, in the classification of the measurement.';
COMMENT ON COLUMN panel.industry_cell.firms IS 'Located firms.';
COMMENT ON COLUMN panel.industry_cell.output_thousand_cny IS 'Gross output in thousand yuan (missing output counts as 0).';
COMMENT ON COLUMN panel.industry_cell.employment IS 'Persons employed at year end (missing employment counts as 0).';
COMMENT ON COLUMN panel.industry_cell.location_quotient IS '(E_jct/E_ct)/(E_jt/E_t) of employment; totals over all agglomerations; null where a total is 0.';
COMMENT ON COLUMN panel.industry_cell.location_quotient_output IS 'The same of output.';
COMMENT ON COLUMN panel.industry_cell.innovation_scale IS 'Granted patents applied for in the year by firms of the cell.';
COMMENT ON COLUMN panel.industry_cell.innovation_quality IS 'Sum of the values of these patents.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_scale IS 'Sum of granted patents over industries k that this one coagglomerates toward (j -> k); phi at 0.95.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_quality IS 'Sum of patent value over industries k that this one coagglomerates toward (j -> k); phi at 0.95.';
COMMENT ON COLUMN panel.industry_cell.output_outward IS 'Sum of output (thousand yuan) over industries k that this one coagglomerates toward (j -> k); phi at 0.95.';
COMMENT ON COLUMN panel.industry_cell.employment_outward IS 'Sum of employment over industries k that this one coagglomerates toward (j -> k); phi at 0.95.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_scale IS 'Sum of granted patents over industries k that coagglomerate toward this one (k -> j); phi at 0.95.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_quality IS 'Sum of patent value over industries k that coagglomerate toward this one (k -> j); phi at 0.95.';
COMMENT ON COLUMN panel.industry_cell.output_inward IS 'Sum of output (thousand yuan) over industries k that coagglomerate toward this one (k -> j); phi at 0.95.';
COMMENT ON COLUMN panel.industry_cell.employment_inward IS 'Sum of employment over industries k that coagglomerate toward this one (k -> j); phi at 0.95.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_scale_90 IS 'Sum of granted patents over industries k that this one coagglomerates toward (j -> k); phi at 0.90.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_quality_90 IS 'Sum of patent value over industries k that this one coagglomerates toward (j -> k); phi at 0.90.';
COMMENT ON COLUMN panel.industry_cell.output_outward_90 IS 'Sum of output (thousand yuan) over industries k that this one coagglomerates toward (j -> k); phi at 0.90.';
COMMENT ON COLUMN panel.industry_cell.employment_outward_90 IS 'Sum of employment over industries k that this one coagglomerates toward (j -> k); phi at 0.90.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_scale_90 IS 'Sum of granted patents over industries k that coagglomerate toward this one (k -> j); phi at 0.90.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_quality_90 IS 'Sum of patent value over industries k that coagglomerate toward this one (k -> j); phi at 0.90.';
COMMENT ON COLUMN panel.industry_cell.output_inward_90 IS 'Sum of output (thousand yuan) over industries k that coagglomerate toward this one (k -> j); phi at 0.90.';
COMMENT ON COLUMN panel.industry_cell.employment_inward_90 IS 'Sum of employment over industries k that coagglomerate toward this one (k -> j); phi at 0.90.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_scale_99 IS 'Sum of granted patents over industries k that this one coagglomerates toward (j -> k); phi at 0.99.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_quality_99 IS 'Sum of patent value over industries k that this one coagglomerates toward (j -> k); phi at 0.99.';
COMMENT ON COLUMN panel.industry_cell.output_outward_99 IS 'Sum of output (thousand yuan) over industries k that this one coagglomerates toward (j -> k); phi at 0.99.';
COMMENT ON COLUMN panel.industry_cell.employment_outward_99 IS 'Sum of employment over industries k that this one coagglomerates toward (j -> k); phi at 0.99.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_scale_99 IS 'Sum of granted patents over industries k that coagglomerate toward this one (k -> j); phi at 0.99.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_quality_99 IS 'Sum of patent value over industries k that coagglomerate toward this one (k -> j); phi at 0.99.';
COMMENT ON COLUMN panel.industry_cell.output_inward_99 IS 'Sum of output (thousand yuan) over industries k that coagglomerate toward this one (k -> j); phi at 0.99.';
COMMENT ON COLUMN panel.industry_cell.employment_inward_99 IS 'Sum of employment over industries k that coagglomerate toward this one (k -> j); phi at 0.99.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_scale_oneway IS 'Sum of granted patents over industries k that this one coagglomerates toward (j -> k); phi at 0.95, one-way pairs only.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_quality_oneway IS 'Sum of patent value over industries k that this one coagglomerates toward (j -> k); phi at 0.95, one-way pairs only.';
COMMENT ON COLUMN panel.industry_cell.output_outward_oneway IS 'Sum of output (thousand yuan) over industries k that this one coagglomerates toward (j -> k); phi at 0.95, one-way pairs only.';
COMMENT ON COLUMN panel.industry_cell.employment_outward_oneway IS 'Sum of employment over industries k that this one coagglomerates toward (j -> k); phi at 0.95, one-way pairs only.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_scale_oneway IS 'Sum of granted patents over industries k that coagglomerate toward this one (k -> j); phi at 0.95, without bidirectional pairs.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_quality_oneway IS 'Sum of patent value over industries k that coagglomerate toward this one (k -> j); phi at 0.95, without bidirectional pairs.';
COMMENT ON COLUMN panel.industry_cell.output_inward_oneway IS 'Sum of output (thousand yuan) over industries k that coagglomerate toward this one (k -> j); phi at 0.95, without bidirectional pairs.';
COMMENT ON COLUMN panel.industry_cell.employment_inward_oneway IS 'Sum of employment over industries k that coagglomerate toward this one (k -> j); phi at 0.95, without bidirectional pairs.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_scale_uk IS 'Sum of granted patents over industries k that this one coagglomerates toward (j -> k); phi at 0.95 of the UK index.';
COMMENT ON COLUMN panel.industry_cell.kp_outward_quality_uk IS 'Sum of patent value over industries k that this one coagglomerates toward (j -> k); phi at 0.95 of the UK index.';
COMMENT ON COLUMN panel.industry_cell.output_outward_uk IS 'Sum of output (thousand yuan) over industries k that this one coagglomerates toward (j -> k); phi at 0.95 of the UK index.';
COMMENT ON COLUMN panel.industry_cell.employment_outward_uk IS 'Sum of employment over industries k that this one coagglomerates toward (j -> k); phi at 0.95 of the UK index.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_scale_uk IS 'Sum of granted patents over industries k that coagglomerate toward this one (k -> j); phi at 0.95 of the UK index.';
COMMENT ON COLUMN panel.industry_cell.kp_inward_quality_uk IS 'Sum of patent value over industries k that coagglomerate toward this one (k -> j); phi at 0.95 of the UK index.';
COMMENT ON COLUMN panel.industry_cell.output_inward_uk IS 'Sum of output (thousand yuan) over industries k that coagglomerate toward this one (k -> j); phi at 0.95 of the UK index.';
COMMENT ON COLUMN panel.industry_cell.employment_inward_uk IS 'Sum of employment over industries k that coagglomerate toward this one (k -> j); phi at 0.95 of the UK index.';

CREATE TABLE panel.industry_pair (
    measurement_id integer NOT NULL REFERENCES coagglomeration.measurement,
    country text NOT NULL,
    survey_year smallint NOT NULL,
    agglomeration_code text NOT NULL,
    from_industry text NOT NULL,
    to_industry text NOT NULL,
    index double precision NOT NULL,
    index_back double precision NOT NULL,
    phi_90 boolean NOT NULL,
    phi_95 boolean NOT NULL,
    phi_99 boolean NOT NULL,
    phi_back_90 boolean NOT NULL,
    phi_back_95 boolean NOT NULL,
    phi_back_99 boolean NOT NULL,
    uk_index double precision,
    uk_index_back double precision,
    uk_phi double precision,
    uk_phi_back double precision,
    citations double precision NOT NULL,
    citations_back double precision NOT NULL,
    io double precision,
    io_back double precision,
    tech double precision,
    tech_back double precision,
    same_division boolean NOT NULL,
    PRIMARY KEY (measurement_id, country, survey_year, agglomeration_code, from_industry, to_industry)
);
COMMENT ON TABLE panel.industry_pair IS 'Ordered pairs (j, k) of different industries in (c, t): all that the index has.';
COMMENT ON COLUMN panel.industry_pair.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN panel.industry_pair.country IS 'Country code.';
COMMENT ON COLUMN panel.industry_pair.survey_year IS 'Survey year t.';
COMMENT ON COLUMN panel.industry_pair.agglomeration_code IS 'Urban agglomeration c.';
COMMENT ON COLUMN panel.industry_pair.from_industry IS 'Industry j.';
COMMENT ON COLUMN panel.industry_pair.to_industry IS 'Industry k.';
COMMENT ON COLUMN panel.industry_pair.index IS 'Coagg(j -> k).';
COMMENT ON COLUMN panel.industry_pair.index_back IS 'Coagg(k -> j).';
COMMENT ON COLUMN panel.industry_pair.phi_90 IS 'Coagg(j -> k) >= 0.90.';
COMMENT ON COLUMN panel.industry_pair.phi_95 IS 'Coagg(j -> k) >= 0.95.';
COMMENT ON COLUMN panel.industry_pair.phi_99 IS 'Coagg(j -> k) >= 0.99.';
COMMENT ON COLUMN panel.industry_pair.phi_back_90 IS 'Coagg(k -> j) >= 0.90.';
COMMENT ON COLUMN panel.industry_pair.phi_back_95 IS 'Coagg(k -> j) >= 0.95.';
COMMENT ON COLUMN panel.industry_pair.phi_back_99 IS 'Coagg(k -> j) >= 0.99.';
COMMENT ON COLUMN panel.industry_pair.uk_index IS 'Mean UK index of j -> k over UK groups that mean j and k, by concordance weights.';
COMMENT ON COLUMN panel.industry_pair.uk_index_back IS 'The same of k -> j.';
COMMENT ON COLUMN panel.industry_pair.uk_phi IS 'Weighted share of these UK pairs with an index of 0.95 or more, j -> k.';
COMMENT ON COLUMN panel.industry_pair.uk_phi_back IS 'The same of k -> j.';
COMMENT ON COLUMN panel.industry_pair.citations IS 'Citations made by patents of j to patents of k, in the cell and year of the citing patent.';
COMMENT ON COLUMN panel.industry_pair.citations_back IS 'Citations made by patents of k to patents of j.';
COMMENT ON COLUMN panel.industry_pair.io IS 'Share of the input of j that comes from k (direct requirement): dependence of j on k.';
COMMENT ON COLUMN panel.industry_pair.io_back IS 'Share of the input of k that comes from j.';
COMMENT ON COLUMN panel.industry_pair.tech IS 'P(RCA_k >= 1 given RCA_j >= 1) over agglomerations; null where j has none.';
COMMENT ON COLUMN panel.industry_pair.tech_back IS 'P(RCA_j >= 1 | RCA_k >= 1).';
COMMENT ON COLUMN panel.industry_pair.same_division IS 'Whether j and k are of one two-digit division.';

CREATE TABLE panel.build (
    measurement_id integer NOT NULL REFERENCES coagglomeration.measurement,
    country text NOT NULL,
    survey_year smallint NOT NULL,
    input_sha256 text NOT NULL,
    settings jsonb NOT NULL,
    cells integer NOT NULL,
    pairs integer NOT NULL,
    facts jsonb NOT NULL,
    code_version text NOT NULL,
    built_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (measurement_id, country, survey_year)
);
COMMENT ON TABLE panel.build IS 'One row a survey year of the panel: what it was built from.';
COMMENT ON COLUMN panel.build.measurement_id IS 'The measurement of the index.';
COMMENT ON COLUMN panel.build.country IS 'Country code.';
COMMENT ON COLUMN panel.build.survey_year IS 'Survey year.';
COMMENT ON COLUMN panel.build.input_sha256 IS 'Hash over everything the year was built from; the same hash: nothing to do.';
COMMENT ON COLUMN panel.build.settings IS 'Settings of the build.';
COMMENT ON COLUMN panel.build.cells IS 'Rows of the year in panel.industry_cell.';
COMMENT ON COLUMN panel.build.pairs IS 'Rows of the year in panel.industry_pair.';
COMMENT ON COLUMN panel.build.facts IS 'Counts of doubtful links used, of firms without an industry, and the like.';
COMMENT ON COLUMN panel.build.code_version IS 'Version of coagg that built it.';
COMMENT ON COLUMN panel.build.built_at IS 'When.';
