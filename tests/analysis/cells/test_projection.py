import numpy as np
import pytest
from pyproj import Geod

from coagg.analysis.cells.projection import project_km
from coagg.errors import CoaggError

GEOD = Geod(ellps="WGS84")


def disc(lon0, lat0, radius_km, number=300, seed=0):
    rng = np.random.default_rng(seed)
    distance = radius_km * 1000 * np.sqrt(rng.random(number))
    distance[: number // 3] = radius_km * 1000
    lon, lat, _ = GEOD.fwd(
        np.full(number, lon0), np.full(number, lat0), rng.uniform(0, 360, number), distance
    )
    return np.array(lon), np.array(lat)


@pytest.mark.parametrize(
    ("lon0", "lat0"), [(113.5, 23.0), (104.5, 30.5), (-1.5, 53.4), (125.0, 45.5)]
)
def test_distances_over_600_km_are_right_to_two_parts_in_ten_thousand(lon0, lat0):
    lon, lat = disc(lon0, lat0, 300)
    points, info = project_km(lon, lat, (lon0, lat0))
    i, j = np.triu_indices(len(lon), 1)
    _, _, metres = GEOD.inv(lon[i], lat[i], lon[j], lat[j])
    error = np.hypot(*(points[i] - points[j]).T) / (np.array(metres) / 1000) - 1
    assert np.abs(error).max() < 2.0e-4
    assert np.sqrt(np.mean(error**2)) < 1.5e-4
    # The bound that is reported holds (to the flattening of the ellipsoid) and is not slack.
    assert 0.9 < np.abs(error).max() / info.worst_relative_error < 1.05


def test_centre_comes_from_the_points_and_not_from_their_order_or_last_decimals():
    lon, lat = disc(104.0, 30.0, 100)
    points, info = project_km(lon, lat)
    shuffled = np.random.default_rng(1).permutation(len(lon))
    again, info_again = project_km(lon[shuffled], lat[shuffled])
    assert info_again == info
    assert np.array_equal(points[shuffled], again)
    _, nudged = project_km(lon + 1e-7, lat - 1e-7)
    assert nudged.centre == info.centre
    assert info.centre == (round(info.centre[0], 2), round(info.centre[1], 2))


def test_east_is_x_north_is_y_and_one_point_is_its_own_place():
    points, _ = project_km(
        np.array([104.0, 104.1, 104.0]), np.array([30.0, 30.0, 30.1]), (104.0, 30.0)
    )
    assert np.allclose(points[0], 0)
    assert points[1, 0] > 9
    assert abs(points[1, 1]) < 0.1
    assert points[2, 1] > 11
    assert abs(points[2, 0]) < 1e-9
    alone, info = project_km(np.array([104.0]), np.array([30.0]))
    assert alone.tolist() == [[0.0, 0.0]]
    assert info.scale == 1.0


@pytest.mark.parametrize(
    ("lon", "lat", "message"),
    [
        ([104.0, np.nan], [30.0, 30.0], "1 coordinates are missing.*row 1"),
        ([104.0], [91.0], "out of range"),
        ([104.0], [30.0, 31.0], "two equal lists"),
        ([], [], "two equal lists"),
    ],
)
def test_bad_coordinates_are_refused_in_one_line(lon, lat, message):
    with pytest.raises(CoaggError, match=message):
        project_km(np.array(lon), np.array(lat))
