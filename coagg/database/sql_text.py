"""What a SQL file says, without how it is written: no comments, one blank between tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

# In this order: what may hide a comment mark or a blank comes before what it could be mistaken for.
_TOKEN = re.compile(
    r"""
      (?P<blank>\s+|--[^\n]*)
    | (?P<block>/\*)
    | (?P<kept>[eE]'(?:[^'\\]|\\.|'')*'                   # E'it\'s'
        | [bBxXnN]?'(?:[^']|'')*'                         # 'it''s'
        | (?:[uU]&)?"(?:[^"]|"")*"                        # "a name"
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$     # $$ a body $$
        | \$\d+ | \d[\w.]* )
    | (?P<word>[^\W\d][\w$]*)
    | (?P<operator>(?:(?!--|/\*)[-+*/<>=~!@#%^&|`?])+)
    | (?P<other>:+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_MARK = re.compile(r"/\*|\*/")
_LONG_OPERATOR = re.compile(r"[~!@#%^&|`?]")


def tokens(text: str) -> Iterator[str]:
    """The tokens of SQL as PostgreSQL reads them; words outside quotes in lower case.

    Strings, quoted names and dollar-quoted bodies are kept to the letter; block comments nest.

    >>> list(tokens("SELECT 'a--b' AS X -- why"))
    ['select', "'a--b'", 'as', 'x']
    """
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None  # the last alternative takes any character
        at = found.end()
        kind = found.lastgroup
        if kind == "block":
            at = _end_of_comment(text, at)
        elif kind == "word":
            yield found[0].lower()
        elif kind == "operator":
            token = found[0]
            while len(token) > 1 and token[-1] in "+-" and not _LONG_OPERATOR.search(token):
                token = token[:-1]  # a=-1 is a = -1, as PostgreSQL has it
            at = found.start() + len(token)
            yield token
        elif kind != "blank":
            yield found[0]


def statements(text: str) -> list[str]:
    """The statements of a file in one form; COMMENT ON is left out, as it changes no row.

    >>> statements("SELECT  1; COMMENT ON TABLE a IS 'b';")
    ['select 1']
    """
    return list(_statements(text))


@lru_cache(maxsize=256)  # every year that is looked at asks for the same files
def _statements(text: str) -> tuple[str, ...]:
    found: list[list[str]] = [[]]
    for token in tokens(text):
        if token == ";":
            found.append([])
        else:
            found[-1].append(token)
    return tuple(" ".join(one) for one in found if one and one[:2] != ["comment", "on"])


def rules(folder: Path, pattern: str = "*.sql") -> list[list[str]]:
    """The statements of the SQL files of a folder, in the order in which they run."""
    files = sorted(folder.glob(pattern))
    return [statements(file.read_text(encoding="utf-8")) for file in files]


def _end_of_comment(text: str, at: int) -> int:
    depth = 1
    for mark in _BLOCK_MARK.finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)
