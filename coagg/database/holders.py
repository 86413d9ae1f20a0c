"""Tables wanted for oneself for a moment, and who keeps them from being had.

A statement that waits for a table lets every new reader wait behind it. So it waits for half a
second at a time, and between two tries the readers go first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import psycopg

from coagg.errors import CoaggError

TRIES = 60
TIMEOUT_MS = 500
PAUSE_SECONDS = 0.05

# Relations are named by schema.table or, all of it, by schema; partitions belong to their table.
HOLDERS = """
WITH named AS (
    SELECT c.oid
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY(%(names)s) OR n.nspname || '.' || c.relname = ANY(%(names)s)
),
wanted AS (
    SELECT oid FROM named
    UNION SELECT tree.relid FROM named CROSS JOIN LATERAL pg_partition_tree(named.oid) AS tree
)
SELECT DISTINCT a.pid, a.usename, coalesce(a.application_name, ''), coalesce(a.state, ''),
       a.xact_start, left(coalesce(a.query, ''), 200)
  FROM pg_locks l
  JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.granted AND l.locktype = 'relation' AND l.pid <> pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.relation IN (SELECT oid FROM wanted)
 ORDER BY a.xact_start, a.pid
"""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Holder:
    """A session with an open transaction that has read or written a table."""

    pid: int
    user: str | None
    application: str
    state: str
    since: datetime | None
    query: str

    def __str__(self) -> str:
        """Who it is, in a few words."""
        name = f" ({self.application})" if self.application else ""
        since = f" since {self.since:%H:%M:%S %Z}" if self.since else ""
        state = f", {self.state}" if self.state else ""
        return f"process {self.pid} of {self.user}{name}{state}{since}"


class Held(CoaggError):
    """Others held a table all the time."""


def holders(connection: psycopg.Connection, relations: Sequence[str]) -> list[Holder]:
    """Sessions that hold the relations, the longest first.

    Parameters
    ----------
    connection
        To the data base asked. A role sees no more of others' sessions than it may.
    relations
        `schema.table`, or `schema` for all in it.
    """
    return [Holder(*row) for row in connection.execute(HOLDERS, {"names": list(relations)})]


def alone(
    connection: psycopg.Connection,
    action: Callable[[], Result],
    relations: Sequence[str],
    what: str,
    *,
    tries: int = TRIES,
    timeout_ms: int = TIMEOUT_MS,
) -> Result:
    """Do what needs the relations for itself, in the caller's transaction.

    Parameters
    ----------
    connection, action
        `action` runs statements on `connection`; a try that does not get its locks is undone.
    relations
        As in `holders`.
    what
        What was not done then, for the message: "the year was not replaced".
    tries, timeout_ms
        How often, and how long each try waits.

    Raises
    ------
    Held
        Others held the relations all the time; it names them and the remedy.
    """
    for left in reversed(range(tries)):
        try:
            with connection.transaction():
                connection.execute(
                    "SELECT set_config('lock_timeout', %s, true)", (f"{timeout_ms}ms",)
                )
                done = action()
                connection.execute("SELECT set_config('lock_timeout', '0', true)")
                return done
        except psycopg.errors.LockNotAvailable:
            if not left:
                held = holders(connection, relations)
                raise Held(held_by(held, what, tries * timeout_ms / 1000)) from None
        time.sleep(PAUSE_SECONDS)
    raise AssertionError("no try was made")


def held_by(found: Sequence[Holder], what: str, seconds: float) -> str:
    """The message about tables in use: by whom, and what to do.

    >>> held_by([], "the year was not replaced", 30)
    'the year was not replaced: tables were in use for 30 s by others; call again'
    """
    if not found:
        return f"{what}: tables were in use for {seconds:.0f} s by others; call again"
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    pids = ", ".join(f"pg_terminate_backend({one.pid})" for one in found)
    return (
        f"{what}: tables were in use for {seconds:.0f} s by {found[0]}{more}: let its owner end "
        f"the transaction, or end it (coagg db psql -c 'SELECT {pids}'), and call again"
    )
