"""Duranton and Overman (2005, 2008): density of distances between two industries, with envelopes.

The cross K-density of industries A and B is the density of the n_A n_B distances between their
firms: Gaussian kernel, reflected at 0, at distances up to the median of all distances of the pool.
The counterfactual draws the sites of both anew, without replacement, from those of all firms, so
it depends on (n_A, n_B) alone and pairs of equal sizes share it. Draw b is one permutation of the
pool: A takes its first n_A sites, B its last n_B, so the distances of one draw serve all sizes.

Bandwidth: Silverman's rule on the distances of each curve, observed or drawn, as published. With
few or coincident distances that rule can give nearly 0, so it is kept within a factor of 4 of what
the spread of the pool's distances would give for as many. Distances are binned (an eighth of the
smallest pool bandwidth, 1,024 bins at most) and the drawn curves interpolated between a few
bandwidths; `k_density` is the exact sum to check that against.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist, pdist

from coagg.analysis.coagglomeration.kernels import compiled
from coagg.analysis.comparison.inputs import checked_codes, checked_draws, checked_points
from coagg.errors import CoaggError

GRID = 64
LEVEL = 0.05
BINS_PER_BANDWIDTH = 8
_BANDWIDTH_GUARD = 4.0
_KERNEL_REACH = 4.0  # bandwidths beyond which a distance adds nothing
_POOL_SAMPLE = 2000  # firms from which the pool's median distance and spread are taken


class PoolDistances(NamedTuple):
    """Median and spread (smaller of sd and IQR/1.34) of the pool's distances, in kilometres."""

    median_km: float
    spread_km: float


class KDensityTest(NamedTuple):
    """K-density (G,) of one pair at `distance_km` (G,), per kilometre, and its envelopes (2, G).

    `localisation` is the sum over distances of the density above the upper global envelope, times
    the step, so a share of the pair's distances; `dispersion` the same below the lower one, counted
    only without localisation. `p_value` is the one-sided global rank p of localisation.
    """

    distance_km: np.ndarray
    k_density: np.ndarray
    local_envelope: np.ndarray
    global_envelope: np.ndarray
    localisation: float
    dispersion: float
    p_value: float
    bandwidth_km: float


class PairLocalisation(NamedTuple):
    """For all pairs (J, J), symmetric, NaN on the diagonal and where there is nothing to test.

    `value` is localisation, or minus dispersion, or 0 inside the global envelope.
    """

    value: np.ndarray
    p_value: np.ndarray


def _spread(distances_km: np.ndarray) -> float:
    low, high = np.quantile(distances_km, [0.25, 0.75])
    spread = [s for s in (float(distances_km.std(ddof=1)), (high - low) / 1.34) if s > 0]
    return min(spread, default=0.0)


def silverman_bandwidth_km(distances_km: np.ndarray) -> float:
    """Silverman (1986, eq. 3.31): 0.9 min(sd, IQR / 1.34) n^(-1/5), as R's `bw.nrd0`.

    >>> round(silverman_bandwidth_km(np.arange(1.0, 33.0)), 3)
    4.221
    """
    distances = np.ravel(distances_km)
    return 0.9 * _spread(distances) * len(distances) ** -0.2


def pool_distances(points_km: np.ndarray) -> PoolDistances:
    """Median and spread of the distances among all firms (N, 2).

    Exact up to 2,000 firms, else from a fixed random sample of 2,000 (two million distances).

    >>> pool_distances(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]])).median_km
    4.0
    """
    points = checked_points(points_km)
    if len(points) > _POOL_SAMPLE:
        chosen = np.random.default_rng(0).choice(len(points), _POOL_SAMPLE, replace=False)
        points = points[chosen]
    distances = pdist(points)
    spread = _spread(distances) if len(distances) > 1 else 0.0
    return PoolDistances(float(np.median(distances)), spread)


def k_density(distances_km: np.ndarray, at_km: np.ndarray, bandwidth_km: float) -> np.ndarray:
    """Density per kilometre (G,) of the distances at `at_km` (G,), reflected at 0; exact sum.

    >>> k_density(np.array([2.0]), np.array([2.0, 20.0]), 0.5).round(3).tolist()
    [0.798, 0.0]
    """
    distances = np.ravel(distances_km)
    return _kernel(distances, at_km, bandwidth_km).mean(axis=0)


