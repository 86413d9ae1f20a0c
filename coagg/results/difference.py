"""What changed from one set of results to another, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from coagg import database
from coagg.database.fingerprint import Fingerprint, together, why
from coagg.results.sets import every_set, loads_of
from coagg.settings import Settings

NEAR = 0.95  # the paper's threshold
SIGNIFICANT = 0.05
IN_SET = "{0}.from_set <= %({1})s AND ({0}.until_set IS NULL OR {0}.until_set > %({1})s)"


def _one_sided(table: str, alias: str, here: str, there: str) -> str:
    """Versions of a table in one set and not in the other."""
    return (
        f"SELECT * FROM {table} AS {alias} WHERE {IN_SET.format(alias, here)} "
        f"AND NOT ({IN_SET.format(alias, there)})"
    )


def _two_sides(table: str) -> str:
    return (
        f"WITH before AS ({_one_sided(table, 'v', 'a', 'b')}), "
        f"after AS ({_one_sided(table, 'v', 'b', 'a')}) "
    )


UNITS = (
    _two_sides("coagglomeration.unit_version")
    + """
SELECT measurement_id, country, survey_year, agglomeration_code, before.inputs, after.inputs,
    before.unit_id IS NOT NULL, after.unit_id IS NOT NULL
FROM before FULL JOIN after USING (measurement_id, country, survey_year, agglomeration_code, block)
ORDER BY 1, 2, 3, 4, block
"""
)
PAIRS = (
    _two_sides("coagglomeration.unit_version")
    + """,
a AS (SELECT p.* FROM coagglomeration.pair_version AS p JOIN before USING (unit_id)),
b AS (SELECT p.* FROM coagglomeration.pair_version AS p JOIN after USING (unit_id))
SELECT measurement_id, country, survey_year, agglomeration_code,
    count(*) FILTER (WHERE a.index IS NULL), count(*) FILTER (WHERE b.index IS NULL),
    count(*) FILTER (WHERE a.index <> b.index),
    count(*) FILTER (WHERE b.index >= %(near)s AND coalesce(a.index, 0) < %(near)s),
    count(*) FILTER (WHERE a.index >= %(near)s AND coalesce(b.index, 0) < %(near)s),
    max(abs(b.index - a.index))
FROM a FULL JOIN b USING (measurement_id, country, survey_year, agglomeration_code,
    fixed_industry, redrawn_industry)
GROUP BY 1, 2, 3, 4
"""
)
BUILDS = (
    _two_sides("panel.build_version")
    + """
SELECT measurement_id, country, survey_year, before.inputs, after.inputs,
    before.build_id, after.build_id, before.cells, after.cells,
    (
        SELECT count(*) FROM panel.cell_version AS x
        JOIN panel.cell_version AS y
            USING (measurement_id, country, survey_year, agglomeration_code, industry)
        WHERE x.build_id = before.build_id AND y.build_id = after.build_id
            AND measurement_id = before.measurement_id AND country = before.country
            AND survey_year = before.survey_year
            AND to_jsonb(x) - 'build_id' <> to_jsonb(y) - 'build_id'
    )
FROM before FULL JOIN after USING (measurement_id, country, survey_year)
ORDER BY 1, 2, 3
"""
)
RUNS = (
    _two_sides("estimates.run")
    + """
SELECT measurement_id, table_name, options, before.inputs, after.inputs,
    before.run_id, after.run_id, moved.*
