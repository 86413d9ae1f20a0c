-- Links: a firm over the years, patents to firms; each with the chain of evidence.

CREATE TABLE clean.firm_panel (
    country text NOT NULL,
    survey_year smallint NOT NULL,
    row_number integer NOT NULL,
    panel_id bigint NOT NULL,
    PRIMARY KEY (country, survey_year, row_number)
);
CREATE INDEX firm_panel_id ON clean.firm_panel (panel_id);
COMMENT ON TABLE clean.firm_panel IS 'Which firm a row of a survey year is: the same panel_id in all years (Brandt, Van Biesebroeck and Zhang 2012).';
COMMENT ON COLUMN clean.firm_panel.country IS 'Country code.';
COMMENT ON COLUMN clean.firm_panel.survey_year IS 'Survey year.';
COMMENT ON COLUMN clean.firm_panel.row_number IS 'Number of the data row in the file.';
COMMENT ON COLUMN clean.firm_panel.panel_id IS 'The firm: the smallest (survey year x 10,000,000 + row number) of its rows.';

CREATE TABLE clean.firm_panel_link (
    country text NOT NULL,
    from_year smallint NOT NULL,
    from_row integer NOT NULL,
    to_year smallint NOT NULL,
    to_row integer NOT NULL,
    stage text NOT NULL,
    evidence text NOT NULL,
    PRIMARY KEY (country, from_year, from_row, to_year, to_row)
);
COMMENT ON TABLE clean.firm_panel_link IS 'Why rows of two years are taken for one firm.';
COMMENT ON COLUMN clean.firm_panel_link.country IS 'Country code.';
COMMENT ON COLUMN clean.firm_panel_link.from_year IS 'Earlier survey year.';
COMMENT ON COLUMN clean.firm_panel_link.from_row IS 'Row of the earlier year.';
COMMENT ON COLUMN clean.firm_panel_link.to_year IS 'Later survey year.';
COMMENT ON COLUMN clean.firm_panel_link.to_row IS 'Row of the later year.';
COMMENT ON COLUMN clean.firm_panel_link.stage IS 'Stage of the sequence that made the link.';
COMMENT ON COLUMN clean.firm_panel_link.evidence IS 'The value both rows have.';

CREATE TABLE clean.patent_match (
    patent_id text NOT NULL,
    position smallint NOT NULL,
    country text NOT NULL,
    survey_year smallint NOT NULL,
    row_number integer NOT NULL,
    panel_id bigint NOT NULL,
    stage text NOT NULL,
    score double precision NOT NULL,
    evidence text NOT NULL,
    PRIMARY KEY (patent_id, position)
);
CREATE INDEX patent_match_firm ON clean.patent_match (country, survey_year, row_number);
COMMENT ON TABLE clean.patent_match IS 'Applicants of patents matched to firms; the row of the firm whose survey year is nearest to the application gives industry and place.';
COMMENT ON COLUMN clean.patent_match.patent_id IS 'The patent.';
COMMENT ON COLUMN clean.patent_match.position IS 'Position of the applicant.';
COMMENT ON COLUMN clean.patent_match.country IS 'Country code of the firm.';
COMMENT ON COLUMN clean.patent_match.survey_year IS 'Survey year of the firm''s row.';
COMMENT ON COLUMN clean.patent_match.row_number IS 'Row of the firm in that year.';
COMMENT ON COLUMN clean.patent_match.panel_id IS 'The firm.';
COMMENT ON COLUMN clean.patent_match.stage IS 'Stage that made the link: code, name, stem_place, fuzzy or review.';
COMMENT ON COLUMN clean.patent_match.score IS 'Likeness of the names, 1 where they are the same.';
COMMENT ON COLUMN clean.patent_match.evidence IS 'What both sides share.';

CREATE TABLE clean.match_candidate (
    applicant_name text NOT NULL,
    panel_id bigint NOT NULL,
    firm_name text NOT NULL,
    stage text NOT NULL,
    score double precision NOT NULL,
    reason text NOT NULL,
    patents integer NOT NULL,
    PRIMARY KEY (applicant_name, panel_id)
);
COMMENT ON TABLE clean.match_candidate IS 'Ambiguous matches, kept apart for review: never guessed.';
COMMENT ON COLUMN clean.match_candidate.applicant_name IS 'Name of the applicant as received.';
COMMENT ON COLUMN clean.match_candidate.panel_id IS 'A firm it may be.';
COMMENT ON COLUMN clean.match_candidate.firm_name IS 'Name of that firm.';
COMMENT ON COLUMN clean.match_candidate.stage IS 'Stage that found it.';
COMMENT ON COLUMN clean.match_candidate.score IS 'Likeness of the names.';
COMMENT ON COLUMN clean.match_candidate.reason IS 'Why it was not taken by itself.';
COMMENT ON COLUMN clean.match_candidate.patents IS 'Patents that hang on it.';

CREATE TABLE clean.match_decision (
    applicant_name text PRIMARY KEY,
    panel_id bigint,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE clean.match_decision IS 'What people decided on ambiguous matches (coagg match review).';
COMMENT ON COLUMN clean.match_decision.applicant_name IS 'Name of the applicant as received.';
COMMENT ON COLUMN clean.match_decision.panel_id IS 'The firm it is; null: none of the candidates.';
COMMENT ON COLUMN clean.match_decision.decided_by IS 'Who decided.';
COMMENT ON COLUMN clean.match_decision.decided_at IS 'When.';

CREATE TABLE ops.match_run (
    kind text NOT NULL CHECK (kind IN ('firms', 'patents')),
    country text NOT NULL,
    input_sha256 text NOT NULL,
    counts jsonb NOT NULL,
    seconds double precision NOT NULL,
    code_version text NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, country)
);
COMMENT ON TABLE ops.match_run IS 'The links that stand: from what they were made, and what was counted.';
COMMENT ON COLUMN ops.match_run.kind IS 'firms: firms over the years; patents: patents to firms.';
COMMENT ON COLUMN ops.match_run.country IS 'Country code of the firms.';
COMMENT ON COLUMN ops.match_run.input_sha256 IS 'Hash over the loads, settings, code and decisions; the same hash: nothing to do.';
COMMENT ON COLUMN ops.match_run.counts IS 'Counts of the run: links by stage, ambiguous, refused.';
COMMENT ON COLUMN ops.match_run.seconds IS 'How long it took.';
COMMENT ON COLUMN ops.match_run.code_version IS 'Version of coagg that made them.';
COMMENT ON COLUMN ops.match_run.finished_at IS 'When it became visible.';
