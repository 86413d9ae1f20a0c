"""Six simulated patterns of two industries, and what each index says of them.

They follow the cases that the paper's figure 1 names (1-a to 3-b: no coagglomeration, both ways,
one way). That drawing is not public, so where the points lie here is our own choice: of each pair
of cases, a is the more concentrated and b the more spread. In 3-a and 3-b every A has a B near it,
but not every B an A.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from coagg.analysis.coagglomeration import Cell, IndexSettings, index_block, prepare_cell
from coagg.analysis.comparison.inputs import checked_draws
from coagg.analysis.comparison.pairs import (
    COLOCATION,
    DURANTON_OVERMAN,
    EGK,
    NEAR,
    comparison_pairs,
)
from coagg.errors import CoaggError

SCENARIOS = {
    "1-a": ("no coagglomeration", "each concentrated in a town of its own"),
    "1-b": ("no coagglomeration", "both scattered, regardless of each other"),
    "2-a": ("both ways", "both concentrated in the same two towns"),
    "2-b": ("both ways", "both scattered, a B beside every A"),
    "3-a": ("one way, A → B", "A in one town; B there and scattered elsewhere"),
    "3-b": ("one way, A → B", "A in two towns; B there and scattered elsewhere"),
}
A, B = 0, 1
INDUSTRIES = ("A", "B", *(f"C{i}" for i in range(10)))
REGION_KM = 120.0
AREAS_PER_SIDE = 4
THRESHOLD = 0.95


class Scenario(NamedTuple):
    """One simulated economy: firms at `points_km` (N, 2), `industry` (N,) positions in INDUSTRIES,
    `area` (N,) squares of 30 km, and employment of one each."""

    name: str
    points_km: np.ndarray
    industry: np.ndarray
    area: np.ndarray


class Verdicts(NamedTuple):
    """What each index says of A and B; pairs are (A->B, B->A), `near` its verdict at 5%.

    EGK has no test: its `near` says that the value is above 0.
    """

    directional: tuple[float, float]
    colocation: tuple[float, float]
    duranton_overman: float
    egk: float
    near: dict[str, tuple[bool, bool]]


def _directional_index(scenario: Scenario, draws: int, seed: int) -> tuple[float, float]:
    """Exact directional index of A->B and B->A; all other firms are in the pool only."""
    industry = np.where(scenario.industry > B, -1, scenario.industry).astype(np.int32)
    cell = Cell(f"scenario/{scenario.name}", scenario.points_km, industry, ("A", "B"))
    settings = IndexSettings(draws=draws, seed=seed, method="exact")
    results = index_block(cell, prepare_cell(cell, settings), settings, [A, B])
    return float(results.index[0]), float(results.index[1])


def _around(rng: np.random.Generator, centres: np.ndarray, n: int, sd_km: float) -> np.ndarray:
    """n points, dealt out evenly over the centres, normally scattered about them."""
    return centres[np.arange(n) % len(centres)] + rng.normal(0, sd_km, (n, 2))


def simulate(name: str, seed: int = 0) -> Scenario:
    """Simulate one of SCENARIOS: A, B and ten other industries of 50 firms in a region of 120 km.

    Raises CoaggError for an unknown name.
    """
    if name not in SCENARIOS:
        raise CoaggError(f"no scenario {name!r}: choose from {', '.join(SCENARIOS)}")
    rng = np.random.default_rng([seed, list(SCENARIOS).index(name)])

    def scattered(n: int) -> np.ndarray:
        return rng.uniform(4, REGION_KM - 4, (n, 2))

    towns = np.array([[28, 88], [92, 30], [30, 26], [92, 92], [60, 60], [60, 14], [14, 56]], float)
    others = np.concatenate([scattered(250), _around(rng, towns, 250, 7.0)])
    if name == "1-a":
        a, b = _around(rng, towns[:1], 40, 6.0), _around(rng, towns[1:2], 40, 6.0)
    elif name == "1-b":
        a, b = scattered(40), scattered(40)
    elif name == "2-a":
        a, b = _around(rng, towns[:2], 40, 6.0), _around(rng, towns[:2], 40, 6.0)
    elif name == "2-b":
        a = scattered(40)
        b = a + rng.normal(0, 1.5, a.shape)
    elif name == "3-a":
        a = _around(rng, towns[:1], 30, 6.0)
        b = np.concatenate([_around(rng, towns[:1], 30, 6.0), scattered(30)])
    else:
        a = _around(rng, towns[:2], 30, 5.0)
        b = np.concatenate([_around(rng, towns[:2], 30, 5.0), scattered(30)])
    points = np.clip(np.concatenate([a, b, others]), 0.0, REGION_KM - 1e-9)
    industry = np.concatenate(
        [np.full(len(a), A), np.full(len(b), B), 2 + np.arange(len(others)) % 10]
    )
    square = np.floor(points / (REGION_KM / AREAS_PER_SIDE)).astype(int)
    return Scenario(name, points, industry, square[:, 0] * AREAS_PER_SIDE + square[:, 1])


def measure(scenario: Scenario, *, draws: int = 1000, seed: int = 0) -> Verdicts:
    """Every index of A and B in one simulated economy; raises CoaggError when draws < 1."""
    checked_draws(draws)
    points = scenario.points_km
    index = _directional_index(scenario, draws, seed)
    table = comparison_pairs(
        points, scenario.industry, INDUSTRIES, None, scenario.area, draws=draws, seed=seed
    )
    value: dict[str, tuple[float, float]] = {}
    near = {"index": (index[0] >= THRESHOLD, index[1] >= THRESHOLD)}
    for name in (EGK, DURANTON_OVERMAN, COLOCATION):
        rows = [
            int(
                np.flatnonzero(
                    (table["comparison"] == name)
                    & (table["fixed_industry"] == one)
                    & (table["redrawn_industry"] == other)
                )[0]
            )
            for one, other in (("A", "B"), ("B", "A"))
        ]
        value[name] = (float(table["value"][rows[0]]), float(table["value"][rows[1]]))
        near[name] = (table["verdict"][rows[0]] == NEAR, table["verdict"][rows[1]] == NEAR)
    near[EGK] = (value[EGK][0] > 0, value[EGK][1] > 0)
    return Verdicts(index, value[COLOCATION], value[DURANTON_OVERMAN][0], value[EGK][0], near)


def found_shares(
    name: str,
    *,
    repeats: int,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Share of `repeats` patterns of a scenario that each index calls near, by direction."""
    checked_draws(repeats)
    found = [
        measure(simulate(name, seed + r), draws=draws, seed=seed + r).near for r in range(repeats)
    ]
    return {
        key: (
            float(np.mean([near[key][0] for near in found])),
            float(np.mean([near[key][1] for near in found])),
        )
        for key in found[0]
    }


