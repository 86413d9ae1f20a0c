"""Industry codes of registers that state several for one firm, with words beside them.

A company of the British register names up to four activities, each as "33190 - Repair of other
equipment". The first of them in a division that the country prefers (manufacturing) becomes its
industry, else the first; all are kept, the one chosen in front.
"""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import Batch
from coagg.etl.firms import layouts
from coagg.etl.reference import countries

FURTHER = ("industry_code_2", "industry_code_3", "industry_code_4")
COLUMNS = ("industry_code", *FURTHER)
SEPARATOR = ";"

_BETWEEN = "\x1e"
# words hold semicolons too: one parts codes only where a code follows
_SPLIT = re.compile(r"[\x1e|\n]|;(?=\s*[0-9]{2})")
_CODE = re.compile(r"([0-9]{2,6})(?:\.0+)?(?:\s*[-\u2013\u2014:].*|\s+\D.*)?", re.DOTALL)
_DOTTED = re.compile(r"([0-9]{2})\.([0-9]{1,2})(?:/([0-9]))?(?:\s*[-\u2013\u2014:].*|\s+\D.*)?")
_NONE = ("", "none supplied", "none")


def stated_codes(
    batch: Batch, mapping: layouts.Mapping, country: str
) -> tuple[pa.Array, pa.Array | None]:
    """The code of each firm (string, n) and its further ones joined by ';' (null where none).

    The second is None where the country's surveys state one code a firm.
    """
    first = _text(batch, mapping, "industry_code")
    described = countries.of(country)
    if not described.several_codes:
        return first, None
    columns = [first] + [
        _text(batch, mapping, name) for name in FURTHER if mapping.columns[name] is not None
    ]
    joined = pc.binary_join_element_wise(
        *(pc.fill_null(column, "") for column in columns), _BETWEEN
    )
    lists = firm_values.by_unique(
        joined, lambda received: codes_in_order(received, described.preferred)
    )
    return (
        pa.array([codes[0] if codes else None for codes in lists], pa.string()),
        pa.array([SEPARATOR.join(codes[1:]) or None if codes else None for codes in lists],
                 pa.string()),
    )  # fmt: skip


def codes_in_order(received: str, preferred: frozenset[str]) -> list[str]:
    """Codes of one firm, each once: the first of a preferred division, then the others in order.

    Text that is no code stays as it is, so that it is flagged as unknown and not lost.
    """
    codes: list[str] = []
    for part in _SPLIT.split(unicodedata.normalize("NFKC", received)):
        text = part.strip()
        if text.casefold() in _NONE:
            continue
        dotted, plain = _DOTTED.fullmatch(text), _CODE.fullmatch(text)
        if dotted and dotted[2].strip("0"):
            code = "".join(filter(None, dotted.groups()))
        else:
            code = plain[1] if plain else text
        if code not in codes:
            codes.append(code)
    made = next((c for c in codes if c.isdecimal() and c[:2] in preferred), None)
    return codes if made is None else [made, *(code for code in codes if code != made)]


def older_codes(received: pa.Array, stated: pa.Array, length: int | None, country: str) -> pa.Array:
    """Which codes are of an older classification (bool, n): of UK SIC 2003, four digits.

    "2852 - General mechanical engineering" among codes of five digits has not lost a zero: no
    spreadsheet takes one from words. It is a code of a company that never restated its own.
    """
    if not countries.of(country).several_codes or length is None:
        return pa.array([False] * len(stated), pa.bool_())
    worded = pc.match_substring_regex(received, "[A-Za-z]")
    short = pc.equal(pc.utf8_length(stated), length - 1)
    return pc.fill_null(pc.and_(worded, short), False)


def joined(code: pa.Array, further: pa.Array | None) -> pa.Array:
    """The code and the further ones in one text, as clean.firm keeps them."""
    if further is None:
        return code
    both = pc.binary_join_element_wise(code, further, SEPARATOR)
    return pc.if_else(pc.is_valid(further), both, code)


def _text(batch: Batch, mapping: layouts.Mapping, column: str) -> pa.Array:
    header = mapping.columns[column]
    if header is None:
        return pa.nulls(batch.table.num_rows, pa.string())
    return firm_values.trimmed(batch.table[header].combine_chunks())
