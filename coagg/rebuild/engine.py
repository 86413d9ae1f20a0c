"""Rebuild: everything from the files to the tables, as steps that know when they are up to date.

A step is done again when something it depends on differs from what it was last done from, and says
which. A step that fails leaves what was there; the steps that need it are left out, the others go
on. A server that goes away is waited for and the step tried again. Two rebuilds of one data base
cannot meet.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.database import space, waiting
from coagg.rebuild.faults import in_one_line, traceback_of
from coagg.rebuild.guard import Guard
from coagg.rebuild.history import KEEP_DAYS, History
from coagg.rebuild.report import Outcome, RebuildReport
from coagg.settings import Settings
from coagg.version import VERSION

TRIES = 4  # of a step whose server goes away: once is a restart, four times is a fault

Parts = dict[str, str]


@dataclass(frozen=True)
class Step:
    """One step of the chain.

    `parts` says from what it would be done now: a hash for each thing by name; it is asked when the
    steps of `needs` are done. `run` does it and returns a line that says what was done; it is one
    or more transactions and may be repeated at any time. `room` says about how many bytes it will
    take on the disk of the data base.
    """

    name: str
    parts: Callable[[psycopg.Connection], Parts]
    run: Callable[[], str]
    needs: tuple[str, ...] = ()
    room: Callable[[psycopg.Connection], int] | None = None


def rebuild(
    settings: Settings,
    steps: list[Step],
    *,
    dry_run: bool = False,
    force: bool = False,
    say: Callable[[Outcome], None] = lambda outcome: None,
    begins: Callable[[Outcome], None] = lambda outcome: None,
    note: Callable[[str], None] | None = None,
    command: str = "rebuild",
    keep_days: int = KEEP_DAYS,
) -> RebuildReport:
    """Do the steps in order, those that are up to date left alone.

    Parameters
    ----------
    settings, steps
        The data base, and what is to be done there.
    dry_run, force
        Do nothing and say what would be done; do every step again.
    say, begins
        Take each step when it ended, and when it begins (its state is `running` then).
    note
        Takes lines about a server that is waited for. Default: standard error.
    command, keep_days
        What the history calls this run, and after how many days a run is forgotten there.

    Raises
    ------
    CoaggError
        Another rebuild is at work, or the server went away and did not come back. A fault within a
        step becomes its outcome.
    """
    with Guard(settings, note) as guard:
        history = None
        if not dry_run:
            history = History(guard, command, keep_days=keep_days, note=note or waiting.to_stderr)
        run = _Run(settings, guard, history, dry_run, force, say, begins)
        ended, error = "stopped", None
        try:
            for step in steps:
                run.take(step)
            ended = "failed" if run.report.unfinished else "done"
        except Exception as fault:
            ended, error = "failed", in_one_line(fault)
            raise
        finally:
            if history is not None:
                history.close(ended, error)
    return run.report


@dataclass
class _Run:
    """One walk over the steps."""

    settings: Settings
    guard: Guard
    history: History | None
    dry_run: bool
    force: bool
    say: Callable[[Outcome], None]
    begins: Callable[[Outcome], None]
    report: RebuildReport = field(default_factory=RebuildReport)
    states: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.report.run_id = self.history.run_id if self.history else None

    def take(self, step: Step) -> None:
        """Do a step, or say why not."""
        blocked = [n for n in step.needs if self.states.get(n) in ("failed", "left out")]
        follows = [n for n in step.needs if self.states.get(n) == "would be done"]
        if blocked:
            outcome = Outcome(step.name, "left out", f"{blocked[0]} is not done", "", 0.0)
        elif follows:
            outcome = Outcome(step.name, "would be done", f"follows {follows[0]}", "", 0.0)
        else:
            outcome = self._patiently(step)
        self.states[step.name] = outcome.state
        self.report.outcomes.append(outcome)
        if self.history:
            self.history.end(outcome)
        self.say(outcome)

    def _patiently(self, step: Step) -> Outcome:
        """Attempt a step, again when the server went away meanwhile."""
        began = time.monotonic()
        for tries in range(1, TRIES + 1):
            try:
                return replace(self._attempt(step, began), tries=tries)
            except Exception as fault:  # whatever it is, the other steps go on
                failed = Outcome(
                    step.name, "failed", "", in_one_line(fault), time.monotonic() - began, tries,
                    traceback_of(fault),
                )  # fmt: skip
                if not waiting.is_temporary(fault):
                    break
            self.guard.renew()
        return failed

    def _attempt(self, step: Step, began: float) -> Outcome:
        with database.connect(self.settings) as connection:
            parts = step.parts(connection)
            why = "asked for" if self.force else _reason(connection, step.name, parts)
            if why is None:
                return Outcome(step.name, "unchanged", "", "", 0.0)
            if self.dry_run:
                return Outcome(step.name, "would be done", why, "", 0.0)
            if step.room:
                space.require_room(self.settings, connection, step.room(connection))
        if self.history:
            self.history.begin(step.name, why)
        self.begins(Outcome(step.name, "running", why, "", 0.0))
        said = step.run()
        seconds = time.monotonic() - began
        with database.connect(self.settings) as connection:
            # what a step is done from may be known only when it is done
            _record(connection, step.name, step.parts(connection), said, seconds)
        return Outcome(step.name, "done", why, said, seconds)


def _reason(connection: psycopg.Connection, name: str, parts: Parts) -> str | None:
    """Why the step must be done; None when it is up to date."""
    row = connection.execute("SELECT parts FROM ops.rebuild_step WHERE step = %s", (name,))
    found = row.fetchone()
    if found is None:
        return "never done"
    before: Parts = found[0]
    changed = sorted(k for k in before.keys() | parts.keys() if before.get(k) != parts.get(k))
    return f"changed: {', '.join(changed)}" if changed else None


def _record(
    connection: psycopg.Connection, name: str, parts: Parts, said: str, seconds: float
) -> None:
    connection.execute(
        "INSERT INTO ops.rebuild_step (step, parts, outcome, seconds, code_version) "
        "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (step) DO UPDATE SET parts = excluded.parts, "
        "outcome = excluded.outcome, seconds = excluded.seconds, "
        "code_version = excluded.code_version, finished_at = now()",
        (name, Jsonb(parts), said, seconds, VERSION),
    )
    connection.commit()


def digest(value: object) -> str:
    """A short hash of anything that json can say."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
