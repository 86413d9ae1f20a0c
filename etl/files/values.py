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
_YEAR = re.compile(r"([0-9]{4})(?:$|[^0-9].*|[0-9]{2}$|[0-9]{4}$)", re.DOTALL)
_EIGHT = re.compile(r"([0-9]{8})(?:\.0+)?")

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
    """The year of a text: 1998, 1998.0, 1998年, 1998-05-01, 199805, 14/04/1998; else None."""
    plain = unicodedata.normalize("NFKC", text).strip()
    found = _YEAR.fullmatch(plain)
    if found is None and (day_first := _DAY_FIRST.fullmatch(plain)):
        return int(day_first[2])
    return int(found[1]) if found else None


def founding_year_of(text: str) -> int | None:
    """The year of a date of foundation: as `year_of`, and of eight digits in any order.

    Examples
    --------
    >>> [founding_year_of(text) for text in ("19980414", "14041998", "04141998", "1998")]
    [1998, 1998, 1998, 1998]
    >>> founding_year_of("99999999") is None
    True
    """
    found = _EIGHT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return year_of(text)
    digits = found[1]
    for year, *rest in (
        (digits[:4], digits[4:6], digits[6:]),
        (digits[4:], digits[2:4], digits[:2]),
        (digits[4:], digits[:2], digits[2:4]),
    ):
        month, day = map(int, rest)
        if month <= 12 and day <= 31 and 1000 <= int(year) <= 2100:
            return int(year)
    return None


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
