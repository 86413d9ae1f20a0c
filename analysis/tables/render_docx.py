"""Grids as a Word document: three-line tables, landscape where they are wide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import docx
from docx.document import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.table import _Cell

from analysis.tables.layout import Grid

WIDE = 5


def write_docx(file: Path, grids: Sequence[Grid]) -> None:
    """Write all grids, a page each."""
    document = docx.Document()
    style = document.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(10)  # type: ignore[attr-defined]
    style.paragraph_format.space_after = Pt(0)  # type: ignore[attr-defined]
    section = document.sections[0]
    if any(grid.width > WIDE for grid in grids):
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = Cm(29.7), Cm(21.0)
    else:
        section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Cm(1.8))
    for number, grid in enumerate(grids):
        if number:
            document.add_page_break()
        _grid(document, grid)
    document.save(str(file))


def _grid(document: Document, grid: Grid) -> None:
    title = document.add_paragraph()
    title.add_run(grid.title).bold = True
    title.paragraph_format.space_after = Pt(6)
    title.paragraph_format.keep_with_next = True
    lines = [("", *head) for head in grid.heads]
    lines += [(row.label, *row.cells) for row in grid.rows]
    kinds = ["head"] * len(grid.heads) + [row.kind for row in grid.rows]
    table = document.add_table(rows=len(lines), cols=grid.width + 1)
    table.autofit = True
    size = Pt(9 if grid.width <= WIDE else 7.5 if grid.width <= 9 else 6)
    last_head = len(grid.heads) - 1
    for row, line, kind, at in zip(table.rows, lines, kinds, range(len(lines)), strict=True):
        for place, (cell, text) in enumerate(zip(row.cells, line, strict=True)):
            paragraph = cell.paragraphs[0]
            run = paragraph.add_run(text)
            run.font.size = size
            run.italic = kind == "section"
            if place:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            if at == 0 or kind == "section":
                _border(cell, "top", 12 if at == 0 else 4)
            if at == last_head:
                _border(cell, "bottom", 6)
            if at == len(lines) - 1:
                _border(cell, "bottom", 12)
    for note in grid.notes:
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_before = Pt(3)
        paragraph.add_run(note).font.size = Pt(8)


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
