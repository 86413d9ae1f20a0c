"""Weak instruments, one endogenous regressor: Kleibergen-Paap, effective F, Anderson-Rubin.

Sources: Kleibergen and Paap (2006) and ivreg2's small-sample factors; Montiel Olea and Pflueger
(2013); Stock and Yogo (2005), maximal size of a nominal 5% test; Anderson and Rubin (1949) with
clustered reduced form. All F carry the factor of ivreghdfe whatever the convention of the errors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from coagg.analysis.estimation.moments import Moments
from coagg.errors import CoaggError

STOCK_YOGO = {
    1: (16.38, 8.96, 6.66, 5.53),
    2: (19.93, 11.59, 8.75, 7.25),
    3: (22.30, 12.83, 9.54, 7.80),
}
"""By number of instruments: 10, 15, 20, 25% maximal size."""

INTERVAL, RAYS, LINE, EMPTY = 0.0, 1.0, 2.0, 3.0
UNRELATED = 1e-14
GRID = 4001


def diagnostics(
    moments: Moments,
    dependent: str,
    endogenous: str,
    exogenous: tuple[str, ...],
    instruments: tuple[str, ...],
) -> dict[str, float]:
    """The statistics named in `Estimate`; raises `CoaggError` for unrelated instruments."""
    cross, size = moments.cross, len(moments.names)
    w = moments.index(exogenous)

    def without(names: tuple[str, ...]) -> np.ndarray:
        """(P, a) combinations: the columns with the exogenous regressors taken out."""
        at = moments.index(names)
        out = np.zeros((size, len(at)))
        out[at, np.arange(len(at))] = 1.0
        if w:
            out[w] -= np.linalg.solve(cross[np.ix_(w, w)], cross[np.ix_(w, at)])
        return out

    y, x, z = without((dependent,))[:, 0], without((endogenous,))[:, 0], without(instruments)
    zz = z.T @ cross @ z
    zx, zy, xx = z.T @ cross @ x, z.T @ cross @ y, float(x @ cross @ x)
    pi, gamma = np.linalg.solve(zz, zx), np.linalg.solve(zz, zy)
    explained = float(zx @ pi)
    if explained <= UNRELATED * xx:
        raise CoaggError(
            f"instruments {', '.join(instruments)} explain nothing of {endogenous} after the "
            "fixed effects and regressors; name another instrument"
        )
    count = len(instruments)
    included = count + len(exogenous)
    factor = moments.sizes.factor(included, "ivreghdfe")
    left = moments.sizes.denominator(included, "ivreghdfe")
    bread = z @ np.linalg.inv(zz)
    v_x, v_y = x - z @ pi, y - z @ gamma
    meat_x = moments.meat(bread, v_x)
    lm = float(zx @ np.linalg.solve(moments.meat(z, x), zx))
    out = {
        "kp_lm": lm,
        "kp_lm_df": float(count),
        "kp_lm_p": float(stats.chi2.sf(lm, count)),
        "kp_f": float(pi @ np.linalg.solve(meat_x, pi)) / factor / count,
        "cragg_donald_f": explained / count / ((xx - explained) / left),
        "effective_f": explained / (float(np.trace(zz @ meat_x)) * factor),
    }
    if count in STOCK_YOGO:
        for percent, value in zip((10, 15, 20, 25), STOCK_YOGO[count], strict=True):
            out[f"stock_yogo_{percent}"] = value

    meat_y, meat_xy = moments.meat(bread, v_y), moments.meat_between(bread, v_x, v_y)

    def ar(beta: float) -> float:
        gap = gamma - beta * pi
        spread = meat_y - beta * (meat_xy + meat_xy.T) + beta**2 * meat_x
        return float(gap @ np.linalg.solve(spread, gap)) / factor / count

    df = min(moments.clusters.values()) - 1
    out["ar_f"] = ar(0.0)
    out["ar_p"] = float(stats.f.sf(out["ar_f"], count, df))
    critical = float(stats.f.ppf(0.95, count, df))
    centre = float(zx @ gamma) / explained
    if count == 1:
        c = critical * factor
        kind, low, high = _quadratic(
            float(pi[0] ** 2 - c * meat_x[0, 0]),
            float(-2 * (gamma[0] * pi[0] - c * meat_xy[0, 0])),
            float(gamma[0] ** 2 - c * meat_y[0, 0]),
        )
    else:
        error = float(np.sqrt(pi @ zz @ (meat_y * factor) @ zz @ pi)) / explained
        kind, low, high = _search(lambda beta: ar(beta) - critical, centre, error)
        out |= _hansen(moments, z, zx, zy, y - centre * x, y, x)
    return out | {"ar_kind": kind, "ar_low": low, "ar_high": high}


def _quadratic(a: float, b: float, c: float) -> tuple[float, float, float]:
    """Where `a t^2 + b t + c <= 0`."""
    root = b * b - 4 * a * c
    if root < 0:
        return (LINE, -np.inf, np.inf) if a < 0 else (EMPTY, np.nan, np.nan)
    ends = sorted(((-b - np.sqrt(root)) / (2 * a), (-b + np.sqrt(root)) / (2 * a)))
    return (INTERVAL if a > 0 else RAYS), float(ends[0]), float(ends[1])


def _search(
    distance: Callable[[float], float], centre: float, scale: float
) -> tuple[float, float, float]:
    """Where `distance <= 0`, on a grid that reaches both infinities, ends refined by bisection.

    A set of several pieces is given by its outer ends.
    """
    angles = np.linspace(-np.pi / 2, np.pi / 2, GRID + 2)[1:-1]
    points = centre + scale * np.tan(angles)
    inside = np.array([distance(float(point)) <= 0 for point in points])
    if inside.all():
        return LINE, -np.inf, np.inf
    if not inside.any():
        return EMPTY, np.nan, np.nan
    turns = np.flatnonzero(inside[1:] != inside[:-1])
    roots = [float(optimize.brentq(distance, points[i], points[i + 1])) for i in turns]
    if inside[0] and inside[-1]:
        return RAYS, roots[0], roots[-1]
    low = -np.inf if inside[0] else roots[0]
    high = np.inf if inside[-1] else roots[-1]
    return INTERVAL, low, high


def _hansen(
    moments: Moments,
    z: np.ndarray,
    zx: np.ndarray,
    zy: np.ndarray,
    residual: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
) -> dict[str, float]:
    """Hansen's J at the two-step efficient estimate, weights from the 2SLS residual."""
    omega = moments.meat(z, residual)
    weighted = np.linalg.solve(omega, zx)
    beta = float(weighted @ zy) / float(weighted @ zx)
    gap = zy - beta * zx
    j = float(gap @ np.linalg.solve(omega, gap))
    return {"hansen_j": j, "hansen_j_p": float(stats.chi2.sf(j, len(zx) - 1))}


def weak_note(values: dict[str, float]) -> str | None:
    """One line for the note of a table when the instruments are weak, else None."""
    if "kp_f" not in values:
        return None
    limit = values.get("stock_yogo_10")
    if values["kp_lm_p"] > 0.10:
        return (
            f"the instruments may be unrelated to the regressor (Kleibergen-Paap rk LM p = "
            f"{values['kp_lm_p']:.2f}): read the Anderson-Rubin set, not the estimate"
        )
    if limit is not None and values["kp_f"] < limit:
        return (
            f"weak instruments (Kleibergen-Paap rk Wald F {values['kp_f']:.2f} below {limit}): "
            "read the Anderson-Rubin set"
        )
    return None
