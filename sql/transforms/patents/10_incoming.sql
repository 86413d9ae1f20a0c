-- Where the file's typed rows arrive: temporary, so a killed load leaves nothing.

CREATE TEMP TABLE incoming_patent (
    row_number integer NOT NULL,
    patent_id text NOT NULL,
    publication_number text,
    title text,
    kind text,
    application_date date NOT NULL,
    grant_date date,
    granted boolean NOT NULL,
    ipc text,
    patent_value double precision,
    of_one_applicant boolean NOT NULL,
    flags text[] NOT NULL
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_applicant (
    row_number integer NOT NULL,
    position smallint NOT NULL,
    sequence double precision,
    name text NOT NULL,
    organisation_code text,
    place_code text,
    address text
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_refused (
    row_number integer NOT NULL,
    reason text NOT NULL,
    detail text,
    received jsonb
) ON COMMIT DROP;
