"""The demo's report: one HTML page that stands alone, maps included."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from analysis.measure import MeasureReport
from etl.firms import LoadReport

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.miss { color: #b2182b; font-weight: 600; } .maps { display: grid; gap: 1rem; }
@media (min-width: 50rem) { .maps { grid-template-columns: 1fr 1fr; } }
img { width: 100%; height: auto; border: 1px solid #eee; } .scroll { overflow-x: auto; }
"""


def write_report(
    out: Path,
    loads: Sequence[LoadReport],
    measures: Sequence[MeasureReport],
    verdict: pd.DataFrame,
    relations: pd.DataFrame,
    dirt: pd.DataFrame,
    drawings: dict[str, Path],
) -> Path:
    """Write `out`/report.html and return its path."""
    pairs = sum(m.pairs_done + m.pairs_skipped for m in measures)
    parts = [
        "<h1>Directional coagglomeration of a made survey</h1>",
        f"<p>{sum(r.rows_read for r in loads):,} rows of firms in {len(loads)} survey years were "
        f"read, cleaned and located; the index of {pairs:,} ordered industry pairs was measured "
        "by optimal transport.</p>",
        "<h2>What was planted, what was found</h2>",
        _table(relations.columns, relations.values.tolist(), numeric={1, 2, 3}),
        "<p>A relation counts as found in a direction when the index with that industry fixed is "
        "at least 0.95. A null pair passes that mark by chance one time in twenty in each "
        "direction, so one in ten shows something.</p>",
        _table(
            ("year", "agglomeration", "planted", "fixed", "redrawn", "index", "reverse", "found"),
            [
                (
                    v.survey_year, v.agglomeration_code, v.relation, v.fixed_industry,
                    v.redrawn_industry, f"{v.forward:.3f}", f"{v.backward:.3f}", v.found,
                )
                for v in verdict.itertuples()
            ],
            numeric={5, 6},
            missed=[not v.as_planted for v in verdict.itertuples()],
        ),
        "<h2>The way of the data</h2>",
        *(_load(report) for report in loads),
        "<h2>Planted dirt</h2>",
        _table(dirt.columns, dirt.values.tolist(), numeric={2, 3, 4}),
        "<h2>Planted one-way pairs on the map</h2>",
        '<div class="maps">',
        *(
            f'<img alt="Firms of a planted one-way pair in {escape(code)}" '
            f'src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'
            for code, path in drawings.items()
        ),
        "</div>",
    ]  # fmt: skip
    path = out / "report.html"
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>coagg demo</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>",
        encoding="utf-8",
    )
    return path


def _load(report: LoadReport) -> str:
    rows: list[tuple[str, str]] = [("rows read", f"{report.rows_read:,}")]
    rows += [("refused", f"{report.rows_refused:,}")]
    rows += [(f"refused: {reason}", f"{n:,}") for reason, n in report.reasons.items()]
    rows += [("clean", f"{report.rows_clean:,}")]
    rows += [(f"clean, flagged: {flag}", f"{n:,}") for flag, n in report.flags.items()]
    head = (
        f"<p><b>{report.survey_year}</b>: {escape(report.file)}, "
        f"{report.encoding or report.format}, "
        f"datum {report.datum}, codes of {report.classification}</p>"
    )
    return head + _table(("", "rows"), rows, numeric={1})


def _table(
    columns: Iterable[str],
    rows: Iterable[Sequence[object]],
    numeric: set[int],
    missed: Sequence[bool] | None = None,
) -> str:
    def cell(tag: str, position: int, value: object, miss: bool) -> str:
        names = ["n"] * (position in numeric) + ["miss"] * miss
        return f'<{tag} class="{" ".join(names)}">{escape(str(value))}</{tag}>'

    head = "".join(cell("th", i, name, False) for i, name in enumerate(columns))
    lines = []
    for number, row in enumerate(rows):
        miss = bool(missed and missed[number])
        last = len(row) - 1
        lines.append("".join(cell("td", i, v, miss and i == last) for i, v in enumerate(row)))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
