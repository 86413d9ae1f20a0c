-- The one way in which values reach SQL files: transaction-local settings coagg.<name>.

CREATE OR REPLACE FUNCTION ops.setting(name text)
RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    value text := current_setting('coagg.' || name, true);
BEGIN
    IF value IS NULL OR value = '' THEN
        RAISE EXCEPTION 'setting coagg.% is not set', name
            USING HINT = format('in psql: SET coagg.%s = ''...'';', name);
    END IF;
    RETURN value;
END;
$$;
COMMENT ON FUNCTION ops.setting(text) IS 'Value of the session setting coagg.<name>; an error with a hint when it is not set.';
