"""A file as received: is it there, did it change, what is its hash."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

from coagg.errors import CoaggError
from coagg.etl.files.text_records import Stream

_READ_BYTES = 1 << 20


class FileState(NamedTuple):
    """What changes when somebody writes to a file, or puts another in its place."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """State of the file now. Raises CoaggError when it is no readable file."""
        try:
            found = path.stat()
        except FileNotFoundError:
            raise CoaggError(f"{path}: no such file; check the name") from None
        except OSError as fault:
            raise unreadable(path, fault) from None
        if stat.S_ISDIR(found.st_mode):
            raise CoaggError(f"{path}: is a folder; name a file in it")
        if not stat.S_ISREG(found.st_mode):
            raise CoaggError(f"{path}: is no regular file; save its content to one first")
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


class HashedFile:
    """A file that is hashed while it is read."""

    def __init__(self, file: Stream) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.bytes = 0

    def read(self, size: int, /) -> bytes:
        """Read like a binary file."""
        data = self._file.read(size)
        self._sha256.update(data)
        self.bytes += len(data)
        return data

    def finish(self) -> tuple[str, int]:
        """Hash what is left too; returns sha256 and size of the whole file."""
        while self.read(_READ_BYTES):
            pass
        return self._sha256.hexdigest(), self.bytes


def unreadable(path: Path, fault: OSError) -> CoaggError:
    """The error of the operating system in one line."""
    if isinstance(fault, PermissionError):
        return CoaggError(f"{path}: no permission to read it; ask its owner, or chmod it")
    return CoaggError(f"{path}: cannot be read: {fault.strerror or fault}")


def open_binary(path: Path) -> BinaryIO:
    """Open for reading. Raises CoaggError."""
    try:
        return path.open("rb")
    except OSError as fault:
        raise unreadable(path, fault) from None
