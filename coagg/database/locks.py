"""Locks by which the program's own work does not meet itself.

They are rows and tables that only those who may write can lock. Advisory locks are open to every
role: a reader who holds a key, by chance or to annoy, would stop a rebuild.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import psycopg

from coagg.errors import CoaggError

UNIT_LOCKS = 256  # rows 'unit 0' to 'unit 255' of ops.lock
RETRIES = 10


def take(connection: psycopg.Connection, name: str) -> bool:
    """Lock the row `name` of ops.lock until the transaction ends; False when another holds it.

    Raises CoaggError for a name that has no row.
    """
    row = connection.execute(
        "SELECT name FROM ops.lock WHERE name = %s FOR UPDATE SKIP LOCKED", (name,)
    ).fetchone()
    if row is None and not _known(connection, name):
        raise CoaggError(f"no lock {name!r} in ops.lock: coagg db upgrade makes it")
    return row is not None


def wait_for_unit(connection: psycopg.Connection, key: Sequence[object]) -> None:
    """Hold a unit of work until the transaction ends, waiting for whoever holds it.

    Units share 256 rows: two units of one row wait for each other without need, for the moment of
    a write. A transaction holds one unit at most, so they cannot wait in a circle.
    """
    told = "/".join(map(str, key)).encode()
    number = int.from_bytes(hashlib.sha256(told).digest()[:4]) % UNIT_LOCKS
    connection.execute("SELECT FROM ops.lock WHERE name = %s FOR UPDATE", (f"unit {number}",))


def take_rebuild(connection: psycopg.Connection) -> bool:
    """Hold rebuilds until the transaction ends; False when another rebuild is at work.

    A table lock, which unlike a row lock takes no transaction number: hours of it keep no VACUUM
    from its work. Its mode lets the rows of the table be locked by others.
    """
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    if connection.execute("SELECT to_regclass('ops.lock')").fetchone() == (None,):
        return True  # an older schema, which this program only looks at: nobody can be at work
    try:
        connection.execute("LOCK TABLE ops.lock IN SHARE UPDATE EXCLUSIVE MODE NOWAIT")
    except psycopg.errors.LockNotAvailable:
        connection.rollback()
        return False
    return True


def wait_for_upgrade(connection: psycopg.Connection) -> None:
    """Hold upgrades of the data base until the transaction ends, waiting for another one.

    The table it locks is the first thing that is made in a data base.
    """
    for attempt in range(RETRIES):
        try:
            row = connection.execute("SELECT to_regclass('ops.upgrade_lock')").fetchone()
            if row is None or row[0] is None:
                connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
                connection.execute("CREATE TABLE IF NOT EXISTS ops.upgrade_lock ()")
                connection.commit()
            break
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
            connection.rollback()  # another process makes it at this moment
            if attempt + 1 == RETRIES:
                raise
            time.sleep(0.1)
    connection.commit()
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    connection.execute("LOCK TABLE ops.upgrade_lock IN EXCLUSIVE MODE")


def _known(connection: psycopg.Connection, name: str) -> bool:
    row = connection.execute("SELECT FROM ops.lock WHERE name = %s", (name,)).fetchone()
    return row is not None
