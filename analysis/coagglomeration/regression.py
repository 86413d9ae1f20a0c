"""Arithmetic of the calibration: a small regression for each size of the grid (numba).

Some thirty regressions a fixed industry, of a few dozen rows each: in numpy their overhead was
half the cost of a cell of 1,000 firms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from coagg.analysis.coagglomeration.kernels import compiled

# Regressors: 1, log size, surrogate, largest cut, mean cut; the prior is the surrogate alone.
WIDTH = 5
SURROGATE = 2


@compiled
def regress(
    features: Any,
    number: Any,
    solved: Any,
    costs: Any,
    solves: Any,
    sizes: Any,
    weights: Any,
    ridge: float,
    parts: int,
) -> Any:
    """Regress exact costs on the features, pooling near sizes, and predict all draws.

    Parameters
    ----------
    features, number
        (G, B, 3) surrogate, largest and mean cut of the draws of each size; their (G,) number.
    solved, costs, solves
        (G, R) draws solved and their exact costs; their (G,) number.
    sizes, weights
        (G,) sizes of the grid, (G, G) pooling weights between them.
    ridge
        Pull of the regression towards the surrogate itself.
    parts
        Parts of a null in which the error is stated.

    Returns
    -------
    predicted, residual_sd, error, left
        (G, B) predicted costs in ascending order; (G,) standard deviation of the residuals; (G,
        parts) standard error of the prediction; (G, R) residuals of each size's own solves in units
        of that deviation.
    """
    grid, most = features.shape[0], features.shape[1]
    log_size = np.log(sizes)
    centre, scale = np.empty(grid), np.empty(grid)
    for g in range(grid):
        own = features[g, : number[g], 0]
        centre[g] = own.mean()
        scale[g] = max(own.std(), 1e-9 * abs(centre[g]) + 1e-300)
    predicted, order = np.empty((grid, most)), np.empty(most)
    residual_sd, error = np.empty(grid), np.empty((grid, parts))
    left = np.empty(costs.shape)
    x = np.empty((grid * costs.shape[1], WIDTH))
    y, weight, relative = np.empty(len(x)), np.empty(len(x)), np.empty(len(x))
    for g in range(grid):
        # In units of this size's spread about its mean, for sound conditioning.
        rows = 0
        for i in range(grid):
            if weights[g, i] <= 0:
                continue
            for r in range(solves[i]):
                x[rows, 0] = 1.0
                x[rows, 1] = log_size[i] - log_size[g]
                for f in range(3):
                    x[rows, 2 + f] = (features[i, solved[i, r], f] - centre[g]) / scale[g]
                y[rows] = (costs[i, r] - centre[g]) / scale[g]
                weight[rows] = weights[g, i]
                # Spreads differ between sizes: their residuals are taken to do so in proportion.
                relative[rows] = (scale[g] / scale[i]) ** 2
                rows += 1
        gram, noise = np.zeros((WIDTH, WIDTH)), np.zeros((WIDTH, WIDTH))
        moment = np.zeros(WIDTH)
        for r in range(rows):
            w = weight[r] * relative[r]
            for a in range(WIDTH):
                moment[a] += w * x[r, a] * y[r]
                for b in range(WIDTH):
                    gram[a, b] += w * x[r, a] * x[r, b]
                    noise[a, b] += w * weight[r] * x[r, a] * x[r, b]
        pulled = gram.copy()
        for a in range(WIDTH):
            pulled[a, a] += 1e-12 + (ridge if a > 0 else 0.0)
        moment[SURROGATE] += ridge
        inverse = np.linalg.inv(pulled)
        beta = np.zeros(WIDTH)
        freedom = weight[:rows].sum()
        for a in range(WIDTH):
            for b in range(WIDTH):
                beta[a] += inverse[a, b] * moment[b]
                freedom -= inverse[a, b] * gram[b, a]
        squares = 0.0
        for r in range(rows):
            rest = y[r]
            for a in range(WIDTH):
                rest -= x[r, a] * beta[a]
            squares += weight[r] * relative[r] * rest * rest
        deviation = np.sqrt(squares / max(freedom, 1.0))
        residual_sd[g] = deviation * scale[g]
        for r in range(solves[g]):
            guess = beta[0]
            for f in range(3):
                guess += beta[2 + f] * (features[g, solved[g, r], f] - centre[g]) / scale[g]
            left[g, r] = ((costs[g, r] - centre[g]) / scale[g] - guess) / max(deviation, 1e-300)
        for b in range(number[g]):
            guess = beta[0]
            for f in range(3):
                guess += beta[2 + f] * (features[g, b, f] - centre[g]) / scale[g]
            order[b] = guess
        ranks = np.argsort(order[: number[g]], kind="mergesort")
        for b in range(number[g]):
            predicted[g, b] = order[ranks[b]] * scale[g] + centre[g]
        typical = np.zeros(WIDTH)
        for p in range(parts):
            low, high = _part(p, parts, number[g])
            if low == high:
                low, high = 0, number[g]
            typical[:] = 0.0
            typical[0] = 1.0
            for b in range(low, high):
                for f in range(3):
                    typical[2 + f] += features[g, ranks[b], f]
            for f in range(3):
                typical[2 + f] = (typical[2 + f] / (high - low) - centre[g]) / scale[g]
            spread = np.zeros(WIDTH)
            for a in range(WIDTH):
                for b in range(WIDTH):
                    spread[a] += inverse[a, b] * typical[b]
            variance = 0.0
            for a in range(WIDTH):
                for b in range(WIDTH):
                    variance += spread[a] * noise[a, b] * spread[b]
            error[g, p] = np.sqrt(max(variance, 0.0)) * residual_sd[g]
    return predicted, residual_sd, error, left


@compiled
def _part(p: int, parts: int, number: int) -> Any:
    """First and last (excluded) place of part p of `number` places, the first parts longer."""
    base, more = number // parts, number % parts
    low = p * base + min(p, more)
    return low, low + base + (1 if p < more else 0)


@compiled
def spread_residuals(predicted: Any, number: Any, residual_sd: Any, shape: Any, length: int) -> Any:
    """Quantiles of predicted costs with every residual of a shape put back: (G, length).

    Predictions are sorted, so the costs with each residual are lists in order that are merged.
    """
    grid, copies = len(predicted), len(shape)
    out = np.empty((grid, length))
    at = np.empty(copies, np.int64)
    for g in range(grid):
        at[:] = 0
        total = number[g] * copies
        q = 0
        wanted = int(0.5 / length * total)
        for place in range(total):
            least, lowest = np.inf, 0
            for s in range(copies):
                if at[s] < number[g]:
                    cost = predicted[g, at[s]] + residual_sd[g] * shape[s]
                    if cost < least:
                        least, lowest = cost, s
            at[lowest] += 1
            while q < length and wanted == place:
                out[g, q] = least
                q += 1
                wanted = int((q + 0.5) / length * total)
    return out


@compiled
def read_null(
    quantiles: Any,
    weight: Any,
    draws: float,
    residual_sd: float,
    error: Any,
    cost: Any,
    reach_in_sd: float,
    tie: float,
) -> Any:
    """Index and standard error of observed costs in a null pooled over sizes.

    Parameters
    ----------
    quantiles, weight
        (G, Q) quantiles of each size, and the (G,) weights that make the null of the size wanted.
    draws
        Draws that are worth as much as the null.
    residual_sd, error
        Residual standard deviation, and (parts,) standard errors of the predicted costs from cheap
        to dear, at the size.
    cost
        (P,) observed costs.
    reach_in_sd
        Half-width, in null standard deviations, over which the null's density is taken.
    tie
        Relative tolerance below which costs are ties.

    Returns
    -------
    mean, sd, index, standard_error
        Moments of the null; (P,) index and its standard error.
    """
    length, parts = quantiles.shape[1], len(error)
    null = np.zeros(length)
    for g in range(len(weight)):
        if weight[g] != 0.0:
            for q in range(length):
                null[q] += weight[g] * quantiles[g, q]
    for q in range(1, length):
        if null[q] < null[q - 1]:
            null = np.sort(null)
            break
    mean, sd = null.mean(), null.std()
    # An error of the predicted costs moves the index by the null's density at the observed cost.
    reach = max(reach_in_sd * sd, residual_sd, 1e-300)
    index, standard_error = np.empty(len(cost)), np.empty(len(cost))
    for p in range(len(cost)):
        index[p] = 1.0 - np.searchsorted(null, cost[p] * (1.0 - tie)) / length
        inside = np.searchsorted(null, cost[p] + reach) - np.searchsorted(null, cost[p] - reach)
        density = inside / (2 * reach * length)
        part = min(int((1.0 - index[p]) * parts), parts - 1)
        likely = (index[p] * draws + 1.0) / (draws + 2.0)
        sampling = likely * (1.0 - likely) / draws
        standard_error[p] = np.sqrt(sampling + (density * error[part]) ** 2)
    return mean, sd, index, standard_error
