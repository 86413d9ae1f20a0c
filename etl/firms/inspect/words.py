"""Which of our columns a header speaks of, by words of the shipped layouts and of other registers.

The words beside those of the layouts are data: etl/data/codes/header_words.csv.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from coagg.etl.files.csv_tables import read_table
from coagg.etl.firms import layouts
from coagg.etl.firms.headers import nearest_header

WORDS = Path(__file__).resolve().parents[2] / "data" / "codes" / "header_words.csv"
POINT = "point"  # a column that holds both coordinates
SAME, PART, LIKE = 1.0, 0.7, 0.5
_LIKE = 0.85
_SHORTEST_PART = 3  # letters of a word that counts as a part of a header; two where they are Han
_TURN = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^\w]+|_+")


def plain(header: str) -> str:
    """A header's words in lower case, without accents, one blank between them.

    Examples
    --------
    >>> plain("codigoActividad"), plain("Code_APE"), plain("Año (fundación)")
    ('codigo actividad', 'code ape', 'ano fundacion')
    """
    text = unicodedata.normalize("NFKD", _TURN.sub(" ", header)).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(_BETWEEN.sub(" ", unicodedata.normalize("NFKC", text)).split())


@cache
def known_words() -> dict[str, str]:
    """Column of ours by word, in the form of `plain`; layouts before other registers."""
    found: dict[str, str] = {}
    for column in layouts.COLUMNS:
        found.setdefault(plain(column), column)
    for layout in map(layouts.load_layout, layouts.list_layouts()):
        for year in layout.years:
            both = set(layout.alternatives("lon", year.heading))
            both &= set(layout.alternatives("lat", year.heading))
            for column in layouts.COLUMNS:
                for word in layout.alternatives(column, year.heading):
                    found.setdefault(plain(word), POINT if word in both else column)
    table = read_table(WORDS, ["column", "words"], {})
    for column, words in zip(table["column"], table["words"], strict=True):
        for word in words.split("|"):
            found.setdefault(plain(word), column)
    return found


@cache
def spoken_of(header: str) -> dict[str, float]:
    """Columns of ours that a header may speak of, and how plainly: SAME, PART or LIKE.

    Examples
    --------
    >>> spoken_of("Longitud"), spoken_of("plot_lon_deg"), spoken_of("remark")
    ({'lon': 1.0}, {'lon': 0.7}, {})
    """
    words, text = known_words(), plain(header)
    if text in words:
        return {words[text]: SAME}
    joined = {word.replace(" ", ""): column for word, column in words.items()}
    if text.replace(" ", "") in joined:
        return {joined[text.replace(" ", "")]: SAME}
    parts = {column: PART for word, column in words.items() if _is_part(word, text)}
    if parts:
        return parts
    near = nearest_header([text], [w for w in words if len(w) > 2 * _SHORTEST_PART], _LIKE)
    return {words[near]: LIKE} if near else {}


def _is_part(word: str, text: str) -> bool:
    if word.isascii():
        return len(word) >= _SHORTEST_PART and f" {word} " in f" {text} "
    return len(word) > 1 and word in text
