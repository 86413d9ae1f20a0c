"""Sets of results as people ask for them: which there are, what changed and why, which is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from coagg import database
from coagg.database import results as making
from coagg.database.fingerprint import Fingerprint, together, why
from coagg.errors import CoaggError
from coagg.settings import Settings

NEAR = 0.95  # the paper's threshold
SIGNIFICANT = 0.05

SETS = f"""
SELECT s.set_id, s.made_by, s.opened_at, s.completed_at, s.code_version, a.set_id IS NOT NULL,
    coalesce(a.pinned, FALSE),
    (SELECT count(*) FROM coagglomeration.unit_version AS v WHERE v.from_set = s.set_id),
    (SELECT count(*) FROM panel.build_version AS v WHERE v.from_set = s.set_id),
    (SELECT count(*) FROM estimates.run AS v WHERE v.from_set = s.set_id),
    ARRAY(SELECT j.job FROM ops.result_job AS j WHERE j.set_id = s.set_id AND {making.ALIVE}),
    ARRAY(
        SELECT concat_ws(' ', j.job, j.country, j.survey_year) || ': '
            || coalesce(j.fault, 'it was stopped')
        FROM ops.result_job AS j WHERE j.set_id = s.set_id AND NOT {making.ALIVE}
    )
FROM ops.result_set AS s LEFT JOIN ops.active_results AS a ON s.set_id = a.set_id
ORDER BY s.set_id DESC
"""
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
class ResultSet:
    """One set: when and by what it was made, what was new in it, and what becomes of it.

    `state`: active (readers see it), chosen (active, and newer sets do not replace it), complete,
    being made, or unfinished; `unfinished` says what is.
    """

    set_id: int
    made_by: str
    opened_at: datetime
    completed_at: datetime | None
    code_version: str
    state: str
    new_units: int
    new_panel_years: int
    new_tables: int
    unfinished: tuple[str, ...] = ()


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


def result_sets(settings: Settings) -> list[ResultSet]:
    """All sets that are kept, the newest first.

    Examples
    --------
    >>> [one.state for one in result_sets(settings)]  # doctest: +SKIP
    ['active', 'complete']
    """
    with database.connect(_plain(settings)) as connection:
        sets = [_set(*row) for row in connection.execute(SETS)]
    # set 0 is of before there were versions: in a new data base there is nothing in it
    return [s for s in sets if s.set_id or s.new_units or s.new_panel_years or s.new_tables]


def _set(
    set_id: int, made_by: str, opened: datetime, completed: datetime | None, version: str,
    active: bool, pinned: bool, units: int, years: int, tables: int,
    alive: list[str], dead: list[str],
) -> ResultSet:  # fmt: skip
    if active:
        state = "chosen" if pinned else "active"
    elif completed is not None:
        state = "complete"
    else:
        state = "being made" if alive else "unfinished"
    return ResultSet(
        set_id, made_by, opened, completed, version, state, units, years, tables, tuple(dead)
    )


def files_of(settings: Settings, set_id: int) -> dict[str, str] | None:
    """Files a set was made from: name of the data -> name of the file. None: not kept.

    Raises CoaggError for a set that is not kept.
    """
    with database.connect(_plain(settings)) as connection:
        loads = _loads(connection, set_id)
    return None if loads is None else {name: one["file"] for name, one in loads.items()}


def _loads(connection: psycopg.Connection, set_id: int) -> dict[str, dict[str, str]] | None:
    row = connection.execute(
        "SELECT loads, completed_at IS NULL FROM ops.result_set WHERE set_id = %s", (set_id,)
    ).fetchone()
    if row is None:
        raise CoaggError(f"results {set_id} are not kept: coagg results list")
    if row[1]:  # being made, from what is loaded now
        row = connection.execute(making.LOADS).fetchone()
        assert row is not None
    loads: dict[str, dict[str, str]] | None = row[0]
    return loads


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
    with database.snapshot(_plain(settings)) as connection:
        files = _files(_loads(connection, before), _loads(connection, after))
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


def activate(settings: Settings, set_id: int | None) -> str:
    """Let readers see a set, whatever newer ones there are; None: the newest, and newer ones then.

    A set that was left unfinished is completed as it is, without the years of an index that are
    half done. Returns one line. Raises CoaggError for a set that is not kept or being made.
    """
    with database.connect(_plain(settings)) as connection:
        connection.execute("LOCK TABLE ops.result_job IN SHARE ROW EXCLUSIVE MODE")
        sets = {row[0]: _set(*row) for row in connection.execute(SETS)}
        if set_id is None:
            set_id = max(number for number, one in sets.items() if one.completed_at)
            pinned = False
        else:
            pinned = True
        if set_id not in sets:
            raise CoaggError(f"results {set_id} are not kept: coagg results list")
        chosen = sets[set_id]
        if chosen.state == "being made":
            raise CoaggError(f"results {set_id} are being made: wait for the work to end")
        more = ""
        if chosen.state == "unfinished":
            making.complete(connection, set_id)
            pinned = False
            more = f"; unfinished: {'; '.join(chosen.unfinished)}" if chosen.unfinished else ""
        connection.execute(
            "UPDATE ops.active_results SET set_id = %s, pinned = %s", (set_id, pinned)
        )
    return (
        f"readers see results {set_id}"
        + (", also when newer ones are made (coagg results activate newest)" if pinned else "")
        + more
    )


def prune(settings: Settings, keep: int) -> list[int]:
    """Forget all but the newest `keep` complete sets, the active one and one being made.

    Results that no kept set has are deleted. Returns the numbers of the sets that are gone.
    Raises CoaggError for `keep` below 1.
    """
    if keep < 1:
        raise CoaggError(f"keep {keep}: at least 1 set is kept")
    with database.connect(_plain(settings)) as connection:
        connection.execute("LOCK TABLE ops.result_job IN SHARE ROW EXCLUSIVE MODE")
        rows = connection.execute(
            "DELETE FROM ops.result_set WHERE completed_at IS NOT NULL "
            "AND set_id NOT IN (SELECT set_id FROM ops.active_results) "
            "AND set_id NOT IN (SELECT set_id FROM ops.result_set WHERE completed_at IS NOT NULL "
            "ORDER BY set_id DESC LIMIT %s) RETURNING set_id",
            (keep,),
        ).fetchall()
        for table in making.VERSIONED:
            _forget_unseen(connection, table)
    return sorted(number for (number,) in rows)


def _forget_unseen(connection: psycopg.Connection, table: LiteralString) -> None:
    connection.execute(
        f"DELETE FROM {table} AS v WHERE NOT EXISTS (SELECT FROM ops.result_set AS s "
        "WHERE s.set_id >= v.from_set AND (v.until_set IS NULL OR s.set_id < v.until_set))"
    )


def _plain(settings: Settings) -> Settings:
    """The data base itself, whichever set is asked for elsewhere."""
    return replace(settings, results=None)
