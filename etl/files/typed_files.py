"""Tables whose format carries types: Stata files and Parquet; workbooks are in `workbooks`.

Values come out as text: whole numbers without a decimal point, other numbers in their shortest
form, leading zeros of text columns as they are. A file that keeps codes as numbers has lost their
zeros already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pyreadstat

from coagg.errors import CoaggError
from coagg.etl.files import encodings, limits, repeats, stata_values
from coagg.etl.files.table_file import (
    FileState,
    HashedFile,
    TableFile,
    checked_headers,
    nul_marked,
    open_binary,
    without_nul,
)
from coagg.etl.files.text_records import Malformed

_LARGEST_WHOLE = 2.0**53  # beyond it a double does not tell neighbouring whole numbers apart
_CELLS_HELD = 2_000_000  # of a Stata file, read through Python objects
_JOINER = "\x1e"


class TypedFile(TableFile):
    """A file that its library reads from disk; hashed first."""

    encoding: str | None = None

    def __init__(self, path: Path, state: FileState) -> None:
        super().__init__(path, state)
        with open_binary(path) as file:
            self.sha256, self.bytes = HashedFile(file).finish()

    @contextmanager
    def library(self) -> Iterator[None]:
        """Turn whatever a library says of a damaged file into one line.

        On bytes that only resemble their format the libraries raise errors of any type, and
        panics of Rust, which are no Exception.
        """
        try:
            yield
        except (CoaggError, KeyboardInterrupt, SystemExit):
            raise
        except MemoryError:
            raise CoaggError(
                f"{self.path}: takes more memory to read than there is; save it in parts, or as csv"
            ) from None
        except BaseException as fault:
            reason = " ".join(str(fault).split())[:200] or type(fault).__name__
            raise CoaggError(
                f"{self.path}: is a damaged or truncated {self.format} file ({reason}); "
                "fetch it again"
            ) from None


class StataFile(TypedFile):
    """A Stata file of any version.

    Versions before 118 do not say their encoding, and newer ones are wrong about it when old
    files were converted. So text is read byte for byte (as Latin-1) and decoded here, in the
    encoding that fits all text of the file. Dates come out as 2005-12-31, 2005-12, 2005-Q4 or 2005.
    A column with value labels comes out as its labels where these are the codes (`_labels`).
    """

    format = "dta"

    def __init__(self, path: Path, state: FileState, stated: str | None = None) -> None:
        """Read all text once to find its encoding, unless it is stated. Raises CoaggError."""
        super().__init__(path, state)
        if stated in encodings.WIDE:
            raise CoaggError(f"{path}: a Stata file is never in {stated}; leave out --encoding")
        self._stated = stated
        with self.library():
            self._describe()

    def _describe(self) -> None:
        path = self.path
        about = self._read(metadataonly=True)[1]
        self._rows = int(about.number_rows)
        self._names = list(about.column_names)
        self._kinds = dict(about.readstat_variable_types)
        self._formats = dict(about.original_variable_types)
        if not self._names:
            raise CoaggError(f"{path}: has no columns")
        if not self._rows:
            raise CoaggError(f"{path}: has a header but no rows; is it the right file?")
        texts = [name for name in self._names if self._kinds[name] == "string"]
        longest = repeats.stata_longest(path)
        # a strL states no width of its own
        widths = [about.variable_storage_width[name] or longest for name in self._names]
        most = limits.limit(self.bytes, whole=True)
        if longest > limits.LONGEST_TEXT:
            raise limits.too_large(path, "holds a text of", longest, limits.LONGEST_TEXT)
        self._rows_held = max(most // 8 // max(sum(widths), 1), 1)
        detector = encodings.EncodingDetector()
        detector.feed("\n".join(self._names).encode("latin-1", "replace") + b"\n")
        for _, values in self._chunks(texts) if texts else ():
            for column in values.values():
                detector.feed("\n".join(column).encode("latin-1", "replace") + b"\n")
        self.encoding, self.encoding_confidence = detector.decide(path, self._stated)
        self.headers = checked_headers(path, [self._decoded(name) for name in self._names])
        self._labels = self._value_labels(about.variable_value_labels)

    def _value_labels(self, received: Mapping[str, Mapping[Any, str]]) -> dict[str, dict[Any, str]]:
        """Labels of the columns that are read as such; the user is told which, and which not."""
        as_labels: dict[str, dict[Any, str]] = {}
        headers: dict[bool, list[str]] = {True: [], False: []}
        for name, header in zip(self._names, self.headers, strict=True):
            labels = {value: self._decoded(text) for value, text in received.get(name, {}).items()}
            if labels:
                used = stata_values.are_values(labels)
                headers[used].append(header)
                if used:
                    as_labels[name] = labels
        if headers[True]:
            self.notes.append(f"read as its value labels: column {', '.join(headers[True])}")
        if headers[False]:
            self.notes.append(
                f"read as numbers, its value labels left: column {', '.join(headers[False])}"
            )
        return as_labels

    def _read(self, **options: Any) -> tuple[Any, Any]:
        with self.library():
            return pyreadstat.read_dta(
                str(self.path),
                encoding="LATIN1",
                output_format="dict",
                disable_datetime_conversion=True,
                **options,
            )

    def _chunks(
        self, names: list[str], rows: int = 50_000
    ) -> Iterator[tuple[int, dict[str, list[Any]]]]:
        rows = max(min(rows, _CELLS_HELD // len(names), self._rows_held), 1)
        for start in range(0, self._rows, rows):
            values, _ = self._read(row_offset=start, row_limit=rows, usecols=names)
            expected = min(rows, self._rows - start)
            if sorted(values) != sorted(names) or any(
                len(column) != expected for column in values.values()
            ):
                raise CoaggError(f"{self.path}: is a damaged or truncated dta file; fetch it again")
            yield start, values

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        names = dict(zip(self.headers, self._names, strict=True))
        for start, values in self._chunks([names[header] for header in columns], rows):
            with self.library():
                arrays = [self._column(names[header], values[names[header]]) for header in columns]
            yield without_nul(pa.table(arrays, names=columns), start + 1)

    def _column(self, name: str, values: list[Any]) -> pa.Array:
        kind = self._kinds[name]
        if kind == "string":
            text = pa.array(self._all_decoded(values), pa.string())
            return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        if labels := self._labels.get(name):
            values = [value if value is None else labels.get(value, value) for value in values]
            texts = [f"{v:g}" if isinstance(v, int | float) else v for v in values]
            return pa.array(texts, pa.string())
        if unit := stata_values.unit_of(self._formats[name]):
            dates = [stata_values.date_of(value, unit) for value in values]
            return pa.array(dates, pa.string())
        numbers = pa.chunked_array([pa.array(values, pa.float64())])
        if kind == "float":
            numbers = numbers.cast(pa.float32())
        return _floats_as_text(numbers)

    def _all_decoded(self, values: list[str]) -> list[str]:
        joined = _JOINER.join(values)
        if joined.isascii() and "\0" not in joined:
            return values
        decoded = self._decoded(joined).split(_JOINER)
        return decoded if len(decoded) == len(values) else [self._decoded(v) for v in values]

    def _decoded(self, text: str) -> str:
        data = text.replace("\0", encodings.NUL_RECEIVED).encode("latin-1", "replace")
        return encodings.decode_marked(data, self.encoding or "utf-8")


class ParquetFile(TypedFile):
    """A Parquet file of flat columns."""

    format = "parquet"

    def __init__(self, path: Path, state: FileState) -> None:
        """Read the footer. Raises CoaggError."""
        super().__init__(path, state)
        with self._opened() as file:
            with self.library():
                names = file.schema_arrow.names
            self.headers = checked_headers(path, names)
            if file.metadata.num_rows == 0:
                raise CoaggError(f"{path}: has a header but no rows; is it the right file?")

    def _opened(self) -> pyarrow.parquet.ParquetFile:
        with self.library():
            return pyarrow.parquet.ParquetFile(self.path)

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        first_row = 1
        with self._opened() as file:
            names = dict(zip(self.headers, file.schema_arrow.names, strict=True))
            received = [names[header] for header in columns]
            for header in columns:
                _refuse_nested(self.path, header, file.schema_arrow.field(names[header]).type)
            with self.library():
                at_once = repeats.parquet_rows(self.path, received, rows)
            batches = file.iter_batches(at_once, columns=received, use_threads=False)
            while True:
                with self.library():
                    batch = next(batches, None)
                    if batch is None:
                        break
                    part = pa.Table.from_batches([batch]).select(received).rename_columns(columns)
                    text = text_table(part, self.path)
                yield without_nul(text, first_row)
                first_row += part.num_rows
            if first_row != file.metadata.num_rows + 1:
                raise CoaggError(f"{self.path}: is a damaged parquet file; fetch it again")


def _refuse_nested(path: Path, header: str, kind: pa.DataType) -> None:
    if pa.types.is_nested(kind):
        raise CoaggError(f"{path}: column {header} holds {kind} values; flatten it to one a row")


def text_table(part: pa.Table, path: Path) -> pa.Table:
    """All columns of a table as text. Raises CoaggError for nested ones."""
    arrays = []
    for header, column in zip(part.column_names, part.columns, strict=True):
        _refuse_nested(path, header, column.type)
        text = as_text(column)
        arrays.append(pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text))
    return pa.table(arrays, names=part.column_names)


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of any flat type as strings; NUL characters and bytes that are no text marked."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_text(column.cast(kind.value_type))
    if pa.types.is_floating(kind):
        if pa.types.is_float16(kind):
            column = column.cast(pa.float32())
        return _floats_as_text(column)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = [None if value is None else _bytes_as_text(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:  # text that is no UTF-8
        return as_text(column.cast(pa.binary()))
    return nul_marked(column.cast(pa.string()))


def _bytes_as_text(value: bytes) -> str:
    return encodings.decode_marked(value.replace(b"\0", b"\0N"), "utf-8")


def _floats_as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = pc.and_(pc.equal(pc.trunc(column), column), pc.less(pc.abs(column), _LARGEST_WHOLE))
    whole = pc.fill_null(whole, False)
    integers = pc.if_else(whole, column, pa.scalar(0, column.type)).cast(pa.int64())
    text = pc.if_else(whole, integers.cast(pa.string()), column.cast(pa.string()))
    return pc.if_else(pc.is_null(column, nan_is_null=True), pa.scalar(None, pa.string()), text)
