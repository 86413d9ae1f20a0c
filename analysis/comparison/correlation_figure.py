"""A figure of how each comparison index ranks pairs beside the directional index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from coagg.analysis.comparison.pairs import COLOCATION, DURANTON_OVERMAN, EGK
from coagg.errors import CoaggError

matplotlib.use("Agg")
NAMES = {
    COLOCATION: "Colocation quotient",
    DURANTON_OVERMAN: "Duranton–Overman",
    EGK: "Ellison–Glaeser–Kerr",
}
MARKS = {COLOCATION: ("o", "#0072B2"), DURANTON_OVERMAN: ("s", "#D55E00"), EGK: ("^", "#009E73")}


def correlation_figure(path: Path, title: str, correlations: Mapping[str, pd.DataFrame]) -> None:
    """Draw Spearman correlations as a PNG: a row an agglomeration, a mark a comparison index.

    `correlations`: the table of `rank_correlations` by agglomeration code. Raises CoaggError when
    the file cannot be written.
    """
    codes = list(correlations)
    figure = Figure(figsize=(7.5, 1.5 + 0.27 * len(codes)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for name, label in NAMES.items():
        values = [
            table.set_index("comparison")["spearman"][name] for table in correlations.values()
        ]
        marker, colour = MARKS[name]
        axes.scatter(values, range(len(codes)), marker=marker, color=colour, label=label, zorder=2)
    axes.axvline(0, color="#666666", linewidth=0.8, zorder=1)
    axes.set(xlabel="Spearman rank correlation with the directional index", ylim=(len(codes), -1))
    axes.set_yticks(range(len(codes)), codes)
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.legend(loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png")
    except OSError as fault:
        raise CoaggError(f"{path} cannot be written: {fault.strerror or fault}") from None
