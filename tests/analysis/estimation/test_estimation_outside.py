"""Estimates against values and programs that are not ours; each names its source.

Stata's output: ivreg2 on the card data (data set of linearmodels), reghdfe on its own auto data,
ivreg2 with two-way clusters on Baltagi and Levin's cigarette panel. R: estimatr of Debian. R
fixest is not in Debian and is not compared here.
"""

import io
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from coagg.analysis.estimation import Estimate, Model, fit, fit_pairs

EFFECTS = ("industry", "survey_year", "agglomeration_code")


def run_r(program: str, *packages: str) -> str:
    """What an R program prints; the test is skipped, aloud, where R or a package is missing."""
    if shutil.which("Rscript") is None:
        pytest.skip("no R to compare with (Debian: apt-get install r-base-core)")
    for package in packages:
        asked = ["Rscript", "-e", f'q(status = !requireNamespace("{package}", quietly = TRUE))']
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            pytest.skip(f"no {package} in R (Debian: apt-get install r-cran-{package})")
    return subprocess.run(
        ["Rscript", "-e", program], capture_output=True, text=True, check=True
    ).stdout


def on_card(*instruments: str) -> dict[str, float]:
    from linearmodels.datasets import card

    frame = card.load()
    frame["row"] = np.arange(len(frame))
    model = Model(
        "lwage",
        ("exper", "expersq", "black", "south"),
        ("educ",),
        instruments,
        effects=(),
        cluster=("row",),
        convention="ivreghdfe",
        estimator="2sls",
    )
    found = fit(frame, model)
    assert found.observations == 3010
    return found.diagnostics


def test_card_values_of_ivreg2():
    """`ivreg2 lwage exper expersq black south (educ = ...), robust`, as printed by Stata."""
    one, two = on_card("nearc4"), on_card("nearc2", "nearc4")
    assert one["kp_lm"] == pytest.approx(36.29487536, abs=1e-7)
    assert one["cragg_donald_f"] == pytest.approx(35.19636423, abs=1e-7)
    assert one["kp_f"] == pytest.approx(36.95573706, abs=1e-7)
    assert two["kp_lm"] == pytest.approx(40.07919463, abs=1e-7)
    assert two["kp_f"] == pytest.approx(20.42000777, abs=1e-7)
    assert (one["stock_yogo_10"], two["stock_yogo_10"]) == (16.38, 19.93)


# price weight length rep78 of Stata's auto data, from PyPI causaldata (MIT)
AUTO = """
4099 2930 186 3  4749 3350 173 3  4816 3250 196 3  7827 4080 222 4  5788 3670 218 3
5189 3280 200 3  10372 3880 207 3  4082 3400 200 3  11385 4330 221 3  14500 3900 204 2
15906 4290 204 3  3299 2110 163 3  5705 3690 212 4  4504 3180 193 3  5104 3220 200 2
3667 2750 179 2  3955 3430 197 3  3984 2120 163 5  4010 3600 206 2  5886 3600 206 2
6342 3740 220 2  4389 1800 147 4  4187 2650 179 3  11497 4840 233 3  13594 4720 230 3
13466 3830 201 3  3829 2580 169 4  5379 4060 221 4  6165 3720 212 3  4516 3370 198 3
6303 4130 217 4  3291 2830 195 3  8814 4060 220 4  5172 3310 198 3  4733 3300 198 3
4890 3690 218 4  4181 3370 200 3  4195 2730 180 1  10371 4030 206 3  4647 3260 170 3
4425 1800 157 5  4482 2200 165 3  4060 3330 201 2  5798 3700 214 4  4934 3470 198 1
5222 3210 201 3  4723 3200 199 3  4172 2690 179 2  9690 2830 189 5  6295 2070 174 3
9735 2650 177 4  6229 2370 170 4  4589 2020 165 5  5079 2280 170 4  8129 2750 184 4
4296 2130 161 3  5799 2240 172 5  4499 1760 149 4  3995 1980 154 4  3895 1830 142 3
3798 2050 164 5  5899 2410 174 5  3748 2200 165 5  5719 2670 175 5  7140 2160 172 4
5397 2040 155 5  4697 1930 155 4  6850 1990 156 4  11995 3170 193 5
"""


def test_auto_values_of_reghdfe():
    """`reghdfe price weight length, absorb(rep78)`, as printed by Stata."""
    numbers = np.array(AUTO.split(), dtype=float).reshape(-1, 4)
    frame = pd.DataFrame(numbers, columns=["price", "weight", "length", "rep78"])
    frame["row"] = np.arange(len(frame))
    model = Model("price", ("weight", "length"), effects=("rep78",), cluster=("row",))
    found = fit(frame, model)
    assert found.observations == 69
    assert found.coefficients == pytest.approx([5.4783091, -109.50651], rel=1e-7)
    assert (found.r2, found.r2_within) == pytest.approx((0.43408805, 0.42576464), abs=1e-8)


