"""`coagg.estimate` gives what pyfixest and linearmodels give of the same model."""

import numpy as np
import pandas as pd
import pyfixest
import pytest
from linearmodels.iv import IV2SLS

import coagg
from coagg import CoaggError
from coagg.analysis.estimation import Model, fit


@pytest.fixture
def frame():
    rng = np.random.default_rng(2)
    n = 600
    made = pd.DataFrame(
        {
            "group": rng.integers(0, 30, n).astype(str), "year": rng.integers(0, 5, n),
            "x": rng.normal(size=n), "z": rng.normal(size=n), "size": rng.lognormal(size=n),
        }
    )  # fmt: skip
    shock = rng.normal(size=n)
    made["d"] = made["z"] + 0.5 * made["x"] + shock
    made["y"] = made["d"] + made["x"] + np.log1p(made["size"]) + shock + rng.normal(size=n)
    made["count"] = rng.poisson(np.exp(0.3 * made["x"]))
    return made


MODEL = {
    "dependent": "y",
    "regressors": ["x", "ln_size", "x:ln_size"],
    "effects": ["year"],
    "cluster": ["group"],
}


def test_ols_of_pyfixest(frame):
    found = coagg.estimate(frame, MODEL, convention="fixest").set_index("term")
    frame["ln_size"] = np.log1p(frame["size"])
    frame["product"] = frame["x"] * frame["ln_size"]
    theirs = pyfixest.feols("y ~ x + ln_size + product | year", frame, vcov={"CRV1": "group"})
    expected = theirs.tidy()
    for name, other in (("x", "x"), ("ln_size", "ln_size"), ("x:ln_size", "product")):
        row = expected.loc[other]
        for ours, its in (("coefficient", "Estimate"), ("standard_error", "Std. Error"),
                          ("t", "t value"), ("p", "Pr(>|t|)"), ("low", "2.5%"),
                          ("high", "97.5%")):  # fmt: skip
            assert found.loc[name, ours] == pytest.approx(row[its], rel=1e-6, abs=1e-12)
    assert (found["observations"] == 600).all()
    assert (found["clusters"] == 30).all()
    assert found["r2"].iloc[0] == pytest.approx(theirs._r2)


def test_2sls_of_linearmodels(frame):
    model = {
        "dependent": "y", "endogenous": "d", "instruments": ["z"], "regressors": ["x"],
        "cluster": ["group"], "effects": ["year"],
    }  # fmt: skip
    found = coagg.estimate(frame, model).set_index("term")
    years = pd.get_dummies(frame["year"], prefix="t", dtype=float)
    exogenous = pd.concat([frame[["x"]], years], axis=1)
    theirs = IV2SLS(frame["y"], exogenous, frame["d"], frame["z"]).fit(
        cov_type="clustered", clusters=frame["group"].astype("category").cat.codes, debiased=True
    )
    for name in ("d", "x"):
        assert found.loc[name, "coefficient"] == pytest.approx(theirs.params[name], rel=1e-8)
        assert found.loc[name, "standard_error"] == pytest.approx(theirs.std_errors[name], rel=1e-6)
    assert found.index[0] == "d"
    said = found.attrs["columns"][0]
    assert said["first_stage"][0]["term"] == "z"
    assert said["diagnostics"]["kp_f"] > 10


def test_poisson_of_pyfixest(frame):
    model = {"dependent": "count", "regressors": "x", "effects": "year", "cluster": "group"}
    found = coagg.estimate(frame, {**model, "estimator": "ppml"})
    theirs = pyfixest.fepois("count ~ x | year", frame, vcov={"CRV1": "group"}).tidy()
    assert found["coefficient"].iloc[0] == pytest.approx(theirs.loc["x", "Estimate"], rel=1e-6)


