"""Truth beside estimate: does the 95% interval hold the coefficient that a world was made with?"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy import stats

from coagg.analysis.panel.variables import label
from coagg.analysis.tables.pages.layout import Grid, Row, three
from coagg.analysis.tables.store import StoredTable
from coagg.errors import CoaggError

Truths = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Verdict:
    """A true coefficient and what a column of a table says of it."""

    table: str
    column: int
    heading: str
    dependent: str
    estimator: str
    name: str
    truth: float
    estimate: float
    standard_error: float
    low: float
    high: float

    @property
    def covered(self) -> bool:
        """Whether the 95% interval holds the truth."""
        return self.low <= self.truth <= self.high


def read_truth(file: Path) -> dict[str, dict[str, float]]:
    """Table -> regressor -> true value, from `truth/coefficients.json` of a simulated economy.

    A key of a table may be `name` (all its columns) or `name.3` (its third column).
    """
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise CoaggError(f"{file} cannot be read: {fault.strerror or fault}") from None
    except ValueError as fault:
        raise CoaggError(f"{file}: not JSON: {fault}") from None
    if not isinstance(raw, dict):
        raise CoaggError(f"{file}: not a mapping of tables to regressors to values")
    found: dict[str, dict[str, float]] = {}
    for table, values in raw.items():
        if not isinstance(values, dict):
            continue
        numbers = {
            name: float(value)
            for name, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        if numbers:
            found[table] = numbers
    return found


def verdicts(table: StoredTable, truths: Truths) -> list[Verdict]:
    """Every coefficient of a stored table whose truth is known, in the order of the table."""
    made = []
    for column in table.columns:
        known = {**truths.get(table.name, {}), **truths.get(f"{table.name}.{column.number}", {})}
        clusters = min(column.clusters.values(), default=0)
        for one in column.main:
            if one.name not in known:
                continue
            reach = (
                float(stats.t.ppf(0.975, clusters - 1)) * one.standard_error
                if clusters > 1
                else math.nan
            )
            made.append(
                Verdict(
                    table.name, column.number, column.heading, column.dependent,
                    column.estimator, one.name, known[one.name], one.coefficient,
                    one.standard_error, one.coefficient - reach, one.coefficient + reach,
                )
            )  # fmt: skip
    return made


def truth_grid(found: Sequence[Verdict]) -> Grid:
    """Verdicts as a grid that the renderers set."""
    rows = [
        Row(
            "plain", label(v.name),
            (
                f"{v.table} ({v.column})", v.heading, v.estimator.upper(), three(v.truth),
                three(v.estimate), f"({three(v.standard_error)})",
                f"[{three(v.low)}, {three(v.high)}]", "yes" if v.covered else "no",
            ),
        )
        for v in found
    ]  # fmt: skip
    held = sum(v.covered for v in found)
    head = ("Column", "Dependent", "By", "Truth", "Estimate", "Std. error", "95% interval", "Holds")
    note = f"{held} of {len(found)} intervals hold the truth; 95 of 100 are meant to."
    return Grid("truth", "Truth and estimate", (head,), tuple(rows), (note,))
