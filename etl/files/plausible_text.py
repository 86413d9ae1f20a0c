"""Which of several encodings a few lines of text were written in, by how the text reads.

Nearly any bytes are characters in some encoding, so that bytes can be read says little. What tells
is the text: private-use characters, ideographs nobody writes, signs and capitals in the middle of
words, Cyrillic letters between Latin ones. Each character that is no ASCII gets a mark from 0
(nobody writes that) to 1, and an encoding the mean of its marks.

Pages that differ in a few letters (1250, 1252, 1254) often read equally well. Then the letter
pairs of languages decide (chardet), and where those do not either, nobody can: the caller asks.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

# Name as reported, and Python's codec: the one that also reads what Windows wrote in that name.
CANDIDATES = {
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "cp950",
    "shift_jis": "cp932",
    "euc_jp": "euc_jp",
    "euc_kr": "cp949",
    "cp1252": "cp1252",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1253": "cp1253",
    "cp1254": "cp1254",
    "koi8-r": "koi8_r",
    "mac_roman": "mac_roman",
    "cp850": "cp850",
}
LEAST_PLAUSIBLE = 0.7  # mean mark of the lines that can be read
LEAST_READABLE = 0.5  # share of lines
NEAR = 0.05  # marks closer than this are a tie, on the lines that are read differently
_FAR = 0.3  # marks that no tie can have
_OLD_PAGES = ("mac_roman", "cp850")
_LEAST_BYTES = 3  # different ones beyond ASCII, with fewer letter pairs say nothing
_CLEARLY = 1.25  # times as likely by letter pairs
_FEW = 8  # distinct characters that are too few to speak against Chinese in GBK, the usual case
_PLAIN_VOWELS = frozenset("aeiouyAEIOUY")
_BEFORE_SHARP_S = _PLAIN_VOWELS | frozenset("äöüÄÖÜ")
_CYRILLIC_VOWELS = frozenset("аеёиоуыэюяіїєАЕЁИОУЫЭЮЯІЇЄ")
_VOWELS_SHARE = 0.35
_SIGNS = frozenset("“”„‘’‚«»–—…€°ªº№¿¡·§®©™²³½¼£¥×±´`¨•")
_EAST_ASIAN_SIGNS = frozenset("“”‘’—…·×①②③④⑤⑥⑦⑧⑨⑩Ⅰ Ⅱ Ⅲ№℃°～")


class Guess(NamedTuple):
    """An encoding, its mark (0 to 1), and others that read as well and differently."""

    encoding: str
    mark: float
    rivals: tuple[str, ...]


def guess(lines: Sequence[bytes], among: Sequence[str] = tuple(CANDIDATES)) -> Guess | None:
    """The encoding that lines with bytes beyond ASCII are plausibly in; None when none reads well.

    Examples
    --------
    >>> guess(["Café García".encode("cp1252"), "Zürich, Öl".encode("cp1252")]).encoding
    'cp1252'
    >>> guess(["臺灣機械廠股份有限公司".encode("big5")]).encoding
    'big5'
    """
    read = {name: _read(lines, name) for name in among}
    marks = {name: _mark(name, read[name]) for name in among}
    best = max(marks, key=lambda name: marks[name])
    readable = sum(line is not None for line in read[best]) / len(lines)
    if readable < LEAST_READABLE or marks[best] < LEAST_PLAUSIBLE * readable:
        return None
    if best in _OLD_PAGES and _distinct_bytes(lines) < _LEAST_BYTES:
        return None  # they make a letter of any damaged byte
    near = [name for name in among if marks[name] > marks[best] - _FAR and _ties(read, best, name)]
    if near:
        likeliest = _by_letter_pairs(lines, [best, *near])
        if likeliest is None:
            return Guess(best, marks[best], tuple(near))
        best = likeliest
    return Guess(best, marks[best], ())


def _read(lines: Sequence[bytes], name: str) -> list[str | None]:
    read: list[str | None] = []
    for line in lines:
        try:
            read.append(line.decode(CANDIDATES[name]))
        except UnicodeDecodeError:
            read.append(None)
    return read


def _mark(name: str, read: Sequence[str | None]) -> float:
    """Mean mark of the characters beyond ASCII; a line that cannot be read has 0."""
    good = [line for line in read if line is not None]
    marks = _MARKS[name]("\n" + "\n".join(good) + "\n") if good else []
    return sum(marks) / len(marks) * len(good) / len(read) if marks else 0.0


def _ties(read: Mapping[str, Sequence[str | None]], best: str, other: str) -> bool:
    """Whether two encodings read some lines differently, and those about as well."""
    pairs = zip(read[best], read[other], strict=True)
    differ = [n for n, (one, two) in enumerate(pairs) if one != two]
    if not differ:
        return False
    first, second = (_mark(name, [read[name][n] for n in differ]) for name in (best, other))
    return second > first - NEAR


def _by_letter_pairs(lines: Sequence[bytes], names: list[str]) -> str | None:
    """The one of these encodings that languages' letter pairs make clearly the likeliest."""
    import chardet  # a second to import, and hardly ever needed

    if _distinct_bytes(lines) < _LEAST_BYTES:
        return None
    likely: dict[str, float] = {}
    for found in chardet.detect_all(b"\n".join(lines), ignore_threshold=True):
        label = (found["encoding"] or "").lower().replace("windows-", "cp").replace("_", "-")
        label = {"macroman": "mac_roman", "euc-jp": "euc_jp", "cp949": "euc_kr"}.get(label, label)
        likely.setdefault(label, found["confidence"])
    first, second = sorted(names, key=lambda name: -likely.get(name, 0.0))[:2]
    clear = likely.get(first, 0.0) > _CLEARLY * likely.get(second, 0.0)
    return first if clear else None


