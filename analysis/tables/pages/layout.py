"""From a stored table to grids of text, laid out like the paper's; renderers only set them.

Regressors that bear the same label share a row. Every regressor that was left out, and every row
left out for want of a variable, is named in the notes: nothing is dropped silently. Columns stand
in the panels that the specification names; a panel wider than `MOST` is divided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from coagg.analysis.panel.variables import EFFECT_LABELS, label
from coagg.analysis.tables.pages.beside import (
    descriptive_grids,
    leave_one_out_grid,
    test_grid,
    title,
)
from coagg.analysis.tables.pages.grid import Grid, Row, stars, three
from coagg.analysis.tables.pages.notes import TEST_MARKS, table_notes
from coagg.analysis.tables.store import Coefficient, StoredColumn, StoredTable

__all__ = ["Grid", "PaperColumn", "Row", "grids", "leave_one_out_grid", "stars", "three"]

ESTIMATOR_WORDS = {"ols": "OLS", "2sls": "2SLS", "ppml": "Poisson"}
MOST = 6
"""Columns side by side on an upright page, the paper's counted."""
HEAD_BREAK = " | "
"""Divides a heading into lines; equal neighbours share a heading."""


@dataclass(frozen=True)
class PaperColumn:
    """Published figures of a column: coefficient and error by regressor, and statistics."""

    values: dict[str, tuple[float, float | None]]
    statistics: dict[str, float]


def grids(table: StoredTable, paper: dict[int, PaperColumn] | None = None) -> list[Grid]:
    """The grids of a stored table: coefficients, then tests, or descriptive statistics."""
    if table.described:
        return descriptive_grids(table)
    paper = paper or {}
    blocks = _blocks(table, paper)
    made = []
    for at, (words, columns) in enumerate(blocks):
        sheet = _Sheet(table, columns, paper)
        _fill(sheet)
        letter = f"Panel {chr(65 + at)}. " if len(blocks) > 1 and words else ""
        made.append(
            Grid(
                table.name + (f"_{chr(97 + at)}" if at else ""),
                "" if at else title(table),
                _heads(columns, paper), tuple(sheet.rows),
                table_notes(table) if at == len(blocks) - 1 else (),
                letter + words,
            )
        )  # fmt: skip
    if table.tests:
        made.append(test_grid(table))
    return made


def _blocks(
    table: StoredTable, paper: dict[int, PaperColumn]
) -> list[tuple[str, list[StoredColumn]]]:
    """Panels: their words and columns; too wide ones divided evenly."""

    def words(column: StoredColumn) -> str:
        return str(table.specification["columns"][column.number - 1].get("panel", ""))

    blocks: list[tuple[str, list[StoredColumn]]] = []
    for text, members in groupby(table.columns, words):
        columns = list(members)
        each = 2 if any(c.number in paper for c in columns) else 1
        parts = math.ceil(len(columns) * each / MOST)
        size = math.ceil(len(columns) / parts)
        for start in range(0, len(columns), size):
            more = ", continued" if start and text else ""
            blocks.append((text + more, columns[start : start + size]))
    return blocks


class _Sheet:
    """Rows over columns of which some are the paper's."""

    def __init__(
        self, table: StoredTable, columns: list[StoredColumn], paper: dict[int, PaperColumn]
    ) -> None:
        self.table, self.columns, self.paper = table, columns, paper
        self.rows = list[Row]()

    def add(
        self, kind: str, text: str, ours: Sequence[str], papers: dict[int, str] | None = None
    ) -> None:
        """A line of our cells, the paper's beside them; left out when all are empty."""
        cells: list[str] = []
        for column, mine in zip(self.columns, ours, strict=True):
            cells.append(mine)
            if column.number in self.paper:
                cells.append((papers or {}).get(column.number, ""))
        if any(cells) or kind == "section":
            self.rows.append(Row(kind, text, tuple(cells)))

    def section(self, text: str) -> None:
        """A rule with words."""
        self.add("section", text, [""] * len(self.columns))


def _grouped(sheet: _Sheet, stage: str) -> dict[str, dict[int, Coefficient]]:
    """Label -> column number -> coefficient, in the order of first appearance of a regressor."""
    specified = sheet.table.specification["columns"]
    sets = [set(column["regressors"]) for column in specified]
    controls = set.intersection(*sets) if sets else set()
    own, shared = list[str](), list[str]()
    found: dict[str, dict[int, Coefficient]] = {}
    for column in sheet.columns:
        mine = specified[column.number - 1]
        leading = set(mine["endogenous"]) | set(mine["instruments"])
        late = controls | set(mine.get("controls", ()))
        for one in column.main if stage == "main" else column.first:
            text = label(one.name, mine["labels"])
            if column.number in found.get(text, {}):  # two regressors of one column: two rows
                text = f"{text} ({one.name})"
            if text not in found:
                last = one.name in late and one.name not in leading
                (shared if last else own).append(text)
            found.setdefault(text, {})[column.number] = one
    return {text: found[text] for text in (*own, *shared)}


