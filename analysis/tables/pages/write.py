"""Write stored tables as files: one a table and format, and one page of all where that is usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from coagg.analysis.tables.pages.layout import Grid, grids
from coagg.analysis.tables.pages.paper import paper_values
from coagg.analysis.tables.pages.plot import coefficient_plot
from coagg.analysis.tables.pages.render_csv import table_csv
from coagg.analysis.tables.pages.render_docx import write_docx
from coagg.analysis.tables.pages.render_html import page
from coagg.analysis.tables.pages.render_latex import document, latex
from coagg.analysis.tables.pages.render_markdown import markdown
from coagg.analysis.tables.store import StoredTable
from coagg.errors import CoaggError

FORMATS = ("md", "tex", "html", "docx", "csv")
PICTURES = ("png", "svg", "pdf")


def formats(asked: Sequence[str]) -> tuple[str, ...]:
    """Formats asked for; `all` is all of them. CoaggError for one that is unknown."""
    for one in asked:
        if one not in (*FORMATS, "all"):
            raise CoaggError(f"unknown format {one}: one of {', '.join(FORMATS)}, all")
    return FORMATS if "all" in asked else tuple(dict.fromkeys(asked))


def pictures(asked: Sequence[str]) -> tuple[str, ...]:
    """Formats of pictures asked for; CoaggError for one that is unknown."""
    for one in asked:
        if one not in PICTURES:
            raise CoaggError(f"unknown plot format {one}: one of {', '.join(PICTURES)}")
    return tuple(dict.fromkeys(asked))


def table_grids(
    table: StoredTable, beside_paper: bool = False, more: Grid | None = None
) -> list[Grid]:
    """Grids of a stored table, the paper's published figures beside ours where wanted.

    `more` is a grid to follow: that of leave-one-out.
    """
    made = grids(table, paper_values().get(table.name) if beside_paper else None)
    return made if more is None else [*made, more]


def write_tables(
    out: Path,
    tables: Sequence[StoredTable],
    kinds: Sequence[str],
    beside_paper: bool = False,
    plots: Sequence[str] = (),
    more: Mapping[str, Grid] | None = None,
    left_out: Mapping[str, Sequence[StoredTable]] | None = None,
) -> list[Path]:
    """Write tables into `out`; returns the files. `plots`: pictures of every table's coefficients.

    `more`: a grid to follow a table, by its name; `left_out`: leave-one-out runs to draw.

    Markdown, html and docx also come as one file of all tables, tex as a document that inputs
    each. Raises CoaggError when the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _write(out, tables, kinds, beside_paper, plots, more or {}, left_out or {})
    except OSError as fault:
        raise CoaggError(f"{out} cannot be written: {fault.strerror or fault}") from None


def _write(
    out: Path, tables: Sequence[StoredTable], kinds: Sequence[str], beside_paper: bool,
    plots: Sequence[str], more: Mapping[str, Grid], left_out: Mapping[str, Sequence[StoredTable]],
) -> list[Path]:  # fmt: skip
    made: list[Path] = []
    sheets = {
        table.name: table_grids(table, beside_paper, more.get(table.name)) for table in tables
    }
    every = [grid for grids_ in sheets.values() for grid in grids_]

    def put(name: str, text: str) -> None:
        file = out / name
        file.write_text(text, encoding="utf-8")
        made.append(file)

    for table in tables:
        own = sheets[table.name]
        for kind in kinds:
            if kind == "md":
                put(f"{table.name}.md", markdown(own))
            elif kind == "tex":
                put(f"{table.name}.tex", latex(own))
            elif kind == "html":
                put(f"{table.name}.html", page(own[0].title, own))
            elif kind == "csv":
                put(f"{table.name}.csv", table_csv(table))
            elif kind == "docx":
                write_docx(out / f"{table.name}.docx", own)
                made.append(out / f"{table.name}.docx")
        made += [
            coefficient_plot(out / f"{table.name}.{kind}", table, left_out.get(table.name, ()))
            for kind in plots
            if table.columns
        ]
    if len(tables) > 1:
        if "md" in kinds:
            put("tables.md", markdown(every))
        if "html" in kinds:
            put("tables.html", page("Tables", every))
        if "docx" in kinds:
            write_docx(out / "tables.docx", every)
            made.append(out / "tables.docx")
    if "tex" in kinds:
        put("tables.tex", document([table.name for table in tables]))
    return made
