"""The raw text of the patent office ("TRS"): records of `<label>=value` lines after `<REC>`.

A value runs on over the lines that follow without a label. Bytes that are no text are shown as
U+FFFD and the record is kept: abstracts often hold some, and they concern no column of ours.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from coagg.errors import CoaggError
from coagg.etl.files import encodings, limits, readers
from coagg.etl.files.table_file import (
    MAX_COLUMNS,
    FileState,
    Fits,
    HashedFile,
    TableFile,
    checked_headers,
    open_binary,
)
from coagg.etl.files.text_records import KEPT_CHARS, MAX_LINE_BYTES, Malformed, line_blocks

RECORD = "<REC>"
_LABEL = re.compile(r"<([^<>=\n]{1,60})>=(.*)")
_LABEL_BYTES = re.compile(rb"^<([^<>=\n]{1,120})>=", re.MULTILINE)
_GZIP = b"\x1f\x8b"
_PART_RECORDS = 2_000
_SNIFFED_BYTES = 4_096


def open_patents(
    path: Path | str,
    encoding: str | None = None,
    *,
    sheet: str | None = None,
    fits: Fits | None = None,
) -> TableFile:
    """Open a patent file: the office's raw text when it begins with <REC>, else any table.

    Arguments are those of `readers.open_table`.

    Raises CoaggError like `readers.open_table`.
    """
    path = Path(path)
    state = FileState.of(path)
    with open_binary(path) as file:
        start = file.read(_SNIFFED_BYTES)
    gzipped = start.startswith(_GZIP)
    if gzipped:
        try:
            with gzip.open(path) as packed:
                start = packed.read1(_SNIFFED_BYTES)
        except (OSError, EOFError, zlib.error):
            return readers.open_table(
                path, encoding, sheet=sheet, fits=fits
            )  # says what is wrong with it
    if start.removeprefix(encodings.UTF8_BOM).lstrip().startswith(RECORD.encode()):
        stated = encodings.checked(encoding) if encoding else None
        return TrsFile(path, state, gzipped, stated)
    return readers.open_table(path, encoding, sheet=sheet, fits=fits)


class TrsFile(TableFile):
    """Raw text of the patent office as a table; the labels are the headers."""

    def __init__(
        self, path: Path, state: FileState, gzipped: bool, stated: str | None = None
    ) -> None:
        """Read the whole file once: hash, encoding, labels. Raises CoaggError."""
        super().__init__(path, state)
        self._gzipped = gzipped
        detector = encodings.EncodingDetector()
        labels: dict[bytes, None] = {}
        with open_binary(path) as file:
            hashed = HashedFile(file)
            for block in line_blocks(self._unpacked(hashed)):
                detector.feed(block)
                labels.update(dict.fromkeys(_LABEL_BYTES.findall(block)))
                if len(labels) > MAX_COLUMNS:
                    raise CoaggError(
                        f"{path}: has more than {MAX_COLUMNS} different <label>=value lines; "
                        "is it the patent office's raw text?"
                    )
            self.sha256, self.bytes = hashed.finish()
        encoding, self.encoding_confidence = detector.decide(path, stated)
        self._codec = self.encoding = encoding
        self.format = "trs.gz" if gzipped else "trs"
        names = dict.fromkeys(_plain(encodings.decode_marked(b, encoding)) for b in labels)
        if not names:
            raise CoaggError(f"{path}: has {RECORD} but no <label>=value lines; is it whole?")
        self.headers = checked_headers(path, list(names))

    def _unpacked(self, file: Any) -> Any:
        return _Unpacked(self.path, file) if self._gzipped else file

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        schema = pa.schema([(header, pa.string()) for header in columns])
        held: list[dict[str, str | None]] = []
        malformed: list[Malformed] = []
        for number, (record, lines, too_long) in enumerate(self._records(), start=1):
            if too_long:
                text = "\n".join(lines)[:KEPT_CHARS]
                detail = f"a record of more than {MAX_LINE_BYTES} characters; its beginning is kept"
                malformed.append(Malformed(number, "row_too_long", detail, text))
            elif record:
                held.append({header: record.get(header) or None for header in columns})
            else:
                text = "\n".join(lines)[:KEPT_CHARS]
                malformed.append(
                    Malformed(number, "row_malformed", "no <label>=value in the record", text)
                )
            if len(held) + len(malformed) >= min(rows, _PART_RECORDS):
                yield pa.Table.from_pylist(held, schema), malformed
                held, malformed = [], []
        yield pa.Table.from_pylist(held, schema), malformed

    def _records(self) -> Iterator[tuple[dict[str, str], list[str], bool]]:
        """Fields of each record; its lines where it has no field; whether it is too long."""
        record: dict[str, str] = {}
        loose: list[str] = []
        label, begun, size = "", False, 0
        for line in self._lines():
            if line.strip() == RECORD:
                if begun or loose:
                    yield record, loose, size > MAX_LINE_BYTES
                record, loose, label, begun, size = {}, [], "", True, 0
                continue
            size += len(line) + 1
            if size > MAX_LINE_BYTES:
                if record:
                    beginning = [f"<{name}>={value}" for name, value in record.items()]
                    record, loose = {}, ["\n".join(beginning)[:KEPT_CHARS]]
                continue
            found = _LABEL.fullmatch(line)
            if found:
                label = found[1].strip()
                value = found[2].strip()
                record[label] = f"{record[label]};{value}" if record.get(label) else value
            elif label:
                record[label] += line.strip()
            elif line.strip():
                loose.append(line)
        if begun or loose:
            yield record, loose, size > MAX_LINE_BYTES

    def _lines(self) -> Iterator[str]:
        with closing(open_binary(self.path)) as file:
            first = True
            for block in line_blocks(self._unpacked(file)):
                if first:
                    block, first = block.removeprefix(encodings.UTF8_BOM), False
                text = _plain(encodings.decode_marked(block, self._codec))
                yield from text.split("\n")[:-1]


class _Unpacked:
    """Bytes inside a gzip file, with errors in one line."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path = path
        unpacked = gzip.GzipFile(fileobj=file, mode="rb")
        self._source = limits.Counted(path, unpacked, path.stat().st_size)

    def read(self, size: int, /) -> bytes:
        try:
            return self._source.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
            raise CoaggError(
                f"{self._path}: is a truncated or damaged gzip file ({fault}); fetch it again"
            ) from None


_MARKS = re.compile(r"\0X\\x[0-9a-f]{2}|\0[NXLQ]|\0")


def _plain(marked: str) -> str:
    return _MARKS.sub("\ufffd", marked) if "\0" in marked else marked
