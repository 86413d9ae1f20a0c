"""Grids beside the coefficients: tests of equality, descriptive statistics, leave-one-out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from coagg.analysis.panel.variables import label
from coagg.analysis.tables.pages.grid import Grid, Row, stars, three
from coagg.analysis.tables.pages.notes import STARS_NOTE, sample_notes, trace
from coagg.analysis.tables.store import StoredTable


def title(table: StoredTable) -> str:
    """Title of a table, numbered where its name is a number's."""
    words = str(table.specification["title"])
    number = table.name.removeprefix("table")
    return f"Table {number}. {words}" if number.isdigit() else words


def test_grid(table: StoredTable) -> Grid:
    """Tests of equal coefficients."""
    rows = []
    for test in table.tests:
        ends = [
            table.columns[at - 1].get(n) for at, n in zip(test.columns, test.names, strict=True)
        ]
        b = [three(one.coefficient) if one else "" for one in ends]
        z = [three(one.standardised) if one else "" for one in ends]
        rows.append(Row("section", f"{test.label[0].upper()}{test.label[1:]}", ("",) * 5))
        for name, two, (difference, error, p) in (
            ("coefficients", b, test.raw),
            ("standardised", z, test.standardised),
        ):
            cells = (*two, three(difference) + stars(p), f"({three(error)})", f"{p:.3f}")
            rows.append(Row("plain", name, cells))
    head = ("First", "Second", "Second less first", "Std. error", "p")
    notes = (
        "Two columns stacked, every regressor and fixed effect interacted with the column; "
        "errors clustered as in the columns. Standardised: b sd(x)/sd(y), deviations taken as "
        f"known. {STARS_NOTE}",
        trace(table),
    )
    return Grid(
        f"{table.name}_tests", f"{title(table)}: tests of equal coefficients", (head,),
        tuple(rows), notes,
    )  # fmt: skip


STATISTICS = {
    "observations": "N", "mean": "Mean", "sd": "Std. dev.", "min": "Min", "max": "Max",
}  # fmt: skip
SUPPRESSED = "Smallest and largest values are suppressed: each is a single cell's."


def descriptive_grids(table: StoredTable) -> list[Grid]:
    """Moments, then shares and correlations."""
    found: dict[tuple[str, int, str], dict[str, float]] = {}
    single: list[Row] = []
    for one in table.described:
        if one.statistic in STATISTICS:
            found.setdefault((one.level, one.place, one.name), {})[one.statistic] = one.value
        else:
            shown = (
                "undefined"
                if not math.isfinite(one.value)
                else f"{100 * one.value:.2f}%" if one.statistic == "share" else f"{one.value:.3f}"
            )  # fmt: skip
            single.append(Row("plain", f"{one.name[0].upper()}{one.name[1:]}", (shown,)))
    # smallest and largest are not there where the rule of disclosure leaves them out
    statistics = tuple(
        s for s in STATISTICS if not found or any(s in values for values in found.values())
    )
    rows: list[Row] = []
    level_words = {"cell": "Cells", "pair": "Pairs"}
    at = ""
    for (level, _, name), values in sorted(found.items(), key=lambda item: item[0][:2]):
        if level != at:
            rows.append(Row("section", level_words[level], ("",) * len(statistics)))
            at = level
        text = label(name, table.specification["labels"])
        text = f"ln(1 + {text})" if name.startswith("ln_") and ":" not in name else text
        cells = tuple(
            f"{values[s]:,.0f}" if s == "observations" else three(values[s]) for s in statistics
        )
        rows.append(Row("plain", text, cells))
    note = str(table.specification["note"])
    hidden = "" if len(statistics) == len(STATISTICS) else SUPPRESSED
    notes = tuple(n for n in (note, hidden, *sample_notes(table), trace(table)) if n)
    head = tuple(STATISTICS[s] for s in statistics)
    made = [Grid(table.name, title(table), (head,), tuple(rows), () if single else notes)]
    if single:
        words = "Shares and correlations of pairs"
        made.append(Grid(f"{table.name}_b", "", (("Value",),), tuple(single), notes, words))
    return made


def leave_one_out_grid(table: StoredTable, left: Sequence[StoredTable]) -> Grid:
    """How far every leading coefficient moves when an agglomeration is left out."""
    rows = []
    for column in table.columns:
        specified = table.specification["columns"][column.number - 1]
        for one in column.main:
            if one.name in specified.get("controls", ()):
                continue
            again = {
                str(other.options["leave_out"]): found
                for other in left
                if (found := other.columns[column.number - 1].get(one.name)) is not None
            }
            if not again:
                continue
            least = min(again, key=lambda code: again[code].coefficient)
            most = max(again, key=lambda code: again[code].coefficient)
            weakest = max(again, key=lambda code: again[code].p)
            cells = (
                f"({column.number})", three(one.coefficient) + stars(one.p),
                f"{three(again[least].coefficient)} ({least})",
                f"{three(again[most].coefficient)} ({most})",
                f"{again[weakest].p:.3f} ({weakest})",
            )  # fmt: skip
            rows.append(Row("plain", label(one.name, specified["labels"]), cells))
    head = ("Column", "All", "Least", "Greatest", "Greatest p")
    runs = ", ".join(str(other.run_id) for other in left)
    notes = (
        f"{len(left)} estimates, each without one agglomeration, named in parentheses.",
        STARS_NOTE,
        f"Runs {runs}. {trace(table)}",
    )
    return Grid(
        f"{table.name}_leave_one_out", f"{title(table)}: without one agglomeration", (head,),
        tuple(rows), notes,
    )  # fmt: skip
