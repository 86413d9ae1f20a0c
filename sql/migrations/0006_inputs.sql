-- Inputs beside the firms: patents and their citations, input-output tables; and their ledger.

CREATE TABLE ops.input_load (
    input_load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('patents', 'citations', 'input-output', 'sector-map')),
    dataset text NOT NULL,
    file_name text NOT NULL,
    file_sha256 text NOT NULL,
    file_bytes bigint NOT NULL,
    file_format text NOT NULL,
    file_encoding text,
    layout text NOT NULL,
    settings_sha256 text NOT NULL,
    rows_read integer NOT NULL,
    rows_clean integer NOT NULL,
    rows_refused integer NOT NULL,
    counts jsonb NOT NULL,
    code_version text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    superseded_at timestamptz,
    CONSTRAINT nothing_lost CHECK (rows_read = rows_clean + rows_refused)
);
CREATE UNIQUE INDEX one_current_input_load ON ops.input_load (kind, dataset) WHERE superseded_at IS NULL;
COMMENT ON TABLE ops.input_load IS 'One row a successful load of a file that holds no firms; rows read = clean + refused, always.';
COMMENT ON COLUMN ops.input_load.input_load_id IS 'Number of the load.';
COMMENT ON COLUMN ops.input_load.kind IS 'What the file holds: patents, citations, input-output or sector-map.';
COMMENT ON COLUMN ops.input_load.dataset IS 'Name of the part that the file replaces when it is loaded again; by default the name of the file.';
COMMENT ON COLUMN ops.input_load.file_name IS 'Name of the file as received.';
COMMENT ON COLUMN ops.input_load.file_sha256 IS 'Hash of the file as received; it is kept under this name in the data folder.';
COMMENT ON COLUMN ops.input_load.file_bytes IS 'Size of the file as received, in bytes.';
COMMENT ON COLUMN ops.input_load.file_format IS 'Format as detected from the content.';
COMMENT ON COLUMN ops.input_load.file_encoding IS 'Encoding as detected; null for formats that state their own.';
COMMENT ON COLUMN ops.input_load.layout IS 'Column map used.';
COMMENT ON COLUMN ops.input_load.settings_sha256 IS 'Hash over layout and settings; same file and same hash: nothing to do.';
COMMENT ON COLUMN ops.input_load.rows_read IS 'Data rows in the file.';
COMMENT ON COLUMN ops.input_load.rows_clean IS 'Rows that were taken.';
COMMENT ON COLUMN ops.input_load.rows_refused IS 'Rows in clean.refused_input.';
COMMENT ON COLUMN ops.input_load.counts IS 'Counts by refusal reason and by flag, and other facts of the load.';
COMMENT ON COLUMN ops.input_load.code_version IS 'Version of coagg that loaded it.';
COMMENT ON COLUMN ops.input_load.loaded_at IS 'When it became visible.';
COMMENT ON COLUMN ops.input_load.superseded_at IS 'When a corrected file replaced it; null for the current one.';

CREATE TABLE clean.refused_input (
    kind text NOT NULL,
    dataset text NOT NULL,
    row_number integer NOT NULL,
    reason text NOT NULL,
    detail text,
    received jsonb NOT NULL,
    PRIMARY KEY (kind, dataset, row_number)
);
CREATE INDEX refused_input_reason ON clean.refused_input (kind, dataset, reason);
COMMENT ON TABLE clean.refused_input IS 'Rows of patents, citations and input-output files that could not be taken, as received, with the reason.';
COMMENT ON COLUMN clean.refused_input.kind IS 'What the file holds.';
COMMENT ON COLUMN clean.refused_input.dataset IS 'Part the file was loaded as.';
COMMENT ON COLUMN clean.refused_input.row_number IS 'Number of the data row in the file.';
COMMENT ON COLUMN clean.refused_input.reason IS 'Why it was refused.';
COMMENT ON COLUMN clean.refused_input.detail IS 'The value that was at fault.';
COMMENT ON COLUMN clean.refused_input.received IS 'The row as received.';

