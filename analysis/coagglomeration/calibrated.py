"""The calibrated index: surrogate nulls corrected by a few exact solves, observed costs exact.

For each fixed industry j, on a grid of sizes n (:mod:`.calibration`):

1. the surrogate cost of every draw is its embedded distance to j (:mod:`.surrogate`);
2. a few draws, spread evenly over the ranks of the surrogate, are solved exactly; each solve also
   bounds the cost of every draw from below, at the price of a sum (:mod:`.cuts`);
3. exact cost is regressed on the surrogate and on the mean and the largest bound, pooling near
   sizes;
4. predictions get the residuals' spread back; their quantiles, smoothed over near sizes, are the
   null.

The index of (j, k) is the share of the null of size n_k at least as costly as observed. Where its
95% interval straddles a threshold, exact draws may be spent on it (`IndexSettings.refine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from coagg.analysis.coagglomeration.calibration import Calibration, calibrate, smoothing_weights
from coagg.analysis.coagglomeration.cell import (
    THRESHOLDS,
    Cell,
    IndexSettings,
    PairResults,
    Sites,
    empty_results,
)
from coagg.analysis.coagglomeration.costs import costs_to_draws
from coagg.analysis.coagglomeration.draws import counterfactuals
from coagg.analysis.coagglomeration.exact import TIE_TOLERANCE, at_least, read_exact
from coagg.analysis.coagglomeration.kernels import compiled
from coagg.analysis.coagglomeration.regression import read_null
from coagg.analysis.coagglomeration.surrogate import SurrogatePool
from coagg.analysis.coagglomeration.transport import is_squared

# Pools of so few distinct sites are solved exactly: quick, and their nulls are lumps (a cell of 573
# firms on 196 sites had half as much error again when calibrated).
EXACT_SITES = 250
# So are pairs of so few firms (product of both sizes): a solve takes microseconds, and the nulls of
# a handful of firms in a pool with pile-ups are lumps that no regression follows.
EXACT_PRODUCT = 16
# Half-width, in null standard deviations, over which the null's density is taken.
DENSITY_REACH = 0.15


def calibrated_block(
    cell: Cell,
    sites: Sites,
    shared: SurrogatePool,
    settings: IndexSettings,
    fixed: Sequence[int],
    observed: np.ndarray,
) -> PairResults:
    """Calibrated index of fixed industries x all others; `observed` is (len(fixed), J) costs."""
    rows = np.asarray(fixed, np.int64)
    result = empty_results(cell, rows)
    others = len(cell.industries) - 1
    result.observed_cost[:] = observed[np.repeat(np.arange(len(rows)), others), result.redrawn]
    wanted = np.unique(cell.firms[cell.firms > 1])
    smooth = smoothing_weights(shared.sizes, wanted) if len(wanted) else np.zeros((0, 0))
    squared = is_squared(settings.cost)
    # Draws of the sizes solved outright, shared by the block's rows.
    lots: dict[int, tuple[np.ndarray, bool]] = {}
    for row, j in enumerate(rows):
        mine = np.arange(row * others, (row + 1) * others)
        sizes = result.redrawn_firms[mine]
        if (sizes == 1).any():
            _all_single_firms(sites, int(j), squared, result, mine[sizes == 1])
        outright = (sizes > 1) & (sizes * cell.firms[j] <= EXACT_PRODUCT)
        for size in np.unique(sizes[outright]):
            if size not in lots:
                lots[int(size)] = counterfactuals(cell, settings, int(size))
            draws, enumerated = lots[int(size)]
            null = costs_to_draws(sites, int(j), draws, settings.cost)
            read_exact(null, enumerated, result, mine[sizes == size])
        modelled = (sizes > 1) & ~outright
        if not modelled.any():
            continue
        found = calibrate(sites, shared, int(j), squared)
        for size, weight in zip(wanted, smooth, strict=True):
            pairs = mine[modelled & (sizes == size)]
            if len(pairs):
                _read_index(found, shared.sizes, int(size), weight, result, pairs)
        _refine(cell, sites, settings, int(j), result, mine[modelled])
    return result


def _read_index(
    found: Calibration,
    grid: np.ndarray,
    size: int,
    weight: np.ndarray,
    result: PairResults,
    pairs: np.ndarray,
) -> None:
    """Write index, standard error and null moments of pairs of one redrawn size."""
    nearest = int(np.abs(np.log(grid / size)).argmin())
    mean, sd, index, error = read_null(
        found.quantiles,
        weight,
        1.0 / float((weight**2 / found.draws).sum()),
        found.residual_sd[nearest],
        found.error[nearest],
        result.observed_cost[pairs],
        DENSITY_REACH,
        TIE_TOLERANCE,
    )
    result.null_mean[pairs] = mean
    result.null_sd[pairs] = sd
    result.index[pairs] = index
    result.standard_error[pairs] = error


def _all_single_firms(
    sites: Sites, j: int, squared: bool, result: PairResults, pairs: np.ndarray
) -> None:
    """Redrawn industries of one firm: the null is the cost from every firm of the pool, exactly."""
    site, firms = sites.industry(j)
    null = _mean_costs(sites.x[site], sites.y[site], firms, sites.x, sites.y, squared)[
        sites.of_firm
    ]
    read_exact(null, True, result, pairs)


@compiled
def _mean_costs(fx: Any, fy: Any, fw: Any, x: Any, y: Any, squared: bool) -> Any:
    """Mean cost from the fixed industry's firms to each site."""
    out = np.zeros(len(x))
    for i in range(len(fx)):
        for s in range(len(x)):
            dx = x[s] - fx[i]
            dy = y[s] - fy[i]
            d = dx * dx + dy * dy
            out[s] += fw[i] * (d if squared else np.sqrt(d))
    return out / fw.sum()


def straddles(index: np.ndarray, standard_error: np.ndarray) -> np.ndarray:
    """Whether the 95% interval of each index contains a threshold."""
    low = index - 1.96 * standard_error
    high = index + 1.96 * standard_error
    return np.any([(low < t) & (t <= high) for t in THRESHOLDS], axis=0)


def _refine(
    cell: Cell,
    sites: Sites,
    settings: IndexSettings,
    j: int,
    result: PairResults,
    pairs: np.ndarray,
) -> None:
    """Spend exact draws on pairs of fixed industry j that straddle a threshold, within the budget.

    One lot of draws serves all pairs of one size, so sizes with most doubtful pairs come first.
    Both estimates are then averaged with weights inverse to their variances.
    """
    budget = int(settings.refine * len(pairs)) // settings.draws
    if budget == 0:
        return
    doubtful = pairs[straddles(result.index[pairs], result.standard_error[pairs])]
    sizes, number = np.unique(result.redrawn_firms[doubtful], return_counts=True)
    for size in sizes[np.lexsort((sizes, -number))][:budget]:
        draws, enumerated = counterfactuals(cell, settings, int(size))
        null = costs_to_draws(sites, j, draws, settings.cost)
        for at in doubtful[result.redrawn_firms[doubtful] == size]:
            count = at_least(null, result.observed_cost[at])
            likely = (result.index[at] * len(null) + 1.0) / (len(null) + 2.0)
            exact_variance = 0.0 if enumerated else likely * (1.0 - likely) / len(null)
            own_variance = result.standard_error[at] ** 2
            share = own_variance / (own_variance + exact_variance)
            result.index[at] = share * count / len(null) + (1.0 - share) * result.index[at]
            result.standard_error[at] = np.sqrt(share * exact_variance)
            result.at_least_observed[at] = count
            result.draws[at] = len(null)
            result.refined[at] = True
