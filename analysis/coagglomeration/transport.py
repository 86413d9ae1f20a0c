"""Exact optimal-transport costs between uniform point measures in the plane (METHOD, section 2).

``W(A, B)`` is the least mean cost of moving the uniform measure on A to the uniform measure on B,
with squared Euclidean (km^2, the default) or Euclidean (km) cost. Firms on one site are one
weighted point, which is exact and shrinks the problem. The work is done by
:mod:`.network_simplex`; POT's ``ot.emd2`` is the reference in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from coagg.analysis.coagglomeration.kernels import compiled
from coagg.analysis.coagglomeration.network_simplex import (
    Workspace,
    arc_cost,
    network_simplex,
    row_least,
    workspace,
)
from coagg.errors import CoaggError

COSTS = ("sqeuclidean", "euclidean")


@dataclass(frozen=True)
class TransportPlan:
    """An optimal plan between two measures, with its proof of optimality.

    Attributes
    ----------
    cost
        W(A, B), in km^2 or km.
    source, target, share
        Arcs of the plan: row of `sources`, row of `targets`, share of the total mass (sum 1).
    source_potential, target_potential
        Dual potentials; source + target <= cost on every arc, with equality on the plan's arcs.
    gap
        cost less the value of the dual after it is made feasible over all arcs; bounds the error.
    """

    cost: float
    source: np.ndarray
    target: np.ndarray
    share: np.ndarray
    source_potential: np.ndarray
    target_potential: np.ndarray
    gap: float


def is_squared(cost: str) -> bool:
    """Whether the named cost is the squared distance. Raises CoaggError on an unknown name.

    >>> is_squared("euclidean")
    False
    """
    if cost not in COSTS:
        raise CoaggError(f"cost '{cost}' is not known; use one of: {', '.join(COSTS)}")
    return cost == "sqeuclidean"


def as_points(points: np.ndarray, name: str = "points") -> np.ndarray:
    """Points as a float64 (n, 2) array; CoaggError when empty, of wrong shape or not finite.

    >>> as_points([[0, 1], [2, 3]]).tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) == 0:
        raise CoaggError(f"{name} must be an (n, 2) array with n >= 1, not {array.shape}")
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():
        raise CoaggError(
            f"{name}: {int(bad.sum())} points are not finite (first at row {int(bad.argmax())}); "
            "leave firms without coordinates out"
        )
    return array


