"""Grids as HTML: fragments for a page, or one page that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from coagg.analysis.tables.pages.grid import Grid, Row, folded, spans, together

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }
figure.coagg-table { margin: 0 0 3rem; width: fit-content; max-width: 100%; }
.coagg-table figcaption { font-weight: 600; font-size: 1.1rem; margin-bottom: .5rem; }
.coagg-table .scroll { overflow-x: auto; }
.coagg-table .panel { margin: .8rem 0 .3rem; font-style: italic; font-size: .95rem; color: #222; }
.coagg-table table { border-collapse: collapse; border-top: 2px solid #222;
  border-bottom: 2px solid #222; font-size: .9rem; margin-bottom: .6rem; }
.coagg-table thead tr:last-child th { border-bottom: 1px solid #222; }
.coagg-table th, .coagg-table td { padding: .1rem .8rem; text-align: center; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.coagg-table th { font-weight: 500; }
.coagg-table thead th[colspan] { border-bottom: 1px solid #bbb; }
.coagg-table th[scope=row] { text-align: left; padding-left: 0; font-weight: 400; }
.coagg-table tr.error td { color: #555; }
.coagg-table tr.last td, .coagg-table tr.last th { padding-bottom: .4rem; }
.coagg-table tr.section th { border-top: 1px solid #222; text-align: left; font-style: italic;
  font-weight: 400; padding: .25rem 0 0; }
.coagg-table tr.section.empty th { padding: .2rem 0 0; }
.coagg-table thead + tbody tr.section:first-child th { border-top: 0; }
.coagg-table .paper { color: #7a4a00; background: #fdf6e9; }
.coagg-table p { font-size: .8rem; margin: .3rem 0; max-width: 60rem; color: #444; }
"""


def fragment(grids: Sequence[Grid]) -> str:
    """Figures without page or style (`STYLE` goes into the page's own)."""
    return "\n".join(_figure(parts) for parts in together(grids))


def page(title: str, grids: Sequence[Grid]) -> str:
    """A page that needs no other file."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><body>{fragment(grids)}</body></html>"
    )


def _figure(parts: Sequence[Grid]) -> str:
    first = parts[0]
    tables = "".join(_table(grid) for grid in parts)
    notes = "".join(f"<p>{escape(note)}</p>" for grid in parts for note in grid.notes)
    return (
        f'<figure class="coagg-table" id="{escape(first.name)}"><figcaption>{escape(first.title)}'
        f"</figcaption>{tables}{notes}</figure>"
    )


def _table(grid: Grid) -> str:
    paper = {at for at, word in enumerate(grid.heads[-1]) if word == "paper"}

    def mark(at: int) -> str:
        return ' class="paper"' if at in paper else ""

    def head(cells: Sequence[str]) -> str:
        shown, at = [], 0
        for text, wide in spans(cells):
            over = f' colspan="{wide}"' if wide > 1 else mark(at)
            shown.append(f"<th{over}>{escape(text)}</th>")
            at += wide
        return f"<tr><td></td>{''.join(shown)}</tr>"

    rows = folded(grid.rows)
    body = []
    for row, below in zip(rows, [*rows[1:], None], strict=True):
        kind = row.kind + (" last" if row.kind == "error" and not _error(below) else "")
        if row.kind == "section":
            kind += "" if row.label else " empty"
            words = escape(row.label)
            body.append(
                f'<tr class="{kind}"><th colspan="{grid.width + 1}" scope="row">{words}</th></tr>'
            )
            continue
        cells = "".join(f"<td{mark(at)}>{escape(cell)}</td>" for at, cell in enumerate(row.cells))
        label = escape(row.label).replace("  ", "&emsp;")
        body.append(f'<tr class="{kind}"><th scope="row">{label}</th>{cells}</tr>')
    panel = f'<p class="panel">{escape(grid.panel)}</p>' if grid.panel else ""
    return (
        f'{panel}<div class="scroll"><table><thead>{"".join(map(head, grid.heads))}</thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _error(row: Row | None) -> bool:
    return row is not None and row.kind == "error"
