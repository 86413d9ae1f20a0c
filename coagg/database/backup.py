"""Keep a data base in a file, and bring it back, proved equal by a hash of every table.

The file is pg_dump's custom format. Beside it stands `FILE.json`, the manifest: revision, counts
and hashes of the tables, and the file's own sha256. Hashes and dump are of one moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from coagg import database, writing
from coagg.database import server
from coagg.database.connection import maintenance, ready
from coagg.database.schema import SCHEMAS
from coagg.errors import CoaggError
from coagg.settings import Settings
from coagg.version import VERSION

ASIDE = "_restoring"  # a data base is made under this ending and named when it is proved whole

TABLES = """
SELECT n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1, 2
"""
# a sum, so no order is needed; md5 and not hashtext, which may differ between versions
HASH = """
SELECT count(*),
       coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text
  FROM {} AS t
"""
# a row's text must not hang on the session's settings
PLAIN = (
    "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres';"
    "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; "
    "SET LOCAL statement_timeout = 0"
)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `tables`: `schema.table` to rows and hash."""

    revision: str
    code_version: str
    postgresql: str
    made_at: str
    database: str
    dump_sha256: str
    dump_bytes: int
    tables: dict[str, list[Any]]


def hashes(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """Rows and a hash of all that they hold, for every table of the layers.

    For example `hashes(connection)["clean.firm"]` is `[7824, "-18244671093812"]`.
    """
    connection.execute(PLAIN)
    made: dict[str, list[Any]] = {}
    for schema, name in connection.execute(TABLES, (list(SCHEMAS),)).fetchall():
        row = connection.execute(sql.SQL(HASH).format(sql.Identifier(schema, name))).fetchone()
        assert row is not None
        made[f"{schema}.{name}"] = list(row)
    return made


def backup(settings: Settings, file: Path) -> Manifest:
    """Write the data base to a file and its manifest beside it; both are their owner's alone.

    Raises
    ------
    CoaggError
        The file exists, the folder cannot be written, or pg_dump is missing or fails.
    """
    beside = manifest_path(file)
    for path in (file, beside):
        if path.exists():
            raise CoaggError(f"{path} exists: a backup overwrites nothing, name another file")
    aside = file.with_name(file.name + ".part")
    try:
        with writing.open_private(aside):
            pass  # pg_dump writes into it and leaves its rights
    except OSError as fault:
        raise CoaggError(f"{aside}: {fault.strerror}; name a folder that can be written") from None
    try:
        with database.snapshot(settings) as connection:
            row = connection.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None
            revision = connection.execute("SELECT version_num FROM ops.alembic_version").fetchone()
            tool = _tool("pg_dump", settings, connection)
            _run(settings, tool, "--format=custom", f"--snapshot={row[0]}", f"--file={aside}")
            with aside.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            made = Manifest(
                revision=revision[0] if revision else "",
                code_version=VERSION,
                postgresql=connection.info.parameter_status("server_version") or "",
                made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                database=database.database_name(settings),
                dump_sha256=sha256,
                dump_bytes=aside.stat().st_size,
                tables=hashes(connection),
            )
        half = beside.with_name(beside.name + ".part")
        with writing.open_private(half, encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(made), indent=1) + "\n")
        half.rename(beside)
        aside.rename(file)  # last: a file with its own name is whole
    finally:
        aside.unlink(missing_ok=True)
    return made


def restore(settings: Settings, file: Path, tell: Tell = lambda line: None) -> Manifest:
    """Bring a backup back as the configured data base, which must not exist yet.

    It is made under a name aside, compared table by table with the manifest, upgraded to this
    program's schema, and named at the end. Where anything differs it is dropped again.

    Parameters
    ----------
    settings
        Name the data base to be made.
    file
        As `backup` wrote it, its manifest beside it.
    tell
        Takes a line for each stage.

    Raises
    ------
    CoaggError
        The data base exists, file or manifest are missing or damaged, or a table differs.
    """
    name = database.database_name(settings)
    if database.exists(settings):
        raise CoaggError(
            f"data base {name} exists: nothing is overwritten, name another with --database"
        )
    told = _read_manifest(file)
    tell(f"{file} is whole: {told.database} of {told.made_at}, schema {told.revision}")
    half = settings.for_database(name + ASIDE)
    database.drop(half)  # of a restore that was killed
    database.create(half)
    try:
        _fill(half, file)
        with database.connect(half) as connection:
            different = _differences(told.tables, hashes(connection))
            if different:
                raise CoaggError(f"the restored data base is not that of the backup: {different}")
            tell(f"{len(told.tables)} tables restored, all counts and hashes equal")
            connection.execute("DELETE FROM ops.definitions")  # views and rights are made anew
            connection.commit()
        for line in database.upgrade(half):
            tell(line)
        with maintenance(settings) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(name + ASIDE), sql.Identifier(name)
                )
            )
    except BaseException:
        database.drop(half)
        raise
    return told


