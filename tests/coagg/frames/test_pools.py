"""Pools and near pairs: sums along links, counted by hand and by the SQL of the panel."""

import numpy as np
import pandas as pd
import pytest
from support.panel_world import World

import coagg
from coagg.analysis.panel.build import build_panel

PAIRS = pd.DataFrame(
    [
        ("1", "2", 0.97), ("1", "3", 0.94), ("2", "1", 0.95), ("2", "3", 0.99),
        ("3", "1", 1.00), ("3", "2", 0.10),
    ],
    columns=["from_industry", "to_industry", "index"],
)  # fmt: skip
VALUES = pd.Series({"1": 1.0, "2": 10.0, "3": 100.0}, name="patents")


def test_pools_by_hand():
    found = coagg.pools(PAIRS, VALUES).set_index("industry")
    assert found["near_outward"].to_dict() == {"1": 1, "2": 2, "3": 1}
    assert found["patents_outward"].to_dict() == {"1": 10.0, "2": 101.0, "3": 1.0}
    assert found["patents_inward"].to_dict() == {"1": 110.0, "2": 1.0, "3": 10.0}
    strict = coagg.pools(PAIRS, VALUES, 0.98).set_index("industry")
    assert strict["patents_outward"].to_dict() == {"1": 0.0, "2": 100.0, "3": 1.0}


def test_one_way_leaves_bidirectional_pairs_out():
    found = coagg.pools(PAIRS, VALUES, one_way=True).set_index("industry")
    assert found["patents_outward"].to_dict() == {"1": 0.0, "2": 100.0, "3": 1.0}
    near = coagg.near_pairs(PAIRS, one_way=True)
    assert list(zip(near["from_industry"], near["to_industry"], strict=True)) == [
        ("2", "3"),
        ("3", "1"),
    ]
    assert len(coagg.near_pairs(PAIRS)) == 4


def test_what_is_not_known_is_never_nought():
    some = VALUES.drop("3")
    found = coagg.pools(PAIRS, some).set_index("industry")
    assert np.isnan(found.loc["2", "patents_outward"])
    assert found["patents_missing_outward"].to_dict() == {"1": 0, "2": 1, "3": 0}
    assert found.loc["1", "patents_outward"] == 10.0  # 3 is not near 1
    same = coagg.pools(PAIRS, VALUES.where(VALUES < 100)).set_index("industry")
    pd.testing.assert_frame_equal(same, found)
    # a pair without an index may be a link or not
    pairs = PAIRS.copy()
    pairs.loc[1, "index"] = np.nan
    found = coagg.pools(pairs, VALUES).set_index("industry")
    assert np.isnan(found.loc["1", "patents_outward"])
    assert np.isnan(found.loc["3", "patents_inward"])
    assert found.loc["1", "near_outward"] == 1
    assert len(coagg.near_pairs(pairs)) == 4


def test_values_as_columns_and_several():
    frame = pd.DataFrame({"industry": ["1", "2", "3"], "patents": VALUES.to_numpy(), "staff": 2})
    found = coagg.pools(PAIRS, frame)
    assert found["staff_outward"].tolist() == [2.0, 4.0, 2.0]
    assert found["patents_outward"].tolist() == [10.0, 101.0, 1.0]


@pytest.mark.parametrize("direction", ["from-fixed", "from-redrawn"])
def test_pools_of_the_data_base_are_those_of_the_panel(reference_db, db_settings, direction):
    """The oracle is sql/transforms/panel/60_cells.sql."""
    world = World(reference_db, direction)
    build_panel(db_settings, world.measurement_id, 2007)
    with coagg.Database(db_settings) as db:
        pairs = db.pairs(2007, measurement=world.measurement_id)
        cells = db.panel(measurement=world.measurement_id)
    by = ["survey_year", "agglomeration_code"]
    values = cells[[*by, "industry", "innovation_scale", "innovation_quality"]]
    for threshold, one_way, mark in ((0.95, False, ""), (0.9, False, "_90"), (0.99, False, "_99"),
                                     (0.95, True, "_oneway")):  # fmt: skip
        found = coagg.pools(pairs, values, threshold, one_way, by=by)
        both = found.merge(cells, on=[*by, "industry"], validate="1:1")
        assert len(both) == len(cells) == 8
        for way in ("outward", "inward"):
            for kind in ("scale", "quality"):
                np.testing.assert_allclose(
                    both[f"innovation_{kind}_{way}"], both[f"kp_{way}_{kind}{mark}"]
                )
    assert both["kp_outward_scale"].sum() > 0
