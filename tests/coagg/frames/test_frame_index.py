"""The index of a frame is that of the data base, bit for bit, and means what its arguments say."""

import itertools

import geopandas
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import coagg
from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.etl.firms.load import load_firms

CELL = ["country", "survey_year", "agglomeration_code"]
STORED = {
    "observed_cost": "observed_cost_km2",
    "null_mean": "null_mean_km2",
    "null_sd": "null_sd_km2",
    "fixed_firms": "from_firms",
    "redrawn_firms": "to_firms",
}


def stored(settings, measurement_id):
    """What the data base holds, read without the face."""
    query = (
        "SELECT agglomeration_code, fixed_industry AS from_industry, "
        "redrawn_industry AS to_industry, index, standard_error, observed_cost, null_mean, "
        "null_sd, fixed_firms, redrawn_firms FROM coagglomeration.pair_result "
        "WHERE measurement_id = %s"
    )
    with database.connect(settings) as connection:
        cursor = connection.execute(query, (measurement_id,))
        names = [column.name for column in cursor.description]
        found = pd.DataFrame(cursor.fetchall(), columns=names).rename(columns=STORED)
    keys = ["agglomeration_code", "from_industry", "to_industry"]
    return found.sort_values(keys, ignore_index=True)


def same_bits(frame, rows):
    """Equal to the last bit in every number that both have."""
    names = list(rows.columns.intersection(frame.columns))
    assert {"index", "observed_cost_km2", "null_sd_km2", "from_firms"} <= set(names)
    assert_frame_equal(frame[names], rows[names], check_exact=True, check_dtype=False)


@pytest.mark.parametrize(
    ("method", "draws", "workers"),
    [
        ("exact", 60, 1),
        ("exact", 60, 2),
        ("calibrated", 60, 1),
        ("calibrated", 60, 2),
        ("published", 5, 2),
    ],
)
def test_same_bytes_as_the_data_base(
    reference_db, put_firms, db_settings, points, firms, method, draws, workers
):
    put_firms(reference_db, 2013, *points)
    report = measure(
        db_settings, IndexRequest(2013, IndexSettings(draws=draws, seed=7, method=method))
    )
    ((code, number, _),) = report.cells
    assert number == 320
    found = coagg.coagglomeration(
        firms, "code", key=f"CN/2013/{code}", draws=draws, seed=7, method=method, workers=workers
    )
    assert len(found) == 20 * 19
    same_bits(found, stored(db_settings, report.measurement_id))


@pytest.mark.parametrize("pile_ups", ["keep", "drop", "spread"])
def test_cells_of_the_data_base_by_its_own_columns(
    reference_db, put_firms, db_settings, points, pile_ups
):
    lon, lat, codes = points
    lon[100:120], lat[100:120] = lon[100], lat[100]
    put_firms(
        reference_db, 2013, lon, lat, codes,
        flags=["{pile_up}" if 100 <= row < 120 else "{}" for row in range(320)],
    )  # fmt: skip
    # half of them in another agglomeration
    reference_db.execute("UPDATE clean.firm SET prefecture_code = '4401' WHERE row_number % 2 = 0")
    reference_db.commit()
    request = IndexRequest(
        2013, IndexSettings(draws=40, seed=3, method="exact"), min_firms=3, pile_ups=pile_ups
    )
    report = measure(db_settings, request)
    assert len(report.cells) == 2
    with coagg.Database(db_settings) as db:
        firms, read = db.firms(2013), db.pairs(2013)
    arguments = {"draws": 40, "seed": 3, "method": "exact", "min_firms": 3, "pile_ups": pile_ups}
    found = coagg.coagglomeration(firms, "industry", by=CELL, **arguments)
    same_bits(found, stored(db_settings, report.measurement_id))
    assert_frame_equal(found, read, check_exact=True, check_dtype=False)
    # by one column and the beginning of the name: the same cells
    named = coagg.coagglomeration(
        firms, "industry", by="agglomeration_code", key="CN/2013", **arguments
    )
    assert_frame_equal(named, found[named.columns], check_exact=True)


def test_south_yorkshire_is_the_same_here_and_there(reference_db, put_firms, db_settings, example):
    put_firms(reference_db, 2013, example.geometry.x, example.geometry.y, example["sic3"])
    index = IndexSettings(draws=100, seed=1998)
    report = measure(db_settings, IndexRequest(2013, index, min_firms=60, workers=2))
    key = f"CN/2013/{report.cells[0][0]}"
    found = coagg.coagglomeration(example, "sic3", key=key, draws=100, min_firms=60)
    assert found.attrs["cells"][key]["firms"] == 4350
    same_bits(found, stored(db_settings, report.measurement_id))


