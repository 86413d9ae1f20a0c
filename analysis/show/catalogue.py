"""What can be asked about: agglomerations, industries and measurements, names beside codes."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from coagg.errors import CoaggError

AGGLOMERATIONS: LiteralString = """
SELECT
    a.country, a.agglomeration_code, a.name, a.name_en,
    CASE WHEN a.country IN (SELECT country FROM reference.area_country) THEN NULL ELSE (
        SELECT count(*) FROM reference.agglomeration_member AS m
        WHERE m.country = a.country AND m.agglomeration_code = a.agglomeration_code AND m.assigned
    ) END AS prefectures,
    ARRAY(
        SELECT DISTINCT u.survey_year FROM coagglomeration.unit AS u
        WHERE u.country = a.country AND u.agglomeration_code = a.agglomeration_code
        ORDER BY u.survey_year
    ) AS measured_years
FROM reference.agglomeration AS a
WHERE %(country)s::text IS NULL OR a.country = %(country)s
ORDER BY a.country, a.agglomeration_code
"""

INDUSTRIES: LiteralString = """
SELECT i.classification, i.industry_code, i.name, i.name_en, i.section, s.name AS section_name,
    s.name_en AS section_name_en
FROM reference.industry AS i
LEFT JOIN reference.industry AS s
    ON s.classification = i.classification AND s.industry_code = i.section
WHERE i.classification = %(classification)s AND i.level = %(level)s
    AND (
        %(search)s::text IS NULL
        OR i.industry_code LIKE %(search)s || '%%'
        OR strpos(lower(concat_ws(' ', i.name, i.name_en)), lower(%(search)s)) > 0
    )
ORDER BY i.industry_code
"""

MEASUREMENTS: LiteralString = """
SELECT
    m.measurement_id, m.method, m.cost, m.draws, m.seed, m.min_firms, m.pile_ups, m.direction,
    nullif(m.classification, 'own') AS classification, u.country, u.survey_years,
    u.agglomerations, coalesce(u.cells, 0) AS cells, coalesce(u.pairs, 0) AS pairs, m.made_at,
    u.finished_at
FROM coagglomeration.measurement AS m
LEFT JOIN (
    SELECT
        measurement_id, country, array_agg(DISTINCT survey_year) AS survey_years,
        array_agg(DISTINCT agglomeration_code) AS agglomerations,
        count(DISTINCT (survey_year, agglomeration_code)) AS cells, sum(pairs)::bigint AS pairs,
        max(finished_at) AS finished_at
    FROM coagglomeration.unit
    GROUP BY measurement_id, country
) AS u ON u.measurement_id = m.measurement_id
WHERE %(country)s::text IS NULL OR u.country = %(country)s
ORDER BY m.measurement_id, u.country
"""

Rows = list[dict[str, Any]]


def agglomerations(connection: psycopg.Connection, country: str | None = None) -> Rows:
    """Agglomerations with their names, number of prefectures and years that have an index.

    `prefectures` is None of areas of their own, which are not made of prefectures.
    """
    return _rows(connection, AGGLOMERATIONS, {"country": country})


def industries(
    connection: psycopg.Connection,
    classification: str | None = None,
    search: str | None = None,
    level: int = 3,
) -> Rows:
    """Industries of a classification (default: that of the year loaded last), by code.

    `search`: only codes that begin with it and names that hold it. `level`: number of characters
    of the code. Raises CoaggError for an unknown classification and for a search without a find.
    """
    known = [
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT classification FROM reference.industry ORDER BY 1"
        )
    ]
    if classification is None:
        classification = _latest_classification(connection, known)
    if classification not in known:
        raise CoaggError(
            f"classification {classification!r} is unknown; known: {', '.join(known) or 'none'}"
        )
    asked: dict[str, object] = {"classification": classification, "search": search, "level": level}
    found = _rows(connection, INDUSTRIES, asked)
    if not found:
        raise CoaggError(f"{classification} has no industry of {level} characters like {search!r}")
    return found


def measurements(connection: psycopg.Connection, country: str | None = None) -> Rows:
    """Measurements of the index: settings, classification, and what was measured, by country.

    `classification` is None where each year's own was used; `country` is None where no unit is
    finished.
    """
    return _rows(connection, MEASUREMENTS, {"country": country})


def _latest_classification(connection: psycopg.Connection, known: list[str]) -> str:
    row = connection.execute(
        "SELECT classification FROM ops.load WHERE superseded_at IS NULL "
        "AND classification = ANY(%s) ORDER BY country, survey_year DESC LIMIT 1",
        (known,),
    ).fetchone()
    if row is not None:
        return str(row[0])
    if not known:
        raise CoaggError("no classification is loaded: coagg db upgrade loads them")
    return known[0]


def _rows(connection: psycopg.Connection, query: LiteralString, asked: dict[str, object]) -> Rows:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, asked).fetchall()
