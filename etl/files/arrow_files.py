"""Parquet, GeoParquet, Feather and Arrow's own files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from coagg.errors import CoaggError
from coagg.etl.files import confined, geometry, repeats
from coagg.etl.files.packed import Source
from coagg.etl.files.table_file import FileState, checked_headers, without_nul
from coagg.etl.files.text_records import Malformed
from coagg.etl.files.typed_files import TypedFile, is_bytes, is_text, text_table

_LOOKED_AT = 1_000  # bytes of a column, to tell whether they are text
PARQUET, ARROW = b"PAR1", b"ARROW1"


class ColumnFile(TypedFile):
    """A file of columns with types; bytes that are no text come out in hexadecimal.

    Columns of lists or records are left out, and told. A geometry (of GeoParquet, or of GeoArrow)
    gives two columns of coordinates in its place.
    """

    def __init__(self, path: Path, state: FileState, source: Source) -> None:
        """Read the footer and the first rows. Raises CoaggError."""
        super().__init__(path, state, source)
        self.format += source.suffix
        with self.library():
            schema, self._rows = self._schema()
            self._geometry = _geometry(schema)
            self._two_numbers = self._geometry is not None and pa.types.is_struct(
                _flat(schema.field(self._geometry).type)
            )
        names = [name for name in schema.names if name != self._geometry]
        nested = {name for name in names if pa.types.is_nested(schema.field(name).type)}
        if nested:
            told = ", ".join(sorted(nested))[:200]
            self.notes.append(f"not read, as it holds lists or records: column {told}")
        names = [name for name in names if name not in nested]
        if not names and not self._geometry:
            raise CoaggError(f"{path}: has no column of one value a row; flatten it")
        if not self._rows:
            raise CoaggError(f"{path}: has a header but no rows; is it the right file?")
        self.headers = checked_headers(path, names)
        self._names = dict(zip(self.headers, names, strict=True))
        self._points = geometry.Points()
        if self._geometry:
            self.point = geometry.headers_of_point(self.headers)
            self.headers += self.point
            self._system = geometry.System(_crs(schema, self._geometry))
            self.crs = self._system.datum
            self.notes += self._system.notes
        binary = [h for h, name in self._names.items() if is_bytes(_flat(schema.field(name).type))]
        self._in_hex = self._no_text(binary) if binary else set()
        if self._in_hex:
            told = ", ".join(sorted(self._in_hex))[:200]
            self.notes.append(f"bytes that are no text, read as hexadecimal: column {told}")

    def _schema(self) -> tuple[pa.Schema, int]:
        """Columns of the file and the number of its rows."""
        raise NotImplementedError

    def _each_once(self, schema: pa.Schema) -> pa.Schema:
        """The schema; its columns are read by their names. Raises CoaggError for one twice."""
        if twice := sorted({name for name in schema.names if schema.names.count(name) > 1}):
            told = " ".join(", ".join(map(repr, twice)).split())[:200]
            raise CoaggError(f"{self.path}: several columns are named {told}; rename all but one")
        return schema

    def _batches(self, rows: int, names: list[str]) -> Iterator[pa.RecordBatch]:
        """The columns of these names, in batches of about `rows` rows."""
        raise NotImplementedError

    def _no_text(self, headers: list[str]) -> set[str]:
        found = set()
        with self.library():
            names = [self._names[header] for header in headers]
            first = next(self._batches(_LOOKED_AT, names), None)
            for header, name in zip(headers, names, strict=True):
                values = first.column(name).slice(0, _LOOKED_AT).to_pylist() if first else []
                said = [is_text(value) for value in values if value is not None]
                if 2 * sum(said) < len(said):
                    found.add(header)
        return found

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        self._points = geometry.Points()
        plain = [header for header in columns if header in self._names]
        names = [self._names[header] for header in plain]
        shape = [self._geometry] if self._geometry and len(plain) < len(columns) else []
        first_row = 1
        with self.library():
            batches = self._batches(rows, [*names, *shape])
        with closing(batches):  # type: ignore[type-var]
            while True:
                with self.library():
                    batch = next(batches, None)
                    if batch is None:
                        break
                    whole = pa.Table.from_batches([batch])
                    part = whole.select(names).rename_columns(plain)
                    text = text_table(part, self._in_hex)
                    if shape:
                        text = self._with_point(text, whole[shape[0]]).select(columns)
                    text = text.select(columns)
                yield without_nul(text, first_row)
                first_row += batch.num_rows
        if first_row != self._rows + 1:
            raise CoaggError(f"{self.path}: is a damaged {self.format} file; fetch it again")
        self.tell_once(self._points.notes())

    def _with_point(self, table: pa.Table, shape: pa.ChunkedArray) -> pa.Table:
        assert self.point is not None
        flat = pa.chunked_array([_storage(chunk) for chunk in shape.chunks])
        if pa.types.is_struct(flat.type):
            both = [flat.combine_chunks().field(axis) for axis in ("x", "y")]
            lon, lat = text_table(pa.table(both, names=list("xy"))).columns
        else:
            lon, lat = self._points.of_wkb(flat.combine_chunks())
        return self._system.with_point(table, self.point, (lon, lat))


class ParquetFile(ColumnFile):
    """A Parquet file."""

    format = "parquet"

    def _schema(self) -> tuple[pa.Schema, int]:
        with pyarrow.parquet.ParquetFile(self.data):
            pass  # says what is wrong in most cases
        confined.check_footer(self.data)
        with pyarrow.parquet.ParquetFile(self.data) as file:
            return self._each_once(file.schema_arrow), file.metadata.num_rows

    def _batches(self, rows: int, names: list[str]) -> Iterator[pa.RecordBatch]:
        # a geometry of two numbers names nothing that is long
        flat = [name for name in names if name != self._geometry or not self._two_numbers]
        at_once = repeats.parquet_rows(self.data, flat, rows)
        with pyarrow.parquet.ParquetFile(self.data) as file:
            yield from file.iter_batches(at_once, columns=names, use_threads=False)


class ArrowFile(ColumnFile):
    """A Feather file (version 2), which is Arrow's own format for files."""

    format = "arrow"

    def _schema(self) -> tuple[pa.Schema, int]:
        rows = 0
        with pa.OSFile(str(self.data)) as raw:
            reader = pa.ipc.open_file(raw)
            schema = self._each_once(reader.schema)
        repeats.check_arrow(self.data)
        for batch in self._batches(1, schema.names[:1]):
            rows += batch.num_rows
        return schema, rows

    def _batches(self, rows: int, names: list[str]) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self.data)) as raw:
            fields = pa.ipc.open_file(raw).schema
            options = pa.ipc.IpcReadOptions(
                use_threads=False, included_fields=[fields.get_field_index(n) for n in names]
            )
            reader = pa.ipc.open_file(raw, options=options)
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                batch.validate(full=True)
                # a column that is a dictionary is held once; as text it is not
                for start in range(0, batch.num_rows, rows) if names else ():
                    yield batch.slice(start, rows)


