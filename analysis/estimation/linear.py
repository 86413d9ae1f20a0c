"""OLS and 2SLS from `Moments`, with the covariance of the named convention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from coagg.analysis.estimation import weak
from coagg.analysis.estimation.checks import independent
from coagg.analysis.estimation.model import Estimate, Model
from coagg.analysis.estimation.moments import Moments, positive
from coagg.errors import CoaggError


@dataclass(frozen=True)
class Kept:
    """What remains of a model after the collinear columns are left out."""

    regressors: tuple[str, ...]
    instruments: tuple[str, ...]
    dropped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Solution:
    """Coefficients (k,), and what turns cluster scores into influences."""

    names: tuple[str, ...]
    coefficients: np.ndarray
    left: np.ndarray
    """(P, k): combinations of the columns whose scores are summed, bread included."""
    residual: np.ndarray
    """(P,): the residual as a combination of the columns."""


def keep(moments: Moments, model: Model) -> Kept:
    """Leave out constant and collinear regressors and instruments, by name, with the reason.

    Raises `CoaggError` when the dependent, the endogenous regressor, all regressors or all
    instruments have no variation left.
    """

    def pick(names: tuple[str, ...], must: tuple[str, ...]) -> tuple[list[str], list]:
        at = moments.index(names)
        kept, dropped = independent(
            names, moments.cross[np.ix_(at, at)], moments.totals[at], given=must
        )
        return [names[i] for i in kept], dropped

    pick((model.dependent,), (model.dependent,))
    exogenous, dropped = pick(model.regressors, ())
    pick((*exogenous, *model.endogenous), model.endogenous)
    both, more = pick((*exogenous, *model.instruments), ())
    instruments = tuple(both[len(exogenous) :])
    dropped = dropped + more
    if model.instruments and not instruments:
        raise CoaggError(
            f"instruments {', '.join(model.instruments)} of {model.endogenous[0]}: "
            + "; ".join(f"{name} {reason}" for name, reason in more)
            + "; name an instrument with variation of its own"
        )
    if not exogenous and not model.endogenous:
        raise CoaggError(
            f"no regressor of {model.dependent} is left: "
            + "; ".join(f"{name}: {reason}" for name, reason in dropped)
            + "; change the regressors or the fixed effects"
        )
    return Kept(tuple(exogenous), instruments, tuple(dropped))


def unit(size: int, at: list[int]) -> np.ndarray:
    """(P, a) matrix that picks columns."""
    picked = np.zeros((size, len(at)))
    picked[at, np.arange(len(at))] = 1.0
    return picked


def solve(moments: Moments, model: Model, kept: Kept) -> Solution:
    """Point estimates of OLS or 2SLS."""
    size, cross = len(moments.names), moments.cross
    names = (*model.endogenous, *kept.regressors)
    x, y = moments.index(names), moments.index([model.dependent])
    if model.endogenous:
        z = moments.index((*kept.instruments, *kept.regressors))
        first = np.linalg.solve(cross[np.ix_(z, z)], cross[np.ix_(z, x)])
        fitted = unit(size, z) @ first
    else:
        fitted = unit(size, x)
    bread = np.linalg.inv(fitted.T @ cross @ unit(size, x))
    coefficients = (bread @ (fitted.T @ cross[:, y]))[:, 0]
    residual = unit(size, y)[:, 0]
    residual[x] -= coefficients
    return Solution(names, coefficients, fitted @ bread.T, residual)


def package(
    model: Model,
    names: tuple[str, ...],
    coefficients: np.ndarray,
    covariance: np.ndarray,
    *,
    observations: int,
    r2: float,
    r2_within: float,
    clusters: dict[str, int],
    dropped: tuple[tuple[str, str], ...] = (),
    first_stage: Estimate | None = None,
    diagnostics: dict[str, float] | None = None,
    deviations: dict[str, float] | None = None,
) -> Estimate:
    """Put an `Estimate` together from coefficients (k,) and covariance (k, k)."""
    diagnostics = dict(diagnostics or {})
    covariance, repaired = positive(covariance)
    if repaired:
        diagnostics["covariance_repaired"] = 1.0
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = coefficients / errors
    df = min(clusters.values()) - 1
    return Estimate(
        model=model,
        names=names,
        coefficients=coefficients,
        standard_errors=errors,
        t=t,
        p=2 * stats.t.sf(np.abs(t), df),
        covariance=covariance,
        observations=observations,
        r2=r2,
        r2_within=r2_within,
        clusters=dict(clusters),
        degrees_of_freedom=df,
        dropped=dropped,
        first_stage=first_stage,
        diagnostics=diagnostics,
        deviations=dict(deviations or {}),
    )


def estimate(moments: Moments, model: Model) -> Estimate:
    """OLS or 2SLS with clustered errors; 2SLS with first stage and weak-instrument statistics."""
    kept = keep(moments, model)
    found = solve(moments, model, kept)
    covariance = moments.meat(found.left, found.residual)
    covariance = covariance * moments.sizes.factor(len(found.names), model.convention)
    y = moments.index([model.dependent])[0]
    rss = found.residual @ moments.cross @ found.residual
    first, diagnostics = None, {}
    if model.endogenous:
        diagnostics = weak.diagnostics(
            moments, model.dependent, model.endogenous[0], kept.regressors, kept.instruments
        )
        first = estimate(
            moments,
            Model(
                dependent=model.endogenous[0],
                regressors=(*kept.instruments, *kept.regressors),
                effects=model.effects,
                cluster=model.cluster,
                convention=model.convention,
            ),
        )
    return package(
        model,
        found.names,
        found.coefficients,
        covariance,
        observations=moments.sizes.observations,
        r2=float(1 - rss / moments.totals[y]),
        r2_within=float(1 - rss / moments.cross[y, y]),
        clusters=moments.clusters,
        dropped=kept.dropped,
        first_stage=first,
        diagnostics=diagnostics,
        deviations=moments.deviations((model.dependent, *found.names)),
    )
