"""Headers of files compared with those a layout names: alike but for dress, or nearly."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence

LIKE = 0.75  # of a header that may be meant
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"


def normalised(header: str) -> str:
    """A header for comparison: without blanks and BOM, half-width, in lower case."""
    text = unicodedata.normalize("NFKC", header).casefold()
    return "".join(c for c in text if not c.isspace() and c not in _INVISIBLE)


def told_not_found(layout: str, not_found: Mapping[str, str | None]) -> str:
    """A line on columns that the file lacks.

    Examples
    --------
    >>> told_not_found("demo", {"output": "outptu", "phone": None}).partition(": ")[2]
    "output (is it 'outptu'?), phone"
    """
    told = ", ".join(
        column + (f" (is it {near!r}?)" if near else "") for column, near in not_found.items()
    )
    return f"empty in every row, as the file has no header that layout {layout} gives them: {told}"


def nearest_header(wanted: Sequence[str], headers: Sequence[str], least: float = 0.4) -> str | None:
    """The header most like one of the wanted ones, or None when none is like any."""
    best, best_likeness = None, least
    for header in headers:
        for name in wanted:
            likeness = difflib.SequenceMatcher(None, normalised(name), normalised(header)).ratio()
            if likeness > best_likeness:
                best, best_likeness = header, likeness
    return best
