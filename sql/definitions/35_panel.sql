-- One classification over the years: links between the codes of any two. They follow from the
-- concordances and are kept in tables, since every cell of every year reads them; triggers on what
-- they follow from keep them up to date.

CREATE VIEW reference.translation_now AS
WITH forward AS (
    SELECT
        from_classification,
        from_code,
        to_classification,
        to_code,
        weight,
        doubtful
    FROM reference.industry_concordance
),

-- a concordance read backwards, where there is none that way
backward AS (
    SELECT
        f.to_classification AS from_classification,
        f.to_code AS from_code,
        f.from_classification AS to_classification,
        f.from_code AS to_code,
        f.weight / sum(f.weight) OVER (
            PARTITION BY f.to_classification, f.to_code, f.from_classification
        ) AS weight,
        f.doubtful
    FROM forward AS f
    WHERE NOT EXISTS (
        SELECT FROM forward AS other
        WHERE
            other.from_classification = f.to_classification
            AND other.to_classification = f.from_classification
    )
),

one_step AS (
    SELECT * FROM forward
    UNION ALL
    SELECT * FROM backward
),

known AS (
    SELECT DISTINCT
        from_classification,
        to_classification
    FROM one_step
),

-- computed whole: with a caller's filter inside, the planner expects one row and loops
two_steps AS MATERIALIZED (
    SELECT
        a.from_classification,
        a.from_code,
        b.to_classification,
        b.to_code,
        sum(a.weight * b.weight) AS weight,
        bool_and(a.doubtful OR b.doubtful) AS doubtful
    FROM one_step AS a
    INNER JOIN one_step AS b
        ON a.to_classification = b.from_classification AND a.to_code = b.from_code
    WHERE
        a.from_classification <> b.to_classification
        AND NOT EXISTS (
            SELECT FROM known AS k
            WHERE
                k.from_classification = a.from_classification
                AND k.to_classification = b.to_classification
        )
    GROUP BY a.from_classification, a.from_code, b.to_classification, b.to_code
)

SELECT
    classification AS from_classification,
    industry_code AS from_code,
    classification AS to_classification,
    industry_code AS to_code,
    1::double precision AS weight,
    FALSE AS doubtful,
    0 AS steps
FROM reference.industry
WHERE level >= 3
UNION ALL
SELECT
    from_classification,
    from_code,
    to_classification,
    to_code,
    weight,
    doubtful,
    1
FROM one_step
UNION ALL
SELECT
    from_classification,
    from_code,
    to_classification,
    to_code,
    weight,
    doubtful,
    2
FROM two_steps;
COMMENT ON VIEW reference.translation_now IS 'What reference.industry_translation must hold, worked out from the concordances as they are now.';
COMMENT ON COLUMN reference.translation_now.from_classification IS 'Classification translated from.';
COMMENT ON COLUMN reference.translation_now.from_code IS 'Code translated from, three or four digits.';
COMMENT ON COLUMN reference.translation_now.to_classification IS 'Classification translated to; may be the same.';
COMMENT ON COLUMN reference.translation_now.to_code IS 'Code translated to.';
COMMENT ON COLUMN reference.translation_now.weight IS 'Share of from_code that goes to to_code; backwards: its weight over all that lead to from_code. They add to one (two steps: at most).';
COMMENT ON COLUMN reference.translation_now.doubtful IS 'Whether the link is weak; of two steps: when no way through has two firm links.';
COMMENT ON COLUMN reference.translation_now.steps IS 'Concordances passed: 0 within a classification, 1 or 2.';

CREATE VIEW reference.harmonised_now AS
WITH grouped AS (
    SELECT
        from_classification,
        from_code,
        to_classification,
        left(to_code, 3) AS industry,
        sum(weight) AS weight,
        bool_and(doubtful) AS doubtful,
        min(steps) AS steps
    FROM reference.kept_translation
    GROUP BY from_classification, from_code, to_classification, left(to_code, 3)
)

SELECT DISTINCT ON (from_classification, from_code, to_classification)
    from_classification,
    from_code,
    to_classification,
    industry,
    weight,
    doubtful OR weight <= 0.5 AS doubtful,
    steps
