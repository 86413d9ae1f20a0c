"""Geometry of a file as two columns of numbers, and its coordinate system as a datum.

A firm is a point. Of an area or a line a point inside is taken, and the user is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyproj
import shapely

from coagg.etl import coordinates

POINT, MULTIPOINT = 0, 4
_NAMES = ("lon", "lat")
_OTHER_NAMES = ("geometry lon", "geometry lat")
_NULL = pa.scalar(None, pa.string())


def headers_of_point(headers: Sequence[str]) -> tuple[str, str]:
    """Names of the two columns; "lon" and "lat" where the file has no such columns itself.

    Examples
    --------
    >>> headers_of_point(["id"]), headers_of_point(["id", "LAT"])
    (('lon', 'lat'), ('geometry lon', 'geometry lat'))
    """
    taken = {header.strip().lower() for header in headers}
    return _OTHER_NAMES if taken & set(_NAMES) else _NAMES


def datum_of(crs: object) -> str | None:
    """The datum of a coordinate system; None where it has no code of EPSG.

    Examples
    --------
    >>> [datum_of(crs) for crs in ("OGC:CRS84", "EPSG:32648", "EPSG:27700", "+proj=robin")]
    ['wgs84', 'EPSG:32648', 'osgb36', None]
    """
    try:
        system = pyproj.CRS.from_user_input(crs)
        if system.is_compound:
            system = system.sub_crs_list[0]
        code = system.to_epsg(min_confidence=70)
    except (pyproj.exceptions.CRSError, TypeError, ValueError, IndexError):
        return None
    if system.name.startswith("WGS 84 (CRS84)") or code in (4326, 4979):
        return "wgs84"
    return coordinates.OSGB36 if code == 27700 else f"EPSG:{code}" if code else None


class Points:
    """What the geometries of a file are, and the notes on them."""

    def __init__(self) -> None:
        self.kinds: dict[str, int] = {}

    def of_wkb(self, column: pa.ChunkedArray | pa.Array) -> tuple[pa.Array, pa.Array]:
        """Longitude and latitude (or east and north) as text of n geometries in WKB.

        Empty and missing ones are null; bytes that are no geometry come out as their kind.
        """
        values = column.to_numpy(zero_copy_only=False)
        found = shapely.from_wkb(values, on_invalid="ignore")
        broken = shapely.is_missing(found) & np.array([value is not None for value in values])
        return self._texts(found, broken)

    def _texts(self, found: np.ndarray, broken: np.ndarray) -> tuple[pa.Array, pa.Array]:
        kinds = shapely.get_type_id(found)
        empty = shapely.is_empty(found) | (kinds < 0)
        several = (kinds == MULTIPOINT) & (shapely.get_num_geometries(found) == 1)
        found = np.where(several, shapely.get_geometry(found, 0), found)
        other = ~empty & ~several & (kinds != POINT)
        if other.any():
            found = found.copy()
            found[other] = self._inside(found[other])
        # of an empty point some versions of GEOS have no coordinates but an error
        found = found.copy()
        found[shapely.is_empty(found)] = None
        x, y = shapely.get_x(found), shapely.get_y(found)
        missing = empty | np.isnan(x) | np.isnan(y)
        unreadable = broken | (other & missing)
        texts = []
        for values in (x, y):
            text = pc.if_else(pa.array(missing), _NULL, pa.array(values).cast(pa.string()))
            texts.append(pc.if_else(pa.array(unreadable), "geometry without a point", text))
        return texts[0], texts[1]

    def _inside(self, found: np.ndarray) -> np.ndarray:
        for geometry in found:
            self.kinds[geometry.geom_type] = self.kinds.get(geometry.geom_type, 0) + 1
        try:
            return shapely.point_on_surface(found)
        except (shapely.errors.GEOSException, ValueError):
            return np.array([_inside(geometry) for geometry in found], dtype=object)

    def of_geojson(self, geometry: Any) -> tuple[str | None, str | None]:
        """Longitude and latitude as written of one geometry of GeoJSON or Esri's JSON."""
        if not isinstance(geometry, Mapping):
            return None, None
        x, y = geometry.get("x"), geometry.get("y")
        pair = geometry.get("coordinates")
        if geometry.get("type") == "MultiPoint" and isinstance(pair, list) and len(pair) == 1:
            pair = pair[0]
        elif geometry.get("type") != "Point" and "x" not in geometry:
            if not pair and not geometry.get("geometries"):
                return None, None
            try:
                whole = np.array([shapely.geometry.shape(_with_numbers(geometry))], dtype=object)
            except Exception:  # whatever a broken geometry makes shapely raise
                return "geometry without a point", "geometry without a point"
            lon, lat = self._texts(whole, np.array([False]))
            return lon[0].as_py(), lat[0].as_py()
        if isinstance(pair, list) and pair:
            x, y = (*pair, None)[:2]
        return tuple(
            value if isinstance(value, str) and value not in ("NaN", "") else None
            for value in (x, y)
        )  # type: ignore[return-value]

    def notes(self) -> list[str]:
        """What to tell of the geometries that are no points."""
        told = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kinds.items()))
        return [f"a point inside was taken of {told}"] if told else []