def _distinct_bytes(lines: Sequence[bytes]) -> int:
    return len({byte for line in lines for byte in line if byte > 127})


def _latin(text: str) -> list[float]:
    return [
        _latin_mark(text[n - 1], char, text[n + 1])
        for n, char in enumerate(text)
        if not char.isascii()
    ]


def _latin_mark(before: str, char: str, after: str) -> float:
    if not char.isalpha() or char in "ªº":
        return _sign_mark(before, char, after)
    if "LATIN" not in unicodedata.name(char, "") or "LIGATURE F" in unicodedata.name(char, ""):
        return 0.0
    if char == "ß":
        return 1.0 if before in _BEFORE_SHARP_S else 0.0
    if _case_breaks(before, char, after):
        return 0.0
    # what ñ, à and ÿ-like bytes become in another page, where no language writes it
    if (char in "ńŃ" and after in _PLAIN_VOWELS) or (char in "ŕŔ" and not after.isalpha()):
        return 0.2
    if char == "ÿ":
        return 0.3
    if not before.isalpha() and not after.isalpha():
        return 0.5  # a word of one letter, à or ó; or a damaged byte
    alone = not (before.isascii() and before.isalpha()) and not (
        after.isascii() and after.isalpha()
    )
    return 0.2 if alone else 1.0


def _sign_mark(before: str, char: str, after: str) -> float:
    if char not in _SIGNS:
        return 0.0
    if char == "’":
        return 0.9
    return 0.1 if before.isalpha() and after.isalpha() else 0.75


def _case_breaks(before: str, char: str, after: str) -> bool:
    """Whether a capital follows a small letter, or a small letter stands between capitals."""
    return (char.isupper() and before.islower()) or (
        char.islower() and before.isupper() and after.isupper()
    )


