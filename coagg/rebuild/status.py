"""What a steward reads in the morning: the last runs, their steps, and what needs a person."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from coagg.database import locks
from coagg.rebuild.history import process_started

RUNS = """
SELECT run_id, command, started_at, finished_at, outcome, error, host, pid, process_started,
       extract(epoch FROM coalesce(finished_at, CASE WHEN outcome IS NULL THEN now() END)
               - started_at)::float8 AS seconds,
       disk_free_after, database_bytes_after, code_version, system_user
  FROM ops.run ORDER BY run_id DESC LIMIT %s
"""
# usual: the median of the step's earlier runs that did something
STEPS = """
SELECT number, step, state, why, said, tries, started_at, finished_at, seconds,
       peak_memory_bytes,
       database_bytes_after - database_bytes_before AS database_grew_bytes,
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY b.seconds)
          FROM ops.run_step b
         WHERE b.step = s.step AND b.state = 'done' AND b.run_id < s.run_id) AS usual_seconds
  FROM ops.run_step s WHERE run_id = %s ORDER BY number
"""
SLOW = 2.0  # times the usual, and by more than SLOW_SECONDS
SLOW_SECONDS = 60.0
STATES = {
    "done": "everything is up to date",
    "failed": "some steps failed",
    "stopped": "stopped by a person",
    "killed": "killed: it has no end, and its process is gone",
    "running": "running now",
    "waiting": "its process lives and does not hold the data base: the server may have gone away",
}


@dataclass(frozen=True)
class Run:
    """A run as ops.run has it, with its true state and its steps."""

    facts: dict[str, Any]
    state: str
    steps: list[dict[str, Any]]

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Steps that failed, or in which the run was killed."""
        over = self.state not in ("running", "waiting")
        return [
            s for s in self.steps if s["state"] == "failed" or (over and s["state"] == "running")
        ]

    @property
    def slow(self) -> list[dict[str, Any]]:
        """Steps that took much longer than usual."""
        return [
            s for s in self.steps
            if s["state"] == "done" and s["usual_seconds"]
            and s["seconds"] > max(SLOW * s["usual_seconds"], s["usual_seconds"] + SLOW_SECONDS)
        ]  # fmt: skip

    @property
    def needs_a_person(self) -> bool:
        """True when the run did not bring everything up to date and does no longer try."""
        return self.state in ("failed", "stopped", "killed")


def runs(connection: psycopg.Connection, count: int = 1) -> list[Run]:
    """The latest runs, newest first, each with its steps.

    Parameters
    ----------
    connection
        To the data base asked.
    count
        How many, at most.
    """
    alive = locks.rebuild_at_work(connection)
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(RUNS, (count,)).fetchall()
        made = []
        for number, facts in enumerate(found):
            # one rebuild at a time: only the newest can be at work
            state = facts["outcome"] or (_state(facts, alive) if number == 0 else "killed")
            steps = cursor.execute(STEPS, (facts["run_id"],)).fetchall()
            made.append(Run(facts, state, steps))
    return made


def _state(facts: dict[str, Any], alive: bool) -> str:
    """State of a run without an end."""
    if alive:
        return "running"
    here = facts["host"] == socket.gethostname() and facts["process_started"] is not None
    if here and facts["pid"] != os.getpid():
        started = process_started(facts["pid"])
        return "waiting" if started == facts["process_started"] else "killed"
    return "killed"
