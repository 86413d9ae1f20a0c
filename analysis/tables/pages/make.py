"""Pages of collected tables: Markdown as text, or files of every kind in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from coagg.analysis.tables.collect import Collected
from coagg.analysis.tables.pages.curve import draw_curve, measured
from coagg.analysis.tables.pages.layout import Grid, leave_one_out_grid
from coagg.analysis.tables.pages.render_markdown import markdown
from coagg.analysis.tables.pages.write import formats, pictures, table_grids, write_tables
from coagg.errors import CoaggError


@dataclass(frozen=True)
class Wanted:
    """Which pages are wanted; without a folder `out` only Markdown, as text."""

    out: Path | None = None
    formats: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    beside_paper: bool = False


def wanted(
    out: Path | None,
    format_: Sequence[str] = (),
    plot: Sequence[str] = (),
    curve: Sequence[str] = (),
    beside_paper: bool = False,
) -> Wanted:
    """The pages asked for in words; Markdown when no format, plot or curve is named.

    Raises CoaggError for an unknown format, and for files without a folder.
    """
    kinds = formats(format_ or ([] if out and (plot or curve) else ["md"]))
    made = Wanted(out, kinds, pictures(plot), pictures(curve), beside_paper)
    if out is None and (list(kinds) != ["md"] or made.plots or made.curves):
        raise CoaggError("say where to write: --out DIR")
    return made


def as_markdown(found: Collected, pages: Wanted) -> str:
    """All tables as one text."""
    more = _more(found)
    return "\n".join(
        markdown(table_grids(table, pages.beside_paper, more.get(table.name)))
        for table in found.tables
    )


def write_pages(
    connection: psycopg.Connection, found: Collected, pages: Wanted, country: str
) -> list[Path]:
    """Write the files into the folder of `pages`; returns them.

    Raises CoaggError when the folder cannot be written.
    """
    assert pages.out is not None
    made = write_tables(
        pages.out, found.tables, pages.formats, pages.beside_paper, pages.plots,
        _more(found), found.left_out,
    )  # fmt: skip
    if pages.curves:
        known = measured(connection, country)
        for table in found.tables:
            for kind in pages.curves:
                file = pages.out / f"{table.name}_curve.{kind}"
                made += draw_curve(file, table, found.variants[table.name], known)
    return made


def _more(found: Collected) -> dict[str, Grid]:
    return {
        table.name: leave_one_out_grid(table, found.left_out[table.name])
        for table in found.tables
        if found.left_out.get(table.name)
    }
