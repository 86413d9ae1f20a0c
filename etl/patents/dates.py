"""Dates of patent files: which order they have, told by the whole column, and the days they name.

`05/12/2010` is a day in May or in December. One date whose first or second number is above 12 tells
it for its column; where none does, the other columns of the file, then the layout; a toss-up is
refused, not guessed.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl.files import values as file_values

ORDERS = ("dmy", "mdy")
WORDS = {"dmy": "day first", "mdy": "month first"}
# Of the dates that tell an order, the most that may tell the other one: mistakes of single rows.
MOST_AGAINST = 0.01

_TIME = r"(?:[T ,]\s*\d.*)?"
_YMD = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T ].*)?", re.S)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0+)?")
_OPEN = re.compile(rf"(\d{{1,2}})\s*[-/.]\s*(\d{{1,2}})\s*[-/.]\s*(\d{{4}}|\d{{2}}){_TIME}", re.S)
_SERIAL = re.compile(r"([1-5]\d{4})(?:\.\d+)?")  # 1927 to 2064
_MONTH_DAY = re.compile(rf"([^\W\d]{{3,10}})\.?\s*(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}}){_TIME}")
_DAY_MONTH = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|\.)?[\s\-/]*(?:de )?([^\W\d]{{3,10}})\.?[\s\-/,]*(?:de )?"
    rf"(\d{{4}}|\d{{2}}){_TIME}"
)
_YEAR_MONTH = re.compile(r"(\d{4})[\s\-/]+([^\W\d]{3,10})\.?[\s\-/]+(\d{1,2})")
# What stands where no day is known: PATSTAT writes 9999-12-31, others the first day there is.
_NO_DAY = (
    r"^(?:9999|000[01])[-/.]?[0-9]{2}[-/.]?[0-9]{2}(?:[T ].*)?$"
    r"|^[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:9999|000[01])(?:[T ].*)?$"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene", "feb fev", "mar mrz", "apr abr avr", "may mai", "jun juin", "jul juil",
            "aug ago aou", "sep set", "oct okt out", "nov", "dec dez dic",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_EPOCH = datetime.date(1970, 1, 1)
_SPREADSHEET = datetime.date(1899, 12, 30)


class Dates(NamedTuple):
    """Days of a column as datetime64[D] (n), NaT where there is none; where text is no date."""

    days: np.ndarray
    unreadable: np.ndarray


@dataclass
class Evidence:
    """What the dates of a column say of their order."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDERS, 0))
    examples: dict[str, str] = field(default_factory=dict)
    tossups: list[str] = field(default_factory=list)
    dotted: bool = True
    serials: int = 0

    def feed(self, text: pa.Array) -> None:
        """Take in a part of the column, trimmed."""
        counted = pc.value_counts(text.drop_null())
        values, counts = counted.field(0).to_pylist(), counted.field(1).to_pylist()
        for word, count in zip(values, counts, strict=True):
            self._take(unicodedata.normalize("NFKC", word).strip(), count)

    def _take(self, word: str, count: int) -> None:
        if _SERIAL.fullmatch(word):
            self.serials += count
        found = _OPEN.fullmatch(word)
        if not found:
            return
        first, second = int(found[1]), int(found[2])
        if "." not in word:
            self.dotted = False
        if first > 12 >= second:
            told = "dmy"
        elif second > 12 >= first:
            told = "mdy"
        else:
            if first != second and len(self.tossups) < 3:
                self.tossups.append(word)
            return
        self.counts[told] += count
        self.examples.setdefault(told, word)

    @property
    def told(self) -> str | None:
        """The order that its dates tell, None where they tell none, or two."""
        for order, other in (ORDERS, ORDERS[::-1]):
            total = self.counts[order] + self.counts[other]
            if self.counts[order] and self.counts[other] <= MOST_AGAINST * total:
                return order
        return None

    @property
    def two_orders(self) -> bool:
        """Whether some tell one order and some the other."""
        return self.told is None and any(self.counts.values())


