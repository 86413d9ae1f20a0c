"""Estimates at cell level: OLS and Poisson by pyfixest, 2SLS by us.

pyfixest is asked for no small-sample correction and the named factor is applied here: in 0.60.0
its own count of nested effects changes with PYTHONHASHSEED. reghdfe, ivreghdfe and ppmlhdfe leave
out singletons (rows alone in a fixed effect), repeatedly; fixest keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyfixest
from pyfixest.demeaners import MapDemeaner

from coagg.analysis.estimation import checks, linear
from coagg.analysis.estimation.absorb import absorb
from coagg.analysis.estimation.convention import sizes
from coagg.analysis.estimation.model import Estimate, Model
from coagg.analysis.estimation.moments import Grouping, Moments, row_blocks
from coagg.errors import CoaggError

TOLERANCE = 1e-12
DEMEANER = MapDemeaner(fixef_tol=TOLERANCE, fixef_maxiter=100_000)


@dataclass(frozen=True)
class Sample:
    """Checked rows of a model: columns (n, P) in the order of `names`, and codes (n,)."""

    names: tuple[str, ...]
    columns: np.ndarray
    effects: list[np.ndarray]
    clusters: list[np.ndarray]
    labels: list[np.ndarray]
    """Levels of each cluster variable."""
    singletons: int
    rows: np.ndarray
    """(n,) positions in the frame given."""


def _singletons(effects: list[np.ndarray]) -> np.ndarray:
    """Rows to keep (n,) after leaving out singletons until there are none."""
    keep = np.ones(len(effects[0]), dtype=bool) if effects else np.ones(0, dtype=bool)
    while effects:
        alone = np.zeros(len(keep), dtype=bool)
        for effect in effects:
            alone |= keep & (np.bincount(effect[keep], minlength=effect.max() + 1) == 1)[effect]
        if not alone.any():
            break
        keep &= ~alone
    return keep


def sample(frame: pd.DataFrame, model: Model) -> Sample:
    """Check the columns of a model and code its groups; `CoaggError` names what is wrong."""
    checks.require_columns(frame.columns, model)
    if frame.empty:
        raise CoaggError(f"no rows for {model.dependent}; widen the sample")
    names = tuple(model.numeric)
    columns = np.column_stack([checks.numeric(name, frame[name]) for name in names])
    effects = [checks.codes(name, frame[name])[0] for name in model.effects]
    coded = [checks.codes(name, frame[name]) for name in model.cluster]
    rows = np.arange(len(frame))
    if effects and model.convention != "fixest":
        rows = np.flatnonzero(_singletons(effects))
        if not len(rows):
            raise CoaggError(
                f"every row of {model.dependent} is alone in one of {', '.join(model.effects)}; "
                "use coarser fixed effects"
            )

    def again(code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        left, inverse = np.unique(code[rows], return_inverse=True)
        return inverse, left

    groups = [again(code) for code, _ in coded]
    levels = [labels[left] for (_, labels), (_, left) in zip(coded, groups, strict=True)]
    counts = {name: len(level) for name, level in zip(model.cluster, levels, strict=True)}
    checks.require_clusters(counts)
    return Sample(
        names,
        columns[rows],
        [again(code)[0] for code in effects],
        [code for code, _ in groups],
        levels,
        len(frame) - len(rows),
        rows,
    )


def residuals(data: Sample) -> np.ndarray:
    """Columns (n, P) of a sample with the fixed effects taken out."""
    return absorb(data.columns, data.effects)


def moments(data: Sample, model: Model, within: np.ndarray | None = None) -> Moments:
    """Sufficient statistics of a sample."""
    within = residuals(data) if within is None else within
    centred = data.columns - data.columns.mean(axis=0)
    # A constant column leaves rounding behind; it must not pass for variation.
    scale = np.abs(data.columns).max(axis=0)
    totals = np.einsum("ij,ij->j", centred, centred)
    totals[totals <= len(centred) * (scale * 1e-12) ** 2] = 0.0
    groupings = [
        Grouping(1.0, pd.Index(label), row_blocks(within, code, len(label)))
        for code, label in zip(data.clusters, data.labels, strict=True)
    ]
    if len(data.clusters) == 2:
        joint = data.clusters[0].astype(np.int64) * len(data.labels[1]) + data.clusters[1]
        both, code = np.unique(joint, return_inverse=True)
        one, two = np.divmod(both, len(data.labels[1]))
        labels = pd.MultiIndex.from_arrays([data.labels[0][one], data.labels[1][two]])
        groupings.append(Grouping(-1.0, labels, row_blocks(within, code, len(both))))
    return Moments(
        names=data.names,
        cross=within.T @ within,
        totals=totals,
        groupings=tuple(groupings),
        sizes=sizes(len(within), data.effects, data.clusters),
        clusters={n: len(level) for n, level in zip(model.cluster, data.labels, strict=True)},
    )


def fit(frame: pd.DataFrame, model: Model) -> Estimate:
    """Estimate one column of a table from the rows of a frame.

    Collinear and constant regressors are left out and named in `dropped`. Raises `CoaggError`
    for missing columns, NaN or infinite values, one cluster, and nothing left to estimate.
    """
    data = sample(frame, model)
    statistics = moments(data, model)
    if model.estimator == "2sls":
        found = linear.estimate(statistics, model)
    elif model.estimator == "ols":
        found = _ols(data, statistics, model)
    else:
        found = _ppml(data, statistics, model)
    return replace(found, diagnostics=found.diagnostics | {"singletons": float(data.singletons)})


def _frame(data: Sample, names: tuple[str, ...], model: Model) -> tuple[str, pd.DataFrame, dict]:
    """Formula, data and covariance for pyfixest, under names no formula can misread."""
    at = [data.names.index(name) for name in (model.dependent, *names)]
    frame = pd.DataFrame({f"v{i}": data.columns[:, a] for i, a in enumerate(at)})
    for i, code in enumerate(data.effects):
        frame[f"f{i}"] = code
    for i, code in enumerate(data.clusters):
        frame[f"c{i}"] = code
    formula = "v0~" + "+".join(f"v{i + 1}" for i in range(len(names)))
    if data.effects:
        formula += "|" + "+".join(f"f{i}" for i in range(len(data.effects)))
    return formula, frame, {"CRV1": "+".join(f"c{i}" for i in range(len(data.clusters)))}


def _covariance(fitted: object, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and covariance of pyfixest in the order of `names`."""
    there = list(fitted._coefnames)  # type: ignore[attr-defined]
    at = [there.index(f"v{i + 1}") for i in range(len(names))]
    covariance = np.asarray(fitted._vcov)  # type: ignore[attr-defined]
    return np.asarray(fitted._beta_hat)[at], covariance[np.ix_(at, at)]  # type: ignore[attr-defined]


