"""Grids as HTML: fragments for a page, or one page that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from analysis.tables.layout import Grid

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }
figure.coagg-table { margin: 0 0 3rem; }
.coagg-table figcaption { font-weight: 600; font-size: 1.1rem; margin-bottom: .5rem; }
.coagg-table .scroll { overflow-x: auto; }
.coagg-table table { border-collapse: collapse; border-top: 2px solid #222;
  border-bottom: 2px solid #222; font-size: .9rem; }
.coagg-table thead tr:last-child th { border-bottom: 1px solid #222; }
.coagg-table th, .coagg-table td { padding: .12rem .8rem; text-align: center; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.coagg-table th { font-weight: 500; }
.coagg-table th[scope=row] { text-align: left; padding-left: 0; font-weight: 400; }
.coagg-table tr.error td { padding-bottom: .4rem; color: #555; }
.coagg-table tr.section td { border-top: 1px solid #222; text-align: left; font-style: italic;
  padding-left: 0; }
.coagg-table .paper { color: #7a4a00; background: #fdf6e9; }
.coagg-table p { font-size: .8rem; margin: .3rem 0; max-width: 60rem; color: #444; }
"""


def fragment(grids: Sequence[Grid]) -> str:
    """Figures without page or style (`STYLE` goes into the page's own)."""
    return "\n".join(_grid(grid) for grid in grids)


def page(title: str, grids: Sequence[Grid]) -> str:
    """A page that needs no other file."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><body>{fragment(grids)}</body></html>"
    )


def _grid(grid: Grid) -> str:
    paper = {at for at, word in enumerate(grid.heads[-1]) if word == "paper"}

    def line(tag: str, label: str, cells: Sequence[str], kind: str) -> str:
        mark = {True: ' class="paper"', False: ""}
        shown = "".join(
            f"<{tag}{mark[at in paper]}>{escape(cell)}</{tag}>" for at, cell in enumerate(cells)
        )
        return f'<tr class="{kind}"><th scope="row">{escape(label)}</th>{shown}</tr>'

    rows = []
    for row in grid.rows:
        if row.kind == "section":
            words = escape(row.label)
            rows.append(f'<tr class="section"><td colspan="{grid.width + 1}">{words}</td></tr>')
        else:
            rows.append(line("td", row.label, row.cells, row.kind))
    head = "".join(line("th", "", cells, "head") for cells in grid.heads)
    notes = "".join(f"<p>{escape(note)}</p>" for note in grid.notes)
    return (
        f'<figure class="coagg-table" id="{escape(grid.name)}"><figcaption>{escape(grid.title)}'
        f'</figcaption><div class="scroll"><table><thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{notes}</figure>"
    )
