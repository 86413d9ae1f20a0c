"""Grids as LaTeX with booktabs, and a document that holds them all; made for pdflatex."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from analysis.tables.layout import Grid
from coagg.errors import CoaggError

SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"$<$", ">": r"$>$", "|": r"$|$", "×": r"$\times$", "φ": r"$\varphi$",
    "→": r"$\rightarrow$", "←": r"$\leftarrow$", "²": r"$^2$", "≥": r"$\geq$", "≤": r"$\leq$",
    "−": r"$-$", "–": "--", "—": "---", "∞": r"$\infty$", "β": r"$\beta$", "[": "{[}", "]": "{]}",
}  # fmt: skip

DOCUMENT = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
%s
\end{document}
"""


def escape(text: str) -> str:
    """Text as pdflatex sets it; CoaggError for a character that it cannot."""
    made = []
    for sign in text:
        if sign not in SIGNS and ord(sign) > 0x17F:
            raise CoaggError(
                f"{text!r} has {sign!r}, which pdflatex cannot set: write the label in Latin "
                "letters, or take --format docx or html"
            )
        made.append(SIGNS.get(sign, sign))
    return "".join(made)


def latex(grids: Sequence[Grid]) -> str:
    """Table environments; the document needs booktabs and graphicx."""
    return "\n".join(_grid(grid) for grid in grids)


def document(names: Sequence[str]) -> str:
    """A document of `NAME.tex` files beside it."""
    return DOCUMENT % "\n".join(rf"\input{{{name}.tex}}\clearpage" for name in names)


def _grid(grid: Grid) -> str:
    lines = [r"\begin{table}[htbp]", r"\centering\small"]
    lines.append(rf"\textbf{{{escape(grid.title)}}}\par\medskip")
    lines.append(r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%")
    lines.append(rf"\begin{{tabular}}{{l*{{{grid.width}}}{{c}}}}")
    lines.append(r"\toprule")
    for head in grid.heads:
        lines.append(_head(head))
    lines.append(r"\midrule")
    for row in grid.rows:
        if row.kind == "section":
            lines.append(r"\midrule" if lines[-1] != r"\midrule" else "")
            if row.label:
                lines.append(
                    rf"\multicolumn{{{grid.width + 1}}}{{l}}{{\textit{{{escape(row.label)}}}}} \\"
                )
            continue
        lines.append(" & ".join(escape(cell) for cell in (row.label, *row.cells)) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}}", r"\par\medskip"]
    notes = " ".join(escape(note) for note in grid.notes)
    lines.append(rf"\begin{{minipage}}{{\linewidth}}\footnotesize {notes}\end{{minipage}}")
    lines.append(r"\end{table}")
    return "\n".join(line for line in lines if line) + "\n"


def _head(head: Sequence[str]) -> str:
    """A line of headings; equal neighbours share one."""
    cells = []
    for text, same in groupby(head):
        span = len(list(same))
        word = escape(text)
        cells.append(rf"\multicolumn{{{span}}}{{c}}{{{word}}}" if span > 1 and text else
                     " & ".join([word] * span))  # fmt: skip
    return "& " + " & ".join(cells) + r" \\"
