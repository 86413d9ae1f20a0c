"""Grids as LaTeX with booktabs, and a document that holds them all; made for pdflatex."""

from __future__ import annotations

from collections.abc import Sequence

from coagg.analysis.tables.pages.grid import Grid, Row, folded, spans, together
from coagg.errors import CoaggError

SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"$<$", ">": r"$>$", "|": r"$|$", "×": r"$\times$", "φ": r"$\varphi$",
    "→": r"$\rightarrow$", "←": r"$\leftarrow$", "²": r"$^2$", "≥": r"$\geq$", "≤": r"$\leq$",
    "≠": r"$\neq$",
    "−": r"$-$", "–": "--", "—": "---", "∞": r"$\infty$", "β": r"$\beta$", "[": "{[}", "]": "{]}",
    "\N{ZERO WIDTH NON-JOINER}": "{}",
}  # fmt: skip

DOCUMENT = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\renewcommand{\topfraction}{.99}
\renewcommand{\textfraction}{.01}
\setcounter{topnumber}{9}
\setcounter{totalnumber}{9}
\makeatletter\setlength{\@fptop}{0pt}\makeatother
\begin{document}
%s
\end{document}
"""

PAGE_LINES = 56
"""Lines of tables that fit a page beside title and notes."""


def escape(text: str) -> str:
    """Text as pdflatex sets it; CoaggError for a character that it cannot."""
    made = []
    for sign in text.replace("--", "-\N{ZERO WIDTH NON-JOINER}-"):
        if sign not in SIGNS and ord(sign) > 0x17F:
            raise CoaggError(
                f"{text!r} has {sign!r}, which pdflatex cannot set: write the label in Latin "
                "letters, or take --format docx or html"
            )
        made.append(SIGNS.get(sign, sign))
    return "".join(made)


def latex(grids: Sequence[Grid]) -> str:
    """Table environments; the document needs booktabs and graphicx."""
    return "\n".join(text for parts in together(grids) for text in _tables(parts))


def document(names: Sequence[str]) -> str:
    """A document of `NAME.tex` files beside it."""
    return DOCUMENT % "\n".join(rf"\input{{{name}.tex}}\clearpage" for name in names)


def _tables(parts: Sequence[Grid]) -> list[str]:
    """Panels of one table in as many environments as it takes pages, the notes under the last."""
    pages: list[list[Grid]] = []
    for grid in parts:
        taken = sum(_lines(one) for one in pages[-1]) if pages else PAGE_LINES
        if taken + _lines(grid) > PAGE_LINES:
            pages.append([])
        pages[-1].append(grid)
    made = []
    for at, page in enumerate(pages):
        lines = [r"\begin{table}[tp]", r"\centering\footnotesize"]
        more = ", continued" if at else ""
        lines.append(rf"{{\normalsize\textbf{{{escape(parts[0].title + more)}}}}}\par\medskip")
        for grid in page:
            lines += _panel(grid)
        notes = " ".join(escape(note) for grid in page for note in grid.notes)
        if notes:
            lines.append(rf"\begin{{minipage}}{{\linewidth}}\scriptsize {notes}\end{{minipage}}")
        lines.append(r"\end{table}")
        made.append("\n".join(lines) + "\n")
    return made


def _lines(grid: Grid) -> int:
    return len(grid.rows) + len(grid.heads) + 2


def _panel(grid: Grid) -> list[str]:
    lines = []
    if grid.panel:
        lines.append(rf"\textit{{{escape(grid.panel)}}}\par\smallskip")
    lines.append(r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%")
    lines.append(rf"\begin{{tabular}}{{l*{{{grid.width}}}{{c}}}}")
    lines.append(r"\toprule")
    for at, head in enumerate(grid.heads):
        lines += _head(head, last=at == len(grid.heads) - 1)
    lines.append(r"\midrule")
    rows = folded(grid.rows)
    for row, below in zip(rows, [*rows[1:], None], strict=True):
        if row.kind == "section":
            if lines[-1] != r"\midrule":
                lines.append(r"\midrule")
            if row.label:
                words = rf"\textit{{{escape(row.label)}}}"
                lines.append(rf"\multicolumn{{{grid.width + 1}}}{{l}}{{{words}}} \\")
            continue
        label = escape(row.label).replace("  ", r"\quad ")
        space = r"[3pt]" if row.kind == "error" and not _ends(below) else ""
        lines.append(" & ".join((label, *map(escape, row.cells))) + rf" \\{space}")
    return [*lines, r"\bottomrule", r"\end{tabular}}", r"\par\medskip"]


def _ends(below: Row | None) -> bool:
    """Whether a rule or another line of errors follows, so that no space is wanted."""
    return below is None or below.kind in ("section", "error")


def _head(head: Sequence[str], last: bool) -> list[str]:
    """A line of headings; equal neighbours share one, with a rule below it."""
    cells, rules, at = [], [], 2
    for text, wide in spans(head):
        word = escape(text)
        cells.append(rf"\multicolumn{{{wide}}}{{c}}{{{word}}}" if wide > 1 else word)
        if wide > 1 and not last:
            rules.append(rf"\cmidrule(lr){{{at}-{at + wide - 1}}}")
        at += wide
    return ["& " + " & ".join(cells) + r" \\", *(["".join(rules)] if rules else [])]
