"""Values of a survey file: what means missing, what is a number, a year, a place code.

All functions work on whole string columns (n values). Text is trimmed; the words the surveys use
for "nothing" are null.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MISSING = ("", ".", "-", "--", "—", "——", "－", "NULL", "null", "NA", "N/A", "<NA>", "None")
_NOT_A_NUMBER = ("NaN", "nan", "NAN")
_MISSING = pa.array(MISSING, pa.string())
_MISSING_NUMBERS = pa.array(MISSING + _NOT_A_NUMBER, pa.string())
_MISSING_NUMBERS_OR_NULL = pa.array([*MISSING, *_NOT_A_NUMBER, None], pa.string())
_NULL = pa.scalar(None, pa.string())

_PLAIN_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_FINITE = r"^(?i)[+-]?(nan|inf|infinity)$"
_THOUSANDS = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?$"
_DAY_FIRST = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1([0-9]{4})")
_YEAR = re.compile(r"(?:[FC]Y ?)?([12][0-9]{3})(?:$|[^0-9].*|[0-9]{2}$|[0-9]{4}$)", re.DOTALL)
_WHOLE = re.compile(r"\.0+$")

Mapped = TypeVar("Mapped")


class Numbers(NamedTuple):
    """Numbers of a column: float64 (n), NaN where there is none; and where its text is none."""

    values: np.ndarray
    unreadable: np.ndarray


def trimmed(column: pa.Array) -> pa.Array:
    """Text without white space around it (also full-width), null where it means missing."""
    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(text, _MISSING), _NULL, text)


def numbers(text: pa.Array, *, keep_nan: bool = False) -> Numbers:
    """Read trimmed text as numbers.

    Full-width digits and thousands separators are read; anything else that is no number is
    unreadable. `NaN` means missing; with `keep_nan` it is a number that is none (so neither
    unreadable nor null in the text).
    """
    if not keep_nan:
        text = pc.if_else(pc.is_in(text, _MISSING_NUMBERS), _NULL, text)
    try:
        parsed = text.cast(pa.float64())
        unreadable = np.zeros(len(text), dtype=bool)
    except pa.ArrowInvalid:
        plain = _plain(text)
        readable = pc.or_(
            pc.match_substring_regex(plain, _PLAIN_NUMBER),
            pc.match_substring_regex(plain, _NOT_FINITE),
        )
        parsed = pc.if_else(readable, plain, _NULL).cast(pa.float64())
        unreadable = as_mask(pc.invert(readable))
    return Numbers(parsed.to_numpy(zero_copy_only=False), unreadable)


def with_points(text: pa.Array, *, thousands: bool) -> pa.Array:
    """Numbers of a file with decimal commas as others have them; other text as it is.

    With `thousands`, points (and blanks) part thousands.

    Examples
    --------
    >>> with_points(pa.array(["1,000", "1.000", "1.234.567,5", "120", None]), thousands=True)
    <pyarrow.lib.StringArray object at ...>
    [
      "1.000",
      "1000",
      "1234567.5",
      "120",
      null
    ]
    """
    plain = half_width(text)
    if thousands:
        grouped = pc.match_substring_regex(plain, r"^[+-]?[0-9]{1,3}([. ][0-9]{3})+(,[0-9]+)?$")
        plain = pc.if_else(grouped, pc.replace_substring_regex(plain, "[. ]", ""), plain)
    comma = pc.match_substring_regex(plain, r"^[+-]?[0-9]+,[0-9]+$")
    return pc.if_else(comma, pc.replace_substring(plain, ",", "."), plain)


def decimals(text: pa.Array) -> np.ndarray:
    """Digits behind the decimal point of each value, int (n), 0 where there is no point."""
    point = pc.fill_null(pc.find_substring(text, "."), -1).to_numpy()
    length = pc.fill_null(pc.binary_length(text), 0).to_numpy()
    return np.where(point < 0, 0, length - point - 1)


def as_mask(flags: pa.Array) -> np.ndarray:
    """A bool array (n), null as false."""
    return np.asarray(pc.fill_null(flags, False).to_numpy(zero_copy_only=False), dtype=bool)


def by_unique(text: pa.Array, function: Callable[[str], Mapped | None]) -> list[Mapped | None]:
    """Apply a function to each distinct value; for columns of few distinct values."""
    encoded = text.dictionary_encode()
    results = [function(value) for value in encoded.dictionary.to_pylist()]
    return [None if place is None else results[place] for place in encoded.indices.to_pylist()]


def year_of(text: str) -> int | None:
    """The year of a text, from 1000 to 2999; None where it says none.

    Two digits, and the day numbers of spreadsheets, are no year: nobody can tell which.

    Examples
    --------
    >>> [year_of(text) for text in ("1998", "1998.0", "1998-05-01", "199805", "14/04/1998")]
    [1998, 1998, 1998, 1998, 1998]
    >>> [year_of(text) for text in ("FY2005", "2005/06", "14041998", "04141998.0")]
    [2005, 2005, 1998, 1998]
    >>> [year_of(text) for text in ("05", "38717", "0", "99999999")]
    [None, None, None, None]
    """
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    plain = _WHOLE.sub("", plain)
    if plain.isdecimal() and len(plain) == 8 and not _is_date(plain[4:6], plain[6:]):
        one, two, year = plain[:2], plain[2:4], plain[4:]
        dated = _is_date(two, one) or _is_date(one, two)  # 14041998, or 04141998 of Americans
        return int(year) if dated and year[0] in "12" else None
    if plain.isdecimal() and len(plain) == 6 and not _is_month(plain[4:6]):
        return None
    if found := _YEAR.fullmatch(plain):
        return int(found[1])
    if apart := _DAY_FIRST.fullmatch(plain):
        return int(apart[2])
    return None


def _is_date(month: str, day: str) -> bool:
    return _is_month(month) and int(day) <= 31


def _is_month(digits: str) -> bool:
    return 0 <= int(digits) <= 12  # 00: the month is not known


def place_code_of(text: str) -> str | None:
    """A place code as text; None for zero, which stands for an unknown place."""
    code = unicodedata.normalize("NFKC", text).strip().removesuffix(".0")
    return code if code.strip("0") else None


def half_width(text: pa.Array) -> pa.Array:
    """Trimmed text with full-width digits, points and signs as plain ones."""
    if pc.all(pc.fill_null(pc.string_is_ascii(text), True)).as_py():
        return text
    return pc.utf8_trim_whitespace(pc.utf8_normalize(text, "NFKC"))


def _plain(text: pa.Array) -> pa.Array:
    """Half-width, without thousands separators."""
    text = half_width(text)
    grouped = pc.match_substring_regex(text, _THOUSANDS)
    return pc.if_else(grouped, pc.replace_substring(text, ",", ""), text)


def is_stated(text: pa.Array) -> pa.Array:
    """Where trimmed text of a number column says something, be it no number."""
    return pc.invert(pc.is_in(text, _MISSING_NUMBERS_OR_NULL))
