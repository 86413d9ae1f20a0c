"""Rebuild: everything from the files to the tables, as steps that know when they are up to date.

Whether a step must be done is asked of the engine that does it, which looks at what its result was
made from and whether it is in the tables; nothing is decided from the diary `ops.rebuild_step`. A
step that fails leaves what was there; the steps that need it are left out, the others go on. Two
rebuilds of one data base cannot meet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from coagg import database
from coagg.database import locks
from coagg.database.fingerprint import NEVER
from coagg.errors import CoaggError
from coagg.settings import Settings
from coagg.version import VERSION

OLD_SCHEMA = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)


@dataclass(frozen=True)
class Step:
    """One step of the chain.

    `why` says why it must be done, None when it is up to date; it is asked on a connection that
    cannot write, when the steps of `needs` are done. `run` does it and returns a line that says
    what was done.
    """

    name: str
    why: Callable[[psycopg.Connection], str | None]
    run: Callable[[], str]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a step: done, unchanged, failed or left out.

    In a dry run: would be done; or may be done, when that is known only after a step before it.
    """

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

    `dry_run` writes nothing, whatever the state of the data base. Raises CoaggError
    when another rebuild is at work; a step's own CoaggError becomes its outcome.
    """
    report = RebuildReport()

    def tell(outcome: Outcome) -> None:
        report.outcomes.append(outcome)
        say(outcome)

    with _only_one(settings):
        state: dict[str, str] = {}
        for step in steps:
            blocked = [n for n in step.needs if state.get(n) in ("failed", "left out")]
            if blocked:
                outcome = Outcome(step.name, "left out", f"{blocked[0]} is not done", "", 0.0)
            elif dry_run:
                waiting = [n for n in step.needs if state.get(n, "unchanged") != "unchanged"]
                outcome = _foretold(settings, step, waiting, force)
            else:
                outcome = _attempt(settings, step, force)
            state[step.name] = outcome.state
            tell(outcome)
    return report


def from_nothing(
    steps: list[Step], say: Callable[[Outcome], None] = lambda outcome: None
) -> RebuildReport:
    """What a rebuild of a data base that is not there yet would do: everything."""
    outcomes = [Outcome(step.name, "would be done", NEVER, "", 0.0) for step in steps]
    for outcome in outcomes:
        say(outcome)
    return RebuildReport(outcomes)


def _foretold(settings: Settings, step: Step, waiting: list[str], force: bool) -> Outcome:
    """What a rebuild would do with a step; `waiting`: steps before it that would or may be done."""
    follows = f"follows {waiting[0]}" if waiting else ""
    try:
        why = "asked for" if force else _why(settings, step)
    except OLD_SCHEMA:
        return Outcome(step.name, "may be done", "the schema would be upgraded first", "", 0.0)
    except CoaggError as fault:
        if waiting:  # what it lacks may be there by then
            return Outcome(step.name, "may be done", follows, "", 0.0)
        return Outcome(step.name, "failed", "", str(fault), 0.0)
    if why:
        return Outcome(step.name, "would be done", "; ".join(filter(None, (why, follows))), "", 0.0)
    return Outcome(step.name, "may be done" if waiting else "unchanged", follows, "", 0.0)


def _attempt(settings: Settings, step: Step, force: bool) -> Outcome:
    began = time.monotonic()
    try:
        why = "asked for" if force else _why(settings, step)
        if why is None:
            return Outcome(step.name, "unchanged", "", "", 0.0)
        said = step.run()
        seconds = time.monotonic() - began
        _record(settings, step.name, why, said, seconds)
        return Outcome(step.name, "done", why, said, seconds)
    except CoaggError as fault:
        return Outcome(step.name, "failed", "", str(fault), time.monotonic() - began)


def _why(settings: Settings, step: Step) -> str | None:
    with database.snapshot(settings) as connection:
        return step.why(connection)


def _record(settings: Settings, name: str, why: str, said: str, seconds: float) -> None:
    with database.connect(settings) as connection:
        connection.execute(
            "INSERT INTO ops.rebuild_step (step, why, outcome, seconds, code_version) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (step) DO UPDATE SET why = excluded.why, "
            "outcome = excluded.outcome, seconds = excluded.seconds, "
            "code_version = excluded.code_version, finished_at = now()",
            (name, why, said, seconds, VERSION),
        )


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    with database.connect(settings) as guard:
        if not locks.take_rebuild(guard):
            raise CoaggError("another rebuild of this data base is running: wait for it to end")
        yield
