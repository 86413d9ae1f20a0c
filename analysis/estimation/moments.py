"""Cross-products after the fixed effects, by cluster: all that an estimate needs.

With P columns W (partialled out), `blocks` of a cluster variable are the G matrices `W_g' W_g`.
The score of a cluster is linear in its block, so coefficients, clustered covariances,
Kleibergen-Paap and Anderson-Rubin statistics all follow without the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coagg.analysis.estimation.convention import Sizes


@dataclass(frozen=True)
class Grouping:
    """Blocks of one cluster variable and the sign with which its meat counts."""

    sign: float
    labels: pd.Index
    blocks: np.ndarray
    """(G, P, P)"""


@dataclass(frozen=True)
class Moments:
    """Sufficient statistics of a sample."""

    names: tuple[str, ...]
    cross: np.ndarray
    """(P, P) after the fixed effects."""
    totals: np.ndarray
    """(P,) sums of squares about the mean, before the fixed effects."""
    groupings: tuple[Grouping, ...]
    """One, or two and their intersection with sign -1."""
    sizes: Sizes
    clusters: dict[str, int]

    def index(self, names: Sequence[str]) -> list[int]:
        """Positions of the names."""
        where = {name: i for i, name in enumerate(self.names)}
        return [where[name] for name in names]

    def deviations(self, names: Sequence[str]) -> dict[str, float]:
        """Standard deviations (N - 1) of columns, before the fixed effects."""
        found = np.sqrt(self.totals[self.index(names)] / (self.sizes.observations - 1))
        return dict(zip(names, found.tolist(), strict=True))

    def scores(self, left: np.ndarray, right: np.ndarray) -> list[tuple[Grouping, np.ndarray]]:
        """By grouping the (G, a) sums over a cluster of `(W left)_i (W right)_i`.

        `left` (P, a), `right` (P,): combinations of the columns.
        """
        return [(g, (g.blocks @ right) @ left) for g in self.groupings]

    def meat(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(a, a) sum of outer products of the scores."""
        parts = [g.sign * (s.T @ s) for g, s in self.scores(left, right)]
        return np.sum(parts, axis=0)

    def meat_between(self, left: np.ndarray, right: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(a, a) sum of outer products of the scores of `right` with those of `other`."""
        pairs = zip(self.scores(left, right), self.scores(left, other), strict=True)
        return np.sum([g.sign * (a.T @ b) for (g, a), (_, b) in pairs], axis=0)


def row_blocks(columns: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """(G, P, P) cross-products of the rows (n, P) by group code."""
    order = np.argsort(group, kind="stable")
    ordered = columns[order]
    ends = np.cumsum(np.bincount(group, minlength=count))
    blocks = np.empty((count, columns.shape[1], columns.shape[1]))
    start = 0
    for g, end in enumerate(ends):
        part = ordered[start:end]
        blocks[g] = part.T @ part
        start = end
    return blocks


def positive(covariance: np.ndarray) -> tuple[np.ndarray, bool]:
    """The covariance with negative eigenvalues set to 0, and whether there were any.

    Two-way covariances need not be positive (Cameron, Gelbach and Miller 2011).
    """
    values, vectors = np.linalg.eigh(covariance)
    if values.min() >= -1e-12 * max(values.max(), 0.0):
        return covariance, False
    return (vectors * np.maximum(values, 0)) @ vectors.T, True
