"""What a whole column says of its values: what a comma is, and whether years are day numbers."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as firm_values

Comma = Literal["point", "decimal", "both"]
# A decimal comma is one that parts no thousands, a thousands comma one that stands twice or before
# a point. 1,000 and 1.000 are either.
_DECIMAL = (
    r"^[+-]?([0-9]+|[0-9]{1,3}([. ][0-9]{3})+),([0-9]{1,2}|[0-9]{4,})$|^[+-]?[0-9]{4,},[0-9]+$"
)
_DECIMAL_TOO = r"^[+-]?[0-9]{1,3}(([.][0-9]{3}){2,}|([. ][0-9]{3})+,[0-9]+)$"
_POINT = (
    r"^[+-]?[0-9]{1,3}((,[0-9]{3}){2,}|(,[0-9]{3})+\.[0-9]+)$|"
    r"^[+-]?([0-9]+\.([0-9]{1,2}|[0-9]{4,})|[0-9]{4,}\.[0-9]+)$"
)
_EITHER = r"^[+-]?[0-9]{1,3}[.,][0-9]{3}$"
# Day 1 of a spreadsheet is 1 January 1900, and it believes in a 29 February of that year.
_DAY_ZERO = datetime.date(1899, 12, 30)
_DAYS = re.compile(r"([1-7][0-9]{4})(?:[.,]0+)?")
_EXCEPTIONS = 0.01
_FEWEST_TOLD, _SHARE_TOLD = 2, 0.05
_FEWEST_DAYS = 3


class Commas:
    """Counts what commas and points of a column of numbers can be."""

    def __init__(self) -> None:
        self.decimal = self.point = self.with_comma = self.marked = 0

    def add(self, text: pa.Array) -> None:
        """Count further values (trimmed text)."""
        marked = _count(text, "[.,，．]")
        if marked:
            plain = firm_values.half_width(text)
            self.marked += marked
            self.with_comma += _count(plain, ",")
            self.decimal += _count(plain, _DECIMAL) + _count(plain, _DECIMAL_TOO)
            self.point += _count(plain, _POINT)

    def found(self, coordinates: bool) -> Comma:
        """What a comma of the column is; where no value tells, what it is in `coordinates`.

        A slip (12,34 among 1,200 and 1,345) tells nothing.
        """
        decimal, point = self._enough(self.decimal), self._enough(self.point)
        if decimal and point:
            return "both"
        if coordinates:
            return "point" if point else "decimal"
        if not decimal:
            return "point"
        return "decimal" if 2 * self.decimal >= self.with_comma else "both"

    def _enough(self, count: int) -> bool:
        return count >= _FEWEST_TOLD and count >= _SHARE_TOLD * self.marked


def numbers(text: pa.Array, comma: Comma) -> tuple[pa.Array, np.ndarray]:
    """Text of numbers with decimal points, and where it may mean either of two (bool, n).

    Examples
    --------
    >>> column = pa.array(["1,000", "1000,5", "1,234.5", "12"])
    >>> [one.tolist() for one in numbers(column, "both")]
    [[None, '1000.5', '1,234.5', '12'], [True, False, False, False]]
    >>> numbers(column, "decimal")[0].to_pylist()
    ['1.000', '1000.5', '1,234.5', '12']
    """
    ambiguous = np.zeros(len(text), dtype=bool)
    if comma == "point":
        return text, ambiguous
    if comma == "decimal":
        return firm_values.with_points(text, thousands=True), ambiguous
    plain = firm_values.half_width(text)
    ambiguous = firm_values.as_mask(pc.match_substring_regex(plain, _EITHER))
    decimal = pc.or_(
        pc.match_substring_regex(plain, _DECIMAL), pc.match_substring_regex(plain, _DECIMAL_TOO)
    )
    read = pc.if_else(
        pc.fill_null(decimal, False), firm_values.with_points(plain, thousands=True), text
    )
    return pc.if_else(pa.array(ambiguous), pa.scalar(None, pa.string()), read), ambiguous


def are_day_numbers(stated: Counter[str], survey_year: int) -> bool:
    """Whether all values of a column of years are days of a spreadsheet before the survey's end.

    `stated` counts the texts; one in a hundred may be something else.

    Examples
    --------
    >>> are_day_numbers(Counter({"38717": 5, "32874": 2, "36526": 1}), 2006)
    True
    >>> are_day_numbers(Counter({"1998": 5, "32874": 2}), 2006)
    False
    """
    days = {text: day_year(text) for text in stated}
    total = sum(stated.values())
    fitting = sum(
        count
        for text, count in stated.items()
        if (days[text] or survey_year + 2) <= survey_year + 1
    )
    different = sum(year is not None for year in days.values())
    return different >= _FEWEST_DAYS and fitting >= (1 - _EXCEPTIONS) * total


def day_year(text: str) -> int | None:
    """The year of a day number of five digits, 1927 to 2119; None for other text.

    Examples
    --------
    >>> day_year("38717"), day_year("1998")
    (2005, None)
    """
    found = _DAYS.fullmatch(text.strip())
    return (_DAY_ZERO + datetime.timedelta(int(found[1]))).year if found else None


def _count(text: pa.Array, pattern: str) -> int:
    return int(firm_values.as_mask(pc.match_substring_regex(text, pattern)).sum())