FROM before FULL JOIN after USING (measurement_id, table_name, options)
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.coefficient <> y.coefficient) + (
            SELECT count(*) FROM estimates.descriptive AS d
            JOIN estimates.descriptive AS e USING (level, name, statistic)
            WHERE d.run_id = before.run_id AND e.run_id = after.run_id AND d.value <> e.value
        ),
        max(abs(y.coefficient - x.coefficient) / nullif(x.standard_error, 0)),
        count(*) FILTER (WHERE sign(x.coefficient) <> sign(y.coefficient)),
        count(*) FILTER (WHERE (x.p < %(level)s) <> (y.p < %(level)s))
    FROM estimates.coefficient AS x
    JOIN estimates.coefficient AS y USING (column_number, stage, name)
    WHERE x.run_id = before.run_id AND y.run_id = after.run_id
) AS moved ON TRUE
ORDER BY 1, 2, options::text
"""
)


@dataclass(frozen=True)
class FileChange:
    """Data whose file differs between two sets: name and sha256; None: not there."""

    data: str
    before: str | None
    after: str | None
    before_sha256: str | None
    after_sha256: str | None


@dataclass(frozen=True)
class IndexChange:
    """An agglomeration whose index differs: pairs new, gone, changed, and across 0.95."""

    measurement_id: int
    country: str
    survey_year: int
    agglomeration_code: str
    why: str
    new: int
    gone: int
    changed: int
    became_near: int
    no_longer_near: int
    largest_change: float | None


@dataclass(frozen=True)
class PanelChange:
    """A year of the panel that was built anew; cells before and after, and how many differ."""

    measurement_id: int
    country: str
    survey_year: int
    why: str
    cells_before: int | None
    cells_after: int | None
    cells_changed: int


@dataclass(frozen=True)
class TableChange:
    """A table that was estimated anew.

    Coefficients and descriptive statistics that differ; of coefficients the largest difference in
    standard errors of before, how many changed their sign, and how many their significance at 5%.
    """

    measurement_id: int
    table: str
    options: dict[str, Any]
    why: str
    numbers_changed: int
    largest_change_in_se: float | None
    signs_changed: int
    significance_changed: int


@dataclass(frozen=True)
class Difference:
    """What differs between two sets. `files` is None when one of them did not keep its files."""

    before: int
    after: int
    files: tuple[FileChange, ...] | None
    index: tuple[IndexChange, ...]
    panel: tuple[PanelChange, ...]
    tables: tuple[TableChange, ...]


def difference(settings: Settings, before: int, after: int) -> Difference:
    """What changed from one set to another, and why.

    Parameters
    ----------
    settings
        The data base.
    before, after
        Numbers of two sets.

    Raises
    ------
    CoaggError
        A set that is not kept.
    """
    values = {"a": before, "b": after, "near": NEAR, "level": SIGNIFICANT}
    with database.snapshot(every_set(settings)) as connection:
        files = _files(loads_of(connection, before), loads_of(connection, after))
        return Difference(
            before,
            after,
            files,
            _index_changes(_ask(connection, UNITS, values), _ask(connection, PAIRS, values)),
            tuple(
                PanelChange(row[0], row[1], row[2], _why(*row[3:7]), *row[7:])
                for row in _ask(connection, BUILDS, values)
            ),
            tuple(
                TableChange(row[0], row[1], row[2], _why(*row[3:7]), *row[7:])
                for row in _ask(connection, RUNS, values)
            ),
        )


def _ask(
    connection: psycopg.Connection, query: str, values: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


def _files(
    before: dict[str, dict[str, str]] | None, after: dict[str, dict[str, str]] | None
) -> tuple[FileChange, ...] | None:
    if before is None or after is None:
        return None
    found = []
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name, {}), after.get(name, {})
        if one.get("sha256") != other.get("sha256"):
            files, hashes = ([side.get(key) for side in (one, other)] for key in ("file", "sha256"))
            found.append(FileChange(name, *files, *hashes))
    return tuple(found)


def _why(
    inputs: dict[str, str] | None, now: dict[str, str] | None, old: object, new: object
) -> str:
    """Why a version was made, by what it and the one before it were made from."""
    if not old:
        return "new"
    if not new:
        return "taken out"
    if now is None:
        return "not known"
    return why(inputs, Fingerprint(tuple(sorted(now.items())))) or "asked for"


def _index_changes(
    units: Iterable[Sequence[Any]], pairs: Iterable[Sequence[Any]]
) -> tuple[IndexChange, ...]:
    reasons: dict[tuple[int, str, int, str], list[str]] = defaultdict(list)
    for *key, inputs, now, old, new in units:
        number, country, year, code = key
        reasons[number, country, year, code].append(_why(inputs, now, old, new))
    counts = {tuple(row[:4]): row[4:] for row in pairs}
    return tuple(
        IndexChange(*key, together(said) or "", *counts.get(key, (0, 0, 0, 0, 0, None)))
        for key, said in reasons.items()
    )
