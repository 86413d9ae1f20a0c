"""Cell-level estimates against dense least squares, linearmodels and the formulas by rows."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from coagg.analysis.estimation import Estimate, Model, fit, weak_note
from coagg.analysis.estimation.fit import sample
from coagg.errors import CoaggError

EFFECTS = ("industry", "survey_year", "agglomeration_code")
CONTROLS = ("w", "lq")
JOINT = ("industry", "agglomeration_code")


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    """1,500 cells of 30 industries, 6 years, 9 agglomerations; z instruments x."""
    rng = np.random.default_rng(20)
    n = 1500
    frame = pd.DataFrame(
        {
            "industry": [f"i{i:02d}" for i in rng.integers(0, 30, n)],
            "survey_year": rng.integers(1998, 2004, n),
            "agglomeration_code": rng.integers(10, 19, n),
        }
    )
    code = frame.industry.str[1:].astype(int).to_numpy()
    effect = rng.normal(size=30)[code] + rng.normal(size=9)[frame.agglomeration_code - 10]
    frame["z"] = rng.normal(size=n) + effect
    frame["z2"] = rng.normal(size=n) + 0.3 * frame.z
    shock = rng.normal(size=n) + rng.normal(size=30)[code] * frame.z * 0.4
    frame["x"] = 0.4 * frame.z + 0.2 * frame.z2 + shock + rng.normal(size=n)
    frame["w"] = 100 + rng.normal(size=n) + effect
    frame["lq"] = rng.exponential(size=n)
    frame["y"] = 0.3 * frame.x + 0.2 * frame.w - 0.1 * frame.lq + shock + effect
    frame["patents"] = rng.poisson(np.exp(0.2 * (frame.w - 100) + 0.3 * effect))
    return frame


def dummies(frame: pd.DataFrame) -> np.ndarray:
    return (
        pd.get_dummies(frame[list(EFFECTS)].astype(str), drop_first=True, dtype=float)
        .assign(constant=1.0)
        .to_numpy()
    )


def within(frame: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """Residuals on the dummies by dense least squares."""
    values, basis = frame[list(names)].to_numpy(float), dummies(frame)
    return values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]


def summed(scores: np.ndarray, *groups: pd.Series) -> np.ndarray:
    sums = pd.DataFrame(scores).groupby([g.to_numpy() for g in groups]).sum().to_numpy()
    return sums.T @ sums


def assert_same(found: Estimate, coefficients: np.ndarray, covariance: np.ndarray) -> None:
    assert np.allclose(found.coefficients, coefficients, rtol=1e-9, atol=0)
    assert np.allclose(found.covariance, covariance, rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize(
    ("convention", "counted"),
    [("reghdfe", 14), ("fixest", 14), ("ivreghdfe", 13), ("ppmlhdfe", None)],
)
def test_ols_equals_dense_least_squares(cells, convention, counted):
    found = fit(cells, Model("y", ("x", *CONTROLS), convention=convention))
    data = within(cells, ("y", "x", *CONTROLS))
    y, x = data[:, 0], data[:, 1:]
    bread = np.linalg.inv(x.T @ x)
    b = bread @ x.T @ y
    residual = y - x @ b
    raw = bread @ summed(x * residual[:, None], cells.industry) @ bread
    n, k, g = len(cells), 3, 30
    # counted: (6 - 1) years + (9 - 1) agglomerations, and the constant.
    factor = g / (g - 1) * ((n - 1) / (n - k - counted) if counted else 1)
    assert_same(found, b, raw * factor)
    rss, centred = residual @ residual, cells.y - cells.y.mean()
    assert found.r2 == pytest.approx(1 - rss / (centred @ centred), abs=1e-12)
    assert found.r2_within == pytest.approx(1 - rss / (y @ y), abs=1e-12)
    assert (found.observations, found.degrees_of_freedom) == (1500, 29)
    assert np.allclose(found.p, 2 * stats.t.sf(np.abs(found.t), 29))


def test_effects_outside_the_cluster_all_cost(cells):
    """Clusters of one row: nothing is nested, every level costs a degree of freedom."""
    frame = cells.assign(row=np.arange(len(cells)))
    found = fit(frame, Model("y", ("x",), cluster=("row",)))
    data = within(cells, ("y", "x"))
    x = data[:, 1]
    residual = data[:, 0] - x * (b := x @ data[:, 0] / (x @ x))
    raw = (x * residual) @ (x * residual) / (x @ x) ** 2
    n, counted = 1500, 1 + 29 + 5 + 8
    assert found.coefficients[0] == pytest.approx(b, rel=1e-9)
    assert found.covariance[0, 0] == pytest.approx(raw * n / (n - 1 - counted), rel=1e-9)


def test_two_way_errors_add_and_subtract(cells):
    found = fit(cells, Model("y", ("x", *CONTROLS), cluster=JOINT))
    data = within(cells, ("y", "x", *CONTROLS))
    y, x = data[:, 0], data[:, 1:]
    bread = np.linalg.inv(x.T @ x)
    b = bread @ x.T @ y
    scores = x * (y - x @ b)[:, None]
    one, two = cells.industry, cells.agglomeration_code
    meat = summed(scores, one) + summed(scores, two) - summed(scores, one, two)
    # Both effects are nested: years only, and the constant; the smaller G is 9.
    assert_same(found, b, bread @ meat @ bread * 9 / 8 * 1499 / (1500 - 3 - 5 - 1))
    assert found.clusters == {"industry": 30, "agglomeration_code": 9}


def test_equals_linearmodels(cells):
    linearmodels = pytest.importorskip("linearmodels.iv")
    exogenous = pd.DataFrame(dummies(cells)).add_prefix("d").assign(**cells[list(CONTROLS)])
    for instruments in (("z",), ("z", "z2")):
        theirs = linearmodels.IV2SLS(cells.y, exogenous, cells.x, cells[list(instruments)]).fit(
            cov_type="clustered", clusters=cells.industry.str[1:].astype(int), debiased=False
        )
        ours = fit(cells, Model("y", CONTROLS, ("x",), instruments, estimator="2sls"))
        names = ["x", *CONTROLS]
        # Undebiased linearmodels has no factor; ours is that of reghdfe.
        scale = 30 / 29 * 1499 / (1500 - 3 - 14)
        assert np.allclose(ours.coefficients, theirs.params[names], rtol=1e-9)
        assert np.allclose(
            ours.standard_errors, theirs.std_errors[names] * np.sqrt(scale), rtol=1e-6
        )
    absorbing = linearmodels.AbsorbingLS(
        cells.y, cells[["x", *CONTROLS]], absorb=cells[list(EFFECTS)].astype("category")
    ).fit(cov_type="clustered", clusters=cells.industry.str[1:].astype(int), debiased=False)
    plain = fit(cells, Model("y", ("x", *CONTROLS)))
    assert np.allclose(plain.coefficients, absorbing.params, rtol=1e-9)
    ratio = plain.standard_errors / absorbing.std_errors
    assert np.allclose(ratio**2, 30 / 29 * 1499 / (1500 - 3 - 14), rtol=1e-6)


@pytest.mark.parametrize("cluster", [("industry",), JOINT])
@pytest.mark.parametrize("instruments", [("z",), ("z", "z2")])
def test_weak_instrument_statistics_by_rows(cells, instruments, cluster):
    """Section 8 of the method, row by row, with dense dummies and controls taken out."""
    found = fit(cells, Model("y", CONTROLS, ("x",), instruments, estimator="2sls", cluster=cluster))
    basis = np.hstack([dummies(cells), cells[list(CONTROLS)].to_numpy()])
    values = cells[["x", *instruments]].to_numpy()
    values = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    x, z = values[:, 0], values[:, 1:]

    def meat(residual: np.ndarray) -> np.ndarray:
        scores = z * residual[:, None]
        groups = [cells[name] for name in cluster]
        total = sum(summed(scores, group) for group in groups)
        return total - summed(scores, *groups) if len(groups) == 2 else total

    zz, count = z.T @ z, len(instruments)
    pi = np.linalg.solve(zz, z.T @ x)
    v = x - z @ pi
    variance = np.linalg.inv(zz) @ meat(v) @ np.linalg.inv(zz)
    g = min(cells[name].nunique() for name in cluster)
    absorbed = 5 + (8 if len(cluster) == 1 else 0)
    left = 1500 - count - len(CONTROLS) - absorbed
    scale = left / 1499 * (g - 1) / g
    d = found.diagnostics
    assert d["kp_lm"] == pytest.approx((z.T @ x) @ np.linalg.solve(meat(x), z.T @ x), rel=1e-8)
    assert d["kp_f"] == pytest.approx(pi @ np.linalg.solve(variance, pi) * scale / count, rel=1e-8)
    assert d["cragg_donald_f"] == pytest.approx(pi @ zz @ pi / count / (v @ v / left), rel=1e-8)
    effective = pi @ zz @ pi / np.trace(zz @ variance) * scale
    assert d["effective_f"] == pytest.approx(effective, rel=1e-8)
    assert d["stock_yogo_10"] == {1: 16.38, 2: 19.93}[count]
    first = found.first_stage
    assert first is not None
    assert first.names == (*instruments, *CONTROLS)
    assert np.allclose(first.coefficients[:count], pi, rtol=1e-9)


@pytest.mark.parametrize("instruments", [("z",), ("z", "z2")])
def test_anderson_rubin_ends_are_where_the_reduced_form_just_rejects(cells, instruments):
    found = fit(cells, Model("y", CONTROLS, ("x",), instruments, estimator="2sls"))
    d, count = found.diagnostics, len(instruments)

    def wald(beta: float) -> float:
        frame = cells.assign(gap=cells.y - beta * cells.x)
        form = fit(frame, Model("gap", (*instruments, *CONTROLS), convention="ivreghdfe"))
        b, v = form.coefficients[:count], form.covariance[:count, :count]
        return b @ np.linalg.solve(v, b) / count

    critical = stats.f.ppf(0.95, count, 29)
    assert d["ar_kind"] == 0
    assert d["ar_low"] < found.coefficients[0] < d["ar_high"]
    assert wald(d["ar_low"]) == pytest.approx(critical, rel=1e-6)
    assert wald(d["ar_high"]) == pytest.approx(critical, rel=1e-6)
    assert d["ar_f"] == pytest.approx(wald(0.0), rel=1e-6)


def test_weak_instruments_give_an_unbounded_set_and_a_note(cells):
    noise = np.random.default_rng(5).normal(size=len(cells))
    found = fit(cells.assign(z=noise), Model("y", CONTROLS, ("x",), ("z",), estimator="2sls"))
    assert found.diagnostics["ar_kind"] in (1.0, 2.0)
    assert "Anderson-Rubin" in str(weak_note(found.diagnostics))
    assert weak_note(fit(cells, Model("y", ("x",))).diagnostics) is None


def test_poisson_equals_newton_with_dummies(cells):
    model = Model("patents", CONTROLS, convention="ppmlhdfe", estimator="ppml")
    found = fit(cells, model)
    centred = cells[list(CONTROLS)] - cells[list(CONTROLS)].mean()
    x = np.hstack([centred.to_numpy(), dummies(cells)])
    y, b = cells.patents.to_numpy(float), np.zeros(x.shape[1])
    for _ in range(50):
        mean = np.exp(x @ b)
        b += np.linalg.solve(x.T @ (x * mean[:, None]), x.T @ (y - mean))
    bread = np.linalg.inv(x.T @ (x * mean[:, None]))
    raw = bread @ summed(x * (y - mean)[:, None], cells.industry) @ bread
    assert np.allclose(found.coefficients, b[:2], rtol=1e-6)
    assert np.allclose(found.covariance, raw[:2, :2] * 30 / 29, rtol=1e-5)
    with pytest.raises(CoaggError, match=r"column patents: 1 negative"):
        fit(cells.assign(patents=[-1, *y[1:]]), model)


SCRIPT = """
import sys
import pandas as pd
from coagg.analysis.estimation import Model, fit, fit_pairs
frame = pd.read_pickle(sys.argv[1])
models = [
    Model("y", ("x", "w", "lq")),
    Model("y", ("x", "w", "lq"), convention="fixest"),
    Model("y", ("w", "lq"), ("x",), ("z", "z2"), estimator="2sls"),
]
columns = {name: frame[name].to_numpy() for name in frame}
for one in [fit(frame, model) for model in models] + fit_pairs(columns, models):
    numbers = (*one.coefficients, *one.standard_errors, *one.diagnostics.values())
    print(*(float(v).hex() for v in numbers))
