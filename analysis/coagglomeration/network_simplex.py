"""Network simplex for optimal transport between two discrete measures in the plane (numba).

A primal network simplex on the bipartite transport problem. Weights are integers (numbers of
firms), so flows are exact; costs are computed from the coordinates when they are needed, so no
n x m matrix is ever stored. The starting basis comes from a row-minimum rule on costs reduced by
given potentials, and a row of arcs is priced at once in vector instructions.

The solver stops only when the potentials of the final tree, computed afresh from it, are dual
feasible over every arc: a returned cost is optimal by proof. Method: Ahuja, Magnanti & Orlin
(1993), *Network Flows*, ch. 11 (strongly feasible spanning trees). :mod:`.transport` is the
interface; the reference in the tests is POT (``ot.emd2``).

Nodes: sources 0..n-1, targets n..n+m-1, artificial root n+m. A tree arc belongs to its lower node:
a source sends up it, a target receives down it. The arcs on the root are artificial, directed to
the root and always empty.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from coagg.analysis.coagglomeration.kernels import compiled

# An arc may enter the basis when its reduced cost is below -PRICE_TOLERANCE times the cost across
# the bounding box of the problem; the cost returned is within that amount of the optimum.
PRICE_TOLERANCE = 4e-15
# Arcs priced before the best of them enters the basis (flat between 64 and 256 on real cells).
PRICE_BLOCK = 128
EMPTY = -1
UNSEEN = -2


class Workspace(NamedTuple):
    """Arrays the solver works in, for up to `nodes` sources and targets together."""

    potential: np.ndarray
    parent: np.ndarray
    depth: np.ndarray
    flow: np.ndarray
    first: np.ndarray
    after: np.ndarray
    before: np.ndarray
    integers: np.ndarray
    floats: np.ndarray


@compiled
def workspace(nodes: int) -> Workspace:
    """Arrays for problems of up to `nodes` nodes (sources plus targets)."""
    k = nodes + 1
    return Workspace(
        np.zeros(k, np.float64),
        np.zeros(k, np.int32),
        np.zeros(k, np.int32),
        np.zeros(k, np.int64),
        np.zeros(k, np.int32),
        np.zeros(k, np.int32),
        np.zeros(k, np.int32),
        np.zeros((7, 2 * k), np.int64),
        np.zeros((3, k), np.float64),
    )


@compiled(inline="always")
def arc_cost(ax: float, ay: float, bx: float, by: float, squared: bool) -> float:
    """Cost of one arc: squared distance, or distance."""
    dx = ax - bx
    dy = ay - by
    d = dx * dx + dy * dy
    return d if squared else np.sqrt(d)


@compiled
def _row_has_less(
    ax: float, ay: float, x: Any, y: Any, v: Any, m: int, squared: bool, limit: float
) -> bool:
    """Whether any cost(row, j) - v[j] is below the limit; counts, so that it vectorises."""
    found = 0
    if squared:
        for j in range(m):
            dx = ax - x[j]
            dy = ay - y[j]
            found += (dx * dx + dy * dy - v[j]) < limit
    else:
        for j in range(m):
            dx = ax - x[j]
            dy = ay - y[j]
            found += (np.sqrt(dx * dx + dy * dy) - v[j]) < limit
    return found > 0


@compiled
def row_least(
    ax: float, ay: float, x: Any, y: Any, v: Any, m: int, squared: bool
) -> tuple[float, int]:
    """Least cost(row, j) - v[j] over j < m, and the first j that has it."""
    best = np.inf
    at = 0
    if squared:
        for j in range(m):
            dx = ax - x[j]
            dy = ay - y[j]
            r = dx * dx + dy * dy - v[j]
            if r < best:
                best = r
                at = j
    else:
        for j in range(m):
            dx = ax - x[j]
            dy = ay - y[j]
            r = np.sqrt(dx * dx + dy * dy) - v[j]
            if r < best:
                best = r
                at = j
    return best, at


@compiled(inline="always")
def _adopt(u: int, p: int, ws: Any) -> None:
    """Put u at the head of p's list of children."""
    f = ws.first[p]
    ws.after[u] = f
    ws.before[u] = EMPTY
    if f != EMPTY:
        ws.before[f] = u
    ws.first[p] = u


@compiled(inline="always")
def _leave(u: int, p: int, ws: Any) -> None:
    """Take u out of p's list of children."""
    if ws.before[u] == EMPTY:
        ws.first[p] = ws.after[u]
    else:
        ws.after[ws.before[u]] = ws.after[u]
    if ws.after[u] != EMPTY:
        ws.before[ws.after[u]] = ws.before[u]


