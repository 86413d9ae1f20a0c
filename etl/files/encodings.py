"""Which encoding a text file is in, and its bytes as text without losing a bad one.

The decision rests on every line of the file, not on a guess from its beginning: a survey file can
be plain ASCII for a hundred thousand rows, and the one character that tells GB18030 from GBK (an
ideograph of four bytes) may stand in its last line. A strict decoder runs over all of it in
blocks, which costs about a second for a million rows.

Where text is not UTF-8, what it reads like decides (`plausible_text`), and where that does not
tell, the load stops and asks: wrong letters are worse than none.

No encoding here puts a line end, comma, tab, semicolon or quote inside a character, so bytes may
be cut into lines before they are decoded. UTF-16 and UTF-32 are turned to UTF-8 before.

Bytes that are no text are marked, not dropped: a NUL cannot stand in text that goes to PostgreSQL,
so a NUL in decoded text always opens one of the marks below and the row that holds it is refused.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from coagg.errors import CoaggError
from coagg.etl.files import plausible_text

ENCODINGS = ("utf-8", "gbk", "gb18030")
UTF8_BOM = b"\xef\xbb\xbf"
_WIDE_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")

NUL_RECEIVED = "\0N"  # a NUL byte as received
UNDECODABLE = "\0X"  # before \xhh, a byte that is no text
TOO_LONG = "\0L"  # before the beginning of a line that was too long
QUOTE_TOO_LONG = "\0Q"  # a quote in such a beginning, so that it opens nothing

# With more undecodable lines than this share, no encoding fits.
MOST_UNDECODABLE = 0.25
# Lines an encoding must fail on, more than half of those with non-ASCII bytes and twice as many
# as another encoding, before it is tried no more.
_HOPELESS_LINES = 1000
MIXED_SHARE = 0.1  # of the lines beyond ASCII, for both sides of a change of encoding
_SAMPLE_LINES, _SAMPLE_LINE_BYTES, _SAMPLE_BYTES = 400, 1_000, 64_000
_OWN_NAMES = {codec: name for name, codec in plausible_text.CANDIDATES.items()} | {
    codecs.lookup(codec).name: name for name, codec in plausible_text.CANDIDATES.items()
}
_ERRORS, _NO_TEXT = "coagg-mark", "coagg-no-text"


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Mark one bad byte and go on with the next, so that a line end is never swallowed."""
    assert isinstance(error, UnicodeDecodeError)
    return f"{UNDECODABLE}\\x{error.object[error.start]:02x}", error.start + 1


