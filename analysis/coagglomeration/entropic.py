"""Entropic transport, for comparison only: Sinkhorn, and the authors' published arithmetic.

The published program (Chen, Liu, Ye & Hu 2020; drewdrop/Colocation-Index) runs Sinkhorn on squared
*degrees* with ``reg = 10^-3``, which Python reads as exclusive or: -9. A negative regularisation
rewards costly plans, so its "distance" lies near the cost of independent coupling or above it. It
is kept for checking against that script; nothing else should use it. The null draws are ours,
shared by (fixed industry, size); the script draws anew for each pair.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial.distance import cdist

from coagg.analysis.coagglomeration.cell import (
    Cell,
    IndexSettings,
    PairResults,
    Sites,
    empty_results,
)
from coagg.analysis.coagglomeration.draws import counterfactuals
from coagg.analysis.coagglomeration.exact import read_exact
from coagg.errors import CoaggError

# What Python makes of 10^-3.
PUBLISHED_REGULARISATION = -9.0
SINKHORN_ITERATIONS = 1000


def sinkhorn_cost(a: np.ndarray, b: np.ndarray, regularisation: float, cost: str) -> float:
    """Mean cost of the entropic plan between the uniform measures on a and b (log domain)."""
    import ot  # slow to import, and no other method needs it

    arcs = cdist(a, b, cost)
    plan = ot.bregman.sinkhorn_log(
        *_uniform(arcs), arcs, regularisation, numItermax=SINKHORN_ITERATIONS, warn=False
    )
    return float((plan * arcs).sum())


def published_cost(a_degrees: np.ndarray, b_degrees: np.ndarray) -> float:
    """The published program's "Wasserstein distance" between two sets of points in degrees.

    NaN where its arithmetic overflows.
    """
    import ot

    arcs = cdist(a_degrees, b_degrees, "sqeuclidean")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        plan = ot.bregman.sinkhorn_knopp(
            *_uniform(arcs), arcs, PUBLISHED_REGULARISATION, warn=False
        )
    return float((plan * arcs).sum())


def _uniform(arcs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, m = arcs.shape
    return np.full(n, 1 / n), np.full(m, 1 / m)


def entropic_block(
    cell: Cell, sites: Sites, settings: IndexSettings, fixed: Sequence[int]
) -> PairResults:
    """Index by method 'sinkhorn' or 'published' of fixed industries x all others.

    Raises CoaggError when 'published' lacks the points in degrees, or a cost is not a number.
    """
    rows = np.asarray(fixed, np.int64)
    result = empty_results(cell, rows)
    points = cell.points_km
    if settings.method == "published":
        if cell.points_degrees is None:
            raise CoaggError(f"cell {cell.key}: method 'published' needs the points in degrees")
        points = cell.points_degrees
    for j in rows:
        own = points[cell.industry == j]
        measure = _measure(settings, own, points)
        mine = np.flatnonzero(result.fixed == j)
        for at in mine:
            result.observed_cost[at] = measure(points[cell.industry == result.redrawn[at]])
        for size in np.unique(result.redrawn_firms[mine]):
            draws, enumerated = counterfactuals(cell, settings, int(size))
            null = np.array([measure(points[draw]) for draw in draws])
            if not np.isfinite([*null, *result.observed_cost[mine]]).all():
                raise CoaggError(
                    f"cell {cell.key}: method '{settings.method}' gives no number for industry "
                    f"{cell.industries[j]}; its arithmetic overflows on these points, use 'exact'"
                )
            read_exact(null, enumerated, result, mine[result.redrawn_firms[mine] == size])
    return result


def _measure(
    settings: IndexSettings, own: np.ndarray, points: np.ndarray
) -> Callable[[np.ndarray], float]:
    """The method's cost from the fixed industry to a set of points."""
    if settings.method == "published":
        return lambda other: published_cost(own, other)
    # One regularisation for observed and null costs: relative to the median cost to the pool.
    typical = float(np.median(cdist(own, points, settings.cost)))
    regularisation = settings.sinkhorn_regularisation * max(typical, 1e-12)
    return lambda other: sinkhorn_cost(own, other, regularisation, settings.cost)
