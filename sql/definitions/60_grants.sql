-- Who may do what with the objects, given anew whenever a definition changed. Roles are of the whole
-- server; where this one may not make them (coagg db upgrade says so) nothing is given.
--   coagg_analyst  reads reference, estimates and publish
--   coagg_names    reads single firms (publish.firm_map), given on top
--   coagg_loader   loads, matches, measures, estimates
--   coagg_tiles    maps over http (docker): the layers of publish, nothing else
--   coagg_owner    owns everything where the server is private

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ops, clean FROM public;

-- A loader swaps years of a table that is not its own; by names of the system alone, so that
-- nothing of the caller's stands in for them.
ALTER FUNCTION clean.publish_year(text, integer, text) SECURITY DEFINER;
ALTER FUNCTION clean.publish_year(text, integer, text) SET search_path = pg_catalog;
ALTER FUNCTION clean.add_country(text) SECURITY DEFINER;
ALTER FUNCTION clean.add_country(text) SET search_path = pg_catalog;
ALTER FUNCTION clean.publish_rows(text, integer, text) SECURITY DEFINER;
ALTER FUNCTION clean.publish_rows(text, integer, text) SET search_path = pg_catalog;

-- Views of results ask which set is read; who reads a view may ask, and sees no table of ops.
ALTER FUNCTION ops.results() SECURITY DEFINER;
ALTER FUNCTION ops.results() SET search_path = pg_catalog;

DO $$
DECLARE
    layer text;
BEGIN
    IF to_regrole('coagg_analyst') IS NULL OR to_regrole('coagg_names') IS NULL
        OR to_regrole('coagg_loader') IS NULL THEN
        RETURN;
    END IF;
    IF (
        SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()
    ) THEN
        EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM public', current_database());
        -- the tile server writes its own functions into its own temporary schema
        IF to_regrole('coagg_tiles') IS NOT NULL THEN
            EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO coagg_tiles', current_database());
            GRANT USAGE ON SCHEMA publish TO coagg_tiles;
            GRANT EXECUTE ON FUNCTION ops.results() TO coagg_tiles;
            GRANT SELECT ON publish.agglomeration_map, publish.cell_map, publish.pair_map TO coagg_tiles;
        END IF;
    END IF;
    FOREACH layer IN ARRAY ARRAY['reference', 'estimates', 'publish', 'clean', 'panel', 'coagglomeration', 'ops'] LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM coagg_analyst, coagg_names', layer);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM coagg_analyst, coagg_names', layer);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO coagg_loader', layer);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO coagg_loader', layer);
        EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO coagg_loader', layer);
        EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %I TO coagg_loader', layer);
    END LOOP;
    GRANT USAGE ON SCHEMA reference, estimates, publish TO coagg_analyst;
    GRANT SELECT ON ALL TABLES IN SCHEMA reference, estimates, publish TO coagg_analyst;
    GRANT EXECUTE ON FUNCTION ops.results() TO coagg_analyst, coagg_names;
    REVOKE ALL ON estimates.descriptive, publish.firm_map FROM coagg_analyst;
    GRANT USAGE ON SCHEMA publish TO coagg_names;
    GRANT SELECT ON publish.firm_map TO coagg_names;
    GRANT CREATE ON SCHEMA clean TO coagg_loader;
    GRANT INSERT, UPDATE, DELETE, TRUNCATE
        ON ALL TABLES IN SCHEMA reference, estimates, clean, panel, coagglomeration, ops
        TO coagg_loader;
    REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ops.disclosure, ops.access, ops.definitions,
        ops.alembic_version FROM coagg_loader;
END;
$$;
