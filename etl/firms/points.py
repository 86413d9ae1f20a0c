"""Points of a survey file: read, put right where that is certain, refused where they are none.

Put right are axes that were swapped, millionths of degrees, packed degrees, and a sign that the
country does not leave in doubt: one that lies wholly on one side of the zero line. Each has its
flag.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from coagg.etl import coordinates
from coagg.etl.files import values as firm_values
from coagg.etl.firms import degrees as firm_degrees
from coagg.etl.firms import spelling as spellings
from coagg.etl.reference import countries

FEWEST_DECIMALS = 3
COARSE_METRES = 100.0  # what three decimals of a degree are
# Whole numbers of which so many are a degree; 1e5 would make degrees of metres.
SCALES = (1e6, 1e7)
# East and north of the British National Grid, metres.
GRID_LIMITS = (700_000.0, 1_300_000.0)
LARGEST_METRES = 3e7  # of any projection, zone numbers in front of eastings included

REASONS = (
    "coordinates_missing",
    "coordinates_unreadable",
    "coordinates_zero",
    "coordinates_impossible",
    "outside_country",
)
KEPT = -1


class Points(NamedTuple):
    """Points of n rows in the datum of the file, degrees, axes put right; NaN where refused.

    `reason` is the place in REASONS of why a row is refused, KEPT where it is not. `swapped`,
    `sign_restored`, `scaled`, `packed` and `low_precision` are flags (bool, n).
    """

    lon: np.ndarray
    lat: np.ndarray
    reason: np.ndarray
    swapped: np.ndarray
    low_precision: np.ndarray
    sign_restored: np.ndarray
    scaled: np.ndarray
    packed: np.ndarray


def read_points(
    lon_text: pa.Array,
    lat_text: pa.Array,
    country: str,
    datum: str | None = None,
    spelling: spellings.Spelling = spellings.PLAIN,
) -> Points:
    """Read trimmed text as points of a country; in datum osgb36 they are metres, not degrees.

    Raises CoaggError for a country without a folder.
    """
    box = countries.box(country)
    missing = firm_values.as_mask(lon_text.is_null()) | firm_values.as_mask(lat_text.is_null())
    if datum is not None and coordinates.in_metres(datum):
        texts = (lon_text, lat_text)
        if spelling.comma:
            texts = tuple(firm_values.with_points(text, thousands=True) for text in texts)
        east, north = (
            firm_values.numbers(firm_values.half_width(text), keep_nan=True) for text in texts
        )
        unreadable = east.unreadable | north.unreadable
        return _grid_points(east.values, north.values, missing, unreadable, box, datum)

    first, second = (_degrees(text, spelling) for text in (lon_text, lat_text))
    # two letters of one axis are no point; a letter of the other axis says that they are swapped
    unreadable = (
        first.unreadable
        | second.unreadable
        | ((first.axis == second.axis) & (first.axis != firm_degrees.ANY))
    )
    swapped = (first.axis == firm_degrees.LAT) | (second.axis == firm_degrees.LON)
    one, two = first.values, second.values
    lon, lat = np.where(swapped, two, one), np.where(swapped, one, two)
    told = (first.axis != firm_degrees.ANY) | (second.axis != firm_degrees.ANY)
    other_way = ~told & ~inside(lon, lat, box) & inside(lat, lon, box)
    lon, lat = np.where(other_way, lat, lon), np.where(other_way, lon, lat)
    swapped |= other_way
    lon, lat, scaled = _unscaled(lon, lat, box)
    lon, lat, sign_restored = _with_sign(lon, lat, box)
    within = inside(lon, lat, box)
    # In a country that lies across a zero line one of the two may be zero.
    zero = ((lon == 0) & (lat == 0)) | (((lon == 0) | (lat == 0)) & ~within)
    possible = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)

    reason = np.select(
        [missing, unreadable, zero, ~possible, ~within], list(range(len(REASONS))), KEPT
    )
    kept = reason == KEPT
    coarse = np.minimum(first.decimals, second.decimals) < FEWEST_DECIMALS
    return Points(
        np.where(kept, lon, np.nan),
        np.where(kept, lat, np.nan),
        reason,
        swapped & kept,
        kept & coarse & ~scaled,
        sign_restored & kept,
        scaled & kept,
        kept & (spelling.form is not None),
    )


def _degrees(text: pa.Array, spelling: spellings.Spelling) -> firm_degrees.Degrees:
    """Degrees of a column; packed ones where the file packs them."""
    if spelling.form is None:
        return firm_degrees.degrees(text, spelling.east_o)
    plain = spellings.bare(text)
    read = firm_values.numbers(plain, keep_nan=True)
    values = spellings.unpacked(read.values, spelling.form)
    unreadable = read.unreadable | (np.isfinite(read.values) & np.isnan(values))
    decimals = spellings.worth(firm_values.decimals(plain), spelling.form)
    axis = np.full(len(text), firm_degrees.ANY, dtype=np.int8)
    return firm_degrees.Degrees(values, unreadable, decimals, axis)


def filled(first: Points, second: Points, differ: np.ndarray) -> tuple[Points, np.ndarray]:
    """The better of two pairs of columns, and where it is the second (bool, n).

    The second is better where the first gives no point, or only a coarse one beside a fine one that
    does not `differ`.
    """
    none = (first.reason != KEPT) & (second.reason == KEPT)
    finer = first.low_precision & (second.reason == KEPT) & ~second.low_precision & ~differ
    used = none | finer
    both = zip(second, first, strict=True)
    return Points(*(np.where(used, two, one) for two, one in both)), used


def _unscaled(
    lon: np.ndarray, lat: np.ndarray, box: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Degrees of whole numbers that are millionths, or ten-millionths, of degrees."""
    whole = (np.abs(lat) > 180) & (np.rint(lon) == lon) & (np.rint(lat) == lat)
    scaled = np.zeros(len(lon), dtype=bool)
    if not whole.any():
        return lon, lat, scaled
    for scale in SCALES:
        for x, y in ((lon / scale, lat / scale), (lat / scale, lon / scale)):
            fits = whole & ~scaled & inside(x, y, box)
            lon, lat = np.where(fits, x, lon), np.where(fits, y, lat)
            scaled |= fits
    return lon, lat, scaled


