"""Faults of the data base and of the machine in one line, with the remedy that fits the cause.

The only place that knows what a person does about a full disk, a lost server, a lock, a right.
"""

from __future__ import annotations

import psycopg

from coagg.database import server, server_log
from coagg.errors import remedy
from coagg.settings import Settings

AGAIN = "nothing half-written was kept: call again"
# SQLSTATE of PostgreSQL, whole or its class, and what to do; the longest that fits counts
_REMEDIES = {
    "53100": "the data base's disk is full: make room on {place} and call again; nothing "
    "half-written was kept",
    "53200": "the server has too little memory: close other sessions or lower work_mem, and call "
    "again",
    "53300": "too many sessions are open: close some, or raise max_connections",
    "53400": "a limit of the server is reached (temp_file_limit): ask its administrator",
    "57014": "the statement was ended, by somebody or by statement_timeout; " + AGAIN,
    "55P03": "another session holds the table: wait for it or end it; " + AGAIN,
    "55006": "others use it: let them end, and call again",
    "40": "two sessions came in each other's way; " + AGAIN,
    "57P03": "the server is starting or stopping: wait a moment and call again",
    "25006": "this server or session is for reading only: name another in COAGG_DATABASE_URL",
    "42501": "this role has not the right: ask the owner of the data base for it",
    "28": "check user and password in COAGG_DATABASE_URL, and the server's pg_hba.conf",
    "58": "the server's files or disk fail: see its log, and restore from a backup if need be",
    "P0002": "coagg results list shows those that are",
    "XX001": "its files are damaged: restore from a backup, or load the years again",
    "XX002": "an index is damaged: REINDEX it",
}
# what libpq says where a connection cannot be had; it gives no SQLSTATE then
_WORDS = {
    "No space left on device": "53100",
    "starting up": "57P03",
    "shutting down": "57P03",
    "in recovery mode": "57P03",
    "not yet accepting connections": "57P03",
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "password authentication failed": "28",
    "no pg_hba.conf entry": "28",
    "Peer authentication failed": "28",
    "no password supplied": "28",
}
_OPERATIONAL = ("08", "53", "57", "58", "40", "55", "28")


def explained(fault: BaseException, settings: Settings | None = None) -> str | None:
    """A fault of the data base, the disk or the memory as one line with its remedy.

    None for anything else: a fault of the program, which should show its traceback.
    """
    fault = getattr(fault, "orig", None) or fault  # SQLAlchemy's hold the driver's
    if isinstance(fault, MemoryError):
        return "out of memory: close other programs, or work on fewer rows or workers"
    if isinstance(fault, OSError):
        place = fault.filename or "the data folder"
        return f"{fault.strerror or fault}: {place}; {remedy(fault)}"
    state = _state(fault)
    driver = type(fault).__module__.split(".")[0]
    if driver not in ("psycopg", "adbc_driver_manager"):
        return None
    if state is None and not type(fault).__name__.endswith("OperationalError"):
        return None
    if state and not (state.startswith(_OPERATIONAL) or state in _REMEDIES):
        return None
    return f"the data base: {cause_and_remedy(fault, settings)}"


def cause_and_remedy(fault: BaseException, settings: Settings | None = None) -> str:
    """What the server or libpq says, and what to do about it."""
    said = " ".join(str(fault).split())
    own = server.private_server(settings) if settings and not settings.database_url else None
    place = str(own.home) if own else "its server"
    state = _state(fault)
    for length in (5, 2):
        if state and state[:length] in _REMEDIES:
            return f"{said}; {_REMEDIES[state[:length]].format(place=place)}"
    if 'database "' in said and "does not exist" in said:
        return f"{said}; coagg db upgrade makes it"
    if own is None:
        return f"{said}; is the server of COAGG_DATABASE_URL running? {AGAIN}"
    if (free := server_log.little_room(own.home)) is not None:
        return f"{said}; the disk of {own.home} is full ({free} bytes free): make room on it, " + (
            AGAIN
        )
    if why := server_log.recent(own.owner, own.cluster):
        return f"{said}; its log says: {why}; {AGAIN}"
    return f"{said}; is it running? (coagg db status; coagg db start) {AGAIN}"


def _state(fault: BaseException) -> str | None:
    state = getattr(fault, "sqlstate", None)
    if isinstance(state, str) and len(state) == 5 and state != "00000":
        return state
    if isinstance(fault, psycopg.OperationalError) or type(fault).__name__.endswith("Error"):
        return next((state for words, state in _WORDS.items() if words in str(fault)), None)
    return None