def test_one_agglomeration_of_the_real_sample(db_settings, sample_dir):
    load_firms(db_settings, sample_dir / "firms" / "cn_example_2013_drewdrop.csv", 2013)
    with coagg.Database(db_settings) as db:
        counts = db.firms(2013).groupby("agglomeration_code").size()
        code = counts[counts > 700].idxmin()  # large enough to be calibrated
        firms = db.firms(2013, agglomeration=code)
    index = IndexSettings(draws=100, seed=1998)
    report = measure(db_settings, IndexRequest(2013, index, agglomerations=(code,), min_firms=5))
    found = coagg.coagglomeration(firms, "industry", by=CELL, draws=100, min_firms=5)
    assert len(found) == report.pairs_done > 1000
    same_bits(found, stored(db_settings, report.measurement_id))


def test_another_crs_gives_the_same_up_to_rounding(firms):
    here = coagg.coagglomeration(firms, "code", draws=30, method="exact")
    there = coagg.coagglomeration(firms.to_crs(32648), "code", draws=30, method="exact")
    assert_frame_equal(here, there, rtol=1e-6, atol=0.05)
    np.testing.assert_allclose(here["observed_cost_km2"], there["observed_cost_km2"], rtol=1e-7)


def test_the_order_and_labels_of_rows_beside_the_answer(firms):
    """Labels of the index say nothing; the frame is not changed."""
    before = firms.copy()
    other = firms.set_index(pd.Index([f"x{i}" for i in range(320)]))
    one = coagg.coagglomeration(firms, "code", draws=20, method="exact")
    two = coagg.coagglomeration(other, "code", draws=20, method="exact")
    assert_frame_equal(one, two, check_exact=True)
    assert_frame_equal(firms, before)


def test_direction_is_the_transpose(firms):
    one = coagg.coagglomeration(firms, "code", draws=20, method="exact")
    other = coagg.coagglomeration(firms, "code", draws=20, method="exact", direction="from-redrawn")
    back = one.rename(
        columns={
            "from_industry": "to_industry", "to_industry": "from_industry",
            "from_firms": "to_firms", "to_firms": "from_firms",
        }
    )  # fmt: skip
    back = back.sort_values(["from_industry", "to_industry"], ignore_index=True)
    assert_frame_equal(other, back[other.columns], check_exact=True)
    assert (one["index"] != other["index"]).any()


def test_euclidean_cost_is_in_km(firms):
    found = coagg.coagglomeration(firms, "code", draws=20, method="exact", cost="euclidean")
    assert {"observed_cost_km", "null_mean_km", "null_sd_km"} <= set(found.columns)
    a, b = (firms[firms["code"] == code] for code in ("013", "014"))
    row = found.query("from_industry == '013' and to_industry == '014'").iloc[0]
    assert row["observed_cost_km"] == pytest.approx(
        coagg.transport_cost(a, b, "euclidean"), rel=1e-3
    )


def test_industries_of_interest_leave_the_others_in_the_pool(firms):
    chosen = ["013", "014", "015"]
    all_ = coagg.coagglomeration(firms, "code", draws=30, method="exact")
    some = coagg.coagglomeration(firms, "code", draws=30, method="exact", industries=chosen)
    inside = all_["from_industry"].isin(chosen) & all_["to_industry"].isin(chosen)
    assert_frame_equal(some, all_[inside].reset_index(drop=True), check_exact=True)
    assert some.attrs["cells"]["firms"]["firms_without_industry"] > 200


def test_a_reference_is_the_pool(firms):
    """A reference of all firms in their order changes nothing; the firms may be fewer."""
    all_ = coagg.coagglomeration(firms, "code", draws=30, method="exact")
    with_reference = coagg.coagglomeration(
        firms.sample(frac=1, random_state=1), "code", draws=30, method="exact", reference=firms
    )
    assert_frame_equal(with_reference, all_, check_exact=True)
    chosen = firms[firms["code"].isin(["013", "014"])]
    few = coagg.coagglomeration(chosen, "code", draws=30, method="exact", reference=firms.geometry)
    expected = all_[all_["from_industry"].isin(["013", "014"])]
    expected = expected[expected["to_industry"].isin(["013", "014"])].reset_index(drop=True)
    assert_frame_equal(few, expected, check_exact=True)
    assert few.attrs["cells"]["firms"]["firms"] == 320