def _with_sign(
    lon: np.ndarray, lat: np.ndarray, box: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a country on one side of a zero line, with the sign of that side."""
    west, south, east, north = box
    outside = ~inside(lon, lat, box)
    x = _signed(lon, west, east)
    y = _signed(lat, south, north)
    restored = outside & inside(x, y, box)
    return np.where(restored, x, lon), np.where(restored, y, lat), restored


def _signed(values: np.ndarray, least: float, most: float) -> np.ndarray:
    if least > 0:
        return np.abs(values)
    return -np.abs(values) if most < 0 else values


def _grid_points(
    easting: np.ndarray,
    northing: np.ndarray,
    missing: np.ndarray,
    unreadable: np.ndarray,
    box: tuple[float, float, float, float],
    datum: str,
) -> Points:
    """Points of a map projection, metres, here the British National Grid or one of EPSG.

    A swap of axes is put right where the point is in the country the other way round alone, which
    on the British grid says nothing: most of the country stays in it.
    """
    zero = (easting == 0) & (northing == 0)
    if datum == coordinates.OSGB36:
        possible = (easting >= 0) & (easting <= GRID_LIMITS[0])
        possible &= (northing >= 0) & (northing <= GRID_LIMITS[1])
    else:
        possible = (np.abs(easting) <= LARGEST_METRES) & (np.abs(northing) <= LARGEST_METRES)
    swapped = np.zeros(len(easting), dtype=bool)
    within = _grid_inside(easting, northing, possible, box, datum)
    if datum != coordinates.OSGB36 and not within.all():
        swapped = ~within & _grid_inside(northing, easting, possible, box, datum)
        easting, northing = (
            np.where(swapped, northing, easting), np.where(swapped, easting, northing)
        )  # fmt: skip
        within |= swapped
    reason = np.select(
        [missing, unreadable, zero, ~possible, ~within], list(range(len(REASONS))), KEPT
    )
    kept = reason == KEPT
    coarse = kept & (np.mod(easting, COARSE_METRES) == 0) & (np.mod(northing, COARSE_METRES) == 0)
    return Points(
        np.where(kept, easting, np.nan),
        np.where(kept, northing, np.nan),
        reason,
        swapped & kept,
        coarse,
        *(np.zeros(len(kept), dtype=bool) for _ in range(3)),
    )


def _grid_inside(
    easting: np.ndarray,
    northing: np.ndarray,
    possible: np.ndarray,
    box: tuple[float, float, float, float],
    datum: str,
) -> np.ndarray:
    """Where possible points of a projection lie in the box."""
    lon, lat = np.full(len(easting), np.nan), np.full(len(easting), np.nan)
    lon[possible], lat[possible] = coordinates.to_wgs84(
        easting[possible], northing[possible], datum
    )
    return inside(lon, lat, box)


def inside(lon: np.ndarray, lat: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Which points lie in a box (bool, n)."""
    west, south, east, north = box
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
