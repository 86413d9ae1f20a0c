"""Records of JSON, one after the other: an array of objects somewhere in a document, or lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from coagg.errors import CoaggError
from coagg.etl.files import encodings
from coagg.etl.files.text_records import Stream

LONGEST = 16 << 20  # characters of one record, or of one value beside them
_BLOCK = 1 << 20
_DEEPEST = 20
_BLANKS = " \t\n\r\x1e\ufeff"
# Arrays of objects that say something of the table and are not it.
_ABOUT = ("fields", "columns", "links", "schema", "spatialReference", "sort", "meta")


def _number(text: str) -> str:
    """A number as written; a whole one that a program wrote as 610.0 without its zero."""
    return text.removesuffix(".0")


_DECODER = json.JSONDecoder(
    strict=False, parse_float=_number, parse_int=str, parse_constant=lambda text: None
)


class Bad(NamedTuple):
    """A line that is no record."""

    detail: str
    text: str


class JsonText:
    """Text of a file, read as it is needed. `said` has the values beside the records by path."""

    def __init__(self, path: Path, stream: Stream, encoding: str) -> None:
        self.said: dict[tuple[str, ...], Any] = {}
        self.unread: list[str] = []
        self._path, self._stream, self._encoding = path, stream, encoding
        self._text, self._at, self._ended = "", 0, False
        self._rest = b""
        self._dropped = 0
        self._found = False

    def records(self, lines: bool) -> Iterator[Any]:
        """Each record, as Python has it but numbers as their text; `Bad` for a line that is none.

        Raises CoaggError where the document is damaged or holds no array of records.
        """
        if lines:
            yield from self._lines()
            return
        yield from self._walk(())
        if not self._found:
            raise CoaggError(
                f"{self._path}: is JSON without an array of records; "
                'save it as [{"column": value, ...}, ...], or as csv'
            )
        if self._peek():
            raise self._damaged("text follows its end")

    def _lines(self) -> Iterator[Any]:
        while self._peek():
            if self._peek() == "," and self._at:
                self._at += 1
                continue
            end = self._line_end()
            line = self._text[self._at : end].rstrip(_BLANKS)
            self._at = end
            try:
                yield _DECODER.decode(line)
            except (ValueError, RecursionError) as fault:
                yield Bad(f"no JSON: {fault}", line)

    def _line_end(self) -> int:
        looked = self._at
        while True:
            for mark in ("\n", "\r"):
                if (end := self._text.find(mark, looked)) >= 0:
                    return end
            looked = len(self._text) - self._at
            if not self._fill():
                return len(self._text)
            looked += self._at

    def _walk(self, place: tuple[str, ...]) -> Iterator[Any]:
        opened = self._peek()
        if len(place) > _DEEPEST:
            raise self._damaged("objects lie too deep in each other")
        if opened == "{":
            self._at += 1
            while self._peek() != "}":
                key = self._value()
                if not isinstance(key, str) or self._peek() != ":":
                    raise self._damaged("a key is missing")
                self._at += 1
                yield from self._walk((*place, key))
                if self._peek() == ",":
                    self._at += 1
                elif self._peek() != "}":
                    raise self._damaged("a comma is missing")
            self._at += 1
        elif opened == "[" and self._peek(1) == "{" and (not place or place[-1] not in _ABOUT):
            mine = not self._found
            self._found = True
            if not mine:
                self.unread.append(".".join(place))
            self._at += 1
            while self._peek() != "]":
                record = self._value()
                if mine:
                    yield record
                if self._peek() == ",":
                    self._at += 1
                elif self._peek() != "]":
                    raise self._damaged("a comma is missing")
            self._at += 1
        else:
            value = self._value()
            if isinstance(value, str):
                self.said[place] = value

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError as fault:
                if len(self._text) - self._at > LONGEST or not self._fill():
                    raise self._damaged(getattr(fault, "msg", str(fault))) from None
            except RecursionError:
                raise self._damaged("values lie too deep in each other") from None
            else:
                # a number may go on behind what is read so far
                if end < len(self._text) or not self._fill():
                    self._at = end
                    return value

    def _peek(self, beyond: int = 0) -> str:
        """The next sign that is no blank, or the one after it; empty at the end."""
        while True:
            at = self._at
            for skipped in range(beyond + 1):
                while at < len(self._text) and self._text[at] in _BLANKS:
                    at += 1
                if skipped == 0:
                    self._at = at
                if skipped < beyond:
                    at += 1
            if at < len(self._text):
                return self._text[at]
            if not self._fill():
                return ""

    def _fill(self) -> bool:
        """Read on; whether there was more. What is read is dropped."""
        if self._ended:
            return False
        if self._at:
            self._dropped += self._at
            self._text, self._at = self._text[self._at :], 0
        # as much again as is held, so that a long value is not tried too often
        wanted = max(_BLOCK, len(self._text))
        blocks = []
        while wanted > 0:
            data = self._stream.read(_BLOCK)
            if not data:
                self._ended = True
                break
            blocks.append(data)
            wanted -= len(data)
        data = self._rest + b"".join(blocks)
        cut = len(data) if self._ended else whole_to(data)
        data, self._rest = data[:cut], data[cut:]
        self._text += encodings.decode_marked(
            data.replace(b"\0", encodings.NUL_RECEIVED.encode()), self._encoding
        )
        return bool(data) or not self._ended

    def _damaged(self, why: str) -> CoaggError:
        where = self._dropped + self._at + 1
        return CoaggError(
            f"{self._path}: is damaged or truncated JSON ({why}, character {where:,}); "
            "fetch it again"
        )


def whole_to(data: bytes) -> int:
    """Where bytes can be cut so that no character is: behind a sign that ends no other one."""
    return max(data.rfind(sign) for sign in (b"\n", b",", b'"')) + 1 or len(data)
