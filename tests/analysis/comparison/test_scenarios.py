from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from coagg.analysis.comparison.pairs import COLOCATION, DURANTON_OVERMAN, EGK
from coagg.analysis.comparison.scenarios import (
    SCENARIOS,
    A,
    B,
    found_shares,
    measure,
    scenarios_figure,
    simulate,
)
from coagg.errors import CoaggError

EXPECTED = {
    "1-a": (False, False),
    "1-b": (False, False),
    "2-a": (True, True),
    "2-b": (True, True),
    "3-a": (True, False),
    "3-b": (True, False),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_directional_index_tells_every_case(name: str) -> None:
    assert measure(simulate(name), draws=300).near["index"] == EXPECTED[name]


@pytest.mark.parametrize("name", ["3-a", "3-b"])
def test_symmetric_indices_take_one_way_for_both_ways(name: str) -> None:
    verdicts = measure(simulate(name), draws=200)
    assert verdicts.near[DURANTON_OVERMAN] == (True, True)
    assert verdicts.near[EGK] == (True, True)


def test_in_the_one_way_cases_every_a_has_a_b_near_it_but_not_every_b_an_a() -> None:
    for name in ("3-a", "3-b"):
        scenario = simulate(name)
        a, b = (scenario.points_km[scenario.industry == i] for i in (A, B))
        distance = np.linalg.norm(a[:, None] - b[None], axis=2)
        assert distance.min(axis=1).max() < 10
        assert distance.min(axis=0).max() > 20


def test_patterns_are_within_the_region_and_follow_the_seed() -> None:
    one, same, other = simulate("2-b", 3), simulate("2-b", 3), simulate("2-b", 4)
    assert np.array_equal(one.points_km, same.points_km)
    assert not np.array_equal(one.points_km, other.points_km)
    assert one.points_km.min() >= 0
    assert one.points_km.max() < 120
    assert set(one.area) <= set(range(16))
    assert np.bincount(one.industry)[2:].tolist() == [50] * 10


def test_shares_over_patterns_separate_one_way_from_both_ways() -> None:
    shares = found_shares("3-a", repeats=8, draws=100)
    forward, backward = shares["index"]
    assert forward >= 0.8
    assert backward <= 0.2
    assert shares[DURANTON_OVERMAN][0] == shares[DURANTON_OVERMAN][1]
    assert abs(shares[COLOCATION][0] - shares[COLOCATION][1]) <= 0.5


def test_the_figure_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "new" / "six.png"
    verdicts = scenarios_figure(path, draws=60, repeats=1, repeat_draws=20)
    assert list(verdicts) == list(SCENARIOS)
    image = imread(path)
    assert image.shape[0] > 1000
    assert image[..., :3].std() > 0.05
    assert path.stat().st_size < 300_000


def test_faulty_input_is_refused() -> None:
    with pytest.raises(CoaggError, match="no scenario '4-a'"):
        simulate("4-a")
    with pytest.raises(CoaggError, match="draws is 0"):
        measure(simulate("1-b"), draws=0)
