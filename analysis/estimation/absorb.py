"""Taking fixed effects out exactly: the largest by its means, the others by a small system."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from coagg.errors import CoaggError

MOST_LEVELS = 6_000


def solve_levels(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solution of smallest norm of the rank-deficient system of level effects."""
    values, vectors = np.linalg.eigh(gram)
    keep = values > values.max(initial=0.0) * 1e-10
    vectors = vectors[:, keep]
    return vectors @ ((vectors.T @ right) / values[keep, None])


def dummies(codes: np.ndarray) -> sparse.csr_matrix:
    """(n, levels) matrix of zeros and ones."""
    n = len(codes)
    return sparse.csr_matrix((np.ones(n), codes, np.arange(n + 1)), shape=(n, int(codes.max()) + 1))


def absorb(columns: np.ndarray, effects: Sequence[np.ndarray]) -> np.ndarray:
    """Residuals (n, P) of the columns on the fixed effects (code arrays) and a constant.

    Exact up to rounding (no iteration); with no effects the mean is taken out.
    """
    columns = columns - columns.mean(axis=0)
    if not effects:
        return columns
    ordered = sorted(effects, key=lambda code: -int(code.max()))
    first = dummies(ordered[0])
    counts = np.asarray(first.sum(axis=0)).ravel()

    def means_out(values: np.ndarray) -> np.ndarray:
        return values - first @ ((first.T @ values) / counts[:, None])

    centred = means_out(columns)
    if len(ordered) > 1:
        others = sparse.hstack([dummies(code) for code in ordered[1:]]).tocsr()
        if others.shape[1] > MOST_LEVELS:
            raise CoaggError(
                f"the fixed effects beside the largest have {others.shape[1]} levels; "
                f"at most {MOST_LEVELS}: use coarser effects"
            )
        sums = (first.T @ others).tocsr()
        gram = (others.T @ others).toarray() - (sums.T @ sparse.diags(1 / counts) @ sums).toarray()
        # The second round takes out what rounding left of the first.
        for _ in range(2):
            level = solve_levels(gram, others.T @ centred)
            centred = means_out(centred - others @ level)
    return centred
