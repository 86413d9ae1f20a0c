"""Colocation quotient of Leslie and Kronenfeld (2011): whose nearest neighbours are whose.

CLQ(A->B) = (C_AB / N_A) / (N'_B / (N - 1)): the share of B among the nearest neighbours of A,
against the share expected under random labels; N'_B = N_B, less one when A = B. Tied nearest
neighbours share one vote equally. Both directions have the same denominator N_A N_B, so they differ
only as far as being nearest neighbours is not mutual.

C is counted by site, not by firm, because a geocoder's pile-up of s firms holds s (s - 1) tied
relations. Neighbours come from `scipy.spatial.cKDTree`.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from coagg.analysis.coagglomeration.kernels import compiled
from coagg.analysis.comparison.inputs import checked_codes, checked_draws, checked_points

# Distances that differ by less are ties: rounding of projected coordinates, not geography.
_TIE = 1e-9


class NearestNeighbours(NamedTuple):
    """Who is whose nearest neighbour, by distinct site; independent of the labels of the firms.

    `firms` (N,) firms ordered by site; `site_start` (S + 1,) where each site's firms begin;
    `neighbour_start` (S + 1,) and `neighbour_site` the nearest sites of each site, which is the
    site itself where it holds several firms; `votes` (S,) number of nearest neighbours of a firm.
    """

    firms: np.ndarray
    site_start: np.ndarray
    neighbour_start: np.ndarray
    neighbour_site: np.ndarray
    votes: np.ndarray


class ColocationTest(NamedTuple):
    """Quotients (J, J), row A and column B for A->B, with one-sided permutation p-values (J, J).

    `p_value` small: more B next to A than by chance; `p_value_lower` small: fewer. NaN where an
    industry has no firm.
    """

    quotient: np.ndarray
    p_value: np.ndarray
    p_value_lower: np.ndarray


def nearest_neighbours(points_km: np.ndarray) -> NearestNeighbours:
    """Nearest neighbours, with ties, of points (N, 2) in kilometres; raises CoaggError if N < 2.

    >>> found = nearest_neighbours(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]))
    >>> found.neighbour_site.tolist()
    [1, 0, 1]
    """
    points = checked_points(points_km)
    sites, site_of, size = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    neighbours = [np.array([s]) for s in range(len(sites))]
    alone = np.flatnonzero(size == 1)
    if len(alone) and len(sites) > 1:
        tree = cKDTree(sites)
        nearest = tree.query(sites[alone], k=2)[0][:, 1]
        tied = tree.query_ball_point(sites[alone], nearest * (1 + _TIE), return_sorted=True)
        for site, found in zip(alone, tied, strict=True):
            neighbours[site] = np.array([s for s in found if s != site])
    count = np.array([len(n) for n in neighbours])
    flat = np.concatenate(neighbours)
    start = np.concatenate([[0], np.cumsum(count)])
    own = np.where(size > 1, 1, 0)
    return NearestNeighbours(
        firms=np.argsort(site_of.reshape(-1), kind="stable"),
        site_start=np.concatenate([[0], np.cumsum(size)]),
        neighbour_start=start,
        neighbour_site=flat,
        votes=np.add.reduceat(size[flat], start[:-1]) - own,
    )


@compiled
def _count(
    codes: np.ndarray,
    industries: int,
    firms: np.ndarray,
    site_start: np.ndarray,
    neighbour_start: np.ndarray,
    neighbour_site: np.ndarray,
    votes: np.ndarray,
) -> np.ndarray:
    """C (J, J): votes of the firms of row A that go to firms of column B."""
    sites = len(site_start) - 1
    kind = np.empty(len(firms), np.int64)  # distinct industries of each site, packed from its start
    held = np.empty(len(firms), np.float64)  # firms of that industry there
    kinds = np.zeros(sites, np.int64)
    seen = np.full(industries, -1, np.int64)
    for s in range(sites):
        begin = site_start[s]
        for f in range(begin, site_start[s + 1]):
            a = codes[firms[f]]
            if seen[a] < begin:
                seen[a] = begin + kinds[s]
                kind[seen[a]] = a
                held[seen[a]] = 0.0
                kinds[s] += 1
            held[seen[a]] += 1.0
    counts = np.zeros((industries, industries))
    for s in range(sites):
        begin = site_start[s]
        for n in range(neighbour_start[s], neighbour_start[s + 1]):
            t = neighbour_site[n]
            other = site_start[t]
            for p in range(begin, begin + kinds[s]):
                vote = held[p] / votes[s]
                for q in range(other, other + kinds[t]):
                    counts[kind[p], kind[q]] += vote * held[q]
                if t == s:  # a firm is not its own neighbour
                    counts[kind[p], kind[p]] -= vote
    return counts


def _labels(industry: np.ndarray, firms: int, industries: int) -> np.ndarray:
    """Industry positions with the firms of the pool only as one more industry, number J."""
    codes = checked_codes(industry, firms, industries)
    return np.where(codes < 0, industries, codes)


def _expected(labels: np.ndarray, industries: int) -> np.ndarray:
    """Expected C under random labels (J, J), NaN where it is zero."""
    firms = np.bincount(labels, minlength=industries)[:industries].astype(float)
    others = firms[None, :] - np.eye(industries)
    expected = firms[:, None] * others / (len(labels) - 1)
    return np.where(expected > 0, expected, np.nan)


def colocation_counts(
    neighbours: NearestNeighbours, industry: np.ndarray, industries: int
) -> np.ndarray:
    """C (J, J): for firms of row A, the nearest neighbours that belong to column B, ties shared.

    `industry` (N,) positions 0..J-1 or -1 for the pool only. Rows sum to N_A when none is -1.

    >>> found = nearest_neighbours(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]))
    >>> colocation_counts(found, np.array([0, 1, 0]), 2).tolist()
    [[0.0, 2.0], [1.0, 0.0]]
    """
    labels = _labels(industry, len(neighbours.firms), industries)
    return _count(labels, industries + 1, *neighbours)[:industries, :industries]


def colocation_quotient(points_km: np.ndarray, industry: np.ndarray, industries: int) -> np.ndarray:
    """Colocation quotients of all ordered pairs: (J, J), row A and column B for A->B.

    `points_km` (N, 2) of all firms, `industry` (N,) positions 0..J-1 or -1 for the pool only. NaN
    where A or B has no firm, and for A->A with one firm. Raises CoaggError as `nearest_neighbours`.

    >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [6.0, 0.0]])
    >>> colocation_quotient(points, np.array([0, 1, 0, 1]), 2).tolist()
    [[0.0, 1.5], [1.5, 0.0]]
    """
    neighbours = nearest_neighbours(points_km)
    labels = _labels(industry, len(neighbours.firms), industries)
    return colocation_counts(neighbours, industry, industries) / _expected(labels, industries)


def colocation_test(
    points_km: np.ndarray,
    industry: np.ndarray,
    industries: int,
    *,
    permutations: int = 1000,
    seed: int = 0,
) -> ColocationTest:
    """Colocation quotients with p-values from shuffled labels, all ordered pairs at once.

    Arguments as in `colocation_quotient`. Shuffling labels leaves the neighbours as they are, so
    one permutation costs one count. p = (1 + permutations at least as high) / (1 + permutations).
    Raises CoaggError as `nearest_neighbours` does and when `permutations` < 1.

    >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [6.0, 0.0]])
    >>> colocation_test(points, np.array([0, 1, 0, 1]), 2, permutations=99).quotient.tolist()
    [[0.0, 1.5], [1.5, 0.0]]
    """
    checked_draws(permutations)
    neighbours = nearest_neighbours(points_km)
    labels = _labels(industry, len(neighbours.firms), industries)
    observed = _count(labels, industries + 1, *neighbours)
    above = np.zeros(observed.shape, np.int64)
    below = np.zeros(observed.shape, np.int64)
    rng = np.random.default_rng(seed)
    for _ in range(permutations):
        shuffled = _count(rng.permutation(labels), industries + 1, *neighbours)
        above += shuffled >= observed - _TIE
        below += shuffled <= observed + _TIE
    measured = slice(industries)
    expected = _expected(labels, industries)
    missing = np.isnan(expected)
    return ColocationTest(
        observed[measured, measured] / expected,
        np.where(missing, np.nan, (1 + above[measured, measured]) / (1 + permutations)),
        np.where(missing, np.nan, (1 + below[measured, measured]) / (1 + permutations)),
    )