_COLOUR = {A: "#D55E00", B: "#0072B2"}
_ROWS = (
    ("index", "Directional index"),
    (COLOCATION, "Colocation quotient"),
    (DURANTON_OVERMAN, "Duranton–Overman"),
    (EGK, "Ellison–Glaeser–Kerr"),
)


def _draw_points(axes: Axes, scenario: Scenario) -> None:
    """Firms of one scenario; A in front, all others as a grey ground."""
    points, industry = scenario.points_km, scenario.industry
    x, y = points.T
    for chosen, size, marker, colour in (
        (industry > B, 4, "o", "#d3d3d3"),
        (industry == B, 17, "^", _COLOUR[B]),
        (industry == A, 14, "o", _COLOUR[A]),
    ):
        axes.scatter(x[chosen], y[chosen], s=size, marker=marker, color=colour, linewidths=0)
    lines = np.linspace(0, REGION_KM, AREAS_PER_SIDE + 1)[1:-1]
    for at in lines:
        axes.axhline(at, color="#eeeeee", linewidth=0.6, zorder=0)
        axes.axvline(at, color="#eeeeee", linewidth=0.6, zorder=0)
    axes.set(xlim=(0, REGION_KM), ylim=(0, REGION_KM), xticks=[], yticks=[], aspect="equal")
    for side in axes.spines.values():
        side.set_color("#999999")
    kind, layout = SCENARIOS[scenario.name]
    axes.text(
        0, REGION_KM + 9, f"{scenario.name}  {kind}", fontsize=11, fontweight="bold", va="bottom"
    )
    axes.text(0, REGION_KM + 2, layout, fontsize=9, va="bottom", color="#444444")


