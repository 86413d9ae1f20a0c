"""What is told to others about a rebuild: a log of events, and a command when a step failed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from coagg.rebuild.report import Outcome, RebuildReport

HOOK_SECONDS = 300


class Log:
    """One JSON document a line and event: time, step, state, why, said, seconds, tries.

    >>> Log(sys.stdout, lambda: "2026-01-02T03:04:05+00:00").say(
    ...     Outcome("estimates", "done", "changed: panel", "14 tables", 2.5))
    {"time": "2026-01-02T03:04:05+00:00", "step": "estimates", "state": "done", \
"why": "changed: panel", "said": "14 tables", "seconds": 2.5, "tries": 1}
    """

    def __init__(self, stream: TextIO | None = None, now: Callable[[], str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._now = now or (lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def say(self, outcome: Outcome) -> None:
        """A step began or ended."""
        self._line(
            step=outcome.step, state=outcome.state, why=outcome.why, said=outcome.said,
            seconds=round(outcome.seconds, 3), tries=outcome.tries,
        )  # fmt: skip

    def note(self, line: str) -> None:
        """Something about the run as a whole."""
        self._line(step=None, state="note", why=line)

    def end(self, report: RebuildReport) -> None:
        """The run ended."""
        states = [outcome.state for outcome in report.outcomes]
        self._line(
            step=None, state="failed" if report.unfinished else "done", run=report.run_id,
            steps={state: states.count(state) for state in dict.fromkeys(states)},
        )  # fmt: skip

    def _line(self, **facts: object) -> None:
        print(
            json.dumps({"time": self._now(), **facts}, ensure_ascii=False),
            file=self._stream, flush=True,
        )  # fmt: skip


def on_failure(command: str, run_id: int | None, failed: list[tuple[str, str]]) -> str | None:
    """Run the command of a person's own; returns what went wrong with it, None when nothing did.

    Parameters
    ----------
    command
        Words as a shell would split them; no shell is run.
    run_id
        Of the run, None when it could not begin. `COAGG_RUN_ID` for the command.
    failed
        Steps and their errors: `COAGG_FAILED_STEPS`, the names, and `COAGG_ERRORS`, both a line
        each.

    Examples
    --------
    >>> on_failure("false", 1, [("estimates", "no panel")])
    '--on-failure false: exit code 1'
    """
    try:
        words = shlex.split(command)
        done = subprocess.run(
            words,
            env={
                **os.environ,
                "COAGG_RUN_ID": "" if run_id is None else str(run_id),
                "COAGG_FAILED_STEPS": "\n".join(step for step, _ in failed),
                "COAGG_ERRORS": "\n".join(f"{step}: {said}" for step, said in failed),
            },
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,  # standard output is the command's answer
            timeout=HOOK_SECONDS,
            check=False,
        )
    except (ValueError, IndexError):
        return f"--on-failure {command}: no command; quotes must come in pairs"
    except OSError as fault:
        return f"--on-failure {command}: {fault.strerror}"
    except subprocess.TimeoutExpired:
        return f"--on-failure {command}: ended after {HOOK_SECONDS} s"
    return f"--on-failure {command}: exit code {done.returncode}" if done.returncode else None
