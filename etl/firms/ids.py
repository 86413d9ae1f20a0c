"""Firm ids judged before they are used: words for none, what a spreadsheet left, lost zeros.

An id that says nothing must not make two firms one. So a placeholder and a number whose digits are
gone give no id, flagged, and the row stays; what can be put back with certainty is put back.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as firm_values
from coagg.etl.firms import organisation_codes

# Words of registers and programs for an id that is not known, in lower case.
PLACEHOLDERS = frozenset(
    {
        "n/a", "na", "n.a.", "n.a", "n/d", "nd", "n.d.", "nan", "nil", "none", "null", "(null)",
        "\\n", "unknown", "missing", "tbd", "tba", "?", "??", "???", "-1", "not_available",
        "not_applicable", "no_id", "no_number", "not_known", "unbekannt", "inconnu",
        "desconocido", "sin_dato", "s/n", "s/d", "k.a.", "#n/a", "#value!", "#ref!", "#name?",
        "#null!", "#num!", "#div/0!", "#nv", "#valor!", "#wert!", "不详", "不明", "无", "無",
        "暂无", "未知", "没有", "未填", "空", "待定", "不清楚", "未提供", "不祥", "なし", "없음",
    }
)  # fmt: skip
# Nothing but one sign that stands for "no digit here": 0, 00000, 999999999, XXXX, ----.
_ONE_SIGN = re.compile(r"0+|9{5,}|[xX*?#_.\-]{2,}|[*?#_/\\]")
_SCIENTIFIC = re.compile(r"([0-9]+)(?:[.,]([0-9]*))?[eE]\+?([0-9]{1,2})")
_LONG = re.compile(r"[0-9]{16,}")
_EXACT_DIGITS = 15  # of a number in a spreadsheet
_FLOAT_BITS = 53  # of a number in most other programs
# Share of a file's long numbers that end as a cut number does, above which they are cut.
CUT_SHARE = 0.5
_INVISIBLE = "Cf"  # zero-width blanks, joiners, byte order marks, marks of direction
_NULL = pa.scalar(None, pa.string())


class Ids(NamedTuple):
    """Ids of n rows, null where there is none; and why (bool, n): see `judge`."""

    ids: pa.Array
    placeholder: np.ndarray
    damaged: np.ndarray
    zero_restored: np.ndarray


@dataclass
class IdCounts:
    """What the ids of a file say together; `add` them batch by batch."""

    stated: int = 0
    organisation_codes: int = 0
    long: int = 0
    long_as_cut: int = 0

    def add(self, ids: pa.Array) -> None:
        """Count a batch of received ids."""
        plain = _plain(ids)
        self.stated += len(plain) - plain.null_count
        self.organisation_codes += organisation_codes.count_whole(plain)
        long = plain.filter(pc.fill_null(pc.match_substring_regex(plain, r"^[0-9]{16,}$"), False))
        self.long += len(long)
        self.long_as_cut += sum(map(ends_as_cut, long.to_pylist()))

    @property
    def cut(self) -> bool:
        """Whether the long numbers of the file went through a program that cannot hold them."""
        return self.long_as_cut > CUT_SHARE * self.long


def ends_as_cut(number: str) -> bool:
    """Whether a number of 16 or more digits ends as one that a program has cut.

    A spreadsheet keeps 15 digits and puts zeros for the rest; a float64 keeps 53 bits. Of 18-digit
    numbers that are whole one in a hundred ends so.

    Examples
    --------
    >>> ends_as_cut("913301001234567000"), ends_as_cut("913301001234567808")
    (True, True)
    >>> ends_as_cut("913301001234567801")
    False
    """
    if not number[_EXACT_DIGITS:].strip("0"):
        return True
    bits = int(number).bit_length() - _FLOAT_BITS
    # below 17 digits half of all numbers are such
    return len(number) > _EXACT_DIGITS + 1 and bits > 0 and int(number) % (1 << bits) == 0


def judge(
    received: pa.Array, *, cut: bool = False, width: int | None = None, check_digit: bool = False
) -> Ids:
    """Ids as they can be used, from trimmed text.

    Full-width digits, invisible signs, a spreadsheet's leading apostrophe and a float's ".0" go
    without a word: nothing is lost by them. A placeholder is no id. Scientific notation is a
    number only where all its digits are there, else no id; so are long numbers cut short where
    `cut` says that the file's are (`IdCounts.cut`). `width` are the digits of a whole id of the
    register: shorter numbers lost their zeros. `check_digit`: the ids are organisation codes,
    whose zeros the check digit proves.

    Examples
    --------
    >>> received = pa.array(["３１０００００", "0", "9.13301E+17", "'AB12", "1.5E+01"])
    >>> judge(received, width=8).ids.to_pylist()
    ['03100000', None, None, 'AB12', '00000015']
    """
    ids = _plain(received)
    placeholder = np.zeros(len(ids), dtype=bool)
    damaged = np.zeros(len(ids), dtype=bool)
    if len(ids) == ids.null_count:
        return Ids(ids, placeholder, damaged, damaged)
    # only what may be one of them is looked at in Python: ids are all different
    odd = pc.match_substring_regex(
        ids, r"(?i)^([^0-9]*|0+|9{5,}|-1|[0-9]+([.,][0-9]*)?e\+?[0-9]{1,2}|[0-9]{16,})$"
    )
    rows = np.flatnonzero(firm_values.as_mask(odd))
    if len(rows):
        told = ids.to_pylist()
        for row in rows.tolist():
            text = told[row]
            if is_placeholder(text):
                placeholder[row], told[row] = True, None
            elif (whole := _without_exponent(text)) != text or (
                cut and _LONG.fullmatch(text) and ends_as_cut(text)
            ):
                told[row] = None if whole == text else whole
                damaged[row] = told[row] is None
        ids = pa.array(told, pa.string())
    restored = ids
    if check_digit:
        ids = restored = organisation_codes.restore_zeros(ids)
    if width is not None:
        short = pc.match_substring_regex(ids, f"^[0-9]{{1,{width - 1}}}$")
        restored = pc.if_else(pc.fill_null(short, False), pc.utf8_lpad(ids, width, "0"), ids)
    zero_restored = firm_values.as_mask(pc.not_equal(restored, ids))
    return Ids(restored, placeholder, damaged, zero_restored)


def is_placeholder(text: str) -> bool:
    """Whether an id is a word or a sign for none.

    Examples
    --------
    >>> [is_placeholder(text) for text in ("0", "不详", "N/A", "99999999", "0012", "NA12")]
    [True, True, True, True, False, False]
    """
    return bool(_ONE_SIGN.fullmatch(text)) or "_".join(text.casefold().split()) in PLACEHOLDERS


def _plain(ids: pa.Array) -> pa.Array:
    """Half-width, without invisible signs, a leading apostrophe, or the ".0" of a float."""
    if not pc.all(pc.fill_null(pc.string_is_ascii(ids), True)).as_py():
        ids = pa.array([None if one is None else _visible(one) for one in ids.to_pylist()],
                       pa.string())  # fmt: skip
    ids = pc.replace_substring_regex(ids, r"^'+|'+$", "")
    ids = pc.replace_substring_regex(ids, r"^([0-9]+)\.0+$", r"\1")
    return pc.if_else(pc.equal(ids, ""), _NULL, ids)


def _visible(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    return "".join(c for c in text if unicodedata.category(c) != _INVISIBLE).strip()


def _without_exponent(text: str) -> str | None:
    """The number that a scientific notation means; None where digits of it are gone.

    Text without point and plus ("5E10") is taken for an id of its own.
    """
    found = _SCIENTIFIC.fullmatch(text)
    if found is None or not ("+" in text or found[2]):
        return text
    head, decimals, exponent = found[1], found[2] or "", int(found[3])
    if len(decimals.rstrip("0")) > exponent:
        return text  # no whole number: an id with a point in it
    if len(decimals) < exponent:
        return None
    return head + decimals[:exponent]
