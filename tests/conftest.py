"""A real PostGIS made from the production SQL; every test gets a data base of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from support import command_line

from coagg import database
from coagg.database import server
from coagg.errors import CoaggError
from coagg.etl.reference import load as reference
from coagg.settings import PROJECT, Settings, read_settings

NUMBER = itertools.count()
LONGEST_FILES = ("test_kills.py", "test_rebuild.py", "test_upgrade.py")
pytest_plugins = ["support.economy"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST_FILES)


@pytest.fixture(scope="session")
def sample_dir() -> Path:
    """The folder of real sample data; tests that want it are skipped, aloud, where it is not."""
    place = Path(os.environ.get("COAGG_SAMPLE_DIR") or PROJECT.parent / "shared" / "data")
    if not (place / "README.md").exists():
        pytest.skip(f"no sample data in {place}; set COAGG_SAMPLE_DIR to its folder")
    return place


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that the private server's user may enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="coagg-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own() -> Iterator[Settings]:
    """Settings of a private server of this test alone, not yet made; stopped at the end."""
    try:
        server.binaries()
    except CoaggError as fault:
        pytest.skip(f"private server cannot be tested here: {fault}")
    with open_folder() as folder:
        settings = Settings(data_dir=folder / "data")
        yield settings
        server.stop(settings)


@pytest.fixture(scope="session")
def server_settings() -> Iterator[Settings]:
    """The server under test: COAGG_DATABASE_URL's, else a private one in a temp folder."""
    with open_folder() as folder:
        yield from _server(replace(read_settings(), data_dir=folder / "data"))


def _server(settings: Settings) -> Iterator[Settings]:
    if settings.database_url is not None:
        yield settings
        return
    server.start(settings)
    with database.administer(settings.for_database("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # tests kill processes, not machines
        connection.execute("SELECT pg_reload_conf()")
    yield settings
    server.stop(settings, mode="immediate")  # the folder goes anyway


class Databases:
    """Makes and drops data bases of the server under test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.prefix = f"coagg_test_{os.getpid()}"
        self.made: list[str] = []

    def _name(self, ending: str = "") -> str:
        name = f"{self.prefix}_{next(NUMBER)}{ending}"
        self.made.append(name)
        return name

    def empty(self) -> Settings:
        """Settings of a data base that does not exist yet."""
        return self.settings.for_database(self._name())

    def copy(self, template: Settings, ending: str = "") -> Settings:
        """A copy of a data base that nobody is connected to."""
        name = self._name(ending)
        with database.connect(
            self.settings.for_database("postgres"), autocommit=True
        ) as connection:
            # copying files costs less than writing them to the log too, as 15 does if not told
            strategy = " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}" + strategy).format(
                    sql.Identifier(name), sql.Identifier(template.database_name or "")
                )
            )
        return self.settings.for_database(name)

    def drop_all(self) -> None:
        for name in self.made:
            database.drop(self.settings.for_database(name))


@pytest.fixture(scope="session")
def databases(server_settings: Settings) -> Iterator[Databases]:
    made = Databases(server_settings)
    yield made
    if server_settings.database_url is not None:  # a private server goes as a whole
        made.drop_all()


@pytest.fixture(scope="session")
def schema_template(databases: Databases) -> Settings:
    """A data base with the schema and nothing in it."""
    settings = databases.empty()
    database.upgrade(settings)
    return settings


@pytest.fixture(scope="session")
def reference_template(databases: Databases, schema_template: Settings) -> Settings:
    """A data base with schema and reference data."""
    settings = databases.copy(schema_template)
    with database.connect(settings) as connection:
        reference.load_reference(connection)
    return settings


@pytest.fixture
def empty_settings(databases: Databases, schema_template: Settings) -> Iterator[Settings]:
    """Settings of a fresh data base with the schema."""
    settings = databases.copy(schema_template)
    yield settings
    database.drop(settings)


@pytest.fixture
def db_settings(databases: Databases, reference_template: Settings) -> Iterator[Settings]:
    """Settings of a fresh data base with schema and reference data."""
    settings = databases.copy(reference_template)
    yield settings
    database.drop(settings)


@pytest.fixture
def db(empty_settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection to a fresh data base with the schema."""
    with database.connect(empty_settings) as connection:
        yield connection


@pytest.fixture
def reference_db(db_settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection to a fresh data base with schema and reference data."""
    with database.connect(db_settings) as connection:
        yield connection


@pytest.fixture(scope="session")
def coagg_on() -> Callable[..., tuple[int, str, str]]:
    """Run the real command line on a data base; returns exit code, stdout, stderr."""
    command_line.start()

    def run(settings: Settings, *words: object, **environment: str) -> tuple[int, str, str]:
        here = {
            "COAGG_DATABASE_URL": database.conninfo(settings),
            "COAGG_DATA_DIR": str(settings.data_dir),
            "COLUMNS": "160",
        }
        return command_line.run(words, {**os.environ, **here, **environment})

    return run


@pytest.fixture
def run_coagg(db_settings: Settings, coagg_on: Callable[..., tuple[int, str, str]]
              ) -> Callable[..., tuple[int, str, str]]:  # fmt: skip
    """`coagg_on` the test's own data base."""
    return partial(coagg_on, db_settings)


@pytest.fixture
def put_firms() -> Callable[..., None]:
    """Write points straight into clean.firm, as a load would leave them (for tests of readers)."""

    def put(connection, survey_year, lon, lat, industry, prefecture_code="5101", flags=None):
        name = sql.Identifier("clean", f"firm_cn_{survey_year}_test")
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
        connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF clean.firm_cn FOR VALUES IN ({})").format(
                name, sql.Literal(survey_year)
            )
        )
        rows = zip(lon, lat, industry, flags or ["{}"] * len(lon), strict=True)
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY clean.firm (country, survey_year, row_number, industry, classification, "
                "source_lon, source_lat, lon, lat, prefecture_code, pile_up_size, flags) FROM STDIN"
            ) as copy,
        ):
            for number, (x, y, code, flag) in enumerate(rows, 1):
                copy.write_row(
                    ("CN", survey_year, number, code, "gbt4754_2011", x, y, x, y,
                     prefecture_code, 1, flag)
                )  # fmt: skip
        connection.commit()

    return put
