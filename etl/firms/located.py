"""Points of the rows of a batch: of two pairs of columns, each row in the system it names.

`read_points` of points.py reads one pair in one datum; here stands which text, which datum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl import coordinates
from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import Batch
from coagg.etl.firms import degrees as firm_degrees
from coagg.etl.firms import layouts, row_crs
from coagg.etl.firms import points as firm_points
from coagg.etl.reference import countries

# Two pairs of columns may be this far apart: a postcode beside its house, a datum beside another.
DIFFER_METRES = 1_000.0
_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True)
class Located:
    """Points of n rows, and the same in WGS-84 (NaN where refused).

    `datum` is that of each row's source coordinates (object, n). `second` marks points of the
    second pair of columns, `differ` rows whose two pairs lie more than DIFFER_METRES apart.
    `beside` is where the second pair says the points are, in WGS-84 (NaN where it does not).
    """

    points: firm_points.Points
    lon: np.ndarray
    lat: np.ndarray
    datum: np.ndarray
    second: np.ndarray
    differ: np.ndarray
    beside: tuple[np.ndarray, np.ndarray]


def locate(batch: Batch, mapping: layouts.Mapping, country: str, datum: str | None) -> Located:
    """Read the points of a batch; `datum` is that of rows which name none."""
    lon, lat = mapping.columns["lon"], mapping.columns["lat"]
    assert lon is not None  # a layout without them maps no file
    assert lat is not None
    points, datums = _pair(batch, mapping, (lon, lat), country, datum, own_system=True)
    at = wgs84(points.lon, points.lat, datums)
    second = np.zeros(len(datums), dtype=bool)
    differ = np.zeros(len(datums), dtype=bool)
    beside = (np.full(len(datums), np.nan), np.full(len(datums), np.nan))
    pair = mapping.second_point
    if pair is not None:
        names = (pair.lon, pair.lat)
        further, theirs = _pair(batch, mapping, names, country, pair.datum or datum, False)
        beside = wgs84(further.lon, further.lat, theirs)
        with np.errstate(invalid="ignore"):
            east = (beside[0] - at[0]) * np.cos(np.radians(at[1]))
            differ = np.hypot(east, beside[1] - at[1]) * _METRES_A_DEGREE > DIFFER_METRES
        points, second = firm_points.filled(points, further, differ)
        at = (np.where(second, beside[0], at[0]), np.where(second, beside[1], at[1]))
        datums = np.where(second, theirs, datums)
    return Located(points, *at, datums, second, differ, beside)


def wgs84(lon: np.ndarray, lat: np.ndarray, datums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (float64, n) to WGS-84, each from its datum; NaN stays."""
    x, y = np.full(len(lon), np.nan), np.full(len(lat), np.nan)
    for datum in set(datums.tolist()):
        rows = equal(datums, datum) & np.isfinite(lon) & np.isfinite(lat)
        if rows.any():  # none where the datum is not known
            x[rows], y[rows] = coordinates.to_wgs84(lon[rows], lat[rows], datum or "wgs84")
    return x, y


def equal(datums: np.ndarray, datum: str | None) -> np.ndarray:
    """Where datums (object, n) are one, which may be None (bool, n)."""
    return np.array([each == datum for each in datums.tolist()], dtype=bool)


def pair_texts(batch: Batch, lon: str, lat: str) -> firm_degrees.OneColumn:
    """Trimmed text of two headers of coordinates, which may be one and the same."""
    first = firm_values.trimmed(batch.table[lon].combine_chunks())
    if lon == lat:
        return firm_degrees.both_of_one(first)
    other = firm_values.trimmed(batch.table[lat].combine_chunks())
    return firm_degrees.OneColumn(first, other, pa.nulls(len(first), pa.string()))


def headers(mapping: layouts.Mapping) -> list[str]:
    """The headers that `locate` reads, each once."""
    names = [mapping.columns[name] for name in ("lon", "lat", "crs", "hemisphere")]
    if mapping.second_point is not None:
        names += [mapping.second_point.lon, mapping.second_point.lat]
    return list(dict.fromkeys(name for name in names if name is not None))


def _pair(
    batch: Batch,
    mapping: layouts.Mapping,
    names: tuple[str, str],
    country: str,
    datum: str | None,
    own_system: bool,
) -> tuple[firm_points.Points, np.ndarray]:
    """Points of a pair of columns and the datum of each (object, n)."""
    lon, lat, srid = pair_texts(batch, *names)
    datums = np.full(len(lon), datum, dtype=object)
    if own_system:
        _state(datums, batch, mapping, srid, country)
    # millions of rows in one system are read in one piece
    spelling = mapping.spelling
    parts = []
    known = list(dict.fromkeys(datums.tolist()))
    if known in ([], [datum]):
        return firm_points.read_points(lon, lat, country, datum, spelling), datums
    for one in known:
        rows = np.flatnonzero(equal(datums, one))
        if one == row_crs.UNKNOWN:
            no_point = pa.array([firm_degrees.UNREADABLE] * len(rows))
            read = firm_points.read_points(no_point, no_point, country)
        else:
            of = pa.array(rows)
            read = firm_points.read_points(lon.take(of), lat.take(of), country, one, spelling)
        parts.append((rows, read))
    order = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
    fields = zip(*(read for _, read in parts), strict=True)
    joined = (np.concatenate(arrays)[order] for arrays in fields)
    return firm_points.Points(*joined), datums


def _state(
    datums: np.ndarray, batch: Batch, mapping: layouts.Mapping, srid: pa.Array, country: str
) -> None:
    """Write the systems that rows name over the datum of the file."""
    column = mapping.columns["crs"]
    stated = srid
    half = pa.nulls(len(srid), pa.string())
    if column is not None:
        stated = firm_values.trimmed(batch.table[column].combine_chunks())
        stated = stated if srid.null_count == len(srid) else pc.coalesce(srid, stated)
        if (name := mapping.columns["hemisphere"]) is not None:
            half = firm_values.trimmed(batch.table[name].combine_chunks())
    if stated.null_count == len(stated):
        return
    _, south, _, north = countries.box(country)
    known: dict[tuple[str | None, str | None], str | None] = {}
    base = datums[0] if len(datums) else None
    pairs = zip(stated.to_pylist(), half.to_pylist(), strict=True)
    for row, pair in enumerate(pairs):
        if pair not in known:
            known[pair] = row_crs.datum_of(*pair, south, north, base)
        if known[pair] is not None:
            datums[row] = known[pair]
