"""Pair-level estimates against pyfixest, `fit` and brute force."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyfixest
import pytest
from pyfixest.demeaners import MapDemeaner

from coagg.analysis.estimation import Estimate, Model, fit, fit_pairs, pair_rows, pairs
from coagg.errors import CoaggError

EFFECTS = ("from_industry", "survey_year", "agglomeration_code")
BOTH = ("from_industry", "to_industry")


def model(*names, cluster=("from_industry",), **keywords) -> Model:
    return Model(*names, effects=EFFECTS, cluster=cluster, **keywords)


MODELS = [
    model("y", ("x", "w")),
    model("back", ("x", "w", "product")),
    model("y", ("w",), ("x",), ("z",), estimator="2sls", convention="ivreghdfe"),
    model("back", ("w",), ("x",), ("z", "z2"), estimator="2sls"),
    model("y", ("x", "w"), cluster=BOTH),
    model("y", ("w",), ("x",), ("z",), estimator="2sls", cluster=BOTH),
]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Ordered pairs of 20 industries in 5 agglomerations and 4 years, one in five absent."""
    rng = np.random.default_rng(3)
    rows = pd.MultiIndex.from_product(
        [range(20), range(2000, 2004), ["a", "b", "c", "d", "e"], range(20)],
        names=["from_industry", "survey_year", "agglomeration_code", "to_industry"],
    ).to_frame(index=False)
    rows = rows[(rows.from_industry != rows.to_industry) & (rng.random(len(rows)) < 0.8)]
    n, effect = len(rows), rng.normal(size=20)
    j, k = rows.from_industry.to_numpy(), rows.to_industry.to_numpy()
    rows["z"] = rng.normal(size=n) + effect[j]
    rows["z2"] = rng.normal(size=n) + 100
    shock = rng.normal(size=n) + effect[k] * rows.z * 0.2
    rows["x"] = 0.5 * rows.z + 0.1 * rows.z2 + shock + rng.normal(size=n)
    rows["w"] = rng.normal(size=n) + effect[k] + 1000
    rows["product"] = rows.x * (rows.w - 1000)
    rows["y"] = 0.3 * rows.x + 0.2 * rows.w + shock
    rows["back"] = rows.y + rng.normal(size=n)
    return rows.reset_index(drop=True)


def columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: frame[name].to_numpy() for name in frame}


def assert_same(one: Estimate, two: Estimate) -> None:
    assert one.names == two.names
    assert np.allclose(one.coefficients, two.coefficients, rtol=1e-9, atol=0)
    assert np.allclose(one.standard_errors, two.standard_errors, rtol=1e-7, atol=0)
    assert (one.r2, one.r2_within) == pytest.approx((two.r2, two.r2_within), abs=1e-11)
    assert (one.observations, one.clusters) == (two.observations, two.clusters)
    for name, value in one.diagnostics.items():
        assert value == pytest.approx(two.diagnostics[name], rel=1e-6), name


@pytest.mark.parametrize(("chunk", "short"), [(257, 32), (pair_rows.CHUNK, 32), (1000, 0)])
def test_equals_the_cell_level_estimates(frame, chunk, short, monkeypatch):
    """In pieces and whole, sorted within a piece and in runs as they come."""
    monkeypatch.setattr(pair_rows, "CHUNK", chunk)
    monkeypatch.setattr(pairs, "SHORT_RUN", short)
    for asked, found in zip(MODELS, fit_pairs(columns(frame), MODELS), strict=True):
        assert found.model == asked
        assert_same(found, fit(frame, asked))
        deviations = frame[[asked.dependent, *found.names]].std()
        assert found.deviations == pytest.approx(deviations.to_dict(), rel=1e-9)
        assert fit(frame, asked).deviations == pytest.approx(found.deviations, rel=1e-9)


