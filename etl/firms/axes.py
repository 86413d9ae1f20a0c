"""Have east and north changed places? Where both ways lie in the country, the rows must tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.firms import located, points, postal_areas
from coagg.etl.firms.datum_check import shares_inside
from coagg.etl.firms.scan import CoordinateSample
from coagg.etl.reference import countries

SHARE = 0.5  # of points in their places, from which exchanged axes are believed
FARTHER = 2.0  # times as far from its place is a point that speaks for the exchange
Pair = tuple[np.ndarray, np.ndarray]
FAR_METRES = 20_000.0  # nearer than this to its place no point speaks for it


def check(
    connection: psycopg.Connection,
    path: Path,
    sample: CoordinateSample,
    shares: Mapping[str, Any] | None,
    country: str,
    survey_year: int,
    datum: str,
) -> str | None:
    """What is to be said of axes that nothing in the file confirms; None where all is well.

    `shares` are those of the sample as it was read (`shares_inside`). Asked are the second pair of
    columns, the rows' place codes, their postal codes, and last the border. Raises CoaggError when
    the rows lie in their places only with east and north exchanged.
    """
    turned = sample.wgs84(datum, turned=True)
    own_datum = located.equal(sample.own, None)
    inside = own_datum & points.inside(*turned, countries.box(country))
    if len(inside) == 0 or inside.mean() < SHARE or shares is None:
        return None
    as_read = sample.wgs84(datum)
    pairs = {
        "the other pair of columns": sample.beside,
        "their postal codes": postal_areas.places(sample.postal_code, country),
    }
    confirmed = False
    for where, place in pairs.items():
        told = np.isfinite(place[0]) & own_datum
        if not told.any():
            continue
        before, after = (_metres(at, place)[told] for at in (as_read, turned))
        wrong = float(np.mean((before > FAR_METRES) & ~(before < FARTHER * after)))
        if wrong > SHARE:
            raise _exchanged(
                path, sample, f"{wrong:.0%} of the rows are nearer to {where} exchanged"
            )
        confirmed |= float(np.mean(before <= after)) > SHARE
    kept = np.flatnonzero(inside)
    other = shares_inside(
        connection, _turned(sample, turned, kept), country, survey_year, ["wgs84"]
    )
    for measure, where in (("own", "their own prefecture"), ("any", "the country")):
        before, after = shares[measure], other.get("wgs84", {}).get(measure)
        if before is None or after is None:
            continue
        if after >= SHARE and before < after / 2:
            raise _exchanged(
                path,
                sample,
                f"as they stand {before:.0%} of the points lie in {where}, exchanged {after:.0%}",
            )
        if measure == "own":
            return None
    if confirmed or not coordinates.in_metres(datum):
        return None
    return (
        "east and north exchanged, the points would lie in the country too, and no place code, "
        "postal code or second pair of coordinates tells: look at one on a map"
    )


def _exchanged(path: Path, sample: CoordinateSample, why: str) -> CoaggError:
    return CoaggError(
        f"{path}: east and north have changed places: {why}; row {sample.row_number[0]} has "
        f"{sample.lon[0]:.10g} {sample.lat[0]:.10g}. Exchange the headers in the layout"
    )


def _turned(sample: CoordinateSample, turned: Pair, kept: np.ndarray) -> CoordinateSample:
    """The sampled points exchanged, in WGS-84."""
    places = [sample.place_code[row] for row in kept.tolist()]
    none = np.full(len(kept), None, dtype=object)
    return replace(
        sample, lon=turned[0][kept], lat=turned[1][kept], row_number=sample.row_number[kept],
        place_code=places, own=none,
    )  # fmt: skip


def _metres(one: Pair, other: Pair) -> np.ndarray:
    """Distances in metres (float64, n), good enough to compare; infinite where no point is."""
    with np.errstate(invalid="ignore"):
        east = (one[0] - other[0]) * np.cos(np.radians(other[1]))
        return np.nan_to_num(
            np.hypot(east, one[1] - other[1]) * 111_320.0, nan=np.inf, posinf=np.inf
        )
