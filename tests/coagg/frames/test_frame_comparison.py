"""The other indices of a frame are those that `coagg compare` stores."""

import numpy as np
import pandas as pd
import pytest

import coagg
from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.comparison import CompareRequest, compare
from coagg.analysis.measurement.index import IndexRequest, measure


@pytest.fixture
def compared(reference_db, put_firms, db_settings, points):
    """Three prefectures of one agglomeration, with employment."""
    put_firms(reference_db, 2013, *points)
    reference_db.execute(
        "UPDATE clean.firm SET employment = 5 + row_number * 7919 % 300, "
        "prefecture_code = (ARRAY['5101', '5106', '5107'])[1 + row_number % 3]"
    )
    reference_db.commit()
    index = IndexSettings(draws=20, seed=7, method="exact")
    measure(db_settings, IndexRequest(2013, index, min_firms=12))
    compare(db_settings, CompareRequest(2013, draws=30, seed=2))
    return db_settings


def test_every_comparison_index_is_the_stored_one(compared):
    with coagg.Database(compared) as db:
        firms = db.firms(2013)
    settings = {"draws": 30, "seed": 2, "min_firms": 12}
    found = {
        "colocation_quotient": coagg.colocation_quotient(firms, "industry", **settings),
        "duranton_overman": coagg.duranton_overman(firms, "industry", **settings),
        "ellison_glaeser_kerr": coagg.ellison_glaeser_kerr(
            firms, "industry", area="prefecture_code", employment="employment", min_firms=12
        ),
    }
    with database.connect(compared) as connection:
        rows = connection.execute(
            "SELECT comparison, fixed_industry, redrawn_industry, value, p_value, verdict "
            "FROM coagglomeration.comparison ORDER BY 1, 2, 3"
        ).fetchall()
    stored = pd.DataFrame(rows, columns=["which", "from", "to", "value", "p", "verdict"])
    for which, frame in found.items():
        one = stored[stored["which"] == which]
        assert len(frame) == len(one) > 100
        assert frame["from_industry"].tolist() == one["from"].tolist()
        assert frame["to_industry"].tolist() == one["to"].tolist()
        np.testing.assert_array_equal(frame[which], one["value"].astype(float))
        np.testing.assert_array_equal(frame["p_value"], one["p"].astype(float))
        assert frame["verdict"].tolist() == one["verdict"].tolist()
        assert frame.attrs["comparison"] == which


def test_cells_by_column_are_each_their_own(example):
    example["side"] = np.where(example.geometry.x > -1.4, "east", "west")
    both = coagg.colocation_quotient(example, "sic3", by="side", draws=20, min_firms=60)
    east = coagg.colocation_quotient(
        example[example["side"] == "east"], "sic3", draws=20, min_firms=60
    )
    part = both[both["side"] == "east"].drop(columns="side").reset_index(drop=True)
    pd.testing.assert_frame_equal(part, east, check_exact=True)


def test_without_employment_each_firm_counts_one(example):
    example["side"] = (example.geometry.x * 10).round().astype(str)
    one = coagg.ellison_glaeser_kerr(example, "sic3", area="side", min_firms=100)
    example["persons"] = 3
    other = coagg.ellison_glaeser_kerr(
        example, "sic3", area="side", employment="persons", min_firms=100
    )
    np.testing.assert_allclose(one["ellison_glaeser_kerr"], other["ellison_glaeser_kerr"])
    back = one.rename(columns={"from_industry": "to_industry", "to_industry": "from_industry"})
    both = one.merge(back, on=["from_industry", "to_industry"])
    np.testing.assert_allclose(both["ellison_glaeser_kerr_x"], both["ellison_glaeser_kerr_y"])
