"""The exact index: every counterfactual cost solved, nulls shared by (fixed industry, size)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coagg.analysis.coagglomeration.cell import (
    Cell,
    IndexSettings,
    PairResults,
    Sites,
    empty_results,
)
from coagg.analysis.coagglomeration.costs import costs_to_draws
from coagg.analysis.coagglomeration.draws import counterfactuals

# A draw counts as at least as costly when it is so up to this share of the cost: ties in the plane
# (a lattice, a pile-up) come out of two different sums of the same numbers.
TIE_TOLERANCE = 1e-12


def at_least(null_costs: np.ndarray, observed: float) -> int:
    """Number of null costs at least as large as the observed one, ties included."""
    return int(np.count_nonzero(null_costs >= observed * (1.0 - TIE_TOLERANCE)))


def monte_carlo_error(count: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Standard error of a share of independent draws; one success and one failure are added."""
    p = (count + 1.0) / (draws + 2.0)
    return np.sqrt(p * (1.0 - p) / draws)


def exact_block(
    cell: Cell, sites: Sites, settings: IndexSettings, fixed: Sequence[int], observed: np.ndarray
) -> PairResults:
    """Exact index of fixed industries x all others; `observed` is (len(fixed), J) costs."""
    rows = np.asarray(fixed, np.int64)
    result = empty_results(cell, rows)
    others = len(cell.industries) - 1
    result.observed_cost[:] = observed[np.repeat(np.arange(len(rows)), others), result.redrawn]
    for size in np.unique(result.redrawn_firms):
        draws, enumerated = counterfactuals(cell, settings, int(size))
        for row, j in enumerate(rows):
            mine = np.arange(row * others, (row + 1) * others)
            mine = mine[result.redrawn_firms[mine] == size]
            if len(mine):
                null = costs_to_draws(sites, int(j), draws, settings.cost)
                read_exact(null, enumerated, result, mine)
    return result


def read_exact(null: np.ndarray, enumerated: bool, result: PairResults, pairs: np.ndarray) -> None:
    """Write index, error and null moments of pairs that share one exactly solved null."""
    result.null_mean[pairs] = null.mean()
    result.null_sd[pairs] = null.std()
    result.draws[pairs] = len(null)
    for at in pairs:
        result.at_least_observed[at] = at_least(null, result.observed_cost[at])
    result.index[pairs] = result.at_least_observed[pairs] / len(null)
    if not enumerated:
        result.standard_error[pairs] = monte_carlo_error(
            result.at_least_observed[pairs], result.draws[pairs]
        )
