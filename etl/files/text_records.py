"""Bytes of a delimited text file into blocks of whole records, whatever the bytes are.

Quoting follows RFC 4180, read kindly: a quote is special at the beginning of a field only, a
quoted field may hold line ends. A quote that is never closed must not swallow the file, so a
record may run over MAX_RECORD_LINES lines at most: past that, or where text follows a closing
quote, or where several lines give no record of the right width, its first line is malformed and
reading goes on with the next line.

Line ends (LF, CRLF, CR, also inside quoted fields) become LF. Lines without any character are no
rows. A line of more than MAX_LINE_BYTES is kept as its beginning.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from coagg.etl.files import encodings

BLOCK_BYTES = 2_000_000
MAX_LINE_BYTES = 1_000_000
MAX_RECORD_LINES = 50
KEPT_CHARS = 10_000  # of the text of a malformed row
_KEPT_BYTES = 4 * KEPT_CHARS
_NUL, _NUL_RECEIVED = b"\0", encodings.NUL_RECEIVED.encode()


class Stream(Protocol):
    """What a block reader needs of a file."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""


class Malformed(NamedTuple):
    """A row that could not be split into fields: its number, why, and its text as received."""

    row_number: int
    reason: str
    detail: str
    text: str


class Records(NamedTuple):
    """Consecutive records: `data` holds the sound ones as UTF-8, `malformed` the others.

    Row numbers of `malformed` count from 0 within these records. `sound` holds the positions of
    the sound ones, or is None where there are no others.
    """

    data: bytes
    malformed: list[Malformed]
    sound: np.ndarray | None


def line_blocks(stream: Stream) -> Iterator[bytes]:
    """Blocks of whole lines, each line ended by LF, in the encoding of the file.

    NUL bytes come out as NUL_RECEIVED, too long lines as TOO_LONG and their beginning.
    """
    rest = long_line = b""
    for chunk in _with_unix_line_ends(stream):
        if long_line:
            end = chunk.find(b"\n") + 1
            if not end:
                continue
            yield _shortened(long_line)
            chunk, long_line = chunk[end:], b""
        data = rest + chunk
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if cut:
            yield _shorten_long_lines(data[:cut])
        if len(rest) > MAX_LINE_BYTES:
            long_line, rest = rest[:_KEPT_BYTES], b""
    if long_line:
        yield _shortened(long_line)
    elif rest:
        yield _shorten_long_lines(rest + b"\n")


def _with_unix_line_ends(stream: Stream) -> Iterator[bytes]:
    held = b""
    while chunk := stream.read(BLOCK_BYTES):
        chunk = held + chunk
        held = b"\r" if chunk.endswith(b"\r") else b""
        if b"\r" in chunk:
            chunk = chunk[: len(chunk) - len(held)]
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if _NUL in chunk:
            chunk = chunk.replace(_NUL, _NUL_RECEIVED)
        yield chunk
    if held:
        yield b"\n"


def _shorten_long_lines(block: bytes) -> bytes:
    """The same lines, those of more than MAX_LINE_BYTES cut to their beginning."""
    start = 0
    while start < len(block):
        end = block.rfind(b"\n", start, start + MAX_LINE_BYTES + 1) + 1
        if not end:
            end = block.index(b"\n", start) + 1
            short = _shortened(block[start : start + _KEPT_BYTES])
            return block[:start] + short + _shorten_long_lines(block[end:])
        start = end
    return block


def _shortened(beginning: bytes) -> bytes:
    quoted = beginning.replace(b'"', encodings.QUOTE_TOO_LONG.encode())
    return encodings.TOO_LONG.encode() + quoted + b"\n"


