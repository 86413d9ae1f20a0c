"""A table as a grid of text, which every format sets in its own way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

STARS = ((0.01, "***"), (0.05, "**"), (0.1, "*"))
LONG_LABEL = 38


@dataclass(frozen=True)
class Row:
    """A line: kind is coefficient, error, section, statistic or plain."""

    kind: str
    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table as text. `heads` are lines of headings, each as many cells as there are columns.

    A wide table is several grids that belong together: the first has the title, the last the
    notes, each its `panel` in words where there are such.
    """

    name: str
    title: str
    heads: tuple[tuple[str, ...], ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    panel: str = ""

    @property
    def width(self) -> int:
        """Number of columns beside the labels."""
        return len(self.heads[0])


def three(value: float) -> str:
    """Three significant digits, never in powers of ten unless tiny; empty for NaN."""
    if not math.isfinite(value):
        return ""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-4:
        return f"{value:.2e}"
    if size >= 100:
        return f"{value:,.0f}"
    digits = 2 if size == 0 else max(0, 2 - math.floor(math.log10(size)))
    return f"{value:.{digits}f}"


def stars(p: float) -> str:
    """Stars of a p value."""
    return next((mark for level, mark in STARS if p < level), "")


def together(grids: Sequence[Grid]) -> list[list[Grid]]:
    """Grids that make one table: a titled one and those that follow without a title."""
    tables: list[list[Grid]] = []
    for grid in grids:
        if grid.title or not tables:
            tables.append([])
        tables[-1].append(grid)
    return tables


def spans(cells: Sequence[str]) -> list[tuple[str, int]]:
    """Headings of a line with the number of columns each goes over: equal neighbours share one."""
    found: list[tuple[str, int]] = []
    for text in cells:
        if found and text and found[-1][0] == text:
            found[-1] = (text, found[-1][1] + 1)
        else:
            found.append((text, 1))
    return found


def folded(rows: Sequence[Row]) -> list[Row]:
    """Rows with a long label carried on beside the standard error below it."""
    made = list(rows)
    for at, row in enumerate(made):
        below = made[at + 1] if at + 1 < len(made) else None
        fits = len(row.label) <= LONG_LABEL
        if fits or below is None or below.kind != "error" or below.label:
            continue
        words = row.label.split(" ")
        cut = min(
            range(1, len(words)),
            key=lambda n: abs(len(" ".join(words[:n])) - len(" ".join(words[n:])) - 2),
            default=0,
        )
        if cut:
            made[at] = replace(row, label=" ".join(words[:cut]))
            made[at + 1] = replace(below, label=" ".join(words[cut:]))
    return made
