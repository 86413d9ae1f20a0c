"""Industry codes out of the text of a cell: words beside them, points in them, several of them."""

from __future__ import annotations

import functools
import re
import unicodedata

BETWEEN = "\x1e"  # of columns that are read as one cell
_NONE = frozenset({"", "none supplied", "none"})
_BARE = (
    r"(?:[A-Z][ .\-]?)?[0-9]{1,2}(?:\.[0-9]{1,2}){1,2}(?:/[0-9](?![0-9]))?[A-Z]?|"
    r"(?:[A-Z][ .\-]?)?[0-9]{2,6}[A-Z]?"
)
_LIST = re.compile(rf"(?:{_BARE})(?:\s*[;,、/|\s\x1e]\s*(?:{_BARE}))+")
_EACH = re.compile(_BARE)
# words hold semicolons too: one parts codes only where a code follows
_SPLIT = re.compile(r"[\x1e|\n]|;(?=\s*(?:[A-Z][ .\-]?)?[0-9]{2})")
_MAIN = re.compile(r"\b(?:MAIN|PRIMARY|PRINCIPAL|HAUPT\w*)\b|主")
_SCHEME = (
    r"(?:(?:UK ?)?SIC|NACE|NAICS|ISIC|SCIAN|CNAE|ATECO|NAF|NOGA|WZ|SNI|GB/?T ?4754|CODE)"
    r"(?:\s*REV\.?\s*[0-9](?:\.[0-9])?|\s*[-(]?\s*(?:19|20)?[0-9]{2}\)?(?=[\s:]))?\s*[:#.]?\s*"
)
_WORDS = r"(?:\s+[-\u2013\u2014:]+\s+.*|\s*[-\u2013\u2014:)]+\s*[^0-9\s].*|\s+\D.*|[^\x00-\x7f].*)?"
_PLAIN = re.compile(
    rf"(?:{_SCHEME})?(?:[A-Z][ .\-]?)?([0-9]{{2,6}})(?:\.0*)?[A-Z]?{_WORDS}", re.DOTALL
)
_DOTTED = re.compile(
    rf"(?:{_SCHEME})?(?:[A-Z][ .\-]?)?([0-9]{{1,2}})[.](?!0+(?![0-9.]))([0-9]{{1,2}})"
    rf"(?:[./]([0-9]{{1,2}}))?[A-Z]?{_WORDS}",
    re.DOTALL,
)
_BRACKETS = re.compile(
    r"[\[({【]\s*([^\])}】]+?)\s*[\])}】].*|\D[^\[({【]*[\[({【]\s*([0-9.]+)\s*[\])}】]", re.DOTALL
)
_GROUPED = re.compile(r"[0-9]{1,2},[0-9]{3}")
_COMMA = re.compile(r"([0-9]{2}),([0-9]{1,2})")
_SCIENTIFIC = re.compile(r"([0-9])(?:\.([0-9]+))?E\+?([0-9]{1,2})")


@functools.lru_cache(maxsize=65_536)
def codes_of(received: str) -> tuple[str, ...]:
    """Codes of a cell, each once, the one that is called the main one in front.

    Digits only, but for a short code with a point ("28.1"), which keeps it: its division is sure,
    no zero is lost in front. Text that is no code stays as it is, so that it is flagged as unknown
    and not lost.

    Examples
    --------
    >>> codes_of("0610 - Coal"), codes_of("06.10"), codes_of("C10.20"), codes_of("[0610] coal")
    (('0610',), ('0610',), ('1020',), ('0610',))
    >>> codes_of("1310; 0610"), codes_of("6.10E+02"), codes_of("6.1"), codes_of("food")
    (('1310', '0610'), ('610',), ('06.1',), ('food',))
    """
    plain = unicodedata.normalize("NFKC", received).strip().upper()
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    plain = _COMMA.sub(r"\1.\2", plain) if _COMMA.fullmatch(plain) else plain
    if _LIST.fullmatch(plain):
        parts = [(part, part) for part in _EACH.findall(plain)]
    else:
        kept = unicodedata.normalize("NFKC", received).strip()
        split = _SPLIT.split(plain)
        texts = split if len(split) > 1 else [kept]  # what is no code keeps its case
        parts = list(zip(split, texts, strict=True))
    codes: list[str] = []
    main = None
    for part, text in parts:
        if part.strip().casefold() in _NONE:
            continue
        code = _code(part.strip()) or text.strip()
        if main is None and len(parts) > 1 and _MAIN.search(part):
            main = code
        if code not in codes:
            codes.append(code)
    if main is not None:
        codes = [main, *(code for code in codes if code != main)]
    return tuple(codes)


def _code(text: str) -> str | None:
    """The code of a text in capitals; None where it holds none."""
    if found := _BRACKETS.fullmatch(text):
        return _code(found[1] or found[2])
    if found := _SCIENTIFIC.fullmatch(text):
        known, size = found[1] + (found[2] or ""), int(found[3]) + 1
        # digits that are not shown are lost, not zero
        return known if len(known) == size else None
    if found := _DOTTED.fullmatch(text):
        parts = [found[1].zfill(2), found[2], found[3] or ""]
        return "".join(parts) if len("".join(parts)) > 3 else ".".join(parts[:2])
    found = _PLAIN.fullmatch(text)
    return found[1] if found else None
