"""How a file spells its coordinates, decided once from its first rows for all of them.

Decimal commas, degrees and minutes packed into one number, and the letter O, which is west in
Spanish and French and east in German: one value says none of it, a column does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as firm_values

DEGREES_MINUTES_SECONDS = "degrees.minutes-seconds"
DEGREES_MINUTES = "degrees.minutes"
DDMMSS = "DDMMSS"
DDMM = "DDMM.mmm"
FORMS = {
    DEGREES_MINUTES_SECONDS: "120.0742 is 120°07'42\"",
    DEGREES_MINUTES: "120.0771 is 120°07.71'",
    DDMMSS: "1200742.98 is 120°07'42.98\"",
    DDMM: "12007.716 is 120°07.716'",
}
# In front of the minutes, by what a number is to be divided, and what the last part is worth in
# decimals of a degree.
_DIVISORS = {DEGREES_MINUTES_SECONDS: 1.0, DEGREES_MINUTES: 1.0, DDMMSS: 1e4, DDMM: 1e2}
_WORTH = {DEGREES_MINUTES_SECONDS: -1, DEGREES_MINUTES: -1, DDMMSS: 3, DDMM: 1}
# By chance 0.36 of numbers have minutes and seconds under 60, 0.6 have minutes; and both numbers of
# a row must lie in the country besides.
_FEWEST_NUMBERS, _FEWEST_PARTS, _EXCEPTIONS = 10, 5, 0.01
Box = tuple[float, float, float, float]
_LETTER = r"^(?:[NSEWOnsewo]\s*)?([+-]?[0-9]+(?:[.,][0-9]*)?)(?:\s*[NSEWOnsewo])?$"


@dataclass(frozen=True)
class Spelling:
    """`form`: one of FORMS, or None for degrees or metres as they stand. `comma`: decimal commas.
    `east_o`: the sign of the letter O, 0 where nothing tells."""

    form: str | None = None
    comma: bool = False
    east_o: int = 0


PLAIN = Spelling()


def unpacked(values: np.ndarray, form: str) -> np.ndarray:
    """Degrees of packed numbers (float64, n); NaN where minutes or seconds are none.

    Examples
    --------
    >>> unpacked(np.array([1200742.98, -301403.54, 1206100.0]), DDMMSS).round(6).tolist()
    [120.128606, -30.234317, nan]
    >>> unpacked(np.array([120.0742, 30.1403]), DEGREES_MINUTES_SECONDS).round(6).tolist()
    [120.128333, 30.234167]
    >>> unpacked(np.array([12007.7163]), DDMM).round(6).tolist()
    [120.128605]
    """
    # ten-millionths of the last part, whole numbers, so that no 59.99999 becomes 60
    with np.errstate(invalid="ignore"):
        ticks = np.rint(np.abs(values) / _DIVISORS[form] * 1e11)
        whole = np.floor(ticks / 1e11)
        minutes = (ticks - whole * 1e11) / 1e9
        seconds = np.zeros(len(values))
        if form in (DEGREES_MINUTES_SECONDS, DDMMSS):
            full = np.floor(minutes + 1e-9)
            seconds = np.maximum((minutes - full) * 100, 0)
            minutes = full
        degrees = np.sign(values) * (whole + minutes / 60 + seconds / 3600)
        return np.where((minutes < 60) & (seconds <= 60), degrees, np.nan)


def worth(decimals: np.ndarray, form: str) -> np.ndarray:
    """Decimals of a degree that packed numbers with so many decimals are worth."""
    return np.maximum(decimals + _WORTH[form], 0)


def bare(text: pa.Array) -> pa.Array:
    """Packed numbers without their letter and with a decimal point; other text as it is.

    A letter of the south or west is a minus.

    Examples
    --------
    >>> bare(pa.array(["1200742E", "S 301403,5", "x"])).to_pylist()
    ['1200742', '-301403.5', 'x']
    """
    text = firm_values.half_width(text)
    found = pc.match_substring_regex(text, _LETTER)
    number = pc.replace_substring(pc.replace_substring_regex(text, _LETTER, r"\1"), ",", ".")
    negative = pc.match_substring_regex(text, r"^[SsWw]\s*[0-9]|[0-9]\s*[SsWw]$")
    number = pc.if_else(negative, pc.binary_join_element_wise("-", number, ""), number)
    return pc.if_else(pc.fill_null(found, False), number, text)


def found(lon: pa.Array, lat: pa.Array, box: Box, metres: bool) -> Spelling:
    """The spelling of the first rows of a file, `lon` and `lat` their trimmed text.

    `metres`: the coordinates are those of a map projection, so that 523,412 has a thousands comma.

    Examples
    --------
    >>> box = (73.0, 3.0, 136.0, 54.0)
    >>> found(pa.array(["120,12", "121,1"]), pa.array(["30,5", "31,25"]), box, metres=False)
    Spelling(form=None, comma=True, east_o=1)
    """
    both = pa.concat_arrays([lon, lat]).drop_null()
    form = None if metres else _packed_form(lon, lat, box)
    return Spelling(form, _has_commas(both, metres), _east_o(both, box))


def _has_commas(text: pa.Array, metres: bool) -> bool:
    plain = firm_values.half_width(text)
    pattern = r"^[+-]?[0-9]{1,3},[0-9]+$"
    if metres:  # more than a thousands comma could be, or thousands points before it
        pattern = (
            r"^[+-]?(([0-9]{4,}|[0-9]{1,3}([. ][0-9]{3})+),[0-9]+|"
            r"[0-9]{1,3},([0-9]{1,2}|[0-9]{4,}))$"
        )
    commas = int(firm_values.as_mask(pc.match_substring_regex(plain, pattern)).sum())
    return 2 * commas > len(text) and len(text) > 0


def _packed_form(lon: pa.Array, lat: pa.Array, box: Box) -> str | None:
    """DDMMSS or DDMM.mmm where the numbers can be nothing else."""
    numbers = [firm_values.numbers(bare(text), keep_nan=True).values for text in (lon, lat)]
    kept = np.isfinite(numbers[0]) & np.isfinite(numbers[1])
    x, y = (one[kept] for one in numbers)
    if not len(x) or np.mean((np.abs(x) > 180) & (np.abs(y) > 90)) < 1 - _EXCEPTIONS:
        return None
    distinct = np.unique(np.abs(np.concatenate([x, y])))
    west, south, east, north = box
    for form in (DDMM, DDMMSS):
        one, other = unpacked(x, form), unpacked(y, form)
        there = np.zeros(len(x), dtype=bool)
        for a, b in ((one, other), (other, one)):
            there |= (a >= west) & (a <= east) & (b >= south) & (b <= north)
        parts = np.unique(np.floor(distinct) % 100)
        enough = len(distinct) >= _FEWEST_NUMBERS and len(parts) >= _FEWEST_PARTS
        if enough and np.mean(there) >= 1 - _EXCEPTIONS:
            return form
    return None


def _east_o(text: pa.Array, box: Box) -> int:
    """The sign of O: the country's where it lies on one side, else by the letter of the other."""
    if box[0] >= 0:
        return 1
    if box[2] <= 0:
        return -1
    letters = {
        letter.upper()
        for one in text.to_pylist()
        for letter in re.findall(r"(?<![a-z])[EWO](?![a-z])", one, re.IGNORECASE)
    }
    if "O" not in letters or {"E", "W"} <= letters:
        return 0
    return {"E": -1, "W": 1}.get("".join(letters - {"O"}), 0)
