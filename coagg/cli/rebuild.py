"""`coagg rebuild`: from the files to the tables, only what is not up to date."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from coagg import database, prepare
from coagg.console import console, errors, progress, settings
from coagg.errors import CoaggError
from coagg.rebuild.engine import Outcome, RebuildReport, from_nothing
from coagg.rebuild.engine import rebuild as do_rebuild
from coagg.rebuild.manifest import Manifest, read_manifest
from coagg.rebuild.steps import Chain

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
        typer.Option(help="List of input files and settings (TOML); else from what is loaded."),
    ] = None,
    survey_year: Annotated[
        list[int] | None, typer.Option(help="Only this year's files and index; repeat for more.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and why; do nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Do every step again.")] = False,
    workers: Annotated[
        int, typer.Option(help="Threads of the index; changes the time, never a number.")
    ] = os.cpu_count() or 1,
) -> None:
    """Bring everything up to date: files, links, index, panel, tables.

    Steps whose inputs are unchanged are skipped; the others say what changed. A dry run writes
    nothing; it says what would be done, and what may be done when a step before it gives other
    rows. A step that fails leaves what was there, and the exit code is 2. Made for a nightly
    schedule: two rebuilds of one data base cannot meet.
    """
    manifest = read_manifest(inputs) if inputs else Manifest()
    configured = settings()
    absent = dry_run and not database.exists(configured)
    for line in prepare.pending(configured) if dry_run else prepare.prepare(configured):
        errors.print(line, markup=False, soft_wrap=True)
    with progress() as bar:
        task = bar.add_task("rebuild", total=None, rate="")

        def show(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        steps = Chain(configured, manifest, workers, show, absent).steps(tuple(survey_year or ()))
        report = (
            from_nothing(steps, print_outcome)
            if absent
            else do_rebuild(configured, steps, dry_run=dry_run, force=force, say=print_outcome)
        )
    finish(report)


def print_outcome(outcome: Outcome) -> None:
    """A line a step, as it ends."""
    colour = COLOURS.get(outcome.state, "dim")
    said = "; ".join(filter(None, (outcome.why, outcome.said)))
    took = f" {outcome.seconds:,.1f} s" if outcome.seconds else ""
    console.print(f"[{colour}]{outcome.state}[/] {outcome.step}{took}  ", end="")
    console.print(said, markup=False, soft_wrap=True, highlight=False)


def finish(report: RebuildReport) -> None:
    """How many steps ended how. Raises CoaggError when any failed."""
    states = [outcome.state for outcome in report.outcomes]
    counts = (f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    console.print(f"steps: {', '.join(counts)}", highlight=False)
    if report.failed:
        first = report.failed[0]
        raise CoaggError(f"{len(report.failed)} steps failed; first {first.step}: {first.said}")