def test_a_file_of_two_columns_with_what_they_share(frame, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'title = "Mine"\ncontrols = ["ln_size"]\neffects = ["year"]\ncluster = ["group"]\n'
        '[[column]]\nheading = "all"\ndependent = "y"\nregressors = ["x"]\n'
        '[[column]]\ndependent = "y"\nregressors = ["x"]\nsample = ["year >= 2", "group != 7"]\n'
    )
    found = coagg.estimate(frame, file)
    assert found["column"].tolist() == [1, 1, 2, 2]
    assert found["term"].tolist() == ["x", "ln_size"] * 2
    inside = frame[(frame["year"] >= 2) & (frame["group"] != "7")]
    assert found["observations"].tolist() == [600, 600, len(inside), len(inside)]
    inside = inside.assign(ln=np.log1p(inside["size"]))
    direct = fit(inside, Model("y", ("x", "ln"), effects=("year",), cluster=("group",)))
    np.testing.assert_allclose(found["coefficient"][2:], direct.coefficients)
    np.testing.assert_allclose(found["standard_error"][2:], direct.standard_errors)
    assert found.attrs["title"] == "Mine"


def test_what_is_left_out_is_counted_and_named(frame):
    frame.loc[:2, "x"] = np.nan
    frame.loc[[2, 3], "group"] = None
    frame["constant"] = 1.0
    found = coagg.estimate(frame, {**MODEL, "regressors": ["x", "constant"]}).set_index("term")
    assert (found["observations"] == 596).all()
    assert (found["left_out"] == 4).all()
    assert np.isnan(found.loc["constant", "coefficient"])
    said = found.attrs["columns"][0]
    assert said["missing"] == {"x": 3, "group": 2}
    assert said["dropped"] == {"constant": "constant"}


def test_a_number_may_be_regressor_and_cluster_at_once(frame):
    model = {"dependent": "y", "regressors": ["year"], "cluster": ["year"]}
    found = coagg.estimate(frame.assign(year=frame["year"] * 10 + 1990), model)
    theirs = pyfixest.feols("y ~ year", frame.assign(year=frame["year"] * 10 + 1990)).tidy()
    assert found["coefficient"].iloc[0] == pytest.approx(theirs.loc["year", "Estimate"], rel=1e-6)


@pytest.mark.parametrize(
    ("specification", "words"),
    [
        ({**MODEL, "cluster": []}, "0 cluster variables; name one or two"),
        ({**MODEL, "cluster": ["place"]}, "no fixed effect or cluster place"),
        ({**MODEL, "dependent": "q"}, "the frame has no column q"),
        ({**MODEL, "regressors": ["group"]}, "column group holds no numbers"),
        ({**MODEL, "regressors": ["ln_x"]}, "values of x are below 0"),
        ({**MODEL, "sample": "size > 1e9"}, "no row of the frame has size > 1"),
        ({**MODEL, "sample": "group > 3"}, "group is a code; compare by == or !="),
        ({**MODEL, "sample": "size big"}, "is no comparison"),
        ({**MODEL, "endogenous": "d"}, "1 endogenous and 0 instruments"),
        ({**MODEL, "level": "cell"}, "level is of the panel, not of a frame"),
        ({**MODEL, "regresors": ["x"]}, "unknown key regresors; do you mean regressors"),
        ({"regressors": ["x"], "cluster": ["group"]}, "no dependent variable"),
        ("nowhere.toml", "nowhere.toml: no such file"),
        (7, "give a TOML file or a dict, not int"),
    ],
)
def test_specifications_that_cannot_be_meant(frame, specification, words):
    with pytest.raises(CoaggError, match=rf"\A[^\n]*{words}[^\n]*\Z"):
        coagg.estimate(frame, specification)


def test_arguments_that_cannot_be_meant(frame):
    with pytest.raises(CoaggError, match="a DataFrame is needed, not list"):
        coagg.estimate([1], MODEL)
    with pytest.raises(CoaggError, match="convention='stata'"):
        coagg.estimate(frame, MODEL, convention="stata")
    with pytest.raises(CoaggError, match="no row is left; x is missing in 600"):
        coagg.estimate(frame.assign(x=np.nan), MODEL)
