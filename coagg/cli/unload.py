"""`coagg unload`: withdraw a survey year or a file with everything that hangs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.options import Country, Json, SurveyYear
from coagg.console import Answer, prepared
from coagg.settings import COUNTRY

if TYPE_CHECKING:
    from coagg.withdraw import WithdrawReport

app = typer.Typer(
    help="Withdraw a survey year or a file, with everything that hangs on it.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="Name of the data set or table.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would go. Change nothing.")]
Why = Annotated[str | None, typer.Option(metavar="TEXT", help="The reason. The ledger keeps it.")]


@app.command("firms")
def unload_firms(
    survey_year: SurveyYear,
    country: Country = COUNTRY,
    why: Why = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Withdraw a survey year: firms, matches, index, comparison and panel of the year.

    The ledger keeps the load with the reason. Tables estimated from the year are stale by then:
    coagg check names them, coagg rebuild makes them again.
    """
    from coagg import withdraw
    from coagg.rebuild.guard import Guard

    configured = prepared()
    with Guard(configured):
        report = withdraw.withdraw_firms(
            configured, survey_year, country, reason=why or withdraw.WHY, dry_run=dry_run
        )
    _tell(report, json)


def _unload(kind: str, name: str, why: str | None, dry_run: bool, json: bool) -> None:
    from coagg import withdraw
    from coagg.rebuild.guard import Guard

    configured = prepared()
    with Guard(configured):
        report = withdraw.withdraw_input(
            configured, kind, name, reason=why or withdraw.WHY, dry_run=dry_run
        )
    _tell(report, json)


@app.command("patents")
def unload_patents(
    name: Name, why: Why = None, dry_run: DryRun = False, json: Json = False
) -> None:
    """Withdraw a data set of patents, with their applicants and their matches.

    Grants that took the place of rows in other data sets do not give them back: load those files
    again. Citations stay. Load their files again to count which patents they know.
    """
    _unload("patents", name, why, dry_run, json)


@app.command("citations")
def unload_citations(
    name: Name, why: Why = None, dry_run: DryRun = False, json: Json = False
) -> None:
    """Withdraw a data set of citations."""
    _unload("citations", name, why, dry_run, json)


@app.command("input-output")
def unload_input_output(
    name: Name, why: Why = None, dry_run: DryRun = False, json: Json = False
) -> None:
    """Withdraw an input-output table, with its sector maps."""
    _unload("input-output", name, why, dry_run, json)


def _tell(report: WithdrawReport, json: bool) -> None:
    with Answer(json) as answer:
        state = "would be withdrawn, nothing is changed" if report.dry_run else "withdrawn"
        answer.table(
            "rows",
            f"Rows that {'would go' if report.dry_run else 'went'}",
            (("table", "{table}"), ("rows", "{rows:,}")),
            [{"table": table, "rows": rows} for table, rows in report.rows.items() if rows],
        )
        answer.say(
            f"{report.what}: {state}; {report.stale_tables} estimated tables are stale, "
            f"{report.deleted_tables} rest on nothing and go",
            what=report.what, dry_run=report.dry_run, reason=report.reason,
            stale_tables=report.stale_tables, deleted_tables=report.deleted_tables,
            results=report.results,
        )  # fmt: skip
        if report.results:
            answer.say(f"{report.results}; older sets still have what went (coagg results prune)")