def manifest_path(file: Path) -> Path:
    """Where the manifest of a backup stands.

    >>> manifest_path(Path("night.dump")).name
    'night.dump.json'
    """
    return file.with_name(file.name + ".json")


def _read_manifest(file: Path) -> Manifest:
    beside = manifest_path(file)
    for path in (file, beside):
        if not path.is_file():
            raise CoaggError(f"{path}: no such file; a backup is FILE and FILE.json, keep both")
    try:
        told = Manifest(**json.loads(beside.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise CoaggError(f"{beside} is no manifest of a backup") from None
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != told.dump_sha256:
        raise CoaggError(
            f"{file} is not the file that was written: {file.stat().st_size:,} bytes, "
            f"{told.dump_bytes:,} in its manifest; take another copy of the backup"
        )
    return told


def _fill(settings: Settings, file: Path) -> None:
    """pg_restore into the data base, all or nothing, PostGIS itself made by its own script."""
    ready(settings)
    with database.connect(settings, autocommit=True) as connection:
        tool = _tool("pg_restore", settings, connection)
        # PostGIS brings this table with its rows; who is no superuser may not write into it
        row = connection.execute(
            "SELECT has_table_privilege('spatial_ref_sys', 'INSERT')"
        ).fetchone()
    left_out = r" EXTENSION " if row == (True,) else r" EXTENSION | TABLE DATA \S+ spatial_ref_sys "
    listing = _call([tool, "--list", str(file)], {})
    kept = [line for line in listing.splitlines() if not re.search(left_out, line)]
    with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write("\n".join(kept) + "\n")
        chosen.flush()
        _run(
            settings, tool, "--single-transaction", "--exit-on-error", "--no-owner",
            "--no-privileges", f"--use-list={chosen.name}", str(file),
        )  # fmt: skip


def _differences(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> str:
    names = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    return ", ".join(
        f"{n} has {(after.get(n) or ['no'])[0]} rows, {(before.get(n) or ['no'])[0]} in the backup"
        for n in names
    )


def _tool(name: str, settings: Settings, connection: psycopg.Connection) -> str:
    """pg_dump or pg_restore that is no older than the server."""
    major = connection.info.server_version // 10_000
    places = [] if settings.database_url else [server.binaries()]
    places += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda p: int(p.parent.name) if p.parent.name.isdigit() else 0,
    )
    candidates = [place / name for place in places if (place / name).exists()]
    on_path = shutil.which(name)
    if on_path:
        candidates.append(Path(on_path))
    for one in candidates:
        found = re.search(r"(\d+)", _call([str(one), "--version"], {}).rpartition(") ")[2])
        if found and int(found[1]) >= major:
            return str(one)
    raise CoaggError(
        f"no {name} of PostgreSQL {major} or newer on this machine (Debian, Ubuntu: apt-get "
        f"install postgresql-client-{major})"
    )


def _run(settings: Settings, tool: str, *words: str) -> None:
    shown, secret = database.without_secrets(database.conninfo(settings))
    _call([tool, f"--dbname={shown}", *words], secret)


def _call(command: list[str], secret: dict[str, str]) -> str:
    done = subprocess.run(
        command, env={**os.environ, **secret}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True,
    )  # fmt: skip
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error:" in line]
        said = " ".join((lines or done.stderr.splitlines() or ["no word"])[0].split())
        full = "; the disk is full: make room" if "No space left" in done.stderr else ""
        raise CoaggError(f"{Path(command[0]).name}: {said}{full}")
    return done.stdout
