"""JSON: records, lines, GeoJSON (also one feature a line) and Esri's features.

Numbers come out as they are written. A value that is an object or a list comes out as its JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from coagg.errors import CoaggError
from coagg.etl.files import encodings, geometry
from coagg.etl.files.json_text import Bad, JsonText, whole_to
from coagg.etl.files.packed import Source
from coagg.etl.files.table_file import (
    MAX_COLUMNS,
    FileState,
    TableFile,
    checked_headers,
    without_nul,
)
from coagg.etl.files.text_records import KEPT_CHARS, Malformed

_BLOCK = 1 << 20
_HELD_CHARS = 8 << 20  # of the records of one part
_SURROGATES = (0xD800, 0xDFFF)
_NUL = re.compile("\0(?![NX])")  # no mark, but a NUL that JSON spells


def looks_like_json(text: str) -> bool:
    """Whether text begins as an object or a list of objects does."""
    text = text.lstrip(" \t\r\n\x1e\ufeff")
    after = text[1:].lstrip()[:1]
    return (text[:1] == "{" and after in ('"', "}")) or (text[:1] == "[" and after in ("{", "["))


class JsonFile(TableFile):
    """A file of JSON records; `format` is json, jsonl or geojson."""

    def __init__(
        self, path: Path, state: FileState, source: Source, stated: str | None, wide: str | None
    ) -> None:
        """Read the file twice: its encoding, then its columns. Raises CoaggError."""
        super().__init__(path, state, source)
        self.sha256, self.bytes = source.hashed()
        self._wide = wide
        detector = encodings.EncodingDetector()
        start, rest = b"", b""
        with closing(source.open()) as stream:
            text = encodings.AsUtf8(stream, wide) if wide else stream
            while block := text.read(_BLOCK):
                start = start or block
                block = rest + block
                cut = whole_to(block)
                # commas as ends of lines: a file may be one line
                detector.feed(block[:cut].replace(b",", b"\n"))
                rest = block[cut:]
            detector.feed(rest + b"\n")
        decided, self.encoding_confidence = detector.decide(path, "utf-8" if wide else stated)
        self._codec = encodings.codec_of(decided)
        self.encoding = wide or decided
        self._lines = self._is_lines(start)
        self._describe()

    def _is_lines(self, start: bytes) -> bool:
        """Whether each line is a record: the first one is, and holds no array of them."""
        text = encodings.decode_marked(start[: whole_to(start)], self._codec)
        first = next(iter(text.lstrip(" \t\r\n\x1e\ufeff").splitlines()), "")
        try:
            record = json.loads(first.rstrip(", \x1e"), strict=False)
        except (ValueError, RecursionError):
            return False
        return isinstance(record, dict) and not any(
            isinstance(value, list) and value and isinstance(value[0], dict)
            for value in record.values()
        )

    def _describe(self) -> None:
        keys: dict[str, None] = {}
        nested: dict[str, None] = {}
        with_point = without_record = False
        rows = 0
        with self._text() as text:
            for record in text.records(self._lines):
                rows += 1
                row, shape = _row_and_geometry(record)
                if row is None:
                    without_record = True
                    continue
                with_point = with_point or shape is not _NONE
                keys.update(dict.fromkeys(row))
                nested.update({k: None for k, v in row.items() if isinstance(v, list | dict)})
                if len(keys) > MAX_COLUMNS:
                    raise CoaggError(
                        f"{self.path}: its records have more than {MAX_COLUMNS} keys; "
                        "is it a table?"
                    )
            said, unread = text.said, text.unread
        if not keys and not with_point:
            raise CoaggError(
                f"{self.path}: is JSON without records of columns and values; save it as csv"
                if without_record
                else f"{self.path}: has a header but no rows; is it the right file?"
            )
        shown = [encodings.reason_and_text(_sound(key))[1] for key in keys]
        self.headers = checked_headers(self.path, shown)
        self._keys = dict(zip(self.headers, keys, strict=True))
        self._points = geometry.Points()
        if with_point:
            self.point = geometry.headers_of_point(self.headers)
            self.headers += self.point
            self._system = geometry.System(_stated_crs(said))
            self.crs = self._system.datum
            self.notes += self._system.notes
        self.format = ("geojson" if with_point else "jsonl" if self._lines else "json") + (
            self.source.suffix
        )
        if nested:
            self.notes.append(f"read as JSON text, as it holds lists: {', '.join(nested)[:200]}")
        if unread:
            self.notes.append(f"further arrays were not read: {', '.join(unread)[:200]}")

    def _text(self) -> Any:
        stream = self.source.open()
        text: Any = encodings.AsUtf8(stream, self._wide) if self._wide else stream
        return _Closing(JsonText(self.path, text, self._codec), stream)

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        self._points = geometry.Points()
        held: list[list[str | None]] = [[] for _ in columns]
        malformed: list[Malformed] = []
        first = number = 1
        size = 0
        with self._text() as text:
            for record in text.records(self._lines):
                row, shape = _row_and_geometry(record)
                if row is None:
                    detail = record.detail if isinstance(record, Bad) else "no object"
                    said = record.text if isinstance(record, Bad) else json.dumps(record)
                    _, shown = encodings.reason_and_text(said)
                    malformed.append(
                        Malformed(number, "row_malformed", detail, _sound(shown)[:KEPT_CHARS])
                    )
                else:
                    size += self._add(row, shape, columns, held)
                number += 1
                if number - first == rows or size > _HELD_CHARS:
                    yield self._part(columns, held, malformed, first)
                    held, malformed = [[] for _ in columns], []
                    first, size = number, 0
        if number > first:
            yield self._part(columns, held, malformed, first)
        self.tell_once(self._points.notes())

    def _add(
        self, row: dict[str, Any], shape: Any, columns: list[str], held: list[list[str | None]]
    ) -> int:
        size = 0
        point = self.point or ("", "")
        both = self._points.of_geojson(shape) if self.point and self._wanted(columns) else None
        for header, values in zip(columns, held, strict=True):
            if header in point and both is not None:
                value = both[point.index(header)]
            else:
                value = _as_text(row.get(self._keys[header]))
            values.append(value)
            size += len(value) if value else 1
        return size

    def _wanted(self, columns: list[str]) -> bool:
        return any(header in columns for header in self.point or ())

    def _part(
        self,
        columns: list[str],
        held: list[list[str | None]],
        malformed: list[Malformed],
        first: int,
    ) -> tuple[pa.Table, list[Malformed]]:
        if not columns:
            return pa.table({}), malformed
        table = pa.table([pa.array(v, pa.string()) for v in held], names=columns)
        if self.point:
            table = self._system.of_table(table, self.point)
        taken = {bad.row_number for bad in malformed}
        table, bad = without_nul(table, 0)
        if not bad:
            return table, malformed
        # numbers of the rows that are records
        free = [n for n in range(first, first + len(held[0]) + len(taken)) if n not in taken]
        bad = [one._replace(row_number=free[one.row_number]) for one in bad]
        return table, sorted(malformed + bad)


class _Closing:
    """A text and the stream it is read from, closed together."""

    def __init__(self, text: JsonText, stream: Any) -> None:
        self._text, self._stream = text, stream

    def __enter__(self) -> JsonText:
        return self._text

    def __exit__(self, *_: object) -> None:
        self._stream.close()


_NONE = object()


def _row_and_geometry(record: Any) -> tuple[dict[str, Any] | None, Any]:
    """Columns of a record and its geometry, `_NONE` where it is no feature."""
    if not isinstance(record, dict):
        return None, _NONE
    if record.get("type") == "Feature" and "properties" in record:
        row = record["properties"] if isinstance(record["properties"], dict) else {}
        if "id" in record and "id" not in row:
            row = {"id": record["id"], **row}
        return row, record.get("geometry")
    if isinstance(record.get("attributes"), dict) and record.keys() <= {"attributes", "geometry"}:
        return record["attributes"], record.get("geometry", _NONE)
    return record, _NONE


def _stated_crs(said: dict[tuple[str, ...], Any]) -> str:
    """The coordinate system that a document states; GeoJSON without one is in WGS-84."""
    if stated := said.get(("crs", "properties", "name")):
        return str(stated)
    for key in ("latestWkid", "wkid"):
        if code := said.get(("spatialReference", key)):
            return f"EPSG:{code}"
    return "OGC:CRS84"  # RFC 7946


def _as_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return _sound(value)


def _sound(text: str) -> str:
    """Text whose NUL and halves of characters are marked."""
    text = _NUL.sub(encodings.NUL_RECEIVED, text) if "\0" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        low, high = _SURROGATES
        return "".join(
            f"{encodings.UNDECODABLE}\\u{ord(c):x}" if low <= ord(c) <= high else c for c in text
        )
    return text
