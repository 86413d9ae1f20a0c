"""How the program writes files: who may read them, and what a spreadsheet makes of them.

Three kinds of file are written. What holds single firms (received files, caches, the export of
matches for review, maps) is private: `private_folder`, `open_private`, `aside`. Results that are
made to be passed on (tables, figures of indices) and made economies are ordinary files, as the
user's umask says. Files of the private server belong to its user (`coagg.database.owner`).

Every csv for people goes through `CsvWriter`, so that no cell of it is a formula.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

PASSABLE, PRIVATE_FOLDER, PRIVATE_FILE = 0o711, 0o700, 0o600
ABANDONED_SECONDS = 86_400
_PART = ".part"

# What spreadsheets take for the beginning of a formula, also behind blanks and in full width.
_FORMULA = re.compile(r"[\s'\ufeff\u200b]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MARK = "'"


def safe_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: text like one gets an apostrophe in front.

    Numbers, and text that is a number (-1.5), stay as they are. `received_cell` undoes it exactly.

    Examples
    --------
    >>> safe_cell('=HYPERLINK("http://x")'), safe_cell("-1.5"), safe_cell(-1.5)
    ('\\'=HYPERLINK("http://x")', '-1.5', -1.5)
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return _MARK + value
    return value


def received_cell(text: str) -> str:
    """The text that `safe_cell` was given, from what it gave.

    Examples
    --------
    >>> received_cell("'=1+1"), received_cell("'s Gravenhage")
    ('=1+1', "'s Gravenhage")
    """
    return text[1:] if text.startswith(_MARK) and _FORMULA.match(text[1:]) else text


class CsvWriter:
    """A `csv.writer` for people: every cell goes through `safe_cell`."""

    def __init__(self, file: Any, **options: Any) -> None:
        self._writer = csv.writer(file, **options)

    def writerow(self, row: Iterable[object]) -> None:
        """Write one row."""
        self._writer.writerow([safe_cell(cell) for cell in row])

    def writerows(self, rows: Iterable[Sequence[object]]) -> None:
        """Write rows."""
        for row in rows:
            self.writerow(row)


def passable_folder(path: Path) -> None:
    """Make a folder (and those above it) that others may pass but not list.

    The data folder is one: the private server's user goes through it. One that is there already
    stays as its owner made it. Raises OSError.
    """
    if path.is_dir():
        return
    passable_folder(path.parent)
    path.mkdir(mode=PASSABLE, exist_ok=True)
    path.chmod(PASSABLE)


def private_folder(path: Path) -> None:
    """Make a folder of the data folder that its owner alone may enter, whatever the umask.

    One that an older version left open is closed. Raises OSError, also where another user put a
    link in its place.
    """
    passable_folder(path.parent)
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    if path.is_symlink() and path.lstat().st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EPERM, "is a link that another user made", str(path))
    _narrow(path, PRIVATE_FOLDER)


@contextmanager
def open_private(path: Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Open a file for writing that its owner alone may read, whatever the umask.

    A file that is there is overwritten and closed to others. Raises OSError.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    with open(handle, mode, **options) as file:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            _narrow(handle, PRIVATE_FILE)  # before a word of the new content is in it
            os.ftruncate(handle, 0)
        yield file


@contextmanager
def aside(target: Path, mode: int = PRIVATE_FILE) -> Iterator[Path]:
    """A new private file beside `target`, which takes its place when the block ends well.

    So `target` is never half there, and two writers do not meet. The file is locked while it is
    written; what killed writers left in the folder, which must be ours alone, is removed. Raises
    OSError.
    """
    remove_abandoned(target.parent)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:80]}-", suffix=_PART)
    made = Path(name)
    try:
        with suppress(OSError):  # no locks on this file system: age alone protects it
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield made
        os.fchmod(handle, mode)
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
        os.close(handle)


def remove_abandoned(folder: Path) -> list[Path]:
    """Remove what killed writers left: parts older than a day that no living process holds."""
    removed = []
    for part in folder.glob(f"*{_PART}"):
        with suppress(OSError):  # another's, or gone meanwhile
            if time.time() - part.lstat().st_mtime < ABANDONED_SECONDS:
                continue
            handle = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
                removed.append(part)
            finally:
                os.close(handle)
    return removed


def _narrow(path: Path | int, widest: int) -> None:
    """Take away rights beyond `widest`; those of another's file are its owner's matter."""
    facts = os.stat(path)
    mode = stat.S_IMODE(facts.st_mode)
    if mode & ~widest and os.geteuid() in (0, facts.st_uid):
        os.chmod(path, mode & widest)
