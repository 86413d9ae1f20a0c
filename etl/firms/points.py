"""Points of a survey file: read, axes put right where swapped, refused where they are none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.files import values as firm_values

# West, south, east and north of a box round each country, with room for any datum; degrees.
COUNTRY_BOXES = {"CN": (73.0, 3.0, 136.0, 54.0), "GB": (-9.0, 49.0, 2.5, 61.5)}
FEWEST_DECIMALS = 3
COARSE_METRES = 100.0  # what three decimals of a degree are
# East and north of the British National Grid, metres.
GRID_LIMITS = (700_000.0, 1_300_000.0)

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

    `reason` is the place in REASONS of why a row is refused, KEPT where it is not.
    """

    lon: np.ndarray
    lat: np.ndarray
    reason: np.ndarray
    swapped: np.ndarray
    low_precision: np.ndarray


def read_points(
    lon_text: pa.Array, lat_text: pa.Array, country: str, datum: str | None = None
) -> Points:
    """Read trimmed text as points of a country; in datum osgb36 they are metres, not degrees.

    Raises CoaggError for a country without a box.
    """
    box = country_box(country)
    lon_text, lat_text = firm_values.half_width(lon_text), firm_values.half_width(lat_text)
    lon_read = firm_values.numbers(lon_text, keep_nan=True)
    lat_read = firm_values.numbers(lat_text, keep_nan=True)
    lon, lat = lon_read.values, lat_read.values
    missing = firm_values.as_mask(lon_text.is_null()) | firm_values.as_mask(lat_text.is_null())
    unreadable = lon_read.unreadable | lat_read.unreadable
    if datum == coordinates.OSGB36:
        return _grid_points(lon, lat, missing, unreadable, box)

    swapped = ~_inside(lon, lat, box) & _inside(lat, lon, box)
    lon, lat = np.where(swapped, lat, lon), np.where(swapped, lon, lat)
    inside = _inside(lon, lat, box)
    # In a country that lies across a zero line one of the two may be zero.
    zero = ((lon == 0) & (lat == 0)) | (((lon == 0) | (lat == 0)) & ~inside)
    possible = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)

    reason = np.select(
        [missing, unreadable, zero, ~possible, ~inside], list(range(len(REASONS))), KEPT
    )
    kept = reason == KEPT
    low_precision = kept & (
        np.minimum(firm_values.decimals(lon_text), firm_values.decimals(lat_text)) < FEWEST_DECIMALS
    )
    return Points(
        np.where(kept, lon, np.nan),
        np.where(kept, lat, np.nan),
        reason,
        swapped & kept,
        low_precision,
    )


def _grid_points(
    easting: np.ndarray,
    northing: np.ndarray,
    missing: np.ndarray,
    unreadable: np.ndarray,
    box: tuple[float, float, float, float],
) -> Points:
    """Points of the British National Grid, metres: a swap of axes cannot be told there."""
    zero = (easting == 0) & (northing == 0)
    possible = (
        (easting >= 0)
        & (easting <= GRID_LIMITS[0])
        & (northing >= 0)
        & (northing <= GRID_LIMITS[1])
    )
    lon, lat = np.full(len(easting), np.nan), np.full(len(easting), np.nan)
    lon[possible], lat[possible] = coordinates.osgb36_to_wgs84(
        easting[possible], northing[possible]
    )
    inside = _inside(lon, lat, box)
    reason = np.select(
        [missing, unreadable, zero, ~possible, ~inside], list(range(len(REASONS))), KEPT
    )
    kept = reason == KEPT
    coarse = kept & (np.mod(easting, COARSE_METRES) == 0) & (np.mod(northing, COARSE_METRES) == 0)
    return Points(
        np.where(kept, easting, np.nan),
        np.where(kept, northing, np.nan),
        reason,
        np.zeros(len(kept), dtype=bool),
        coarse,
    )


def country_box(country: str) -> tuple[float, float, float, float]:
    """West, south, east and north of a country in degrees. Raises CoaggError."""
    if country not in COUNTRY_BOXES:
        raise CoaggError(
            f"country {country!r} is not known: use one of {', '.join(sorted(COUNTRY_BOXES))}"
        )
    return COUNTRY_BOXES[country]


def _inside(lon: np.ndarray, lat: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    west, south, east, north = box
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
