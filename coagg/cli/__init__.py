"""The command line `coagg`: a module a command, and engines imported when a command runs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from coagg.cli import (
    access,
    areas,
    backup,
    check,
    compare,
    country,
    db,
    demo,
    estimate,
    index,
    inspect,
    layouts,
    load,
    map,
    match,
    panel,
    rebuild,
    register,
    results,
    schedule,
    show,
    simulate,
    sql,
    status,
    tables,
    unload,
)
from coagg.cli.faults import run
from coagg.version import VERSION

app = typer.Typer(
    name="coagg",
    help="Directional coagglomeration of industries, from geocoded firms in PostGIS.\n\n"
    "A first session: [bold]coagg db upgrade[/], "
    "[bold]coagg load firms FILE --survey-year 2013[/], "
    "[bold]coagg index --survey-year 2013[/], [bold]coagg show pairs --agglomeration CY[/]. "
    "[bold]coagg demo[/] does all of it on a made economy.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(db.app, name="db")
db.app.command("grant")(access.grant)
db.app.command("revoke")(access.revoke)
db.app.command("who")(access.who)
db.app.command("open")(access.open_)
db.app.command("close")(access.close)
db.app.command("disclosure")(access.disclosure)
app.command("sql")(sql.sql)
app.add_typer(load.app, name="load")
app.add_typer(areas.app, name="areas")
app.command("layouts")(layouts.layouts)
app.add_typer(country.app, name="country")
app.add_typer(unload.app, name="unload")
app.command("inspect")(inspect.inspect)
app.command("register")(register.register)
app.command("index")(index.index)
app.command("compare")(compare.compare)
app.command("panel")(panel.panel)
app.command("estimate")(estimate.estimate)
app.command("tables")(tables.tables_)
app.command("rebuild")(rebuild.rebuild)
app.add_typer(results.app, name="results")
app.command("status")(status.status)
app.add_typer(schedule.app, name="schedule")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(match.app, name="match")
app.add_typer(show.app, name="show")
app.command("map")(map.map_)
app.command("check")(check.check)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"coagg {VERSION}")
        raise typer.Exit


@app.callback()
def _everywhere(
    demo: Annotated[
        bool, typer.Option("--demo", help="Use the demo's data base in place of the real one.")
    ] = False,
    of: Annotated[
        str | None,
        typer.Option(
            "--results",
            metavar="SET",
            help="Read this set of results: a number, or latest (coagg results list). "
            "Default: the active one.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    if demo:
        os.environ["COAGG_DEMO"] = "1"
    if of is not None:
        os.environ["COAGG_RESULTS"] = of


def main() -> None:
    """Run the command line: a user's fault is one line and exit code 2, never a traceback."""
    run(app)