def merge_sites(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct points (sites) sorted by x then y, and the number of firms on each (int64).

    >>> sites, firms = merge_sites(np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))
    >>> sites.tolist(), firms.tolist()
    ([[0.0, 0.0], [1.0, 0.0]], [1, 2])
    """
    sites, firms = np.unique(points, axis=0, return_counts=True)
    return np.ascontiguousarray(sites), firms.astype(np.int64)


def transport_cost(a: np.ndarray, b: np.ndarray, cost: str = "sqeuclidean") -> float:
    """W between the uniform measures on a (n, 2) and b (m, 2); symmetric bit for bit.

    Raises CoaggError on an unknown cost or points that are empty or not finite.

    >>> left, right = np.array([[0.0, 0.0], [0.0, 4.0]]), np.array([[3.0, 0.0], [3.0, 4.0]])
    >>> transport_cost(left, right), transport_cost(left, right, "euclidean")
    (9.0, 3.0)
    """
    squared = is_squared(cost)
    (xa, wa), (xb, wb) = (merge_sites(as_points(p)) for p in (a, b))
    # The order of the two measures must not matter in the last bit: sort them by size, then value.
    if (len(xb), xb.tolist(), wb.tolist()) < (len(xa), xa.tolist(), wa.tolist()):
        xa, wa, xb, wb = xb, wb, xa, wa
    ws = workspace(len(xa) + len(xb))
    return float(cost_of_sites(xa[:, 0], xa[:, 1], wa, xb[:, 0], xb[:, 1], wb, squared, ws))


def transport_plan(a: np.ndarray, b: np.ndarray, cost: str = "sqeuclidean") -> TransportPlan:
    """Optimal plan between the uniform measures on the *distinct* points of a and b.

    `source` and `target` index the rows of ``merge_sites(a)[0]`` and ``merge_sites(b)[0]``.

    >>> plan = transport_plan(
    ...     np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([[10.0, 0.0], [1.0, 0.0]])
    ... )
    >>> plan.cost, plan.gap
    (1.0, 0.0)
    >>> sorted(zip(plan.source.tolist(), plan.target.tolist(), plan.share.tolist()))
    [(0, 0, 0.5), (1, 1, 0.5)]
    """
    squared = is_squared(cost)
    (xa, wa), (xb, wb) = (merge_sites(as_points(p)) for p in (a, b))
    n, m = len(xa), len(xb)
    ws = workspace(n + m)
    value = cost_of_sites(xa[:, 0], xa[:, 1], wa, xb[:, 0], xb[:, 1], wb, squared, ws)
    node = np.arange(n + m)
    parent = ws.parent[: n + m]
    carries = (parent != n + m) & (ws.flow[: n + m] > 0)
    node, above = node[carries], parent[carries].astype(np.int64)
    is_source = node < n
    u = ws.potential[:n].copy()
    v = ws.potential[n : n + m].copy()
    # Lower every source potential to the largest feasible one: what that costs bounds the error.
    feasible = np.array(
        [row_least(x, y, xb[:, 0], xb[:, 1], v, m, squared)[0] for x, y in xa], dtype=np.float64
    )
    dual = float(feasible @ wa / wa.sum() + v @ wb / wb.sum())
    total = wa.sum() * (wb.sum() // np.gcd(wa.sum(), wb.sum()))
    return TransportPlan(
        cost=float(value),
        source=np.where(is_source, node, above),
        target=np.where(is_source, above, node) - n,
        share=ws.flow[: n + m][carries] / total,
        source_potential=u,
        target_potential=v,
        gap=float(value) - dual,
    )


@compiled
def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@compiled
def cost_of_sites(
    ax: Any, ay: Any, a: Any, bx: Any, by: Any, b: Any, squared: bool, ws: Workspace
) -> float:
    """W between two measures given as sites with numbers of firms (int64); starts from zero.

    Quickest with the fewer sites first. The optimal potentials and tree are left in `ws`.
    """
    for u in range(len(a) + len(b)):
        ws.potential[u] = 0.0
    return cost_from_potentials(ax, ay, a, bx, by, b, squared, ws)


@compiled
def cost_from_potentials(
    ax: Any, ay: Any, a: Any, bx: Any, by: Any, b: Any, squared: bool, ws: Workspace
) -> float:
    """As cost_of_sites, starting from the targets' potentials in ``ws.potential[len(a):]``."""
    n, m = len(a), len(b)
    total_a, total_b = a.sum(), b.sum()
    if n == 1 or m == 1:
        return _cost_to_one_site(ax, ay, a, bx, by, b, squared, ws)
    shared = _gcd(total_a, total_b)
    return network_simplex(
        ax, ay, a * (total_b // shared), n, bx, by, b * (total_a // shared), m, squared, ws
    ) / (total_a * (total_b // shared))


@compiled
def _cost_to_one_site(
    ax: Any, ay: Any, a: Any, bx: Any, by: Any, b: Any, squared: bool, ws: Workspace
) -> float:
    """Closed form when one measure is a single site: everything goes there."""
    n, m = len(a), len(b)
    root = n + m
    total = 0.0
    shared = _gcd(a.sum(), b.sum())
    times_a, times_b = b.sum() // shared, a.sum() // shared
    for u in range(root):
        i, j = (u, 0) if u < n else (0, u - n)
        c = arc_cost(ax[i], ay[i], bx[j], by[j], squared)
        if m == 1 and u < n:
            ws.potential[u], ws.parent[u], ws.flow[u] = c, n, a[u] * times_a
            total += c * a[u]
        elif m > 1 and u >= n:
            ws.potential[u], ws.parent[u], ws.flow[u] = c, 0, b[u - n] * times_b
            total += c * b[u - n]
    hub = n if m == 1 else 0
    ws.potential[hub], ws.parent[hub], ws.flow[hub] = 0.0, root, 0
    return total / (a.sum() if m == 1 else b.sum())
