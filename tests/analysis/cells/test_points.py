"""Points of a cell, and what is done with pile-ups."""

import numpy as np

from coagg.analysis.cells.points import FirmPoints, agglomerations, read_points, treat_pile_ups


def piled():
    lon = np.array([104.0, 104.0, 104.0, 104.5, 105.0])
    return FirmPoints(
        np.arange(5), lon, np.full(5, 30.0), np.array(["131"] * 5), np.array([1, 1, 1, 0, 0], bool)
    )


KM = np.array([[0.0, 0], [0, 0], [0, 0], [50, 0], [100, 0]])


def test_read_in_row_order_bit_for_bit(reference_db, put_firms):
    rng = np.random.default_rng(1)
    lon, lat = 104 + rng.random(50), 30 + rng.random(50)
    put_firms(reference_db, 2013, lon, lat, ["131", None] * 25, flags=["{pile_up}", "{}"] * 25)
    assert agglomerations(reference_db, "CN", 2013) == {"CY": 50}
    points = read_points(reference_db, "CN", 2013, "CY")
    assert np.array_equal(points.lon, lon)
    assert np.array_equal(points.lat, lat)
    assert points.industry.tolist() == ["131", ""] * 25
    assert points.pile_up.tolist() == [True, False] * 25
    assert points.row_number.tolist() == list(range(1, 51))


def test_keep_and_drop():
    stays, km = treat_pile_ups(piled(), KM, "keep", 1.0)
    assert stays.all()
    assert km is KM
    stays, _ = treat_pile_ups(piled(), KM, "drop", 1.0)
    assert stays.tolist() == [False, False, False, True, True]


def test_spread_stays_within_the_radius_moves_only_the_pile_and_is_repeatable():
    stays, km = treat_pile_ups(piled(), KM, "spread", 2.0)
    assert stays.all()
    assert len(np.unique(km[:3], axis=0)) == 3
    assert np.linalg.norm(km[:3], axis=1).max() <= 2.0
    assert np.array_equal(km[3:], KM[3:])
    assert np.array_equal(km, treat_pile_ups(piled(), KM, "spread", 2.0)[1])


def test_the_hash_follows_every_part_but_not_the_numbers_of_rows():
    base = piled()
    hashes = {base.sha256()}
    moved = FirmPoints(**{**vars(base), "row_number": base.row_number + 1})
    assert moved.sha256() in hashes
    for name in ("lon", "lat", "pile_up"):
        changed = getattr(base, name).copy()
        changed[0] = not changed[0] if name == "pile_up" else changed[0] + 1
        hashes.add(FirmPoints(**{**vars(base), name: changed}).sha256())
    industry = base.industry.copy()
    industry[0] = "132"
    hashes.add(FirmPoints(**{**vars(base), "industry": industry}).sha256())
    assert len(hashes) == 5
