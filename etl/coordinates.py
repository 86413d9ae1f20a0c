"""Chinese map datums and WGS-84, for arrays of points.

Maps sold in China carry one of two obfuscated datums: GCJ-02 (470-900 m off WGS-84) and Baidu's
BD-09 laid over it. The forward formulas are the ones every public converter uses; the inverses
here are found by fixed point, because the published ones are only approximate (BD-09's by up to
half a metre, which is a wrong building).

Everything takes and returns float64 arrays of one shape, in degrees. Points must be finite, and
missing points or null island have to be taken out first: (0, 0) read as BD-09 is a place.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

from coagg.errors import CoaggError

DATUMS = ("wgs84", "gcj02", "bd09")
# Easting and northing of the British National Grid, metres, EPSG:27700.
OSGB36 = "osgb36"
ALL_DATUMS = (*DATUMS, OSGB36)

# EPSG:27700 to EPSG:4326 by EPSG:1314, the seven parameters of Ordnance Survey.
_OSGB36_TO_WGS84 = """
+proj=pipeline
+step +inv +proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy
+step +proj=push +v_3
+step +proj=cart +ellps=airy
+step +proj=helmert +x=446.448 +y=-125.157 +z=542.06 +rx=0.15 +ry=0.247 +rz=0.842 +s=-20.489
      +convention=position_vector
