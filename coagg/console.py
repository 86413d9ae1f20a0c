"""What every command needs: settings, a console, tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from coagg import database
from coagg.settings import Settings, read_settings

if TYPE_CHECKING:
    from coagg.analysis.tables.pages.layout import Grid

console = Console()
errors = Console(stderr=True, highlight=False)


def settings() -> Settings:
    """The configured data base; the demo's own with `coagg --demo`."""
    configured = read_settings()
    return database.demo_settings(configured) if os.environ.get("COAGG_DEMO") else configured


def complain(message: str) -> None:
    """One line on standard error, in full however narrow the terminal."""
    print(f"coagg: {message}", file=sys.stderr)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: Iterable[int] = (),
    whole: Iterable[int] = (),
) -> Table:
    """A plain table; columns numbered in `right` are set to the right.

    On a narrow terminal words are cut, but not in columns of `right` and `whole`.
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [
        max([len(column), *(cell_len(row[number]) for row in cells)])
        for number, column in enumerate(columns)
    ]
    # on a terminal too narrow words give way, numbers do not
    narrow = sum(width + 3 for width in widths) + 1 > console.width
    made = Table(title=title, title_justify="left", header_style="bold", expand=narrow)
    numeric, uncut = set(right), {*right, *whole}
    for number, column in enumerate(columns):
        if number in uncut:
            side: Literal["left", "right"] = "right" if number in numeric else "left"
            made.add_column(column, justify=side, no_wrap=True, min_width=widths[number])
        else:
            made.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1 if narrow else None)
    for row in cells:
        made.add_row(*row)
    return made


def truth_table(grid: Grid) -> Table:
    """Truth and estimate by coefficient, from `coagg.analysis.tables.pages.truth.truth_grid`."""
    rows = [
        (row.cells[0], row.cells[2], row.label, row.cells[3], row.cells[4], *row.cells[6:])
        for row in grid.rows
    ]
    heads = ("table", "by", "regressor", "truth", "estimate", "95% interval", "holds")
    return table(grid.title, heads, rows, right=(3, 4, 5), whole=(0, 1, 6))


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar with rate and time left on standard error; silent when that is no terminal."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as bar:
        yield bar