def test_a_firm_on_no_site_of_the_reference_adds_its_own(firms):
    chosen = firms[firms["code"].isin(["013", "014"])]
    others = firms[~firms["code"].isin(["013", "014"])]
    found = coagg.coagglomeration(chosen, "code", draws=10, method="exact", reference=others)
    assert found.attrs["cells"]["firms"]["firms"] == 320
    # two firms on one site, of which the reference has one
    twice = pd.concat([chosen, chosen.iloc[[0]]], ignore_index=True)
    found = coagg.coagglomeration(twice, "code", draws=10, method="exact", reference=chosen)
    assert found.attrs["cells"]["firms"]["firms"] == len(chosen) + 1


def test_reference_by_cell(firms):
    firms["side"] = np.where(np.arange(320) % 2 == 0, "a", "b")
    both = coagg.coagglomeration(
        firms, "code", by="side", draws=10, method="exact", reference=firms, key="k"
    )
    plain = coagg.coagglomeration(firms, "code", by="side", draws=10, method="exact", key="k")
    assert_frame_equal(both, plain, check_exact=True)
    assert list(plain.attrs["cells"]) == ["k/a", "k/b"]


def test_index_by_hand(firms):
    """The share of every choice of sites at least as far, counted by brute force."""
    few = firms.iloc[:9].assign(code=["1", "1", "2", "2", "2", None, None, None, None])
    found = coagg.coagglomeration(few, "code", draws=20_000, method="exact", seed=5)
    one = few[few["code"] == "1"]
    observed = coagg.transport_cost(one, few[few["code"] == "2"])
    costs = [
        coagg.transport_cost(one, few.iloc[list(sites)])
        for sites in itertools.combinations(range(9), 3)
    ]
    share = np.mean(np.array(costs) >= observed * (1 - 1e-3))  # projected about another middle
    assert found["index"].iloc[0] == pytest.approx(share, abs=0.015)


def test_pile_ups_without_a_column_go_by_the_rule_of_a_load(firms):
    piled = pd.concat([firms, firms.iloc[[7] * 11]], ignore_index=True)
    piled.loc[7, "code"] = piled.loc[8, "code"]
    dropped = coagg.coagglomeration(piled, "code", draws=10, method="exact", pile_ups="drop")
    assert dropped.attrs["cells"]["firms"]["firms"] == 319
    few = pd.concat([firms, firms.iloc[[7] * 8]], ignore_index=True)
    kept = coagg.coagglomeration(few, "code", draws=10, method="exact", pile_ups="drop")
    assert kept.attrs["cells"]["firms"]["firms"] == 328


def test_progress_and_settings_are_said(firms):
    seen = []
    found = coagg.coagglomeration(
        firms, "code", draws=10, method="exact", progress=lambda *now: seen.append(now)
    )
    assert seen[0] == (0, 380)
    assert seen[-1] == (380, 380)
    assert {"draws": 10, "method": "exact", "seed": 1998, "by": []}.items() <= found.attrs.items()
    assert found.attrs["cells"]["firms"]["firms_without_industry"] == 1


def test_a_cell_without_a_pair_is_told(firms):
    firms["place"] = ["alone"] + ["city"] * 319
    with pytest.warns(UserWarning, match="1 of 2 cells have fewer than two industries"):
        found = coagg.coagglomeration(firms, "code", by="place", draws=10, method="exact")
    assert set(found["place"]) == {"city"}


def test_wide_cells_are_told_and_too_wide_ones_refused(firms):
    wide = firms.copy()
    x = wide.geometry.x.to_numpy().copy()
    x[0] = 80.0
    wide["geometry"] = geopandas.points_from_xy(x, wide.geometry.y)
    with pytest.warns(UserWarning, match=r"wrong by up to 0\.\d+%"):
        coagg.coagglomeration(wide, "code", draws=5, method="exact", min_firms=10)
    x[0] = -70.0
    wide["geometry"] = geopandas.points_from_xy(x, wide.geometry.y)
    with pytest.raises(coagg.CoaggError, match="measure regions apart"):
        coagg.coagglomeration(wide, "code", draws=5, method="exact")


def test_categories_and_whole_numbers_in_by(firms):
    firms["code"] = firms["code"].astype("category")
    firms["year"] = np.where(np.arange(320) % 2 == 0, 2004, 2013).astype("int16")
    found = coagg.coagglomeration(firms, "code", by=["year"], draws=10, method="exact")
    assert found["year"].dtype == "int16"
    assert set(found["year"]) == {2004, 2013}
    one = coagg.coagglomeration(
        firms[firms["year"] == 2013], "code", key="2013", draws=10, method="exact"
    )
    same = found[found["year"] == 2013].drop(columns="year").reset_index(drop=True)
    assert_frame_equal(one, same, check_exact=True)
