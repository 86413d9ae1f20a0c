"""Equations of innovation: the paper's coefficients as truth, solved for all cells of a year.

ln(1 + scale_j) = b ln(1 + sum_k phi_jk scale_k) + output pool + labour pool + ln(1 + LQ)
+ own output + own employment + effects + e, solved by iteration (a contraction, since b < 1); the
same for quality with its own coefficients. Pools are sums over the planted links.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NAMES = (
    "knowledge_pool",
    "output_pool",
    "labour_pool",
    "location_quotient",
    "output",
    "employment",
)
# METHOD section 6: tables 1 and 2, columns KP scale on scale and KP quality on quality.
COEFFICIENTS = {
    "outward": {
        "scale": dict(zip(NAMES, (0.288, -0.131, 0.060, 0.331, 0.0286, 0.0332), strict=True)),
        "quality": dict(zip(NAMES, (0.235, -0.177, 0.123, 0.441, 0.0444, 0.0381), strict=True)),
    },
    "inward": {
        "scale": dict(zip(NAMES, (0.230, -0.00705, -0.0452, 0.305, 0.0286, 0.0332), strict=True)),
        "quality": dict(zip(NAMES, (0.199, -0.0244, -0.0269, 0.416, 0.0444, 0.0381), strict=True)),
    },
}
ROUNDS = 400
TOLERANCE = 1e-10


@dataclass(frozen=True)
class CellYear:
    """Cells of one year: (C, J) arrays by agglomeration and industry; `phi` (C, J, J).

    `phi` holds the links that innovation follows: phi(j -> k) outward, its transpose inward.
    """

    phi: np.ndarray
    output: np.ndarray
    employment: np.ndarray

    @property
    def location_quotient(self) -> np.ndarray:
        """(E_jc / E_c) / (E_j / E), totals over all agglomerations."""
        own = self.employment / self.employment.sum(axis=1, keepdims=True)
        whole = self.employment.sum(axis=0) / self.employment.sum()
        return own / whole

    def pool(self, values: np.ndarray) -> np.ndarray:
        """Sum of the linked industries' values, (C, J)."""
        return np.einsum("cjk,ck->cj", self.phi, values)


def given_part(cells: CellYear, coefficients: dict[str, float]) -> np.ndarray:
    """All terms but the knowledge pool, effects and the error, (C, J)."""
    return np.asarray(
        coefficients["output_pool"] * np.log1p(cells.pool(cells.output))
        + coefficients["labour_pool"] * np.log1p(cells.pool(cells.employment))
        + coefficients["location_quotient"] * np.log1p(cells.location_quotient)
        + coefficients["output"] * np.log1p(cells.output)
        + coefficients["employment"] * np.log1p(cells.employment)
    )


def solve(cells: CellYear, rest: np.ndarray, slope: float) -> np.ndarray:
    """The innovation (C, J) that its own knowledge pool and `rest` (logarithm) imply, >= 0."""
    value = np.expm1(np.maximum(rest, 0))
    for _ in range(ROUNDS):
        last = value
        value = np.expm1(np.maximum(slope * np.log1p(cells.pool(value)) + rest, 0))
        if np.max(np.abs(value - last) / (1 + last)) < TOLERANCE:
            break
    return value


def constant_for_median(cells: CellYear, rest: np.ndarray, slope: float, median: float) -> float:
    """The constant that, added to `rest`, gives cells the median wanted; by bisection."""
    low, high = -30.0, 30.0
    for _ in range(40):
        middle = (low + high) / 2
        if np.median(solve(cells, rest + middle, slope)) < median:
            low = middle
        else:
            high = middle
    return (low + high) / 2
