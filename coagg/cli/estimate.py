"""`coagg estimate` and `coagg tables`: from the panel to numbers, from numbers to pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analysis.tables.estimate import EstimateReport, Options, estimate_tables
from analysis.tables.specification import chosen, load_specifications
from analysis.tables.store import read_latest
from analysis.tables.truth import read_truth, truth_grid, verdicts
from analysis.tables.write import formats, table_grids, write_tables
from coagg import database
from coagg.console import console, progress, settings, table
from coagg.errors import CoaggError

Tables = Annotated[
    list[str] | None, typer.Argument(metavar="[TABLE]...", help="e.g. table1; default all.")
]
Measurement = Annotated[
    int | None, typer.Option(help="Measurement of the index. Default: the panel built last.")
]
Country = Annotated[str, typer.Option(help="CN or GB.")]
Specifications = Annotated[
    list[Path] | None,
    typer.Option(help="Folder of your own specifications (*.toml), beside the house's; repeat."),
]


def estimate(
    tables: Tables = None,
    measurement: Measurement = None,
    country: Country = "CN",
    specifications: Specifications = None,
    convention: Annotated[
        str | None,
        typer.Option(help="Small-sample convention: reghdfe (default), ivreghdfe, fixest."),
    ] = None,
    min_firms: Annotated[
        int | None, typer.Option(help="Only industries with so many firms in the cell.")
    ] = None,
    direction_transposed: Annotated[
        bool,
        typer.Option("--direction-transposed", help="Read directions the other way."),
    ] = False,
    cluster_two_way: Annotated[
        bool,
        typer.Option("--cluster-two-way", help="Cluster on agglomeration (pairs: on k) as well."),
    ] = False,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Each table once without each agglomeration.")
    ] = False,
) -> None:
    """Estimate tables from the panel and store every number with specification and data hash.

    A table whose specification, data, options and code are unchanged is skipped. `coagg tables`
    makes pages of what is stored.
    """
    options = Options(country, convention, min_firms, direction_transposed, cluster_two_way)
    known = load_specifications(*(specifications or ()))
    with progress() as bar:
        task = bar.add_task("estimate", total=None, rate="")
        report = estimate_tables(
            settings(), known, tables or [], measurement, options, leave_one_out,
            lambda done, total: bar.update(
                task, completed=done, total=total, rate=f"{done} of {total} tables"
            ),
        )  # fmt: skip
    _print(report, known)


def _print(report: EstimateReport, known: dict) -> None:
    rows = [
        (
            t.name, "" if t.leave_out is None else f"without {t.leave_out}", t.columns or "",
            "not possible" if t.reason else "unchanged, skipped" if t.skipped else "estimated",
            t.run_id or "",
        )
        for t in report.tables
    ]  # fmt: skip
    title = f"Tables of measurement {report.measurement_id}"
    console.print(table(title, ("table", "", "columns", "", "run"), rows, right=(2, 4)))
    for t in report.tables:
        if t.reason:
            console.print(f"not estimated: {t.reason}", soft_wrap=True, highlight=False)
    if any(t.run_id for t in report.tables):
        console.print("pages: coagg tables --format all --out DIR", highlight=False)


def tables_(
    tables: Tables = None,
    format_: Annotated[
        list[str] | None,
        typer.Option("--format", help="md, tex, html, docx, csv or all; repeat. Default: md."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: Markdown to the terminal.")
    ] = None,
    beside_paper: Annotated[
        bool, typer.Option("--beside-paper", help="The paper's published figures beside ours.")
    ] = False,
    plot: Annotated[
        list[str] | None, typer.Option(help="Coefficient plots: png or svg; repeat.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="truth/coefficients.json of a simulated economy: truth beside estimate."),
    ] = None,
    measurement: Measurement = None,
    country: Country = "CN",
    specifications: Specifications = None,
) -> None:
    """Make tables of stored estimates, laid out like the paper's.

    Without TABLE, all that are estimated. Numbers are those of the latest estimation.
    """
    kinds = formats(format_ or ["md"])
    for kind in plot or ():
        if kind not in ("png", "svg"):
            raise CoaggError(f"unknown plot format {kind}: png or svg")
    known = load_specifications(*(specifications or ()))
    stored, lacking = [], []
    with database.connect(settings()) as connection:
        for one in chosen(known, tables or []):
            try:
                stored += read_latest(connection, one.name, measurement, country)
            except CoaggError:
                if tables:
                    raise
                lacking.append(one.name)
    if not stored:
        raise CoaggError("nothing is estimated: coagg estimate")
    if out is None:
        if list(kinds) != ["md"] or plot:
            raise CoaggError("say where to write: --out DIR")
        from analysis.tables.render_markdown import markdown

        for one_table in stored:
            print(markdown(table_grids(one_table, beside_paper)))
    else:
        made = write_tables(out, stored, kinds, beside_paper, plot or ())
        console.print(f"{out}: {len(made)} files of {len(stored)} tables", soft_wrap=True)
    if lacking:
        console.print(
            f"not estimated, left out: {', '.join(lacking)}: coagg estimate", soft_wrap=True
        )
    if truth is not None:
        values = read_truth(truth)
        found = [v for one_table in stored for v in verdicts(one_table, values)]
        if not found:
            raise CoaggError(f"{truth} says nothing of a regressor of these tables")
        grid = truth_grid(found)
        console.print(
            table(
                grid.title, ("regressor", *grid.heads[0]),
                [(row.label, *row.cells) for row in grid.rows], right=range(4, 8),
            )
        )  # fmt: skip
        console.print(grid.notes[0])