+step +inv +proj=cart +ellps=WGS84
+step +proj=pop +v_3
+step +proj=unitconvert +xy_in=rad +xy_out=deg
"""

# Krasovsky 1940, the ellipsoid of the GCJ-02 formulas.
_SEMI_MAJOR_AXIS_M = 6_378_245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
# GCJ-02 is applied inside this rectangle only (so also in Korea or Burma).
_LON_RANGE = (72.004, 137.8347)
_LAT_RANGE = (0.8293, 55.8271)
_BD09_WAVE = np.pi * 3000.0 / 180.0
# Each step divides the error by a hundred or more: three leave less than 0.2 mm of 900 m.
_STEPS = 3
# A point on the border itself may come back 0.1 mm outside it.
_BORDER_DEGREES = 1e-9
# Small enough for the temporaries of one step to stay in the processor's cache.
_BLOCK_POINTS = 8192

Floats = NDArray[np.float64]
Points = tuple[Floats, Floats]


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> Points:
    """Convert points in `datum` to WGS-84: one of ALL_DATUMS, or a code of EPSG ("EPSG:32651").

    osgb36 and map projections take easting and northing; degrees come as longitude and latitude
    whatever order EPSG has. Raises CoaggError for an unknown datum.

    >>> lon, lat = to_wgs84([116.404], [39.915], "bd09")
    >>> lon.round(5).tolist(), lat.round(5).tolist()
    ([116.39139], [39.90726])
    """
    if datum == "bd09":
        return gcj02_to_wgs84(*bd09_to_gcj02(lon, lat))
    if datum == "gcj02":
        return gcj02_to_wgs84(lon, lat)
    if datum == "wgs84":
        return np.array(lon, dtype=np.float64), np.array(lat, dtype=np.float64)
    if datum == OSGB36:
        return osgb36_to_wgs84(lon, lat)
    x, y = _to_wgs84(_crs(datum)).transform(
        np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    )
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def check_known(datum: str) -> None:
    """Raise CoaggError for a datum that is none of ALL_DATUMS and no code of EPSG.

    >>> check_known("bd09"), check_known("EPSG:32651")
    (None, None)
    """
    if datum not in ALL_DATUMS:
        _crs(datum)


def in_metres(datum: str | None) -> bool:
    """Whether coordinates of a datum are east and north on a map, not degrees.

    >>> [in_metres(datum) for datum in ("wgs84", "osgb36", "EPSG:32651", "EPSG:4490")]
    [False, True, True, False]
    """
    if datum is None or datum in DATUMS:
        return False
    return datum == OSGB36 or bool(_crs(datum).is_projected)


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> Points:
    """Convert WGS-84 to GCJ-02; points outside China's rectangle stay as they are.

    >>> lon, lat = wgs84_to_gcj02([116.391], [39.0])
    >>> lon.round(5).tolist(), lat.round(5).tolist()
    ([116.39713], [39.00108])
    """
    return _in_blocks(_wgs84_to_gcj02, lon, lat)


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> Points:
    """Invert `wgs84_to_gcj02`; a round trip returns to the point within 1 mm.

    >>> lon, lat = gcj02_to_wgs84(*wgs84_to_gcj02([121.5], [31.2]))
    >>> lon.round(6).tolist(), lat.round(6).tolist()
    ([121.5], [31.2])
    """
    return _in_blocks(_gcj02_to_wgs84, lon, lat)


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> Points:
    """Convert GCJ-02 to BD-09. Baidu's formula knows no border: it moves every point.

    >>> lon, lat = gcj02_to_bd09([121.5], [31.2])
    >>> lon.round(5).tolist(), lat.round(5).tolist()
    ([121.50659], [31.20564])
    """
    return _in_blocks(_gcj02_to_bd09, lon, lat)


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> Points:
    """Invert `gcj02_to_bd09`; a round trip returns to the point within 1 mm.

    >>> lon, lat = bd09_to_gcj02(*gcj02_to_bd09([121.5], [31.2]))
    >>> lon.round(6).tolist(), lat.round(6).tolist()
    ([121.5], [31.2])
    """
    return _in_blocks(_bd09_to_gcj02, lon, lat)


def osgb36_to_wgs84(easting: ArrayLike, northing: ArrayLike) -> Points:
    """Convert easting and northing of the British National Grid (metres) to WGS-84 degrees.

    By the seven-parameter shift of EPSG, within some three metres of the grid shift of Ordnance
    Survey, a file of its own; the registers' points are postcodes, hundreds of metres wide.

    >>> lon, lat = osgb36_to_wgs84([435000.0], [387000.0])
    >>> lon.round(3).tolist(), lat.round(3).tolist()
    ([-1.475], [53.379])
    """
    lon, lat = _british_grid().transform(
        np.asarray(easting, np.float64), np.asarray(northing, np.float64)
    )
    return np.asarray(lon, np.float64), np.asarray(lat, np.float64)


@functools.cache
def _british_grid() -> pyproj.Transformer:
    """The shift without grid files: the same everywhere, whatever files a machine has."""
    return pyproj.Transformer.from_pipeline(_OSGB36_TO_WGS84)


@functools.cache
def _crs(datum: str) -> pyproj.CRS:
    try:
        if not re.fullmatch(r"EPSG:[0-9]{4,6}", datum):
            raise pyproj.exceptions.CRSError("no code of EPSG")
        crs = pyproj.CRS.from_user_input(datum)
        if not (crs.is_projected or crs.is_geographic):  # but heights, say
            raise pyproj.exceptions.CRSError("no two axes on the ground")
        return crs
    except pyproj.exceptions.CRSError:
        raise CoaggError(
            f"unknown datum '{datum}': use one of {', '.join(ALL_DATUMS)}, "
            "or the code of a coordinate system, EPSG:32651 say"
        ) from None


@functools.cache
def _to_wgs84(crs: pyproj.CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def _in_blocks(
    convert: Callable[[Floats, Floats], Points], lon: ArrayLike, lat: ArrayLike
) -> Points:
    lon, lat = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
    shape = lon.shape
    lon, lat = lon.ravel(), lat.ravel()
    new_lon, new_lat = np.empty(lon.size), np.empty(lat.size)
    for start in range(0, lon.size, _BLOCK_POINTS):
        block = slice(start, start + _BLOCK_POINTS)
        new_lon[block], new_lat[block] = convert(lon[block], lat[block])
    return new_lon.reshape(shape), new_lat.reshape(shape)


def _in_china(lon: Floats, lat: Floats, margin: float = 0.0) -> NDArray[np.bool_]:
    return (
        (lon >= _LON_RANGE[0] - margin)
        & (lon <= _LON_RANGE[1] + margin)
        & (lat >= _LAT_RANGE[0] - margin)
        & (lat <= _LAT_RANGE[1] + margin)
    )


def _sine_of_triple(sine: Floats) -> Floats:
    """Sine of three times the angle whose sine is given: cheaper than another np.sin."""
    return sine * (3.0 - 4.0 * sine * sine)


def _gcj02_shift(lon: Floats, lat: Floats) -> Points:
    """Degrees that GCJ-02 adds at a WGS-84 point, border or not."""
    x, y = lon - 105.0, lat - 35.0
    px, py, xy, root = np.pi * x, np.pi * y, x * y, np.sqrt(np.abs(x))
    wave_x, third_x, third_y = np.sin(2.0 * px), np.sin(px / 3.0), np.sin(py / 3.0)
    ripple = 20.0 * (_sine_of_triple(wave_x) + wave_x)
    north_m = (
        (-100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * xy + 0.2 * root)
        + (ripple + 20.0 * _sine_of_triple(third_y) + 40.0 * third_y) * (2.0 / 3.0)
        + (160.0 * np.sin(py / 12.0) + 320.0 * np.sin(py / 30.0)) * (2.0 / 3.0)
    )
    east_m = (
        (300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * xy + 0.1 * root)
        + (ripple + 20.0 * _sine_of_triple(third_x) + 40.0 * third_x) * (2.0 / 3.0)
        + (150.0 * np.sin(px / 12.0) + 300.0 * np.sin(px / 30.0)) * (2.0 / 3.0)
    )
    phi = np.radians(lat)
    sine = np.sin(phi)
    flattening = 1.0 - _ECCENTRICITY_SQUARED * sine * sine
    prime_vertical_m = _SEMI_MAJOR_AXIS_M / np.sqrt(flattening)
    meridional_m = prime_vertical_m * (1.0 - _ECCENTRICITY_SQUARED) / flattening
    return (
        np.degrees(east_m / (prime_vertical_m * np.cos(phi))),
        np.degrees(north_m / meridional_m),
    )


def _wgs84_to_gcj02(lon: Floats, lat: Floats) -> Points:
    east, north = _gcj02_shift(lon, lat)
    inside = _in_china(lon, lat)
    return np.where(inside, lon + east, lon), np.where(inside, lat + north, lat)


def _gcj02_to_wgs84(lon: Floats, lat: Floats) -> Points:
    guess_lon, guess_lat = lon, lat
    for _ in range(_STEPS):
        east, north = _gcj02_shift(guess_lon, guess_lat)
        guess_lon, guess_lat = lon - east, lat - north
    # The border is drawn in WGS-84: a point was moved if where it came from lies inside.
    inside = _in_china(guess_lon, guess_lat, _BORDER_DEGREES)
    return np.where(inside, guess_lon, lon), np.where(inside, guess_lat, lat)


def _gcj02_to_bd09(lon: Floats, lat: Floats) -> Points:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD09_WAVE)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD09_WAVE)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _bd09_to_gcj02(lon: Floats, lat: Floats) -> Points:
    guess_lon, guess_lat = lon - 0.0065, lat - 0.006
    for _ in range(_STEPS):
        ahead_lon, ahead_lat = _gcj02_to_bd09(guess_lon, guess_lat)
        guess_lon, guess_lat = guess_lon + (lon - ahead_lon), guess_lat + (lat - ahead_lat)
    return guess_lon, guess_lat
