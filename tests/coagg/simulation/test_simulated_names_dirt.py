"""Dirt in the names of made applicants: each kind does what its label in the truth says."""

import numpy as np
import pandas as pd
from rapidfuzz.distance import OSA

from coagg.simulation import patents as simulated_patents

NAMES = ["成都兴达机床有限公司", "长城瑞（重庆）线缆有限责任公司", "广州金龙TCL食品厂"]
TRADES = ["机床", "线缆", "食品"]


def test_a_mistyped_name_is_one_slip_away():
    rng = np.random.default_rng(1)
    made = [simulated_patents._mistyped(name, rng) for name in NAMES * 200]
    distance = [OSA.distance(a, b) for a, b in zip(NAMES * 200, made, strict=True)]
    assert set(distance) <= {0, 1}  # exchanging two of one character changes nothing
    assert np.mean(distance) > 0.95


def test_siblings_keep_place_trade_and_form_and_are_nobody_surveyed():
    frame = pd.DataFrame({"firm_name": NAMES * 50, "trade": TRADES * 50})
    taken = {f"成都兴{word}机床有限公司" for word in simulated_patents.WORDS}
    made = simulated_patents._siblings(frame, taken | set(NAMES), np.random.default_rng(2))
    assert not set(made) & (taken | set(NAMES))
    for name, sibling in zip(NAMES * 50, made, strict=True):
        assert sibling.endswith(name[-3:])
        assert (sibling[:2] == name[:2]) or "（" in name
    assert all("（重庆）线缆" in name for name in made[1::3])


def test_numbers_are_counted_within_their_kind():
    kind = np.array([0, 1, 0, 1, 2])
    ids = simulated_patents._application_numbers(1998, kind, np.array([5, 4, 3, 2, 1]))
    assert [i[:10] for i in ids] == [
        "CN98100002", "CN98200002", "CN98100001", "CN98200001", "CN98300001",
    ]  # fmt: skip
    assert {len(i) for i in ids} == {11}
