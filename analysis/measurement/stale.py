"""Which indices are not what would be measured now, and why; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import psycopg

from coagg.analysis.cells import points as firm_points
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.comparison import (
    CompareReport,
    CompareRequest,
    cell_why,
    inputs_of,
)
from coagg.analysis.measurement.index import (
    IndexRequest,
    check,
    finished,
    firms_of,
    gone,
    measurement_of,
    nothing_to_measure,
    unit_why,
    units_of,
)
from coagg.database.fingerprint import OLDER, together
from coagg.errors import CoaggError

NO_MEASUREMENT = "not measured with these settings"
NO_FIRMS = "firms are no more"

# the measurement that a comparison of these settings goes with
SAME = """
SELECT u.measurement_id
FROM coagglomeration.unit AS u
JOIN coagglomeration.measurement AS m USING (measurement_id)
WHERE ARRAY[u.country, u.survey_year::text, u.agglomeration_code] = %(key)s
    AND m.min_firms = %(least)s AND m.pile_ups = %(piles)s
    AND m.classification = %(classification)s
GROUP BY u.measurement_id ORDER BY max(u.unit_id) DESC LIMIT 1
"""


def why_measure(connection: psycopg.Connection, request: IndexRequest) -> str | None:
    """Why `measure` would measure a unit or take one out; None when it would skip all.

    Raises CoaggError as `measure` does.
    """
    check(request)
    firm_points.chosen_agglomerations(
        connection, request.country, request.survey_year, request.agglomerations
    )
    number = measurement_of(connection, request)
    if number is None:
        return NO_MEASUREMENT
    found: dict[str, list[str]] = {}
    codes, units = [], 0
    for code, count, said in _cell_reasons(connection, number, request):
        codes.append(code)
        units += count
        if said:
            found.setdefault(said, []).append(code)
    if left := gone(connection, number, request, codes):
        found.setdefault(NO_FIRMS, []).extend(left)
    if not units and not left:
        raise nothing_to_measure(request)  # a failed step is not up to date the night after
    told = [
        said if len(where) == len(codes) else f"{said} in {', '.join(where)}"
        for said, where in found.items()
    ]
    return "; ".join(told) or None


def _cell_reasons(
    connection: psycopg.Connection, number: int, request: IndexRequest
) -> Iterator[tuple[str, int, str | None]]:
    """Each agglomeration, its number of units, and why one of them must be measured."""
    for cell, code, digest in firms_of(connection, request):
        known = finished(connection, number, request, code)
        units = units_of(cell.industries, code, digest, request)
        reasons = [said for unit in units if (said := unit_why(known, unit))]
        if len(known) > len(units):
            reasons.append("changed: firms")  # fewer industries than blocks are stored
        yield code, len(units), together(reasons)


def stale_cells(connection: psycopg.Connection) -> dict[str, str]:
    """Stored cells of every measurement that would be measured anew, by name, and why."""
    found = {}
    for number, settings, country, year, codes in connection.execute(
        "SELECT measurement_id, m.settings, u.country, u.survey_year, "
        "array_agg(DISTINCT u.agglomeration_code ORDER BY u.agglomeration_code) "
        "FROM coagglomeration.unit AS u JOIN coagglomeration.measurement AS m "
        "USING (measurement_id) GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4"
    ).fetchall():
        for code, said in _stale_of(connection, number, settings, country, year, codes):
            if said:
                found[f"index {number} {country} {year} {code}"] = said
    return found


def _stale_of(
    connection: psycopg.Connection,
    number: int,
    settings: Mapping[str, Any],
    country: str,
    year: int,
    codes: list[str],
) -> Iterator[tuple[str, str | None]]:
    if "index" not in settings:
        yield from ((code, OLDER) for code in codes)
        return
    try:
        there = firm_points.agglomerations(connection, country, year)
    except CoaggError:
        there = {}
    yield from ((code, NO_FIRMS) for code in codes if code not in there)
    held = tuple(code for code in codes if code in there)
    if held:
        rest = {name: value for name, value in settings.items() if name != "index"}
        index = IndexSettings(**settings["index"])
        request = IndexRequest(year, index, country, agglomerations=held, **rest)
        yield from ((code, said) for code, _, said in _cell_reasons(connection, number, request))


def why_compare(
    connection: psycopg.Connection,
    request: CompareRequest,
    min_firms: int,
    pile_ups: str,
    classification: str,
) -> str | None:
    """Why the one cell of the request would be computed anew; None when it would be skipped.

    It is compared with the latest measurement of these `min_firms`, `pile_ups` and
    `classification`.
    """
    (code,) = request.agglomerations
    key = (request.country, request.survey_year, code)
    rules = {"least": min_firms, "piles": pile_ups, "classification": classification}
    row = connection.execute(SAME, {"key": list(map(str, key)), **rules}).fetchone()
    if row is None:
        return "its index is no more"
    try:
        (cell,) = inputs_of(connection, replace(request, measurement=row[0]), CompareReport())
    except CoaggError as fault:
        return str(fault)
    return cell_why(connection, key, cell)[0]


def stale_comparisons(connection: psycopg.Connection) -> dict[str, str]:
    """Stored comparison cells that would be computed anew, by name, and why."""
    found = {}
    for country, year, code, draws, seed, *rules in connection.execute(
        "SELECT country, survey_year, agglomeration_code, draws, seed, min_firms, pile_ups, "
        "classification FROM coagglomeration.comparison_cell ORDER BY 1, 2, 3"
    ).fetchall():
        request = CompareRequest(year, country, (code,), draws, seed)
        said = why_compare(connection, request, *rules)
        if said:
            found[f"comparison {country} {year} {code}"] = said
    return found
