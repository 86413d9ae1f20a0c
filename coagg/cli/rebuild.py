"""`coagg rebuild`: from the files to the tables, only what is not up to date."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.options import CORES, Json, SurveyYears, Workers
from coagg.console import Answer, prepared, progress, settings
from coagg.errors import CoaggError

if TYPE_CHECKING:
    from coagg.rebuild.engine import Outcome, RebuildReport

COLOURS = {
    "done": "green",
    "failed": "red",
    "left out": "red",
    "would be done": "yellow",
    "may be done": "yellow",
}


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
    json: Json = False,
) -> None:
    """Bring everything up to date: files, links, index, panel, tables.

    Steps whose inputs are unchanged are skipped. The others say what changed. A dry run writes
    nothing: it says what would be done, and what may be done when a step before it gives other
    rows. A step that fails
    leaves what was there, and the exit code is 2. Fit for a nightly schedule: a second rebuild of
    the same data base does not start while one is running. What is loaded and not in the list of
    inputs is named, and with --prune withdrawn.
    """
    if prune and inputs is None:
        raise CoaggError("--prune needs the list of inputs: --inputs FILE")
    from coagg import database, prepare
    from coagg.rebuild import engine
    from coagg.rebuild.manifest import Manifest, read_manifest
    from coagg.rebuild.steps import Chain

    manifest = read_manifest(inputs) if inputs else Manifest()
    absent = False
    if dry_run:
        configured = settings()
        absent = not database.exists(configured)
        for line in prepare.pending(configured):
            print(line, file=sys.stderr)
    else:
        configured = prepared()
    with Answer(json) as answer:
        with progress("rebuild", "finished steps are kept; call again to go on") as bar:
            chain = Chain(
                configured, manifest, workers,
                lambda step, done, total: bar.show(done, total, stage=step), absent, prune,
            )  # fmt: skip
            unlisted = [] if prune else [" ".join(one) for one in chain.unlisted()]
            if unlisted:
                answer.note(f"loaded, not listed: {', '.join(unlisted)} (--prune withdraws them)")
            steps = chain.steps(tuple(survey_year or ()))
            if absent:
                report = engine.from_nothing(steps, lambda outcome: _say(answer, outcome))
            else:
                report = engine.rebuild(
                    configured,
                    steps,
                    dry_run=dry_run,
                    force=force,
                    say=lambda outcome: _say(answer, outcome),
                )
        _tell(answer, report)
    if report.failed:
        first = report.failed[0]
        raise CoaggError(f"{len(report.failed)} steps failed; first {first.step}: {first.said}")


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
    )