CREATE TABLE clean.patent (
    patent_id text PRIMARY KEY,
    dataset text NOT NULL,
    row_number integer NOT NULL,
    publication_number text,
    title text,
    kind text CHECK (kind IN ('invention', 'utility', 'design')),
    application_date date NOT NULL,
    application_year smallint GENERATED ALWAYS AS (extract(YEAR FROM application_date)::smallint) STORED,
    grant_date date,
    granted boolean NOT NULL,
    ipc text,
    patent_value double precision,
    flags text[] NOT NULL
);
CREATE INDEX patent_dataset ON clean.patent (dataset);
CREATE INDEX patent_year ON clean.patent (application_year);
COMMENT ON TABLE clean.patent IS 'Patents: one row an application.';
COMMENT ON COLUMN clean.patent.patent_id IS 'Application number (publication number where the source has no other), upper case, without blanks and dots.';
COMMENT ON COLUMN clean.patent.dataset IS 'Part it was loaded with.';
COMMENT ON COLUMN clean.patent.row_number IS 'Number of the data row in the file.';
COMMENT ON COLUMN clean.patent.publication_number IS 'Publication number, in the same form.';
COMMENT ON COLUMN clean.patent.title IS 'Title as received.';
COMMENT ON COLUMN clean.patent.kind IS 'invention, utility (model) or design; null when unknown.';
COMMENT ON COLUMN clean.patent.application_date IS 'Date of application; the year counts.';
COMMENT ON COLUMN clean.patent.application_year IS 'Year of application.';
COMMENT ON COLUMN clean.patent.grant_date IS 'Date of the grant.';
COMMENT ON COLUMN clean.patent.granted IS 'Whether it was granted; only granted patents count.';
COMMENT ON COLUMN clean.patent.ipc IS 'Main IPC symbol.';
COMMENT ON COLUMN clean.patent.patent_value IS 'Value score of the patent.';
COMMENT ON COLUMN clean.patent.flags IS 'What is doubtful about the row.';

CREATE TABLE clean.patent_applicant (
    patent_id text NOT NULL REFERENCES clean.patent ON DELETE CASCADE,
    position smallint NOT NULL,
    name text NOT NULL,
    organisation_code text,
    place_code text,
    address text,
    PRIMARY KEY (patent_id, position)
);
CREATE INDEX patent_applicant_name ON clean.patent_applicant (name);
COMMENT ON TABLE clean.patent_applicant IS 'Applicants of a patent, in the order of the file.';
COMMENT ON COLUMN clean.patent_applicant.patent_id IS 'The patent.';
COMMENT ON COLUMN clean.patent_applicant.position IS '1 for the first named.';
COMMENT ON COLUMN clean.patent_applicant.name IS 'Name as received, without blanks around it.';
COMMENT ON COLUMN clean.patent_applicant.organisation_code IS 'Code of the legal person, where the source states it.';
COMMENT ON COLUMN clean.patent_applicant.place_code IS 'Place code of its address, where the source states it.';
COMMENT ON COLUMN clean.patent_applicant.address IS 'Address as received.';

CREATE TABLE clean.citation (
    citing_id text NOT NULL,
    cited_id text NOT NULL,
    citation_date date,
    dataset text NOT NULL,
    PRIMARY KEY (citing_id, cited_id)
);
CREATE INDEX citation_cited ON clean.citation (cited_id);
CREATE INDEX citation_dataset ON clean.citation (dataset);
COMMENT ON TABLE clean.citation IS 'Citations between patents; either side may be a patent that is not loaded.';
COMMENT ON COLUMN clean.citation.citing_id IS 'Citing patent, in the form of clean.patent.patent_id.';
COMMENT ON COLUMN clean.citation.cited_id IS 'Cited patent, in the same form.';
COMMENT ON COLUMN clean.citation.citation_date IS 'Date of the citation; null when unknown (the citing patent''s date then counts).';
COMMENT ON COLUMN clean.citation.dataset IS 'Part it was loaded with.';