@compiled
def _row_minimum_flows(
    ax: Any, ay: Any, a: Any, n: int, bx: Any, by: Any, b: Any, m: int, squared: bool, ws: Any
) -> None:
    """Fill the half-edge lists in ws.integers[3:7] with the row-minimum rule's positive flows.

    Rows take turns; each sends what it can to its cheapest target that still has room, by cost less
    the target's potential.
    """
    cx, cy, cv = ws.floats[0], ws.floats[1], ws.floats[2]
    at, room, left = ws.integers[0], ws.integers[1], ws.integers[2]
    head, to, link, carried = ws.integers[3], ws.integers[4], ws.integers[5], ws.integers[6]
    for j in range(m):
        cx[j] = bx[j]
        cy[j] = by[j]
        cv[j] = ws.potential[n + j]
        at[j] = j
        room[j] = b[j]
    for i in range(n):
        left[i] = a[i]
    for u in range(n + m):
        head[u] = EMPTY
    edges = 0
    active = m
    while active > 0:
        for i in range(n):
            if left[i] == 0:
                continue
            _, k = row_least(ax[i], ay[i], cx, cy, cv, active, squared)
            j = at[k]
            f = min(left[i], room[j])
            left[i] -= f
            room[j] -= f
            for tail, end in ((i, n + j), (n + j, i)):
                to[edges] = end
                carried[edges] = f
                link[edges] = head[tail]
                head[tail] = edges
                edges += 1
            if room[j] == 0:
                active -= 1
                cx[k] = cx[active]
                cy[k] = cy[active]
                cv[k] = cv[active]
                at[k] = at[active]
                if active == 0:
                    break


@compiled
def _hang_forest(
    ax: Any, ay: Any, n: int, bx: Any, by: Any, m: int, squared: bool, ws: Any
) -> None:
    """Make the forest of positive flows a tree: every component hangs empty on the root.

    Arcs on the root point to it and are empty, all others carry something: strongly feasible.
    """
    root = n + m
    head, to, link, carried = ws.integers[3], ws.integers[4], ws.integers[5], ws.integers[6]
    stack = ws.integers[0]
    pot = ws.potential
    for u in range(root + 1):
        ws.first[u] = EMPTY
        ws.parent[u] = UNSEEN
    ws.parent[root] = EMPTY
    ws.depth[root] = 0
    for s in range(root):
        if ws.parent[s] != UNSEEN:
            continue
        ws.parent[s] = root
        ws.flow[s] = 0
        ws.depth[s] = 1
        _adopt(s, root, ws)
        stack[0] = s
        top = 1
        while top > 0:
            top -= 1
            u = stack[top]
            e = head[u]
            while e != EMPTY:
                w = to[e]
                if ws.parent[w] == UNSEEN:
                    ws.parent[w] = u
                    ws.flow[w] = carried[e]
                    ws.depth[w] = ws.depth[u] + 1
                    i, j = (u, w - n) if u < n else (w, u - n)
                    pot[w] = arc_cost(ax[i], ay[i], bx[j], by[j], squared) - pot[u]
                    _adopt(w, u, ws)
                    stack[top] = w
                    top += 1
                e = link[e]


@compiled
def _pivot(i: int, t: int, reduced: float, n: int, root: int, ws: Any) -> None:
    """Bring the arc from source i to target t, of the given reduced cost, into the basis.

    Flow runs i -> t, from t up to the apex and from the apex down to i. Among blocking arcs the one
    met last on that way from the apex leaves, which keeps the tree strongly feasible.
    """
    parent, depth, flow = ws.parent, ws.depth, ws.flow
    most = np.int64(1) << 62
    delta_i, out_i = most, EMPTY
    delta_t, out_t = most, EMPTY
    u, w = i, t
    while u != w:
        if depth[u] >= depth[w]:
            p = parent[u]
            if (u < n or p == root) and flow[u] < delta_i:
                delta_i = flow[u]
                out_i = u
            u = p
        else:
            p = parent[w]
            if w >= n and p != root and flow[w] <= delta_t:
                delta_t = flow[w]
                out_t = w
            w = p
    apex = u
    if delta_t <= delta_i:
        delta, out, moved, kept = delta_t, out_t, t, i
    else:
        delta, out, moved, kept = delta_i, out_i, i, t
    if delta > 0:
        u = i
        while u != apex:
            flow[u] += -delta if (u < n or parent[u] == root) else delta
            u = parent[u]
        u = t
        while u != apex:
            flow[u] += delta if (u < n or parent[u] == root) else -delta
            u = parent[u]
    # Reverse the stem from the moved end up to the leaving arc, and hang it on the kept end.
    u, p, carried = moved, kept, delta
    while True:
        above = parent[u]
        below = flow[u]
        _leave(u, above, ws)
        parent[u] = p
        flow[u] = carried
        _adopt(u, p, ws)
        if u == out:
            break
        carried = below
        p = u
        u = above
    _shift(moved, kept, reduced if moved < n else -reduced, n, ws)


