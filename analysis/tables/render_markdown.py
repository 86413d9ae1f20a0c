"""Grids as Markdown: a heading, a pipe table, the notes."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.tables.layout import Grid


def escape(text: str) -> str:
    """Text that Markdown shows as it is inside a pipe table."""
    for mark in ("\\", "|", "*", "_", "<", "`", "["):
        text = text.replace(mark, "\\" + mark)
    return text


def markdown(grids: Sequence[Grid]) -> str:
    """All grids, one after the other."""
    return "\n\n".join(_grid(grid) for grid in grids) + "\n"


def _grid(grid: Grid) -> str:
    first, *others = grid.heads
    lines = [_line("", first), "|---|" + "---:|" * grid.width]
    lines += [_line("", head) for head in others]
    for row in grid.rows:
        if row.kind == "section":
            if row.label:
                lines.append("| " + " | ".join([f"**{escape(row.label)}**", *row.cells]) + " |")
            continue
        lines.append(_line(row.label, row.cells))
    notes = "\n\n".join(escape(note) for note in grid.notes)
    return f"## {escape(grid.title)}\n\n" + "\n".join(lines) + f"\n\n{notes}"


def _line(label: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in (label, *cells)) + " |"