CIGAR = """
data(Cigar, package = "plm")
write.csv(Cigar, row.names = FALSE)
"""


def test_two_way_clusters_of_ivreg2():
    """`ivreg2 lsales lrndi (lrprice = lrpimin l.lrprice), cluster(state year) small`.

    Stata's output: tests/stata-benchmarks/fixtures/cigar_*_cl2_small.csv of restatr/ivreg2r; the
    data are `Cigar` of R's plm: 46 states, 30 years.
    """
    frame = pd.read_csv(io.StringIO(run_r(CIGAR, "plm")))
    for name, column in (("lrprice", "price"), ("lrndi", "ndi"), ("lrpimin", "pimin")):
        frame[name] = np.log(frame[column] / frame["cpi"])
    frame["lsales"] = np.log(frame["sales"])
    frame["lag"] = frame.sort_values("year").groupby("state")["lrprice"].shift()
    frame = frame.dropna().reset_index(drop=True)
    model = Model(
        "lsales",
        ("lrndi",),
        ("lrprice",),
        ("lrpimin", "lag"),
        effects=(),
        cluster=("state", "year"),
        convention="ivreghdfe",
        estimator="2sls",
    )
    found = fit(frame, model)
    assert found.observations == 1334
    assert found.clusters == {"state": 46, "year": 29}
    assert found.coefficients == pytest.approx([-0.8488642506, 0.2795686989], rel=1e-9)
    assert found.standard_errors == pytest.approx([0.1165366496, 0.0767365638], rel=1e-8)
    assert found.r2 == pytest.approx(0.3271063592, abs=1e-9)
    stata = {
        "kp_lm": 12.14402532415005,
        "kp_lm_p": 0.0023065262778536,
        "kp_f": 275.6340237108707,
        "cragg_donald_f": 4766.550936683564,
        "ar_f": 27.10041048232977,
        "ar_p": 2.83104171635e-07,
        "hansen_j": 0.939014601228718,
        "hansen_j_p": 0.3325313899042815,
    }
    for name, value in stata.items():
        assert found.diagnostics[name] == pytest.approx(value, rel=1e-7), name


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    """1,200 cells of 25 industries, 5 years, 8 agglomerations; z instruments x."""
    rng = np.random.default_rng(4)
    n = 1200
    frame = pd.DataFrame(
        {
            "industry": rng.integers(0, 25, n),
            "survey_year": rng.integers(2000, 2005, n),
            "agglomeration_code": rng.integers(0, 8, n),
        }
    )
    effect = rng.normal(size=25)[frame.industry] + rng.normal(size=8)[frame.agglomeration_code]
    frame["z"] = rng.normal(size=n) + effect
    shock = rng.normal(size=n) + rng.normal(size=25)[frame.industry] * frame.z * 0.3
    frame["x"] = 0.5 * frame.z + shock + rng.normal(size=n)
    frame["w"] = rng.normal(size=n) + effect
    frame["y"] = 0.3 * frame.x + 0.2 * frame.w + shock + effect
    return frame


R_PROGRAM = """
suppressMessages(library(estimatr))
d <- read.csv("{file}")
d$industry <- factor(d$industry)
d$survey_year <- factor(d$survey_year); d$agglomeration_code <- factor(d$agglomeration_code)
ols <- lm_robust(y ~ x + w, d, clusters = industry, se_type = "CR0",
  fixed_effects = ~ industry + survey_year + agglomeration_code)
iv <- iv_robust(y ~ x + w | z + w, d, clusters = industry, se_type = "CR0",
  fixed_effects = ~ industry + survey_year + agglomeration_code)
for (m in list(ols, iv)) cat(sprintf("%.17g", c(m$coefficients, m$std.error)), "\\n")
"""


def assert_same(found: Estimate, line: str) -> None:
    values = np.array(line.split(), dtype=float)
    # estimatr's CR0 carries no factor; ours is reghdfe's: 4 years and 7 agglomerations cost
    factor = 25 / 24 * 1199 / (1200 - 2 - 4 - 7 - 1)
    assert found.coefficients == pytest.approx(values[:2], rel=1e-9)
    assert found.standard_errors == pytest.approx(values[2:] * np.sqrt(factor), rel=1e-7)


def test_equals_estimatr_of_r(cells, tmp_path):
    """`lm_robust` and `iv_robust` of R's estimatr, at cell level and from sums of pairs."""
    cells.to_csv(tmp_path / "cells.csv", index=False)
    lines = run_r(R_PROGRAM.format(file=tmp_path / "cells.csv"), "estimatr").splitlines()
    models = [
        Model("y", ("x", "w")),
        Model("y", ("w",), ("x",), ("z",), estimator="2sls"),
    ]
    columns = {name: cells[name].to_numpy() for name in cells}
    for model, pair, line in zip(models, fit_pairs(columns, models), lines, strict=True):
        assert_same(fit(cells, model), line)
        assert_same(pair, line)
