-- How a survey year takes the place of the one before.

CREATE OR REPLACE FUNCTION clean.publish_year(
    in_country text, in_survey_year integer, in_partition text
)
RETURNS void LANGUAGE plpgsql AS $$
-- Put a year that was built aside in the place of the old one. The caller's transaction also
-- writes the ledger row, so readers see the old year whole or the new year whole.
DECLARE
    parent text := 'firm_' || lower(in_country);
    old text;
BEGIN
    SELECT partition_name INTO old FROM ops.load
    WHERE country = in_country AND survey_year = in_survey_year AND superseded_at IS NULL;
    IF old IS NOT NULL THEN
        EXECUTE format('ALTER TABLE clean.%I DETACH PARTITION clean.%I', parent, old);
        EXECUTE format('DROP TABLE clean.%I', old);
    END IF;
    EXECUTE format('ALTER TABLE clean.%I ATTACH PARTITION clean.%I FOR VALUES IN (%s)',
        parent, in_partition, in_survey_year);
    UPDATE ops.load SET superseded_at = now()
    WHERE country = in_country AND survey_year = in_survey_year AND superseded_at IS NULL;
END;
$$;
COMMENT ON FUNCTION clean.publish_year(text, integer, text) IS 'Swap a year built aside into clean.firm and mark the load it replaces.';

CREATE OR REPLACE FUNCTION clean.withdraw_year(in_country text, in_survey_year integer)
RETURNS void LANGUAGE plpgsql AS $$
-- Take a year out of clean.firm. The caller's transaction also marks the ledger row.
DECLARE
    parent text := 'firm_' || lower(in_country);
    old text;
BEGIN
    SELECT partition_name INTO old FROM ops.load
    WHERE country = in_country AND survey_year = in_survey_year AND superseded_at IS NULL;
    IF old IS NOT NULL THEN
        EXECUTE format('ALTER TABLE clean.%I DETACH PARTITION clean.%I', parent, old);
        EXECUTE format('DROP TABLE clean.%I', old);
    END IF;
END;
$$;
COMMENT ON FUNCTION clean.withdraw_year(text, integer) IS 'Take a survey year out of clean.firm.';
