-- How many firms pass through doubtful or unofficial links when their industries are translated.
-- A firm is shared out over the links of its industry by their weights; a concordance is read
-- backwards with its weights made shares of the other side. Two concordances in a row are two rows.

CREATE VIEW reference.concordance_use AS
WITH year_industry AS (
    SELECT
country,
survey_year,
classification,
industry,
count(*) AS firms
    FROM clean.firm
    WHERE industry IS NOT NULL AND classification IS NOT NULL
    GROUP BY country, survey_year, classification, industry
),

link AS (
    SELECT
        from_classification,
from_code,
to_classification,
to_code,
weight,
doubtful,
official,
        FALSE AS backwards
    FROM reference.industry_concordance
    WHERE length(from_code) = 3 AND length(to_code) = 3
    UNION ALL
    SELECT
        to_classification,
to_code,
from_classification,
from_code,
        weight / sum(weight) OVER (PARTITION BY to_classification, to_code, from_classification),
        doubtful,
official,
TRUE
    FROM reference.industry_concordance
    WHERE length(from_code) = 3 AND length(to_code) = 3
),

by_code AS (
    SELECT
        from_classification,
from_code,
to_classification,
backwards,
        count(*) AS links,
        count(*) FILTER (WHERE doubtful) AS doubtful_links,
        count(*) FILTER (WHERE NOT official) AS unofficial_links,
        coalesce(sum(weight) FILTER (WHERE doubtful), 0) AS doubtful,
        coalesce(sum(weight) FILTER (WHERE NOT official), 0) AS unofficial
    FROM link
    GROUP BY from_classification, from_code, to_classification, backwards
),

way AS (
    SELECT
        from_classification,
to_classification,
backwards,
        sum(links) AS links,
        sum(doubtful_links) AS doubtful_links,
        sum(unofficial_links) AS unofficial_links
    FROM by_code
    GROUP BY from_classification, to_classification, backwards
)

SELECT
    f.country,
    f.survey_year,
    way.from_classification || ' to ' || way.to_classification
    || CASE WHEN way.backwards THEN ' (read backwards)' ELSE '' END AS by_what,
    way.to_classification,
    way.links::integer AS links,
    way.doubtful_links::integer AS doubtful_links,
    way.unofficial_links::integer AS unofficial_links,
    sum(f.firms)::integer AS firms,
    coalesce(sum(f.firms) FILTER (WHERE c.links > 1), 0)::integer AS split,
    coalesce(sum(f.firms * c.doubtful), 0)::double precision AS doubtful,
    coalesce(sum(f.firms * c.unofficial), 0)::double precision AS unofficial,
    coalesce(sum(f.firms) FILTER (WHERE c.links IS NULL), 0)::integer AS unlinked
FROM year_industry AS f
INNER JOIN way ON f.classification = way.from_classification
LEFT JOIN by_code AS c
    ON f.classification = c.from_classification AND f.industry = c.from_code
    AND way.to_classification = c.to_classification AND way.backwards = c.backwards
GROUP BY
    f.country, f.survey_year, way.from_classification, way.to_classification, way.backwards,
    way.links, way.doubtful_links, way.unofficial_links;
COMMENT ON VIEW reference.concordance_use IS 'Use of every concordance, both ways, by the firms of each survey year.';
COMMENT ON COLUMN reference.concordance_use.country IS 'Country code.';
COMMENT ON COLUMN reference.concordance_use.survey_year IS 'Survey year.';
COMMENT ON COLUMN reference.concordance_use.by_what IS 'The concordance or sector map, in words.';
COMMENT ON COLUMN reference.concordance_use.to_classification IS 'Classification translated to.';
COMMENT ON COLUMN reference.concordance_use.links IS 'Links it has, used or not.';
COMMENT ON COLUMN reference.concordance_use.doubtful_links IS 'Those that are weak.';
COMMENT ON COLUMN reference.concordance_use.unofficial_links IS 'Those that no office published.';
COMMENT ON COLUMN reference.concordance_use.firms IS 'Firms of the year that have an industry.';
COMMENT ON COLUMN reference.concordance_use.split IS 'Firms whose industry goes to several codes.';
COMMENT ON COLUMN reference.concordance_use.doubtful IS 'Firms that pass through doubtful links, a split firm by its weights.';
COMMENT ON COLUMN reference.concordance_use.unofficial IS 'Firms that pass through unofficial links, a split firm by its weights.';
COMMENT ON COLUMN reference.concordance_use.unlinked IS 'Firms whose industry goes to no code.';

