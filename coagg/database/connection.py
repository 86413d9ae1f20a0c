"""Connections, and SQL files run on them: the one way from Python to PostGIS.

psycopg runs SQL files and COPY; SQLAlchemy and GeoAlchemy2 serve GeoPandas. Objects are always
schema-qualified and `search_path` is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq, sql

from coagg.database import adoption, faults, server, waiting
from coagg.errors import CoaggError
from coagg.settings import DEMO_SUFFIX, MAIN_DATABASE, Settings, read_settings

if TYPE_CHECKING:
    import sqlalchemy


def conninfo(settings: Settings | None = None) -> str:
    """Connection string of the configured data base; starts the private server if that is meant."""
    settings = settings or read_settings()
    if settings.database_url is None:
        target = server.start(settings).conninfo(settings.database_name or MAIN_DATABASE)
        parts = psycopg.conninfo.conninfo_to_dict(target)
    else:
        parts = _parts(settings.database_url)
        if settings.database_name:
            parts["dbname"] = settings.database_name
        parts.setdefault("dbname", MAIN_DATABASE)
    if settings.results is not None:
        asked = f"-c coagg.results={settings.results}"
        parts["options"] = f"{parts.get('options') or ''} {asked}".strip()
    return psycopg.conninfo.make_conninfo("", **parts)


def database_name(settings: Settings) -> str:
    """Name of the configured data base."""
    if settings.database_name:
        return settings.database_name
    if settings.database_url is None:
        return MAIN_DATABASE
    return str(_parts(settings.database_url).get("dbname") or MAIN_DATABASE)


def without_secrets(target: str) -> tuple[str, dict[str, str]]:
    """A connection string fit for a command line, which anybody may read, and the environment.

    The environment holds the password. Other secrets (that of a client key) are left out: the
    program that connects asks for them.
    """
    parts = psycopg.conninfo.conninfo_to_dict(target)
    secret = {o.keyword.decode() for o in pq.Conninfo.get_defaults() if o.dispchar == b"*"}
    shown = {name: value for name, value in parts.items() if name not in secret}
    password = parts.get("password")
    environment = {"PGPASSWORD": str(password)} if password else {}
    return psycopg.conninfo.make_conninfo("", **shown), environment


def demo_settings(settings: Settings) -> Settings:
    """The same server, with the demo's own data base beside the real one."""
    return settings.for_database(database_name(settings) + DEMO_SUFFIX)


def connect(settings: Settings | None = None, **options: Any) -> psycopg.Connection:
    """A psycopg connection; CoaggError in one line when the server cannot be had.

    A server that says it is starting is waited for. One that does not answer is `ServerAway`.
    """
    return _patiently(lambda: conninfo(settings), settings, options)


def _patiently(
    target: Callable[[], str], settings: Settings | None, options: dict[str, Any]
) -> psycopg.Connection:
    return waiting.patiently(
        lambda: _open(target(), settings, **options),
        lambda fault: getattr(fault, "starting", False),
    )


def _open(target: str, settings: Settings | None, **options: Any) -> psycopg.Connection:
    try:
        connection = psycopg.connect(target, connect_timeout=10, **options)
    except psycopg.OperationalError as fault:
        said = f"no connection to {_named(target)}: {faults.cause_and_remedy(fault, settings)}"
        raise waiting.away(fault, said) from None
    if settings is not None and settings.results is not None:
        _check_results(connection, settings.results)
    return connection


def _check_results(connection: psycopg.Connection, asked: str) -> None:
    try:
        connection.execute("SELECT ops.results()")
    except psycopg.errors.NoDataFound:
        connection.close()
        raise CoaggError(
            f"results {asked} are not kept: coagg results list shows those that are"
        ) from None
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
        pass  # an older schema has no sets of results
    except psycopg.errors.InsufficientPrivilege:
        pass  # an analyst: the views say it when they are read
    connection.rollback()


def administer(settings: Settings | None = None, **options: Any) -> psycopg.Connection:
    """A connection with all rights there are: the private server's superuser, else `connect`.

    For roles, extensions and the server's own settings; all other work is done by `connect`.
    """
    settings = settings or read_settings()
    if settings.database_url is not None:
        return connect(settings, **options)
    name = settings.database_name or MAIN_DATABASE
    return _patiently(
        lambda: server.start(settings).conninfo(name, server.ADMINISTRATOR), settings, options
    )


def engine(settings: Settings | None = None) -> sqlalchemy.Engine:
    """A SQLAlchemy engine over `connect`, for GeoPandas and typed reads."""
    import sqlalchemy  # late: few commands need it, and it costs every start

    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: connect(settings), poolclass=sqlalchemy.NullPool
    )


def exists(settings: Settings) -> bool:
    """True when the configured data base exists on its server."""
    with maintenance(settings) as connection:
        row = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (database_name(settings),)
        ).fetchone()
    return row is not None


