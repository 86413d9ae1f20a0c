"""Room on disk: of the server where it can be seen from here, of the data base, of a step."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg

from coagg.database import server
from coagg.errors import CoaggError
from coagg.settings import Settings


def free_bytes(settings: Settings, connection: psycopg.Connection) -> int | None:
    """Bytes free on the disk of the server's data folder; None when it is not on this machine.

    A server reached over an address may be another machine or a container, even on localhost, so
    only one that is reached by its socket is looked at.
    """
    folder: Path | None = None
    if settings.database_url is None:
        folder = server.private_server(settings).cluster
    elif connection.info.host.startswith("/"):
        # a role without the right to see it gets no row, and no error
        row = connection.execute(
            "SELECT setting FROM pg_settings WHERE name = 'data_directory'"
        ).fetchone()
        folder = Path(row[0]) if row else None
    try:
        return None if folder is None else shutil.disk_usage(folder).free
    except OSError:
        return None


def database_bytes(connection: psycopg.Connection) -> int:
    """Bytes of the data base on disk."""
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def require_room(settings: Settings, connection: psycopg.Connection, wanted: int) -> None:
    """Raise CoaggError with both figures when less is free than will be needed."""
    free = free_bytes(settings, connection)
    if free is not None and free < wanted:
        raise CoaggError(
            f"about {readable(wanted)} are needed on the data base's disk and {readable(free)} are "
            "free: make room on it and call again; nothing was changed"
        )


def readable(count: float) -> str:
    """Bytes for people.

    >>> readable(1_530_000_000)
    '1.5 GB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