FROM grouped
-- weights are rounded so that a tie is one whatever the order of summing
ORDER BY from_classification, from_code, to_classification, round(weight::numeric, 9) DESC, industry;
COMMENT ON VIEW reference.harmonised_now IS 'What reference.harmonised_industry must hold, worked out from reference.kept_translation.';
COMMENT ON COLUMN reference.harmonised_now.from_classification IS 'Classification translated from.';
COMMENT ON COLUMN reference.harmonised_now.from_code IS 'Code translated from, three or four digits.';
COMMENT ON COLUMN reference.harmonised_now.to_classification IS 'Classification translated to; may be the same.';
COMMENT ON COLUMN reference.harmonised_now.industry IS 'Three-digit industry in the latter.';
COMMENT ON COLUMN reference.harmonised_now.weight IS 'Share of from_code that goes to it.';
COMMENT ON COLUMN reference.harmonised_now.doubtful IS 'Whether all its links are weak, or no more than half of from_code goes there.';
COMMENT ON COLUMN reference.harmonised_now.steps IS 'Concordances passed.';

CREATE OR REPLACE FUNCTION reference.keep_translations()
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- two at once would each write all of them
    LOCK TABLE reference.kept_translation IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM reference.kept_translation;
    INSERT INTO reference.kept_translation (
        from_classification, from_code, to_classification, to_code, weight, doubtful, steps
    )
    SELECT
        n.from_classification,
        n.from_code,
        n.to_classification,
        n.to_code,
        n.weight,
        n.doubtful,
        n.steps
    FROM reference.translation_now AS n;
    DELETE FROM reference.kept_harmonised;
    INSERT INTO reference.kept_harmonised (
        from_classification, from_code, to_classification, industry, weight, doubtful, steps
    )
    SELECT
        n.from_classification,
        n.from_code,
        n.to_classification,
        n.industry,
        n.weight,
        n.doubtful,
        n.steps
    FROM reference.harmonised_now AS n;
END;
$$;
COMMENT ON FUNCTION reference.keep_translations() IS 'Work out the translations between classifications anew and keep them.';

CREATE OR REPLACE FUNCTION reference.on_concordances()
RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- who changes much in one transaction keeps them once, at its end
    IF current_setting('coagg.translations', TRUE) IS DISTINCT FROM 'later' THEN
        PERFORM reference.keep_translations();
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION reference.on_concordances() IS 'Keeps the translations when codes or concordances change.';
CREATE OR REPLACE TRIGGER keep_translations
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON reference.industry_concordance
FOR EACH STATEMENT EXECUTE FUNCTION reference.on_concordances();
CREATE OR REPLACE TRIGGER keep_translations
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON reference.industry
FOR EACH STATEMENT EXECUTE FUNCTION reference.on_concordances();
SELECT reference.keep_translations();

CREATE VIEW reference.industry_translation AS
SELECT
    from_classification,
    from_code,
    to_classification,
    to_code,
    weight,
    doubtful,
    steps
FROM reference.kept_translation;
COMMENT ON VIEW reference.industry_translation IS 'Links between codes of any two classifications: concordances, read backwards where there is none that way, else two in a row.';
COMMENT ON COLUMN reference.industry_translation.from_classification IS 'Classification translated from.';
COMMENT ON COLUMN reference.industry_translation.from_code IS 'Code translated from, three or four digits.';
COMMENT ON COLUMN reference.industry_translation.to_classification IS 'Classification translated to; may be the same.';
COMMENT ON COLUMN reference.industry_translation.to_code IS 'Code translated to.';
COMMENT ON COLUMN reference.industry_translation.weight IS 'Share of from_code that goes to to_code; backwards: its weight over all that lead to from_code. They add to one (two steps: at most).';
COMMENT ON COLUMN reference.industry_translation.doubtful IS 'Whether the link is weak; of two steps: when no way through has two firm links.';
COMMENT ON COLUMN reference.industry_translation.steps IS 'Concordances passed: 0 within a classification, 1 or 2.';

CREATE VIEW reference.harmonised_industry AS
SELECT
    from_classification,
    from_code,
    to_classification,
    industry,
    weight,
    doubtful,
    steps
FROM reference.kept_harmonised;
COMMENT ON VIEW reference.harmonised_industry IS 'The one three-digit industry that a code means in another classification: the group with the heaviest links, ties by code.';
COMMENT ON COLUMN reference.harmonised_industry.from_classification IS 'Classification translated from.';
COMMENT ON COLUMN reference.harmonised_industry.from_code IS 'Code translated from, three or four digits.';
COMMENT ON COLUMN reference.harmonised_industry.to_classification IS 'Classification translated to; may be the same.';
COMMENT ON COLUMN reference.harmonised_industry.industry IS 'Three-digit industry in the latter.';
COMMENT ON COLUMN reference.harmonised_industry.weight IS 'Share of from_code that goes to it.';
COMMENT ON COLUMN reference.harmonised_industry.doubtful IS 'Whether all its links are weak, or no more than half of from_code goes there.';
COMMENT ON COLUMN reference.harmonised_industry.steps IS 'Concordances passed.';
