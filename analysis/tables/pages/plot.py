"""Coefficient plots: estimates with their 95% intervals, a panel a regressor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from scipy import stats

from coagg.analysis.panel.variables import label
from coagg.analysis.tables.pages.layout import ESTIMATOR_WORDS, HEAD_BREAK
from coagg.analysis.tables.store import Coefficient, StoredColumn, StoredTable
from coagg.errors import CoaggError

COLOURS = {"ols": "#1f4e79", "2sls": "#b2182b", "ppml": "#4d7c0f"}


def coefficient_plot(file: Path, table: StoredTable, left_out: Sequence[StoredTable] = ()) -> Path:
    """Write a png or svg, by the file's name, of a stored table's own regressors.

    Regressors that share a label share a panel. Leave-one-out runs, where given, are drawn as
    grey points beside each estimate. Raises CoaggError for a table without coefficients.
    """
    panels = _panels(table)
    if not panels:
        raise CoaggError(f"{table.name} has no coefficients to draw")
    width = min(3, len(panels))
    height = -(-len(panels) // width)
    tall = 0.32 * len(table.columns) + 1.1
    figure = Figure(figsize=(4.2 * width + 1.2, tall * height), layout="constrained")
    axes = figure.subplots(height, width, squeeze=False, sharey=True)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    names = [
        f"({c.number}) {c.heading.replace(HEAD_BREAK, ', ')}, {ESTIMATOR_WORDS[c.estimator]}"
        for c in table.columns
    ]
    for axis, (text, found) in zip(axes.flat, panels.items(), strict=False):
        axis.axvline(0, color="#999", linewidth=0.8)
        for column, one in found:
            for other in left_out:
                again = other.columns[column.number - 1].get(one.name)
                if again is not None:
                    axis.plot(again.coefficient, column.number + 0.22, ".", color="#aaa", ms=4)
            reach = one.standard_error * stats.t.ppf(0.975, min(column.clusters.values()) - 1)
            axis.errorbar(
                one.coefficient, column.number, xerr=reach, fmt="o", ms=5, capsize=2,
                color=COLOURS[column.estimator],
            )  # fmt: skip
        axis.set_title(text, fontsize=9, loc="left", wrap=True)
        axis.set_yticks([c.number for c in table.columns], names, fontsize=8)
        axis.set_ylim(len(names) + 0.6, 0.4)
        axis.tick_params(axis="x", labelsize=8)
        axis.tick_params(axis="y", length=0)
        axis.spines[["top", "right", "left"]].set_visible(False)
    words = f"{table.specification['title']}: estimates and 95% intervals"
    if left_out:
        words += "; grey: without one agglomeration"
    figure.suptitle(words, fontsize=10)
    figure.savefig(file, dpi=150)
    return file


def _panels(table: StoredTable) -> dict[str, list[tuple[StoredColumn, Coefficient]]]:
    """Label -> columns and coefficients; the columns' own regressors first, controls last."""
    found: dict[str, list[tuple[StoredColumn, Coefficient]]] = {}
    late: dict[str, list[tuple[StoredColumn, Coefficient]]] = {}
    for column in table.columns:
        specified = table.specification["columns"][column.number - 1]
        for one in column.main:
            to = late if one.name in specified.get("controls", ()) else found
            to.setdefault(label(one.name, specified["labels"]), []).append((column, one))
    return dict([*found.items(), *late.items()])
