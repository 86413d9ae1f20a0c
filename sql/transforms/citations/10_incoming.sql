-- Where the file's citations arrive: temporary, so a killed load leaves nothing.

CREATE TEMP TABLE incoming_citation (
    row_number integer NOT NULL,
    citing_id text NOT NULL,
    cited_id text NOT NULL,
    citation_date date
) ON COMMIT DROP;

CREATE TEMP TABLE incoming_refused (
    row_number integer NOT NULL,
    reason text NOT NULL,
    detail text,
    received jsonb
) ON COMMIT DROP;
