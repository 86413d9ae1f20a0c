"""A server that goes away for a moment: which faults say so, and how long it is waited for.

The one policy of trying again. What a person must mend (a password, a missing data base, a full
disk) is never tried again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

from coagg.errors import CoaggError

WAIT_SECONDS = 120.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0  # seconds; each pause is twice the one before
# SQLSTATE: ended by an administrator, by a crash, not yet ready; connection lost
_STATES = ("57P01", "57P02", "57P03", "08")
# libpq gives no SQLSTATE where a connection is not had or lost, only words
_STARTING = ("starting up", "shutting down", "in recovery mode", "not yet accepting connections")
_AWAY = (
    *_STARTING,
    "Connection refused",
    "No such file or directory",  # the socket of a server that is down
    "server closed the connection",
    "terminating connection",
    "connection is closed",
    "connection is lost",
    "connection has been closed",
    "could not receive data",
    "could not send data",
    "Connection reset",
    "Broken pipe",
    "timeout expired",
)

Result = TypeVar("Result")


class ServerAway(CoaggError):
    """The server cannot be had now, but may be soon: it starts, stops, or does not answer."""

    def __init__(self, message: str, starting: bool = False) -> None:
        super().__init__(message)
        self.starting = starting


def is_temporary(fault: BaseException) -> bool:
    """True when the same call may do well once the server is back.

    Examples
    --------
    >>> is_temporary(psycopg.errors.AdminShutdown("terminating connection"))
    True
    >>> is_temporary(psycopg.OperationalError("password authentication failed"))
    False
    """
    if isinstance(fault, ServerAway):
        return True
    fault = getattr(fault, "orig", None) or fault  # SQLAlchemy's hold the driver's
    if not isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    if fault.sqlstate:
        return fault.sqlstate.startswith(_STATES)
    return any(words in str(fault) for words in _AWAY)


def is_starting(fault: BaseException) -> bool:
    """True when the server itself says that it will be ready soon."""
    return any(words in str(fault) for words in _STARTING)


def away(fault: BaseException, said: str) -> CoaggError:
    """The error of a connection that could not be had; `ServerAway` where it may be had soon."""
    return ServerAway(said, is_starting(fault)) if is_temporary(fault) else CoaggError(said)


def patiently(
    attempt: Callable[[], Result],
    again: Callable[[BaseException], bool] = is_temporary,
    seconds: float = WAIT_SECONDS,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Call `attempt` until it does well, for at most so many seconds.

    Parameters
    ----------
    attempt
        What is tried.
    again
        Which faults are worth another try; any other is raised at once.
    seconds
        How long to go on; the last fault is raised then.
    say
        Takes one line when the waiting begins. Default: to standard error.
    """
    deadline = time.monotonic() + seconds
    pause, told = FIRST_PAUSE, False
    while True:
        try:
            return attempt()
        except Exception as fault:
            if not again(fault) or time.monotonic() + pause > deadline:
                raise
            if not told:
                line = f"waiting up to {seconds:.0f} s: {' '.join(str(fault).split())}"
                (say or to_stderr)(line)
                told = True
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def to_stderr(line: str) -> None:
    """Say it where a night's log is kept."""
    print(f"note: {line}", file=sys.stderr, flush=True)