def orders(
    path: Path, evidence: Mapping[str, Evidence], stated: str
) -> tuple[dict[str, str], list[str]]:
    """Order of the dates of each column ("" where it does not matter), and what to tell the user.

    `evidence` is by header, `stated` what the layout says: dmy, mdy, or ymd, which says nothing.
    Raises CoaggError with examples where a column holds both orders, or none can be told.
    """
    found: dict[str, str] = {}
    notes: list[str] = []
    said = stated if stated in ORDERS else ""
    others = {seen.told for seen in evidence.values()} - {None}
    of_others = next(iter(others)) if len(others) == 1 else None
    for header, seen in evidence.items():
        if seen.serials:
            notes.append(f"{header!r}: {seen.serials:,} dates are day numbers of a spreadsheet")
        if seen.told:
            found[header] = seen.told
            example = f"{header!r}: dates read {WORDS[seen.told]}, as {seen.examples[seen.told]!r}"
            if said and said != seen.told:
                notes.append(f"{example} says; the layout says {said}")
            else:
                notes.append(f"{example} says")
            other = ORDERS[1 - ORDERS.index(seen.told)]
            if seen.counts[other]:
                notes.append(
                    f"{header!r}: {seen.counts[other]:,} dates are not so, as "
                    f"{seen.examples[other]!r}; they are taken as unreadable"
                )
        elif said:
            found[header] = said
        elif seen.two_orders:
            raise CoaggError(
                f"{path}: {header!r} has dates day first ({seen.examples['dmy']!r}) and month "
                f"first ({seen.examples['mdy']!r}); mend the file, or state one order in a layout "
                "(a line @dates,dmy or @dates,mdy), then the others are refused"
            )
        elif of_others:
            found[header] = of_others
        elif seen.tossups and seen.dotted:
            found[header] = "dmy"
            notes.append(f"{header!r}: dates with points read day first, as {seen.tossups[0]!r}")
        elif seen.tossups:
            shown = ", ".join(map(repr, seen.tossups))
            raise CoaggError(
                f"{path}: {header!r} has dates such as {shown}, and none tells whether day or "
                "month stands first; state it in a layout of your own (a line @dates,dmy or "
                "@dates,mdy) and give that as --layout"
            )
        else:
            found[header] = "dmy"
    return found, notes


def dates(text: pa.Array, order: str, missing: Sequence[str] = ()) -> Dates:
    """Days of a column; `order` is dmy or mdy for what begins with no year, "" for such that tell.

    `missing` are texts that mean no date, as 9999-12-31 and 0001-01-01 always do. A year of two
    digits is the latest one that is not in the future.
    """
    none = file_values.as_mask(pc.match_substring_regex(text, _NO_DAY))
    if missing:
        none |= file_values.as_mask(pc.is_in(text, pa.array(list(missing), pa.string())))
    if none.any():
        text = pc.if_else(pa.array(none), pa.scalar(None, pa.string()), text)
    found = file_values.by_unique(text, lambda word: _ordinal(word, order))
    ordinals = pa.array(found, pa.int64())
    held = file_values.as_mask(ordinals.is_valid())
    days = pc.fill_null(ordinals, 0).to_numpy().astype("datetime64[D]")
    days = np.where(held, days, np.datetime64("NaT"))
    return Dates(days, file_values.as_mask(text.is_valid()) & ~held)


def day_of(text: str, order: str = "") -> datetime.date | None:
    """The day a text names, None where it names none.

    >>> [str(day_of(word, "mdy")) for word in ("20100105", "2010年1月5日", "1/5/2010", "40183")]
    ['2010-01-05', '2010-01-05', '2010-01-05', '2010-01-05']
    >>> [str(day_of(word)) for word in ("Jan 5, 2010", "5-JAN-2010", "13/1/2010", "1/5/2010")]
    ['2010-01-05', '2010-01-05', '2010-01-13', 'None']
    """
    word = unicodedata.normalize("NFKC", text).strip()
    if found := (_YMD.fullmatch(word) or _COMPACT.fullmatch(word)):
        return _date(int(found[1]), int(found[2]), int(found[3]))
    if found := _OPEN.fullmatch(word):
        first, second = int(found[1]), int(found[2])
        if not order:
            order = "dmy" if first > 12 or first == second else "mdy" if second > 12 else ""
        day, month = (first, second) if order == "dmy" else (second, first)
        return _date(_year(found[3]), month, day) if order else None
    if found := _SERIAL.fullmatch(word):
        return _SPREADSHEET + datetime.timedelta(days=int(found[1]))
    if found := _MONTH_DAY.fullmatch(word):
        return _date(int(found[3]), _month(found[1]), int(found[2]))
    if found := _DAY_MONTH.fullmatch(word):
        return _date(_year(found[3]), _month(found[2]), int(found[1]))
    if found := _YEAR_MONTH.fullmatch(word):
        return _date(int(found[1]), _month(found[2]), int(found[3]))
    return None


def _ordinal(text: str, order: str) -> int | None:
    day = day_of(text, order)
    return None if day is None else (day - _EPOCH).days


def _date(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _year(text: str) -> int:
    year = int(text)
    if len(text) == 4:
        return year
    today = datetime.date.today().year
    return year + today - today % 100 - (100 if year > today % 100 else 0)


def _month(word: str) -> int:
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c)
    )
    return _MONTHS.get(plain[:4]) or _MONTHS.get(plain[:3], 0)
