"""Names of applicants as sources write them: lists in several dresses, countries and codes behind.

A list is parted at the layout's separators; where a cell holds a list of JSON or of Python, or
names in quotes, its parts are what the quotes hold.
"""

from __future__ import annotations

import ast
import json
import re
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as file_values
from coagg.etl.matching import names

PARTED = "\x1f"  # stands between the parts of a list that was read
_LISTED = r"""^\s*(?:[\[{(]\s*["']|")"""
_QUOTED = re.compile(r'"([^"]*)"')
_ALL_QUOTED = re.compile(r'\s*"[^"]*"(?:\s*[;；,，、|\n]\s*"[^"]*")*\s*')
_MAY_BE_TAGGED = r"[\]］)）]\s*$|[,，]\s*[A-ZＡ-Ｚ]{2}\s*$|^\s*\(|^\s*（"
# Share of a column's names behind which a country stands, from which on it is no part of them.
MOST_TAGGED = 0.5


class Untagged(NamedTuple):
    """Names without country and code (n), and how many had one."""

    names: pa.Array
    taken_off: int


def as_parts(text: pa.Array) -> pa.Array:
    """The cells with lists in JSON, Python or quotes parted by PARTED; others as they are.

    >>> as_parts(pa.array(['["A", "B, Inc"]', "['A']", '"A; B"; "C"', "A; B"])).to_pylist()
    ['A\\x1fB, Inc', 'A', 'A; B\\x1fC', 'A; B']
    """
    listed = file_values.as_mask(pc.match_substring_regex(text, _LISTED))
    if not listed.any():
        return text
    read = [_parts(cell) for cell in text.filter(pa.array(listed)).to_pylist()]
    return pc.replace_with_mask(text, pa.array(listed), pa.array(read, pa.string()))


def _parts(cell: str) -> str:
    if cell.lstrip()[0] in "[{(":
        for read in (json.loads, ast.literal_eval):
            try:
                found = read(cell)
            except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                continue
            if isinstance(found, list | tuple):
                return PARTED.join(str(part) for part in found if part is not None)
        if cell.lstrip()[0] == "{" and _ALL_QUOTED.fullmatch(cell.strip()[1:-1]):
            return PARTED.join(_QUOTED.findall(cell))
        return cell
    return PARTED.join(_QUOTED.findall(cell)) if _ALL_QUOTED.fullmatch(cell) else cell


def untag(text: pa.Array, *, loose: bool) -> Untagged:
    """Take country and code off the names; `loose` as in `names.untagged`."""
    maybe = file_values.as_mask(pc.match_substring_regex(text, _MAY_BE_TAGGED))
    if not maybe.any():
        return Untagged(text, 0)
    received = text.filter(pa.array(maybe))
    bare = file_values.by_unique(received, lambda name: _bare(name, loose))
    off = sum(name is not None for name in bare)
    if not off:
        return Untagged(text, 0)
    bare_names = pc.coalesce(pa.array(bare, pa.string()), received)
    return Untagged(pc.replace_with_mask(text, pa.array(maybe), bare_names), off)


def _bare(name: str, loose: bool) -> str | None:
    bare = names.untagged(name, loose=loose)
    return bare if bare != names.half_width(name) else None


def count_tagged(text: pa.Array) -> tuple[int, int]:
    """How many names end in a country in round brackets or behind a comma, and how many there are.

    >>> count_tagged(pa.array(["Alpha (US)", "Beta, JP", "Gamma", None]))
    (2, 3)
    """
    held = text.drop_null()
    maybe = held.filter(pc.match_substring_regex(held, _MAY_BE_TAGGED))
    return sum(bool(x) for x in file_values.by_unique(maybe, names.tagged)), len(held)