@compiled
def _shift(moved: int, kept: int, by: float, n: int, ws: Any) -> None:
    """Shift the potentials of a moved subtree (targets the other way) and mend its depths."""
    first, after, parent, depth, pot = ws.first, ws.after, ws.parent, ws.depth, ws.potential
    depth[moved] = depth[kept] + 1
    u = moved
    while True:
        pot[u] += by if u < n else -by
        if first[u] != EMPTY:
            below = depth[u] + 1
            u = first[u]
            depth[u] = below
            continue
        while u != moved and after[u] == EMPTY:
            u = parent[u]
        if u == moved:
            break
        level = depth[u]
        u = after[u]
        depth[u] = level


@compiled
def _refresh(ax: Any, ay: Any, n: int, bx: Any, by: Any, root: int, squared: bool, ws: Any) -> None:
    """Recompute all potentials from the tree, to shed the rounding of many shifts."""
    first, after, parent, pot = ws.first, ws.after, ws.parent, ws.potential
    u = first[root]
    while u != root:
        p = parent[u]
        if p != root:
            i, j = (u, p - n) if u < n else (p, u - n)
            pot[u] = arc_cost(ax[i], ay[i], bx[j], by[j], squared) - pot[p]
        if first[u] != EMPTY:
            u = first[u]
            continue
        while u != root and after[u] == EMPTY:
            u = parent[u]
        if u != root:
            u = after[u]


@compiled
def _extent(ax: Any, ay: Any, n: int, bx: Any, by: Any, m: int, squared: bool) -> float:
    """Cost across the bounding box of all points."""
    low_x, high_x, low_y, high_y = ax[0], ax[0], ay[0], ay[0]
    for i in range(n):
        low_x, high_x = min(low_x, ax[i]), max(high_x, ax[i])
        low_y, high_y = min(low_y, ay[i]), max(high_y, ay[i])
    for j in range(m):
        low_x, high_x = min(low_x, bx[j]), max(high_x, bx[j])
        low_y, high_y = min(low_y, by[j]), max(high_y, by[j])
    return arc_cost(low_x, low_y, high_x, high_y, squared)


@compiled
def network_simplex(
    ax: Any, ay: Any, a: Any, n: int, bx: Any, by: Any, b: Any, m: int, squared: bool, ws: Any
) -> float:
    """Least sum of flow x cost between n sources and m targets of integer masses a and b.

    sum(a) must equal sum(b), all masses positive. `ws.potential[n:n+m]` holds on entry the targets'
    starting potentials (zeros will do); on return `ws.potential` holds optimal dual potentials of
    sources then targets, `ws.parent` and `ws.flow` the optimal tree. Quickest with n <= m.
    """
    root = n + m
    pot = ws.potential
    v = pot[n:root]
    tolerance = PRICE_TOLERANCE * _extent(ax, ay, n, bx, by, m, squared)
    for i in range(n):
        pot[i] = row_least(ax[i], ay[i], bx, by, v, m, squared)[0]
    _row_minimum_flows(ax, ay, a, n, bx, by, b, m, squared, ws)
    _hang_forest(ax, ay, n, bx, by, m, squared, ws)
    block = max(1, PRICE_BLOCK // m)
    row = 0
    fresh = True
    while True:
        best, best_i, best_j = -tolerance, EMPTY, EMPTY
        for priced in range(1, n + 1):
            if _row_has_less(ax[row], ay[row], bx, by, v, m, squared, pot[row] + best):
                r, j = row_least(ax[row], ay[row], bx, by, v, m, squared)
                if r - pot[row] < best:
                    best, best_i, best_j = r - pot[row], row, j
            row = row + 1 if row + 1 < n else 0
            if priced >= block and best_i != EMPTY:
                break
        if best_i != EMPTY:
            _pivot(best_i, n + best_j, best, n, root, ws)
            fresh = False
        elif fresh:
            break
        else:
            _refresh(ax, ay, n, bx, by, root, squared, ws)
            fresh = True
    total = 0.0
    for u in range(root):
        p = ws.parent[u]
        if p != root and ws.flow[u] > 0:
            i, j = (u, p - n) if u < n else (p, u - n)
            total += ws.flow[u] * arc_cost(ax[i], ay[i], bx[j], by[j], squared)
    return total
