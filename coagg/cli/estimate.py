"""`coagg estimate`: from the panel to numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.options import (
    REFEREE,
    Conley,
    Convention,
    Country,
    Dyadic,
    Json,
    LeaveOneOut,
    Measurement,
    MinFirms,
    Poisson,
    Randomisation,
    Specifications,
    Tables,
    Threshold,
    Transposed,
    TwoWay,
    Wild,
    estimation_options,
)
from coagg.console import Answer, progress, settings
from coagg.settings import COUNTRY

if TYPE_CHECKING:
    from coagg.analysis.tables.estimate import EstimateReport, TableReport
    from coagg.analysis.tables.options import Options


def estimate(
    tables: Tables = None,
    measurement: Measurement = None,
    country: Country = COUNTRY,
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
            help="Also each table at every threshold, with at least 5 and 10 firms, in both "
            "readings of direction, and from every measurement that has a panel. coagg tables "
            "--curve draws them.",
            rich_help_panel=REFEREE,
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Estimate tables from the panel and store every number with how it was made.

    A table whose description, data, options and code are unchanged is skipped. `coagg tables` with
    the same options makes pages of what is stored.
    """
    from coagg.analysis.tables.estimate import estimate_tables
    from coagg.analysis.tables.specification import load_specifications

    options = estimation_options(
        country=country, convention=convention, min_firms=min_firms,
        direction_transposed=direction_transposed, threshold=threshold, poisson=poisson,
        cluster_two_way=cluster_two_way, dyadic=dyadic, conley=conley,
        wild_bootstrap=wild_bootstrap, randomisation=randomisation,
    )  # fmt: skip
    known = load_specifications(*(specifications or ()))
    with progress("estimate", "finished tables are kept; call again to go on") as bar:
        report = estimate_tables(
            settings(),
            known,
            names=tables or [],
            measurement_id=measurement,
            options=options,
            leave_one_out=leave_one_out,
            sensitivity=sensitivity,
            progress=bar.count("tables"),
        )
    with Answer(json) as answer:
        _tell(answer, report)


def _state(table: TableReport) -> str:
    if table.reason:
        return "not possible"
    return "unchanged, skipped" if table.skipped else "estimated"


def _variant(options: Options) -> str:
    from coagg.analysis.tables.store import command_words

    left = f"without {options.leave_out}" if options.leave_out else ""
    words = [w for w in command_words(options.as_json()) if w != "--leave-one-out"]
    return " ".join([*words, left]).strip()


def _tell(answer: Answer, report: EstimateReport) -> None:
    several = len({t.measurement_id for t in report.tables if t.measurement_id}) > 1
    rows = [
        {
            "table": t.name, "options": _variant(t.options), "measurement_id": t.measurement_id,
            "columns": t.columns, "state": _state(t), "reason": t.reason or None,
            "run_id": t.run_id,
        }
        for t in report.tables
    ]  # fmt: skip
    answer.table(
        "tables",
        f"Tables of measurement {report.measurement_id}",
        (
            ("table", "{table}"),
            ("options", "{options}"),
            *([("of", "{measurement_id:d}")] if several else []),
            ("columns", "{columns:d}"),
            ("", "{state}"),
            ("run", "{run_id:d}"),
        ),
        rows,
    )
    reasons: dict[str, list[str]] = {}
    for t in report.tables:
        if t.reason:
            same = reasons.setdefault(t.reason.removeprefix(f"{t.name}: "), [])
            same += [] if t.name in same else [t.name]
    for reason, names in reasons.items():
        answer.say(f"{', '.join(names)}: {reason}")
    if any(t.run_id for t in report.tables):
        answer.say("pages: coagg tables --format all --out DIR")
    if report.results:
        answer.say(report.results, results=report.results)
