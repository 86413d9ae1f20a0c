"""Specification curves: one coefficient under every choice that is stored of it.

After Simonsohn, Simmons and Nelson (2020, Nature Human Behaviour 4:1208-1214): above, estimates in
order of size with their 95% intervals; below, which choices made each. Only choices in which the
stored runs differ are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from matplotlib.figure import Figure
from scipy import stats

from coagg.analysis.panel.variables import label
from coagg.analysis.tables.options import family
from coagg.analysis.tables.pages.grid import three
from coagg.analysis.tables.pages.layout import ESTIMATOR_WORDS, HEAD_BREAK
from coagg.analysis.tables.store import Coefficient, StoredColumn, StoredTable
from coagg.errors import CoaggError

OURS, OTHERS = "#b2182b", "#4a6a8a"


@dataclass(frozen=True)
class Measured:
    """Settings of a measurement that a curve tells apart, and the set its panel is in since."""

    settings: dict[str, str]
    from_set: int


@dataclass(frozen=True)
class Point:
    """A coefficient of a stored run: interval and the choices that made it."""

    run_id: int
    coefficient: float
    low: float
    high: float
    choices: dict[str, str]
    main: bool


def measured(connection: psycopg.Connection, country: str) -> dict[int, Measured]:
    """Every measurement that has a panel."""
    rows = connection.execute(
        "SELECT m.measurement_id, m.method, m.cost, m.draws, m.seed, m.min_firms, m.pile_ups, "
        "m.direction, max(b.from_set) FROM coagglomeration.measurement AS m JOIN panel.build AS b "
        "USING (measurement_id) WHERE b.country = %s GROUP BY m.measurement_id",
        (country,),
    ).fetchall()
    return {
        number: Measured(
            {
                "Direction": str(direction), "Index": str(method), "Cost": str(cost),
                "Draws": f"{draws:,}", "Seed": str(seed), "Firms, at least": str(least),
                "Pile-ups": str(pile_ups),
            },
            from_set,
        )
        for number, method, cost, draws, seed, least, pile_ups, direction, from_set in rows
    }  # fmt: skip


def points(
    table: StoredTable, number: int, name: str, variants: Sequence[StoredTable],
    known: Mapping[int, Measured],
) -> list[Point]:  # fmt: skip
    """The coefficient `name` of a column in every stored run, in order of size.

    Runs older than their panel, and those that differ by drawn p values only, are left out.
    """
    column = table.columns[number - 1]
    made = []
    for other in variants:
        here = known.get(other.measurement_id)
        drawn = {"wild_bootstrap", "randomisation"} & set(other.options)
        if here is None or drawn or other.from_set < here.from_set:
            continue
        found = _counterpart(column, name, other)
        if found is not None:
            made.append(_point(other, *found, here, other.run_id == table.run_id))
    return sorted(made, key=lambda point: point.coefficient)


def _counterpart(
    column: StoredColumn, name: str, other: StoredTable
) -> tuple[StoredColumn, Coefficient] | None:
    """The same column and coefficient in another run, whatever threshold, Poisson included."""

    def place(of: StoredColumn) -> tuple[object, ...]:
        return of.heading, family(of.dependent), of.estimator == "2sls"

    for one in other.columns:
        same = place(one) == place(column)
        for coefficient in one.main if same else ():
            if family(coefficient.name) == family(name):
                return one, coefficient
    return None


def _point(
    run: StoredTable, column: StoredColumn, found: Coefficient, here: Measured, main: bool
) -> Point:
    options = run.options
    errors = "clustered"
    if "conley" in options:
        errors = f"Conley, {options['conley']:g} km"
    elif options.get("dyadic"):
        errors = "dyadic"
    elif len(column.clusters) > 1:
        errors = "two-way"
    least = max(int(options.get("min_firms", 1)), int(here.settings["Firms, at least"]))
    reach = found.standard_error * stats.t.ppf(0.975, min(column.clusters.values()) - 1)
    choices = {
        "φ": str(options.get("threshold", "0.95")),
        **here.settings,
        "Direction": _direction(here.settings["Direction"], bool(options.get("transposed"))),
        "Firms, at least": str(least),
        "Estimator": ESTIMATOR_WORDS[column.estimator],
        "Errors": errors,
        "Factor": column.convention if errors == "clustered" else "",
        "Agglomerations": "without one" if "leave_out" in options else "all",
    }
    low, high = found.coefficient - reach, found.coefficient + reach
    return Point(run.run_id, found.coefficient, low, high, choices, main)


def _direction(measured_as: str, transposed: bool) -> str:
    other = {"from-fixed": "from-redrawn", "from-redrawn": "from-fixed"}
    return other[measured_as] if transposed else measured_as


def draw_curve(
    file: Path, table: StoredTable, variants: Sequence[StoredTable], known: Mapping[int, Measured]
) -> list[Path]:
    """Draw the leading coefficient of every column, each into `STEM_COLUMN.EXT` beside `file`.

    Raises CoaggError when nothing but the table itself is stored.
    """
    made = []
    for column in table.columns:
        specified = table.specification["columns"][column.number - 1]
        own = [one.name for one in column.main if one.name not in specified.get("controls", ())]
        if not own:
            continue
        found = points(table, column.number, own[0], variants, known)
        if len(found) < 2:
            raise CoaggError(
                f"{table.name}: one estimate of column {column.number} is stored, a curve needs "
                f"more: coagg estimate {table.name} --sensitivity"
            )
        heading = column.heading.replace(HEAD_BREAK, ", ")
        words = f"{label(own[0], specified['labels'])} on {heading}"
        place = file.with_name(f"{file.stem}_{column.number}{file.suffix}")
        _draw(place, f"{table.name} ({column.number}): {words}", found)
        made.append(place)
    return made


def _draw(file: Path, title: str, found: Sequence[Point]) -> None:
    rows: list[tuple[str, str]] = []
    for choice in dict.fromkeys(key for point in found for key in point.choices):
        values = sorted({point.choices[choice] for point in found} - {""}, key=_order)
        if len(values) > 1:
            rows += [(choice, value) for value in values]
    width = min(max(7.0, 2.6 + 0.13 * len(found)), 14.0)
    below = 0.21 * max(len(rows), 1)
    figure = Figure(figsize=(width, 3.4 + below), layout="constrained")
    above, dots = figure.subplots(2, 1, sharex=True, height_ratios=(3.0, below))
    above.axhline(0, color="#999", linewidth=0.8)
    for at, point in enumerate(found):
        colour = OURS if point.main else OTHERS
        above.plot([at, at], [point.low, point.high], color=colour, linewidth=1.2, alpha=0.55)
        above.plot(at, point.coefficient, "o", color=colour, markersize=5 if point.main else 3.2)
        for row, (choice, value) in enumerate(rows):
            if point.choices[choice] == value:
                dots.plot(at, row, "s", color=colour, markersize=3.6)
    above.set_ylabel("estimate, 95% interval", fontsize=8)
    above.set_title(title, fontsize=10, loc="left")
    significant = sum(point.low > 0 or point.high < 0 for point in found)
    middle = sorted(point.coefficient for point in found)[len(found) // 2]
    above.annotate(
        f"{len(found)} estimates, median {three(middle)}, {significant} differ from 0 at 5%; "
        "red: the table's own",
        (0.0, 1.0), xycoords="axes fraction", xytext=(4, -4), textcoords="offset points",
        va="top", fontsize=8, color="#444",
    )  # fmt: skip
    low = min(point.low for point in found)
    high = max(point.high for point in found)
    above.set_ylim(min(low, 0) - 0.04 * (high - low), high + 0.18 * (high - min(low, 0)))
    for row in range(len(rows)):
        dots.axhline(row, color="#eee", linewidth=0.6, zorder=0)
        if row and rows[row][0] != rows[row - 1][0]:
            dots.axhline(row - 0.5, color="#999", linewidth=0.6)
    texts = [
        f"{choice}: {value}" if not at or rows[at - 1][0] != choice else value
        for at, (choice, value) in enumerate(rows)
    ]
    dots.set_yticks(range(len(rows)), texts, fontsize=7.5)
    dots.set_ylim(len(rows) - 0.4, -0.6)
    dots.set_xlim(-1, len(found))
    dots.set_xticks([])
    for axis in (above, dots):
        axis.tick_params(axis="y", length=0, labelsize=7.5)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    dots.spines["left"].set_visible(False)
    figure.savefig(file, dpi=160)


def _order(value: str) -> tuple[float, str]:
    try:
        return (float(value.replace(",", "")), "")
    except ValueError:
        return (float("inf"), value)
