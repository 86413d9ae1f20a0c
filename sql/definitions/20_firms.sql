-- How a country gets its place, and how a survey year takes the place of the one before.

CREATE OR REPLACE FUNCTION clean.add_country(in_country text)
RETURNS void LANGUAGE plpgsql AS $$
-- The partition of clean.firm that holds a country's years; made when the country is loaded, aside
-- and then attached, so that readers are not held up.
DECLARE
    parent text := 'firm_' || lower(in_country);
BEGIN
    IF in_country !~ '^[A-Z]{2}$' THEN
        RAISE EXCEPTION 'country % is no code of two capital letters', in_country;
    END IF;
    IF to_regclass('clean.' || quote_ident(parent)) IS NULL THEN
        EXECUTE format('CREATE TABLE clean.%I (LIKE clean.firm INCLUDING DEFAULTS INCLUDING GENERATED '
            'INCLUDING COMMENTS) PARTITION BY LIST (survey_year)', parent);
        EXECUTE format('ALTER TABLE clean.firm ATTACH PARTITION clean.%I FOR VALUES IN (%L)',
            parent, in_country);
    END IF;
END;
$$;
COMMENT ON FUNCTION clean.add_country(text) IS 'Make the partition of clean.firm that holds the years of a country.';

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

CREATE OR REPLACE FUNCTION clean.publish_rows(
    in_country text, in_survey_year integer, in_partition text
)
RETURNS text LANGUAGE plpgsql AS $$
-- As publish_year, where somebody reads clean.firm all the time: rows take the place of rows. That
-- needs no lock that a reader holds; it is slower and leaves dead rows to VACUUM. Returns the name
-- of the partition that holds the year.
DECLARE
    held text;
    labels text;
BEGIN
    SELECT partition_name INTO held FROM ops.load
    WHERE country = in_country AND survey_year = in_survey_year AND superseded_at IS NULL;
    IF held IS NULL THEN  -- nothing to take out
        PERFORM clean.publish_year(in_country, in_survey_year, in_partition);
        RETURN in_partition;
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO labels
    FROM pg_attribute
    WHERE attrelid = 'clean.firm'::regclass
        AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
    EXECUTE format('DELETE FROM clean.%I', held);
    EXECUTE format('INSERT INTO clean.%1$I (%2$s) SELECT %2$s FROM clean.%3$I',
        held, labels, in_partition);
    EXECUTE format('DROP TABLE clean.%I', in_partition);
    EXECUTE format('ANALYZE clean.%I', held);
    UPDATE ops.load SET superseded_at = now()
    WHERE country = in_country AND survey_year = in_survey_year AND superseded_at IS NULL;
    RETURN held;
END;
$$;
COMMENT ON FUNCTION clean.publish_rows(text, integer, text) IS 'Put the rows of a year built aside into clean.firm while others read it; returns the partition that holds them.';

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

CREATE OR REPLACE FUNCTION clean.place_in_areas(
    in_country text, in_survey_year integer, in_rows regclass
)
RETURNS void LANGUAGE plpgsql AS $$
-- Which area each firm of a year stands in, where the country's agglomerations are areas of their
-- own (borders included, the lowest code on a shared border). in_rows: clean.firm, or the year
-- built aside. Other areas wait for the caller's transaction, and it for theirs.
BEGIN
    LOCK TABLE reference.area_country IN SHARE MODE;
    DELETE FROM clean.firm_area
    WHERE country = in_country AND survey_year = in_survey_year;
    IF NOT EXISTS (SELECT FROM reference.area_country WHERE country = in_country) THEN
        RETURN;
    END IF;
    -- driven from pieces of the areas, as prefectures are found
    EXECUTE format($sql$
        INSERT INTO clean.firm_area (country, survey_year, row_number, agglomeration_code)
        SELECT %1$L, %2$s, hit.row_number, min(piece.agglomeration_code COLLATE "C")
        FROM (
            SELECT a.agglomeration_code, public.st_subdivide(a.geom, 256) AS geom
            FROM reference.agglomeration AS a
            WHERE a.country = %1$L
            OFFSET 0
        ) AS piece
        CROSS JOIN LATERAL (
            SELECT f.row_number FROM %3$s AS f
            WHERE f.country = %1$L AND f.survey_year = %2$s
                AND public.st_covers(piece.geom, f.geom)
            OFFSET 0
        ) AS hit
        GROUP BY hit.row_number
    $sql$, in_country, in_survey_year, in_rows);
END;
$$;
COMMENT ON FUNCTION clean.place_in_areas(text, integer, regclass) IS 'Write the area of each firm of a year to clean.firm_area, where the country has areas of its own.';

-- Flags and reasons that came after the tables.
INSERT INTO reference.flag (flag, meaning) VALUES
    ('firm_id_placeholder', 'The firm id is a word or a sign for none (0, n/a); taken as missing.'),
    ('firm_id_damaged', 'Digits of the firm id were lost in a spreadsheet (9.13301E+17); taken as missing, see the column unreadable.'),
    ('firm_id_zero_restored', 'The firm id had lost its leading zeros, which were put back to the length of the register''s ids.'),
    ('sign_restored', 'The sign of longitude or latitude was on the wrong side of zero for the country and was put right.'),
    ('degrees_scaled', 'Coordinates were whole millionths (or ten-millionths) of degrees and were divided.'),
    ('degrees_packed', 'Coordinates were degrees, minutes and seconds in one number (1200742 or 120.0742) and were unpacked.'),
    ('coordinates_differ', 'The two pairs of coordinate columns lie more than a kilometre apart.'),
    ('second_coordinates', 'The first pair of coordinate columns gave no point, or a coarse one; the point is of the second pair.'),
    ('establishment', 'The firm has several rows in the year, each at a point of its own: plants of one firm.'),
    ('industry_several', 'Several industry codes; the firm counts in the first, in the United Kingdom in the first of manufacturing.'),
    ('industry_from_name', 'The industry was named in words, which are the name of one industry of the classification.'),
    ('output_ambiguous', 'Output is written 1,000 or 1.000 in a column that has decimal commas and decimal points; taken as missing, see the column unreadable.'),
    ('employment_ambiguous', 'Employment is written 1,000 or 1.000 in a column that has decimal commas and decimal points; taken as missing, see the column unreadable.'),
    ('established_year_out_of_bounds', 'The founding year lies after the survey year; taken as missing, see the column unreadable.'),
    ('output_out_of_bounds', 'Output is negative or larger than any firm''s; taken as missing, see the column unreadable.'),
    ('employment_out_of_bounds', 'Employment is negative or larger than any firm''s; taken as missing, see the column unreadable.')
ON CONFLICT (flag) DO UPDATE SET meaning = excluded.meaning;

INSERT INTO reference.refusal_reason (reason, meaning) VALUES
    ('other_country', 'The row names another country than the one it was loaded as.')
ON CONFLICT (reason) DO UPDATE SET meaning = excluded.meaning;
