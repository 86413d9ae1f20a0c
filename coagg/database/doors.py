"""Open the private server to other users of the machine, and to programs on loopback; close it.

As made, the server is reached by its owner alone, over a socket in a folder nobody else may enter.
Who may come in, once a door is open, is settled by `coagg.database.roles.grant`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from coagg.database import adoption, server
from coagg.database.connection import administer
from coagg.errors import CoaggError
from coagg.settings import Settings

LEAVE_SECONDS = 3  # the server takes a moment to end a connection that was closed
LOCAL = f"local all all peer map={adoption.IDENTITY_MAP}"
# groups, not persons: neither the superuser nor coagg_owner itself (it has no password) comes in
LOOPBACK = [
    f"host all +coagg_analyst,+coagg_loader,+coagg_owner {address} scram-sha-256"
    for address in ("127.0.0.1/32", "::1/128")
]


def open_socket(settings: Settings, *, restart: bool = False) -> Path:
    """Let users of this machine, to whom a role was granted, reach the socket; returns its folder.

    The server proves who they are by asking the machine (peer). Raises CoaggError where they cannot
    pass to the data folder, or others are connected and `restart` is not given.
    """
    found = _private(settings)
    closed = [
        parent
        for parent in (*found.home.parents, *found.socket_dir.parents)
        if parent not in (found.home, found.socket_dir) and not parent.stat().st_mode & 0o001
    ]
    if closed:
        raise CoaggError(
            f"other users may not enter {closed[-1]}: move the data folder to a place where they "
            f"may pass (COAGG_DATA_DIR), or chmod o+x {closed[-1]}"
        )
    _change(settings, {"unix_socket_permissions": "0777"}, restart)
    return server.private_server(settings).socket_dir


def open_loopback(settings: Settings, port: int, *, restart: bool = False) -> None:
    """Listen on 127.0.0.1 at `port`, for roles with a password (QGIS asks for one).

    Raises CoaggError for a port that is taken or cannot be had, or when others are connected and
    `restart` is not given.
    """
    _private(settings)
    if not 1024 <= port <= 65535:
        raise CoaggError(f"port {port}: choose one from 1024 to 65535, 5433 say")
    listens = state(settings)
    if str(listens["port"]) != str(port) or not listens["loopback"]:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError as fault:
                raise CoaggError(
                    f"port {port} of 127.0.0.1 cannot be had: {fault.strerror}; choose another"
                ) from None
    wanted = {"listen_addresses": "127.0.0.1", "port": str(port)}
    _change(settings, wanted, restart)


def close(settings: Settings, *, restart: bool = False) -> None:
    """Close both doors: the server is its owner's alone again. Roles stay."""
    _private(settings)
    reset = dict.fromkeys(("unix_socket_permissions", "listen_addresses", "port"))
    _change(settings, reset, restart)


def state(settings: Settings) -> dict[str, Any]:
    """Which doors are open: `socket`, `loopback`, and the `port`."""
    with administer(settings.for_database("postgres")) as connection:
        return _state(connection)


def _state(connection: psycopg.Connection) -> dict[str, Any]:
    row = connection.execute(
        "SELECT current_setting('unix_socket_permissions') = '0777', "
        "current_setting('listen_addresses') <> '', current_setting('port')::integer"
    ).fetchone()
    assert row is not None
    return dict(zip(("socket", "loopback", "port"), row, strict=True))


def _private(settings: Settings) -> server.Server:
    if settings.database_url is not None:
        raise CoaggError(
            "COAGG_DATABASE_URL names the server in use: who reaches it is its administrator's "
            "business (pg_hba.conf)"
        )
    return server.start(settings)


def _others(connection: psycopg.Connection) -> int:
    """How many others are connected; those who leave at this moment are waited for."""
    deadline = time.monotonic() + LEAVE_SECONDS
    while True:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid()"
        ).fetchone()
        assert row is not None
        if not row[0] or time.monotonic() > deadline:
            return int(row[0])
        time.sleep(0.1)


def _change(settings: Settings, wanted: Mapping[str, str | None], restart: bool) -> None:
    with administer(settings.for_database("postgres"), autocommit=True) as connection:
        listens = wanted.get("listen_addresses", _state(connection)["loopback"])
        if not restart and (others := _others(connection)):
            raise CoaggError(
                f"the server must start again, and {others} others are connected (coagg db "
                "who): call again when they are done, or with --restart"
            )
        for setting, value in wanted.items():
            change = f"ALTER SYSTEM RESET {setting}"
            if value is not None:
                change = f"ALTER SYSTEM SET {setting} = '{value}'"
            connection.execute(change)
        doors = [LOCAL, *LOOPBACK] if listens else [LOCAL]
        adoption.write_configuration(connection, "hba_file", doors)
    server.stop(settings)
    server.start(settings)
