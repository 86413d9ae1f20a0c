"""`coagg rebuild`: from the files to the tables, only what is not up to date."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.options import CORES, Json, SurveyYears, Workers
from coagg.console import Answer, complain, prepared, progress, settings
from coagg.errors import CoaggError

if TYPE_CHECKING:
    from coagg.rebuild.hook import Log
    from coagg.rebuild.report import Outcome, RebuildReport

COLOURS = {
    "done": "green",
    "failed": "red",
    "left out": "red",
    "would be done": "yellow",
    "may be done": "yellow",
}


class LogFormat(StrEnum):
    """How a log is written."""

    text = "text"
    json = "json"


def rebuild(
    inputs: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="List of input files and settings (TOML). Default: what is loaded.",
        ),
    ] = None,
    survey_year: SurveyYears = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and why. Do nothing.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Withdraw what is loaded and the list of inputs does not name (coagg unload).",
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Do every step again.")] = False,
    workers: Workers = CORES,
    log_format: Annotated[
        LogFormat, typer.Option(help="json: a line an event on standard error, for programs.")
    ] = LogFormat.text,
    on_failure: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Command that is run when the rebuild fails. It finds COAGG_RUN_ID, "
            "COAGG_FAILED_STEPS and COAGG_ERRORS in its environment. No shell.",
        ),
    ] = None,
    keep_days: Annotated[
        int, typer.Option(min=1, max=36_500, help="Forget the record of runs older than this.")
    ] = 400,
    json: Json = False,
) -> None:
    """Bring everything up to date: files, links, index, panel, tables.

    Steps whose inputs are unchanged are skipped. The others say what changed. A dry run writes
    nothing: it says what would be done, and what may be done when a step before it gives other
    rows. What is loaded and not in the list of inputs is named, and with --prune withdrawn. A step
    that fails leaves what was there, and the others go on. A server that restarts is waited for.
    Exit codes: 0 all is up to date, 1 some step failed, 2 nothing could be begun, 130 stopped. Fit
    for a nightly schedule (coagg schedule): two rebuilds of one data base do not meet.
    """
    from coagg.rebuild import hook
    from coagg.rebuild.faults import in_one_line

    log = hook.Log() if log_format is LogFormat.json else None
    report, failed = None, []
    try:
        if prune and inputs is None:
            raise CoaggError("--prune needs the list of inputs: --inputs FILE")
        with Answer(json) as answer:
            report = _rebuild(
                answer, log, inputs, tuple(survey_year or ()), dry_run, prune, force, workers,
                keep_days,
            )  # fmt: skip
            _tell(answer, report)
        failed = [(outcome.step, outcome.said) for outcome in report.failed]
    except Exception as fault:
        failed = [("rebuild", in_one_line(fault))]
        raise
    finally:
        if failed and on_failure and not dry_run:
            wrong = hook.on_failure(on_failure, report.run_id if report else None, failed)
            if wrong:
                (log.note if log else complain)(wrong)
    if failed:
        step, said = failed[0]
        complain(f"{len(failed)} steps failed; first {step}: {said}")
        raise typer.Exit(1)


def _rebuild(
    answer: Answer, log: Log | None, inputs: Path | None, years: tuple[int, ...],
    dry_run: bool, prune: bool, force: bool, workers: int, keep_days: int,
) -> RebuildReport:  # fmt: skip
    from coagg import database, prepare
    from coagg.rebuild import engine, history
    from coagg.rebuild.manifest import Manifest, read_manifest
    from coagg.rebuild.steps import Chain
    from coagg.rebuild.whole import rebuild_all

    command = shlex.join(["coagg", *sys.argv[1:]])

    def say(outcome: Outcome) -> None:
        log.say(outcome) if log else _say(answer, outcome)

    def note(line: str) -> None:
        log.note(line) if log else answer.note(line)

    with progress("rebuild", "finished steps are kept; call again to go on") as bar:
        absent = False
        try:
            manifest = read_manifest(inputs) if inputs else Manifest()
            if dry_run:
                configured = settings()
                absent = not database.exists(configured)
                for line in prepare.pending(configured):
                    print(line, file=sys.stderr)
            else:
                configured = prepared()
            chain = Chain(
                configured, manifest, workers,
                lambda step, done, total: bar.show(done, total, stage=step), absent, prune,
            )  # fmt: skip
            unlisted = [] if prune else [" ".join(one) for one in chain.unlisted()]
            if unlisted:
                note(f"loaded, not listed: {', '.join(unlisted)} (--prune withdraws them)")
            steps = chain.steps(years)
        except CoaggError as fault:
            if not dry_run:
                history.could_not_begin(settings(), command, str(fault))
            raise
        if absent:
            report = engine.from_nothing(steps, say)
        else:
            report = rebuild_all(
                chain,
                years,
                dry_run=dry_run,
                force=force,
                say=say,
                begins=log.say if log else lambda outcome: None,
                note=log.note if log else None,
                command=command,
                keep_days=keep_days,
            )
    if log:
        log.end(report)
    return report


def _say(answer: Answer, outcome: Outcome) -> None:
    """A line a step, as it ends."""
    from rich.markup import escape

    colour = COLOURS.get(outcome.state, "dim")
    said = "; ".join(filter(None, (outcome.why, outcome.said)))
    took = f" {outcome.seconds:,.1f} s" if outcome.seconds else ""
    line = f"[{colour}]{outcome.state}[/] {escape(outcome.step)}{took}  {escape(said)}"
    answer.say(line, markup=True)


def _tell(answer: Answer, report: RebuildReport) -> None:
    """How many steps ended how."""
    states = [outcome.state for outcome in report.outcomes]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    answer.say(
        f"steps: {', '.join(f'{count} {state}' for state, count in counts.items())}",
        steps=[dataclasses.asdict(outcome) for outcome in report.outcomes],
        results=report.results,
    )
    if report.results:
        answer.say(report.results)
