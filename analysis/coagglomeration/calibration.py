"""From surrogate costs and a few exact solves to the null distributions of one fixed industry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coagg.analysis.coagglomeration.cell import Sites
from coagg.analysis.coagglomeration.cuts import solve_and_cut
from coagg.analysis.coagglomeration.regression import regress, spread_residuals
from coagg.analysis.coagglomeration.surrogate import (
    SMOOTH_FROM,
    SurrogatePool,
    embed_industry,
    embedding_costs,
)

# Exact solves at each size of the grid, and more where few near sizes help out: 4 raise the error
# of the index by a tenth, 16 lower it by a twentieth and cost twice the solves.
SOLVES = 8
# Beyond this size half as many: solves are dear there, and the surrogate with its bounds explains
# over 99% of the variance of the cost.
LARGE_SIZE = 200
# Residual quantiles put back on each predicted cost.
SPREAD = 4
# Sizes whose solves a regression should have to hand, by weight.
POOLED_SIZES = 2.5
# Half-width in log size over which calibrations and quantiles are pooled.
WINDOW = 0.65
# Pull of the regression towards the surrogate itself, as a share of the solves of one size.
RIDGE = 1e-3
# Parts of a null, from cheap to dear, in which the calibration's error is stated.
PARTS = 8


@dataclass(frozen=True)
class Calibration:
    """Calibrated nulls of one fixed industry on the size grid.

    Attributes
    ----------
    quantiles
        (G, Q) sorted costs, km^2 or km: predictions with the residuals' spread restored.
    draws
        (G,) draws behind each null.
    error
        (G, PARTS) standard error of the predicted cost in each part of the null, same unit.
    residual_sd
        (G,) standard deviation of the residuals, same unit.
    """

    quantiles: np.ndarray
    draws: np.ndarray
    error: np.ndarray
    residual_sd: np.ndarray


def pooling_weights(sizes: np.ndarray) -> np.ndarray:
    """Tricube weights between sizes, (G, G), in log size."""
    apart = np.abs(np.log(sizes)[:, None] - np.log(sizes)[None, :]) / WINDOW
    return (1 - np.minimum(apart, 1) ** 3) ** 3


def smoothing_weights(sizes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Weights (len(wanted), G) of a local quadratic fit in log size, read at the wanted sizes."""
    logs = np.log(sizes)
    out = np.zeros((len(wanted), len(sizes)))
    for row, size in enumerate(wanted):
        if size < SMOOTH_FROM and size in sizes:
            out[row, np.flatnonzero(sizes == size)] = 1.0
            continue
        apart = logs - np.log(size)
        # Reach the third size at least, where small sizes lie far apart on the log scale.
        reach = max(WINDOW, 1.01 * np.sort(np.abs(apart))[min(2, len(apart) - 1)])
        weight = (1 - np.minimum(np.abs(apart) / reach, 1) ** 3) ** 3
        used = np.flatnonzero(weight > 0)
        basis = np.vander(apart[used] / reach, min(3, len(used)), increasing=True)
        gram = np.einsum("gi,g,gj->ij", basis, weight[used], basis)
        first = np.zeros(len(gram))
        first[0] = 1.0
        out[row, used] = weight[used] * np.einsum("gi,i->g", basis, np.linalg.solve(gram, first))
    return out


def calibrate(sites: Sites, shared: SurrogatePool, j: int, squared: bool) -> Calibration:
    """Calibrated nulls of fixed industry j on the cell's size grid."""
    site, firms = sites.industry(j)
    fx, fy = sites.x[site], sites.y[site]
    own = embed_industry(sites, j, shared.reference)
    guess = np.zeros(len(site))
    weights = pooling_weights(shared.sizes)
    draws = np.array([len(pool.members) for pool in shared.pools])
    base = np.where(shared.sizes <= LARGE_SIZE, SOLVES, SOLVES // 2)
    wanted = base * np.ceil(POOLED_SIZES / weights.sum(axis=1)).astype(np.int64)
    solves = np.minimum(wanted, draws)
    features = np.zeros((len(draws), draws.max(), 3))
    solved = np.zeros((len(draws), solves.max()), np.int64)
    costs = np.zeros(solved.shape)
    for g, pool in enumerate(shared.pools):
        number, few = draws[g], solves[g]
        surrogate = embedding_costs(pool.embedding, own, shared.reference.firms, squared)
        # Draws to solve are spread evenly over the ranks of the surrogate.
        ranks = ((np.arange(few) + 0.5) * number / few).astype(np.int64)
        solved[g, :few] = np.argsort(surrogate, kind="stable")[ranks]
        exact, mean, largest = solve_and_cut(
            fx, fy, firms, sites.x[pool.sites], sites.y[pool.sites],
            pool.members, solved[g, :few], guess, squared,
        )  # fmt: skip
        costs[g, :few] = exact
        for f, values in enumerate((surrogate, largest, mean)):
            features[g, :number, f] = values
    predicted, residual_sd, error, left = regress(
        features, draws, solved, costs, solves, shared.sizes, weights, RIDGE * SOLVES, PARTS
    )
    # The residuals' shape is that of all sizes together, their spread that of the size.
    every = left[np.arange(left.shape[1]) < solves[:, None]]
    shape = np.quantile(every, (np.arange(SPREAD) + 0.5) / SPREAD)
    shape = (shape - shape.mean()) / max(shape.std(), 1e-300)
    # Every null is read at the same levels, as many as the shortest has values.
    quantiles = spread_residuals(predicted, draws, residual_sd, shape, draws.min() * SPREAD)
    return Calibration(quantiles, draws, error, residual_sd)