def _ols(data: Sample, statistics: Moments, model: Model) -> Estimate:
    kept = linear.keep(statistics, model)
    formula, frame, vcov = _frame(data, kept.regressors, model)
    fitted = pyfixest.feols(
        formula,
        frame,
        vcov=vcov,
        ssc=pyfixest.ssc(k_adj=False, G_adj=False),
        fixef_rm="none",
        collin_tol=TOLERANCE,
        demeaner=DEMEANER,
        copy_data=False,
        store_data=False,
    )
    coefficients, covariance = _covariance(fitted, kept.regressors)
    factor = statistics.sizes.factor(len(kept.regressors), model.convention)
    at = statistics.index([model.dependent, *kept.regressors])
    residual = np.array([1.0, *-coefficients])
    rss = residual @ statistics.cross[np.ix_(at, at)] @ residual
    return linear.package(
        model,
        kept.regressors,
        coefficients,
        covariance * factor,
        observations=len(frame),
        r2=float(1 - rss / statistics.totals[at[0]]),
        r2_within=float(1 - rss / statistics.cross[at[0], at[0]]),
        clusters=statistics.clusters,
        dropped=kept.dropped,
        deviations=statistics.deviations((model.dependent, *kept.regressors)),
    )


def _ppml(data: Sample, statistics: Moments, model: Model) -> Estimate:
    y = data.columns[:, data.names.index(model.dependent)]
    if (y < 0).any():
        raise CoaggError(
            f"column {model.dependent}: {int((y < 0).sum())} negative values; "
            "Poisson needs counts or amounts of at least 0"
        )
    kept = linear.keep(statistics, model)
    formula, frame, vcov = _frame(data, kept.regressors, model)
    try:
        fitted = pyfixest.fepois(
            formula,
            frame,
            vcov=vcov,
            ssc=pyfixest.ssc(k_adj=False, G_adj=False),
            fixef_rm="none",
            separation_check=["fe"],
            iwls_tol=1e-10,
            iwls_maxiter=100,
            demeaner=DEMEANER,
        )
    except (ValueError, RuntimeError, np.linalg.LinAlgError) as error:
        raise CoaggError(
            f"Poisson of {model.dependent} did not come to an end ({error}); "
            "look for regressors that separate the zeros"
        ) from None
    lost = [kept.regressors[int(name[1:]) - 1] for name in fitted._collin_vars]
    names = tuple(name for name in kept.regressors if name not in lost)
    if not names:
        raise CoaggError(f"no regressor of {model.dependent} is left after separation")
    there = [f"v{kept.regressors.index(name) + 1}" for name in names]
    at = [list(fitted._coefnames).index(name) for name in there]
    covariance = np.asarray(fitted._vcov)[np.ix_(at, at)]
    used = np.asarray(fitted._data.index) if len(fitted._data) < len(frame) else np.arange(len(y))
    clusters = {
        name: len(np.unique(code[used]))
        for name, code in zip(model.cluster, data.clusters, strict=True)
    }
    checks.require_clusters(clusters)
    left = sizes(
        len(used),
        [np.unique(code[used], return_inverse=True)[1] for code in data.effects],
        [np.unique(code[used], return_inverse=True)[1] for code in data.clusters],
    )
    return linear.package(
        model,
        names,
        np.asarray(fitted._beta_hat)[at],
        covariance * left.factor(len(names), model.convention),
        observations=len(used),
        r2=float(fitted._pseudo_r2),
        r2_within=float("nan"),
        clusters=clusters,
        dropped=(*kept.dropped, *((name, "collinear after separation") for name in lost)),
        diagnostics={"separated": float(len(frame) - len(used))},
        deviations=statistics.deviations((model.dependent, *names)),
    )
