"""A result written down: csv, json, parquet, geojson or gpkg. Codes stay text in all of them."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from coagg import writing
from coagg.database.ask import Column, Result
from coagg.errors import CoaggError, remedy

TEXT = ("csv", "json", "geojson")
GEOGRAPHIC = {"geojson": "GeoJSON", "gpkg": "GPKG"}
FORMATS = ("table", *TEXT, "parquet", "gpkg")
NUMBERS = ("integer", "float", "decimal")


def write_text(result: Result, format_: str, file: IO[str]) -> int:
    """Write csv, json or geojson; returns the number of rows."""
    _check(result.columns, format_)
    if format_ == "csv":
        return _csv(result, file)
    if format_ == "json":
        return _json(result, file)
    frame = _frame(result)
    if frame.crs is not None:
        frame = frame.to_crs(4326)  # GeoJSON knows no other
    file.write(frame.to_json(drop_id=True, ensure_ascii=False))
    file.write("\n")
    return len(frame)


def write_file(result: Result, format_: str, path: Path) -> int:
    """Write a file of any format, whole or not at all; returns the number of rows.

    Single firms may be in it: its owner alone may read it. Raises CoaggError where it cannot be
    written, or the result does not fit the format.
    """
    _check(result.columns, format_)
    if path.exists() and not path.is_file():
        raise CoaggError(f"{path} is no file: name a file to write")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem[:80]}-") as folder:
            aside = Path(folder) / path.name
            rows = _write(result, format_, aside)
            aside.chmod(writing.PRIVATE_FILE)
            aside.replace(path)
    except OSError as fault:
        raise CoaggError(
            f"{path} cannot be written: {fault.strerror or fault}; {remedy(fault)}"
        ) from None
    return rows


def _write(result: Result, format_: str, path: Path) -> int:
    if format_ in TEXT:
        with writing.open_private(path, encoding="utf-8", newline="") as file:
            return write_text(result, format_, file)
    if format_ == "parquet":
        return _parquet(result, path)
    frame = _frame(result)
    frame.to_file(path, driver=GEOGRAPHIC[format_], layer=path.stem, engine="pyogrio")
    return len(frame)


def shown(value: Any, kind: str = "text") -> str:
    """A value as a person reads it: nothing for null, well-known text for a geometry."""
    if value is None:
        return ""
    if kind == "geometry":
        return str(_geometry(value).wkt)
    if kind == "boolean":
        return "true" if value else "false"
    if kind in ("json", "list"):
        return json.dumps(_plain(value), ensure_ascii=False)
    plain = _plain(value, numbers=False)
    return str(plain)


def _check(columns: Iterable[Column], format_: str) -> None:
    names = [column.name for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice and format_ != "csv":
        raise CoaggError(f"two columns are called {twice[0]}: name them apart with AS")
    geometries = [column.name for column in columns if column.kind == "geometry"]
    if format_ in GEOGRAPHIC and len(geometries) != 1:
        raise CoaggError(
            f"{format_} holds one geometry, the result has "
            f"{', '.join(geometries) or 'none'}: ask for one, or for another format"
        )


def _csv(result: Result, file: IO[str]) -> int:
    writer = writing.CsvWriter(file, lineterminator="\n")
    writer.writerow([column.name for column in result.columns])
    kinds = [column.kind for column in result.columns]
    rows = 0
    for row in result.rows:
        writer.writerow(
            value if kind in NUMBERS else shown(value, kind)
            for value, kind in zip(row, kinds, strict=True)
        )
        rows += 1
    return rows


def _json(result: Result, file: IO[str]) -> int:
    rows = 0
    file.write("[")
    for row in result.rows:
        document = {}
        for column, value in zip(result.columns, row, strict=True):
            if column.kind == "geometry" and value is not None:
                document[column.name] = _geometry(value).__geo_interface__
            else:
                document[column.name] = _plain(value)
        file.write(",\n" if rows else "\n")
        file.write(json.dumps(document, ensure_ascii=False, allow_nan=False))
        rows += 1
    file.write("\n]\n")
    return rows


def _parquet(result: Result, path: Path) -> int:
    if any(column.kind == "geometry" for column in result.columns):
        _check(result.columns, "gpkg")
        frame = _frame(result)
        frame.to_parquet(path, index=False)
        return len(frame)
    import pyarrow.parquet as pq

    table = _arrow(result)
    pq.write_table(table, path)
    return int(table.num_rows)


def _arrow(result: Result) -> Any:
    """The result as an Arrow table; types are those of the columns, with rows or without."""
    import pyarrow as pa

    types = {
        "boolean": pa.bool_(), "integer": pa.int64(), "float": pa.float64(),
        "decimal": pa.float64(), "date": pa.date32(), "timestamp": pa.timestamp("us"),
        "timestamp with zone": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    fields = [
        pa.field(column.name, types.get(column.kind, pa.string())) for column in result.columns
    ]
    values: list[list[Any]] = [[] for _ in fields]
    for row in result.rows:
        for place, column, value in zip(values, result.columns, row, strict=True):
            if value is None or (column.kind in types and column.kind != "decimal"):
                place.append(value)
            else:
                place.append(
                    float(value) if column.kind == "decimal"
                    else value if column.kind == "geometry" else shown(value, column.kind)
                )  # fmt: skip
    arrays = [pa.array(v, field.type) for v, field in zip(values, fields, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _frame(result: Result) -> Any:
    """The result as a GeoDataFrame; whole numbers stay whole where some are missing."""
    import geopandas
    import pandas as pd
    import pyarrow as pa
    import shapely

    (name,) = [column.name for column in result.columns if column.kind == "geometry"]
    whole = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = _arrow(result).to_pandas(types_mapper=whole.get, date_as_object=True)
    for column in result.columns:
        if column.kind == "date":
            frame[column.name] = frame[column.name].map(lambda v: v and v.isoformat())
    shapes = shapely.from_wkb(frame[name].to_numpy(dtype=object))
    numbers = {int(number) for number in shapely.get_srid(shapes[shapes != None])}  # noqa: E711
    if len(numbers) > 1:
        raise CoaggError(f"geometries of several SRIDs ({numbers}): st_transform them to one")
    srid = numbers.pop() if numbers else 0
    frame[name] = geopandas.GeoSeries(shapes, index=frame.index, crs=srid or None)
    return geopandas.GeoDataFrame(frame, geometry=name, crs=srid or None)


def _geometry(value: str) -> Any:
    import shapely

    return shapely.from_wkb(value)


def _plain(value: Any, *, numbers: bool = True) -> Any:
    """The value in terms of JSON; without `numbers` decimals keep every digit, as text."""
    if isinstance(value, Decimal):
        if not numbers:
            return str(value)
        if not value.is_finite():
            return None
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and numbers:
        return value if math.isfinite(value) else None
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
