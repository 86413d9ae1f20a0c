"""What every rebuild did, written as it goes into ops.run and ops.run_step.

A run that was killed is seen as such: it has no end, and nothing holds the lock of rebuilds.
A history that cannot be written is said and never ends a run.
"""

from __future__ import annotations

import getpass
import os
import resource
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from coagg import database
from coagg.database import locks, space, waiting
from coagg.errors import CoaggError
from coagg.rebuild.guard import Guard
from coagg.rebuild.report import Outcome
from coagg.settings import Settings
from coagg.version import VERSION

KEEP_DAYS = 400  # a year, and a month to compare with

MARK_KILLED = "UPDATE ops.run SET outcome = 'killed' WHERE outcome IS NULL"
FORGET = "DELETE FROM ops.run WHERE started_at < now() - make_interval(days => %s)"
BEGIN = """
INSERT INTO ops.run (
    command, host, pid, process_started, system_user, code_version,
    disk_free_before, database_bytes_before
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING run_id
"""
END = """
UPDATE ops.run SET finished_at = clock_timestamp(), outcome = %s, error = %s,
    disk_free_after = %s, database_bytes_after = %s WHERE run_id = %s
"""
BEGIN_STEP = """
INSERT INTO ops.run_step (
    run_id, number, step, state, why, disk_free_before, database_bytes_before
) VALUES (%s, %s, %s, 'running', %s, %s, %s)
ON CONFLICT (run_id, number) DO NOTHING  -- tried again
"""
END_STEP = """
INSERT INTO ops.run_step (
    run_id, number, step, state, why, said, traceback, tries, seconds, peak_memory_bytes,
    disk_free_after, database_bytes_after, finished_at
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (run_id, number) DO UPDATE SET state = excluded.state, why = excluded.why,
    said = excluded.said, traceback = excluded.traceback, tries = excluded.tries,
    seconds = excluded.seconds, peak_memory_bytes = excluded.peak_memory_bytes,
    disk_free_after = excluded.disk_free_after,
    database_bytes_after = excluded.database_bytes_after, finished_at = excluded.finished_at
"""


class History:
    """The record of one run, begun when it is made; by the guard's connection.

    Parameters
    ----------
    guard
        Holds the lock of rebuilds; its connection is used, and renewed where it is lost.
    command
        What was called.
    keep_days
        Runs that began longer ago are forgotten.
    note
        Takes a line when the history cannot be written.
    """

    def __init__(
        self, guard: Guard, command: str, *, keep_days: int = KEEP_DAYS,
        note: Callable[[str], None] = lambda line: None,
    ) -> None:  # fmt: skip
        self._guard, self._note, self._told = guard, note, False
        self._number = 0
        self.run_id: int | None = None
        self._write(MARK_KILLED)  # this run holds the lock, so none of them is alive
        self._write(FORGET, keep_days)
        row = self._write(
            BEGIN, command, socket.gethostname(), os.getpid(), process_started(os.getpid()),
            _user(), VERSION, *self._room(),
        )  # fmt: skip
        self.run_id = None if row is None else row[0]

    def begin(self, step: str, why: str) -> None:
        """A step begins."""
        _forget_peak()
        self._write(BEGIN_STEP, self.run_id, self._number + 1, step, why, *self._room())

    def end(self, outcome: Outcome) -> None:
        """A step ended, or there was nothing to do."""
        self._number += 1
        worked = outcome.state in ("done", "failed")
        self._write(
            END_STEP, self.run_id, self._number, outcome.step, outcome.state, outcome.why,
            outcome.said, outcome.traceback, max(outcome.tries, 1),
            outcome.seconds if worked else None, peak_memory_bytes() if worked else None,
            *(self._room() if worked else (None, None)),
        )  # fmt: skip

    def close(self, outcome: str, error: str | None = None) -> None:
        """The run ended: done, failed, or stopped."""
        self._write(END, outcome, error, *self._room(), self.run_id)

    def _room(self) -> tuple[int | None, int | None]:
        try:
            connection = self._guard.connection
            return (
                space.free_bytes(self._guard.settings, connection),
                space.database_bytes(connection),
            )
        except psycopg.Error:
            return None, None

    def _write(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        try:
            try:
                cursor = self._guard.connection.execute(statement, values)
            except psycopg.Error as fault:
                if self._told or not waiting.is_temporary(fault):
                    raise
                self._guard.renew()
                cursor = self._guard.connection.execute(statement, values)
            return cursor.fetchone() if cursor.description else None
        except (psycopg.Error, CoaggError) as fault:
            if not self._told:
                self._told = True
                self._note(f"the history is not written: {' '.join(str(fault).split())}")
            return None


def could_not_begin(settings: Settings, command: str, error: str) -> None:
    """Record a run that could not begin, where the data base can be had and no other run is on."""
    with (
        suppress(psycopg.Error, CoaggError),
        database.connect(settings, autocommit=True) as connection,
    ):
        if not locks.rebuild_at_work(connection):
            connection.execute(MARK_KILLED)
            connection.execute(
                "INSERT INTO ops.run (command, host, pid, system_user, code_version, finished_at, "
                "outcome, error) VALUES (%s, %s, %s, %s, %s, clock_timestamp(), 'failed', %s)",
                (command, socket.gethostname(), os.getpid(), _user(), VERSION, error),
            )


def process_started(pid: int) -> str | None:
    """When a process began, in ticks after the machine did; None when there is none, or a zombie.

    >>> process_started(os.getpid()) is not None
    True
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def peak_memory_bytes() -> int:
    """Greatest memory of this process since the step began, where the system can say so."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak counts from now on


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
