"""One rebuild of a data base at a time, also over a restart of its server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

import psycopg

from coagg import database
from coagg.database import locks, waiting
from coagg.errors import CoaggError
from coagg.settings import Settings


class Guard:
    """Holds the lock of rebuilds and withdrawals by a connection of its own, taken anew when lost.

    As a context manager. `connection` is another one, for short writes about the run. Raises
    CoaggError when another rebuild holds the lock.
    """

    def __init__(self, settings: Settings, note: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self._note = note

    def __enter__(self) -> Guard:
        self._open()
        if not self._take():
            self._close()
            raise CoaggError(
                "another rebuild or withdrawal of this data base is running: wait for it to end"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        with suppress(psycopg.Error):  # a closed connection keeps its lock until the server sees it
            self._holder.rollback()
        self._close()

    def renew(self) -> None:
        """Wait for a server that went away, and hold the lock again.

        Raises CoaggError when it does not come back in time, or another rebuild began meanwhile.
        """
        waiting.patiently(self._renew, say=self._note)

    def _renew(self) -> None:
        try:
            self._holder.execute("SELECT 1")
            self.connection.execute("SELECT 1")
            return  # another connection was lost, not these
        except psycopg.Error:
            self._close()
        self._open()
        if not self._take():
            raise CoaggError("another rebuild of this data base began while the server was away")

    def _open(self) -> None:
        self._holder = database.connect(self.settings)  # one transaction as long as the lock
        self.connection = database.connect(self.settings, autocommit=True)

    def _close(self) -> None:
        self._holder.close()
        self.connection.close()

    def _take(self) -> bool:
        return locks.take_rebuild(self._holder)
