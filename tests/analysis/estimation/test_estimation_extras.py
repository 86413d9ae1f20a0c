"""Equality of columns, wild bootstrap, Conley, randomisation."""

import numpy as np
import pandas as pd
import pyfixest
import pytest
from pyfixest.demeaners import MapDemeaner
from pyproj import Geod

from coagg.analysis.estimation import Model, equality, fit
from coagg.analysis.estimation import inference as extras
from coagg.errors import CoaggError

EFFECTS = ("industry", "survey_year", "agglomeration_code")


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 600
    frame = pd.DataFrame(
        {
            "industry": rng.integers(0, 12, n),
            "survey_year": rng.integers(1998, 2001, n),
            "agglomeration_code": rng.integers(0, 6, n),
        }
    )
    effect = rng.normal(size=12)[frame.industry] + rng.normal(size=6)[frame.agglomeration_code]
    frame["z"] = rng.normal(size=n) + effect
    frame["x"] = frame.z + rng.normal(size=n)
    frame["w"] = rng.normal(size=n)
    slope = rng.normal(size=12)[frame.industry]
    frame["scale"] = 0.3 * frame.x + 0.1 * frame.w + slope * frame.x * 0.2 + rng.normal(size=n)
    frame["quality"] = 0.5 * frame.scale + effect + rng.normal(size=n)
    return frame


@pytest.mark.parametrize("cluster", [("industry",), ("industry", "agglomeration_code")])
def test_equality_is_that_of_the_stacked_sample(cells, cluster):
    models = [Model(name, ("x", "w"), cluster=cluster) for name in ("scale", "quality")]
    found = equality((cells, models[0]), (cells, models[1]))
    stacked = pd.concat(
        [cells.assign(y=cells[m.dependent], d=d) for d, m in enumerate(models)], ignore_index=True
    )
    for name in ("x", "w"):
        stacked[f"{name}_1"] = stacked[name] * stacked.d
    for name in EFFECTS:
        stacked[f"d_{name}"] = stacked[name] * 2 + stacked.d
    formula = "y~x+w+x_1+w_1|" + "+".join(f"d_{name}" for name in EFFECTS)
    theirs = pyfixest.feols(
        formula,
        stacked,
        vcov={"CRV1": "+".join(cluster)},
        ssc=pyfixest.ssc(k_adj=False, G_adj=False),
        demeaner=MapDemeaner(fixef_tol=1e-12),
    )
    g, counted = (12, 5 + 11 + 1) if len(cluster) == 1 else (6, 5 + 1)
    factor = g / (g - 1) * 1199 / (1200 - 4 - counted)
    for one in found.differences:
        error = theirs.se()[f"{one.name}_1"] * np.sqrt(factor)
        assert one.difference == pytest.approx(theirs.coef()[f"{one.name}_1"], rel=1e-8)
        assert one.standard_error == pytest.approx(error, rel=1e-6)
        scales = [cells[one.name].std() / cells[m.dependent].std() for m in models]
        assert one.standardised_first == pytest.approx(one.first * scales[0])
        assert one.standardised_difference == pytest.approx(
            one.second * scales[1] - one.first * scales[0]
        )
    assert (found.observations, found.clusters[cluster[0]]) == (1200, 12)
    assert 0 < found.joint_p < 1


def test_equality_of_a_column_with_itself_and_of_two_stages(cells):
    plain = Model("scale", ("x", "w"))
    same = equality((cells, plain), (cells, plain)).differences[0]
    assert (same.difference, same.standard_error) == pytest.approx((0, 0), abs=1e-9)
    one = Model("scale", ("w",), ("x",), ("z",), estimator="2sls")
    two = Model("quality", ("w",), ("x",), ("z",), estimator="2sls")
    pair = equality((cells, one), (cells, two)).differences[0]
    direct = fit(
        cells.assign(gap=cells.quality - cells.scale), Model(**{**vars(one), "dependent": "gap"})
    )
    factor = (599 / (600 - 2 - 8)) / (1199 / (1200 - 4 - 17 + 0))
    assert pair.difference == pytest.approx(direct.coefficients[0], rel=1e-9)
    assert pair.standard_error == pytest.approx(
        direct.standard_errors[0] / np.sqrt(factor), rel=1e-9
    )
    with pytest.raises(CoaggError, match="cannot be compared"):
        equality((cells, plain), (cells, Model("scale", ("x",))))


