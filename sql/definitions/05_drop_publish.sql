-- The views of schema publish stand on all others, and on each other: they go first, together.

DO $$
DECLARE
    names text;
BEGIN
    SELECT string_agg(oid::regclass::text, ', ') INTO names
    FROM pg_class
    WHERE relnamespace = 'publish'::regnamespace AND relkind = 'v';
    IF names IS NOT NULL THEN
        EXECUTE 'DROP VIEW ' || names;
    END IF;
END;
$$;
DROP VIEW IF EXISTS panel.cell_status;
