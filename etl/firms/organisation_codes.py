"""Organisation codes (GB 11714): eight characters and a check digit, X for ten.

The survey's firm ids. A spreadsheet takes the leading zeros off those that are all digits; the
check digit tells whether putting them back gives a code.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

_WHOLE = r"^[0-9A-Z]{8}[0-9X]$"
_SHORTENED = r"^[1-9][0-9]{2,6}[0-9X]$"
_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_LENGTH = 9


def is_organisation_code(code: str) -> bool:
    """Whether a code of nine digits (the last may be X) has the right check digit."""
    if not re.fullmatch(r"[0-9]{8}[0-9X]", code):
        return False
    rest = 11 - sum(w * int(c) for w, c in zip(_WEIGHTS, code[:8], strict=True)) % 11
    return code[8] == {10: "X", 11: "0"}.get(rest, str(rest))


def count_whole(ids: pa.Array) -> int:
    """How many ids have the form of an organisation code."""
    return pc.sum(pc.match_substring_regex(ids, _WHOLE)).as_py() or 0


def restore_zeros(ids: pa.Array) -> pa.Array:
    """Ids with lost leading zeros put back where that gives a code with a right check digit.

    Call it only where the ids of the file are organisation codes: one in eleven other numbers
    would pass.
    """
    short = pc.fill_null(pc.match_substring_regex(ids, _SHORTENED), False)
    if not pc.any(short).as_py():
        return ids
    padded = pc.utf8_lpad(ids, _LENGTH, "0").to_pylist()
    rows = short.to_pylist()
    right = [is_short and is_organisation_code(c) for is_short, c in zip(rows, padded, strict=True)]
    return pc.if_else(pa.array(right), pa.array(padded, pa.string()), ids)
