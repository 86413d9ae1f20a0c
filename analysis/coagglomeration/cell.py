"""What the index is computed from (a cell), how (settings) and what comes out (pair results)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from coagg.analysis.coagglomeration.transport import COSTS, as_points, merge_sites
from coagg.errors import CoaggError

METHODS = ("calibrated", "exact", "sinkhorn", "published")
THRESHOLDS = (0.90, 0.95, 0.99)
SMALLEST_SEED, LARGEST_SEED = 0, 2**63 - 1


@dataclass(frozen=True)
class Cell:
    """Located firms of one urban agglomeration in one survey year.

    Attributes
    ----------
    key
        Name of the cell, e.g. "CN/2013/CY". It enters every seed.
    points_km
        (N, 2) float64, projected kilometres of all located firms, in a canonical order.
    industry
        (N,) int32, index into `industries`; -1 for a firm that is in the pool only.
    industries
        Sorted codes of the industries to be measured, each with at least one firm.
    points_degrees
        (N, 2) float64, longitude and latitude; needed by the method 'published' only.
    """

    key: str
    points_km: np.ndarray
    industry: np.ndarray
    industries: tuple[str, ...]
    points_degrees: np.ndarray | None = None

    def __post_init__(self) -> None:
        as_points(self.points_km, f"cell {self.key}: points_km")
        industry = np.asarray(self.industry)
        if industry.shape != (len(self.points_km),) or industry.dtype.kind != "i":
            raise CoaggError(f"cell {self.key}: industry must be one integer for each point")
        if len(industry) and (industry.min() < -1 or industry.max() >= len(self.industries)):
            raise CoaggError(
                f"cell {self.key}: industry has a value outside -1 to {len(self.industries) - 1}"
            )
        empty = np.flatnonzero(self.firms == 0)
        if len(empty):
            raise CoaggError(
                f"cell {self.key}: industry {self.industries[int(empty[0])]} has no firm; "
                "leave it out"
            )

    @cached_property
    def firms(self) -> np.ndarray:
        """(J,) int64, number of firms of each industry."""
        inside = self.industry[self.industry >= 0]
        return np.bincount(inside, minlength=len(self.industries)).astype(np.int64)


@dataclass(frozen=True)
class IndexSettings:
    """How the index is computed; every field is recorded with the result.

    Attributes
    ----------
    draws
        Counterfactual draws B for each pair.
    seed
        Seed of the run; draws depend on (seed, cell key, industry size) only.
    method
        'calibrated', 'exact', 'sinkhorn' (comparison) or 'published' (the authors' arithmetic).
    cost
        'sqeuclidean' (km^2) or 'euclidean' (km).
    refine
        Exact transport solves that method 'calibrated' may spend on one fixed industry, as a
        multiple of its number of pairs, on pairs whose 95% interval straddles a threshold.
    enumerate_up_to
        Where a size has at most this many subsets of the pool, all are taken instead of draws and
        the index is exact; 0 never enumerates. Method 'exact' and 'calibrated'.
    sinkhorn_regularisation
        Entropic regularisation relative to the median cost; method 'sinkhorn'.
    """

    draws: int = 1000
    seed: int = 20_130_520
    method: str = "calibrated"
    cost: str = "sqeuclidean"
    refine: float = 0.0
    enumerate_up_to: int = 0
    sinkhorn_regularisation: float = 0.05

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise CoaggError(
                f"method '{self.method}' is not known; use one of: {', '.join(METHODS)}"
            )
        if self.cost not in COSTS:
            raise CoaggError(f"cost '{self.cost}' is not known; use one of: {', '.join(COSTS)}")
        if self.draws < 1:
            raise CoaggError(f"draws must be at least 1, not {self.draws}")
        if not SMALLEST_SEED <= self.seed <= LARGEST_SEED:
            raise CoaggError(f"seed must be between 0 and 2^63 - 1, not {self.seed}")
        if self.refine < 0:
            raise CoaggError(f"refine must not be negative, not {self.refine}")
        if self.enumerate_up_to < 0:
            raise CoaggError(f"enumerate_up_to must not be negative, not {self.enumerate_up_to}")
        if not self.sinkhorn_regularisation > 0:
            raise CoaggError("sinkhorn_regularisation must be positive")


@dataclass(frozen=True)
class Sites:
    """The pool as distinct sites, and each industry as sites with numbers of firms.

    Attributes
    ----------
    x, y
        (S,) float64 km, sorted by x then y, relative to the pool's mean.
    of_firm
        (N,) int32, site of each firm.
    start, site, firms
        Industry j has sites ``site[start[j]:start[j + 1]]`` (int32, ascending) with
        ``firms[start[j]:start[j + 1]]`` firms (int64) each.
    """

    x: np.ndarray
    y: np.ndarray
    of_firm: np.ndarray
    start: np.ndarray
    site: np.ndarray
    firms: np.ndarray

    def industry(self, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Sites (int32) and numbers of firms (int64) of industry j."""
        part = slice(self.start[j], self.start[j + 1])
        return self.site[part], self.firms[part]


def find_sites(cell: Cell) -> Sites:
    """Merge firms that stand on one point; the pool and industries in terms of sites."""
    xy = as_points(cell.points_km)
    sites, _ = merge_sites(xy)
    _, of_firm = np.unique(xy, axis=0, return_inverse=True)
    of_firm = of_firm.reshape(-1).astype(np.int32)
    start, site, firms = [0], [], []
    for j in range(len(cell.industries)):
        s, f = np.unique(of_firm[cell.industry == j], return_counts=True)
        site.append(s)
        firms.append(f)
        start.append(start[-1] + len(s))
    centred = sites - sites.mean(axis=0)
    return Sites(
        x=np.ascontiguousarray(centred[:, 0]),
        y=np.ascontiguousarray(centred[:, 1]),
        of_firm=of_firm,
        start=np.array(start, dtype=np.int64),
        site=np.concatenate(site).astype(np.int32) if site else np.zeros(0, np.int32),
        firms=np.concatenate(firms).astype(np.int64) if firms else np.zeros(0, np.int64),
    )


def stream(settings: IndexSettings, key: str, purpose: str, *numbers: int) -> np.random.Generator:
    """Random numbers that depend on the seed, the cell's key and the purpose, and nothing else."""
    digest = hashlib.blake2b(f"{purpose}|{key}".encode(), digest_size=16).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    entropy = [settings.seed & 0xFFFFFFFF, settings.seed >> 32, *words, *numbers]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))


