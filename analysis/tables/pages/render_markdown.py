"""Grids as Markdown: a heading, a pipe table (or one a panel), the notes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coagg.analysis.tables.pages.grid import Grid, together

SIGNS = re.compile(r"[\\|*`\[]|(?<!\w)_|_(?!\w)|<(?=[\w/!?])")
"""What Markdown would not show as it stands: underscores at the edge of a word, < before a tag."""


def escape(text: str) -> str:
    """Text that Markdown shows as it is inside a pipe table."""
    return SIGNS.sub(lambda sign: "\\" + sign[0], text)


def markdown(grids: Sequence[Grid]) -> str:
    """All grids, one after the other."""
    return "\n\n".join(_one(parts) for parts in together(grids)) + "\n"


def _one(parts: Sequence[Grid]) -> str:
    made = [f"## {escape(parts[0].title)}"]
    for grid in parts:
        if grid.panel:
            made.append(f"**{escape(grid.panel)}**")
        made.append(_table(grid))
        made += [escape(note) for note in grid.notes]
    return "\n\n".join(made)


def _table(grid: Grid) -> str:
    first, *others = grid.heads
    lines = [["", *first], *(["", *head] for head in others)]
    for row in grid.rows:
        if row.kind == "section":
            if row.label:
                lines.append([f"**{escape(row.label)}**", *row.cells])
            continue
        lines.append([escape(row.label.strip()), *map(escape, row.cells)])
    wide = [max(len(line[at]) for line in lines) for at in range(grid.width + 1)]
    rule = f"|{'-' * (wide[0] + 2)}|" + "".join(f"{'-' * (n + 1)}:|" for n in wide[1:])
    shown = [
        "| " + " | ".join(
            text.ljust(n) if at == 0 else text.rjust(n)
            for at, (text, n) in enumerate(zip(line, wide, strict=True))
        ) + " |"
        for line in lines
    ]  # fmt: skip
    return "\n".join([shown[0], rule, *shown[1:]])
