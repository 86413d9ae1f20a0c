"""How large a file may become when it is unpacked: one rule, against files made to burst memory.

A few megabytes can unpack to terabytes. What a file unpacks to is counted before its library sees
it (workbooks, Parquet) or while it is read (gzip); beyond the limit it is refused in one line. The
limit is COAGG_UNPACKED_LIMIT (8GB, 500MB); without it, RATIO times the file or SMALL, whichever is
more, and for files that are read whole no more than a quarter of the memory.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from coagg.errors import CoaggError

SETTING = "COAGG_UNPACKED_LIMIT"
RATIO = 200  # text of tables packs 5 to 50 times
SMALL = 256 << 20
MEMORY_SHARE = 4
CELL_BYTES = 32  # of one cell of the rectangle that the library lays out, empty or not
STRING_BYTES = 24
# Excel's longest cell has 32,767 characters; in XML one of them takes up to 7 bytes (_x000D_)
LONGEST_CELL = 7 * 32_767
LONGEST_TEXT = 16 << 20  # of a field of a Stata file
_CHUNK = 1 << 20
_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_SHEET = re.compile(r"xl/(worksheets/|sharedStrings)", re.IGNORECASE)
_BLANKS = re.compile(rb"[ \t\r\n]+")
_LETTER, _DIGIT, _ENDS, _BLANK = (np.zeros(256, bool) for _ in range(4))
_LETTER[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] = True
_LETTER[list(b"abcdefghijklmnopqrstuvwxyz")] = True
_DIGIT[list(b"0123456789")] = True
_BLANK[list(b" \t\r\n")] = True
_ENDS[list(b" />\t\r\n")] = True


def limit(packed: int, whole: bool = False) -> int:
    """Bytes that a file of `packed` bytes may unpack to; `whole`: it is held in memory at once.

    Raises CoaggError when COAGG_UNPACKED_LIMIT is no size.
    """
    stated = os.environ.get(SETTING)
    if stated:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", stated.strip().upper())
        if not found or found[2] in ("K", "M", "G", "T"):
            raise CoaggError(f"{SETTING} is {stated!r}: write a size like 500MB or 8GB")
        return int(float(found[1]) * _UNITS[found[2]])
    most = max(RATIO * packed, SMALL)
    return min(most, _memory() // MEMORY_SHARE) if whole else most


def too_large(path: Path, what: str, size: int, most: int) -> CoaggError:
    """The error of a file beyond its limit."""
    return CoaggError(
        f"{path}: {what} {_words(size)}, more than the limit of {_words(most)}; if the file is "
        f"what it should be, set {SETTING}={_words(2 * size).replace(' ', '')} (reading it may "
        "take several times that in memory), or save it in parts as csv"
    )


class Counted:
    """A stream whose bytes are counted; reading beyond the limit raises CoaggError."""

    def __init__(self, path: Path, stream: object, packed: int) -> None:
        self._path, self._stream, self._most, self._bytes = path, stream, limit(packed), 0

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""
        data: bytes = self._stream.read(size)  # type: ignore[attr-defined]
        self._bytes += len(data)
        if self._bytes > self._most:
            raise too_large(self._path, "unpacks to at least", self._bytes, self._most)
        return data


def check_held(path: Path, size: int) -> None:
    """Refuse a file that would be held in memory whole and is too large for that."""
    most = limit(size, whole=True)
    if size > most:
        raise too_large(path, "has", size, most)


def check_workbook(path: Path) -> None:
    """Refuse a workbook whose parts unpack to too much, or whose cells or sheets are too large.

    Sizes are counted by unpacking, not believed: a directory may lie. Raises CoaggError.
    """
    packed = path.stat().st_size
    most = limit(packed, whole=True)
    total = 0
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            parts = archive.infolist()
            declared = sum(part.file_size for part in parts)
            if declared > most:
                raise too_large(path, "unpacks to", declared, most)
            for part in parts:
                sheet = _Sheet(path, part.filename) if _SHEET.match(part.filename) else None
                for data in _unpacked(path, file, part):
                    total += len(data)
                    if total > most:
                        raise too_large(path, "unpacks to at least", total, most)
                    if sheet is not None:
                        sheet.feed(data)
                if sheet is not None and sheet.held > most:
                    raise CoaggError(
                        f"{path}: {part.filename} spans {sheet.rows:,} rows and {sheet.columns:,} "
                        f"columns, which take {_words(sheet.held)}, more than the limit of "
                        f"{_words(most)}; delete what stands far off the table, save it as csv, "
                        f"or set {SETTING}={_words(2 * sheet.held).replace(' ', '')}"
                    )
    except (
        zipfile.BadZipFile, zlib.error, struct.error, ValueError, NotImplementedError, OSError
    ) as fault:  # fmt: skip
        raise CoaggError(
            f"{path}: is a damaged or truncated xlsx file ({fault}); fetch it again"
        ) from None


class _Sheet:
    """What the cells of one XML part will take in memory, from its bytes in pieces of any size.

    A library lays out the whole rectangle of a sheet, so one cell far off takes as much as a full
    sheet. Cells and rows need not say where they stand: they are counted too.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._rest = b""
        self._is_sheet = "worksheets" in name.lower()
        self._rows_seen = self._in_row = self._strings = 0
        self.rows = self.columns = 0

    @property
    def held(self) -> int:
        """Bytes that the library holds for it."""
        return self.rows * self.columns * CELL_BYTES + self._strings * STRING_BYTES

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises CoaggError for a cell that no spreadsheet could hold."""
        data = self._rest + data
        opens = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("<"))
        if np.diff(opens, prepend=0, append=len(data)).max() > LONGEST_CELL:
            raise CoaggError(
                f"{self._path}: {self._name} holds a cell of more than {LONGEST_CELL:,} bytes, "
                "where Excel holds 32,767 characters; save the table as csv"
            )
        cut = int(opens[-1]) if len(opens) else 0  # a tag that is not whole waits
        whole, self._rest = data[:cut], data[cut:]
        if not self._is_sheet:
            self._strings += whole.count(b"<si") + whole.count(b":si")
        elif whole:
            self._count(whole, opens[:-1])
            self._places(whole)

    def _count(self, data: bytes, opens: np.ndarray) -> None:
        """Rows, and cells of the row with most, whether they say where they stand or not."""
        raw = np.frombuffer(data + bytes(8), np.uint8)
        if b":c" in data or b":row" in data:  # names may have a prefix
            opens = np.sort(np.concatenate((opens, np.flatnonzero(raw[:-8] == ord(":")))))
        first = raw[opens + 1]
        cells = opens[first == ord("c")]
        cells = cells[_ENDS[raw[cells + 2]]]
        rows = opens[first == ord("r")]
        rows = rows[(raw[rows + 2] == ord("o")) & (raw[rows + 3] == ord("w"))]
        rows = rows[_ENDS[raw[rows + 4]]]
        counts = np.diff(np.searchsorted(cells, rows), prepend=0, append=len(cells))
        counts[0] += self._in_row
        self._in_row = int(counts[-1])
        self._rows_seen += len(rows)
        self.rows = max(self.rows, self._rows_seen)
        self.columns = max(self.columns, int(counts.max()))

    def _places(self, data: bytes) -> None:
        """The last row and column that attributes like r="AB12" or r="12" name."""
        padded = data + bytes(16)
        raw = np.frombuffer(padded, np.uint8)
        at = np.flatnonzero(raw[:-16] == ord("="))
        if (_BLANK[raw[at - 1]] | _BLANK[raw[at + 1]]).any():  # r = "A1" says the same
            padded = _BLANKS.sub(b" ", data).replace(b" =", b"=").replace(b"= ", b"=") + bytes(16)
            raw = np.frombuffer(padded, np.uint8)
            at = np.flatnonzero(raw[:-16] == ord("="))
        after = raw[at + 1]
        at = at[(raw[at - 1] == ord("r")) & ((after == ord('"')) | (after == ord("'")))] + 2
        letters = _run(raw, _LETTER, at, 3)
        digits = _run(raw, _DIGIT, at + letters, 8)
        # beyond Excel's own last row and column nothing is laid out
        column = _largest(padded.upper(), at, letters)
        row = _largest(padded, at + letters, digits)
        if column:
            number = 0
            for letter in column:
                number = number * 26 + letter - ord("A") + 1
            self.columns = max(self.columns, min(number, 1 << 14))
        if row:
            self.rows = max(self.rows, min(int(row), 1 << 20))


def _run(raw: np.ndarray, kind: np.ndarray, at: np.ndarray, most: int) -> np.ndarray:
    """How many signs of a kind follow each other from each place on."""
    going = kind[raw[at]]
    length = going.astype(np.int64)
    for step in range(1, most):
        going = going & kind[raw[at + step]]
        length += going
    return length


def _largest(data: bytes, at: np.ndarray, length: np.ndarray) -> bytes:
    """The largest code of all: the longest, of those the last in order."""
    if not len(at) or not (most := int(length.max())):
        return b""
    at = at[length == most]
    raw = np.frombuffer(data, np.uint8)
    for step in range(most):
        sign = raw[at + step]
        at = at[sign == sign.max()]
    return data[at[0] : at[0] + most]


def _unpacked(path: Path, file: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Bytes of a part as a reader that believes no size would have them, in bounded pieces."""
    file.seek(part.header_offset)
    names, extra = struct.unpack("<HH", file.read(30)[26:])
    file.seek(names + extra, os.SEEK_CUR)
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CoaggError(f"{path}: is packed in a way no spreadsheet program uses; save it again")
    left = part.compress_size
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    while left > 0 and (piece := file.read(min(left, _CHUNK))):
        left -= len(piece)
        if part.compress_type == zipfile.ZIP_STORED:
            yield piece
            continue
        while piece and not engine.eof:
            data = engine.decompress(piece, _CHUNK)
            piece = engine.unconsumed_tail
            yield data


@cache
def _memory() -> int:
    """Bytes of memory that this process may have: of the machine, the container, the shell."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    try:
        import resource

        soft = resource.getrlimit(resource.RLIMIT_AS)[0]
        if soft != resource.RLIM_INFINITY:
            found.append(soft)
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (ImportError, OSError, ValueError):
        pass
    return min(found)


def _words(size: int) -> str:
    for unit, one in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if size >= one:
            return f"{-(-size * 10 // one) / 10:.1f} {unit}"
    return f"{size} B"