def test_wild_bootstrap_equals_draws_made_by_rows(cells):
    model = Model("scale", ("x", "w"))
    found = extras.wild_bootstrap(cells, model, "x", draws=400, seed=4, weights="rademacher")
    drawn = np.random.default_rng(4).choice(extras.RADEMACHER, size=(12, 400))
    basis = pd.get_dummies(cells[list(EFFECTS)].astype(str), dtype=float).to_numpy()

    def out(values: np.ndarray) -> np.ndarray:
        return values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]

    x, y = out(cells[["x", "w"]].to_numpy()), cells.scale.to_numpy()
    bread = np.linalg.inv(x.T @ x)

    def t(values: np.ndarray) -> float:
        b = bread @ (x.T @ out(values))
        scores = x * (out(values) - x @ b)[:, None]
        sums = pd.DataFrame(scores).groupby(cells.industry.to_numpy()).sum().to_numpy()
        return b[0] / np.sqrt((bread @ sums.T @ sums @ bread)[0, 0])

    null = np.hstack([cells[["w"]].to_numpy(), basis])
    fitted = null @ np.linalg.lstsq(null, y, rcond=None)[0]
    residual = y - fitted
    sampled = [t(fitted + residual * drawn[cells.industry, d]) for d in range(40)]
    assert found.t == pytest.approx(t(y), rel=1e-9)
    whole = [abs(value) >= abs(found.t) for value in sampled]
    again = extras.wild_bootstrap(cells, model, "x", draws=400, seed=4, weights="rademacher")
    assert again == found
    assert found.p == pytest.approx(np.mean(whole), abs=0.2)
    pairs_like = {name: cells[name].to_numpy() for name in cells}
    other = extras.wild_bootstrap_pairs(
        pairs_like, model, "x", draws=400, seed=4, weights="rademacher"
    )
    assert (other.t, other.p) == pytest.approx((found.t, found.p), rel=1e-9)


def test_wild_draws_themselves(cells):
    """Every draw of the block form, not only its share, equals the t by rows."""
    model = Model("scale", ("x", "w"))
    data = {name: cells[name].to_numpy() for name in cells}
    blocks = extras.pairs.lead_blocks(data, model, ("scale", "x", "w"))
    drawn = np.random.default_rng(1).choice(extras.WEBB, size=(12, 5))
    _, sampled = extras.wild_t(blocks, 0, 1, drawn)
    null = pd.get_dummies(cells[list(EFFECTS)].astype(str), dtype=float).assign(w=cells.w)
    fitted = null @ np.linalg.lstsq(null.to_numpy(), cells.scale, rcond=None)[0]
    factor = 12 / 11 * 599 / (600 - 2 - 8)
    for d in range(5):
        made = fitted + (cells.scale - fitted) * drawn[cells.industry, d]
        found = fit(cells.assign(made=made), Model("made", ("x", "w")))
        assert sampled[d] == pytest.approx(found.t[0] * np.sqrt(factor), rel=1e-7)


def test_conley_by_brute_force(cells):
    positions = {code: (104.0 + 0.3 * code, 30.0 + 0.1 * code**2) for code in range(6)}
    model = Model("scale", ("x", "w"))
    found = extras.conley(cells, model, positions, 120.0)
    basis = pd.get_dummies(cells[list(EFFECTS)].astype(str), dtype=float).to_numpy()
    values = cells[["scale", "x", "w"]].to_numpy()
    values = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    y, x = values[:, 0], values[:, 1:]
    bread = np.linalg.inv(x.T @ x)
    scores = x * (y - x @ bread @ x.T @ y)[:, None]
    lon, lat = np.array([positions[code] for code in cells.agglomeration_code]).T
    ends = np.broadcast_arrays(lon[:, None], lat[:, None], lon, lat)
    distance = Geod(a=6371008.8, b=6371008.8).inv(*map(np.ravel, ends))[2].reshape(600, 600)
    weight = np.maximum(0, 1 - distance / 120_000)
    assert np.allclose(found.covariance, bread @ scores.T @ weight @ scores @ bread, rtol=1e-8)
    with pytest.raises(CoaggError, match="no position for agglomeration_code 5"):
        extras.conley(cells, model, {code: positions[code] for code in range(5)}, 120.0)


def test_randomisation(cells):
    rng = np.random.default_rng(0)
    model = Model("scale", ("x", "w"))

    def shuffled(values):
        def redraw(rng):
            return {"x": rng.permutation(values)}

        return redraw

    found = extras.randomisation_inference(cells, model, ["x"], shuffled(cells.x), 60)
    assert found.observed[0] == pytest.approx(fit(cells, model).t[0], rel=1e-8)
    assert found.p[0] == pytest.approx(1 / 61)
    noise = cells.assign(x=rng.normal(size=600))
    again = extras.randomisation_inference(noise, model, ["x"], shuffled(noise.x), 60)
    assert again.p[0] > 0.02
    drawn = np.random.default_rng(1).permutation(noise.x)
    assert again.sampled[0, 0] == pytest.approx(fit(noise.assign(x=drawn), model).t[0], rel=1e-7)
    with pytest.raises(CoaggError, match="of regressors of an ols model, not z"):
        extras.randomisation_inference(cells, model, ["z"], shuffled(cells.z), 60)


def test_a_draw_that_leaves_nothing_counts_as_large():
    def statistic(rng):
        return np.array([2.0]) if rng is None else np.array([np.nan])

    assert extras.randomise(statistic, 99).p[0] == 1.0
