"""How many firms pass through doubtful or unofficial links when their industries are translated."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

COLUMNS = (
    "country || ' ' || survey_year, by_what, links, doubtful_links, unofficial_links, firms, "
    "split, doubtful, unofficial, unlinked"
)


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
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM reference.concordance_use "
        "WHERE %(to)s::text IS NULL OR to_classification = %(to)s "
        "ORDER BY country, survey_year, to_classification, by_what",
        {"to": to},
    )
    return [LinkUse(*row) for row in rows.fetchall()]


def firms_by_sector_map(connection: psycopg.Connection) -> list[LinkUse]:
    """Use of every sector map by the firms of each year; doubtful counts as unofficial there."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM reference.sector_map_use ORDER BY country, survey_year, io_table"
    )
    return [LinkUse(*row) for row in rows.fetchall()]
