"""What every command needs: settings, what it says, its tables, its progress, its interruption.

A command fills an `Answer`: a reader gets lines and tables as they come, a program gets one JSON
document at the end. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import json
import math
import os
import re
import string
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from coagg.settings import Settings, read_settings

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from coagg.analysis.tables.pages.layout import Grid

UNLIMITED = 100_000  # columns of a pipe, a file or a log: nothing there is cut or wrapped

Row = Mapping[str, Any]
Template = str | Callable[[Row], str]


class Stopped(Exception):
    """The user stopped a command; the message says what is kept and how to go on."""


def settings() -> Settings:
    """The configured data base; the demo's own with `coagg --demo`."""
    configured = read_settings()
    if not os.environ.get("COAGG_DEMO"):
        return configured
    from coagg import database

    return database.demo_settings(configured)


def prepared() -> Settings:
    """`settings`, with schema and reference data brought up to date; says what was done."""
    from coagg import prepare

    configured = settings()
    for line in prepare.prepare(configured):
        print(line, file=sys.stderr)
    return configured


@cache
def stdout() -> Console:
    """The console on standard output."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else UNLIMITED, highlight=False)


def complain(message: str) -> None:
    """One line on standard error, in full however narrow the terminal."""
    print(f"coagg: {message}", file=sys.stderr)


class Answer:
    """What a command answers, for a reader or, with `as_json`, for a program.

    As a context manager it prints the JSON document at its end, when nothing went wrong: the facts,
    and every table under its name as a list of rows. Keys are in snake_case, numbers are numbers,
    what is missing is null. In that case nothing else is written to standard output.

    >>> with Answer() as answer:
    ...     answer.say("2 firms", firms=2)
    2 firms
    >>> with Answer(as_json=True) as answer:
    ...     answer.say("2 firms", firms=2)
    {
      "firms": 2
    }
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.document: dict[str, Any] = {}

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.as_json and kind is None:
            print(json.dumps(_plain(self.document), ensure_ascii=False, indent=2, allow_nan=False))

    def say(self, line: str, *, markup: bool = False, **facts: Any) -> None:
        """A line for the reader; `facts`, for a program, are what it says."""
        self.document.update(facts)
        if not self.as_json:
            stdout().print(line, markup=markup, soft_wrap=True)

    def note(self, line: str) -> None:
        """A line of warning, on standard error; among the notes of the JSON document."""
        self.document.setdefault("notes", []).append(line)
        print(f"note: {line}", file=sys.stderr)

    def table(
        self,
        name: str,
        title: str,
        columns: Sequence[tuple[str, Template]],
        rows: Sequence[Row],
        whole: Iterable[int] = (),
    ) -> None:
        """A table: `columns` are headings, each with what a row's cell says.

        A cell is a template of the row, such as `"{industry} {name}"` or `"{firms:,}"`, or a
        function of it. A column of numbers (a template with a format) is set to the right. A
        program gets `rows` as they are, under `name`.
        """
        self.document[name] = list(rows)
        if self.as_json:
            return
        cells = [
            [cell(row) if callable(cell) else _WORDS.vformat(cell, (), row) for _, cell in columns]
            for row in rows
        ]
        right = [
            number
            for number, (_, cell) in enumerate(columns)
            if isinstance(cell, str) and re.search(r"\{\w+:", cell)
        ]
        stdout().print(table(title, [head for head, _ in columns], cells, right, whole))


class _Words(string.Formatter):
    """What there is none of (None) as nothing, what is undefined (NaN) as a dash."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return ""
        if value != value:
            return "–"
        return str(super().format_field(value, format_spec))


_WORDS = _Words()


def _plain(value: Any) -> Any:
    """The value in terms of JSON."""
    if hasattr(value, "item"):  # a number of numpy
        value = value.item()
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: Iterable[int] = (),
    whole: Iterable[int] = (),
) -> RenderableType:
    """A plain table below its title; columns numbered in `right` are set to the right.

    On a narrow terminal words are cut, but not in columns of `right` and `whole`. Where no
    terminal is, nothing is cut.
    """
    from rich.cells import cell_len
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [
        max([len(column), *(cell_len(row[number]) for row in cells)])
        for number, column in enumerate(columns)
    ]
    # on a terminal too narrow words give way, numbers do not
    narrow = sum(width + 3 for width in widths) + 1 > stdout().width
    made = Table(header_style="bold", expand=narrow)
    numeric, uncut = set(right), {*right, *whole}
    for number, column in enumerate(columns):
        if number in uncut:
            side: Literal["left", "right"] = "right" if number in numeric else "left"
            made.add_column(column, justify=side, no_wrap=True, min_width=widths[number])
        else:
            made.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1 if narrow else None)
    for row in cells:
        made.add_row(*(Text(cell) for cell in row))
    # a title of the table's own would be wrapped to the table's width
    return Group(Text(title, style="italic"), made) if title else made


def truth_table(grid: Grid) -> RenderableType:
    """Truth and estimate by coefficient, from `coagg.analysis.tables.pages.truth.truth_grid`."""
    rows = [
        (row.cells[0], row.cells[2], row.label, row.cells[3], row.cells[4], *row.cells[6:])
        for row in grid.rows
    ]
    heads = ("table", "by", "regressor", "truth", "estimate", "95% interval", "holds")
    return table(grid.title, heads, rows, right=(3, 4, 5), whole=(0, 1, 6))


class Progress:
    """How far a command is. This one is silent: nobody watches where there is no terminal."""

    def show(
        self,
        done: int | None = None,
        total: int | None = None,
        stage: str | None = None,
        rate: str = "",
    ) -> None:
        """So much of so much is done, in this stage, at this rate."""

    def stage(self, stage: str, rows: int) -> None:
        """Rows read in a stage of a load."""
        self.show(stage=stage, rate=f"{rows:,} rows" if rows else "")

    def count(self, things: str) -> Callable[[int, int], None]:
        """A function of (done, total), things counted."""
        return lambda done, total: self.show(done, total, rate=f"{done} of {total} {things}")


@contextmanager
def progress(stage: str, kept: str) -> Iterator[Progress]:
    """A progress bar on standard error, silent when that is no terminal.

    `kept` is what a user who presses Ctrl-C is told: what is kept and how to go on.
    """
    try:
        if not sys.stderr.isatty():
            yield Progress()
            return
        with _bars() as bars:
            yield _Bar(bars, bars.add_task(stage, total=None, rate=""))
    except KeyboardInterrupt:
        raise Stopped(kept) from None


class _Bar(Progress):
    """A bar with rate and time left."""

    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def show(
        self,
        done: int | None = None,
        total: int | None = None,
        stage: str | None = None,
        rate: str = "",
    ) -> None:
        self._bars.update(self._task, completed=done, total=total, description=stage, rate=rate)


def _bars() -> Bars:
    from rich import progress as parts
    from rich.console import Console

    return parts.Progress(
        parts.SpinnerColumn(),
        parts.TextColumn("{task.description}"),
        parts.BarColumn(),
        parts.TextColumn("{task.fields[rate]}"),
        parts.TimeElapsedColumn(),
        parts.TextColumn("left"),
        parts.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
