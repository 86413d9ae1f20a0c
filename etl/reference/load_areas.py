"""Areas that arrived put in force, in place of what their countries had for agglomerations."""

from __future__ import annotations

from pathlib import Path

import psycopg

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.reference.boundaries import Finding
from coagg.settings import SQL

# countries on whose prefectures an area lies
COUNTRIES = """
SELECT a.agglomeration_code, ARRAY(
    SELECT c.country FROM (SELECT DISTINCT country FROM reference.prefecture) AS c
    WHERE coalesce(a.country, c.country) = c.country AND EXISTS (
        SELECT FROM reference.prefecture_piece AS p
        WHERE p.country = c.country AND public.st_intersects(a.geom, p.geom)
    )
)
FROM pg_temp.incoming_area AS a ORDER BY 1
"""
INSIDE = """
SELECT c.country, a.areas, f.firms, f.inside FROM reference.area_country AS c
CROSS JOIN LATERAL (
    SELECT count(*) AS areas FROM reference.agglomeration AS a WHERE a.country = c.country
) AS a
CROSS JOIN LATERAL (
    SELECT
        (SELECT count(*) FROM clean.firm AS f WHERE f.country = c.country) AS firms,
        (SELECT count(*) FROM clean.firm_area AS f WHERE f.country = c.country) AS inside
) AS f
WHERE c.country IN (SELECT country FROM pg_temp.incoming_area) ORDER BY c.country
"""


def place_areas(connection: psycopg.Connection, path: Path) -> list[Finding]:
    """Put the areas in pg_temp.incoming_area in force: every firm gets the area it stands in.

    Raises CoaggError for areas off the country's land, and where no country is named and it is not
    plain from where they lie. The caller's transaction must then be rolled back.
    """
    connection.execute("ANALYZE pg_temp.incoming_area")
    _settle_country(connection, path)
    database.run_file(connection, SQL / "transforms" / "reference" / "35_areas.sql")
    findings = []
    for country, areas, firms, inside in connection.execute(INSIDE).fetchall():
        findings.append(Finding(f"{country} areas", areas))
        findings.append(Finding(f"{country} firms inside", inside, f"of {firms}"))
        findings.append(Finding(f"{country} firms outside", firms - inside))
    return findings


def _settle_country(connection: psycopg.Connection, path: Path) -> None:
    """Every area must lie on land of its country; where none is named, on that of one country."""
    found = connection.execute(COUNTRIES).fetchall()
    off = [code for code, countries in found if not countries]
    if off:
        more = f" and {len(off) - 3} more" if len(off) > 3 else ""
        raise CoaggError(
            f"{path}: {', '.join(off[:3])}{more} of {len(found)} areas lie outside of the country, "
            "on no prefecture of it; is the coordinate system right, or the country "
            "(--area-country)?"
        )
    named = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_temp.incoming_area WHERE country IS NULL)"
    ).fetchone()
    if named == (False,):
        return
    common = set.intersection(*(set(countries) for _, countries in found))
    if len(common) != 1:
        touched = sorted({country for _, countries in found for country in countries})
        raise CoaggError(f"{path}: lies in {' and '.join(touched)}; say one with --area-country")
    connection.execute("UPDATE pg_temp.incoming_area SET country = %s", (common.pop(),))
