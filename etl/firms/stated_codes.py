"""Industry codes of registers that state several for one firm, with words beside them.

The first code of a cell becomes the industry. A company of the British register names up to four
activities, each as "33190 - Repair of other equipment": the first of them in a division that the
country prefers (manufacturing) becomes its industry, else the first. All are kept, the one chosen
in front.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import Batch
from coagg.etl.firms import code_text, layouts
from coagg.etl.reference import countries

FURTHER = ("industry_code_2", "industry_code_3", "industry_code_4")
COLUMNS = ("industry_code", *FURTHER)
SEPARATOR = ";"


def stated_codes(
    batch: Batch, mapping: layouts.Mapping, country: str
) -> tuple[pa.Array, pa.Array | None]:
    """The code of each firm (string, n) and its further ones joined by ';' (null where none).

    The second is None where no firm of the batch has any.
    """
    columns = [_text(batch, mapping, name) for name in COLUMNS if mapping.columns[name] is not None]
    if len(columns) == 1 and pc.all(pc.fill_null(pc.ascii_is_decimal(columns[0]), True)).as_py():
        return columns[0], None  # codes and nothing else, as nearly all files have them
    joined = pc.binary_join_element_wise(
        *(pc.fill_null(column, "") for column in columns), code_text.BETWEEN
    )
    preferred = countries.of(country).preferred
    lists = firm_values.by_unique(joined, lambda received: codes_in_order(received, preferred))
    return (
        pa.array([codes[0] if codes else None for codes in lists], pa.string()),
        pa.array([SEPARATOR.join(codes[1:]) or None if codes else None for codes in lists],
                 pa.string()),
    )  # fmt: skip


def codes_in_order(received: str, preferred: frozenset[str]) -> list[str]:
    """Codes of one firm, each once: the first of a preferred division, then the others in order.

    Text that is no code stays as it is, so that it is flagged as unknown and not lost.
    """
    codes = list(code_text.codes_of(received))
    made = next((c for c in codes if c[:2].isdecimal() and c[:2] in preferred), None)
    return codes if made is None else [made, *(code for code in codes if code != made)]


def older_codes(received: pa.Array, stated: pa.Array, length: int | None, country: str) -> pa.Array:
    """Which codes are of an older classification (bool, n): of UK SIC 2003, four digits.

    "2852 - General mechanical engineering" among codes of five digits has not lost a zero: no
    spreadsheet takes one from words. It is a code of a company that never restated its own.
    """
    if not countries.of(country).several_codes or length is None:
        return pa.array([False] * len(stated), pa.bool_())
    worded = pc.match_substring_regex(received, "[A-Za-z]")
    short = pc.equal(pc.utf8_length(pc.replace_substring(stated, ".", "")), length - 1)
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
