"""`coagg db`: the private server, the schema, psql."""

from __future__ import annotations

import os
import shutil

import typer

from coagg.cli.options import Json
from coagg.console import Answer, settings
from coagg.errors import CoaggError
from coagg.settings import read_settings

app = typer.Typer(help="The data base: private server, schema, psql.", no_args_is_help=True)


def _own_server_meant() -> None:
    if read_settings().database_url is not None:
        raise CoaggError(
            "COAGG_DATABASE_URL names the server in use: it is not ours to start or stop"
        )


@app.command()
def start() -> None:
    """Start the private server in the data folder. It is made on first use."""
    from coagg.database import server

    _own_server_meant()
    started = server.start(read_settings())
    print(f"running, socket in {started.socket_dir}")


@app.command()
def stop() -> None:
    """Stop the private server. The data stay."""
    from coagg.database import server

    _own_server_meant()
    print("stopped" if server.stop(read_settings()) else "was not running")


@app.command()
def status(json: Json = False) -> None:
    """Say where the data base is and whether it answers. Exit code 1 when it does not."""
    from coagg import database
    from coagg.database import server

    with Answer(json) as answer:
        if read_settings().database_url is not None:
            with database.connect(settings()) as connection:
                version = connection.info.parameter_status("server_version")
            answer.say(
                f"server of COAGG_DATABASE_URL answers, PostgreSQL {version}",
                state="running", postgresql=version,
            )  # fmt: skip
            return
        facts = server.status(read_settings())
        for label, value in facts.items():
            answer.document[label.lower().replace(" ", "_")] = value
            answer.say(f"{label:<12} {value}")
    if facts["state"] != "running":
        raise typer.Exit(1)


@app.command()
def upgrade() -> None:
    """Bring the schema to the newest state and load the reference data. Safe to repeat."""
    from coagg import prepare

    done = prepare.prepare(settings())
    print("\n".join(done) if done else "up to date")


@app.command("dictionary")
def data_dictionary() -> None:
    """Print the data dictionary, made from the comments in the data base."""
    from coagg import database
    from coagg.database import dictionary

    with database.connect(settings()) as connection:
        print(dictionary.markdown(connection))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql on the data base. Further words go to psql: coagg db psql -c 'SELECT 1'."""

    from coagg import database
    from coagg.database import server

    target = database.conninfo(settings())
    program = shutil.which("psql")
    if program is None:
        try:
            program = str(server.binaries() / "psql")
        except CoaggError:
            raise CoaggError(
                "psql is not on this machine (Debian, Ubuntu: apt-get install postgresql-client)"
            ) from None
    # never on the command line, where ps shows it
    shown, secret = database.without_secrets(target)
    os.execve(program, [program, shown, *context.args], {**os.environ, **secret})