def _fill(sheet: _Sheet) -> None:
    columns, paper = sheet.columns, sheet.paper
    for text, by_column in _grouped(sheet, "main").items():
        published = {
            number: given.values[one.name]
            for number, given in paper.items()
            if (one := by_column.get(number)) is not None and one.name in given.values
        }
        _pair(
            sheet, text, by_column,
            {n: three(b) for n, (b, _) in published.items()},
            {n: f"({three(s)})" for n, (_, s) in published.items() if s is not None},
        )  # fmt: skip
    first = _grouped(sheet, "first")
    instruments = {n for c in sheet.table.specification["columns"] for n in c["instruments"]}
    if first:
        sheet.section("First stage")
        for text, by_column in first.items():
            if any(one.name in instruments for one in by_column.values()):
                _pair(sheet, text, by_column, {}, {})
        _weak(sheet)
    sheet.section("")
    for effect in dict.fromkeys(e for column in columns for e in column.effects):
        sheet.add(
            "statistic", f"{EFFECT_LABELS.get(effect, effect)} fixed effects",
            ["Yes" if effect in column.effects else "No" for column in columns],
        )  # fmt: skip

    def published_statistic(name: str, form: str) -> dict[int, str]:
        return {
            n: format(given.statistics[name], form)
            for n, given in paper.items()
            if name in given.statistics
        }

    sheet.add(
        "statistic", "N", [f"{c.observations:,}" for c in columns], published_statistic("n", ",.0f")
    )
    for poisson, text in ((False, "R²"), (True, "Pseudo R²")):
        mine = [_fixed(c.r2) if (c.estimator == "ppml") == poisson else "" for c in columns]
        sheet.add("statistic", text, mine, {} if poisson else published_statistic("r2", ".3f"))
    sheet.add("statistic", "Within R²", [_fixed(c.r2_within) for c in columns])
    for cluster in dict.fromkeys(k for column in columns for k in column.clusters):
        words = EFFECT_LABELS.get(cluster, cluster)
        words = words[0].lower() + words[1:]
        sheet.add(
            "statistic", f"Clusters ({words})",
            [f"{c.clusters[cluster]:,}" if cluster in c.clusters else "" for c in columns],
        )  # fmt: skip


def _fixed(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else ""


def _pair(
    sheet: _Sheet, text: str, by_column: dict[int, Coefficient], papers: dict[int, str],
    errors: dict[int, str],
) -> None:  # fmt: skip
    found = [by_column.get(column.number) for column in sheet.columns]
    sheet.add(
        "coefficient", text,
        [three(c.coefficient) + stars(c.p) if c else "" for c in found], papers,
    )  # fmt: skip
    sheet.add(
        "error", "", [f"({three(c.standard_error) or '–'})" if c else "" for c in found], errors
    )
    for kind, (opening, closing) in TEST_MARKS.items():
        cells = []
        for column, one in zip(sheet.columns, found, strict=True):
            tested = column.diagnostics.get(kind, {}).get(one.name) if one else None
            p = tested["p"] if tested else None
            cells.append("" if p is None else f"{opening}{p:.3f}{closing}")
        sheet.add("error", "", cells)


def _weak(sheet: _Sheet) -> None:
    def line(text: str, key: str) -> None:
        values = [column.diagnostics.get(key) for column in sheet.columns]
        papers = {
            number: three(given.statistics[key])
            for number, given in sheet.paper.items()
            if key in given.statistics
        }
        sheet.add("statistic", text, ["" if v is None else three(v) for v in values], papers)

    def p_value(key: str) -> None:
        values = [column.diagnostics.get(key) for column in sheet.columns]
        sheet.add("statistic", "  p", ["" if v is None else f"{v:.3f}" for v in values])

    line("Kleibergen-Paap rk LM", "kp_lm")
    p_value("kp_lm_p")
    line("Kleibergen-Paap rk Wald F", "kp_f")
    line("Stock-Yogo value, 10% maximal size", "stock_yogo_10")
    line("Cragg-Donald F", "cragg_donald_f")
    line("Effective F", "effective_f")
    line("Hansen J", "hansen_j")
    p_value("hansen_j_p")
    sheet.add(
        "statistic", "Anderson-Rubin 95% set",
        [_anderson_rubin(column.diagnostics) for column in sheet.columns],
    )  # fmt: skip


def _anderson_rubin(values: dict[str, float | None]) -> str:
    kind = values.get("ar_kind")
    if kind is None:
        return ""
    low, high = values.get("ar_low"), values.get("ar_high")
    ends = ("−∞" if low is None else three(low), "∞" if high is None else three(high))
    if kind == 0:
        return f"[{ends[0]}, {ends[1]}]"
    if kind == 1:
        return f"outside ({ends[0]}, {ends[1]})"
    return "the whole line" if kind == 2 else "empty"


def _heads(
    columns: list[StoredColumn], paper: dict[int, PaperColumn]
) -> tuple[tuple[str, ...], ...]:
    broken = [column.heading.split(HEAD_BREAK) for column in columns]
    depth = max(len(lines) for lines in broken)
    heads: list[list[str]] = [[] for _ in range(depth + 2)]
    for column, lines in zip(columns, broken, strict=True):
        padded = [""] * (depth - len(lines)) + lines
        words = [f"({column.number})", *padded, ESTIMATOR_WORDS[column.estimator]]
        for line, word in zip(heads, words, strict=True):
            line.append(word)
        if column.number in paper:
            beside = [words[0], *padded, "paper"]
            for line, word in zip(heads, beside, strict=True):
                line.append(word)
    return tuple(tuple(line) for line in heads)
