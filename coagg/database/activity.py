"""Who is connected, what they run, who waits for whom; and how to end it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from coagg.database import adoption
from coagg.database.connection import administer
from coagg.errors import CoaggError
from coagg.settings import Settings

SESSIONS = """
SELECT
    a.pid,
    a.usename,
    coalesce(a.application_name, ''),
    coalesce(a.state, ''),
    extract(epoch FROM now() - coalesce(
        CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END, a.backend_start
    ))::float8,
    extract(epoch FROM now() - a.xact_start)::float8,
    a.query_start,
    pg_blocking_pids(a.pid),
    coalesce(a.query, ''),
    coalesce(CASE
        WHEN a.state = 'active'
            THEN extract(epoch FROM now() - a.query_start) > x.statement_seconds
        WHEN a.state LIKE 'idle in transaction%'
            THEN extract(epoch FROM now() - a.state_change) > x.idle_seconds
    END, FALSE)
FROM pg_stat_activity AS a
LEFT JOIN ops.access AS x ON x.role_name = a.usename AND x.revoked_at IS NULL
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND a.backend_type = 'client backend'
ORDER BY a.backend_start, a.pid
"""


@dataclass(frozen=True)
class Session:
    """A connection: seconds in its state, seconds its transaction is open (None: none is).

    `waits_for` are pids whose locks it waits for; `over_limit`: an analyst's, and longer than was
    granted, whatever the analyst has set for himself.
    """

    pid: int
    user: str
    program: str
    state: str
    state_seconds: float
    transaction_seconds: float | None
    query_start: datetime | None
    waits_for: list[int]
    query: str
    over_limit: bool


def sessions(settings: Settings) -> list[Session]:
    """All connections to the data base but this one, the oldest first."""
    with adoption.explained(), administer(settings) as connection:
        rows = connection.execute(SESSIONS).fetchall()
    return [Session(*row) for row in rows]


def end(settings: Settings, pid: int) -> Session:
    """End a connection to the data base; what it had not committed is undone.

    Raises CoaggError when there is none of that number, or this role may not end it.
    """
    for session in sessions(settings):
        if session.pid == pid:
            _terminate(settings, [pid])
            return session
    raise CoaggError(f"no connection {pid} to this data base (coagg db who lists them)")


def end_over_limit(settings: Settings) -> list[Session]:
    """End analysts' connections that run, or sit in a transaction, for longer than was granted.

    This is the guard that analysts cannot switch off: it asks the ledger of accesses, not the
    settings of their sessions. Call it from a timer.
    """
    found = [session for session in sessions(settings) if session.over_limit]
    _terminate(settings, [session.pid for session in found])
    return found


def _terminate(settings: Settings, pids: list[int]) -> None:
    with administer(settings) as connection:
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM unnest(%s::integer[]) AS pid", (pids,)
            )
        except psycopg.errors.InsufficientPrivilege:
            raise CoaggError(
                "this role may not end the connection of another: GRANT pg_signal_backend to it"
            ) from None
