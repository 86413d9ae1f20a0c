"""Rebuild: everything from the files to the tables, as steps that know when they are up to date.

Whether a step must be done is asked of the engine that does it, which looks at what its result was
made from and whether it is in the tables; nothing is decided from a diary. A step that fails leaves
what was there; the steps that need it are left out, the others go on. A server that goes away is
waited for and the step tried again. Two rebuilds of one data base cannot meet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import psycopg

from coagg import database
from coagg.database import space, waiting
from coagg.database.fingerprint import NEVER
from coagg.errors import CoaggError
from coagg.rebuild.faults import in_one_line, traceback_of
from coagg.rebuild.guard import Guard
from coagg.rebuild.history import KEEP_DAYS, History
from coagg.rebuild.report import Outcome, RebuildReport
from coagg.settings import Settings

TRIES = 4  # of a step whose server goes away: once is a restart, four times is a fault

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
    what was done; it is one or more transactions and may be repeated at any time. `room` says about
    how many bytes it will take on the disk of the data base.
    """

    name: str
    why: Callable[[psycopg.Connection], str | None]
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
    guard: Guard | None = None,
) -> RebuildReport:
    """Do the steps in order, those that are up to date left alone.

    Parameters
    ----------
    settings, steps
        The data base, and what is to be done there.
    dry_run, force
        Write nothing, whatever the state of the data base, and say what would be done; do every
        step again.
    say, begins
        Take each step when it ended, and when it begins (its state is `running` then).
    note
        Takes lines about a server that is waited for. Default: standard error.
    command, keep_days
        What the history calls this run, and after how many days a run is forgotten there.
    guard
        The lock of rebuilds, where the caller holds it. Default: it is taken.

    Raises
    ------
    CoaggError
        Another rebuild is at work, or the server went away and did not come back. A fault within a
        step becomes its outcome.
    """
    with nullcontext(guard) if guard else Guard(settings, note) as guard:
        history = None
        if not dry_run:
            history = History(guard, command, keep_days=keep_days, note=note or waiting.to_stderr)
        run = _Run(settings, guard, history, force, say, begins)
        ended, error = "stopped", None
        try:
            for step in steps:
                run.take(step)
            ended = "failed" if run.report.unfinished else "done"
        except Exception as fault:
            ended, error = "failed", in_one_line(fault, settings)
            raise
        finally:
            run.look_anew()
            if history is not None:
                history.close(ended, error)
    return run.report


def from_nothing(
    steps: list[Step], say: Callable[[Outcome], None] = lambda outcome: None
) -> RebuildReport:
    """What a rebuild of a data base that is not there yet would do: everything."""
    outcomes = [Outcome(step.name, "would be done", NEVER, "", 0.0) for step in steps]
    for outcome in outcomes:
        say(outcome)
    return RebuildReport(outcomes)


@dataclass
class _Run:
    """One walk over the steps; a dry one has no history."""

    settings: Settings
    guard: Guard
    history: History | None
    force: bool
    say: Callable[[Outcome], None]
    begins: Callable[[Outcome], None]
    report: RebuildReport = field(default_factory=RebuildReport)
    states: dict[str, str] = field(default_factory=dict)
    reader: psycopg.Connection | None = None  # one state of the data base, until a step changes it

    def __post_init__(self) -> None:
        self.report.run_id = self.history.run_id if self.history else None

    def take(self, step: Step) -> None:
        """Do a step, or say why not."""
        blocked = [n for n in step.needs if self.states.get(n) in ("failed", "left out")]
        if blocked:
            outcome = Outcome(step.name, "left out", f"{blocked[0]} is not done", "", 0.0)
        elif self.history is None:
            waits = [n for n in step.needs if self.states.get(n, "unchanged") != "unchanged"]
            outcome = self._foretold(step, waits)
        else:
            outcome = self._patiently(step, self.history)
        self.states[step.name] = outcome.state
        self.report.outcomes.append(outcome)
        if self.history:
            self.history.end(outcome)
        self.say(outcome)

    def _foretold(self, step: Step, waits: list[str]) -> Outcome:
        """What a rebuild would do with a step; `waits`: steps before it that would or may be."""
        follows = f"follows {waits[0]}" if waits else ""
        try:
            why = self._why(step)
        except OLD_SCHEMA:
            return Outcome(step.name, "may be done", "the schema would be upgraded first", "", 0.0)
        except Exception as fault:  # whatever it is, the other steps are asked too
            if waits and isinstance(fault, CoaggError):  # what it lacks may be there by then
                return Outcome(step.name, "may be done", follows, "", 0.0)
            return self._failed(step, "", fault, 0.0)
        if why:
            why = "; ".join(filter(None, (why, follows)))
            return Outcome(step.name, "would be done", why, "", 0.0)
        return Outcome(step.name, "may be done" if waits else "unchanged", follows, "", 0.0)

    def _patiently(self, step: Step, history: History) -> Outcome:
        """Attempt a step, again when the server went away meanwhile."""
        began, why = time.monotonic(), None
        for tries in range(1, TRIES + 1):
            self.guard.renew()  # also where it was lost while nothing needed it
            try:
                why = self._why(step)
                if why is None:
                    return Outcome(step.name, "unchanged", "", "", 0.0, tries)
                return replace(self._attempt(step, why, began, history), tries=tries)
            except Exception as fault:  # whatever it is, the other steps go on
                seconds = time.monotonic() - began
                failed = replace(self._failed(step, why or "", fault, seconds), tries=tries)
                if not waiting.is_temporary(fault):
                    break
        return failed

    def _attempt(self, step: Step, why: str, began: float, history: History) -> Outcome:
        if step.room:
            with database.snapshot(self.settings) as connection:
                space.require_room(self.settings, connection, step.room(connection))
        self.look_anew()
        history.begin(step.name, why)
        self.begins(Outcome(step.name, "running", why, "", 0.0))
        said = step.run()
        seconds = time.monotonic() - began
        return Outcome(step.name, "done", why, said, seconds)

    def _why(self, step: Step) -> str | None:
        if self.force:
            return "asked for"
        try:
            if self.reader is None:
                self.reader = database.snapshot(self.settings)
            return step.why(self.reader)
        except BaseException:
            self.look_anew()  # a failed transaction answers no more
            raise

    def look_anew(self) -> None:
        """Let the next question see what was changed by now."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None

    def _failed(self, step: Step, why: str, fault: Exception, seconds: float) -> Outcome:
        said = in_one_line(fault, self.settings)
        return Outcome(step.name, "failed", why, said, seconds, traceback=traceback_of(fault))
