"""The coordinate system of a row, where a column says it: a code of EPSG, or a zone of UTM."""

from __future__ import annotations

import functools
import re
import unicodedata

import pyproj
from pyproj import database as proj_database
from pyproj.enums import PJType

from coagg.etl import coordinates

UNKNOWN = "?"  # the column says something that names no system
_CODE = re.compile(r"(?:.*[^0-9])?([0-9]{4,6})(?:\.0)?")
_NAME = re.compile(r"(?:[A-Za-z]{2,}[A-Za-z0-9]*|urn:)[\w .,()/:\-]{2,80}")
_ZONE = re.compile(r"(?:(?:WGS ?84|UTM|ZONE|HUSO|ZONA|FUSO)[ /]*)*([0-9]{1,2})(?:\.0)? ?([A-Z]+)?")
_NORTH = frozenset({"N", "NORTH", "NORTE", "NORD", "1", "+"})
_SOUTH = frozenset({"S", "SOUTH", "SUR", "SUL", "SUD", "SÜD", "-1", "-"})
_SAME = {"EPSG:4326": "wgs84", "EPSG:4979": "wgs84", "EPSG:27700": coordinates.OSGB36}


def datum_of(
    text: str | None, hemisphere: str | None, south: float, north: float, base: str | None
) -> str | None:
    """The datum of a row by its own words; None where it says nothing, UNKNOWN where nothing known.

    `south` and `north` are the latitudes of the country, which tell the half of the earth of a
    zone without a letter; `base` is the datum of the file: zones are those of its ellipsoid.

    Examples
    --------
    >>> [datum_of(text, None, 3, 54, "wgs84") for text in ("32648", "EPSG:4326", "48", "48R")]
    ['EPSG:32648', 'wgs84', 'EPSG:32648', 'EPSG:32648']
    >>> datum_of("23", "S", -34, 6, None), datum_of("23", None, -34, 6, None)
    ('EPSG:32723', '?')
    """
    if text is None:
        return None
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    if zone := _ZONE.fullmatch(plain):
        half = _half(zone[2], hemisphere, south, north)
        number = int(zone[1])
        return _zone(number, half, base) if half and 1 <= number <= 60 else UNKNOWN
    if plain.lower() in coordinates.ALL_DATUMS:
        return plain.lower()
    code = _CODE.fullmatch(plain)
    named = f"EPSG:{code[1]}" if code and not plain.startswith(("WGS", "NAD")) else _named(text)
    if named is None or named.removeprefix("EPSG:") not in _codes():
        return UNKNOWN
    return _SAME.get(named, named)


def _half(letter: str | None, hemisphere: str | None, south: float, north: float) -> str | None:
    """N or S; of the letters of bands C to X those from N on are northern.

    S is the band from 32 to 40 north too: a country in the north means that one.
    """
    for word in (letter, hemisphere):
        said = unicodedata.normalize("NFKC", word).strip().upper() if word else ""
        if said in _NORTH or said in _SOUTH:
            if south >= 0:
                return "N"
            if north <= 0:
                return "S"
            return "N" if said in _NORTH else "S"
        if len(said) == 1 and "C" <= said <= "X":
            return "N" if said > "N" else "S"
        if said:
            return None
    return "N" if south >= 0 else "S" if north <= 0 else None


@functools.cache
def _codes() -> frozenset[str]:
    """Codes of EPSG whose coordinates are two axes on the ground; asking for each is slow."""
    kinds = (PJType.PROJECTED_CRS, PJType.GEOGRAPHIC_2D_CRS, PJType.GEOGRAPHIC_3D_CRS)
    return frozenset(code for kind in kinds for code in proj_database.get_codes("EPSG", kind))


@functools.cache
def _zone(number: int, half: str, base: str | None) -> str:
    """The code of a zone on the ellipsoid of a projected `base`, else of WGS 84."""
    if base is not None and coordinates.in_metres(base) and base != coordinates.OSGB36:
        named = pyproj.CRS.from_user_input(base).name.partition(" / ")[0]
        for found in proj_database.query_utm_crs_info(datum_name=named):
            if found.name == f"{named} / UTM zone {number}{half}":
                return f"{found.auth_name}:{found.code}"
        return UNKNOWN
    return f"EPSG:{326 if half == 'N' else 327}{number:02d}"


@functools.lru_cache(maxsize=1024)
def _named(text: str) -> str | None:
    """The code of a system that is written by its name; no definitions, no files."""
    if not _NAME.fullmatch(text.strip()):
        return None
    try:
        code = pyproj.CRS.from_user_input(text.strip()).to_epsg()
    except pyproj.exceptions.CRSError:
        return None
    return f"EPSG:{code}" if code else None
