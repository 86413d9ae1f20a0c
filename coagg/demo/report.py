"""The demo's report: one HTML page that stands alone, maps included."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from coagg.analysis.tables.pages.render_html import STYLE as TABLE_STYLE
from coagg.analysis.tables.pages.render_html import fragment
from coagg.analysis.tables.pages.write import table_grids
from coagg.analysis.tables.store import StoredTable
from coagg.demo.findings import Findings
from coagg.rebuild.report import RebuildReport

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
nav { font-size: .9rem; } nav a { margin-right: .9rem; white-space: nowrap; }
table.plain { border-collapse: collapse; font-size: .9rem; }
.plain th, .plain td { padding: .2rem .8rem .2rem 0; text-align: left;
  border-bottom: 1px solid #ddd; }
.plain td.n, .plain th.n { text-align: right; font-variant-numeric: tabular-nums; }
.maps { display: grid; gap: 1rem; }
@media (min-width: 50rem) { .maps { grid-template-columns: 1fr 1fr; } }
img { width: 100%; height: auto; border: 1px solid #eee; } .scroll { overflow-x: auto; }
"""

RELATIONS = """A relation counts as found in a direction when the index with that industry fixed is
at least 0.95. A null pair passes that mark by chance one time in twenty in each direction. How many
one-way pairs are found depends on how many firms an industry has in an agglomeration: a weak pull
among a dozen firms looks like chance."""
MATCHING = """An applicant's name is brought to a firm of the survey by stages, the surest first.
Precision: right matches over matches. Recall: right matches over applicants that are firms surveyed
within three years."""
TRUTH = """The economy's innovation was generated with the coefficients under Truth, along the
planted links. Least squares is meant to miss them: the economy ties links to innovation shocks, as
the paper fears the real one does, and the links are measured from a finite number of firms."""


def write_report(
    out: Path,
    rebuilt: RebuildReport,
    findings: Findings,
    tables: Sequence[StoredTable],
    drawings: dict[str, Path],
) -> Path:
    """Write `out`/report.html and return its path."""
    chapters = [
        ("relations", "Planted relations of industries", _relations(findings)),
        ("truth", "Truth and estimates", f"<p>{TRUTH}</p>" + fragment([findings.truth])),
        *(
            (f"chapter-{one.name}", grids[0].title, fragment(grids))
            for one in tables
            if (grids := table_grids(one))
        ),
        ("matching", "Owners of patents", f"<p>{MATCHING}</p>" + _frame(findings.matching)),
        ("dirt", "Planted dirt, found by the cleaning", _frame(findings.dirt, words=2)),
        ("steps", "The way of the data", _steps(rebuilt)),
        ("maps", "Planted one-way pairs on the map", _maps(drawings)),
    ]
    links = " ".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in chapters)
    body = "".join(
        f'<section id="{key}">{_heading(title, text)}{text}</section>'
        for key, title, text in chapters
    )
    path = out / "report.html"
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>coagg demo</title><style>{TABLE_STYLE}{STYLE}</style><body>"
        "<h1>Directional coagglomeration and innovation in a made economy</h1>"
        "<p>Everything below was made from raw files by the steps that a real survey goes through; "
        f"what was planted in the files is known.</p><nav>{links}</nav>{body}</body></html>",
        encoding="utf-8",
    )
    return path


def _heading(title: str, text: str) -> str:
    """None where the chapter is a table that has its title above it."""
    return "" if text.startswith("<figure") else f"<h2>{escape(title)}</h2>"


def _relations(findings: Findings) -> str:
    return (
        _frame(findings.relations)
        + f"<p>{RELATIONS}</p><p>One-way pairs found as planted, by year:</p>"
        + _frame(findings.by_agglomeration)
    )


def _steps(rebuilt: RebuildReport) -> str:
    rows = [(o.step, f"{o.seconds:.1f}", o.said or o.state) for o in rebuilt.outcomes]
    return _table(("step", "seconds", "what was done"), rows, numeric={1})


def _maps(drawings: dict[str, Path]) -> str:
    pictures = "".join(
        f'<img alt="Firms of a planted one-way pair in {escape(code)}" '
        f'src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'
        for code, path in drawings.items()
    )
    return f'<div class="maps">{pictures}</div>'


def _frame(frame: pd.DataFrame, words: int = 1) -> str:
    """A frame whose first columns are words and the others numbers."""
    columns = [str(name) for name in frame.columns]
    return _table(columns, frame.values.tolist(), set(range(words, len(columns))))


def _table(columns: Iterable[str], rows: Iterable[Sequence[object]], numeric: set[int]) -> str:
    def line(tag: str, cells: Iterable[object]) -> str:
        return "".join(
            f"<{tag}{' class=n' if at in numeric else ''}>{escape(str(cell))}</{tag}>"
            for at, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    head = f"<tr>{line('th', columns)}</tr>"
    return f'<div class="scroll"><table class="plain">{head}{body}</table></div>'
