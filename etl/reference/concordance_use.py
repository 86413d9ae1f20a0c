"""How many firms pass through doubtful or unofficial links when their industries are translated."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

# A firm is shared out over the links of its industry by their weights; a concordance is read
# backwards with its weights made shares of the other side. Two concordances in a row are two lines.
_FIRMS = """
WITH year_industry AS (
    SELECT country, survey_year, classification, industry, count(*) AS firms
    FROM clean.firm
    WHERE industry IS NOT NULL AND classification IS NOT NULL
    GROUP BY country, survey_year, classification, industry
),
link AS (
    SELECT
        from_classification, from_code, to_classification, to_code, weight, doubtful, official,
        false AS backwards
    FROM reference.industry_concordance
    WHERE length(from_code) = 3 AND length(to_code) = 3
    UNION ALL
    SELECT
        to_classification, to_code, from_classification, from_code,
        weight / sum(weight) OVER (PARTITION BY to_classification, to_code, from_classification),
        doubtful, official, true
    FROM reference.industry_concordance
    WHERE length(from_code) = 3 AND length(to_code) = 3
),
by_code AS (
    SELECT
        from_classification, from_code, to_classification, backwards,
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
        from_classification, to_classification, backwards,
        sum(links) AS links,
        sum(doubtful_links) AS doubtful_links,
        sum(unofficial_links) AS unofficial_links
    FROM by_code
    GROUP BY from_classification, to_classification, backwards
)
SELECT
    f.country || ' ' || f.survey_year,
    way.from_classification || ' to ' || way.to_classification
    || CASE WHEN way.backwards THEN ' (read backwards)' ELSE '' END,
    way.links::integer,
    way.doubtful_links::integer,
    way.unofficial_links::integer,
    sum(f.firms)::integer,
    coalesce(sum(f.firms) FILTER (WHERE c.links > 1), 0)::integer,
    coalesce(sum(f.firms * c.doubtful), 0)::double precision,
    coalesce(sum(f.firms * c.unofficial), 0)::double precision,
    coalesce(sum(f.firms) FILTER (WHERE c.links IS NULL), 0)::integer
FROM year_industry AS f
INNER JOIN way ON f.classification = way.from_classification
LEFT JOIN by_code AS c
    ON f.classification = c.from_classification AND f.industry = c.from_code
    AND way.to_classification = c.to_classification AND way.backwards = c.backwards
WHERE %(to)s::text IS NULL OR way.to_classification = %(to)s
GROUP BY
    f.country, f.survey_year, way.from_classification, way.to_classification, way.backwards,
    way.links, way.doubtful_links, way.unofficial_links
ORDER BY f.country, f.survey_year, way.to_classification, way.backwards
"""
_SECTORS = """
WITH year_industry AS (
    SELECT country, survey_year, classification, industry, count(*) AS firms
    FROM clean.firm
    WHERE industry IS NOT NULL AND classification IS NOT NULL
    GROUP BY country, survey_year, classification, industry
),
by_industry AS (
    SELECT
        io_table, classification, industry,
        count(*) AS links,
        coalesce(sum(weight) FILTER (WHERE doubtful), 0) AS doubtful
    FROM reference.io_sector_industry
    GROUP BY io_table, classification, industry
),
map AS (
    SELECT
        io_table, classification, count(*) AS links,
        count(*) FILTER (WHERE doubtful) AS doubtful_links
    FROM reference.io_sector_industry
    GROUP BY io_table, classification
)
SELECT
    f.country || ' ' || f.survey_year,
    map.classification || ' to sectors of ' || map.io_table,
    map.links::integer,
    map.doubtful_links::integer,
    map.doubtful_links::integer,
    sum(f.firms)::integer,
    coalesce(sum(f.firms) FILTER (WHERE c.links > 1), 0)::integer,
    coalesce(sum(f.firms * c.doubtful), 0)::double precision,
    coalesce(sum(f.firms * c.doubtful), 0)::double precision,
    coalesce(sum(f.firms) FILTER (WHERE c.links IS NULL), 0)::integer
FROM year_industry AS f
INNER JOIN map ON f.classification = map.classification
LEFT JOIN by_industry AS c
    ON map.io_table = c.io_table AND f.classification = c.classification
    AND f.industry = c.industry
GROUP BY
    f.country, f.survey_year, map.io_table, map.classification, map.links, map.doubtful_links
ORDER BY f.country, f.survey_year, map.io_table
"""


@dataclass(frozen=True)
class LinkUse:
    """Firms of a country and survey year that one concordance or sector map translates.

    `firms` have an industry; of them `split` go to several codes, `unlinked` to none; `doubtful`
    and `unofficial` are the firms that pass through such links, a split firm by its weights.
    `links`, `doubtful_links` and `unofficial_links` count links, used or not.
    """

    firms_of: str
    by: str
    links: int
    doubtful_links: int
    unofficial_links: int
    firms: int
    split: int
    doubtful: float
    unofficial: float
    unlinked: int


def firms_by_link(connection: psycopg.Connection, to: str | None = None) -> list[LinkUse]:
    """Use of every concordance, both ways, by the firms of each year; `to` keeps one target."""
    return [LinkUse(*row) for row in connection.execute(_FIRMS, {"to": to}).fetchall()]


def firms_by_sector_map(connection: psycopg.Connection) -> list[LinkUse]:
    """Use of every sector map by the firms of each year; doubtful counts as unofficial there."""
    return [LinkUse(*row) for row in connection.execute(_SECTORS).fetchall()]
