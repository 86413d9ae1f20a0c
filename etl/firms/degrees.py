"""Degrees as people write them: decimal comma, degrees minutes seconds, letters, both in one text.

`degrees` reads one column, `both_of_one` parts a column that holds both numbers (a WKT point, or
latitude and longitude) into two. What is plain decimal degrees never comes to the slow path.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as firm_values

ANY, LON, LAT = 0, 1, 2
_LETTERS = {
    "n": (LAT, 1), "north": (LAT, 1), "nord": (LAT, 1), "norte": (LAT, 1), "北纬": (LAT, 1),
    "北緯": (LAT, 1), "북위": (LAT, 1), "s": (LAT, -1), "south": (LAT, -1), "süd": (LAT, -1),
    "sud": (LAT, -1), "sur": (LAT, -1), "sul": (LAT, -1), "南纬": (LAT, -1), "南緯": (LAT, -1),
    "e": (LON, 1), "east": (LON, 1), "est": (LON, 1), "este": (LON, 1), "ost": (LON, 1),
    "leste": (LON, 1), "东经": (LON, 1), "東經": (LON, 1), "東経": (LON, 1), "동경": (LON, 1),
    "w": (LON, -1), "west": (LON, -1), "ouest": (LON, -1), "oeste": (LON, -1),
    "ovest": (LON, -1), "西经": (LON, -1), "西經": (LON, -1), "西経": (LON, -1),
}  # fmt: skip
_SIGNS = str.maketrans(
    {**dict.fromkeys("º˚⁰∘度도", "°"), **dict.fromkeys("′’‘´`＇ʹ分분", "'"),
     **dict.fromkeys("″”“〃＂ʺ秒초", '"'), **dict.fromkeys("−–‐－", "-")}
)  # fmt: skip
_EITHER = "o"  # Ost of Germans, Ouest, Oeste and Ovest of others: the file or the country tells
_WORDS = "|".join(sorted(map(re.escape, [*_LETTERS, _EITHER]), key=len, reverse=True))
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
_DMS = re.compile(
    rf"(?P<before>{_WORDS})?\s*:?\s*(?P<sign>[+-])?\s*(?P<d>{_NUMBER})\s*"
    rf"(?:(?:°|degrees?|deg|d|:|-|\s|\*)\s*"
    rf"(?:(?P<m>{_NUMBER})\s*(?:'|minutes?|min|m|:|-|\s|$|(?=[a-z\"]))\s*"
    rf"(?:(?P<s>{_NUMBER})\s*(?:\"|''|seconds?|sec|s(?!\w)|:)?\s*)?)?)?"
    rf"(?P<after>{_WORDS})?"
)
_COMMA = r"^([+-]?[0-9]{1,3}),([0-9]+)$"
_WKT = re.compile(
    r"(?:SRID=(?P<srid>[0-9]+);)?\s*POINT\s*(?:Z|M|ZM)?\s*\(\s*"
    r"(?P<x>[-+0-9.eE]+)\s+(?P<y>[-+0-9.eE]+)(?:\s+[-+0-9.eE]+){0,2}\s*\)",
    re.IGNORECASE,
)
_WKB = re.compile(r"(?:\\\\x|\\x|0x)?(?P<hex>0[01][0-9A-Fa-f]{40,})")
_GEOJSON = re.compile(r'\{.*"coordinates"\s*:\s*\[\s*(?P<x>[-+0-9.eE]+)\s*,\s*(?P<y>[-+0-9.eE]+).*')
_EMPTY = re.compile(r"(?:SRID=[0-9]+;)?\s*POINT\s*(?:Z|M|ZM)?\s*EMPTY", re.IGNORECASE)
# longitude and latitude, within a metre or so: no word on the datum, which the layout has
_DEGREES = ("0", "4326", "4979", "4490", "4258", "4269")
_NULL = pa.scalar(None, pa.string())
# How sure it must be that decimals are minutes: so many different numbers, seconds, degrees that
# hold enough different minutes, and hardly any number that cannot be one. By chance 0.6 of all
# pairs of digits are below 60.
_NUMBERS, _SECONDS, _DEGREES_FULL, _MINUTES, _EXCEPTIONS = 40, 20, 8, 10, 0.01
UNREADABLE = "?"  # in the place of a text that holds no two numbers


class Degrees(NamedTuple):
    """Numbers of n rows: float64, NaN where none; unreadable text; the decimals that their
    spelling is worth; the axis that a letter names (ANY where none does)."""

    values: np.ndarray
    unreadable: np.ndarray
    decimals: np.ndarray
    axis: np.ndarray


def degrees(text: pa.Array, east_o: int = 0) -> Degrees:
    """Read trimmed text as degrees; `east_o` is the sign of the letter O, 0 where none is known.

    Examples
    --------
    >>> column = pa.array(["104.0647", "104,0647", "104°3'53.05\\"E", "W 1:28:12", "东经104.1度"])
    >>> degrees(column).values.round(4).tolist()
    [104.0647, 104.0647, 104.0647, -1.47, 104.1]
    """
    plain = pc.replace_substring_regex(firm_values.half_width(text), _COMMA, r"\1.\2")
    read = firm_values.numbers(plain, keep_nan=True)
    values, unreadable = read.values.copy(), read.unreadable.copy()
    decimals = firm_values.decimals(plain)
    axis = np.zeros(len(text), dtype=np.int8)
    rows = np.flatnonzero(unreadable)
    for row, one in zip(rows.tolist(), text.take(pa.array(rows)).to_pylist(), strict=True):
        found = parse(one, east_o)
        if found is not None:
            values[row], decimals[row], axis[row] = found
            unreadable[row] = False
    return Degrees(values, unreadable, decimals, axis)


def parse(text: str, east_o: int = 0) -> tuple[float, int, int] | None:
    """Degrees, worth in decimals and axis of one text; None where it is none.

    Whole degrees in words (东经104度) are no point: a degree is 100 km.

    Examples
    --------
    >>> parse("30°43'12.00\\"N")
    (30.72, 5, 2)
    >>> parse("30 61 00") is None  # no minute is 61
    True
    """
    shown = unicodedata.normalize("NFKC", text.translate(_SIGNS)).casefold().translate(_SIGNS)
    found = _DMS.fullmatch(shown.strip().rstrip(".,; "))
    if found is None or (found["before"] and found["after"]):
        return None
    parts = [found[name].replace(",", ".") for name in "dms" if found[name]]
    if any("." in part for part in parts[:-1]) or (len(parts) == 1 and "." not in parts[0]):
        return None  # the last one alone may have a fraction
    numbers = [float(part) for part in parts]
    if numbers[0] > 180 or any(number >= 60 for number in numbers[1:2]):
        return None
    if len(numbers) > 2 and numbers[2] > 60:  # 60.0 is what rounding makes of 59.99
        return None
    value = sum(number / 60**power for power, number in enumerate(numbers))
    letter = found["before"] or found["after"] or ""
    axis, sign = (LON, east_o) if letter == _EITHER else _LETTERS.get(letter, (ANY, 1))
    if sign == 0:
        return None
    if found["sign"] == "-":
        if sign < 0:
            return None  # -104 W says both
        sign = -1
    places = len(parts[-1].partition(".")[2])
    return sign * value, places + (0, 1, 3)[len(parts) - 1], axis


class OneColumn(NamedTuple):
    """Longitude, latitude and the number of their coordinate system (null: the file's), as text."""

    lon: pa.Array
    lat: pa.Array
    srid: pa.Array


def both_of_one(text: pa.Array) -> OneColumn:
    """Longitude and latitude as text, of a column that holds both.

    A point of WKT, EWKT, WKB (in hexadecimal), EWKB or GeoJSON has longitude first. Of two numbers
    the first is taken for latitude, as maps on the web write them; letters and the country put it
    right where it is not. Text that holds no two numbers gives `UNREADABLE` twice.

    Examples
    --------
    >>> found = both_of_one(pa.array(["30.72, 104.06", "SRID=32648;POINT (410454 3399222)", "x"]))
    >>> found.lon.to_pylist(), found.lat.to_pylist(), found.srid.to_pylist()
    (['104.06', '410454', '?'], ['30.72', '3399222', '?'], [None, '32648', None])
    """
    parts = [(None, None, None) if one is None else _parted(one) for one in text.to_pylist()]
    lon, lat, srid = zip(*parts, strict=True) if parts else ((), (), ())
    return OneColumn(*(pa.array(one, pa.string()) for one in (lon, lat, srid)))


def _parted(text: str) -> tuple[str | None, str | None, str | None]:
    stripped = text.strip()
    if _EMPTY.fullmatch(stripped):
        return None, None, None
    if binary := _WKB.fullmatch(stripped):
        return _of_wkb(binary["hex"])
    if point := _WKT.fullmatch(stripped) or _GEOJSON.fullmatch(stripped):
        srid = point.groupdict().get("srid")
        return point["x"], point["y"], None if srid in _DEGREES else srid
    plain = unicodedata.normalize("NFKC", text.translate(_SIGNS)).strip().strip("()[]{}<>")
    for separator in (r"\s*[;|/]\s*", r",\s+", r",", r"(?<=[NSEWOnsewo])\s+", r"\s+"):
        parts = [part for part in re.split(separator, plain.strip()) if part]
        if len(parts) == 2 and all(re.search("[0-9]", part) for part in parts):
            return parts[1], parts[0], None
    return UNREADABLE, UNREADABLE, None


def _of_wkb(code: str) -> tuple[str | None, str | None, str | None]:
    import shapely  # slow to import, and few files hold WKB as text

    try:
        point = shapely.from_wkb(code)
    except (shapely.errors.GEOSException, ValueError):
        return UNREADABLE, UNREADABLE, None
    if point.geom_type != "Point":
        return UNREADABLE, UNREADABLE, None
    if point.is_empty:
        return None, None, None
    srid = str(shapely.get_srid(point))
    return repr(point.x), repr(point.y), None if srid in _DEGREES else srid


def packed(lon: np.ndarray, lat: np.ndarray) -> str | None:
    """Whether decimal degrees (n numbers each) are minutes behind the point, by what never occurs.

    "degrees.minutes-seconds" where neither the first nor the second two decimals reach 60,
    "degrees.minutes" where the first two do not, over degrees enough for that to be no chance;
    else None.

    Examples
    --------
    >>> numbers = np.arange(3600)
    >>> packed(120 + numbers // 60 / 100 + numbers % 60 / 10_000, np.empty(0))
    'degrees.minutes-seconds'
    >>> packed(120 + numbers / 3600, np.empty(0)) is None
    True
    """
    numbers = np.unique(np.abs(np.concatenate([lon, lat])))
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < _NUMBERS:
        return None
    whole = np.floor(numbers)
    decimals = np.floor((numbers - whole) * 10_000 + 1e-4).astype(np.int64)
    minutes, seconds = decimals // 100, decimals % 100
    if np.mean(minutes >= 60) > _EXCEPTIONS:
        return None
    if np.mean(seconds >= 60) <= _EXCEPTIONS and len(np.unique(seconds)) >= _SECONDS:
        return "degrees.minutes-seconds"
    held = np.unique(whole * 100 + minutes) // 100
    full = np.unique(held, return_counts=True)[1] >= _MINUTES
    return "degrees.minutes" if full.sum() >= _DEGREES_FULL else None
