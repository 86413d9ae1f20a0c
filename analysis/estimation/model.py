"""What is asked of an estimation and what it answers: `Model` and `Estimate`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from coagg.errors import CoaggError

CONVENTIONS = ("reghdfe", "ivreghdfe", "fixest", "ppmlhdfe")
ESTIMATORS = ("ols", "2sls", "ppml")


@dataclass(frozen=True)
class Model:
    """One column of a table.

    Names are columns of the frame given to `fit` or `fit_pairs`; logarithms and products are made
    before. Raises `CoaggError` for a model that cannot be meant.
    """

    dependent: str
    regressors: tuple[str, ...]
    """Exogenous regressors, in the order of the table."""
    endogenous: tuple[str, ...] = ()
    """At most one."""
    instruments: tuple[str, ...] = ()
    """Excluded instruments."""
    effects: tuple[str, ...] = ("industry", "survey_year", "agglomeration_code")
    cluster: tuple[str, ...] = ("industry",)
    """One or two."""
    convention: str = "reghdfe"
    """reghdfe, ivreghdfe, fixest or ppmlhdfe: which small-sample factor the errors carry."""
    estimator: str = "ols"
    """ols, 2sls or ppml."""

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise CoaggError(f"unknown estimator {self.estimator}: one of {', '.join(ESTIMATORS)}")
        if self.convention not in CONVENTIONS:
            raise CoaggError(
                f"unknown small-sample convention {self.convention}: "
                f"one of {', '.join(CONVENTIONS)}"
            )
        if not 1 <= len(self.cluster) <= 2:
            raise CoaggError(
                f"{self.dependent}: errors are clustered on one or two columns, "
                f"not {len(self.cluster)}; name one or two"
            )
        if len(self.endogenous) > 1:
            raise CoaggError(
                f"{self.dependent}: {', '.join(self.endogenous)} are {len(self.endogenous)} "
                "endogenous regressors; name one"
            )
        two_stage = self.estimator == "2sls"
        if two_stage != bool(self.endogenous) or two_stage != bool(self.instruments):
            raise CoaggError(
                f"{self.dependent}: estimator {self.estimator} with "
                f"{len(self.endogenous)} endogenous regressors and {len(self.instruments)} "
                "instruments; 2sls needs one and at least one, the others none"
            )
        used = (self.dependent, *self.regressors, *self.endogenous, *self.instruments)
        twice = sorted({name for name in used if used.count(name) > 1})
        if twice:
            raise CoaggError(f"{self.dependent}: {', '.join(twice)} named twice; name it once")
        if not self.names:
            raise CoaggError(f"{self.dependent}: no regressor; name at least one")

    @property
    def names(self) -> tuple[str, ...]:
        """Coefficients asked for: the endogenous regressor first, as in the tables."""
        return (*self.endogenous, *self.regressors)

    @property
    def numeric(self) -> tuple[str, ...]:
        """All numeric columns: dependent, coefficients, instruments."""
        return (self.dependent, *self.names, *self.instruments)


@dataclass(frozen=True)
class Estimate:
    """An estimated column: k coefficients, in the order of `names`.

    `t` has `degrees_of_freedom` (least number of clusters - 1). `r2` includes the fixed effects,
    `r2_within` is after them (Poisson: pseudo R squared, and NaN). `dropped` holds (name, reason)
    of every regressor or instrument left out. `diagnostics` of 2SLS: kp_lm, kp_lm_df, kp_lm_p,
    kp_f, cragg_donald_f, effective_f, stock_yogo_10/15/20/25, ar_f, ar_p, ar_low, ar_high,
    ar_kind (0 interval, 1 two rays outside (low, high), 2 whole line, 3 empty),
    hansen_j, hansen_j_p (over-identified only).
    """

    model: Model
    names: tuple[str, ...]
    coefficients: np.ndarray
    standard_errors: np.ndarray
    t: np.ndarray
    p: np.ndarray
    covariance: np.ndarray
    observations: int
    r2: float
    r2_within: float
    clusters: dict[str, int]
    degrees_of_freedom: int
    dropped: tuple[tuple[str, str], ...] = ()
    first_stage: Estimate | None = None
    diagnostics: dict[str, float] = field(default_factory=dict)
    deviations: dict[str, float] = field(default_factory=dict)
    """Standard deviation (N - 1) in the sample of the dependent and of every regressor; not of
    Poisson models."""
