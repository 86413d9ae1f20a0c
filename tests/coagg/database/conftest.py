"""A guarded data base, and people who look at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import psycopg
import pytest
from support.guarded import ANALYST, NAMER, as_role, put_world

from coagg import database
from coagg.database import roles
from coagg.settings import Settings


@pytest.fixture(scope="module")
def guarded(databases, reference_template) -> Settings:
    if reference_template.database_url is not None:
        pytest.skip("roles are tried on the private server, not on COAGG_DATABASE_URL")
    settings = databases.copy(reference_template)
    put_world(settings)
    roles.grant(settings, ANALYST, os_user=None)
    roles.grant(settings, NAMER, names=True)
    return settings


@pytest.fixture
def analyst(guarded: Settings) -> Iterator[psycopg.Connection]:
    with as_role(guarded, ANALYST, autocommit=True) as connection:
        yield connection


@pytest.fixture
def free(analyst: psycopg.Connection) -> psycopg.Connection:
    """The analyst, with every setting switched off that can be."""
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"):
        analyst.execute(f"SET {setting} = 0")
    analyst.execute("SET default_transaction_read_only = off")
    return analyst


@pytest.fixture
def coagg_as(tmp_path) -> Callable[..., tuple[int, str, str]]:
    """Run the command line as another role, with a data folder of its own."""

    def run(settings: Settings, role: str, *words: object) -> tuple[int, str, str]:
        target = database.conninfo(settings)
        done = subprocess.run(
            [sys.executable, "-c", "from coagg.cli import main; main()", *map(str, words)],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "COAGG_DATABASE_URL": psycopg.conninfo.make_conninfo(target, user=role),
                "COAGG_DATA_DIR": str(tmp_path / "data"),
            },
        )
        return done.returncode, done.stdout, done.stderr

    return run
