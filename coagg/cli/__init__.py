"""The command line `coagg`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import psycopg
import typer

from coagg.cli import (
    access,
    compare,
    data,
    db,
    estimate,
    index,
    input_output,
    look,
    match,
    panel,
    patents,
    rebuild,
    simulate,
    sql,
)
from coagg.console import complain
from coagg.errors import CoaggError

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
    add_completion=False,
)
app.add_typer(db.app, name="db")
db.app.command("grant")(access.grant)
db.app.command("revoke")(access.revoke)
db.app.command("who")(access.who)
db.app.command("open")(access.open_)
db.app.command("close")(access.close)
db.app.command("disclosure")(access.disclosure)
app.command("sql")(sql.sql)
app.add_typer(data.app, name="load")
data.app.command("input-output")(input_output.load_input_output)
data.app.command("patents")(patents.load_patents)
data.app.command("citations")(patents.load_citations)
app.command("layouts")(data.layouts)
app.command("index")(index.index)
app.command("compare")(compare.compare)
app.command("panel")(panel.panel)
app.command("estimate")(estimate.estimate)
app.command("tables")(estimate.tables_)
app.command("rebuild")(rebuild.rebuild)
app.add_typer(match.app, name="match")
app.add_typer(look.show, name="show")
look.show.command("concordance")(input_output.show_concordance)
app.command("map")(look.map_)
app.command("check")(look.check)
app.command("demo")(look.demo)
app.command("simulate")(simulate.simulate)


@app.callback()
def _everywhere(
    demo: Annotated[
        bool, typer.Option("--demo", help="Look into the demo's data base instead of the real one.")
    ] = False,
) -> None:
    if demo:
        os.environ["COAGG_DEMO"] = "1"


def main() -> None:
    """Run the command line: a user's fault is one line and exit code 2, never a traceback."""
    try:
        app()
    except CoaggError as fault:
        complain(str(fault))
    except psycopg.OperationalError as fault:
        complain(
            f"the data base went away: {' '.join(str(fault).split())}; nothing half-written was "
            "kept: start it (coagg db start) and call again"
        )
    except OSError as fault:
        complain(f"{fault.strerror or fault}: {fault.filename or 'the data folder'}")
    sys.exit(2)