def create(settings: Settings) -> None:
    """Create the configured data base if it is missing."""
    name = database_name(settings)
    if exists(settings):
        return
    with maintenance(settings) as connection:
        try:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name)
                )
            )
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was faster
        except psycopg.errors.InsufficientPrivilege:
            raise CoaggError(
                f"data base {name!r} does not exist and this role may not create it: "
                f"ask its administrator for CREATE DATABASE {name}, or for the right CREATEDB"
            ) from None
    ready(settings)


def drop(settings: Settings) -> None:
    """Drop the configured data base and everything in it."""
    with maintenance(settings) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                sql.Identifier(database_name(settings))
            )
        )


def run_file(
    connection: psycopg.Connection, path: Path, values: Mapping[str, object] | None = None
) -> int:
    """Run a SQL file of one or more statements in the connection's transaction.

    `values` become transaction-local settings `coagg.<name>`, which the file reads through
    `ops.setting(name)`. Returns the row count of the last statement. Raises CoaggError naming the
    file when it is missing.
    """
    return _run_file(connection, path, values).rowcount


def query_file(
    connection: psycopg.Connection, path: Path, values: Mapping[str, object] | None = None
) -> list[tuple[Any, ...]]:
    """Run a SQL file like `run_file`; returns the rows of its last statement."""
    return _run_file(connection, path, values).fetchall()


def _run_file(
    connection: psycopg.Connection, path: Path, values: Mapping[str, object] | None
) -> psycopg.Cursor[Any]:
    if not path.exists():
        raise CoaggError(f"{path} is missing: the installation is incomplete")
    for name, value in (values or {}).items():
        connection.execute(
            "SELECT set_config(%s, %s, true)",
            (f"coagg.{name}", "" if value is None else str(value)),
        )
    # the file is ours and takes no parameters: psycopg sends it whole, as psql would
    cursor = connection.execute(path.read_bytes())
    while cursor.nextset():
        pass
    return cursor


def snapshot(settings: Settings | None = None) -> psycopg.Connection:
    """A read-only connection whose statements all see one state of the data base."""
    connection = connect(settings)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


@contextmanager
def maintenance(settings: Settings) -> Iterator[psycopg.Connection]:
    """An autocommit connection to a data base that is always there."""
    connection = waiting.patiently(
        lambda: _maintain(settings), lambda fault: getattr(fault, "starting", False)
    )
    with connection:
        yield connection


def _maintain(settings: Settings) -> psycopg.Connection:
    target = psycopg.conninfo.conninfo_to_dict(conninfo(settings))
    fault: psycopg.Error | None = None
    for name in ("postgres", "template1", target.get("dbname")):
        try:
            return psycopg.connect(
                psycopg.conninfo.make_conninfo("", **{**target, "dbname": name}),
                autocommit=True,
                connect_timeout=10,
            )
        except psycopg.OperationalError as this:
            fault = this
    assert fault is not None
    said = f"no connection to the server: {faults.cause_and_remedy(fault, settings)}"
    raise waiting.away(fault, said) from None


def ready(settings: Settings) -> None:
    """Add PostGIS, and on the private server take from everybody what only readers would misuse."""
    with administer(settings, autocommit=True) as connection:
        row = connection.execute(
            "SELECT installed_version FROM pg_available_extensions WHERE name = 'postgis'"
        ).fetchone()
        if row is None:
            raise CoaggError(f"the server has no PostGIS to install; {server.WAYS}")
        if settings.database_url is None:
            adoption.harden(connection)
        if row[0] is not None:
            return
        try:
            if settings.database_url is None:
                adoption.add_postgis(connection, server.OWNER)
            else:
                connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        except psycopg.errors.InsufficientPrivilege:
            raise CoaggError(
                "PostGIS is not yet in this data base and this role may not add it: "
                "let its administrator run CREATE EXTENSION postgis there"
            ) from None


def _named(target: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(target)
    return f"{parts.get('dbname')} at {parts.get('host', 'localhost')}"


def _parts(url: str) -> dict[str, Any]:
    """Parts of COAGG_DATABASE_URL. Raises CoaggError, which never shows any of it."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as fault:
        # libpq quotes what it cannot read, which may be the password
        reason = " ".join(str(fault).split('"')[0].split()) or "its form is wrong"
        raise CoaggError(
            f"COAGG_DATABASE_URL cannot be read ({reason} ...): write "
            "postgresql://USER:PASSWORD@HOST:PORT/NAME, signs like @ / % in it as %40 %2F %25"
        ) from None
    if "@" in str(parts.get("host") or ""):
        raise CoaggError(
            "COAGG_DATABASE_URL has more than one @: write that of the password as %40"
        )
    return parts