@dataclass(frozen=True)
class PairResults:
    """Results of fixed industries x all other industries as redrawn: one entry a pair.

    Attributes
    ----------
    fixed, redrawn
        int32 indices into ``cell.industries``.
    fixed_firms, redrawn_firms
        int64 numbers of firms.
    observed_cost
        W between the two industries, km^2 or km; symmetric bit for bit.
    null_mean, null_sd
        Mean and standard deviation of W over the counterfactual draws.
    index
        Share of draws at least as costly as observed, in [0, 1].
    at_least_observed, draws
        Number of exact draws at least as costly as observed, and of exact draws; 0 and 0 where the
        index does not come from exact draws of its own (method 'calibrated', unrefined).
    standard_error
        Estimated standard error of the index against infinitely many draws; 0 when enumerated.
    refined
        Whether exact draws were spent on this pair by method 'calibrated'.
    """

    fixed: np.ndarray
    redrawn: np.ndarray
    fixed_firms: np.ndarray
    redrawn_firms: np.ndarray
    observed_cost: np.ndarray
    null_mean: np.ndarray
    null_sd: np.ndarray
    index: np.ndarray
    at_least_observed: np.ndarray
    draws: np.ndarray
    standard_error: np.ndarray
    refined: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.fixed)

    def columns(self) -> dict[str, np.ndarray]:
        """Column name to array, in the order of the fields."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def empty_results(cell: Cell, fixed: np.ndarray) -> PairResults:
    """Pair results for the given fixed industries with sizes filled in and all else zero."""
    others = len(cell.industries)
    j = np.repeat(fixed, max(others - 1, 0)).astype(np.int32)
    redrawn = [np.delete(np.arange(others), f) for f in fixed]
    k = np.concatenate(redrawn).astype(np.int32) if redrawn else np.zeros(0, np.int32)
    number = len(k)
    return PairResults(
        fixed=j,
        redrawn=k,
        fixed_firms=cell.firms[j],
        redrawn_firms=cell.firms[k],
        observed_cost=np.zeros(number),
        null_mean=np.zeros(number),
        null_sd=np.zeros(number),
        index=np.zeros(number),
        at_least_observed=np.zeros(number, np.int64),
        draws=np.zeros(number, np.int64),
        standard_error=np.zeros(number),
        refined=np.zeros(number, bool),
    )
