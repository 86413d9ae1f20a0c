"""The password of COAGG_DATABASE_URL is shown nowhere: errors, records, arguments, objects."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.settings import Settings

SECRET = "s3cr3tpw"
BROKEN = [
    f"postgresql://me:{SECRET}%zz@host/name",
    f"postgresql://me:{SECRET}@host:port/name",
    f"postgresql://me:{SECRET}@[host/name",
    f"postgresql://me:x@{SECRET}@host/name",
    f"postgresql://me:{SECRET}@host/name?{SECRET}",
    f"host=h password={SECRET} {SECRET}",
    f"host=h password='{SECRET}",
    f"{SECRET}=1",
    f"mysql://me:{SECRET}@host/name",
]
REFUSED = f"postgresql://me:{SECRET}@127.0.0.1:1/none"


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from coagg.cli import main; main()", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("url", [*BROKEN, REFUSED])
def test_no_error_shows_it(url: str):
    settings = Settings(Path("/nonexistent"), url)
    for call in (
        database.connect,
        database.exists,
        database.upgrade,
        lambda own: database.conninfo(database.demo_settings(own)) and database.exists(own),
    ):
        with pytest.raises(CoaggError) as caught:
            call(settings)
        assert SECRET not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", [BROKEN[0], BROKEN[3], BROKEN[8], REFUSED])
def test_no_command_shows_it(url: str):
    for words in (("db", "status"), ("--demo", "check"), ("db", "psql")):
        done = run(*words, COAGG_DATABASE_URL=url, PATH="/nowhere")
        assert done.returncode == 2
        assert SECRET not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_settings_do_not_show_it():
    assert SECRET not in repr(Settings(Path("/x"), REFUSED))
    assert SECRET not in f"{Settings(Path('/x'), REFUSED).for_database('y')}"


def test_psql_has_it_in_its_environment_and_not_among_its_arguments(tmp_path: Path):
    fake = tmp_path / "psql"
    fake.write_text('#!/bin/sh\necho "$@"\necho "environment $PGPASSWORD"\n')
    fake.chmod(0o755)
    url = f"postgresql://me:{SECRET}@h/n?sslmode=require&sslpassword=k{SECRET}"
    done = run("db", "psql", "-c", "SELECT 1", COAGG_DATABASE_URL=url, PATH=f"{tmp_path}:/bin")
    arguments, environment = done.stdout.splitlines()
    assert SECRET not in arguments
    assert "sslmode=require" in arguments
    assert arguments.endswith("-c SELECT 1")
    assert environment == f"environment {SECRET}"


def test_a_refused_password_is_not_told_and_has_its_remedy(server_settings: Settings):
    """A server with passwords, on loopback: the private one asks for none."""
    with database.connect(server_settings.for_database("postgres")) as connection:
        place = connection.info.host
    url = f"postgresql://nobody_known:{SECRET}@/postgres?host={place.replace('/', '%2F')}"
    with pytest.raises(CoaggError) as caught:
        database.connect(Settings(Path("/nonexistent"), url))
    assert SECRET not in str(caught.value)
    assert "check user and password" in str(caught.value)


def test_no_table_of_records_holds_it(empty_settings: Settings):
    with database.connect(empty_settings) as connection:
        target = connection.info.get_parameters()
        url = psycopg.conninfo.make_conninfo("", **{**target, "password": SECRET})
        own = Settings(empty_settings.data_dir, url)
        database.upgrade(own)
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema IN ('ops', 'estimates') AND table_type = 'BASE TABLE'"
        ).fetchall()
        assert tables
        for schema, name in tables:
            query = psycopg.sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text LIKE %s").format(
                psycopg.sql.Identifier(schema, name)
            )
            assert connection.execute(query, (f"%{SECRET}%",)).fetchone() == (0,)
