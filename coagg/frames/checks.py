"""What is refused before anything is computed from a frame: one line that says what to do."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence

import geopandas
import numpy as np
import pandas as pd
import pyproj
import shapely

from coagg.errors import CoaggError

FIRMS = "firms"  # what is measured: a column of codes beside the points is needed
SHAPES = (geopandas.GeoDataFrame, geopandas.GeoSeries)
POINT = 0  # shapely's type number
REMEDY_BY_TYPE = {
    "MultiPoint": "take one point a firm, firms.explode() say",
    "Polygon": "take a point inside each, firms.representative_point()",
    "MultiPolygon": "take a point inside each, firms.representative_point()",
}


def whole(name: str, value: object, least: int) -> int:
    """A whole number of at least `least`; True, 1.5 and '10' are none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise CoaggError(f"{name}={value!r}: give a whole number of at least {least}")
    if int(value) < least:
        raise CoaggError(f"{name}={value}: give at least {least}")
    return int(value)


def number(name: str, value: object, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise CoaggError(f"{name}={value!r}: give a number from {low:g} to {high:g}")
    if not low <= float(value) <= high:
        raise CoaggError(f"{name}={value}: give a number from {low:g} to {high:g}")
    return float(value)


def one_of(name: str, value: object, known: Sequence[str]) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in known:
        raise CoaggError(f"{name}={value!r}: give one of {', '.join(known)}")
    return value


def names(name: str, value: object) -> tuple[str, ...]:
    """A column name, or a list of them, as a tuple; None is none."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise CoaggError(f"{name}={value!r}: give the name of a column, or a list of names")
    if len(set(value)) < len(value):
        raise CoaggError(f"{name}={value!r}: a column is named twice; name it once")
    return tuple(value)


def column(frame: pd.DataFrame, name: object, what: str, of: str = FIRMS) -> pd.Series:
    """A column by name; the error lists those that are there."""
    if not isinstance(name, str):
        raise CoaggError(
            f"{what}: give the name of a column of {of}, not {type(name).__name__}: "
            f'{of}["code"] = ..., then {what}="code"'
        )
    if name not in frame.columns:
        there = ", ".join(map(str, frame.columns)) or "none"
        raise CoaggError(f"{what}: {of} have no column {name!r}; columns are {there}")
    found = frame[name]
    if isinstance(found, pd.DataFrame):
        raise CoaggError(f"{what}: {of} have several columns {name!r}; rename all but one")
    return found


def codes(values: pd.Series, name: str, of: str = FIRMS) -> np.ndarray:
    """Codes as text, (N,); '' where missing.

    Raises CoaggError for numbers, whose leading zeros are lost, for empty text and for spaces
    about a code.
    """
    missing = values.isna().to_numpy()
    if missing.all():
        raise CoaggError(f"column {name!r} of {of}: all {len(values):,} values are missing")
    known = np.asarray(values[~missing], dtype=object)
    for value in known:
        if not isinstance(value, str):
            raise CoaggError(
                f"column {name!r} of {of} holds {type(value).__name__} {value!r}: a code is text, "
                f"since a number loses its leading zeros; read the column as text, or of three "
                f'digits {of}["{name}"].astype("Int64").astype("string").str.zfill(3)'
            )
    empty = sum(not value.strip() for value in known)
    if empty:
        raise CoaggError(
            f"column {name!r} of {of}: {empty:,} values are empty text; make them missing (None), "
            "or leave those rows out"
        )
    spaced = [value for value in known if value != value.strip()]
    if spaced:
        raise CoaggError(
            f"column {name!r} of {of}: {len(spaced):,} codes have spaces about them, the first "
            f'{spaced[0]!r}; take them off, {of}["{name}"].str.strip()'
        )
    found = np.full(len(values), "", dtype=object)
    found[~missing] = known
    return found.astype(str)


def keys(frame: pd.DataFrame, by: Iterable[str], of: str = FIRMS) -> pd.DataFrame:
    """The columns that tell cells apart, none of them missing and none of them a fraction."""
    found = {}
    for name in by:
        values = column(frame, name, "by", of)
        lacking = int(values.isna().sum())
        if lacking:
            raise CoaggError(
                f"column {name!r} of {of}: {lacking:,} of {len(values):,} values are missing; "
                "leave those rows out, or fill them"
            )
        if pd.api.types.is_float_dtype(values):
            raise CoaggError(
                f"column {name!r} of {of} holds fractions, which name no cell; make it whole or "
                f'text, {of}["{name}"].astype(int)'
            )
        found[name] = values.reset_index(drop=True)
    return pd.DataFrame(found, index=pd.RangeIndex(len(frame)))


def degrees(
    firms: geopandas.GeoDataFrame | geopandas.GeoSeries, of: str = FIRMS
) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of a GeoDataFrame or GeoSeries of points, (N,) each, WGS-84.

    Points in EPSG:4326 are taken as they are, to the bit.
    """
    kinds = (geopandas.GeoDataFrame,) if of == FIRMS else SHAPES
    if not isinstance(firms, kinds):
        raise CoaggError(
            f"{of}: a GeoDataFrame is needed, not {type(firms).__name__}; make one with "
            "geopandas.GeoDataFrame(frame, geometry=geopandas.points_from_xy(frame.lon, "
            "frame.lat), crs=4326)"
        )
    if len(firms) == 0:
        raise CoaggError(f"{of}: there are no rows; give at least two firms")
    try:
        points = firms.geometry
    except AttributeError:
        raise CoaggError(f"{of} have no active geometry; name it with set_geometry") from None
    if not points.index.is_unique:
        twice = points.index[points.index.duplicated()]
        raise CoaggError(
            f"{of}: {len(twice):,} index labels stand twice, the first {twice[0]}; are rows "
            "doubled? Else reset_index(drop=True)"
        )
    _check_points(points, of)
    x, y = points.x.to_numpy(), points.y.to_numpy()
    _check_crs(points.crs, x, y, of)
    if not points.crs.equals(pyproj.CRS(4326), ignore_axis_order=True):
        try:
            moved = points.to_crs(4326)
        except pyproj.exceptions.ProjError as fault:
            raise CoaggError(
                f"{of}: points in {points.crs.name} cannot be brought to longitude and latitude "
                f"({' '.join(str(fault).split())}); check set_crs"
            ) from None
        x, y = moved.x.to_numpy(), moved.y.to_numpy()
    wrong = ~((np.abs(x) <= 180) & (np.abs(y) <= 90))  # NaN and infinity too
    if wrong.any():
        raise CoaggError(
            f"{of}: {int(wrong.sum()):,} points lie nowhere on the globe in {points.crs.name}, "
            f"the first in row {points.index[int(wrong.argmax())]}; check set_crs"
        )
    return x, y


def _check_points(points: geopandas.GeoSeries, of: str) -> None:
    shapes = np.asarray(points.array)
    lacking = shapely.is_missing(shapes)
    empty = ~lacking & shapely.is_empty(shapes)
    for wrong, word in ((lacking, "no geometry"), (empty, "an empty or NaN geometry")):
        if wrong.any():
            raise CoaggError(
                f"{of}: {int(wrong.sum()):,} of {len(points):,} rows have {word}, the first "
                f"{points.index[int(wrong.argmax())]}; leave them out, "
                f"{of}[{of}.geometry.notna() & ~{of}.geometry.is_empty]"
            )
    other = shapely.get_type_id(shapes) != POINT
    if other.any():
        kind = shapes[int(other.argmax())].geom_type
        remedy = REMEDY_BY_TYPE.get(kind, "take a point of each")
        raise CoaggError(
            f"{of}: {int(other.sum()):,} of {len(points):,} geometries are no points, the first a "
            f"{kind} in row {points.index[int(other.argmax())]}; {remedy}"
        )
    bad = ~np.isfinite(shapely.get_coordinates(shapes)).all(axis=1)
    if bad.any():
        raise CoaggError(
            f"{of}: {int(bad.sum()):,} points have a NaN or infinite coordinate, the first in row "
            f"{points.index[int(bad.argmax())]}; leave them out or mend them"
        )


def _check_crs(crs: pyproj.CRS | None, x: np.ndarray, y: np.ndarray, of: str) -> None:
    like_degrees = bool((np.abs(x) <= 180).all() and (np.abs(y) <= 90).all())
    if crs is None:
        guess = (
            "if these are longitude and latitude, set_crs(4326)"
            if like_degrees
            else "set_crs says which the coordinates are in, set_crs(27700) say"
        )
        raise CoaggError(f"{of} have no CRS, so no distance is known; {guess}")
    if crs.is_projected and like_degrees and len(np.unique(x)) > 1:
        raise CoaggError(
            f"{of}: the CRS is {crs.name}, but all coordinates look like degrees; if they are, "
            "set_crs(4326, allow_override=True)"
        )
