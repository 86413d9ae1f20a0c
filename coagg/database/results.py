"""Sets of results: what is made goes into the newest set, which readers see when it is complete.

An index, a panel or a table is there from one set until another (columns from_set and until_set of
unit_version, build_version and estimates.run), so sets share what did not change. One set is made
at a time. Whatever works on it is a row of ops.result_job; the last to end completes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from coagg.database import waiting
from coagg.database.connection import connect
from coagg.errors import CoaggError
from coagg.settings import LATEST, Settings
from coagg.version import VERSION

VERSIONED = ("coagglomeration.unit_version", "panel.build_version", "estimates.run")
REBUILD = "rebuild"

DRAFT = "SELECT set_id FROM ops.result_set WHERE completed_at IS NULL"
# a process of another role hides when it began: taken as alive
ALIVE = """
EXISTS (
    SELECT FROM pg_stat_activity AS a
    WHERE a.pid = j.pid AND coalesce(a.backend_start, j.backend_start) = j.backend_start
)
"""
LOADS = """
SELECT coalesce(jsonb_object_agg(name, jsonb_build_object('file', file, 'sha256', sha256)), '{}')
FROM (
    SELECT concat_ws(' ', 'firms', country, survey_year) AS name, file_name AS file,
        file_sha256 AS sha256
    FROM ops.load WHERE superseded_at IS NULL
    UNION ALL
    SELECT concat_ws(' ', kind, dataset), file_name, file_sha256
    FROM ops.input_load WHERE superseded_at IS NULL
) AS loads
"""


Year = tuple[int, str, int]
"""Measurement, country and survey year of an index."""


@dataclass
class Making:
    """Work on the set that is being made.

    `settings` see that set and write to it. `whole` are years of an index that this work found or
    made whole: that they were once left half done no longer counts. `said`, when the work has
    ended: one line on what became of the set, empty where nothing changed or where work around
    this one goes on.
    """

    settings: Settings
    set_id: int
    fault: str = ""
    whole: list[Year] = field(default_factory=list)
    said: str = field(default="", init=False)

    def fail(self, fault: str) -> None:
        """The work is not finished: readers keep the set they have."""
        self.fault = fault


@contextmanager
def making(settings: Settings, job: str, year: Year | None = None) -> Iterator[Making]:
    """Work on the newest set of results; at the end it is complete when nobody else works on it.

    Parameters
    ----------
    settings
        The data base. Where they see the set that is being made already, this is part of work
        that goes on, and nothing is completed here.
    job
        The command.
    year
        An index is written unit by unit: when its year is left half done, its units are kept for
        the next set and the rest can be completed.

    Raises
    ------
    CoaggError
        `settings` name a set that is complete: what is complete does not change.
    """
    if settings.results is not None and settings.results != LATEST:
        work = Making(settings, _require_draft(settings), whole=[year] if year else [])
        yield work
        with connect(settings) as connection:
            _settle(connection, work.set_id, work.whole)
        return
    settings = replace(settings, results=None)
    worker = connect(settings, autocommit=True)  # its life says that the work goes on
    try:
        set_id, job_id = _begin(worker, job, year)
        work = Making(replace(settings, results=str(set_id)), set_id, whole=[year] if year else [])
        try:
            yield work
        except BaseException as fault:
            work.fault = work.fault or str(fault) or type(fault).__name__
            with suppress(CoaggError, psycopg.Error):  # the fault itself is what is told
                _end(settings, work, job_id, job)
            raise
        # the server may have gone away meanwhile, and with it the worker's connection
        work.said = waiting.patiently(lambda: _end(settings, work, job_id, job))
    finally:
        worker.close()


def _require_draft(settings: Settings) -> int:
    with connect(settings) as connection:
        row = connection.execute(f"{DRAFT} AND set_id = ops.results()").fetchone()
    if row is None:
        raise CoaggError(
            f"results {settings.results} are complete and do not change: leave out --results "
            "and COAGG_RESULTS"
        )
    return int(row[0])


def _begin(worker: psycopg.Connection, job: str, year: Year | None) -> tuple[int, int]:
    with worker.transaction():
        worker.execute("LOCK TABLE ops.result_job IN SHARE ROW EXCLUSIVE MODE")
        row = worker.execute(DRAFT).fetchone()
        if row is None:
            row = worker.execute(
                "INSERT INTO ops.result_set (set_id, made_by, code_version) "
                "SELECT max(set_id) + 1, %s, %s FROM ops.result_set RETURNING set_id",
                (job, VERSION),
            ).fetchone()
        assert row is not None
        if job == REBUILD:  # it goes on with what one that failed or was killed left
            worker.execute(
                f"DELETE FROM ops.result_job AS j WHERE job ^@ %s AND NOT {ALIVE}",  # type: ignore[arg-type]
                (REBUILD,),
            )
        number, country, survey_year = year or (None, None, None)
        begun = worker.execute(
            "INSERT INTO ops.result_job (set_id, job, measurement_id, country, survey_year, pid, "
            "backend_start) SELECT %s, %s, %s, %s, %s, pid, backend_start FROM pg_stat_activity "
            "WHERE pid = pg_backend_pid() RETURNING job_id",
            (row[0], job, number, country, survey_year),
        ).fetchone()
        assert begun is not None
    return int(row[0]), int(begun[0])


def _end(settings: Settings, work: Making, job_id: int, job: str) -> str:
    set_id, fault = work.set_id, work.fault
    with connect(settings) as connection:  # one transaction
        connection.execute("LOCK TABLE ops.result_job IN SHARE ROW EXCLUSIVE MODE")
        # of other work a transaction is there whole or not at all
        if fault and (_rebuilds(job) or work.whole):
            connection.execute(
                "UPDATE ops.result_job SET pid = NULL, fault = %s WHERE job_id = %s",
                (fault, job_id),
            )
        else:
            connection.execute("DELETE FROM ops.result_job WHERE job_id = %s", (job_id,))
        if not fault:
            _settle(connection, set_id, work.whole)
        if _is_empty(connection, set_id) and not _others(connection, set_id)[0]:
            connection.execute("DELETE FROM ops.result_set WHERE set_id = %s", (set_id,))
            return ""
        if fault:
            return f"results {set_id} are not complete: readers see those of before"
        alive, unfinished = _others(connection, set_id)
        if alive:
            return f"results {set_id} are complete when this ends: {', '.join(alive)}"
        if unfinished and job != REBUILD:
            return (
                f"results {set_id} wait for the rebuild that was not finished ({unfinished[0]}): "
                f"coagg rebuild, or coagg results activate {set_id}"
            )
        return complete(connection, set_id)


def _settle(connection: psycopg.Connection, set_id: int, whole: Sequence[Year]) -> None:
    """Forget that years were left half done: they are whole now."""
    for year in whole:
        connection.execute(
            "DELETE FROM ops.result_job AS j WHERE set_id = %s AND measurement_id = %s "
            f"AND country = %s AND survey_year = %s AND NOT {ALIVE}",  # type: ignore[arg-type]
            (set_id, *year),
        )


def _others(connection: psycopg.Connection, set_id: int) -> tuple[list[str], list[str]]:
    """Jobs at work on the set; faults of rebuilds that were left unfinished."""
    rows = connection.execute(
        f"SELECT job, {ALIVE}, fault FROM ops.result_job AS j WHERE set_id = %s ORDER BY job_id",
        (set_id,),
    ).fetchall()
    return (
        [job for job, alive, _ in rows if alive],
        [fault or "it was stopped" for job, alive, fault in rows if _rebuilds(job) and not alive],
    )


def _rebuilds(job: str) -> bool:
    """True for a rebuild; one of some years alone does not finish one of all."""
    return job.startswith(REBUILD)


def _is_empty(connection: psycopg.Connection, set_id: int) -> bool:
    return all(
        connection.execute(
            sql.SQL("SELECT 1 FROM {} WHERE from_set = %s OR until_set = %s LIMIT 1").format(
                _table(name)
            ),
            (set_id, set_id),
        ).fetchone()
        is None
        for name in VERSIONED
    )


def complete(connection: psycopg.Connection, set_id: int) -> str:
    """Complete the set that is being made, in the caller's transaction; returns one line.

    Years of an index that are half done go on in the next set. Readers see the set at once, unless
    a set was chosen for them.
    """
    half = connection.execute(
        "SELECT DISTINCT measurement_id, country, survey_year FROM ops.result_job "
        "WHERE set_id = %s AND measurement_id IS NOT NULL",
        (set_id,),
    ).fetchall()
    connection.execute("DELETE FROM ops.result_job WHERE set_id = %s", (set_id,))
    loads = connection.execute(LOADS).fetchone()
    connection.execute(
        "UPDATE ops.result_set SET completed_at = clock_timestamp(), loads = %s::jsonb "
        "WHERE set_id = %s",
        (psycopg.types.json.Jsonb(loads[0] if loads else {}), set_id),
    )
    if half:
        _carry_on(connection, set_id, half)
    active = connection.execute(
        "UPDATE ops.active_results SET set_id = CASE WHEN pinned THEN set_id ELSE %s END "
        "RETURNING set_id",
        (set_id,),
    ).fetchone()
    assert active is not None
    if active[0] == set_id:
        return f"results {set_id} are complete: readers see them"
    return (
        f"results {set_id} are complete; readers see {active[0]}, which was chosen: "
        f"coagg results activate {set_id}"
    )


def _carry_on(connection: psycopg.Connection, set_id: int, half: Sequence[Year]) -> None:
    """Move half-done years of an index into a new set, with what they take the place of."""
    following = set_id + 1
    moved = 0
    connection.execute(
        "INSERT INTO ops.result_set (set_id, made_by, code_version) VALUES (%s, 'index', %s)",
        (following, VERSION),
    )
    for key in half:
        same = "measurement_id = %s AND country = %s AND survey_year = %s"
        for column in ("until_set", "from_set"):
            moved += connection.execute(
                f"UPDATE coagglomeration.unit_version SET {column} = %s "  # type: ignore[arg-type]
                f"WHERE {column} = %s AND {same}",
                (following, set_id, *key),
            ).rowcount
        connection.execute(
            "INSERT INTO ops.result_job (set_id, job, measurement_id, country, survey_year, "
            "fault) VALUES (%s, 'index', %s, %s, %s, 'it was stopped')",
            (following, *key),
        )
    if not moved:
        connection.execute("DELETE FROM ops.result_set WHERE set_id = %s", (following,))


def pinned(settings: Settings) -> Settings:
    """Settings that go on seeing the set they see now, whatever is completed meanwhile."""
    with connect(settings) as connection:
        row = connection.execute("SELECT ops.results()").fetchone()
    assert row is not None
    return replace(settings, results=str(row[0]))


def retire(
    connection: psycopg.Connection, table: LiteralString, condition: LiteralString,
    values: Sequence[Any] | Mapping[str, Any] = (),
) -> int:  # fmt: skip
    """Take versions out of the set that is being made, in the caller's transaction.

    Sets of before keep them. `table` is one of `VERSIONED`; `condition` holds for the versions
    meant. Returns the number of the set; it cannot be completed before the transaction ends.
    Raises CoaggError when the connection sees no set that is being made.
    """
    row = connection.execute(f"{DRAFT} AND set_id = ops.results() FOR SHARE").fetchone()
    if row is None:
        raise CoaggError(
            "the set of results that this work belongs to was completed meanwhile: call again"
        )
    set_id = int(row[0])
    newest = f"until_set IS NULL AND ({condition})"
    connection.execute(f"DELETE FROM {table} WHERE from_set = {set_id} AND {newest}", values)  # type: ignore[arg-type]
    connection.execute(f"UPDATE {table} SET until_set = {set_id} WHERE {newest}", values)  # type: ignore[arg-type]
    return set_id


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
