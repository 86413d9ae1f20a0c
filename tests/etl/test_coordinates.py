import csv
from pathlib import Path

import numpy as np
import pytest

from coagg.errors import CoaggError
from coagg.etl import coordinates


def from_wgs84(lon: np.ndarray, lat: np.ndarray, datum: str) -> coordinates.Points:
    if datum == "wgs84":
        return lon, lat
    gcj = coordinates.wgs84_to_gcj02(lon, lat)
    return gcj if datum == "gcj02" else coordinates.gcj02_to_bd09(*gcj)


def distance_m(a: coordinates.Points, b: coordinates.Points) -> np.ndarray:
    east = (a[0] - b[0]) * 111_320 * np.cos(np.radians(a[1]))
    north = (a[1] - b[1]) * 111_320
    return np.hypot(east, north)


@pytest.fixture(scope="module")
def china() -> coordinates.Points:
    rng = np.random.default_rng(20)
    return rng.uniform(72.1, 137.7, 50_000), rng.uniform(0.9, 55.7, 50_000)


@pytest.fixture(scope="module")
def vectors(sample_dir: Path) -> dict[str, coordinates.Points]:
    with (sample_dir / "coords" / "cn_datum_reference_vectors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 124

    def points(lon: str, lat: str) -> coordinates.Points:
        return np.array([float(r[lon]) for r in rows]), np.array([float(r[lat]) for r in rows])

    return {
        "wgs84": points("wgs_lon", "wgs_lat"),
        "gcj02": points("prcoords_gcj_lon", "prcoords_gcj_lat"),
        "bd09": points("prcoords_bd_lon", "prcoords_bd_lat"),
    }


@pytest.mark.parametrize("datum", coordinates.DATUMS)
def test_agrees_with_the_reference_points_to_a_centimetre(vectors, datum):
    there = from_wgs84(*vectors["wgs84"], datum)
    assert distance_m(there, vectors[datum]).max() < 0.01


@pytest.mark.parametrize("datum", coordinates.DATUMS)
def test_reference_points_come_back(vectors, datum):
    back = coordinates.to_wgs84(*vectors[datum], datum)
    assert distance_m(back, vectors["wgs84"]).max() < 0.01


@pytest.mark.parametrize("datum", coordinates.DATUMS)
def test_round_trip_is_within_a_millimetre(china, datum):
    back = coordinates.to_wgs84(*from_wgs84(*china, datum), datum)
    assert distance_m(back, china).max() < 0.001


def test_each_inverse_undoes_its_own_step(china):
    gcj = coordinates.wgs84_to_gcj02(*china)
    assert distance_m(coordinates.gcj02_to_wgs84(*gcj), china).max() < 0.001
    bd = coordinates.gcj02_to_bd09(*gcj)
    assert distance_m(coordinates.bd09_to_gcj02(*bd), gcj).max() < 0.001


def test_the_datums_differ_by_hundreds_of_metres(china):
    shift = distance_m(coordinates.wgs84_to_gcj02(*china), china)
    assert shift.max() < 1500
    assert 200 < np.median(shift) < 900


def test_gcj02_stops_at_the_border_both_ways():
    rng = np.random.default_rng(3)
    outside = rng.uniform(-180, 71, 1000), rng.uniform(-80, 80, 1000)
    assert distance_m(coordinates.wgs84_to_gcj02(*outside), outside).max() == 0
    assert distance_m(coordinates.gcj02_to_wgs84(*outside), outside).max() == 0


def test_points_on_the_border_come_back():
    lat = np.linspace(1, 55, 200)
    lon = np.linspace(73, 137, 200)
    border = (
        np.concatenate([np.full(200, 72.004), np.full(200, 137.8347), lon, lon]),
        np.concatenate([lat, lat, np.full(200, 0.8293), np.full(200, 55.8271)]),
    )
    back = coordinates.gcj02_to_wgs84(*coordinates.wgs84_to_gcj02(*border))
    assert distance_m(back, border).max() < 0.001


def test_baidu_moves_points_everywhere():
    lon, lat = coordinates.gcj02_to_bd09(-0.1276, 51.5072)
    assert (lon, lat) == (pytest.approx(-0.121242497, abs=1e-8), pytest.approx(51.513219432))
    back = coordinates.to_wgs84(lon, lat, "bd09")
    assert back == (pytest.approx(-0.1276, abs=1e-8), pytest.approx(51.5072, abs=1e-8))


def test_shapes_are_kept_and_input_is_not_touched():
    lon, lat = np.full((20, 3), 116.4), np.full((20, 3), 39.9)
    for datum in coordinates.DATUMS:
        new_lon, new_lat = coordinates.to_wgs84(lon, lat, datum)
        assert new_lon.shape == new_lat.shape == (20, 3)
        new_lon += 1
    assert (lon == 116.4).all()
    empty = coordinates.to_wgs84([], [], "bd09")
    assert empty[0].shape == (0,)


def test_blocks_do_not_show(china):
    whole = coordinates.to_wgs84(*china, "bd09")
    part = coordinates.to_wgs84(china[0][8000:8400], china[1][8000:8400], "bd09")
    assert (whole[0][8000:8400] == part[0]).all()
    assert (whole[1][8000:8400] == part[1]).all()


def test_unknown_datum_is_named():
    with pytest.raises(CoaggError, match=r"unknown datum 'cgcs2000'.*wgs84, gcj02, bd09"):
        coordinates.to_wgs84(116.0, 39.0, "cgcs2000")
