"""From surrogate costs and a few exact solves to the null distributions of one fixed industry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.coagglomeration.cell import Sites
from analysis.coagglomeration.cuts import solve_and_cut
from analysis.coagglomeration.surrogate import (
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
# Regressors: 1, log size, surrogate, largest cut, mean cut; the prior is the surrogate alone.
LOG_SIZE, SURROGATE = 1, 2
PRIOR = np.array([0.0, 0.0, 1.0, 0.0, 0.0])


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
    features, costs, solved = [], [], []
    for g, pool in enumerate(shared.pools):
        surrogate = embedding_costs(pool.embedding, own, shared.reference.firms, squared)
        base = SOLVES if pool.size <= LARGE_SIZE else SOLVES // 2
        number = len(pool.members)
        solves = min(base * int(np.ceil(POOLED_SIZES / weights[g].sum())), number)
        # Draws to solve are spread evenly over the ranks of the surrogate.
        ranks = ((np.arange(solves) + 0.5) * number / solves).astype(np.int64)
        solved.append(np.argsort(surrogate, kind="stable")[ranks])
        exact, mean, largest = solve_and_cut(
            fx, fy, firms, sites.x[pool.sites], sites.y[pool.sites],
            pool.members, solved[g], guess, squared,
        )  # fmt: skip
        costs.append(exact)
        one = np.ones(number)
        features.append(np.column_stack([one, one * np.log(pool.size), surrogate, largest, mean]))
    return _regress(features, costs, solved, weights)


def _regress(
    features: list[np.ndarray],
    costs: list[np.ndarray],
    solved: list[np.ndarray],
    weights: np.ndarray,
) -> Calibration:
    """Regress exact costs on the features, pooling near sizes, and predict all draws."""
    grid, width = len(features), len(PRIOR)
    centre = np.array([f[:, SURROGATE].mean() for f in features])
    spread = np.array([f[:, SURROGATE].std() for f in features])
    scale = np.maximum(spread, 1e-9 * np.abs(centre) + 1e-300)
    rows = [f[s] for f, s in zip(features, solved, strict=True)]
    pull = np.diag([0.0, *[RIDGE * SOLVES] * (width - 1)])
    predicted = []
    residual_sd = np.empty(grid)
    error = np.empty((grid, PARTS))
    standardised = []
    for g in range(grid):
        near = np.flatnonzero(weights[g] > 0)
        # In units of this size's spread about its mean, for sound conditioning.
        shift = np.array([0.0, features[g][0, LOG_SIZE], *[centre[g]] * 3])
        unit = np.array([1.0, 1.0, *[scale[g]] * 3])
        x = (np.concatenate([rows[i] for i in near]) - shift) / unit
        y = (np.concatenate([costs[i] for i in near]) - centre[g]) / scale[g]
        source = np.concatenate([np.full(len(costs[i]), i) for i in near])
        # Spreads differ between sizes: their residuals are taken to do so in proportion.
        relative = (scale[g] / scale[source]) ** 2
        weight = weights[g, source]
        gram = np.einsum("ri,r,rj->ij", x, weight * relative, x)
        inverse = np.linalg.inv(gram + pull + 1e-12 * np.eye(width))
        beta = np.einsum(
            "ij,j->i",
            inverse,
            np.einsum("ri,r,r->i", x, weight * relative, y) + np.einsum("ij,j->i", pull, PRIOR),
        )
        left = y - np.einsum("ri,i->r", x, beta)
        freedom = max(weight.sum() - np.einsum("ij,ji->", inverse, gram), 1.0)
        variance = float(np.einsum("r,r,r->", weight, relative, left**2)) / freedom
        noise = np.einsum("ri,r,rj->ij", x, weight**2 * relative, x)
        covariance = variance * np.einsum("ij,jk,kl->il", inverse, noise, inverse)
        every = (features[g] - shift) / unit
        predicted.append(np.einsum("bi,i->b", every, beta) * scale[g] + centre[g])
        residual_sd[g] = np.sqrt(variance) * scale[g]
        parts = np.array_split(np.argsort(predicted[g], kind="stable"), PARTS)
        typical = np.array(
            [every[part if len(part) else slice(None)].mean(axis=0) for part in parts]
        )
        error[g] = np.sqrt(np.einsum("pi,ij,pj->p", typical, covariance, typical)) * scale[g]
        standardised.append(left[source == g] / max(np.sqrt(variance), 1e-300))
    # The residuals' shape is that of all sizes together, their spread that of the size.
    shape = np.quantile(np.concatenate(standardised), (np.arange(SPREAD) + 0.5) / SPREAD)
    shape = (shape - shape.mean()) / max(shape.std(), 1e-300)
    draws = np.array([len(p) for p in predicted])
    # Every null is read at the same levels, as many as the shortest has values.
    levels = (np.arange(draws.min() * SPREAD) + 0.5) / (draws.min() * SPREAD)
    quantiles = np.empty((grid, len(levels)))
    for g in range(grid):
        costs_again = np.sort((predicted[g][:, None] + residual_sd[g] * shape).reshape(-1))
        quantiles[g] = costs_again[(levels * len(costs_again)).astype(np.int64)]
    return Calibration(quantiles, draws, error, residual_sd)