class System:
    """The coordinate system of a file: `datum` as the readers of firms know it, and `notes`.

    A system without a code of EPSG is left for WGS-84 while the file is read.
    """

    def __init__(self, stated: object) -> None:
        self.datum = datum_of(stated) if stated is not None else None
        self.notes: list[str] = []
        self._custom: pyproj.CRS | None = None
        if self.datum is not None:
            return
        if stated is None:
            self.notes.append("the file states no coordinate system for its points")
            return
        try:
            self._custom = pyproj.CRS.from_user_input(stated)
            pyproj.Transformer.from_crs(self._custom, "EPSG:4326", always_xy=True)
        except (pyproj.exceptions.ProjError, TypeError, ValueError):
            self._custom = None
            told = " ".join(str(stated).split())[:60]
            self.notes.append(f"its coordinate system is not known: {told}; name it with --datum")
            return
        self.datum = "wgs84"
        self.notes.append(f"points were turned to WGS-84 from {self._custom.name[:60]}")

    def with_point(
        self, table: pa.Table, point: tuple[str, str], both: tuple[Any, Any]
    ) -> pa.Table:
        """A table (which may have no columns) with two more: `both` in `datum`, named `point`."""
        names = [*table.column_names, *point]
        return self.of_table(pa.table([*table.columns, *both], names=names), point)

    def of_table(self, table: pa.Table, point: tuple[str, str]) -> pa.Table:
        """A table whose columns `point` are in `datum`; as it is where it lacks one of them."""
        if self._custom is None or not set(point) <= set(table.column_names):
            return table
        columns = [table[header].combine_chunks() for header in point]
        for header, moved in zip(
            point, to_wgs84(columns[0], columns[1], self._custom), strict=True
        ):
            table = table.set_column(table.column_names.index(header), header, moved)
        return table


def to_wgs84(lon: pa.Array, lat: pa.Array, system: pyproj.CRS) -> tuple[pa.Array, pa.Array]:
    """Text of coordinates in a system without a code as text in WGS-84; other text as it is."""
    transform = pyproj.Transformer.from_crs(system, "EPSG:4326", always_xy=True).transform
    plain = r"^[-+0-9.eE]+$"
    numbers = [pc.if_else(pc.match_substring_regex(one, plain), one, _NULL) for one in (lon, lat)]
    moved = transform(
        *(values.cast(pa.float64()).to_numpy(zero_copy_only=False) for values in numbers)
    )
    out = []
    for text, number, values in zip((lon, lat), numbers, moved, strict=True):
        new = pa.array(values, pa.float64()).cast(pa.string())
        out.append(pc.if_else(pc.is_valid(number), new, text))
    return out[0], out[1]


def _inside(geometry: Any) -> Any:
    try:
        return geometry.representative_point()
    except Exception:  # of a geometry that has no point
        return None


def _with_numbers(value: Any) -> Any:
    """GeoJSON whose numbers are texts, as shapely wants it."""
    if isinstance(value, list):
        return [_with_numbers(one) for one in value]
    if isinstance(value, Mapping):
        return {
            key: _with_numbers(one) if key in ("coordinates", "geometries") else one
            for key, one in value.items()
        }
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
