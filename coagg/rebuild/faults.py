"""What went wrong in a step, in one line, and where, when it is a fault of the program."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

import psycopg

from coagg.database import waiting
from coagg.errors import CoaggError


def in_one_line(fault: BaseException) -> str:
    """The fault and what to do about it.

    Examples
    --------
    >>> print(in_one_line(psycopg.errors.DiskFull("could not extend file")))
    could not extend file: make room on the data base's disk and call again
    """
    fault = getattr(fault, "orig", None) or fault  # SQLAlchemy's hold the driver's
    said = " ".join(str(fault).split())
    if isinstance(fault, CoaggError):
        return said
    if waiting.is_temporary(fault):
        return f"the data base went away: {said}"
    if isinstance(fault, psycopg.errors.DiskFull):
        return f"{said}: make room on the data base's disk and call again"
    if isinstance(fault, psycopg.Error) and not _is_ours(fault):
        return f"the data base: {said}"
    if isinstance(fault, MemoryError):
        return "out of memory: close other programs, or use fewer workers"
    if isinstance(fault, OSError):
        remedy = "; make room and call again" if fault.errno == errno.ENOSPC else ""
        return f"{fault.strerror or said}: {fault.filename or 'the data folder'}{remedy}"
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
