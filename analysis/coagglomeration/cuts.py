"""A few exact solves, and what their dual potentials say about all other draws (numba)."""

from __future__ import annotations

from typing import Any

import numpy as np

from coagg.analysis.coagglomeration.costs import merge_draw
from coagg.analysis.coagglomeration.kernels import compiled
from coagg.analysis.coagglomeration.network_simplex import row_least, workspace
from coagg.analysis.coagglomeration.transport import cost_from_potentials


@compiled
def solve_and_cut(
    fx: Any, fy: Any, fw: Any, x: Any, y: Any, members: Any, solved: Any, guess: Any, squared: bool
) -> Any:
    """Exact costs of some draws to the fixed industry, and lower bounds of the costs of all draws.

    By Kantorovich duality the potentials u of one solved draw bound the cost of every measure S:
    W >= mean u + mean over S of v, v(s) = min_i c(i, s) - u_i: a cut, exact at the draw solved. So
    every draw leaves one cut out, a solved draw its own, lest the bound look better where it was
    made than elsewhere.

    Parameters
    ----------
    fx, fy, fw
        (n,) sites of the fixed industry in km, and firms (int64).
    x, y, members
        (U,) sites in km and the draws' (B, size) positions in them.
    solved
        (R,) int64 draws to solve, R >= 2.
    guess
        (n,) starting potentials of the fixed industry; replaced by the mean of those found.

    Returns
    -------
    costs, mean, largest
        (R,) exact costs; (B,) mean and (B,) largest of the R - 1 cuts of each draw.
    """
    number, size = members.shape
    n, solves = len(fx), len(solved)
    ws = workspace(n + size)
    same = np.arange(len(x))
    met = np.zeros(len(x), np.int64)
    touched = np.empty(size, np.int64)
    dx, dy, dw = np.empty(size), np.empty(size), np.empty(size, np.int64)
    costs = np.empty(solves)
    cuts = np.zeros((len(x), 4 * ((solves + 3) // 4)))
    cut = np.empty(len(x))
    left_out = np.arange(number) % solves
    found = np.zeros(n)
    for r in range(solves):
        left_out[solved[r]] = r
        m = merge_draw(members[solved[r]], same, x, y, met, touched, dx, dy, dw)
        if n <= m:
            for j in range(m):
                ws.potential[n + j] = row_least(dx[j], dy[j], fx, fy, guess, n, squared)[0]
            costs[r] = cost_from_potentials(fx, fy, fw, dx[:m], dy[:m], dw[:m], squared, ws)
            own = ws.potential[:n]
        else:
            for i in range(n):
                ws.potential[m + i] = guess[i]
            costs[r] = cost_from_potentials(dx[:m], dy[:m], dw[:m], fx, fy, fw, squared, ws)
            own = ws.potential[m : m + n]
        level = (own * fw).sum() / fw.sum()
        cut[:] = np.inf
        for i in range(n):
            found[i] += (own[i] - level) / solves
            _lower(cut, x, y, fx[i], fy[i], level - own[i], squared)
        cuts[:, r] = cut
    guess[:] = found
    mean, largest = _cut_values(cuts, solves, members, left_out)
    return costs, mean, largest


@compiled
def _cut_values(cuts: Any, solves: int, members: Any, left_out: Any) -> Any:
    """Mean and largest cut of every draw, without the one left out.

    cuts is (U, R), R the number of solves rounded up to a multiple of four: four sums at once.
    """
    number, size = members.shape
    mean = np.empty(number)
    largest = np.empty(number)
    total = np.empty(cuts.shape[1])
    for b in range(number):
        for r in range(0, cuts.shape[1], 4):
            t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
            for i in range(size):
                s = members[b, i]
                t0 += cuts[s, r]
                t1 += cuts[s, r + 1]
                t2 += cuts[s, r + 2]
                t3 += cuts[s, r + 3]
            total[r], total[r + 1], total[r + 2], total[r + 3] = t0, t1, t2, t3
        high = -np.inf
        kept = 0.0
        for r in range(solves):
            if r != left_out[b]:
                kept += total[r]
                high = max(high, total[r])
        mean[b] = kept / size / (solves - 1)
        largest[b] = high / size
    return mean, largest


@compiled
def _lower(cut: Any, x: Any, y: Any, px: float, py: float, shift: float, squared: bool) -> None:
    """cut = min(cut, cost(point, site) + shift) at every site."""
    if squared:
        for s in range(len(cut)):
            dx = x[s] - px
            dy = y[s] - py
            t = dx * dx + dy * dy + shift
            cut[s] = t if t < cut[s] else cut[s]
    else:
        for s in range(len(cut)):
            dx = x[s] - px
            dy = y[s] - py
            t = np.sqrt(dx * dx + dy * dy) + shift
            cut[s] = t if t < cut[s] else cut[s]
