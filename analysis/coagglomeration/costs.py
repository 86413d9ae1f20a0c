"""Transport costs between industries, and between a fixed industry and counterfactual draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from coagg.analysis.coagglomeration.cell import Cell, IndexSettings, Sites
from coagg.analysis.coagglomeration.kernels import compiled
from coagg.analysis.coagglomeration.network_simplex import row_least, workspace
from coagg.analysis.coagglomeration.transport import cost_from_potentials, is_squared


def owns_pair(j: int, k: int) -> bool:
    """Whether the observed cost of the pair belongs to j's row rather than k's.

    Rows own their pairs in a chequered pattern, so that blocks of rows carry equal work.
    """
    return (j < k) == ((j + k) % 2 == 1)


def observed_costs(
    cell: Cell,
    sites: Sites,
    settings: IndexSettings,
    fixed: Sequence[int],
    owned_only: bool = False,
) -> np.ndarray:
    """Exact W between the fixed industries and all industries, (len(fixed), J).

    W(j, k) is always solved in one orientation, so it equals W(k, j) bit for bit, in whichever
    block it is computed. With `owned_only`, each pair of the cell is solved in the row that owns it
    (:func:`owns_pair`) and is NaN in the other: the rows of all industries together, merged with
    ``np.fmax(W, W.T)``, then cost half as much.
    """
    squared = is_squared(settings.cost)
    others = len(cell.industries)
    wanted = np.array(
        [[j != k and (not owned_only or owns_pair(j, k)) for k in range(others)] for j in fixed],
        dtype=np.bool_,
    ).reshape(len(fixed), others)
    costs = _observed(
        np.asarray(fixed, np.int64),
        wanted,
        sites.x,
        sites.y,
        sites.start,
        sites.site,
        sites.firms,
        squared,
    )
    costs[np.arange(len(fixed)), np.asarray(fixed, np.int64)] = 0.0
    return costs


@compiled
def _observed(
    fixed: Any, wanted: Any, x: Any, y: Any, start: Any, site: Any, firms: Any, squared: bool
) -> Any:
    count, others = wanted.shape
    out = np.full((count, others), np.nan)
    largest = np.int64(0)
    for k in range(others):
        largest = max(largest, start[k + 1] - start[k])
    ws = workspace(int(2 * largest))
    for row in range(count):
        for k in range(others):
            if not wanted[row, k]:
                continue
            # The same orientation for (j, k) and (k, j), whatever the industries' numbers.
            a, b = fixed[row], k
            if _goes_first(b, a, start, site, firms):
                a, b = b, a
            sa, sb = site[start[a] : start[a + 1]], site[start[b] : start[b + 1]]
            for u in range(len(sa) + len(sb)):
                ws.potential[u] = 0.0
            out[row, k] = cost_from_potentials(
                x[sa],
                y[sa],
                firms[start[a] : start[a + 1]],
                x[sb],
                y[sb],
                firms[start[b] : start[b + 1]],
                squared,
                ws,
            )
    return out


@compiled
def _goes_first(a: int, b: int, start: Any, site: Any, firms: Any) -> bool:
    """Whether industry a has fewer sites than b, or as many, and the lower site or number of firms
    where they first differ.
    """
    n, m = start[a + 1] - start[a], start[b + 1] - start[b]
    if n != m:
        return n < m
    for i in range(n):
        u, v = start[a] + i, start[b] + i
        if site[u] != site[v]:
            return site[u] < site[v]
        if firms[u] != firms[v]:
            return firms[u] < firms[v]
    return False


def costs_to_draws(sites: Sites, fixed: int, draws: np.ndarray, cost: str) -> np.ndarray:
    """Exact W between one industry and each draw ((B, size) rows of the pool): (B,) float64."""
    site, firms = sites.industry(fixed)
    return _draw_costs(
        sites.x[site],
        sites.y[site],
        firms,
        sites.x,
        sites.y,
        sites.of_firm,
        draws,
        is_squared(cost),
    )


@compiled
def _draw_costs(
    fx: Any, fy: Any, fw: Any, x: Any, y: Any, of_firm: Any, draws: Any, squared: bool
) -> Any:
    number, size = draws.shape
    out = np.empty(number)
    n = len(fx)
    ws = workspace(n + size)
    met = np.zeros(len(x), np.int64)
    touched = np.empty(size, np.int64)
    dx, dy, dw = np.empty(size), np.empty(size), np.empty(size, np.int64)
    # Mean potential of the fixed industry over the first draws: a good start for those that follow.
    guess = np.zeros(n)
    learnt = 0
    for b in range(number):
        m = merge_draw(draws[b], of_firm, x, y, met, touched, dx, dy, dw)
        if n <= m:
            for j in range(m):
                ws.potential[n + j] = row_least(dx[j], dy[j], fx, fy, guess, n, squared)[0]
            out[b] = cost_from_potentials(fx, fy, fw, dx[:m], dy[:m], dw[:m], squared, ws)
            own = ws.potential[:n]
        else:
            for i in range(n):
                ws.potential[m + i] = guess[i]
            out[b] = cost_from_potentials(dx[:m], dy[:m], dw[:m], fx, fy, fw, squared, ws)
            own = ws.potential[m : m + n]
        if learnt < LEARNING_DRAWS:
            level = own.mean()
            for i in range(n):
                guess[i] = (guess[i] * learnt + own[i] - level) / (learnt + 1)
            learnt += 1
    return out


# Draws whose potentials are averaged into the starting potentials of the others.
LEARNING_DRAWS = 8


@compiled
def merge_draw(
    firms: Any, of_firm: Any, x: Any, y: Any, met: Any, touched: Any, dx: Any, dy: Any, dw: Any
) -> int:
    """Write a draw's distinct sites and numbers of firms to dx, dy, dw; returns how many.

    `met` is a zeroed array over all sites, returned zeroed.
    """
    m = 0
    for f in firms:
        s = of_firm[f]
        if met[s] == 0:
            touched[m] = s
            m += 1
        met[s] += 1
    for j in range(m):
        s = touched[j]
        dx[j] = x[s]
        dy[j] = y[s]
        dw[j] = met[s]
        met[s] = 0
    return m
