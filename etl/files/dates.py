"""Days in the usual spellings, and whether the day or the month comes first in a file."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable

_YMD = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[t ].*)?", re.DOTALL
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0+)?")
_LAST_YEAR = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:[t ].*)?", re.DOTALL)
_NAMED = re.compile(r"(\d{1,2})[-\s.]*([a-z]{3})[a-z]*\.?[-\s,]*(\d{4})(?:\s.*)?", re.DOTALL)
_NAMED_FIRST = re.compile(r"([a-z]{3})[a-z]*\.?\s+(\d{1,2}),?\s+(\d{4})(?:\s.*)?", re.DOTALL)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
ORDERS = ("dmy", "mdy")


def day_of(text: str, order: str | None = None) -> datetime.date | None:
    """The day that a text says; None where it says none, or where `order` must tell and does not.

    Numbers of days that spreadsheets count are none: nobody can tell from when they count.

    Examples
    --------
    >>> [str(day_of(text)) for text in ("2013-12-31", "20131231", "31-Dec-2013", "2013年12月31日")]
    ['2013-12-31', '2013-12-31', '2013-12-31', '2013-12-31']
    >>> str(day_of("03/04/2012", "dmy")), str(day_of("03/04/2012", "mdy")), day_of("41274")
    ('2012-04-03', '2012-03-04', None)
    """
    word = unicodedata.normalize("NFKC", text).strip().casefold()
    if found := _YMD.fullmatch(word) or _COMPACT.fullmatch(word):
        year, month, day = map(int, found.groups())
    elif found := _LAST_YEAR.fullmatch(word):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        day, month = (second, first) if order == "mdy" else (first, second)
        if order is None and first != second:
            return None
    elif found := _NAMED.fullmatch(word):
        day, month, year = int(found[1]), _MONTHS.get(found[2], 0), int(found[3])
    elif found := _NAMED_FIRST.fullmatch(word):
        day, month, year = int(found[2]), _MONTHS.get(found[1], 0), int(found[3])
    else:
        return None
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def order_of(texts: Iterable[str]) -> str | None:
    """dmy or mdy, as the numbers above 12 show; None where the texts need no order or do not tell.

    Points between the numbers are of people who write the day first.

    Examples
    --------
    >>> order_of(["03/04/2012", "25/04/2012"]), order_of(["04/25/2012"]), order_of(["03/04/2012"])
    ('dmy', 'mdy', None)
    """
    found = [
        match
        for text in texts
        if (match := _LAST_YEAR.fullmatch(unicodedata.normalize("NFKC", text).strip().casefold()))
    ]
    day_first = any(int(match[1]) > 12 for match in found)
    month_first = any(int(match[3]) > 12 for match in found)
    if day_first != month_first:
        return "dmy" if day_first else "mdy"
    return "dmy" if found and not day_first and all(m[2] == "." for m in found) else None


def needs_order(texts: Iterable[str]) -> str | None:
    """A text whose day only an order of day and month can tell; None where there is none.

    Examples
    --------
    >>> needs_order(["2012-04-03", "05/05/2012", "03/04/2012"])
    '03/04/2012'
    """
    return next(
        (text for text in texts if day_of(text) is None and day_of(text, "dmy") is not None
         and day_of(text, "mdy") is not None),
        None,
    )  # fmt: skip