class RecordSplitter:
    """Turns blocks of lines into blocks of records; call `split` for each, then `finish`."""

    def __init__(self, encoding: str, delimiter: str, fields: int) -> None:
        self._encoding = encoding
        self._delimiter = delimiter
        self._fields = fields
        self._open_lines: list[bytes] = []
        mark = re.escape(delimiter.encode())
        plain = rb'(?:[^"%b][^%b]*+)?' % (mark, mark)
        inside = rb'(?:[^"]++|"")*+'
        a_field = rb'(?:"%b"|%b)' % (inside, plain)
        whole = rb"%b(?:%b%b)*+" % (a_field, mark, a_field)
        # Lines that start between fields or inside a quoted one, and end there or there.
        self._whole = re.compile(whole)
        self._opens = re.compile(rb'(?:%b%b)*"%b' % (a_field, mark, inside))
        self._closes = re.compile(rb'%b"(?:%b%b)?' % (inside, mark, whole))
        self._stays_open = re.compile(
            rb'%b(?:"%b(?:%b%b)*"%b)?' % (inside, mark, a_field, mark, inside)
        )

    def split(self, block: bytes) -> Records:
        """Records that end in this block of whole lines."""
        data = self._as_utf8(block)
        if not self._open_lines and _NUL not in data and self._plainly_quoted(data):
            return Records(data, [], None)
        return self._split_carefully(data, at_end=False)

    def finish(self) -> Records:
        """Records that were still open at the end of the file."""
        return self._split_carefully(b"", at_end=True)

    def _as_utf8(self, block: bytes) -> bytes:
        try:
            text = block.decode(self._encoding)
        except UnicodeDecodeError:
            return encodings.decode_marked(block, self._encoding).encode()
        return block if self._encoding == "utf-8" else text.encode()

    def _plainly_quoted(self, data: bytes) -> bool:
        """Whether every quote opens, closes or is doubled as it should, within one line each."""
        if b'"' not in data:
            return True
        characters = np.frombuffer(data, dtype=np.uint8)
        quotes = np.flatnonzero(characters == ord('"'))
        if len(quotes) % 2:
            return False
        opening, closing = quotes[::2], quotes[1::2]
        before = np.where(opening > 0, characters[opening - 1], ord("\n"))
        after = characters[closing + 1]
        borders = np.array([ord("\n"), ord('"'), ord(self._delimiter)], dtype=np.uint8)
        if not (np.isin(before, borders).all() and np.isin(after, borders).all()):
            return False
        line_ends = np.flatnonzero(characters == ord("\n"))
        return bool(
            (np.searchsorted(line_ends, opening) == np.searchsorted(line_ends, closing)).all()
        )

    def _split_carefully(self, data: bytes, at_end: bool) -> Records:
        lines = self._open_lines + data.split(b"\n")[:-1]
        self._open_lines = []
        good: list[bytes] = []
        sound: list[int] = []
        malformed: list[Malformed] = []
        start = count = 0
        while start < len(lines):
            line = lines[start]
            if not line:
                start += 1
                continue
            end, fault = (start + 1, "") if b'"' not in line else self._record_end(lines, start)
            if end > len(lines):
                if not at_end:
                    self._open_lines = lines[start:]
                    break
                end, fault = start + 1, "a quote is opened and never closed"
            record = line if end == start + 1 else b"\n".join(lines[start:end])
            if fault or _NUL in record:
                malformed.append(as_malformed(count, record.decode(), fault))
            else:
                good.append(record)
                sound.append(count)
            count += 1
            start = end
        good.append(b"")
        return Records(b"\n".join(good), malformed, np.array(sound, dtype=np.int64))

    def _record_end(self, lines: list[bytes], start: int) -> tuple[int, str]:
        """Where the record that starts at a line ends, and what is wrong with it if anything.

        The end is past the last line when more lines are needed to know.
        """
        line = lines[start]
        if self._whole.fullmatch(line):
            return start + 1, ""
        if not self._opens.fullmatch(line):
            return start + 1, "text after a closing quote"
        size = len(line)
        for end in range(start + 1, min(start + MAX_RECORD_LINES, len(lines))):
            line = lines[end]
            size += len(line)
            if size > MAX_LINE_BYTES:
                break
            if b'"' not in line:
                continue
            if self._closes.fullmatch(line):
                if self._count_fields(lines[start : end + 1]) != self._fields:
                    break  # two stray quotes make no record of the lines between them
                return end + 1, ""
            if not self._stays_open.fullmatch(line):
                break
        else:
            if start + MAX_RECORD_LINES > len(lines):
                return len(lines) + 1, ""
        return start + 1, "a quote is opened and not closed"

    def _count_fields(self, lines: list[bytes]) -> int:
        reader = csv.reader((line.decode() + "\n" for line in lines), delimiter=self._delimiter)
        try:
            return len(next(reader))
        except csv.Error:
            return -1


def as_malformed(row_number: int, marked: str, detail: str) -> Malformed:
    """A malformed row from its decoded and marked text."""
    reason, text = encodings.reason_and_text(marked)
    details = {
        "row_too_long": f"a line of more than {MAX_LINE_BYTES} bytes; its beginning is kept",
        "row_undecodable": "bytes that are no text in the encoding of the file",
        "row_has_nul": "NUL bytes",
    }
    return Malformed(row_number, reason, details.get(reason, detail), text[:KEPT_CHARS])
