"""Frames for the tests of the Python face."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest


@pytest.fixture
def points():
    """320 firms of 20 industries about one city, one without an industry: lon, lat, codes."""
    rng = np.random.default_rng(3)
    codes = [f"{code:03d}" for code in rng.integers(13, 33, 320)]
    codes[5] = None
    return 104 + rng.normal(0, 0.2, 320), 30.6 + rng.normal(0, 0.2, 320), codes


@pytest.fixture
def firms(points):
    """The same as a GeoDataFrame."""
    lon, lat, codes = points
    return geopandas.GeoDataFrame(
        {"code": codes}, geometry=geopandas.points_from_xy(lon, lat), crs=4326
    )


@pytest.fixture
def example():
    import coagg

    return coagg.example("south_yorkshire")
