"""Metres without a name: the message proposes the system that puts them in their places."""

import numpy as np
import pyproj
import pytest

from coagg.errors import CoaggError
from coagg.etl.firms.crs_proposal import candidates
from coagg.etl.firms.load import load_firms
from coagg.etl.reference import countries


@pytest.mark.parametrize(
    ("country", "code", "lon", "lat"),
    [
        ("CN", "EPSG:32648", 104.06, 30.72), ("CN", "EPSG:4527", 116.4, 39.9),
        ("CN", "EPSG:3857", 121.5, 31.2), ("GB", "EPSG:32630", -1.47, 53.38),
    ],
)  # fmt: skip
def test_the_system_is_among_the_candidates_as_are_its_axes(country, code, lon, lat):
    there = pyproj.Transformer.from_crs("EPSG:4326", code, always_xy=True)
    x, y = there.transform(lon + np.arange(5) / 100, lat + np.arange(5) / 100)
    box = countries.box(country)
    for turned, pair in ((False, (x, y)), (True, (y, x))):
        found = candidates(*pair, box)
        here = [one for one in found if one.turned == turned]
        assert any(abs(one.lon - lon - 0.02) + abs(one.lat - lat - 0.02) < 0.05 for one in here)


def test_the_british_grid_is_proposed_by_its_name(db_settings, tmp_path):
    path = tmp_path / "a.csv"
    lines = "\n".join(f"25620,{435354 + n},{387147 + n}" for n in range(12))
    path.write_text(f"SICCode.SicText_1,longitude,latitude\n{lines}\n")
    with pytest.raises(CoaggError, match=r"--datum osgb36 \(OSGB36 / British National Grid\)"):
        load_firms(db_settings, path, 2022)


@pytest.mark.parametrize("text", ["east", "9e99"])
def test_what_is_no_metres_gets_no_proposal_of_a_system(db_settings, tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(f"industry_code,lon,lat\n1310,{text},{text}\n")
    with pytest.raises(CoaggError) as error:
        load_firms(db_settings, path, 2004, layout="demo")
    assert "UTM zone" not in str(error.value)
    assert "\n" not in str(error.value)


def test_metres_that_lie_in_no_country_of_the_file(db_settings, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("industry_code,lon,lat\n1310,223656.1,3348238.6\n")
    with pytest.raises(CoaggError, match="outside_country"):
        load_firms(db_settings, path, 2004, layout="demo", datum="EPSG:32633")