def test_equals_pyfixest(frame):
    ours = fit_pairs(columns(frame), MODELS)
    formulas = ("y~x+w", "back~x+w+product", "y~w|{}|x~z")
    raw = pyfixest.ssc(k_adj=False, G_adj=False)
    n = len(frame)
    for one, formula in zip(ours, formulas, strict=False):
        effects = "+".join(EFFECTS)
        text = formula.format(effects) if "{}" in formula else f"{formula}|{effects}"
        theirs = pyfixest.feols(
            text,
            frame,
            vcov={"CRV1": "from_industry"},
            ssc=raw,
            demeaner=MapDemeaner(fixef_tol=1e-12),
        )
        counted = 7 if one.model.convention == "ivreghdfe" else 8
        factor = 20 / 19 * (n - 1) / (n - len(one.names) - counted)
        names = list(one.names)
        assert np.allclose(one.coefficients, theirs.coef()[names], rtol=1e-9)
        errors = theirs.se()[names] * np.sqrt(factor)
        assert np.allclose(one.standard_errors, errors, rtol=1e-6)


def test_order_of_rows_and_kind_of_source_do_not_matter(frame, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pair_rows, "CHUNK", 1000)
    mixed = frame.sample(frac=1, random_state=1)
    mixed["from_industry"] = "i" + mixed.from_industry.astype(str)
    table = pa.Table.from_pandas(mixed, preserve_index=False)
    small, large = tmp_path / "small.parquet", tmp_path / "large.parquet"
    pq.write_table(table, small, row_group_size=700)
    pq.write_table(table, large, row_group_size=2500)
    expected = fit_pairs(columns(frame), MODELS)
    for source in (columns(mixed), table, small, large):
        for one, two in zip(fit_pairs(source, MODELS), expected, strict=True):
            assert_same(one, two)


def test_dyadic_errors_by_brute_force(frame):
    small = frame[(frame.from_industry < 9) & (frame.to_industry < 10)]
    asked = model("y", ("x", "w"), cluster=BOTH)
    (found,) = fit_pairs(columns(small), [asked], dyadic=True)
    values = small[["y", "x", "w"]].to_numpy()
    basis = pd.get_dummies(small[list(EFFECTS)].astype(str), dtype=float).to_numpy()
    values = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    y, x = values[:, 0], values[:, 1:]
    bread = np.linalg.inv(x.T @ x)
    b = bread @ x.T @ y
    scores = x * (y - x @ b)[:, None]
    j, k = small.from_industry.to_numpy(), small.to_industry.to_numpy()
    share = ((j[:, None] == j) | (j[:, None] == k) | (k[:, None] == j) | (k[:, None] == k)).astype(
        float
    )
    n = len(small)
    factor = 10 / 9 * (n - 1) / (n - 2 - 3 - 4 - 1)
    covariance = bread @ (scores.T @ share @ scores) @ bread * factor
    assert found.clusters == {"member": 10}
    assert np.allclose(found.covariance, covariance, rtol=1e-7)


def test_left_out_columns_are_named(frame):
    extra = columns(frame) | {"same": np.full(len(frame), 3.3), "twice": 2 * frame.w.to_numpy()}
    (found,) = fit_pairs(extra, [model("y", ("x", "w", "same", "twice"))])
    assert dict(found.dropped) == {"same": "constant", "twice": "collinear with w"}
    assert_same(found, fit_pairs(columns(frame), MODELS[:1])[0])


def test_bad_input_names_the_column(frame):
    data = columns(frame)
    holed = data["x"].copy()
    holed[4321] = np.nan
    with pytest.raises(CoaggError, match=r"column x: NaN or infinite values, the first in row 43"):
        fit_pairs(data | {"x": holed}, MODELS)
    table = pa.table({**data, "x": pa.array(holed, from_pandas=True)})
    with pytest.raises(CoaggError, match=r"column x has empty values"):
        fit_pairs(table, MODELS)
    with pytest.raises(CoaggError, match=r"column from_industry has 1 cluster"):
        fit_pairs(data | {"from_industry": np.zeros(len(frame), int)}, MODELS[:1])
    with pytest.raises(CoaggError, match=r"column nobody .* not in the data"):
        fit_pairs(data, [model("y", ("nobody",))])
    with pytest.raises(CoaggError, match=r"Poisson is not had"):
        fit_pairs(data, [model("y", ("x",), estimator="ppml")])
    with pytest.raises(CoaggError, match=r"share their fixed effects"):
        fit_pairs(
            data,
            [MODELS[0], Model("y", ("x",), effects=BOTH[:1], cluster=BOTH[:1])],
        )
    with pytest.raises(CoaggError, match=r"columns differ in length"):
        fit_pairs(data | {"survey_year": data["survey_year"][1:]}, MODELS)
