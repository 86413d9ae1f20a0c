"""Industries that a file names in words, matched to a classification where one alone is meant.

Names are equal after case, width, blanks and marks are folded; nothing is guessed from likeness.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

from coagg.etl.firms.industry_codes import INDUSTRY_DIGITS

LEAST_SHARE = 0.5  # of the rows that a classification must know by name, to be theirs
TIE = 0.002  # shares nearer to each other are no difference
MOST_CODES = 0.1  # of the texts may be codes; else the column is one of codes
_BETWEEN = re.compile(r"[\W_]+")


def folded(name: str) -> str:
    """A name for comparison.

    Examples
    --------
    >>> folded("Manufacture of  WINE, from grape "), folded("煤炭开采（和洗选）")
    ('manufacture of wine from grape', '煤炭开采 和洗选')
    """
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", name).casefold()).strip()


def is_name(text: str) -> bool:
    """Whether a text has words and no digit.

    Examples
    --------
    >>> is_name("Wine"), is_name("1102 Wine"), is_name("-")
    (True, False, False)
    """
    return not any(sign.isdigit() for sign in text) and any(sign.isalpha() for sign in text)


def by_name(rows: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Codes by folded name, of (code, name); None where a name means several industries.

    A class and its group may have one name: the group's industry is meant either way. A name of a
    division alone gives the division, which is no industry.

    Examples
    --------
    >>> named = by_name([("11", "Drinks"), ("110", "Wine"), ("1102", "Wine"), ("473", "Fuel"),
    ...                  ("4730", "Fuel"), ("351", "Fuel")])
    >>> named["wine"], named["fuel"], named["drinks"]
    ('110', None, '11')
    """
    codes: dict[str, set[str]] = defaultdict(set)
    for code, name in rows:
        codes[folded(name)].add(code)
    found: dict[str, str | None] = {}
    for name, same in codes.items():
        industries = {code[:INDUSTRY_DIGITS] for code in same if len(code) >= INDUSTRY_DIGITS}
        if len(industries) > 1:
            found[name] = None
        elif industries:
            # a division of the same name holds other industries where it has more than this one
            (only,) = industries
            divisions = {code for code in same if len(code) < INDUSTRY_DIGITS}
            found[name] = None if divisions else (min(same, key=len) if len(same) == 1 else only)
        else:
            found[name] = min(same) if len(same) == 1 else None
    return found


def choose(
    texts: Mapping[str, int], named: Mapping[str, Mapping[str, str | None]], hint: str | None
) -> tuple[str | None, dict[str, float]]:
    """The classification whose names the texts are (None: no one alone), and the share of each.

    `texts` counts received texts, `named` holds `by_name` of every classification. A share counts
    rows whose industry is known by name.
    """
    total = sum(texts.values())
    shares = {
        classification: sum(
            count
            for text, count in texts.items()
            if len(names.get(folded(text)) or "") >= INDUSTRY_DIGITS
        )
        / total
        for classification, names in named.items()
    }
    best = max(shares.values(), default=0.0)
    tied = [name for name, share in shares.items() if share >= best - TIE]
    if hint in tied:
        tied = [hint]
    return (tied[0] if len(tied) == 1 and best >= LEAST_SHARE else None), shares
