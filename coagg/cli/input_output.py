"""`coagg load input-output` and `coagg show concordance`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coagg import database, prepare
from coagg.console import console, errors, settings, table
from coagg.etl.input_output import load as input_output
from coagg.etl.reference import concordance_use

_NAMED = 8  # sectors named in a line before the rest is counted


def load_input_output(
    file: Annotated[
        Path, typer.Argument(help="The workbook as published (xls, xlsx), or a csv of the matrix.")
    ],
    table_name: Annotated[
        str | None, typer.Option("--table", help="Name to load it as; else cn and its year.")
    ] = None,
    year: Annotated[
        int | None, typer.Option(help="Year it describes; else from the file's name.")
    ] = None,
    sectors: Annotated[
        Path | None,
        typer.Option(
            help="csv of code, name, total_input, value_added, for a matrix without them; "
            "NAME_sectors.csv beside NAME_Z.csv is found."
        ),
    ] = None,
    coefficients: Annotated[
        Path | None,
        typer.Option(help="The published direct coefficients, to compare the computed ones with."),
    ] = None,
    sector_map: Annotated[
        list[Path] | None,
        typer.Option(
            help="csv of three-digit industries and their sectors, weight optional; "
            "repeat for other classifications."
        ),
    ] = None,
    classification: Annotated[
        str | None, typer.Option(help="Of the maps' industries; else from the map's header.")
    ] = None,
    allow_unbalanced: Annotated[
        bool, typer.Option("--allow-unbalanced", help="Load a table that does not balance.")
    ] = False,
) -> None:
    """Load an input-output table, and which industry belongs to which of its sectors.

    Direct coefficients are flow over total input. The table must balance, and agree with the
    published coefficients where these are given. The same files twice change nothing.
    """
    configured = settings()
    for line in prepare.prepare(configured):
        errors.print(line, markup=False, soft_wrap=True)
    report = input_output.load_input_output(
        configured,
        file,
        table=table_name,
        year=year,
        sectors=sectors,
        coefficients=coefficients,
        sector_maps=sector_map or (),
        classification=classification,
        allow_unbalanced=allow_unbalanced,
    )
    print_report(report)


def print_report(report: input_output.TableReport) -> None:
    """What was loaded, checked and left open."""

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    state = "unchanged, nothing to do" if report.unchanged else "loaded"
    say(
        f"{report.file} as {report.io_table}: {state} "
        f"({report.sectors} sectors, year {report.year}, unit {report.unit})"
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


def show_concordance(
    to: Annotated[
        str | None, typer.Option(help="Only translations to this classification; else all.")
    ] = None,
) -> None:
    """Show what firms lose to doubtful or unofficial links when their industries are translated.

    One line a country, survey year and pair of classifications; then the sector maps.
    """
    configured = settings()
    prepare.prepare(configured)
    with database.connect(configured) as connection:
        firms = concordance_use.firms_by_link(connection, to)
        sectors = concordance_use.firms_by_sector_map(connection)
    for title, rows in (("Industries translated", firms), ("Industries in sectors", sectors)):
        if not rows:
            console.print(f"{title}: none", markup=False)
            continue
        console.print(
            table(
                title,
                ("firms of", "by", "links", "doubtful", "unofficial", "firms", "split",
                 "through doubtful", "through unofficial", "no link"),
                [
                    (
                        r.firms_of, r.by, f"{r.links:,}", f"{r.doubtful_links:,}",
                        f"{r.unofficial_links:,}", f"{r.firms:,}", _share(r.split, r.firms),
                        _share(r.doubtful, r.firms), _share(r.unofficial, r.firms),
                        _share(r.unlinked, r.firms),
                    )
                    for r in rows
                ],
                right=tuple(range(2, 10)),
            )
        )  # fmt: skip


def _share(part: float, whole: int) -> str:
    return f"{part:,.0f} ({part / whole:.1%})" if whole else "0"