def _kernel(distances_km: np.ndarray, at_km: np.ndarray, bandwidth_km: float) -> np.ndarray:
    """Reflected Gaussian kernel of each distance at each point of the grid, (D, G)."""
    near = (at_km[None, :] - distances_km[:, None]) / bandwidth_km
    mirrored = (at_km[None, :] + distances_km[:, None]) / bandwidth_km
    scale = bandwidth_km * np.sqrt(2 * np.pi)
    return (np.exp(-0.5 * near**2) + np.exp(-0.5 * mirrored**2)) / scale


@compiled
def _spreads_km(histogram: np.ndarray, centres_km: np.ndarray) -> np.ndarray:
    """Smaller positive of sd and IQR/1.34 of the binned distances of each row: (R,), else 0."""
    rows, bins = histogram.shape
    spreads = np.zeros(rows)
    for r in range(rows):
        n = 0.0
        total = 0.0
        squares = 0.0
        for i in range(bins):
            n += histogram[r, i]
            total += histogram[r, i] * centres_km[i]
            squares += histogram[r, i] * centres_km[i] ** 2
        quartiles = np.zeros(2)
        for q in range(2):
            # Linear between order statistics, as numpy and R do it (type 7).
            rank = (n - 1) * (0.25 + 0.5 * q)
            part = rank - np.floor(rank)
            passed = 0.0
            i = -1
            while passed <= np.floor(rank):
                i += 1
                passed += histogram[r, i]
            quartiles[q] = centres_km[i]
            if part > 0:
                while passed <= np.ceil(rank):
                    i += 1
                    passed += histogram[r, i]
                quartiles[q] += part * (centres_km[i] - quartiles[q])
        sd = np.sqrt(max(0.0, squares - total * total / n) / max(1.0, n - 1))
        iqr = (quartiles[1] - quartiles[0]) / 1.34
        spreads[r] = min(sd, iqr) if iqr > 0 else sd
    return spreads


@compiled
def _add_rows(
    histogram: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    begin: int,
    end: int,
    block: np.ndarray,
    bins_per_km: float,
) -> None:
    """Add distances of sites first[begin:end] to all of `last`, by draw, block of last and bin."""
    for b in range(len(histogram)):
        for i in range(begin, end):
            xi = x[first[b, i]]
            yi = y[first[b, i]]
            for j in range(len(block)):
                dx = x[last[b, j]] - xi
                dy = y[last[b, j]] - yi
                position = np.sqrt(dx * dx + dy * dy) * bins_per_km
                histogram[b, block[j], int(position)] += 1.0


