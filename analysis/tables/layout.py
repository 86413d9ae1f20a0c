"""From a stored table to grids of text, laid out like the paper's; renderers only set them.

Regressors that bear the same label share a row. Every regressor that was left out, and every row
left out for want of a variable, is named in the notes: nothing is dropped silently.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.tables.store import Coefficient, StoredColumn, StoredTable
from analysis.tables.variables import EFFECT_LABELS, label

ESTIMATOR_WORDS = {"ols": "OLS", "2sls": "2SLS", "ppml": "Poisson"}
CONVENTION_WORDS = {
    "reghdfe": "reghdfe's, (N-1)/(N-k-effects-1) × G/(G-1)",
    "ivreghdfe": "ivreghdfe's, (N-1)/(N-k-effects) × G/(G-1)",
    "fixest": "fixest's, (N-1)/(N-k-effects-1) × G/(G-1), singletons kept",
    "ppmlhdfe": "ppmlhdfe's, G/(G-1)",
}
STARS = ((0.01, "***"), (0.05, "**"), (0.1, "*"))


@dataclass(frozen=True)
class Row:
    """A line: kind is coefficient, error, section, statistic or plain."""

    kind: str
    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table as text. `heads` are lines of headings, each as many cells as there are columns."""

    name: str
    title: str
    heads: tuple[tuple[str, ...], ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of columns beside the labels."""
        return len(self.heads[0])


@dataclass(frozen=True)
class PaperColumn:
    """Published figures of a column: coefficient and error by regressor, and statistics."""

    values: dict[str, tuple[float, float | None]]
    statistics: dict[str, float]


def three(value: float) -> str:
    """Three significant digits, never in powers of ten unless tiny; empty for NaN."""
    if not math.isfinite(value):
        return ""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-4:
        return f"{value:.2e}"
    if size >= 100:
        return f"{value:,.0f}"
    digits = 2 if size == 0 else max(0, 2 - math.floor(math.log10(size)))
    return f"{value:.{digits}f}"


def stars(p: float) -> str:
    """Stars of a p value."""
    return next((mark for level, mark in STARS if p < level), "")


def grids(table: StoredTable, paper: dict[int, PaperColumn] | None = None) -> list[Grid]:
    """The grids of a stored table: coefficients, then tests, or descriptive statistics."""
    if table.described:
        return _descriptive(table)
    made = [_regressions(table, paper or {})]
    if table.tests:
        made.append(_tests(table))
    return made


class _Sheet:
    """Rows over columns of which some are the paper's."""

    def __init__(self, table: StoredTable, paper: dict[int, PaperColumn]) -> None:
        self.table, self.paper, self.rows = table, paper, list[Row]()

    def add(self, kind: str, text: str, ours: Sequence[str], papers: dict[int, str] | None = None):  # type: ignore[no-untyped-def]
        cells: list[str] = []
        for column, mine in zip(self.table.columns, ours, strict=True):
            cells.append(mine)
            if column.number in self.paper:
                cells.append((papers or {}).get(column.number, ""))
        if any(cells) or kind == "section":
            self.rows.append(Row(kind, text, tuple(cells)))


def _labels(table: StoredTable, column: StoredColumn) -> dict[str, str]:
    return dict(table.specification["columns"][column.number - 1]["labels"])


def _grouped(table: StoredTable, stage: str) -> dict[str, dict[int, Coefficient]]:
    """Label -> column number -> coefficient, in the order of first appearance of a regressor."""
    own, shared = list[str](), list[str]()
    found: dict[str, dict[int, Coefficient]] = {}
    for column in table.columns:
        specified = table.specification["columns"][column.number - 1]
        leading = set(specified["endogenous"]) | set(specified["instruments"])
        controls = _controls(table)
        for one in column.main if stage == "main" else column.first:
            text = label(one.name, _labels(table, column))
            if column.number in found.get(text, {}):  # two regressors of one column: two rows
                text = f"{text} ({one.name})"
            if text not in found:
                late = one.name in controls and one.name not in leading
                (shared if late else own).append(text)
            found.setdefault(text, {})[column.number] = one
    return {text: found[text] for text in (*own, *shared)}


def _controls(table: StoredTable) -> set[str]:
    """Regressors of every column."""
    sets = [set(column["regressors"]) for column in table.specification["columns"]]
    return set.intersection(*sets) if sets else set()


def _regressions(table: StoredTable, paper: dict[int, PaperColumn]) -> Grid:
    columns = table.columns
    sheet = _Sheet(table, paper)
    for text, by_column in _grouped(table, "main").items():
        published = {
            number: given.values[one.name]
            for number, given in paper.items()
            if (one := by_column.get(number)) is not None and one.name in given.values
        }
        _pair(
            sheet, text, [by_column.get(column.number) for column in columns],
            {n: three(b) for n, (b, _) in published.items()},
            {n: f"({three(s)})" for n, (_, s) in published.items() if s is not None},
        )  # fmt: skip
    first = _grouped(table, "first")
    instruments = {n for c in table.specification["columns"] for n in c["instruments"]}
    if first:
        sheet.add("section", "First stage", [""] * len(columns))
        for text, by_column in first.items():
            if any(one.name in instruments for one in by_column.values()):
                _pair(sheet, text, [by_column.get(column.number) for column in columns], {}, {})
        _weak(sheet)
    sheet.add("section", "", [""] * len(columns))
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
    sheet.add("statistic", "R²", [_fixed(c.r2) for c in columns], published_statistic("r2", ".3f"))
    sheet.add("statistic", "Within R²", [_fixed(c.r2_within) for c in columns])
    for cluster in dict.fromkeys(k for column in columns for k in column.clusters):
        words = EFFECT_LABELS.get(cluster, cluster).lower().replace("industry j", "industry j")
        sheet.add(
            "statistic", f"Clusters ({words})",
            [f"{c.clusters[cluster]:,}" if cluster in c.clusters else "" for c in columns],
        )  # fmt: skip
    return Grid(table.name, _title(table), _heads(table, paper), tuple(sheet.rows), _notes(table))


def _fixed(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else ""


def _pair(
    sheet: _Sheet, text: str, found: list[Coefficient | None], papers: dict[int, str],
    errors: dict[int, str],
) -> None:  # fmt: skip
    sheet.add(
        "coefficient", text,
        [three(c.coefficient) + stars(c.p) if c else "" for c in found], papers,
    )  # fmt: skip
    sheet.add(
        "error", "", [f"({three(c.standard_error) or '–'})" if c else "" for c in found], errors
    )


def _weak(sheet: _Sheet) -> None:
    def line(text: str, key: str, p: str | None = None) -> None:
        cells, papers = [], {}
        for column in sheet.table.columns:
            value = column.diagnostics.get(key)
            shown = "" if value is None else three(value)
            if shown and p and column.diagnostics.get(p) is not None:
                shown += f" [p {column.diagnostics[p]:.3f}]"
            cells.append(shown)
        for number, given in sheet.paper.items():
            if key in given.statistics:
                papers[number] = three(given.statistics[key])
        sheet.add("statistic", text, cells, papers)

    line("Kleibergen-Paap rk LM", "kp_lm", "kp_lm_p")
    line("Kleibergen-Paap rk Wald F", "kp_f")
    line("Stock-Yogo value, 10% maximal size", "stock_yogo_10")
    line("Cragg-Donald F", "cragg_donald_f")
    line("Effective F", "effective_f")
    line("Hansen J", "hansen_j", "hansen_j_p")
    sheet.add(
        "statistic", "Anderson-Rubin 95% set",
        [_anderson_rubin(column.diagnostics) for column in sheet.table.columns],
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


def _title(table: StoredTable) -> str:
    title = str(table.specification["title"])
    number = table.name.removeprefix("table")
    return f"Table {number}. {title}" if number.isdigit() else title


def _heads(table: StoredTable, paper: dict[int, PaperColumn]) -> tuple[tuple[str, ...], ...]:
    lines: list[list[str]] = [[], [], []]
    for column in table.columns:
        words = (f"({column.number})", column.heading, ESTIMATOR_WORDS[column.estimator])
        for line, word in zip(lines, words, strict=True):
            line.append(word)
            if column.number in paper:
                line.append("paper" if word is words[2] else words[0] if word is words[0] else "")
    return tuple(tuple(line) for line in lines)


def _notes(table: StoredTable) -> tuple[str, ...]:
    notes = [str(table.specification["note"])] if table.specification["note"] else []
    clusters = dict.fromkeys(tuple(column.clusters) for column in table.columns)
    by = " or ".join(
        " and ".join(EFFECT_LABELS.get(c, c).lower() for c in names) for names in clusters
    )
    conventions = dict.fromkeys(column.convention for column in table.columns)
    notes.append(
        f"Standard errors clustered by {by} in parentheses; small-sample factor: "
        f"{'; '.join(CONVENTION_WORDS.get(c, c) for c in conventions)}; k coefficients, effects "
        "not nested in clusters, G clusters, t with G-1 degrees of freedom."
    )
    notes.append("*** p < 0.01, ** p < 0.05, * p < 0.1.")
    notes += _sample(table)
    for column in table.columns:
        if column.dropped:
            notes.append(f"Left out of column ({column.number}): {'; '.join(column.dropped)}.")
        diagnostics = column.diagnostics
        f, bound = diagnostics.get("kp_f"), diagnostics.get("stock_yogo_10")
        if f is not None and bound is not None and f < bound:
            notes.append(
                f"Weak instrument in column ({column.number}): rk Wald F {three(f)} is below "
                f"{three(bound)}; read the Anderson-Rubin set."
            )
    notes.append(_trace(table))
    return tuple(notes)


def _sample(table: StoredTable) -> list[str]:
    """Sample, missing rows and options, in words."""
    notes = []
    missing: dict[str, list[int]] = {}
    samples: dict[str, list[int]] = {}
    for column in table.columns:
        for name, count in column.diagnostics.get("missing", {}).items():
            missing.setdefault(f"{count:,} rows without {name}", []).append(column.number)
        words = " and ".join(
            f"{c['column']} {c['operator']} {c['value']:g}"
            if isinstance(c["value"], float)
            else f"{c['column']} {c['operator']} {c['value']}"
            for c in table.specification["columns"][column.number - 1]["sample"]
        )
        if words:
            samples.setdefault(words, []).append(column.number)
    unit = "pairs" if table.specification["level"] == "pair" else "cells"
    if not samples:
        notes.append(f"Sample: all {unit} of the panel, country {table.options['country']}.")
    for words, numbers in samples.items():
        notes.append(f"Sample of column{_numbers(numbers)}: {unit} with {words}.")
    for words, numbers in missing.items():
        notes.append(f"Left out of column{_numbers(numbers)}: {words}.")
    if "min_firms" in table.options:
        notes.append(
            f"Only industries with {table.options['min_firms']} firms or more in the cell; "
            "pools are those of the panel."
        )
    if table.options.get("transposed"):
        notes.append("Direction read the other way: j→k and k→j of the index are exchanged.")
    if "leave_out" in table.options:
        notes.append(f"Without agglomeration {table.options['leave_out']}.")
    return notes


def _numbers(numbers: list[int]) -> str:
    return ("s " if len(numbers) > 1 else " ") + ", ".join(f"({n})" for n in numbers)


def _trace(table: StoredTable) -> str:
    return (
        f"Measurement {table.measurement_id} of the index; run {table.run_id} of coagg "
        f"{table.code_version}, data {table.data_sha256[:12]}, "
        f"{table.estimated_at:%Y-%m-%d %H:%M}."
    )


def _tests(table: StoredTable) -> Grid:
    rows = []
    for test in table.tests:
        ends = [
            table.columns[at - 1].get(n) for at, n in zip(test.columns, test.names, strict=True)
        ]
        b = [three(one.coefficient) if one else "" for one in ends]
        z = [three(one.standardised) if one else "" for one in ends]
        for kind, name, two, (difference, error, p) in (
            ("coefficient", test.label, b, test.raw),
            ("plain", "standardised", z, test.standardised),
        ):
            cells = (*two, three(difference) + stars(p), f"({three(error)})", f"{p:.3f}")
            rows.append(Row(kind, name, cells))
    head = ("First", "Second", "Second less first", "Std. error", "p")
    notes = (
        "Two columns stacked, every regressor and fixed effect interacted with the column; "
        "errors clustered as in the columns. Standardised: b sd(x)/sd(y), deviations taken as "
        "known. *** p < 0.01, ** p < 0.05, * p < 0.1.",
        _trace(table),
    )
    return Grid(
        f"{table.name}_tests", f"{_title(table)}: tests of equal coefficients", (head,),
        tuple(rows), notes,
    )  # fmt: skip


def _descriptive(table: StoredTable) -> list[Grid]:
    statistics = ("observations", "mean", "sd", "min", "max")
    found: dict[tuple[str, int, str], dict[str, float]] = {}
    single: list[Row] = []
    for one in table.described:
        if one.statistic in statistics:
            found.setdefault((one.level, one.place, one.name), {})[one.statistic] = one.value
        else:
            shown = (
                "undefined"
                if not math.isfinite(one.value)
                else f"{100 * one.value:.2f}%" if one.statistic == "share" else f"{one.value:.3f}"
            )  # fmt: skip
            single.append(Row("plain", one.name, (shown,)))
    rows: list[Row] = []
    level_words = {"cell": "Cells", "pair": "Pairs"}
    at = ""
    for (level, _, name), values in sorted(found.items(), key=lambda item: item[0][:2]):
        if level != at:
            rows.append(Row("section", level_words[level], ("",) * 5))
            at = level
        text = label(name, table.specification["labels"])
        text = f"ln(1 + {text})" if name.startswith("ln_") and ":" not in name else text
        cells = tuple(
            f"{values[s]:,.0f}" if s == "observations" else three(values[s]) for s in statistics
        )
        rows.append(Row("plain", text, cells))
    title, note = _title(table), str(table.specification["note"])
    notes = tuple(n for n in (note, *_sample(table), _trace(table)) if n)
    made = [
        Grid(table.name, title, (("N", "Mean", "Std. dev.", "Min", "Max"),), tuple(rows), notes)
    ]
    if single:
        made.append(
            Grid(f"{table.name}_pairs", f"{title}: pairs", (("Value",),), tuple(single), notes)
        )
    return made