-- of sector maps, doubtful counts as unofficial
CREATE VIEW reference.sector_map_use AS
WITH year_industry AS (
    SELECT
country,
survey_year,
classification,
industry,
count(*) AS firms
    FROM clean.firm
    WHERE industry IS NOT NULL AND classification IS NOT NULL
    GROUP BY country, survey_year, classification, industry
),

by_industry AS (
    SELECT
        io_table,
classification,
industry,
        count(*) AS links,
        coalesce(sum(weight) FILTER (WHERE doubtful), 0) AS doubtful
    FROM reference.io_sector_industry
    GROUP BY io_table, classification, industry
),

map AS (
    SELECT
        io_table,
classification,
count(*) AS links,
        count(*) FILTER (WHERE doubtful) AS doubtful_links
    FROM reference.io_sector_industry
    GROUP BY io_table, classification
)

SELECT
    f.country,
    f.survey_year,
    map.classification || ' to sectors of ' || map.io_table AS by_what,
    map.io_table,
    map.links::integer AS links,
    map.doubtful_links::integer AS doubtful_links,
    map.doubtful_links::integer AS unofficial_links,
    sum(f.firms)::integer AS firms,
    coalesce(sum(f.firms) FILTER (WHERE c.links > 1), 0)::integer AS split,
    coalesce(sum(f.firms * c.doubtful), 0)::double precision AS doubtful,
    coalesce(sum(f.firms * c.doubtful), 0)::double precision AS unofficial,
    coalesce(sum(f.firms) FILTER (WHERE c.links IS NULL), 0)::integer AS unlinked
FROM year_industry AS f
INNER JOIN map ON f.classification = map.classification
LEFT JOIN by_industry AS c
    ON map.io_table = c.io_table AND f.classification = c.classification
    AND f.industry = c.industry
GROUP BY
    f.country, f.survey_year, map.io_table, map.classification, map.links, map.doubtful_links;
COMMENT ON VIEW reference.sector_map_use IS 'Use of every map from industries to sectors of an input-output table by the firms of each survey year.';
COMMENT ON COLUMN reference.sector_map_use.country IS 'Country code.';
COMMENT ON COLUMN reference.sector_map_use.survey_year IS 'Survey year.';
COMMENT ON COLUMN reference.sector_map_use.by_what IS 'The concordance or sector map, in words.';
COMMENT ON COLUMN reference.sector_map_use.io_table IS 'Input-output table.';
COMMENT ON COLUMN reference.sector_map_use.links IS 'Links it has, used or not.';
COMMENT ON COLUMN reference.sector_map_use.doubtful_links IS 'Those that are weak.';
COMMENT ON COLUMN reference.sector_map_use.unofficial_links IS 'Those that no office published.';
COMMENT ON COLUMN reference.sector_map_use.firms IS 'Firms of the year that have an industry.';
COMMENT ON COLUMN reference.sector_map_use.split IS 'Firms whose industry goes to several codes.';
COMMENT ON COLUMN reference.sector_map_use.doubtful IS 'Firms that pass through doubtful links, a split firm by its weights.';
COMMENT ON COLUMN reference.sector_map_use.unofficial IS 'Firms that pass through unofficial links, a split firm by its weights.';
COMMENT ON COLUMN reference.sector_map_use.unlinked IS 'Firms whose industry goes to no code.';
