"""Which encoding a text file is in, and its bytes as text without losing a bad one.

The decision rests on every line of the file, not on a guess from its beginning: a survey file can
be plain ASCII for a hundred thousand rows, and the one character that tells GB18030 from GBK (an
ideograph of four bytes) may stand in its last line. A strict decoder runs over all of it in
blocks, which costs about a second for a million rows.

GBK and GB18030 never put a line end, comma, tab, semicolon or quote inside a character, so bytes
may be cut into lines before they are decoded.

Bytes that are no text are marked, not dropped: a NUL cannot stand in text that goes to PostgreSQL,
so a NUL in decoded text always opens one of the marks below and the row that holds it is refused.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

ENCODINGS = ("utf-8", "gbk", "gb18030")
UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_OR_32_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")

NUL_RECEIVED = "\0N"  # a NUL byte as received
UNDECODABLE = "\0X"  # before \xhh, a byte that is no text
TOO_LONG = "\0L"  # before the beginning of a line that was too long
QUOTE_TOO_LONG = "\0Q"  # a quote in such a beginning, so that it opens nothing

# With more undecodable lines than this share, no encoding fits.
MOST_UNDECODABLE = 0.25
# Lines an encoding must fail on, more than half of those with non-ASCII bytes and twice as many
# as another encoding, before it is tried no more.
_HOPELESS_LINES = 1000
_ERRORS = "coagg-mark"


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Mark one bad byte and go on with the next, so that a line end is never swallowed."""
    assert isinstance(error, UnicodeDecodeError)
    return f"{UNDECODABLE}\\x{error.object[error.start]:02x}", error.start + 1


codecs.register_error(_ERRORS, _mark)


def decode_marked(data: bytes, encoding: str) -> str:
    """Text of `data`, each byte that is none marked UNDECODABLE."""
    return data.decode(encoding, _ERRORS)


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


def has_utf16_bom(start: bytes) -> bool:
    """Whether bytes begin as UTF-16 or UTF-32 do, which is not read."""
    return start.startswith(_UTF16_OR_32_BOMS)


@dataclass
class EncodingDetector:
    """Counts, line by line, what each encoding cannot read.

    Feed it every block of the file, each made of whole lines; then ask for `encoding()`.
    """

    lines: int = 0
    non_ascii_lines: int = 0
    bad_lines: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENCODINGS, 0))
    given_up: set[str] = field(default_factory=set)

    def feed(self, block: bytes) -> None:
        """Count the lines of one block."""
        lines = max(block.count(b"\n"), 1)
        self.lines += lines
        if block.isascii():
            return
        suspects = self._failing_on(block)
        if not suspects:
            self.non_ascii_lines += lines
            return
        non_ascii = [line for line in block.split(b"\n") if not line.isascii()]
        self.non_ascii_lines += len(non_ascii)
        for encoding in suspects:
            self.bad_lines[encoding] += sum(not _decodes(line, encoding) for line in non_ascii)
        least = min(self.bad_lines.values())
        self.given_up |= {
            encoding
            for encoding, bad in self.bad_lines.items()
            if bad > _HOPELESS_LINES and 2 * bad > self.non_ascii_lines and bad > 2 * least
        }

    def encoding(self) -> str | None:
        """The encoding that fits, or None when none does.

        UTF-8 when more than half of the lines with non-ASCII bytes are valid UTF-8: text in
        another encoding hardly ever is. Else the encoding that fails on the fewest lines; GBK
        before GB18030 when both fail alike, which differ in nothing then.
        """
        left = [encoding for encoding in ENCODINGS if encoding not in self.given_up]
        best = min(left, key=self.bad_lines.__getitem__)
        if "utf-8" in left and 2 * self.bad_lines["utf-8"] < self.non_ascii_lines:
            best = "utf-8"
        return best if self.bad_lines[best] <= MOST_UNDECODABLE * self.lines else None

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


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