CREATE TABLE reference.io_table (
    io_table text PRIMARY KEY,
    year smallint NOT NULL,
    unit text NOT NULL,
    sectors integer NOT NULL,
    facts jsonb NOT NULL
);
COMMENT ON TABLE reference.io_table IS 'Input-output tables that are loaded.';
COMMENT ON COLUMN reference.io_table.io_table IS 'Name of the table, cn2007 say.';
COMMENT ON COLUMN reference.io_table.year IS 'Year it describes.';
COMMENT ON COLUMN reference.io_table.unit IS 'Unit of the flows.';
COMMENT ON COLUMN reference.io_table.sectors IS 'Number of sectors.';
COMMENT ON COLUMN reference.io_table.facts IS 'What was checked: balance, agreement with published coefficients.';

CREATE TABLE reference.io_sector (
    io_table text NOT NULL REFERENCES reference.io_table ON DELETE CASCADE,
    sector_code text NOT NULL,
    name text NOT NULL,
    total_input double precision NOT NULL,
    PRIMARY KEY (io_table, sector_code)
);
COMMENT ON TABLE reference.io_sector IS 'Sectors of an input-output table.';
COMMENT ON COLUMN reference.io_sector.io_table IS 'The table.';
COMMENT ON COLUMN reference.io_sector.sector_code IS 'Code of the sector, text with its leading zeros.';
COMMENT ON COLUMN reference.io_sector.name IS 'Name of the sector.';
COMMENT ON COLUMN reference.io_sector.total_input IS 'Total input of the sector, in the unit of the table.';

CREATE TABLE reference.io_flow (
    io_table text NOT NULL,
    supplier text NOT NULL,
    user_sector text NOT NULL,
    flow double precision NOT NULL,
    direct_coefficient double precision NOT NULL,
    PRIMARY KEY (io_table, supplier, user_sector),
    FOREIGN KEY (io_table, supplier) REFERENCES reference.io_sector ON DELETE CASCADE,
    FOREIGN KEY (io_table, user_sector) REFERENCES reference.io_sector ON DELETE CASCADE
);
COMMENT ON TABLE reference.io_flow IS 'Intermediate use: what the user sector takes from the supplier.';
COMMENT ON COLUMN reference.io_flow.io_table IS 'The table.';
COMMENT ON COLUMN reference.io_flow.supplier IS 'Sector that supplies.';
COMMENT ON COLUMN reference.io_flow.user_sector IS 'Sector that uses.';
COMMENT ON COLUMN reference.io_flow.flow IS 'Flow, in the unit of the table.';
COMMENT ON COLUMN reference.io_flow.direct_coefficient IS 'Flow over the user sector''s total input (direct requirement).';

CREATE TABLE reference.io_sector_industry (
    io_table text NOT NULL,
    sector_code text NOT NULL,
    classification text NOT NULL,
    industry text NOT NULL,
    weight double precision NOT NULL CHECK (weight > 0 AND weight <= 1),
    doubtful boolean NOT NULL,
    basis text NOT NULL,
    PRIMARY KEY (io_table, classification, industry, sector_code),
    FOREIGN KEY (io_table, sector_code) REFERENCES reference.io_sector ON DELETE CASCADE
);
COMMENT ON TABLE reference.io_sector_industry IS 'Which sector a three-digit industry belongs to; the weights of an industry add to one.';
COMMENT ON COLUMN reference.io_sector_industry.io_table IS 'The table.';
COMMENT ON COLUMN reference.io_sector_industry.sector_code IS 'Sector.';
COMMENT ON COLUMN reference.io_sector_industry.classification IS 'Classification of the industry.';
COMMENT ON COLUMN reference.io_sector_industry.industry IS 'Three-digit industry.';
COMMENT ON COLUMN reference.io_sector_industry.weight IS 'Share of the industry that belongs to the sector.';
COMMENT ON COLUMN reference.io_sector_industry.doubtful IS 'Whether the link is unofficial or weak.';
COMMENT ON COLUMN reference.io_sector_industry.basis IS 'What the link rests on.';
