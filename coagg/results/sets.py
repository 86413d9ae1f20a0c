"""Which sets of results there are, which one readers see, and which are forgotten."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import LiteralString

import psycopg

from coagg import database
from coagg.database import results as making
from coagg.errors import CoaggError
from coagg.settings import Settings

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


def result_sets(settings: Settings) -> list[ResultSet]:
    """All sets that are kept, the newest first."""
    with database.connect(every_set(settings)) as connection:
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
    with database.connect(every_set(settings)) as connection:
        loads = loads_of(connection, set_id)
    return None if loads is None else {name: one["file"] for name, one in loads.items()}


def loads_of(connection: psycopg.Connection, set_id: int) -> dict[str, dict[str, str]] | None:
    """Data of a set -> file and sha256 of its file; None: not kept. CoaggError: no such set."""
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


def activate(settings: Settings, set_id: int | None) -> str:
    """Let readers see a set, whatever newer ones there are; None: the newest, and newer ones then.

    A set that was left unfinished is completed as it is, without the years of an index that are
    half done. Returns one line. Raises CoaggError for a set that is not kept or being made.
    """
    with database.connect(every_set(settings)) as connection:
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
    with database.connect(every_set(settings)) as connection:
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


def every_set(settings: Settings) -> Settings:
    """The data base itself, whichever set is asked for elsewhere."""
    return replace(settings, results=None)
