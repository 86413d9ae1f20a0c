"""Are two columns equal? The test of the stacked sample, raw and standardised.

Stacking two samples with every regressor and every fixed effect interacted with the dummy gives
the two separate estimates; the only thing it adds is their covariance, through clusters that are
in both. That covariance is the sum over clusters of the products of their influences, so nothing
is stacked here, and 2SLS is tested as OLS is. The small-sample factor is that of the stack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from coagg.analysis.estimation import linear
from coagg.analysis.estimation.convention import Sizes, nested
from coagg.analysis.estimation.fit import Sample, moments, sample
from coagg.analysis.estimation.model import Model
from coagg.analysis.estimation.moments import positive
from coagg.errors import CoaggError


@dataclass(frozen=True)
class Difference:
    """One regressor in both columns; differences are second less first."""

    name: str
    """Name in the first column."""
    name_second: str
    first: float
    second: float
    difference: float
    standard_error: float
    t: float
    p: float
    standardised_first: float
    """b * sd(x) / sd(y), the standard deviations of the sample taken as known."""
    standardised_second: float
    standardised_difference: float
    standardised_standard_error: float
    standardised_t: float
    standardised_p: float


@dataclass(frozen=True)
class Equality:
    """The differences, the joint test of all of them, and what could not be compared."""

    differences: tuple[Difference, ...]
    joint_f: float
    joint_p: float
    observations: int
    clusters: dict[str, int]
    dropped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Side:
    data: Sample
    solution: linear.Solution
    influences: list[tuple[float, pd.Index, np.ndarray]]
    sizes: Sizes
    dropped: tuple[tuple[str, str], ...]


def _side(frame: pd.DataFrame, model: Model) -> _Side:
    data = sample(frame, model)
    statistics = moments(data, model)
    kept = linear.keep(statistics, model)
    solution = linear.solve(statistics, model, kept)
    found = [
        (grouping.sign, grouping.labels, scores)
        for grouping, scores in statistics.scores(solution.left, solution.residual)
    ]
    return _Side(data, solution, found, statistics.sizes, kept.dropped)


def equality(first: tuple[pd.DataFrame, Model], second: tuple[pd.DataFrame, Model]) -> Equality:
    """Test that the coefficients of two columns are equal, regressor by regressor, by position.

    The columns may differ in sample, dependent and names of regressors (outward against inward),
    not in number of regressors, cluster variables or convention. Raises `CoaggError` when they do,
    and as `fit` does.
    """
    (frame_a, model_a), (frame_b, model_b) = first, second
    same = len(model_a.names) == len(model_b.names) and model_a.cluster == model_b.cluster
    if (
        not same
        or model_a.convention != model_b.convention
        or len(model_a.effects) != len(model_b.effects)
    ):
        raise CoaggError(
            f"{model_a.dependent} and {model_b.dependent} cannot be compared: both need the same "
            "number of regressors and effects, the same cluster variables and convention"
        )
    if "ppml" in (model_a.estimator, model_b.estimator):
        raise CoaggError("equality is tested of ols and 2sls columns; estimate Poisson apart")
    a, b = _side(frame_a, model_a), _side(frame_b, model_b)

    size = len(a.solution.names)
    width = size + len(b.solution.names)
    covariance = np.zeros((width, width))
    clusters: list[int] = []
    for (sign, labels_a, psi_a), (_, labels_b, psi_b) in zip(
        a.influences, b.influences, strict=True
    ):
        both = labels_a.union(labels_b)
        psi = np.zeros((len(both), width))
        psi[both.get_indexer(labels_a), :size] = psi_a
        psi[both.get_indexer(labels_b), size:] = psi_b
        covariance += sign * (psi.T @ psi)
        if sign > 0:
            clusters.append(len(both))
    factor = _stack(a, b, min(clusters)).factor(width, model_a.convention)
    covariance, _ = positive(covariance * factor)
    df = min(clusters) - 1

    matched = [
        (i, size + k, model_a.names[at])
        for at in range(len(model_a.names))
        for i, name in enumerate(a.solution.names)
        for k, other in enumerate(b.solution.names)
        if name == model_a.names[at] and other == model_b.names[at]
    ]
    if not matched:
        raise CoaggError(
            f"{model_a.dependent} and {model_b.dependent} have no regressor left in common"
        )
    coefficients = np.concatenate([a.solution.coefficients, b.solution.coefficients])
    scale = np.concatenate([_standard(a, model_a), _standard(b, model_b)])
    names = (*a.solution.names, *b.solution.names)
    contrasts = np.zeros((len(matched), width))
    rows = []
    for row, (i, k, _) in enumerate(matched):
        contrasts[row, [i, k]] = -1.0, 1.0
        raw = _test(contrasts[row], coefficients, covariance, df)
        standard = _test(contrasts[row] * scale, coefficients, covariance, df)
        rows.append(
            Difference(
                names[i],
                names[k],
                float(coefficients[i]),
                float(coefficients[k]),
                *raw,
                float(coefficients[i] * scale[i]),
                float(coefficients[k] * scale[k]),
                *standard,
            )
        )
    gap = contrasts @ coefficients
    spread = contrasts @ covariance @ contrasts.T
    joint = float(gap @ np.linalg.pinv(spread, hermitian=True) @ gap) / len(matched)
    return Equality(
        tuple(rows),
        joint,
        float(stats.f.sf(joint, len(matched), df)),
        len(a.data.columns) + len(b.data.columns),
        dict(zip(model_a.cluster, clusters, strict=True)),
        (*a.dropped, *b.dropped),
    )


def _standard(side: _Side, model: Model) -> np.ndarray:
    """sd(x)/sd(y) of every coefficient."""
    spread = side.data.columns.std(axis=0, ddof=1)
    at = [side.data.names.index(name) for name in side.solution.names]
    return spread[at] / spread[side.data.names.index(model.dependent)]


def _test(
    contrast: np.ndarray, coefficients: np.ndarray, covariance: np.ndarray, df: int
) -> tuple[float, float, float, float]:
    """Difference, standard error, t, p."""
    gap = float(contrast @ coefficients)
    error = float(np.sqrt(max(contrast @ covariance @ contrast, 0.0)))
    t = gap / error if error > 0 else (0.0 if gap == 0 else float(np.copysign(np.inf, gap)))
    return gap, error, t, float(2 * stats.t.sf(abs(t), df))


def _stack(a: _Side, b: _Side, clusters: int) -> Sizes:
    """Counts of the stacked sample: interacted effects have the levels of both sides."""
    free = sum(
        1
        for effect in a.data.effects
        if not any(nested(effect, cluster) for cluster in a.data.clusters)
    )
    return Sizes(
        a.sizes.observations + b.sizes.observations,
        clusters,
        a.sizes.absorbed + b.sizes.absorbed + free,
        a.sizes.any_nested,
    )