def _geometry(schema: pa.Schema) -> str | None:
    """The column of a file's geometry: GeoParquet names it, GeoArrow marks it."""
    metadata = schema.metadata or {}
    if b"geo" in metadata:
        try:
            about = json.loads(metadata[b"geo"])
            name = about["primary_column"]
            encoding = about["columns"][name]["encoding"]
        except (ValueError, KeyError, TypeError, RecursionError):
            name = None
        else:
            field = schema.field(name) if name in schema.names else None
            if field is not None and _is_shape(field.type, str(encoding)):
                return str(name)
    for field in schema:
        kind = (field.metadata or {}).get(b"ARROW:extension:name", b"").decode("utf-8", "replace")
        kind = kind or getattr(field.type, "extension_name", "")
        if kind in ("geoarrow.wkb", "ogc.wkb", "geoarrow.point") and _is_shape(
            field.type, "WKB" if kind.endswith("wkb") else "point"
        ):
            return str(field.name)
    return None


def _is_shape(kind: pa.DataType, encoding: str) -> bool:
    kind = _flat(kind)
    if encoding == "WKB":
        return is_bytes(kind)
    return (
        encoding == "point"
        and pa.types.is_struct(kind)
        and {"x", "y"} <= {kind.field(n).name for n in range(kind.num_fields)}
    )


def _flat(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _storage(chunk: pa.Array) -> pa.Array:
    return chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk


def _crs(schema: pa.Schema, name: str) -> Any:
    """What the file says of its coordinate system; None where it says that nothing is known."""
    try:
        about = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
        stated = about.get("columns", {}).get(name, {}).get("crs", "OGC:CRS84")
        if not about:
            field = schema.field(name)
            said = (field.metadata or {}).get(b"ARROW:extension:metadata", b"{}")
            stated = json.loads(said or b"{}").get("crs")
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return json.dumps(stated) if isinstance(stated, dict) else stated