class _Engine:
    """Grid, bins and draws that all pairs of one pool share."""

    def __init__(self, points: np.ndarray, sizes: np.ndarray, draws: int, seed: int) -> None:
        pool = pool_distances(points)
        self.points, self.sizes, self.draws = points, sizes, draws
        self.spread_km = pool.spread_km
        self.testable = pool.median_km > 0 and pool.spread_km > 0
        if not self.testable:
            return
        self.distance_km = np.linspace(0, pool.median_km, GRID)
        diagonal = float(np.hypot(*np.ptp(points, axis=0)))
        finest = self._pool_bandwidth_km(float(sizes[-1]) ** 2) / BINS_PER_BANDWIDTH
        self.bins = int(np.clip(np.ceil(diagonal / finest), 128, 1024))
        self.bins_per_km = self.bins / (diagonal * (1 + 1e-9))
        self.centres_km = (np.arange(self.bins) + 0.5) / self.bins_per_km
        most = int(sizes[-1])
        rng = np.random.default_rng(seed)
        self.first = np.empty((draws, most), np.int32)
        self.last = np.empty((draws, most), np.int32)
        for b in range(draws):
            order = rng.permutation(len(points))
            self.first[b] = order[:most]
            self.last[b] = order[::-1][:most]

    def _pool_bandwidth_km(self, distances: float) -> float:
        return 0.9 * self.spread_km * distances**-0.2

    def bandwidths_km(self, histogram: np.ndarray, distances: float) -> np.ndarray:
        """Bandwidth (R,) of each row of binned distances (R, bins)."""
        own = 0.9 * _spreads_km(histogram, self.centres_km) * distances**-0.2
        plain = self._pool_bandwidth_km(distances)
        return np.clip(own, plain / _BANDWIDTH_GUARD, plain * _BANDWIDTH_GUARD)

    def curves(self, histogram: np.ndarray) -> np.ndarray:
        """K-densities (G, R) of rows of as many binned distances each (R, bins), float32.

        Smoothed at a few bandwidths (Chebyshev nodes of log h) and interpolated to each row's own.
        """
        distances = float(histogram[0].sum())
        log_h = np.log(self.bandwidths_km(histogram, distances))
        low, high = float(log_h.min()), float(log_h.max())
        count = 1 if high - low < 1e-9 else 3 + int(4 * (high - low))
        nodes = (low + high) / 2 + (high - low) / 2 * np.cos(
            np.pi * (2 * np.arange(count) + 1) / (2 * count)
        )
        reach = self.distance_km[-1] + _KERNEL_REACH * np.exp(high)
        near = int(np.searchsorted(self.centres_km, reach))
        counts = np.ascontiguousarray(histogram[:, :near].T)
        total = np.zeros((GRID, len(histogram)), np.float32)
        for i, node in enumerate(nodes):
            rest = np.delete(nodes, i)
            weight = ((log_h[:, None] - rest) / (node - rest)).prod(axis=1) / distances
            kernel = _kernel(self.centres_km[:near], self.distance_km, float(np.exp(node)))
            total += weight.astype(np.float32) * (kernel.T.astype(np.float32) @ counts)
        return total

    def histogram(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Observed distances of firms `a` to firms `b` by bin: (1, bins)."""
        position = (cdist(self.points[a], self.points[b]) * self.bins_per_km).astype(np.int64)
        return np.bincount(position.ravel(), minlength=self.bins).astype(np.float32)[None, :]

    def nulls(self, wanted: set[tuple[int, int]]) -> Iterator[tuple[int, int, np.ndarray]]:
        """For each wanted pair of size positions (k, m), m <= k: curves (G, draws) of the draws."""
        x, y = np.ascontiguousarray(self.points.T)
        block = np.searchsorted(self.sizes, np.arange(self.first.shape[1]), side="right")
        by_block = np.zeros((self.draws, len(self.sizes), self.bins), np.float32)
        begin = 0
        for k, size in enumerate(self.sizes.tolist()):
            _add_rows(by_block, x, y, self.first, self.last, begin, size, block, self.bins_per_km)
            begin = size
            drawn = np.zeros((self.draws, self.bins), np.float32)
            for m in range(k + 1):
                drawn += by_block[:, m]
                if (k, m) in wanted:
                    yield k, m, self.curves(drawn)


class _Envelope:
    """Local and global envelopes of simulated curves (G, B) at a level, and what lies outside."""

    def __init__(self, curves: np.ndarray) -> None:
        self.curves = np.sort(curves, axis=1)
        order = np.argsort(curves, axis=1, kind="stable")
        draws = curves.shape[1]
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(draws)[None, :], axis=1)
        # Highest (lowest) rank that each simulation reaches at any distance, 0-based.
        self.highest = np.sort(rank.max(axis=0))
        self.lowest = np.sort(rank.min(axis=0))
        # The narrowest ranks that at most 5% of the simulations cross anywhere.
        allowed = int(np.floor(LEVEL * draws))
        self.upper = self.curves[:, self.highest[draws - 1 - allowed]]
        self.lower = self.curves[:, self.lowest[allowed]]

    def local(self) -> np.ndarray:
        """Pointwise 5th and 95th percentiles: (2, G)."""
        return np.quantile(self.curves, [LEVEL, 1 - LEVEL], axis=1)

    def outside(self, observed: np.ndarray, step_km: float) -> tuple[float, float, float]:
        """Localisation, dispersion and p of localisation of an observed curve (G,)."""
        above = float(np.maximum(observed - self.upper, 0).sum() * step_km)
        below = float(np.maximum(self.lower - observed, 0).sum() * step_km) if above == 0 else 0.0
        draws = len(self.highest)
        # Rank the observed curve among the simulations and count those at least as extreme.
        reached = int((self.curves < observed[:, None]).sum(axis=1).max()) - 1
        extreme = draws - int(np.searchsorted(self.highest, reached, side="right"))
        return above, below, (1 + extreme) / (1 + draws)


def duranton_overman(
    points_km: np.ndarray,
    firms_a: np.ndarray,
    firms_b: np.ndarray,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> KDensityTest:
    """Cross K-density of two industries and its envelopes (Duranton and Overman 2005).

    `points_km` (N, 2) of all firms of the pool; `firms_a`, `firms_b` positions in it, disjoint.
    Raises CoaggError for empty or overlapping industries and for a pool without distances.

    >>> points = np.random.default_rng(1).uniform(0, 50, (200, 2))
    >>> points[:20] = points[20:40] + 0.5  # each firm of A stands beside one of B
    >>> test = duranton_overman(points, np.arange(20), np.arange(20, 40), draws=99)
    >>> test.distance_km.shape, test.localisation > 0
    ((64,), True)
    """
    points = checked_points(points_km)
    a, b = np.asarray(firms_a), np.asarray(firms_b)
    if not len(a) or not len(b) or len(np.intersect1d(a, b)):
        raise CoaggError("the two industries must each hold a firm and share none")
    sizes = np.unique([len(a), len(b)])
    engine = _Engine(points, sizes, checked_draws(draws), seed)
    if not engine.testable:
        raise CoaggError("half of the pool's distances or more are 0: no K-density to estimate")
    pair = (len(sizes) - 1, 0)
    histogram = engine.histogram(a, b)
    observed = engine.curves(histogram)[:, 0]
    envelope = _Envelope(next(engine.nulls({pair}))[2])
    step_km = float(engine.distance_km[1])
    above, below, p_value = envelope.outside(observed, step_km)
    return KDensityTest(
        engine.distance_km,
        observed,
        envelope.local(),
        np.stack([envelope.lower, envelope.upper]),
        above,
        below,
        p_value,
        float(engine.bandwidths_km(histogram, float(len(a) * len(b)))[0]),
    )


def duranton_overman_pairs(
    points_km: np.ndarray,
    industry: np.ndarray,
    industries: int,
    *,
    draws: int = 1000,
    seed: int = 0,
    max_firms: int = 1000,
) -> PairLocalisation:
    """Localisation of every pair of J industries against draws shared by pairs of equal sizes.

    `points_km` (N, 2) of all firms, `industry` (N,) positions 0..J-1, -1 for the pool only. An
    industry of more than `max_firms` firms is represented by that many drawn at random from it,
    which bounds the cost at `draws * max_firms**2` distances. Memory: draws x distinct sizes x
    bins (1,024 at most) x 4 bytes.
    With one seed, equal to `duranton_overman` of each pair up to the width of the bins.

    >>> points = np.random.default_rng(1).uniform(0, 50, (60, 2))
    >>> found = duranton_overman_pairs(points, np.arange(60) % 3, 3, draws=99)
    >>> found.value.shape, bool(np.isnan(found.value[0, 0]))
    ((3, 3), True)
    """
    points = checked_points(points_km)
    codes = checked_codes(industry, len(points), industries)
    thin = np.random.default_rng([seed, 1])
    members = []
    for j in range(industries):
        firms = np.flatnonzero(codes == j)
        if len(firms) > max_firms:
            firms = np.sort(thin.choice(firms, max_firms, replace=False))
        members.append(firms)
    count = np.array([len(m) for m in members])
    value = np.full((industries, industries), np.nan)
    p_value = np.full((industries, industries), np.nan)
    present = np.flatnonzero(count)
    checked_draws(draws)
    if len(present) < 2:
        return PairLocalisation(value, p_value)
    sizes = np.unique(count[present])
    engine = _Engine(points, sizes, draws, seed)
    if not engine.testable:
        return PairLocalisation(value, p_value)
    position = np.searchsorted(sizes, count)
    pairs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for i, a in enumerate(present):
        for b in present[i + 1 :]:
            sizes_of = int(position[a]), int(position[b])
            pairs.setdefault((max(sizes_of), min(sizes_of)), []).append((int(a), int(b)))
    step_km = float(engine.distance_km[1])
    for larger, smaller, curves in engine.nulls(set(pairs)):
        envelope = _Envelope(curves)
        for one, other in pairs[larger, smaller]:
            observed = engine.curves(engine.histogram(members[one], members[other]))[:, 0]
            above, below, p = envelope.outside(observed, step_km)
            value[one, other] = value[other, one] = above - below
            p_value[one, other] = p_value[other, one] = p
    return PairLocalisation(value, p_value)
