"""The schema brought up to date: migrations, then definitions, with no reader waited for long."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from coagg.database import adoption, holders, locks
from coagg.database.connection import (
    administer,
    connect,
    create,
    engine,
    ready,
    run_file,
    snapshot,
)
from coagg.errors import CoaggError
from coagg.settings import SQL, Settings, read_settings

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS_CODE = Path(__file__).with_name("revisions")
SCHEMAS = ("ops", "reference", "clean", "coagglomeration", "panel", "estimates", "publish")
NOT_UPGRADED = "the data base was not upgraded"


def upgrade(settings: Settings | None = None) -> list[str]:
    """Bring the data base to the newest schema; returns what was done (empty: nothing to do)."""

    settings = settings or read_settings()
    create(settings)
    done: list[str] = []
    with connect(settings, autocommit=True) as asking:
        if not _pending(asking):
            return done
        with connect(settings) as guard:
            locks.wait_for_upgrade(guard)
            before = _revision(asking)  # who waited sees what the other did
            ready(settings)
            _migrate(settings, _configuration())
            after = _revision(asking)
            if after != before:
                done.append(f"schema {before or 'empty'} -> {after}")
            done += _groups(settings)
            with connect(settings) as connection_:
                done += apply_definitions(connection_)
    return done


def pending(settings: Settings) -> list[str]:
    """What `upgrade` would do with a data base that is there, in words; nothing is written."""
    with snapshot(settings) as connection:
        return _pending(connection)


def _pending(connection: psycopg.Connection) -> list[str]:
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_configuration()).get_current_head()
    before = _revision(connection)
    if before != head:
        return [f"schema {before or 'empty'} would be upgraded to {head} first"]
    if _definitions_changed(connection):
        return ["definitions would be applied first"]
    missing = connection.execute(
        "SELECT to_regrole('coagg_analyst') IS NULL AND (rolsuper OR rolcreaterole) "
        "FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    return ["roles for analysts would be made first"] if missing == (True,) else []


def _configuration() -> Config:
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS_CODE))
    return configuration


def _migrate(settings: Settings, configuration: Config) -> None:
    """Run the migrations, all of them or none, in tries that never wait long for a reader."""
    import sqlalchemy
    from alembic import command

    for left in reversed(range(holders.TRIES)):
        try:
            with engine(settings).connect() as connection:
                connection.exec_driver_sql(f"SET lock_timeout = {holders.TIMEOUT_MS}")
                connection.commit()
                configuration.attributes["connection"] = connection
                command.upgrade(configuration, "head")
                return
        except (sqlalchemy.exc.OperationalError, psycopg.errors.LockNotAvailable) as fault:
            cause = getattr(fault, "orig", fault)
            if not isinstance(cause, psycopg.errors.LockNotAvailable):
                raise
            if not left:
                with connect(settings) as asking:
                    found = holders.holders(asking, SCHEMAS)
                seconds = holders.TRIES * holders.TIMEOUT_MS / 1000
                raise CoaggError(holders.held_by(found, NOT_UPGRADED, seconds)) from None


def apply_definitions(connection: psycopg.Connection) -> list[str]:
    """Re-apply all of sql/definitions, in one transaction, when any file of it changed."""
    if not _definitions_changed(connection):
        return []
    files, digest = _definitions(connection)

    def apply() -> None:
        for file in files:
            run_file(connection, file)

    holders.alone(connection, apply, SCHEMAS, NOT_UPGRADED, tries=holders.TRIES)
    connection.execute("DELETE FROM ops.definitions")
    connection.execute("INSERT INTO ops.definitions (sha256) VALUES (%s)", (digest,))
    connection.commit()
    return [f"{len(files)} definition files applied"]


def _definitions(connection: psycopg.Connection) -> tuple[list[Path], str]:
    """The definition files, in order, and a hash; comments are content there.

    The hash is over the files, and over what they ask of the server: are there roles to grant to.
    """
    row = connection.execute("SELECT to_regrole('coagg_analyst') IS NULL").fetchone()
    files = sorted((SQL / "definitions").glob("*.sql"))
    parts = [file.name.encode() + file.read_bytes() for file in files]
    return files, hashlib.sha256(b"".join([*parts, str(row).encode()])).hexdigest()


def _definitions_changed(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT sha256 FROM ops.definitions").fetchone()
    # a dump may have come without its grants
    granted = connection.execute(
        "SELECT has_schema_privilege(to_regrole('coagg_analyst'), to_regnamespace('publish'), "
        "'USAGE')"
    ).fetchone()
    return row is None or row[0] != _definitions(connection)[1] or granted == (False,)


def _groups(settings: Settings) -> list[str]:
    """Make the group roles, or say in a line that this role may not."""
    with administer(settings, autocommit=True) as connection:
        if adoption.make_groups(connection):
            return []
    return [
        "no roles for analysts: this role may not make them; with the attribute CREATEROLE, "
        "coagg db upgrade does"
    ]


def _revision(connection: psycopg.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM ops.alembic_version").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None
    return row[0] if row else None
