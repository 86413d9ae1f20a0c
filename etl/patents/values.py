"""Values of patent files: numbers, kinds of patents, words for a grant.

Functions work on whole string columns (n values), trimmed, null where nothing is stated.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

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
# Digits, and the letters of designs, reissues, plants and the like of the United States.
_WITHOUT_COUNTRY = r"^(?:D|RE|PP|H|T|AI|X|RX)?[0-9]"
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


def patent_numbers(text: pa.Array, *, chinese: bool, country: str = "") -> pa.Array:
    """Numbers in one form: upper case, half-width, without blanks, dots, commas, slashes, hyphens
    and round brackets, so that US 7,000,001 (B2), US-7000001-B2 and US7000001B2 are one.

    With `chinese`, application numbers lose CN or ZL and get the check digit (GB standard ZC
    0006-2003: weights 2 to 9, then 2 to 5, modulo 11, X for ten) where it is missing. `country`
    is put before numbers that begin with none.
    """
    text = pc.replace_substring_regex(
        pc.utf8_upper(firm_values.half_width(text)), r"[\s.,/()\-]", ""
    )
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if country:
        bare = pc.match_substring_regex(text, _WITHOUT_COUNTRY)
        text = pc.if_else(bare, pc.binary_join_element_wise(country, text, ""), text)
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


def kinds(text: pa.Array, words: Mapping[str, str] | None = None) -> pa.Array:
    """Kind that a word or code says, null for other words; `words` come before KIND_WORDS."""
    known = {**KIND_WORDS, **(words or {})}
    return pa.array(firm_values.by_unique(text, lambda w: known.get(_word(w))), pa.string())


def grants(text: pa.Array) -> pa.Array:
    """Whether a word says granted, null for other words."""
    return pa.array(firm_values.by_unique(text, lambda w: GRANT_WORDS.get(_word(w))), pa.bool_())


def _word(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
