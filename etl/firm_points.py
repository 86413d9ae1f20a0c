"""Points of a survey file: read, axes put right where swapped, refused where they are none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from coagg.errors import CoaggError
from etl import firm_values

# West, south, east and north of a box round each country, with room for any datum; degrees.
COUNTRY_BOXES = {"CN": (73.0, 3.0, 136.0, 54.0), "GB": (-9.0, 49.0, 2.5, 61.5)}
FEWEST_DECIMALS = 3

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


def read_points(lon_text: pa.Array, lat_text: pa.Array, country: str) -> Points:
    """Read trimmed text as points of a country.

    Raises CoaggError for a country without a box.
    """
    box = country_box(country)
    lon_text, lat_text = firm_values.half_width(lon_text), firm_values.half_width(lat_text)
    lon_read = firm_values.numbers(lon_text, keep_nan=True)
    lat_read = firm_values.numbers(lat_text, keep_nan=True)
    lon, lat = lon_read.values, lat_read.values
    missing = firm_values.as_mask(lon_text.is_null()) | firm_values.as_mask(lat_text.is_null())
    unreadable = lon_read.unreadable | lat_read.unreadable

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
