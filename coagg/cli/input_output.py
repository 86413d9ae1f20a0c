"""`coagg load input-output`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.counts import KEPT, NOT_KEPT
from coagg.cli.options import FIRST_YEAR, LAST_YEAR, DryRun, Json
from coagg.console import Answer, prepared, progress

if TYPE_CHECKING:
    from coagg.etl.input_output.load import TableReport

_NAMED = 8  # sectors named in a line before the rest is counted


def load_input_output(
    file: Annotated[
        Path,
        typer.Argument(
            dir_okay=False,
            help="The workbook as published (xls, xlsx), a csv of the matrix, or a table in long "
            "form (supplier, user, flow).",
        ),
    ],
    table_name: Annotated[
        str | None,
        typer.Option(
            "--table",
            help="Name of the table. Default: cn and its year, cn2007; of a long table its file.",
        ),
    ] = None,
    year: Annotated[
        int | None,
        typer.Option(
            min=FIRST_YEAR,
            max=LAST_YEAR,
            help="Year that the table describes. Default: from the file's name.",
        ),
    ] = None,
    sectors: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="csv of code, name, total_input, value_added, for a matrix without them. "
            "NAME_sectors.csv beside NAME_Z.csv is found without this option.",
        ),
    ] = None,
    coefficients: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="The published direct coefficients. The computed ones are compared with them.",
        ),
    ] = None,
    sector_map: Annotated[
        list[Path] | None,
        typer.Option(
            dir_okay=False,
            help="csv of three-digit industries and their sectors, with a weight if you wish. "
            "Repeat for other classifications.",
        ),
    ] = None,
    classification: Annotated[
        str | None,
        typer.Option(
            help="Classification of the industries in the maps. Default: from the map's header."
        ),
    ] = None,
    allow_unbalanced: Annotated[
        bool, typer.Option("--allow-unbalanced", help="Load a table that does not balance, too.")
    ] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="COLUMN=VALUE: which rows of a table in long form, geo=AT say. Repeat for others."
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Load an input-output table, and which industry belongs to which of its sectors.

    A direct coefficient is a flow divided by total input. The table must balance. If you give the
    published coefficients, it must agree with them. Loading the same files again changes nothing.
    """
    from coagg.etl.input_output import load
    from coagg.etl.input_output.long import picks

    configured = prepared()
    with progress("input-output", KEPT):
        report = load.load_input_output(
            configured,
            file,
            table=table_name,
            year=year,
            sectors=sectors,
            coefficients=coefficients,
            sector_maps=sector_map or (),
            classification=classification,
            allow_unbalanced=allow_unbalanced,
            where=picks(where or ()),
            dry_run=dry_run,
        )
    with Answer(json) as answer:
        if dry_run:
            answer.note(NOT_KEPT)
        _tell(answer, report)


def _tell(answer: Answer, report: TableReport) -> None:
    """What was loaded, checked and left open."""
    say = answer.say
    state = "unchanged, nothing to do" if report.unchanged else "loaded"
    say(
        f"{report.file} as {report.io_table}: {state} "
        f"({report.sectors} sectors, year {report.year}, unit {report.unit})",
        **dataclasses.asdict(report),
    )
    facts = report.facts
    for what, gap in facts["largest_imbalance"].items():
        say(f"  {what.rstrip(',')}: off by {gap:.1e} of total input at most")
    if not facts["balance_checked"]:
        say("  no value added stated: balance of inputs not checked")
    if facts["unbalanced_sectors"]:
        say(f"  does not balance in {_named(facts['unbalanced_sectors'])}")
    if "agrees_to" in facts:
        say(
            f"  direct coefficients agree with {facts['published_coefficients']} to "
            f"{facts['agrees_to']} (largest difference {facts['largest_difference']:.1e})"
        )
    for name in report.dropped_maps:
        say(f"  its sectors are others than before: load the sector map of {name} again")
    for one in report.maps:
        state = "unchanged" if one.unchanged else "loaded"
        say(
            f"{one.file} as sector map of {one.classification}: {state} ({one.industries} "
            f"industries, {one.links} links, {one.doubtful} doubtful, {len(one.split)} split)"
        )
        if one.unmapped:
            say(f"  {len(one.unmapped)} sectors without industries: {_named(one.unmapped)}")


def _named(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
