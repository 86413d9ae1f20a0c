"""Values of patent files: numbers, dates, kinds of patents, words for a grant.

Functions work on whole string columns (n values), trimmed, null where nothing is stated.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as firm_values

# Chinese application numbers: year (two digits before October 2003), kind, serial, check digit.
_CN_OLD = r"(?:8[5-9]|9[0-9]|0[0-3])[1-389][0-9]{5}"
_CN_NEW = r"(?:19|20)[0-9]{2}[1-389][0-9]{7}"
_CN_PREFIXED = rf"^(?:CN|ZL)((?:{_CN_OLD}|{_CN_NEW})[0-9X]?)$"
_CN_BARE = rf"^(?:{_CN_OLD}|{_CN_NEW})$"
_CN_WHOLE = rf"^(?:{_CN_OLD}|{_CN_NEW})[0-9X]$"
_CHECK_WEIGHTS = np.array([2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5])
_CHECK_DIGITS = np.array(list("0123456789X"))

KIND_WORDS = {
    **dict.fromkeys(
        ("invention", "patent", "发明", "发明专利", "发明公布", "发明申请", "发明公开", "发明授权",
         "授权发明", "pct发明", "1", "8", "a", "b", "c", "fm", "fmzl", "fmsq"), "invention",
    ),
    **dict.fromkeys(
        ("utility", "utility model", "实用新型", "实用新型专利", "新型", "pct实用新型", "2", "9",
         "u", "y", "xx", "syxx"), "utility",
    ),
    **dict.fromkeys(("design", "外观设计", "外观设计专利", "外观", "3", "s", "d", "wg"), "design"),
}  # fmt: skip
GRANT_WORDS = {
    **dict.fromkeys(
        ("1", "y", "yes", "t", "true", "是", "已授权", "授权", "有权", "granted", "发明授权"), True
    ),
    **dict.fromkeys(
        ("0", "n", "no", "f", "false", "否", "未授权", "公开", "实质审查", "实审", "审中", "驳回",
         "撤回", "视为撤回", "pending", "rejected", "withdrawn", "applied"), False,
    ),
}  # fmt: skip
_YMD = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T ].*)?", re.DOTALL
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0+)?")
_DMY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})")
_EPOCH = datetime.date(1970, 1, 1)


class Dates(NamedTuple):
    """Days of a column as datetime64[D] (n), NaT where there is none; where text is no date."""

    days: np.ndarray
    unreadable: np.ndarray


def patent_numbers(text: pa.Array, *, chinese: bool) -> pa.Array:
    """Numbers in one form: upper case, half-width, without blanks, dots, slashes and hyphens.

    With `chinese`, application numbers lose CN or ZL and get the check digit (GB standard ZC
    0006-2003: weights 2 to 9, then 2 to 5, modulo 11, X for ten) where it is missing.
    """
    text = pc.replace_substring_regex(pc.utf8_upper(firm_values.half_width(text)), r"[\s./\-]", "")
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if not chinese:
        return text
    text = pc.replace_substring_regex(text, _CN_PREFIXED, r"\1")
    bare = firm_values.as_mask(pc.match_substring_regex(text, _CN_BARE))
    if not bare.any():
        return text
    numbers = text.filter(pa.array(bare)).to_pylist()
    digits = [(number, check_digit(number)) for number in numbers]
    checked = pa.array([number + digit for number, digit in digits], pa.string())
    return pc.replace_with_mask(text, pa.array(bare), checked)


def check_digit(number: str) -> str:
    """Check digit of a Chinese application number of 8 or 12 digits."""
    digits = np.frombuffer(number.encode(), np.uint8).astype(int) - ord("0")
    return str(_CHECK_DIGITS[int(digits @ _CHECK_WEIGHTS[: len(digits)]) % 11])


def kinds_of_numbers(numbers: pa.Array) -> pa.Array:
    """Kind that the digit in a Chinese application number says, null for other numbers."""
    old = pc.utf8_slice_codeunits(numbers, 2, 3)
    new = pc.utf8_slice_codeunits(numbers, 4, 5)
    digit = pc.if_else(pc.equal(pc.utf8_length(numbers), 9), old, new)
    chinese = pc.match_substring_regex(numbers, _CN_WHOLE)
    digit = pc.if_else(chinese, digit, pa.scalar(None, pa.string()))
    return pa.array(firm_values.by_unique(digit, KIND_WORDS.get), pa.string())


def kinds(text: pa.Array) -> pa.Array:
    """Kind that a word or code says, null for other words."""
    return pa.array(firm_values.by_unique(text, lambda w: KIND_WORDS.get(_word(w))), pa.string())


def grants(text: pa.Array) -> pa.Array:
    """Whether a word says granted, null for other words."""
    return pa.array(firm_values.by_unique(text, lambda w: GRANT_WORDS.get(_word(w))), pa.bool_())


def dates(text: pa.Array, order: str, missing: Sequence[str] = ()) -> Dates:
    """Days of a column; `order` is ymd or dmy, `missing` are texts that mean no date.

    With dmy a year of two digits is the latest one that is not in the future.
    """
    if missing:
        none = pc.is_in(text, pa.array(list(missing), pa.string()))
        text = pc.if_else(none, pa.scalar(None, pa.string()), text)
    found = firm_values.by_unique(text, lambda word: _ordinal(word, order))
    ordinals = pa.array(found, pa.int64())
    held = firm_values.as_mask(ordinals.is_valid())
    days = pc.fill_null(ordinals, 0).to_numpy().astype("datetime64[D]")
    days = np.where(held, days, np.datetime64("NaT"))
    return Dates(days, firm_values.as_mask(text.is_valid()) & ~held)


def _ordinal(text: str, order: str) -> int | None:
    word = unicodedata.normalize("NFKC", text).strip()
    year_month_day = _YMD.fullmatch(word) or _COMPACT.fullmatch(word)
    day_first = _DMY.fullmatch(word) if order == "dmy" else None
    if year_month_day:
        year, month, day = map(int, year_month_day.groups())
    elif day_first:
        day, month, year = map(int, day_first.groups())
        if len(day_first[3]) == 2:
            today = datetime.date.today().year
            year += today - today % 100 - (100 if year > today % 100 else 0)
    else:
        return None
    try:
        return (datetime.date(year, month, day) - _EPOCH).days
    except ValueError:
        return None


def _word(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
