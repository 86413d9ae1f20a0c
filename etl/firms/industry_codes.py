"""Industry codes as they come, with lost leading zeros put back, and the revision they belong to.

An industrial survey holds mining, manufacturing and utilities only, divisions 06 to 46 of China's
standard (a country's folder says which). A file that went through a spreadsheet has lost the zero
of 06 to 09: 0610 has become 610. Where a column of four digits then has a code of three, that is
plain. Where codes were cut to three (or two) digits afterwards, the loss hides: 0610, read as 610,
stays 610, which is 061 and looks like a service code, as do 911 (0911, so 091) and 920. The rule: a
code outside the industrial divisions that falls inside them when a zero is put in front is
repaired; codes inside them are never touched.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

# A register holds every division, so only the length of a code can give it away.
ALL_DIVISIONS = frozenset(f"{division:02}" for division in range(1, 100))

INDUSTRY_DIGITS = 3

# A classification that knows fewer of the rows than this is not theirs.
FEWEST_KNOWN = 0.5
# Shares of valid codes nearer to each other than this are a tie.
ROWS_TIE = 0.002
CODES_TIE = 0.005

_SECTION_LETTER = re.compile(r"[A-Z](?=\d)")
_DECIMAL = re.compile(r"(?<=\d)\.0*$")
_DIVISION_POINT = re.compile(r"\d\d\.\d")
_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_NO_CODES = frozenset({"", ".", "-", "—", "－", "NULL", "NA", "N/A", "NAN", "NONE"})


@functools.lru_cache(maxsize=65_536)
def normalised_code(received: str) -> str | None:
    """A code without blanks, section letter and points; None where it says there is none."""
    code = unicodedata.normalize("NFKC", received).strip().upper()
    if code in _NO_CODES:
        return None
    return _POINT.sub("", _DECIMAL.sub("", _SECTION_LETTER.sub("", code, count=1)))


def code_length(codes: Mapping[str, int]) -> int | None:
    """The length most codes have, the longer one of two; None where there are no codes.

    `codes` counts received codes.
    """
    lengths: Counter[int] = Counter()
    for received, count in codes.items():
        code = normalised_code(received)
        if code is not None and code.isdigit() and code.strip("0"):
            lengths[len(code)] += count
    return max(lengths, key=lambda length: (lengths[length], length)) if lengths else None


def repair_codes(
    codes: pa.Array,
    other: pa.Array | None = None,
    valid: set[str] | frozenset[str] | None = None,
    *,
    length: int | None = None,
    divisions: frozenset[str] = ALL_DIVISIONS,
) -> tuple[pa.Array, np.ndarray]:
    """Normalise codes and put lost leading zeros back.

    `codes` and `other` are string arrays of one length (n); `other` holds two-digit divisions of
    the same rows, which must agree with a repair where they are given. `valid` holds the codes of
    the classification: a repair that is none of them is left out. `length` is how many digits the
    codes of the whole file have (by default what most of `codes` have). Returns the codes, string
    array (n), null where missing, and a bool array (n), true where a zero was put back.
    """
    encoded = _encoded(codes)
    received = encoded.dictionary.to_pylist()
    places = _indices(encoded)
    if length is None:
        filled = np.bincount(places[places >= 0], minlength=len(received))
        length = code_length(dict(zip(received, filled.tolist(), strict=True)))
    if other is None:
        pairs, inverse = np.unique(places, return_inverse=True)
        unique = [(received[p] if p >= 0 else None, None) for p in pairs.tolist()]
    else:
        other_encoded = _encoded(other)
        other_received = other_encoded.dictionary.to_pylist()
        width = len(other_received) + 1
        keys = (places + 1) * width + _indices(other_encoded) + 1
        pairs, inverse = np.unique(keys, return_inverse=True)
        unique = [
            (
                received[key // width - 1] if key // width else None,
                other_received[key % width - 1] if key % width else None,
            )
            for key in pairs.tolist()
        ]
    fixed = [_repaired(code, division, length, valid, divisions) for code, division in unique]
    values = pa.array([code for code, _ in fixed], pa.string())
    repaired = np.array([mended for _, mended in fixed], dtype=bool)
    return values.take(pa.array(inverse.ravel())), repaired[inverse.ravel()]


def industries(
    codes: pa.Array, valid: set[str] | frozenset[str] | None = None
) -> tuple[pa.Array, np.ndarray]:
    """Three-digit industries of repaired codes, and which codes have none in `valid`.

    Returns a string array (n), null where the code is missing or unknown, and a bool array (n),
    true where there is a code but no such industry.
    """
    encoded = _encoded(codes)
    places = _indices(encoded)
    known = [_industry(code, valid) for code in encoded.dictionary.to_pylist()]
    values = pa.array([*known, None], pa.string())
    unknown = np.array([code is None for code in known] + [False], dtype=bool)
    return values.take(pa.array(places % len(values))), unknown[places]


def detect_classification(
    codes: Mapping[str, int],
    code_sets: Mapping[str, set[str]],
    hint: str | None = None,
) -> tuple[str | None, dict[str, float]]:
    """The classification that codes belong to, and for each one the share of rows it knows.

    `codes` counts repaired codes. The largest share of rows wins; where shares are as good as
    equal, the largest share of distinct codes; where these are too, `hint` if it is one of the
    tied. None is a tie that nothing settles, or codes that no classification knows half of.
    """
    total = sum(codes.values())
    if not total or not code_sets:
        return None, dict.fromkeys(code_sets, 0.0)
    shares = {
        name: sum(count for code, count in codes.items() if code in known) / total
        for name, known in code_sets.items()
    }
    tied = _nearly_best(shares, ROWS_TIE)
    if len(tied) > 1:
        distinct = {
            name: sum(code in code_sets[name] for code in codes) / len(codes) for name in tied
        }
        tied = _nearly_best(distinct, CODES_TIE)
    if len(tied) > 1 and hint in tied:
        tied = [hint]
    found = tied[0] if len(tied) == 1 and shares[tied[0]] >= FEWEST_KNOWN else None
    return found, shares


def _nearly_best(shares: Mapping[str, float], margin: float) -> list[str]:
    best = max(shares.values())
    return [name for name, share in shares.items() if share >= best - margin]


def _repaired(
    received: str | None,
    division: str | None,
    length: int | None,
    valid: set[str] | frozenset[str] | None,
    divisions: frozenset[str],
) -> tuple[str | None, bool]:
    code = normalised_code(received) if received is not None else None
    if code is None or length is None or not code.isdigit():
        return code, False
    if received is not None and _DIVISION_POINT.fullmatch(received):
        return code, False  # 13.1 has lost nothing in front
    if len(code) == length - 1:
        mended = "0" + code
    elif len(code) == length <= INDUSTRY_DIGITS and code[:2] not in divisions:
        mended = "0" + code[:-1]
    else:
        return code, False
    if mended[:2] not in divisions or (valid is not None and _industry(mended, valid) is None):
        return code, False
    stated = normalised_code(division) if division is not None else None
    if stated is not None and _division(stated, divisions) != mended[:2]:
        return code, False
    return mended, True


def _division(stated: str, divisions: frozenset[str]) -> str:
    """A two-digit division, its own lost zero put back."""
    if len(stated) == 1:
        return "0" + stated
    if stated not in divisions and "0" + stated[:1] in divisions:
        return "0" + stated[:1]
    return stated


def _industry(code: str, valid: set[str] | frozenset[str] | None) -> str | None:
    industry = code[:INDUSTRY_DIGITS]
    if len(industry) < INDUSTRY_DIGITS:
        return None
    return industry if (industry.isdigit() if valid is None else industry in valid) else None


def _encoded(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.dictionary_encode()


def _indices(encoded: pa.DictionaryArray) -> np.ndarray:
    """Position of each value in the dictionary, int64, -1 for null."""
    return encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
