"""What a referee asks for: wild cluster bootstrap, Conley errors, randomisation inference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from coagg.analysis.cells.projection import EARTH_RADIUS_KM
from coagg.analysis.estimation import linear, pairs
from coagg.analysis.estimation.absorb import absorb, dummies
from coagg.analysis.estimation.convention import nested
from coagg.analysis.estimation.fit import fit, moments, residuals, sample
from coagg.analysis.estimation.model import Estimate, Model
from coagg.analysis.estimation.moments import row_blocks
from coagg.errors import CoaggError

BATCH = 1_000
WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])
RADEMACHER = np.array([-1.0, 1.0])
WEIGHTS = {"webb": WEBB, "rademacher": RADEMACHER}


@dataclass(frozen=True)
class Wild:
    """A wild cluster bootstrap of the hypothesis that one coefficient is 0."""

    name: str
    t: float
    """Coefficient over its clustered error without small-sample factor."""
    p: float
    """Share of draws with a larger absolute t."""
    draws: int
    clusters: int


def wild_t(
    blocks: np.ndarray, dependent: int, target: int, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """The t of the sample and of every draw (D,), null imposed, from cluster blocks alone.

    `blocks` (G, Q, Q): cross-products of the dependent, the regressors and the dummies of effects
    that are not nested in the clusters, effects that are nested taken out. `weights` (G, D).
    """
    x = [i for i in range(blocks.shape[1]) if i != dependent]
    rest = [i for i in x if i != target]
    cross = blocks.sum(axis=0)
    bread = np.linalg.pinv(cross[np.ix_(x, x)], rcond=1e-11, hermitian=True)
    at = x.index(target)
    row = bread[at]
    whole = np.zeros(len(cross))
    whole[dependent] = 1.0
    whole[x] = -bread @ cross[x, dependent]
    scores = (blocks[:, x, :] @ whole) @ row
    t = -whole[target] / np.sqrt(scores @ scores)

    null = np.zeros(len(cross))
    null[dependent] = 1.0
    null[rest] = (
        -np.linalg.pinv(cross[np.ix_(rest, rest)], rcond=1e-11, hermitian=True)
        @ cross[rest, dependent]
    )
    sums = blocks[:, x, :] @ null
    moved = blocks[:, x, :][:, :, x] @ row
    out = np.empty(weights.shape[1])
    for start in range(0, weights.shape[1], BATCH):
        drawn = weights[:, start : start + BATCH]
        delta = bread @ (sums.T @ drawn)
        influence = (sums @ row)[:, None] * drawn - moved @ delta
        out[start : start + BATCH] = delta[at] / np.sqrt(
            np.einsum("gd,gd->d", influence, influence)
        )
    return float(t), out


def _wild(
    blocks: np.ndarray, names: list[str], name: str, draws: int, seed: int, weights: str
) -> Wild:
    if weights not in WEIGHTS:
        raise CoaggError(f"unknown bootstrap weights {weights}: one of {', '.join(WEIGHTS)}")
    if name not in names[1:]:
        raise CoaggError(f"{name} is not a regressor left in the model; name one of {names[1:]}")
    rng = np.random.default_rng(seed)
    drawn = rng.choice(WEIGHTS[weights], size=(len(blocks), draws))
    with threadpool_limits(1):
        t, sampled = wild_t(blocks, 0, names.index(name), drawn)
    share = float(np.mean(np.abs(sampled) >= abs(t) * (1 - 1e-12)))
    return Wild(name, t, share, draws, len(blocks))


def _require_plain(model: Model) -> None:
    if model.estimator != "ols" or len(model.cluster) != 1:
        raise CoaggError(
            f"{model.dependent}: the wild cluster bootstrap is for ols with one cluster variable; "
            "for 2sls read the Anderson-Rubin set"
        )


def wild_bootstrap(
    frame: pd.DataFrame,
    model: Model,
    name: str,
    *,
    draws: int = 9_999,
    seed: int = 1,
    weights: str = "webb",
) -> Wild:
    """Wild cluster bootstrap of `name` = 0, OLS at cell level (Cameron, Gelbach, Miller 2008)."""
    _require_plain(model)
    data = sample(frame, model)
    kept = linear.keep(moments(data, model), model)
    names = [model.dependent, *kept.regressors]
    columns = data.columns[:, [data.names.index(n) for n in names]]
    cluster = data.clusters[0]
    inside = [effect for effect in data.effects if nested(effect, cluster)]
    outside = [dummies(e).toarray() for e in data.effects if not nested(e, cluster)]
    within = absorb(np.hstack([columns, *outside]), inside)
    return _wild(
        row_blocks(within, cluster, len(data.labels[0])), names, name, draws, seed, weights
    )


def wild_bootstrap_pairs(
    columns: pairs.Source,
    model: Model,
    name: str,
    *,
    draws: int = 9_999,
    seed: int = 1,
    weights: str = "webb",
) -> Wild:
    """Wild cluster bootstrap of `name` = 0, OLS over pairs, from one pass over the rows."""
    _require_plain(model)
    (found,) = pairs.fit_pairs(columns, [model])
    names = (model.dependent, *found.names)
    blocks = pairs.lead_blocks(columns, model, names)
    return _wild(blocks, list(names), name, draws, seed, weights)


def great_circle_km(points: np.ndarray) -> np.ndarray:
    """(n, n) distances in km between longitudes and latitudes (n, 2) in degrees, on a sphere."""
    lon, lat = np.radians(points).T
    half = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat)[:, None] * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))


def conley(
    frame: pd.DataFrame,
    model: Model,
    positions: Mapping[object, tuple[float, float]],
    cutoff_km: float,
    *,
    place: str = "agglomeration_code",
    kernel: str = "bartlett",
) -> Estimate:
    """Coefficients with errors correlated in space (Conley 1999), OLS or 2SLS.

    Rows of one place are freely correlated, in all years; rows of two places with the weight of
    their great-circle distance: 1 - distance / cutoff (bartlett) or 1 (uniform) within the cutoff.
    `positions`: longitude and latitude of the places, degrees. No small-sample factor; t has
    places - 1 degrees of freedom. The first stage and statistics of 2SLS stay those of the cluster
    variable.
    """
    if kernel not in ("bartlett", "uniform") or not cutoff_km > 0:
        raise CoaggError(
            f"kernel {kernel}, cutoff {cutoff_km} km: kernel is bartlett or uniform, and the "
            "cutoff a distance above 0"
        )
    spatial = Model(
        dependent=model.dependent,
        regressors=model.regressors,
        endogenous=model.endogenous,
        instruments=model.instruments,
        effects=model.effects,
        cluster=(place,),
        convention=model.convention,
        estimator=model.estimator,
    )
    base = fit(frame, model)
    if model.estimator == "ppml":
        raise CoaggError(f"{model.dependent}: Conley errors are for ols and 2sls")
    data = sample(frame, spatial)
    labels = data.labels[0]
    missing = [str(label) for label in labels if label not in positions]
    if missing:
        raise CoaggError(f"no position for {place} {', '.join(missing)}; give its centre")
    statistics = moments(data, spatial)
    solution = linear.solve(statistics, spatial, linear.keep(statistics, spatial))
    ((_, scores),) = statistics.scores(solution.left, solution.residual)
    points = np.array([positions[label] for label in labels], dtype=np.float64)
    distance = great_circle_km(points)
    weight = (distance <= cutoff_km).astype(np.float64)
    if kernel == "bartlett":
        weight *= 1 - distance / cutoff_km
    return linear.package(
        model,
        solution.names,
        solution.coefficients,
        scores.T @ weight @ scores,
        observations=base.observations,
        r2=base.r2,
        r2_within=base.r2_within,
        clusters={place: len(labels)},
        dropped=base.dropped,
        first_stage=base.first_stage,
        diagnostics=base.diagnostics | {"conley_cutoff_km": float(cutoff_km)},
        deviations=base.deviations,
    )


@dataclass(frozen=True)
class Randomisation:
    """Where the observed t (k,) lie among those of permuted data."""

    observed: np.ndarray
    p: np.ndarray
    """(1 + draws with an absolute t at least as large) / (1 + draws), (k,)."""
    sampled: np.ndarray
    """(draws, k); NaN where the draw left nothing to estimate, which counts as large."""

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.sampled)


def t_values(found: Estimate, names: Sequence[str]) -> np.ndarray:
    """The t of the names (k,), NaN for one that was left out."""
    t = dict(zip(found.names, found.t, strict=True))
    return np.array([t.get(name, np.nan) for name in names])


def randomise(
    statistic: Callable[[np.random.Generator | None], np.ndarray], draws: int = 999, seed: int = 1
) -> Randomisation:
    """Randomisation inference by any statistics (k,); called with None for the observed ones."""
    observed = np.asarray(statistic(None))
    rng = np.random.default_rng(seed)
    sampled = np.array([statistic(rng) for _ in range(draws)])
    smaller = np.abs(sampled) < np.abs(observed) * (1 - 1e-12)
    p = (1 + (~smaller).sum(axis=0)) / (1 + draws)
    return Randomisation(observed, np.where(np.isnan(observed), np.nan, p), sampled)


def randomisation_inference(
    frame: pd.DataFrame,
    model: Model,
    names: Sequence[str],
    redraw: Callable[[np.random.Generator], Mapping[str, np.ndarray]],
    draws: int = 999,
    seed: int = 1,
) -> Randomisation:
    """Randomisation inference of the t of `names`, OLS, from columns (n,) drawn anew by `redraw`.

    Everything else, fixed effects and errors included, is done as in `fit`.
    """
    if model.estimator != "ols" or not set(names) <= set(model.regressors):
        raise CoaggError(
            f"randomisation inference is of regressors of an ols model, not {', '.join(names)}"
        )
    data = sample(frame, model)
    fixed = residuals(data)

    def statistic(rng: np.random.Generator | None) -> np.ndarray:
        now, within = data, fixed
        if rng is not None:
            drawn = redraw(rng)
            at = [data.names.index(name) for name in drawn]
            columns, within = data.columns.copy(), fixed.copy()
            columns[:, at] = np.column_stack([values[data.rows] for values in drawn.values()])
            within[:, at] = absorb(columns[:, at], data.effects)
            now = replace(data, columns=columns)
        return t_values(linear.estimate(moments(now, model, within), model), names)

    return randomise(statistic, draws, seed)
