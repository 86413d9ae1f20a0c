"""`coagg estimate` and `coagg tables`: from the panel to numbers, from numbers to pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coagg import database
from coagg.analysis.tables.estimate import EstimateReport, estimate_tables, latest_measurement
from coagg.analysis.tables.options import Options
from coagg.analysis.tables.pages.curve import draw_curve, measured
from coagg.analysis.tables.pages.layout import leave_one_out_grid
from coagg.analysis.tables.pages.render_markdown import markdown
from coagg.analysis.tables.pages.truth import read_truth, truth_grid, verdicts
from coagg.analysis.tables.pages.write import formats, pictures, table_grids, write_tables
from coagg.analysis.tables.specification import chosen, load_specifications
from coagg.analysis.tables.store import StoredTable, command_words, read_latest, read_variants
from coagg.console import console, progress, settings, table, truth_table
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

REFEREE = "What a referee asks for"
Convention = Annotated[
    str | None,
    typer.Option(
        help="Small-sample convention: reghdfe (default), ivreghdfe, fixest.",
        rich_help_panel=REFEREE,
    ),
]
MinFirms = Annotated[
    int | None,
    typer.Option(help="Only industries with so many firms in the cell.", rich_help_panel=REFEREE),
]
Transposed = Annotated[
    bool,
    typer.Option(
        "--direction-transposed", help="Read directions the other way.", rich_help_panel=REFEREE
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option(
        help="0.90, 0.99, or one-way (0.95 without bidirectional pairs) in place of φ at 0.95.",
        rich_help_panel=REFEREE,
    ),
]
Poisson = Annotated[
    bool,
    typer.Option(
        "--poisson",
        help="Poisson pseudo-maximum likelihood of y in place of OLS of ln(1+y).",
        rich_help_panel=REFEREE,
    ),
]
TwoWay = Annotated[
    bool,
    typer.Option(
        "--cluster-two-way",
        help="Errors clustered on agglomeration (pairs: on k) as well.",
        rich_help_panel=REFEREE,
    ),
]
Dyadic = Annotated[
    bool,
    typer.Option(
        "--dyadic",
        help="Pairs: errors correlated wherever an industry is shared on either side.",
        rich_help_panel=REFEREE,
    ),
]
Conley = Annotated[
    float | None,
    typer.Option(
        metavar="KM",
        help="Cells: Conley's spatial errors, Bartlett weights up to this distance.",
        rich_help_panel=REFEREE,
    ),
]
Wild = Annotated[
    int | None,
    typer.Option(
        "--wild-bootstrap",
        metavar="DRAWS",
        help="Wild cluster bootstrap of each leading regressor, e.g. 9999.",
        rich_help_panel=REFEREE,
    ),
]
Randomisation = Annotated[
    int | None,
    typer.Option(
        metavar="DRAWS",
        help="Randomisation inference by permuting φ, e.g. 999.",
        rich_help_panel=REFEREE,
    ),
]
LeaveOneOut = Annotated[
    bool,
    typer.Option(
        "--leave-one-out",
        help="Each table once without each agglomeration as well.",
        rich_help_panel=REFEREE,
    ),
]


def estimate(
    tables: Tables = None,
    measurement: Measurement = None,
    country: Country = "CN",
    specifications: Specifications = None,
    convention: Convention = None,
    min_firms: MinFirms = None,
    direction_transposed: Transposed = False,
    threshold: Threshold = None,
    poisson: Poisson = False,
    cluster_two_way: TwoWay = False,
    dyadic: Dyadic = False,
    conley: Conley = None,
    wild_bootstrap: Wild = None,
    randomisation: Randomisation = None,
    leave_one_out: LeaveOneOut = False,
    sensitivity: Annotated[
        bool,
        typer.Option(
            "--sensitivity",
            help="Each table at every threshold, for minima of 5 and 10 firms, in both readings of "
            "direction, from every measurement with a panel: for coagg tables --curve.",
            rich_help_panel=REFEREE,
        ),
    ] = False,
) -> None:
    """Estimate tables from the panel and store every number with specification and data hash.

    A table whose specification, data, options and code are unchanged is skipped. `coagg tables`
    with the same options makes pages of what is stored.
    """
    options = Options(
        country, convention, min_firms, direction_transposed, None, threshold, poisson,
        cluster_two_way, dyadic, conley, wild_bootstrap, randomisation,
    )  # fmt: skip
    known = load_specifications(*(specifications or ()))
    with progress() as bar:
        task = bar.add_task("estimate", total=None, rate="")
        report = estimate_tables(
            settings(), known, tables or [], measurement, options, leave_one_out, sensitivity,
            lambda done, total: bar.update(
                task, completed=done, total=total, rate=f"{done} of {total} tables"
            ),
        )  # fmt: skip
    _print(report)


def _print(report: EstimateReport) -> None:
    def variant(options: Options) -> str:
        left = f"without {options.leave_out}" if options.leave_out else ""
        words = [w for w in command_words(options.as_json()) if w != "--leave-one-out"]
        return " ".join([*words, left]).strip()

    several = len({t.measurement_id for t in report.tables if t.measurement_id}) > 1
    rows = [
        (
            t.name, variant(t.options), t.measurement_id if several else "", t.columns or "",
            "not possible" if t.reason else "unchanged, skipped" if t.skipped else "estimated",
            t.run_id or "",
        )
        for t in report.tables
    ]  # fmt: skip
    title = f"Tables of measurement {report.measurement_id}"
    heads = ("table", "options", "of" if several else "", "columns", "", "run")
    console.print(table(title, heads, rows, right=(2, 3, 5)))
    reasons: dict[str, list[str]] = {}
    for t in report.tables:
        if t.reason:
            same = reasons.setdefault(t.reason.removeprefix(f"{t.name}: "), [])
            same += [] if t.name in same else [t.name]
    for reason, names in reasons.items():
        console.print(f"{', '.join(names)}: {reason}", soft_wrap=True, highlight=False)
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
        list[str] | None, typer.Option(help="Coefficient plots: png, svg or pdf; repeat.")
    ] = None,
    curve: Annotated[
        list[str] | None,
        typer.Option(
            help="Specification curves over all that is stored of a table: png, svg or pdf; repeat."
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="truth/coefficients.json of a simulated economy: truth beside estimate."),
    ] = None,
    measurement: Measurement = None,
    country: Country = "CN",
    specifications: Specifications = None,
    convention: Convention = None,
    min_firms: MinFirms = None,
    direction_transposed: Transposed = False,
    threshold: Threshold = None,
    poisson: Poisson = False,
    cluster_two_way: TwoWay = False,
    dyadic: Dyadic = False,
    conley: Conley = None,
    wild_bootstrap: Wild = None,
    randomisation: Randomisation = None,
    leave_one_out: LeaveOneOut = False,
) -> None:
    """Make tables of stored estimates, laid out like the paper's.

    Without TABLE, all that are estimated. Numbers are those of the latest estimation with the
    same options (none: the paper's).
    """
    options = Options(
        country, convention, min_firms, direction_transposed, None, threshold, poisson,
        cluster_two_way, dyadic, conley, wild_bootstrap, randomisation,
    )  # fmt: skip
    options.check()
    kinds = formats(format_ or ([] if out and (plot or curve) else ["md"]))
    plots, curve_kinds = pictures(plot or ()), pictures(curve or ())
    if out is None and (list(kinds) != ["md"] or plots or curve_kinds):
        raise CoaggError("say where to write: --out DIR")
    known = load_specifications(*(specifications or ()))
    stored: list[StoredTable] = []
    left: dict[str, list[StoredTable]] = {}
    curves: dict[str, list[StoredTable]] = {}
    lacking = []
    with database.connect(settings()) as connection:
        if measurement is None:
            measurement = latest_measurement(connection, country)
        for one in chosen(known, tables or []):
            asked = (connection, one.name, measurement, country, options.as_json())
            try:
                stored += read_latest(*asked)
                if leave_one_out:
                    left[one.name] = read_latest(*asked, leave_out=True)
            except CoaggError:
                if tables:
                    raise
                lacking.append(one.name)
            if curve:
                curves[one.name] = read_variants(connection, one.name, country)
        known_measurements = measured(connection, country)
    if not stored:
        raise CoaggError(f"nothing is estimated: coagg estimate{_words(options)}")
    more = {t.name: leave_one_out_grid(t, left[t.name]) for t in stored if left.get(t.name)}
    if out is None:
        for one_table in stored:
            print(markdown(table_grids(one_table, beside_paper, more.get(one_table.name))))
    else:
        made = write_tables(out, stored, kinds, beside_paper, plots, more, left)
        for one_table in stored:
            for kind in curve_kinds:
                name = f"{one_table.name}_curve.{kind}"
                made += draw_curve(
                    out / name, one_table, curves[one_table.name], known_measurements
                )
        console.print(f"{out}: {len(made)} files of {len(stored)} tables", soft_wrap=True)
    if lacking:
        console.print(
            f"not estimated, left out: {', '.join(lacking)}: coagg estimate{_words(options)}",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
    stale = [
        t.name
        for t in stored
        if (here := known_measurements.get(t.measurement_id)) and t.estimated_at < here.built_at
    ]
    if stale:
        console.print(
            f"estimated before the panel was built again: {', '.join(stale)}: "
            f"coagg estimate{_words(options)}",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
    if truth is not None:
        _truth(stored, truth)


def _words(options: Options) -> str:
    return "".join(f" {word}" for word in command_words(options.as_json()))


def _truth(stored: list[StoredTable], truth: Path) -> None:
    values = read_truth(truth)
    found = [v for one_table in stored for v in verdicts(one_table, values)]
    if not found:
        raise CoaggError(f"{truth} says nothing of a regressor of these tables")
    grid = truth_grid(found)
    console.print(truth_table(grid))
    console.print(grid.notes[0])
