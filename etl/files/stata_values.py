"""What numbers of Stata, SPSS and SAS stand for: dates by their display format, codes by labels."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from typing import Any

_SPSS_EPOCH = datetime.datetime(1582, 10, 14)
_SPSS_DATE = re.compile(r"(?:[AESJ]?DATE|DATETIME|YMDHMS|MOYR|QYR|WKYR)\d", re.IGNORECASE)
_SAS_SECONDS = re.compile(r"(?:E8601DT|B8601DT|DATETIME|DTDATE|DTYEAR|DTMONYY)", re.IGNORECASE)
_SAS_DATE = re.compile(
    r"(?:DATE|(?:MMDDYY|DDMMYY|YYMMDD)[A-Z]?|YYMM[A-Z]?|YYQ[A-Z]?|MONYY|YEAR|WORDDATX?|WEEKDATX?|"
    r"JULIAN|[EB]8601DA|MINGUO|NENGO)\d*\.?\d*$",
    re.IGNORECASE,
)
_EPOCH = datetime.datetime(1960, 1, 1)
_DATE = re.compile(r"%-?(?:t([cCdwmqhy])|(d))")
_A_YEAR = {"w": (52, "-W{:02d}"), "m": (12, "-{:02d}"), "q": (4, "-Q{}"), "h": (2, "-H{}")}


def unit_of(display_format: str | None) -> str | None:
    """Unit of a date format, one of c C d w m q h y; None where it is no date.

    Examples
    --------
    >>> unit_of("%tdD_m_Y"), unit_of("%9.0g")
    ('d', None)
    """
    found = _DATE.match(display_format or "")
    return (found[1] or found[2]) if found else None


def unit_of_spss(display_format: str | None) -> str | None:
    """Unit of a date format of SPSS, which counts seconds from 1582 in all of them.

    Examples
    --------
    >>> unit_of_spss("ADATE10"), unit_of_spss("F8.2")
    ('spss', None)
    """
    return "spss" if _SPSS_DATE.match(display_format or "") else None


def unit_of_sas(display_format: str | None) -> str | None:
    """Unit of a date format of SAS, which counts days or seconds from the beginning of 1960.

    Examples
    --------
    >>> unit_of_sas("YYMMDD10"), unit_of_sas("DATETIME20"), unit_of_sas("BEST12")
    ('d', 'sas', None)
    """
    if _SAS_SECONDS.match(display_format or ""):
        return "sas"
    return "d" if _SAS_DATE.fullmatch(display_format or "") else None


def date_of(value: float | None, unit: str) -> str | None:
    """A date as text; Stata counts units from the beginning of 1960, and see `unit_of_spss`.

    Examples
    --------
    >>> date_of(16801.0, "d"), date_of(543.0, "m"), date_of(183.0, "q"), date_of(2005.0, "y")
    ('2005-12-31', '2005-04', '2005-Q4', '2005')
    """
    if value is None or math.isnan(value):
        return None
    if unit == "y":
        return f"{value:g}"
    if unit in _A_YEAR:
        parts, form = _A_YEAR[unit]
        year, part = divmod(math.floor(value), parts)
        return f"{1960 + year}" + form.format(part + 1)
    a_day = {"d": 1, "spss": 86_400, "sas": 86_400}.get(unit, 86_400_000)
    days = value / a_day  # leap seconds are no day
    try:
        epoch = _SPSS_EPOCH if unit == "spss" else _EPOCH
        return (epoch + datetime.timedelta(days=days)).date().isoformat()
    except OverflowError:
        return f"{value:g}"  # no date that there is


def are_values(labels: Mapping[Any, str]) -> bool:
    """Whether labels are what the column says, not a description of its numbers.

    They are where each is a code of digits, and where Stata's `encode` has numbered texts from 1
    (or another program from 0). Two numbers with labels are a yes and a no.

    Examples
    --------
    >>> are_values({1.0: "0610", 2.0: "0690"}), are_values({0.0: "no", 1.0: "yes"})
    (True, False)
    >>> are_values({610.0: "Coal", 690.0: "Other mining", 1310.0: "Grain"})
    False
    """
    said = [label.strip() for label in labels.values()]
    if not said or not all(said):
        return False
    if all(re.fullmatch(r"[A-Z]?[0-9][0-9.]*", label) for label in said):
        return True
    if not all(isinstance(number, int | float) for number in labels):  # Stata's .a to .z
        return False
    numbers = sorted(labels)
    run = numbers == [numbers[0] + n for n in range(len(numbers))] and numbers[0] in (0.0, 1.0)
    return run and len(said) > 2
