"""Rebuild: everything from the files to the tables, as steps that know when they are up to date.

A step is done again when something it depends on differs from what it was last done from, and says
which. A step that fails leaves what was there; the steps that need it are left out, the others go
on. Two rebuilds of one data base cannot meet.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.database import locks
from coagg.errors import CoaggError
from coagg.settings import Settings
from coagg.version import VERSION

Parts = dict[str, str]


@dataclass(frozen=True)
class Step:
    """One step of the chain.

    `parts` says from what it would be done now: a hash for each thing by name; it is asked when the
    steps of `needs` are done. `run` does it and returns a line that says what was done.
    """

    name: str
    parts: Callable[[psycopg.Connection], Parts]
    run: Callable[[], str]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a step: state is done, unchanged, failed, left out, or would be done."""

    step: str
    state: str
    why: str
    said: str
    seconds: float


@dataclass
class RebuildReport:
    """What a rebuild did, step by step."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def failed(self) -> list[Outcome]:
        """Steps that failed."""
        return [outcome for outcome in self.outcomes if outcome.state == "failed"]


def rebuild(
    settings: Settings,
    steps: list[Step],
    *,
    dry_run: bool = False,
    force: bool = False,
    say: Callable[[Outcome], None] = lambda outcome: None,
) -> RebuildReport:
    """Do the steps in order, those that are up to date left alone.

    Raises CoaggError when another rebuild is at work; a step's own CoaggError becomes its outcome.
    """
    report = RebuildReport()

    def tell(outcome: Outcome) -> None:
        report.outcomes.append(outcome)
        say(outcome)

    with _only_one(settings):
        state: dict[str, str] = {}
        for step in steps:
            blocked = [n for n in step.needs if state.get(n) in ("failed", "left out")]
            waiting = [n for n in step.needs if state.get(n) == "would be done"]
            if blocked:
                outcome = Outcome(step.name, "left out", f"{blocked[0]} is not done", "", 0.0)
            elif waiting:
                outcome = Outcome(step.name, "would be done", f"follows {waiting[0]}", "", 0.0)
            else:
                outcome = _attempt(settings, step, dry_run, force)
            state[step.name] = outcome.state
            tell(outcome)
    return report


def _attempt(settings: Settings, step: Step, dry_run: bool, force: bool) -> Outcome:
    began = time.monotonic()
    try:
        with database.connect(settings) as connection:
            parts = step.parts(connection)
            why = "asked for" if force else _reason(connection, step.name, parts)
        if why is None:
            return Outcome(step.name, "unchanged", "", "", 0.0)
        if dry_run:
            return Outcome(step.name, "would be done", why, "", 0.0)
        said = step.run()
        seconds = time.monotonic() - began
        with database.connect(settings) as connection:
            # what a step is done from may be known only when it is done
            _record(connection, step.name, step.parts(connection), said, seconds)
        return Outcome(step.name, "done", why, said, seconds)
    except CoaggError as fault:
        return Outcome(step.name, "failed", "", str(fault), time.monotonic() - began)


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


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    with database.connect(settings) as guard:
        if not locks.take_rebuild(guard):
            raise CoaggError("another rebuild of this data base is running: wait for it to end")
        yield


def digest(value: object) -> str:
    """A short hash of anything that json can say."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