"""


def test_numbers_do_not_change_with_the_hash_seed(cells, tmp_path):
    """pyfixest takes out its effects in the order of a set: equal to 1e-11, ours to the bit."""
    cells.to_pickle(tmp_path / "cells.pickle")
    root = str(Path(__file__).parents[3])
    answers = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / "cells.pickle")],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    by_pyfixest, by_us = [], set()
    for answer in answers:
        lines = answer.splitlines()
        by_pyfixest.append([float.fromhex(word) for line in lines[:2] for word in line.split()])
        by_us.add(tuple(lines[2:]))
    assert np.allclose(by_pyfixest, by_pyfixest[0], rtol=1e-11)
    assert len(by_us) == 1
    assert len(by_us.pop()) == 4


def test_left_out_regressors_are_named(cells):
    frame = cells.assign(same=3.3, double=2 * cells.w + cells.x, year=cells.survey_year * 1.0)
    for model in (
        Model("y", ("x", "w", "same", "double", "year")),
        Model("y", ("w", "same", "year"), ("x",), ("z", "double_z"), estimator="2sls"),
    ):
        found = fit(frame.assign(double_z=2 * frame.z - frame.w), model)
        assert found.names == ("x", "w")
        assert dict(found.dropped) == {
            "same": "constant",
            "year": "no variation left after the fixed effects",
        } | (
            {"double": "collinear with x, w"}
            if model.estimator == "ols"
            else {"double_z": "collinear with w, z"}
        )
        clean = {"regressors": tuple(n for n in model.regressors if n == "w" or n == "x")}
        plain = fit(frame, Model(**{**vars(model), **clean, "instruments": model.instruments[:1]}))
        assert np.allclose(found.standard_errors, plain.standard_errors, rtol=1e-9)


def test_singletons_are_left_out_unless_fixest_is_followed(cells):
    alone = pd.concat([cells, cells.iloc[[0]].assign(industry="lonely")])
    lost = fit(alone, Model("y", ("x",)))
    kept = fit(alone, Model("y", ("x",), convention="fixest"))
    assert (lost.observations, lost.diagnostics["singletons"]) == (1500, 1)
    assert (kept.observations, kept.clusters) == (1501, {"industry": 31})
    assert np.allclose(lost.coefficients, kept.coefficients, rtol=1e-9)
    assert len(sample(alone, Model("y", ("x",))).rows) == 1500


@pytest.mark.parametrize(
    ("change", "model", "message"),
    [
        ({"x": np.nan}, Model("y", ("x",)), r"column x: 1500 of 1500 values are NaN"),
        ({"w": np.inf}, Model("y", ("w",)), r"column w: .* NaN or infinite, the first in row 0"),
        ({"industry": "a"}, Model("y", ("x",)), r"column industry has 1 cluster"),
        ({"industry": None}, Model("y", ("x",)), r"column industry: 1500 empty values"),
        ({"x": "few"}, Model("y", ("x",)), r"column x is not numeric"),
        ({"y": 2.5}, Model("y", ("x",)), r"column y: constant; .* change the model"),
        ({"x": 2.5}, Model("y", ("x",)), r"no regressor of y is left: x: constant"),
        ({}, Model("y", ("nobody",)), r"column nobody .* is not in the data"),
        ({"z": 1.0}, Model("y", ("w",), ("x",), ("z",), estimator="2sls"), r"z constant; name an"),
    ],
)
def test_bad_input_names_the_column_and_the_remedy(cells, change, model, message):
    with pytest.raises(CoaggError, match=message):
        fit(cells.assign(**change), model)


def test_models_that_cannot_be_meant():
    for keywords, message in (
        ({"estimator": "gmm"}, "unknown estimator gmm"),
        ({"convention": "areg"}, "unknown small-sample convention areg"),
        ({"endogenous": ("a", "b")}, "2 endogenous regressors"),
        ({"instruments": ("z",)}, "estimator ols with 0 endogenous"),
        ({"cluster": ()}, "one or two columns, not 0"),
        ({"regressors": ("x", "x")}, "x named twice"),
        ({"regressors": ()}, "no regressor"),
    ):
        with pytest.raises(CoaggError, match=message):
            Model(**{"dependent": "y", "regressors": ("x",), **keywords})
