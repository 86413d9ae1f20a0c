"""Files of statistics programs: Stata, SPSS and SAS, through pyreadstat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyreadstat

from coagg.errors import CoaggError
from coagg.etl.files import encodings, limits, repeats, stata_values
from coagg.etl.files.packed import Source
from coagg.etl.files.table_file import FileState, checked_headers, without_nul
from coagg.etl.files.text_records import Malformed
from coagg.etl.files.typed_files import TypedFile, floats_as_text

_CELLS_HELD = 2_000_000  # read through Python objects
_JOINER = "\x1e"


_READERS: dict[str, tuple[Callable[..., Any], Callable[[str | None], str | None]]] = {
    "dta": (pyreadstat.read_dta, stata_values.unit_of),
    "sav": (pyreadstat.read_sav, stata_values.unit_of_spss),
    "sas7bdat": (pyreadstat.read_sas7bdat, stata_values.unit_of_sas),
    "xpt": (pyreadstat.read_xport, stata_values.unit_of_sas),
}
_SAS = bytes(12) + bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")
_XPORT = (b"HEADER RECORD*******LIBRARY HEADER", b"HEADER RECORD*******LIBV8   HEADER")


def format_of(start: bytes) -> str | None:
    """dta, sav (also zsav), sas7bdat or xpt, by the first bytes of a file; None for another one."""
    # Stata's from 117 on open with a tag, earlier ones with version, byte order, 1 and 0
    if start.startswith(b"<stata_dta>") or (
        len(start) > 4 and 102 <= start[0] <= 115 and start[1] in (1, 2) and start[2:4] == b"\1\0"
    ):
        return "dta"
    if start.startswith((b"$FL2", b"$FL3")):
        return "sav"
    if start.startswith(_SAS):
        return "sas7bdat"
    return "xpt" if start.startswith(_XPORT) else None


class StatisticsFile(TypedFile):
    """A file of Stata, SPSS or SAS, of any version that pyreadstat reads.

    Versions of Stata before 118 do not say their encoding, and newer ones are wrong about it when
    old files were converted. So text is read byte for byte (as Latin-1) and decoded here, in the
    encoding that fits all text of the file. Dates come out as 2005-12-31, 2005-12, 2005-Q4 or 2005.
    A column with value labels comes out as its labels where these are the codes (`_labels`).
    """

    def __init__(
        self,
        path: Path,
        state: FileState,
        source: Source,
        kind: str = "dta",
        stated: str | None = None,
    ) -> None:
        """Read all text once to find its encoding, unless it is stated. Raises CoaggError."""
        self.format = kind + source.suffix
        super().__init__(path, state, source)
        if stated in encodings.WIDE:
            raise CoaggError(f"{path}: a {kind} file is never in {stated}; leave out --encoding")
        self._stated = stated
        self._kind = kind
        self._reader, self._unit_of = _READERS[kind]
        with self.library():
            self._describe()

    def _describe(self) -> None:
        path = self.path
        about = self._read(metadataonly=True)[1]
        self._names = list(about.column_names)
        self._kinds = dict(about.readstat_variable_types)
        self._formats = dict(about.original_variable_types)
        if not self._names:
            raise CoaggError(f"{path}: has no columns")
        self._rows = self._counted(about.number_rows)
        if not self._rows:
            raise CoaggError(f"{path}: has a header but no rows; is it the right file?")
        texts = [name for name in self._names if self._kinds[name] == "string"]
        longest = repeats.stata_longest(self.data) if self._kind == "dta" else 0
        # a strL states no width of its own
        widths = [about.variable_storage_width[name] or longest for name in self._names]
        most = limits.limit(self.bytes, whole=True)
        if longest > limits.LONGEST_TEXT:
            raise limits.too_large(path, "holds a text of", longest, limits.LONGEST_TEXT)
        size = sum(widths) * self._rows
        if self._kind != "dta" and size > limits.limit(self.bytes):  # they may be compressed
            raise limits.too_large(path, "unpacks to", size, limits.limit(self.bytes))
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
            if labels and self._kinds[name] != "string":
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
            return self._reader(
                str(self.data),
                encoding="LATIN1",
                output_format="dict",
                disable_datetime_conversion=True,
                **options,
            )

    def _counted(self, stated: int | None) -> int:
        """Rows of the file; not every format says it."""
        if stated is not None and stated >= 0:
            return int(stated)
        rows = 0
        while True:
            column = next(
                iter(self._read(row_offset=rows, row_limit=_CELLS_HELD // 10)[0].values())
            )
            if not len(column):
                return rows
            rows += len(column)

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
                raise CoaggError(
                    f"{self.path}: is a damaged or truncated {self.format} file; fetch it again"
                )
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
        if unit := self._unit_of(self._formats[name]):
            dates = [stata_values.date_of(value, unit) for value in values]
            return pa.array(dates, pa.string())
        numbers = pa.chunked_array([pa.array(values, pa.float64())])
        if kind == "float":
            numbers = numbers.cast(pa.float32())
        return floats_as_text(numbers)

    def _all_decoded(self, values: list[str]) -> list[str]:
        joined = _JOINER.join(values)
        if joined.isascii() and "\0" not in joined:
            return values
        decoded = self._decoded(joined).split(_JOINER)
        return decoded if len(decoded) == len(values) else [self._decoded(v) for v in values]

    def _decoded(self, text: str) -> str:
        data = text.replace("\0", encodings.NUL_RECEIVED).encode("latin-1", "replace")
        return encodings.decode_marked(data, self.encoding or "utf-8")
