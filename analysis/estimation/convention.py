"""Small-sample factors by the name of the program whose convention they are.

K below counts the coefficients and the absorbed effects that are not nested in a cluster
variable: `k + sum(levels - 1) + 1`. Sources: reghdfe 6 and R fixest 0.12 divide the clustered
covariance by N - K; ivreghdfe does not count the constant when an effect is nested; ppmlhdfe
corrects for clusters only. With two cluster variables all terms carry the smaller G.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coagg.errors import CoaggError


def nested(effect: np.ndarray, cluster: np.ndarray) -> bool:
    """Whether every level of `effect` (codes) lies within one level of `cluster` (codes)."""
    if len(effect) == 0:
        return True
    first = np.full(int(effect.max()) + 1, -1, dtype=np.int64)
    first[effect] = cluster
    return bool((first[effect] == cluster).all())


@dataclass(frozen=True)
class Sizes:
    """The counts every factor is made of."""

    observations: int
    clusters: int
    """The smaller number of clusters."""
    absorbed: int
    """Sum of levels - 1 of the effects that are not nested in a cluster variable."""
    any_nested: bool

    def denominator(self, coefficients: int, convention: str) -> int:
        """Observations less everything counted under the convention."""
        constant = 0 if convention == "ivreghdfe" and self.any_nested else 1
        left = self.observations - coefficients - self.absorbed - constant
        if left <= 0:
            raise CoaggError(
                f"{self.observations} observations for {coefficients} coefficients and "
                f"{self.absorbed} levels of fixed effects; widen the sample"
            )
        return left

    def factor(self, coefficients: int, convention: str) -> float:
        """Factor on the clustered covariance."""
        groups = self.clusters / (self.clusters - 1)
        if convention == "ppmlhdfe":
            return groups
        left = self.denominator(coefficients, convention)
        return groups * (self.observations - 1) / left


def sizes(
    observations: int, effects: Sequence[np.ndarray], clusters: Sequence[np.ndarray]
) -> Sizes:
    """Counts from code arrays (n,) of the effects and of the cluster variables."""
    absorbed, any_nested = 0, False
    for effect in effects:
        if any(nested(effect, cluster) for cluster in clusters):
            any_nested = True
        else:
            absorbed += int(effect.max())
    smallest = min(int(cluster.max()) + 1 for cluster in clusters)
    return Sizes(observations, smallest, absorbed, any_nested)
