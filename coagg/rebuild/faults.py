"""What went wrong in a step, in one line, and where, when it is a fault of the program."""

from __future__ import annotations

import traceback
from pathlib import Path

import psycopg

from coagg import database
from coagg.database import waiting
from coagg.errors import CoaggError
from coagg.settings import Settings


def in_one_line(fault: BaseException, settings: Settings | None = None) -> str:
    """The fault and what to do about it.

    Examples
    --------
    >>> print(in_one_line(psycopg.errors.DiskFull("could not extend file")).split(":")[2])
     make room on its server and call again; nothing half-written was kept
    """
    fault = getattr(fault, "orig", None) or fault  # SQLAlchemy's hold the driver's
    said = " ".join(str(fault).split())
    if isinstance(fault, CoaggError):
        return said
    if told := database.explained(fault, settings):
        gone = waiting.is_temporary(fault)
        return told.replace("the data base:", "the data base went away:", 1) if gone else told
    if waiting.is_temporary(fault):
        return f"the data base went away: {said}"
    if isinstance(fault, psycopg.Error) and not _is_ours(fault):
        return f"the data base: {said}"
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"a fault of the program{where}, please report it: {type(fault).__name__}: {said}"


def traceback_of(fault: BaseException) -> str | None:
    """The traceback of a fault of the program; None for faults that a person can mend."""
    fault = getattr(fault, "orig", None) or fault
    if isinstance(fault, CoaggError | OSError | MemoryError) or not _is_ours(fault):
        return None
    return "".join(traceback.format_exception(fault))


def _is_ours(fault: BaseException) -> bool:
    """A wrong statement is the program's fault; what the server meets with is not."""
    return not isinstance(fault, psycopg.Error) or isinstance(
        fault, psycopg.ProgrammingError | psycopg.InternalError | psycopg.NotSupportedError
    )