def _script(word: str) -> Callable[[str], list[float]]:
    """Marks of a page whose letters are of one script; they do not mix with Latin ones."""

    def marks(text: str) -> list[float]:
        given, letters, vowels = [], Counter[str](), 0
        for n, char in enumerate(text):
            if char.isascii():
                continue
            before, after = text[n - 1], text[n + 1]
            if not char.isalpha():
                given.append(_sign_mark(before, char, after))
                continue
            letters[char] += 1
            vowels += char in _CYRILLIC_VOWELS
            mixed = any(c.isascii() and c.isalpha() for c in (before, after))
            own = unicodedata.name(char, "").startswith(word)
            breaks = _case_breaks(before, char, after)
            given.append(1.0 if own and not mixed and not breaks else 0.0)
        factor = 1.0 if len(letters) >= _FEW else 0.5
        if word == "CYRILLIC" and letters:
            factor *= min(vowels / letters.total() / _VOWELS_SHARE, 1.0)
        return [factor * mark for mark in given]

    return marks


def _east_asian(codec: str, first: int, last: int, others: float) -> Callable[[str], list[float]]:
    """Marks by the standard's common characters: those whose first byte is `first` to `last`."""

    @cache
    def mark(char: str) -> float:
        full_width = "\u3000" <= char <= "\u3020" or "\uff01" <= char <= "\uff5e"
        if full_width or char in _EAST_ASIAN_SIGNS:
            return 0.9
        if codec in ("shift_jis", "euc_jp") and "\u3041" <= char <= "\u30ff":
            return 1.0
        try:
            lead = char.encode(codec)
        except UnicodeEncodeError:
            # four bytes of GB18030, two of them digits, are hardly ever there by chance
            rare = codec == "gb2312" and unicodedata.category(char) not in ("Cn", "Co")
            return 0.9 if rare and len(char.encode("gb18030")) == 4 else 0.0
        if len(lead) != 2:
            return 0.2  # half-width katakana, and single bytes
        return 1.0 if first <= lead[0] <= last else others if lead[0] > last else 0.2

    def marks(text: str) -> list[float]:
        beyond = [char for char in text if not char.isascii()]
        factor = _credible(codec, beyond)
        return [factor * mark(char) for char in beyond]

    return marks


def _credible(codec: str, text: list[str]) -> float:
    """1, or less where text of the language would hold what this does not.

    Chinese, Japanese and Korean bytes of the EUC form are each other's characters. Two of five
    Chinese characters begin with C9 to D7, where no Korean one does; Japanese has kana.
    """
    distinct = set(text)
    if codec == "euc_kr":
        return 1.0 if len(distinct) >= _FEW else 0.5
    if codec == "big5":
        return 1.0 if len(distinct) >= _FEW else 0.5
    if codec == "euc_jp":
        kana = sum("\u3041" <= char <= "\u30ff" for char in text)
        return 1.0 if kana > 0.05 * len(text) else 0.5
    if codec == "gb2312" and len(distinct) >= _FEW:
        late = sum(char.encode("gb2312", "replace") >= b"\xc9" for char in distinct)
        return 1.0 if late > 0.05 * len(distinct) else 0.5
    return 1.0


_CHINESE = _east_asian("gb2312", 0xB0, 0xD7, 0.6)
_MARKS: dict[str, Callable[[str], list[float]]] = {
    "gbk": _CHINESE,
    "gb18030": _CHINESE,
    "big5": _east_asian("big5", 0xA4, 0xC6, 0.4),
    "shift_jis": _east_asian("shift_jis", 0x88, 0x97, 0.5),
    "euc_jp": _east_asian("euc_jp", 0xB0, 0xCF, 0.4),
    "euc_kr": _east_asian("euc_kr", 0xB0, 0xC8, 0.0),
    "cp1252": _latin,
    "cp1250": _latin,
    "cp1254": _latin,
    "mac_roman": _latin,
    "cp850": _latin,
    "cp1251": _script("CYRILLIC"),
    "koi8-r": _script("CYRILLIC"),
    "cp1253": _script("GREEK"),
}
