"""Grids as a Word document: three-line tables on upright A4 pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import docx
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.table import Table, _Cell

from coagg.analysis.tables.pages.grid import Grid, Row, folded, spans, together

PAGE_CM, MARGIN_CM = 17.4, 1.8
LABEL_CM = 5.6


def write_docx(file: Path, grids: Sequence[Grid]) -> None:
    """Write all grids, a page each table."""
    document = docx.Document()
    style = document.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(10)  # type: ignore[attr-defined]
    style.paragraph_format.space_after = Pt(0)  # type: ignore[attr-defined]
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Cm(MARGIN_CM))
    name = ""
    for number, parts in enumerate(together(grids)):
        title = document.add_paragraph()
        # what belongs to the table before (tests, leave-one-out) follows it on its page
        more = bool(name) and parts[0].name.startswith(f"{name}_")
        name = name if more else parts[0].name
        title.paragraph_format.page_break_before = number > 0 and not more
        title.paragraph_format.space_before = Pt(18 if more else 0)
        title.add_run(parts[0].title).bold = True
        title.paragraph_format.space_after = Pt(6)
        title.paragraph_format.keep_with_next = True
        for grid in parts:
            _panel(document, grid)
        notes = [note for grid in parts for note in grid.notes]
        if notes:
            paragraph = document.add_paragraph()
            paragraph.paragraph_format.space_before = Pt(3)
            paragraph.add_run(" ".join(notes)).font.size = Pt(8)
    document.save(str(file))


def _panel(document: Document, grid: Grid) -> None:
    if grid.panel or not grid.title:  # Word would join two tables with nothing between them
        words = document.add_paragraph()
        words.paragraph_format.keep_with_next = True
        words.paragraph_format.line_spacing = Pt(20 if grid.panel else 8)
        run = words.add_run(grid.panel)
        run.italic, run.font.size = True, Pt(9)
    rows = folded(grid.rows)
    lines = [Row("head", "", head) for head in grid.heads] + rows
    table = document.add_table(rows=len(lines), cols=grid.width + 1)
    _widths(table, grid)
    size = Pt(8.5 if grid.width <= 4 else 8)
    last_head = len(grid.heads) - 1
    for at, (row, line) in enumerate(zip(table.rows, lines, strict=True)):
        _keep(row, head=at <= last_head)
        cells = row.cells
        for place, (cell, text) in enumerate(zip(cells, (line.label, *line.cells), strict=True)):
            paragraph = cell.paragraphs[0]
            run = paragraph.add_run(text)
            run.font.size = Pt(3) if line.kind == "section" and not line.label else size
            run.italic = line.kind == "section"
            empty = line.kind == "section" and not line.label
            paragraph.paragraph_format.line_spacing = Pt(4 if empty else 11.5)
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER if place else WD_ALIGN_PARAGRAPH.LEFT
            # a long table breaks between rows of different regressors only
            paragraph.paragraph_format.keep_with_next = line.kind in ("head", "coefficient")
            if line.kind == "section" and at > last_head + 1:
                _border(cell, "top", 4)
            if at == 0:
                _border(cell, "top", 12)
            if at == last_head:
                _border(cell, "bottom", 6)
            if at == len(lines) - 1:
                _border(cell, "bottom", 12)
        if line.kind == "head":
            _span(cells, line.cells)
        elif line.kind == "section" and line.label:
            cells[0].merge(cells[-1])
            for spare in cells[0].paragraphs[1:]:
                spare._p.getparent().remove(spare._p)


def _widths(table: Table, grid: Grid) -> None:
    """Fixed widths: labels as wide as they need, up to a third of the page; the rest shared."""
    table.autofit = False
    label = min(LABEL_CM, 0.6 + 0.17 * max(len(row.label) for row in folded(grid.rows)))
    label = max(label, 3.0)
    each = min((PAGE_CM - label) / grid.width, 3.0)
    for at, column in enumerate(table.columns):
        column.width = Cm(each if at else label)
        for cell in column.cells:
            cell.width = Cm(each if at else label)


def _keep(row: object, head: bool) -> None:
    """A row is not torn over pages; head rows come again on the next."""
    properties = row._tr.get_or_add_trPr()  # type: ignore[attr-defined]
    for name in ("cantSplit", "tblHeader") if head else ("cantSplit",):
        properties.append(OxmlElement(f"w:{name}"))


def _span(cells: Sequence[_Cell], words: Sequence[str]) -> None:
    """Equal neighbours of a heading share one cell."""
    at = 1
    for text, wide in spans(words):
        if wide > 1:
            one = cells[at].merge(cells[at + wide - 1])
            for spare in one.paragraphs[1:]:
                spare._p.getparent().remove(spare._p)
            one.paragraphs[0].runs[0].text = text
        at += wide


def _border(cell: _Cell, edge: str, eighths: int) -> None:
    """A line at an edge of a cell, in eighths of a point."""
    properties = cell._tc.get_or_add_tcPr()
    borders = properties.find(qn("w:tcBorders"))
    if borders is None:
        borders = OxmlElement("w:tcBorders")
        properties.append(borders)
    line = OxmlElement(f"w:{edge}")
    for name, value in (
        ("val", "single"),
        ("sz", str(eighths)),
        ("space", "0"),
        ("color", "222222"),
    ):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
