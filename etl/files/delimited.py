"""Text tables: csv, tsv and txt with any of four delimiters, plain or packed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from coagg.errors import CoaggError
from coagg.etl.files import encodings
from coagg.etl.files.packed import Source
from coagg.etl.files.table_file import (
    MAX_COLUMNS,
    MOST_ABOVE,
    FileState,
    Fits,
    HashedFile,
    TableFile,
    checked_headers,
)
from coagg.etl.files.text_records import (
    KEPT_CHARS,
    MAX_LINE_BYTES,
    Malformed,
    Records,
    RecordSplitter,
    line_blocks,
)

DELIMITERS = (",", "\t", "|", ";")
_FORMATS = {",": "csv", "\t": "tsv"}
_SAMPLE_LINES = 200
_EXTRA = "\0"  # the column behind a delimiter at the end of each row
_SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)


class DelimitedFile(TableFile):
    """A text table; `delimiter` is the one its header line was split with."""

    def __init__(
        self,
        path: Path,
        state: FileState,
        source: Source,
        stated: str | None = None,
        wide: str | None = None,
        fits: Fits | None = None,
        header_line: int | None = None,
    ) -> None:
        """Read the whole file once: hash, encoding, headers. Raises CoaggError.

        `stated` is the encoding somebody names; `wide` the UTF-16 or UTF-32 its first bytes show;
        `fits` tells the header line from lines above it, `header_line` says which it is.
        """
        super().__init__(path, state, source)
        wide = stated if stated in encodings.WIDE else wide
        self._wide = wide
        detector = encodings.EncodingDetector()
        first, has_bom = b"", False
        with closing(_ByteStream(source, wide, hashed=True)) as stream:
            for block in line_blocks(stream):
                if not first.strip():
                    has_bom = has_bom or block.startswith(encodings.UTF8_BOM)
                    first = block.removeprefix(encodings.UTF8_BOM)
                    if first.startswith(encodings.TOO_LONG.encode()):
                        raise CoaggError(
                            f"{path}: its header line is damaged (row_too_long), longer than "
                            f"{MAX_LINE_BYTES:,} bytes; "
                            "is it a table with a header line?"
                        )
                detector.feed(block)
            self.sha256, self.bytes = stream.finish()
        if not first.strip():
            raise CoaggError(f"{path}: is empty; it needs a header line and rows")
        encoding, self.encoding_confidence = detector.decide(path, "utf-8" if wide else stated)
        self._codec = encodings.codec_of(encoding)
        self.encoding = wide or ("utf-8-sig" if encoding == "utf-8" and has_bom else encoding)
        lines = encodings.decode_marked(first, encoding).split("\n", _SAMPLE_LINES)[:-1]
        blank = next((n for n, line in enumerate(lines) if line.strip()), None)
        if blank is None:
            raise CoaggError(f"{path}: begins with blank lines; it needs a header line")
        if header_line is None:
            begin, self.delimiter = self._find_header(lines, blank, fits)
        else:
            begin = header_line - 1
            if begin >= len(lines) or not lines[begin].strip():
                raise CoaggError(f"{path}: has no header in line {header_line}")
            self.delimiter = _sniff_delimiter(lines[begin:])
        self.header_line = begin + 1
        self.headers, header_lines = self._read_header(lines[begin:])
        self._skip_lines = begin + header_lines
        self._columns = list(self.headers)
        if self._ends_in_delimiter(lines[self._skip_lines :]):
            self._columns.append(_EXTRA)
        self.format = _FORMATS.get(self.delimiter, "txt") + source.suffix
        nothing_else = detector.lines <= len(lines) and not any(lines[self._skip_lines :])
        if nothing_else:
            raise CoaggError(f"{path}: has a header but no rows; is it the right file?")

    def _find_header(self, lines: list[str], first: int, fits: Fits | None) -> tuple[int, str]:
        """Place of the header line and the delimiter; titles and `sep=` lines stand above it."""
        stated = _SEPARATOR_LINE.fullmatch(lines[first].strip(" "))
        if stated:
            first += 1
            while first < len(lines) - 1 and not lines[first].strip():
                first += 1
            if first == len(lines):
                raise CoaggError(f"{self.path}: has a line {stated[0]!r} and no header under it")
        delimiter = stated[1] if stated else _sniff_delimiter(lines[first:])
        if fits is None or fits(_cells(lines[first:], delimiter)):
            return first, delimiter
        for place in range(first + 1, min(first + MOST_ABOVE, len(lines) - 1)):
            if not lines[place].strip():
                continue
            other = stated[1] if stated else _sniff_delimiter(lines[place:])
            if fits(_cells(lines[place:], other)):
                self.notes.append(f"line {place + 1} is the header; the lines above were left out")
                return place, other
        return first, delimiter

    def _read_header(self, lines: list[str]) -> tuple[list[str], int]:
        reader = csv.reader((line + "\n" for line in lines), delimiter=self.delimiter)
        try:
            received = next(reader)
        except csv.Error as fault:
            raise CoaggError(f"{self.path}: its header line cannot be read: {fault}") from None
        if any("\0" in header for header in received):
            reason, _ = encodings.reason_and_text("".join(received))
            raise CoaggError(
                f"{self.path}: its header line is damaged ({reason}); "
                "is it a table with a header line?"
            )
        return checked_headers(self.path, received), reader.line_num

    def _ends_in_delimiter(self, lines: list[str]) -> bool:
        """Whether every row has an empty field more than the header, behind a last delimiter."""
        one_more = len(self.headers) + 1
        reader = csv.reader((line + "\n" for line in lines), delimiter=self.delimiter)
        rows = 0
        try:
            for row in reader:
                if row and (len(row) != one_more or row[-1].strip()):
                    return False
                rows += bool(row)
        except csv.Error:
            return False
        return rows > 0

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        splitter = RecordSplitter(self._codec, self.delimiter, len(self._columns))
        first_row = 1
        with closing(_ByteStream(self.source, self._wide)) as stream:
            to_skip = self._skip_lines
            for block in line_blocks(stream):
                if to_skip:
                    block = block.removeprefix(encodings.UTF8_BOM)
                    if not block.strip():
                        continue
                    pieces = block.split(b"\n", to_skip)
                    block, to_skip = pieces[-1], to_skip - (len(pieces) - 1)
                table, malformed = self._parse(splitter.split(block), first_row, columns)
                first_row += table.num_rows + len(malformed)
                yield table, malformed
            yield self._parse(splitter.finish(), first_row, columns)

    def _parse(
        self, records: Records, first_row: int, columns: list[str]
    ) -> tuple[pa.Table, list[Malformed]]:
        malformed = [
            bad._replace(row_number=bad.row_number + first_row) for bad in records.malformed
        ]
        if not records.data.strip(b"\n"):
            schema = pa.schema([(header, pa.string()) for header in columns])
            return schema.empty_table(), malformed

        def refuse(row: Any) -> str:
            position = row.number - 1
            if records.sound is not None:
                position = int(records.sound[position])
            detail = f"{row.actual_columns} fields where the header has {len(self.headers)}"
            text = row.text[:KEPT_CHARS]
            malformed.append(Malformed(first_row + position, "row_malformed", detail, text))
            return "skip"

        data = records.data
        if data.startswith(encodings.UTF8_BOM):
            data = b"\n" + data  # Arrow would take this character for the file's BOM
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            # One block, so that no record is split; one thread, so that rows have numbers.
            pyarrow.csv.ReadOptions(
                column_names=self._columns, block_size=len(data) + 1, use_threads=False
            ),
            pyarrow.csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=refuse
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(self._columns, pa.string()),
                include_columns=[*columns, *self._columns[len(self.headers) :]],
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )
        malformed.sort(key=lambda bad: bad.row_number)
        if _EXTRA in table.column_names:
            return self._without_extra(table, malformed, first_row)
        return table, malformed

    def _without_extra(
        self, table: pa.Table, malformed: list[Malformed], first_row: int
    ) -> tuple[pa.Table, list[Malformed]]:
        """Drop the empty field behind the last delimiter; a row where it is not is malformed."""
        said = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(table[_EXTRA]), ""), False)
        rest = table.drop_columns([_EXTRA])
        if not pc.any(said).as_py():
            return rest, malformed
        taken = {bad.row_number for bad in malformed}
        count = table.num_rows + len(malformed)
        free = [n for n in range(first_row, first_row + count) if n not in taken]
        detail = f"{len(self._columns)} fields where the header has {len(self.headers)}"
        kept = said.to_numpy()
        bad = [
            Malformed(free[i], "row_malformed", detail, self.delimiter.join(v or "" for v in row))
            for i, row in zip(
                np.flatnonzero(kept).tolist(),
                (list(one.values()) for one in table.filter(said).to_pylist()),
                strict=True,
            )
        ]
        return rest.filter(pc.invert(said)), sorted(malformed + bad)


class _ByteStream:
    """The bytes of a table, unpacked, as UTF-8 where `wide` is their encoding."""

    def __init__(self, source: Source, wide: str | None, hashed: bool = False) -> None:
        self._source = source
        self._stream = source.open()
        # what is packed is hashed as received, by itself
        self._hashed = HashedFile(self._stream) if hashed and not source.kind else None
        bytes_: Any = self._hashed or self._stream
        self._from = encodings.AsUtf8(bytes_, wide) if wide else bytes_

    def read(self, size: int, /) -> bytes:
        data: bytes = self._from.read(size)
        return data

    def finish(self) -> tuple[str, int]:
        """Hash and size of the file as received."""
        return self._hashed.finish() if self._hashed else self._source.hashed()

    def close(self) -> None:
        self._stream.close()


def _cells(lines: list[str], delimiter: str) -> list[str]:
    """Cells of the first record, none where it cannot be split."""
    try:
        return next(csv.reader((line + "\n" for line in lines), delimiter=delimiter))
    except csv.Error:
        return []


def _sniff_delimiter(lines: list[str]) -> str:
    """The delimiter that splits the first lines alike, and into most fields."""
    best, best_score = DELIMITERS[0], (0.0, 1)
    sound = [lines[0]] + [line for line in lines[1:] if line and "\0" not in line]
    for delimiter in DELIMITERS:
        try:
            reader = csv.reader((line + "\n" for line in sound), delimiter=delimiter)
            widths = np.array([len(row) for row in reader])
        except csv.Error:
            continue
        if 1 < widths[0] <= MAX_COLUMNS:
            score = (float(np.mean(widths == widths[0])), int(widths[0]))
            if score > best_score:
                best, best_score = delimiter, score
    return best
