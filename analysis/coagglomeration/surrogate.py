"""A cheap stand-in for the transport cost: linear optimal transport through a reference.

Every measure is embedded once by its optimal plan to a fixed reference: the barycentre of what each
reference cell receives. The distance of two embeddings is close to, and mostly above, the
transport cost (Wang et al. 2013, IJCV 101:254-269). Embeddings of draws are shared by all fixed
industries of the cell.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from coagg.analysis.coagglomeration.cell import Cell, IndexSettings, Sites
from coagg.analysis.coagglomeration.costs import merge_draw
from coagg.analysis.coagglomeration.draws import draw_firms
from coagg.analysis.coagglomeration.kernels import compiled
from coagg.analysis.coagglomeration.network_simplex import EMPTY, Workspace, workspace
from coagg.analysis.coagglomeration.transport import cost_of_sites

# Halvings of the pool: 2^6 = 64 reference cells of nearly equal numbers of firms. Twice as many
# cost twice as much to embed and change the index's error by less than a twentieth.
REFERENCE_HALVINGS = 6
# Ratio of neighbouring sizes at which null distributions are calibrated; 1.5 adds an eighth
# to the error of the index.
SIZE_RATIO = 1.25
# Nulls of fewer firms differ too much from size to size to be smoothed: each stands for itself, on
# all draws. From here on a null borrows from its neighbours, and half the draws a size do.
SMOOTH_FROM = 6


@dataclass(frozen=True)
class Reference:
    """Reference measure: (K,) centres in km, and firms (int64) as weights."""

    x: np.ndarray
    y: np.ndarray
    firms: np.ndarray


@dataclass(frozen=True)
class SizePool:
    """Draws of one size, shared by all fixed industries.

    Attributes
    ----------
    size
        Firms in a draw.
    sites
        (U,) int32 sites that occur in any draw.
    members
        (B, size) int32 positions in `sites`, one for each firm drawn.
    embedding
        (2 K, B) float64 barycentres, x then y.
    """

    size: int
    sites: np.ndarray
    members: np.ndarray
    embedding: np.ndarray


@dataclass(frozen=True)
class SurrogatePool:
    """What the calibrated method shares within a cell: reference, sizes (G,), embedded draws."""

    reference: Reference
    sizes: np.ndarray
    pools: tuple[SizePool, ...]


def prepare_surrogate(
    cell: Cell, sites: Sites, settings: IndexSettings, threads: int = 1
) -> SurrogatePool:
    """Draw and embed the counterfactuals of every grid size of a cell.

    The result does not depend on the number of threads.
    """
    reference = find_reference(sites)
    sizes = size_grid(cell.firms)
    with ThreadPoolExecutor(max_workers=threads) as executor:
        # The largest sizes take longest, so they start first.
        largest_first = executor.map(
            lambda n: pool_of_size(cell, sites, reference, settings, int(n)), sizes[::-1]
        )
        pools = tuple(largest_first)[::-1]
    return SurrogatePool(reference, sizes, pools)


def size_grid(sizes: np.ndarray) -> np.ndarray:
    """Sizes at which nulls are calibrated: from 2 to the largest, in steps of SIZE_RATIO.

    Every whole number while steps are smaller than one; never more sizes than occur.
    """
    needed = np.unique(sizes[sizes > 1])
    if len(needed) == 0:
        return needed
    low, high = int(needed[0]), int(needed[-1])
    steps = max(1, int(np.ceil(np.log(high / low) / np.log(SIZE_RATIO))))
    grid = np.unique(np.round(np.geomspace(low, high, steps + 1)).astype(np.int64))
    return needed if len(needed) <= len(grid) else grid


def find_reference(sites: Sites) -> Reference:
    """Split the pool by medians across the longer side, REFERENCE_HALVINGS times."""
    firms = np.bincount(sites.of_firm, minlength=len(sites.x)).astype(np.int64)
    points = np.column_stack([sites.x, sites.y])
    cells = [np.arange(len(points))]
    for _ in range(REFERENCE_HALVINGS):
        cells = [part for cell in cells for part in _halve(cell, points, firms)]
    weight = np.array([firms[c].sum() for c in cells], dtype=np.int64)
    centre = np.array([(points[c] * firms[c, None]).sum(0) / firms[c].sum() for c in cells])
    return Reference(np.ascontiguousarray(centre[:, 0]), np.ascontiguousarray(centre[:, 1]), weight)


def _halve(cell: np.ndarray, points: np.ndarray, firms: np.ndarray) -> list[np.ndarray]:
    """Two halves of a cell by number of firms; a cell of one site stays whole."""
    if len(cell) == 1:
        return [cell]
    axis = int(np.ptp(points[cell], axis=0).argmax())
    order = cell[np.argsort(points[cell, axis], kind="stable")]
    cumulated = np.cumsum(firms[order])
    at = int(np.searchsorted(cumulated, cumulated[-1] / 2)) + 1
    at = min(max(at, 1), len(order) - 1)
    return [order[:at], order[at:]]


def pool_of_size(
    cell: Cell, sites: Sites, reference: Reference, settings: IndexSettings, size: int
) -> SizePool:
    """Draw and embed subsets of one size."""
    draws = settings.draws if size < SMOOTH_FROM else (settings.draws + 1) // 2
    chosen = sites.of_firm[draw_firms(cell, settings, size, draws, "calibrated")]
    used, members = np.unique(chosen, return_inverse=True)
    members = members.reshape(chosen.shape).astype(np.int32)
    embedding = _embed_draws(
        members, sites.x[used], sites.y[used], reference.x, reference.y, reference.firms
    )
    return SizePool(size, used.astype(np.int32), members, np.ascontiguousarray(embedding.T))


def embed_industry(sites: Sites, j: int, reference: Reference) -> np.ndarray:
    """Embedding of an industry, (2 K,) float64 km."""
    site, firms = sites.industry(j)
    out = np.empty(2 * len(reference.x))
    ws = workspace(len(site) + len(reference.x))
    _embed(sites.x[site], sites.y[site], firms, reference.x, reference.y, reference.firms, out, ws)
    return out


@compiled
def _embed(fx: Any, fy: Any, fw: Any, rx: Any, ry: Any, rw: Any, out: Any, ws: Workspace) -> None:
    """Write the barycentre of what each reference cell receives to out (x then y)."""
    n, m = len(fx), len(rx)
    root = n + m
    measure_first = n <= m
    if measure_first:
        cost_of_sites(fx, fy, fw, rx, ry, rw, True, ws)
    else:
        cost_of_sites(rx, ry, rw, fx, fy, fw, True, ws)
    out[:] = 0.0
    received = np.zeros(m)
    for u in range(root):
        p = ws.parent[u]
        f = ws.flow[u]
        if p in (root, EMPTY) or f == 0:
            continue
        low, high = min(u, p), max(u, p)
        i, k = (low, high - n) if measure_first else (high - m, low)
        received[k] += f
        out[k] += f * fx[i]
        out[m + k] += f * fy[i]
    for k in range(m):
        out[k] /= received[k]
        out[m + k] /= received[k]


@compiled
def _embed_draws(members: Any, x: Any, y: Any, rx: Any, ry: Any, rw: Any) -> Any:
    number, size = members.shape
    ws = workspace(size + len(rx))
    out = np.empty((number, 2 * len(rx)))
    same = np.arange(len(x))
    met = np.zeros(len(x), np.int64)
    touched = np.empty(size, np.int64)
    dx, dy, dw = np.empty(size), np.empty(size), np.empty(size, np.int64)
    for b in range(number):
        m = merge_draw(members[b], same, x, y, met, touched, dx, dy, dw)
        _embed(dx[:m], dy[:m], dw[:m], rx, ry, rw, out[b], ws)
    return out


@compiled
def embedding_costs(embedding: Any, own: Any, firms: Any, squared: bool) -> Any:
    """Surrogate cost of each embedded draw (2 K, B) to one embedded industry (2 K,): (B,)."""
    m = len(firms)
    weight = firms / firms.sum()
    out = np.zeros(embedding.shape[1])
    for k in range(m):
        px, py, w = own[k], own[m + k], weight[k]
        x, y = embedding[k], embedding[m + k]
        # Over draws within, so that the sums go on in vector instructions.
        if squared:
            for b in range(len(out)):
                dx = x[b] - px
                dy = y[b] - py
                out[b] += w * (dx * dx + dy * dy)
        else:
            for b in range(len(out)):
                dx = x[b] - px
                dy = y[b] - py
                out[b] += w * np.sqrt(dx * dx + dy * dy)
    return out
