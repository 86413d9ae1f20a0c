"""Which coordinate system may metres without a name be in? What puts them in their places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import psycopg
import pyproj
from pyproj.aoi import AreaOfInterest
from pyproj.database import CRSInfo, query_crs_info
from pyproj.enums import PJType

from coagg.etl import coordinates
from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import TableFile
from coagg.etl.firms import layouts, located, points
from coagg.etl.firms import spelling as spellings
from coagg.etl.firms.datum_check import shares_inside
from coagg.etl.firms.scan import CoordinateSample, mapped_text
from coagg.etl.firms.spelling import Box
from coagg.etl.reference import countries

ROWS = 500
LEAST_METRES = 1_000.0  # a number so large is no degree
FITTING = 0.9  # of the points in the country; their middle is where the system is made for
SAME_PLACE_DEGREES = 0.02  # systems that put the points so near to each other say the same
# A system is the country's where its area covers half of it, or lies within it.
COVERING, WITHIN, SMALLEST, LARGEST = 0.5, 0.8, 0.01, 30.0
NAMED = 4
_WEB = "3857"
_BRITISH = "27700"


class Candidate(NamedTuple):
    """A coordinate system that fits, with its axes exchanged where `turned`."""

    datum: str
    name: str
    turned: bool
    lon: float
    lat: float


def remedy(
    connection: psycopg.Connection,
    table: TableFile,
    mapping: layouts.Mapping,
    country: str,
    survey_year: int,
) -> str:
    """What to do about coordinates that are no degrees: a clause of a message, or nothing.

    The first rows are tried in the UTM zones and the grids whose area is the country's.
    """
    sample = _numbers(table, mapping)
    if len(sample.lon) == 0:
        return ""
    said = "numbers so large are metres of a map projection, or degrees without their point: "
    found = candidates(sample.lon, sample.lat, countries.box(country))
    if not found:
        return said + "name it, --datum EPSG:32651 say; "
    shares = {}
    for one in found:
        x, y = (sample.lat, sample.lon) if one.turned else (sample.lon, sample.lat)
        placed = CoordinateSample(
            x, y, sample.row_number, sample.place_code, sample.postal_code, sample.own,
            sample.beside,
        )  # fmt: skip
        shares[one] = shares_inside(connection, placed, country, survey_year, [one.datum])[
            one.datum
        ]
    measure = "own" if all(share["own"] is not None for share in shares.values()) else "any"
    best = max(share[measure] for share in shares.values())
    likely = [one for one, share in shares.items() if share[measure] >= best - 0.01]
    where = "their own prefecture" if measure == "own" else "the country"
    names = [
        f"--datum {one.datum} ({one.name}{', east and north exchanged' if one.turned else ''})"
        for one in likely[:NAMED]
    ]
    more = f" and {len(likely) - NAMED} more" if len(likely) > NAMED else ""
    return f"{said}{' or '.join(names)}{more} puts {best:.0%} of them in {where}; "


def fitting(table: TableFile, mapping: layouts.Mapping, country: str) -> list[str]:
    """Datums of the systems that put the first rows, as they stand, into the country."""
    sample = _numbers(table, mapping)
    if len(sample.lon) == 0:
        return []
    found = candidates(sample.lon, sample.lat, countries.box(country))
    return [one.datum for one in found if not one.turned]


def candidates(x: np.ndarray, y: np.ndarray, box: Box) -> list[Candidate]:
    """Systems that put most points (metres, n) into a country's box and their own area.

    Examples
    --------
    >>> box = (-9.0, 49.0, 2.5, 61.5)
    >>> found = candidates(np.array([435354.0]), np.array([387147.0]), box)
    >>> found[0].datum, found[0].turned
    ('osgb36', False)
    """
    found: list[Candidate] = []
    for system in _systems(box):
        datum = coordinates.OSGB36 if system.code == _BRITISH else f"EPSG:{system.code}"
        area = system.area_of_use
        limits = (area.west - 1, area.south - 1, area.east + 1, area.north + 1) if area else box
        # where on the map, without the shift of datums, which is nothing here and slow to look up
        crs = pyproj.CRS.from_epsg(system.code)
        try:
            inverse = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
        except pyproj.exceptions.ProjError:
            continue  # a grid that PROJ cannot undo
        for turned in (False, True):
            lon, lat = inverse.transform(*((y, x) if turned else (x, y)))
            there = points.inside(lon, lat, box)
            if there.mean() < FITTING:
                continue
            at = float(np.median(lon[there])), float(np.median(lat[there]))
            if not points.inside(np.array(at[0]), np.array(at[1]), limits):
                continue
            if not any(_near(at, other) for other in found):
                found.append(Candidate(datum, system.name, turned, *at))
    return found


def _near(at: tuple[float, float], other: Candidate) -> bool:
    return max(abs(at[0] - other.lon), abs(at[1] - other.lat)) < SAME_PLACE_DEGREES


def _systems(box: Box) -> list[CRSInfo]:
    """National grids that cover the country, UTM zones, its own zones, the map of the web."""
    size = (box[2] - box[0]) * (box[3] - box[1])
    ranked = []
    for system in query_crs_info("EPSG", [PJType.PROJECTED_CRS], AreaOfInterest(*box)):
        area = system.area_of_use
        if area is None or area.east < area.west:
            continue
        own = (area.east - area.west) * (area.north - area.south)
        wide = max(min(area.east, box[2]) - max(area.west, box[0]), 0)
        shared = wide * max(min(area.north, box[3]) - max(area.south, box[1]), 0)
        utm = system.name.startswith("WGS 84 / UTM zone")
        if utm:
            rank = 1
        elif system.code == _WEB:
            rank = 2
        elif shared >= COVERING * size and own <= LARGEST * size:
            rank = 0
        elif shared >= WITHIN * own and own >= SMALLEST * size:
            rank = 3
        else:
            continue
        ranked.append((rank, int(system.code), system))
    return [system for _, _, system in sorted(ranked, key=lambda one: one[:2])]


def _numbers(table: TableFile, mapping: layouts.Mapping) -> CoordinateSample:
    """The first rows whose two numbers are too large for degrees."""
    place = mapping.columns["place_code"]
    headers = [*located.headers(mapping), *([place] if place else [])]
    batch = next(table.batches(rows=ROWS, columns=list(dict.fromkeys(headers))))
    lon, lat = mapping.columns["lon"], mapping.columns["lat"]
    assert lon is not None  # a layout without them maps no file
    assert lat is not None
    texts = located.pair_texts(batch, lon, lat)[:2]
    if spellings.found(*texts, (-180.0, -90.0, 180.0, 90.0), metres=True).comma:
        texts = tuple(firm_values.with_points(text, thousands=True) for text in texts)
    x, y = (
        firm_values.numbers(firm_values.half_width(text), keep_nan=True).values for text in texts
    )
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(np.maximum(np.abs(x), np.abs(y)) > LEAST_METRES)
    codes = mapped_text(batch, mapping, "place_code").to_pylist()
    places = [firm_values.place_code_of(codes[row] or "") for row in rows.tolist()]
    none = np.full(len(rows), None, dtype=object)
    nowhere = np.full(len(rows), np.nan)
    return CoordinateSample(
        x[rows], y[rows], batch.row_numbers()[rows], places, [None] * len(rows), none,
        (nowhere, nowhere),
    )  # fmt: skip