def _no_text(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", max(error.end, error.start + 1)


codecs.register_error(_ERRORS, _mark)
codecs.register_error(_NO_TEXT, _no_text)


class Source(Protocol):
    """What text is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""


def decode_marked(data: bytes, encoding: str) -> str:
    """Text of `data`, each byte that is none marked UNDECODABLE."""
    return data.decode(codec_of(encoding), _ERRORS)


def reason_and_text(marked: str) -> tuple[str, str]:
    """Reason a row with marks is refused for, and its text for a human being.

    NUL bytes are shown as the symbol U+2400, undecodable bytes as \\xhh.
    """
    if TOO_LONG in marked:
        reason = "row_too_long"
    elif UNDECODABLE in marked:
        reason = "row_undecodable"
    elif "\0" in marked:
        reason = "row_has_nul"
    else:
        reason = "row_malformed"
    text = marked.replace(NUL_RECEIVED, "\u2400").replace(QUOTE_TOO_LONG, '"')
    return reason, text.replace(UNDECODABLE, "").replace(TOO_LONG, "").replace("\0", "")


def wide_encoding(start: bytes) -> str | None:
    """utf-16 or utf-32 where bytes begin with such a mark, else None."""
    return next((name for mark, name in _WIDE_MARKS if start.startswith(mark)), None)


def looks_wide(start: bytes) -> str | None:
    """utf-16-le or utf-16-be where every other byte is NUL, as Latin letters in UTF-16 are."""
    pairs = len(start) // 2
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        nul = start[offset::2].count(0)
        if pairs and nul > 0.6 * pairs and start[1 - offset :: 2].count(0) < 0.1 * pairs:
            return name
    return None


class AsUtf8:
    """A stream of UTF-16 or UTF-32 text as UTF-8; what is no text comes out as bytes FF."""

    def __init__(self, source: Source, encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)(_NO_TEXT)

    def read(self, size: int, /) -> bytes:
        """About half of `size` bytes of the source, as UTF-8; none at the end."""
        while data := self._source.read(size):
            if text := self._decoder.decode(data):
                return text.encode("utf-8", "surrogateescape")
        return self._decoder.decode(b"", True).encode("utf-8", "surrogateescape")


class Decision(NamedTuple):
    """An encoding and how sure it is, from 0 to 1: how well the text beyond ASCII reads in it."""

    encoding: str
    confidence: float


@dataclass
class EncodingDetector:
    """Counts, line by line, what UTF-8, GBK and GB18030 cannot read, and keeps lines to look at.

    Feed it every block of the file, each made of whole lines; then ask for `decide(path)`.
    """

    lines: int = 0
    non_ascii_lines: int = 0
    bad_lines: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENCODINGS, 0))
    given_up: set[str] = field(default_factory=set)
    _first_bad_line: int = 0
    _sample: dict[bytes, None] = field(default_factory=dict)
    _sampled: int = 0

    def feed(self, block: bytes) -> None:
        """Count the lines of one block."""
        before = self.lines
        lines = max(block.count(b"\n"), 1)
        self.lines += lines
        if block.isascii():
            return
        suspects = self._failing_on(block)
        if not suspects:
            self.non_ascii_lines += lines
            return
        numbered = [
            (number, line)
            for number, line in enumerate(block.split(b"\n"), start=before + 1)
            if not line.isascii()
        ]
        self.non_ascii_lines += len(numbered)
        self._keep(line for _, line in numbered)
        for encoding in suspects:
            bad = [number for number, line in numbered if not _decodes(line, encoding)]
            self.bad_lines[encoding] += len(bad)
            if encoding == "utf-8" and bad:
                self._first_bad_line = self._first_bad_line or bad[0]
        least = min(self.bad_lines.values())
        self.given_up |= {
            encoding
            for encoding, bad_ones in self.bad_lines.items()
            if bad_ones > _HOPELESS_LINES
            and 2 * bad_ones > self.non_ascii_lines
            and bad_ones > 2 * least
        }

    def decide(self, path: Path | str, stated: str | None = None) -> Decision:
        """The encoding of the file: `stated` where somebody names it, else what its bytes show.

        UTF-8 when more than half of the lines with non-ASCII bytes are valid UTF-8: text in
        another encoding hardly ever is. Else the one whose text reads plausibly.

        Raises CoaggError when the file changes its encoding on the way, when two encodings read
        alike but give other letters, and when none fits.
        """
        bad, beyond = self.bad_lines["utf-8"], self.non_ascii_lines
        if stated:
            return Decision(stated, 1.0)
        if not bad:
            return Decision("utf-8", 1.0)
        # a line that is UTF-8 by chance is rare, so two encodings show
        mixed = min(bad, beyond - bad) >= max(MIXED_SHARE * beyond, 3)
        if mixed and "utf-8" not in self.given_up:
            raise CoaggError(
                f"{path}: changes its encoding: {beyond - bad} lines beyond ASCII are UTF-8, {bad} "
                f"are not, line {self._first_bad_line} first; save it as UTF-8 throughout"
            )
        if 2 * bad < beyond and "utf-8" not in self.given_up:
            return Decision("utf-8", 1 - bad / beyond)
        found = plausible_text.guess(list(self._sample)) if self._sample else None
        if found is None:
            if bad <= MOST_UNDECODABLE * self.lines:  # those rows are refused, and counted
                return Decision("utf-8", 0.0)
            tried = ", ".join(("utf-8", *plausible_text.CANDIDATES))
            raise CoaggError(
                f"{path}: is no text in any encoding tried ({tried}); "
                "name it with --encoding, or save it as UTF-8"
            )
        if found.rivals:
            raise CoaggError(self._toss_up(path, found))
        encoding = found.encoding
        if encoding in ("gbk", "gb18030"):  # the last line may tell them apart
            left = [name for name in ("gbk", "gb18030") if name not in self.given_up]
            encoding = min(left, key=self.bad_lines.__getitem__)
        return Decision(encoding, found.mark)

    def _toss_up(self, path: Path | str, found: plausible_text.Guess) -> str:
        names = (found.encoding, *found.rivals)
        for line in self._sample:
            read = {name: line.decode(codec_of(name), "replace") for name in names}
            if len(set(read.values())) > 1:
                begin = max(0, next(n for n, byte in enumerate(line) if byte > 127) - 20)
                read = {name: text[begin : begin + 40] for name, text in read.items()}
                told = "; ".join(f"{name} {text!r}" for name, text in read.items())
                return (
                    f"{path}: its text may be in {' or '.join(names)}, which nothing in it tells "
                    f"({told}); name the right one with --encoding"
                )
        return (  # they differ behind what is looked at
            f"{path}: its text may be in {' or '.join(names)}, which nothing in it tells; "
            "name the right one with --encoding"
        )

    def _keep(self, lines: Iterable[bytes]) -> None:
        """Keep some lines of each block, each once, to look at their text."""
        kept = 0
        for line in lines:
            if kept == _SAMPLE_LINES or self._sampled > _SAMPLE_BYTES:
                return
            line = line[:_SAMPLE_LINE_BYTES]
            if b"\0" not in line and line not in self._sample:
                self._sample[line] = None
                self._sampled += len(line)
                kept += 1

    def _failing_on(self, block: bytes) -> list[str]:
        failing = []
        for encoding in ENCODINGS:
            if encoding in self.given_up:
                continue
            if not _decodes(block, encoding):
                failing.append(encoding)
            elif encoding == "gbk":
                break  # GB18030 reads whatever GBK reads
        return failing


def codec_of(encoding: str) -> str:
    """Python's codec of an encoding as reported."""
    return plausible_text.CANDIDATES.get(encoding, encoding)


def checked(encoding: str) -> str:
    """The name of an encoding somebody states. Raises CoaggError when text is not kept in it.

    Examples
    --------
    >>> checked("Windows-1252")
    'cp1252'
    """
    try:
        name = codecs.lookup(encoding.strip()).name
        fits = name in WIDE or b"a,b\n".decode(name) == "a,b\n"
    except (LookupError, ValueError, TypeError):
        fits = False
    if not fits:
        raise CoaggError(
            f"--encoding {encoding}: is no encoding known; write utf-8, gbk, big5, cp1252, utf-16 "
            "or another name that Python knows"
        )
    return "utf-8" if name == "utf-8-sig" else _OWN_NAMES.get(name, name)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