def _draw_verdicts(axes: Axes, verdicts: Verdicts, shares: dict[str, tuple[float, float]]) -> None:
    """Values under a panel: bold and tinted where the index says near; shares of repeats below."""
    axes.set(xlim=(0, 1), ylim=(0, len(_ROWS) + 0.7))
    axes.set_axis_off()
    values = {
        "index": verdicts.directional,
        COLOCATION: verdicts.colocation,
        DURANTON_OVERMAN: (verdicts.duranton_overman,),
        EGK: (verdicts.egk,),
    }
    for x, heading in ((0.57, "A → B"), (0.86, "B → A")):
        axes.text(x, len(_ROWS) + 0.35, heading, fontsize=8, ha="center", va="center")
    for row, (key, label) in enumerate(_ROWS):
        y = len(_ROWS) - row - 0.5
        axes.text(0, y, label, fontsize=8, va="center", color="black")
        one_value = len(values[key]) == 1
        for side, value in enumerate(values[key]):
            x = 0.715 if one_value else (0.57, 0.86)[side]
            half = 0.283 if one_value else 0.138
            near = verdicts.near[key][side]
            digits = 2 if key == COLOCATION else 3
            value = 0.0 if abs(value) < 0.0005 else value
            axes.fill_between(
                [x - half, x + half],
                y - 0.44,
                y + 0.44,
                color="#cfe8d5" if near else "#f3f3f3",
                linewidth=0,
            )
            axes.text(
                x,
                y,
                f"{value:.{digits}f}".replace("-", "−") + f"  ({shares[key][side]:.0%})",
                fontsize=8,
                ha="center",
                va="center",
                fontweight="bold" if near else "normal",
            )


def scenarios_figure(
    path: Path,
    *,
    draws: int = 1000,
    repeats: int = 100,
    repeat_draws: int = 200,
    seed: int = 0,
    names: Sequence[str] = tuple(SCENARIOS),
) -> dict[str, Verdicts]:
    """Draw the scenarios with the value and verdict of each index under them, as a PNG at `path`.

    Values and verdicts are of the pattern drawn (`seed`, `draws`); the share beside each is that of
    `repeats` patterns, with `repeat_draws` draws, in which the index says near.
    Returns the verdicts by scenario.
    """
    figure = Figure(figsize=(12.0, 12.3), dpi=110)
    columns = (len(names) + 1) // 2
    rows = figure.add_gridspec(
        2, 1, hspace=0.16, left=0.02, right=0.98, top=0.900, bottom=0.065
    )  # fmt: skip
    panels = [
        rows[r].subgridspec(2, columns, height_ratios=[3.4, 1], hspace=0.04) for r in range(2)
    ]
    verdicts = {}
    for number, name in enumerate(names):
        scenario = simulate(name, seed)
        verdicts[name] = measure(scenario, draws=draws, seed=seed)
        shares = found_shares(name, repeats=repeats, draws=repeat_draws, seed=seed + 1)
        column, lower = divmod(number, 2)
        _draw_points(figure.add_subplot(panels[lower][0, column]), scenario)
        _draw_verdicts(figure.add_subplot(panels[lower][1, column]), verdicts[name], shares)
    figure.suptitle(
        "Six cases of two industries: only the directional index tells one way from both ways",
        x=0.02, ha="left", fontsize=14, fontweight="bold", y=0.98,
    )  # fmt: skip
    figure.legend(
        handles=[
            Line2D([], [], marker="o", color=_COLOUR[A], linestyle="", label="industry A"),
            Line2D([], [], marker="^", color=_COLOUR[B], linestyle="", label="industry B"),
            Line2D([], [], marker="o", ms=3, color="#c8c8c8", linestyle="", label="other firms"),
        ],
        loc="upper left", bbox_to_anchor=(0.012, 0.965), ncols=3, frameon=False, fontsize=9,
    )  # fmt: skip
    figure.text(
        0.02,
        0.012,
        "Green: the index says A and B are near each other (directional index ≥ 0.95; colocation "
        "quotient p ≤ 0.05; K-density above its global envelope;\nEllison–Glaeser–Kerr, which has "
        f"no test, above 0). In brackets: share of {repeats} simulated patterns of the same case "
        "for which it says so.\nA → B holds A fixed and redraws B. Squares: the areas of "
        "Ellison–Glaeser–Kerr (30 km). Simulated patterns, not the paper's own drawing.",
        fontsize=8,
        color="#444444",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return verdicts
