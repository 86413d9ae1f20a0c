"""What the private server says when it fails, and what a person does about it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from coagg.database import owner as hands
from coagg.errors import CoaggError

LITTLE_BYTES = 32 << 20  # two segments of the write-ahead log: with less nothing can be written
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+ [A-Z]{3,5} \[\d+\] ")
_TELLING = re.compile(r"(FATAL|PANIC|ERROR|error): |could not |failed")
_CAUSE = re.compile(r'file "[^"]+" line \d+|parameter "|No space left|could not (bind|open|read)')
_HOW_BAD = ("PANIC:", "FATAL:", "error:", "could not ", "ERROR:")
# the first that is in the line decides
_REMEDIES: tuple[tuple[str, str], ...] = (
    ("No space left on device|Disk quota exceeded",
     "the disk is full: make room on the disk of {home} and call again"),
    ("could not create lock file|could not bind|could not create any Unix|Address already in use",
     "another program holds that socket: stop it, or name another data folder in COAGG_DATA_DIR"),
    ("pre-existing shared memory|lock file .* already exists",
     "an old server still works in {home}: end its processes and call again"),
    ("has wrong ownership|invalid permissions|Permission denied|Operation not permitted",
     "give the folder back: chown -R {owner} {home} and chmod -R go= {home}"),
    ("Cannot allocate memory|could not map anonymous shared memory|out of memory",
     "the machine has too little free memory: close other programs and call again"),
    ("not compatible|incompatible with server|initialized by PostgreSQL",
     "its files are of another PostgreSQL, or damaged: install that one, or restore from a backup"),
    ("contains errors|unrecognized configuration parameter|invalid value for parameter|"
     "syntax error in file|could not load",
     "mend that line in the configuration of {home}/cluster (auto.conf: remove the line)"),
    ("checksum|valid checkpoint|invalid checkpoint|control file|could not locate|invalid page|"
     "could not read file|could not open file|could not open directory|not a valid data directory|"
     "is missing",
     "its files are damaged: restore {home} from a backup, or move it away and load again"),
)  # fmt: skip


def telling_line(text: str) -> str | None:
    """The line of the output or log of a PostgreSQL program that says what went wrong.

    The worst one, of equals the last, with the line before a configuration's FATAL, which names
    the place. None where there is none.
    """
    lines = [_STAMP.sub("", line.strip()) for line in text.splitlines()]
    telling = [line for line in lines if _TELLING.search(line)]
    for mark in _HOW_BAD:
        found = [line for line in telling if mark in line]
        if found:
            # what refuses the start often names neither file nor cause: a line before it does
            before = lines[: len(lines) - lines[::-1].index(found[-1]) - 1]
            causes = [line.split(":", 1)[-1].strip() for line in before if _CAUSE.search(line)]
            return ": ".join([*causes[-1:], found[-1]])[:400]
    return None


def sizes(*places: Path) -> dict[Path, int]:
    """Sizes of log files, and of those in log folders, to read on from later (`since`)."""
    found: dict[Path, int] = {}
    for place in places:
        try:
            files = sorted(place.iterdir()) if place.is_dir() else []
        except OSError:
            files = []
        found[place] = 0 if place.is_dir() else _size(place)
        found |= {file: _size(file) for file in files}
    return found


def since(owner: str, before: Mapping[Path, int]) -> str | None:
    """The telling line of what was written to logs since `sizes`; None where there is none."""
    text = ""
    for file in sizes(*before):
        if not file.is_dir():
            text += hands.read(owner, file, before.get(file, 0)) or ""
    return telling_line(text)


def passes(line: str) -> bool:
    """Whether a failure to start may pass by itself: an old server is still ending."""
    return re.search(r"pre-existing shared memory|lock file .* already exists", line) is not None


def remedy(line: str, owner: str, home: Path) -> str:
    """What to do about a line of `telling_line`; a full disk is seen even where no line says so."""
    if (free := little_room(home)) is not None:
        return f"the disk of {home} has {free} bytes free: make room on it and call again"
    for pattern, words in _REMEDIES:
        if re.search(pattern, line):
            return words.format(owner=owner, home=home)
    return "see its log"


def little_room(home: Path) -> int | None:
    """Bytes free on the disk of a folder where they are too few for a server, else None."""
    while not home.is_dir() and home != home.parent:
        home = home.parent
    try:
        free = shutil.disk_usage(home).free
    except OSError:
        return None
    return free if free < LITTLE_BYTES else None


def recent(owner: str, cluster: Path, seconds: float = 120) -> str | None:
    """What ended the server in the last seconds, by its log; None where nothing did."""
    try:
        files = sorted((cluster / "log").iterdir(), key=lambda file: file.lstat().st_mtime)[-1:]
        text = "".join(hands.read(owner, file) or "" for file in files)
    except (OSError, CoaggError):
        return None
    now = datetime.now(UTC)
    lines = []
    for line in text.splitlines():
        stamp = _STAMP.match(line)
        if stamp and re.search("PANIC|No space left|was terminated by signal", line):
            then = datetime.fromisoformat(stamp[1]).replace(tzinfo=UTC)
            if (now - then).total_seconds() < seconds:
                lines.append(_STAMP.sub("", line))
    return lines[-1][:400] if lines else None


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
