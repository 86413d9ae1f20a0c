"""Coordinates as strangers write them: the same points in every dress, or a refusal that helps."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.firms import degrees, points
from coagg.etl.firms.load import load_firms

CASES = Path(__file__).parents[2] / "data" / "strangers"


def stored(settings, columns="lon, lat", country="CN"):
    with database.connect(settings) as connection:
        return connection.execute(
            f"SELECT {columns} FROM clean.firm WHERE country = %s ORDER BY survey_year, row_number",
            (country,),
        ).fetchall()


def read(lon, lat, country="CN", datum=None):
    return points.read_points(
        pa.array(lon, pa.string()), pa.array(lat, pa.string()), country, datum
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("104,064735", 104.064735),
        ("104°3'53.05\"", 104.064736),
        ("104°3'53.05\"E", 104.064736),
        ("E 104° 3' 53.05\"", 104.064736),
        ("104º 3’ 53,05” E", 104.064736),
        ("104°03′53.05″ East", 104.064736),
        ("104° 3' 53.05'' Este", 104.064736),
        ("104-03-53.05", 104.064736),
        ("104:03:53.05", 104.064736),
        ("104 03 53.05", 104.064736),
        ("104d03m53.05s", 104.064736),
        ("104°3.884'", 104.064733),
        ("东经104度3分53.05秒", 104.064736),
        ("１０４°３′５３.０５″", 104.064736),
        ("104.064735°", 104.064735),
        ("104.064735° W", -104.064735),
        ("-104°3'53.05\"", -104.064736),
        ("33° 51' 31\" S", -33.858611),
        ("44° 6' 0\" Nord", 44.1),
    ],
)
def test_spellings_of_degrees(text, value):
    found = degrees.degrees(pa.array([text]))
    assert not found.unreadable[0]
    assert found.values[0] == pytest.approx(value, abs=2e-6)


@pytest.mark.parametrize(
    "text",
    ["104°61'00\"", "104°3'61\"", "2013-05-01", "104.5°3'", "-104.1 W", "E 104.1 W", "104°3'5\"6",
     "east", "东经104度", "1 200", "104..1", "181°0'0\""],
)  # fmt: skip
def test_what_is_no_degrees(text):
    found = degrees.degrees(pa.array([text]))
    assert found.unreadable[0]
    assert np.isnan(found.values[0])


@pytest.mark.parametrize(
    "text",
    ["30.7225, 104.0647", "(30.7225,104.0647)", "30,7225; 104,0647", "30.7225 104.0647",
     "[104.0647, 30.7225]", "POINT (104.0647 30.7225)", "SRID=4326;POINT(104.0647 30.7225)",
     "POINT Z (104.0647 30.7225 500)", "30°43'21\"N 104°3'52.92\"E", "104.0647 E, 30.7225 N",
     '{"type": "Point", "coordinates": [104.0647, 30.7225]}'],
)  # fmt: skip
def test_both_numbers_in_one_column(text):
    found = read(*(part.to_pylist() for part in degrees.both_of_one(pa.array([text]))[:2]))
    assert (found.lon[0], found.lat[0]) == (
        pytest.approx(104.0647, abs=1e-6), pytest.approx(30.7225, abs=1e-6)
    )  # fmt: skip


@pytest.mark.parametrize("text", ["POLYGON ((1 2, 3 4, 1 2))", "Chengdu", "104.1", "1,2,3"])
def test_one_column_without_two_numbers_is_unreadable(text):
    found = read(*(part.to_pylist() for part in degrees.both_of_one(pa.array([text]))[:2]))
    assert points.REASONS[found.reason[0]] == "coordinates_unreadable"


def test_letters_tell_the_axes():
    found = read(["30°43'21\"N", "N 30.7225"], ["104°3'53\"E", "N 30.7225"])
    assert (found.lon[0], found.lat[0]) == (pytest.approx(104.064722), pytest.approx(30.7225))
    assert found.swapped.tolist() == [True, False]
    assert points.REASONS[found.reason[1]] == "coordinates_unreadable"


def test_a_sign_is_mended_only_where_the_country_leaves_no_doubt():
    found = read(["-104.064735", "104.064735"], ["30.722501", "-30.722501"])
    assert found.sign_restored.tolist() == [True, True]
    assert (found.lon > 0).all()
    assert (found.lat > 0).all()
    british = read(["5.05", "1.47"], ["50.11", "-53.38"], "GB")
    assert british.sign_restored.tolist() == [False, True]  # 5.05 E is a place in Europe
    assert points.REASONS[british.reason[0]] == "outside_country"


@pytest.mark.parametrize("scale", [1e6, 1e7])
def test_millionths_of_degrees(scale):
    found = read([f"{104.064735 * scale:.0f}"], [f"{30.722501 * scale:.0f}"])
    assert (found.lon[0], found.lat[0]) == (pytest.approx(104.064735), pytest.approx(30.722501))
    assert (found.scaled[0], found.low_precision[0]) == (True, False)
    for lon, lat in (
        ("410454", "3399222"),
        ("104064735.5", "30722501"),
        ("104064735", "30.722501"),
    ):
        assert points.REASONS[read([lon], [lat]).reason[0]] == "coordinates_impossible"


def test_a_cut_spelling_is_flagged_as_coarse():
    found = read(["104°3'", "104°3'53\"", "104.06"], ["30°43'", "30°43'21\"", "30.72"])
    assert found.low_precision.tolist() == [True, False, True]


DRESSES = {
    "files_dms": None, "files_dms_hemisphere": None, "files_one_column_lat_lon": None,
    "files_wkt": None, "files_microdegrees": "degrees_scaled", "files_lost_sign": "sign_restored",
}  # fmt: skip


@pytest.fixture
def plain(db_settings):
    load_firms(db_settings, CASES / "files_plain.csv", 2012, layout="demo")
    return np.array(stored(db_settings))


@pytest.mark.parametrize(("name", "flag"), DRESSES.items())
def test_whatever_the_dress_the_points_are_the_same(db_settings, plain, name, flag):
    report = load_firms(db_settings, CASES / f"{name}.csv", 2013, layout="demo")
    assert (report.rows_read, report.rows_clean) == (60, 60)
    metres = np.abs(np.array(stored(db_settings))[60:] - plain) * 111_000
    assert metres.max() < (0.5 if "dms" in name else 1e-3)
    mended = {"degrees_scaled", "sign_restored", "axes_swapped", "low_precision"}
    assert {one: n for one, n in report.flags.items() if one in mended} == (
        {flag: 60} if flag else {}
    )


def test_degrees_minutes_seconds_of_strangers(db_settings):
    assert load_firms(db_settings, CASES / "dms.csv", 2004, layout="demo").rows_clean == 24
    assert stored(db_settings)[0] == (pytest.approx(120.128605, abs=5e-6),
                                      pytest.approx(30.234317, abs=5e-6))  # fmt: skip


def test_minutes_behind_the_point_are_told(db_settings):
    with pytest.raises(CoaggError, match=r"look like degrees\.minutes-seconds.*48 numbers.*Row 1 "
                       r"has 120\.0742 30\.1403: write it as 120°07'42\" 30°14'03\""):  # fmt: skip
        load_firms(db_settings, CASES / "dms_packed.csv", 2004, layout="demo")
    assert stored(db_settings) == []


def test_packed_minutes_and_decimal_degrees_are_told_apart():
    random = np.random.default_rng(1)
    lon, lat = random.uniform(100, 120, 3000), random.uniform(22, 40, 3000)

    def minutes(x):
        return np.floor(x) + x % 1 * 0.6

    assert degrees.packed(minutes(lon), minutes(lat)) == "degrees.minutes"
    assert degrees.packed(lon, lat) is None
    # a town: minutes never reach 60 there, by its place alone
    assert degrees.packed(104 + lon % 0.3, 30 + lat % 0.3) is None
    # rounded to a grid: few different ends
    assert degrees.packed(104 + np.arange(500) % 50 / 100, 30 + np.arange(500) % 50 / 100) is None


def test_metres_without_a_name_are_refused_with_an_example(db_settings):
    with pytest.raises(CoaggError, match=r"coordinates_impossible: row 1, lon '223656\.1', "
                       r"lat '3348238\.6'\); numbers so large are metres.*--datum EPSG:32651 "
                       r"\(WGS 84 / UTM zone 51N\) puts 92% of them in their own"):  # fmt: skip
        load_firms(db_settings, CASES / "crs_utm51.csv", 2004, layout="demo")


def test_every_reason_has_an_example_with_its_row(db_settings, tmp_path):
    text = (CASES / "files_plain.csv").read_text(encoding="utf-8")
    file = tmp_path / "mixed.csv"
    file.write_text(
        text
        + "1,a,510100,0610,1,1,east,30\n2,b,510100,0610,1,1,,30\n3,c,510100,0610,1,1,2.35,48.8\n",
        encoding="utf-8",
    )
    report = load_firms(db_settings, file, 2013, layout="demo")
    assert report.facts["examples"] == {
        "coordinates_unreadable": "row 61, lon 'east', lat '30'",
        "coordinates_missing": "row 62, lon is empty, lat '30'",
        "outside_country": "row 63, lon '2.35', lat '48.8'",
    }


def test_the_second_pair_is_read_where_the_first_is_empty(db_settings, tmp_path):
    file = tmp_path / "two_pairs.csv"
    file.write_text(
        "CompanyName,CompanyNumber,SICCode.SicText_1,longitude,latitude,easting,northing\n"
        "A,03100000,25620 - Machining,-1.47,53.38,387147,435354\n"
        "B,03100007,25620 - Machining,,,435354,387147\n"
        "C,03100014,25620 - Machining,0,0,435387,387181\n"
        "D,03100021,25620 - Machining,,,,\n"
    )
    report = load_firms(db_settings, file, 2020)
    assert report.reasons == {"coordinates_missing": 1}
    assert report.flags["second_coordinates"] == 2
    rows = stored(db_settings, "lon, lat, source_lon", "GB")
    assert rows[0][:2] == (-1.47, 53.38)
    assert rows[1] == (pytest.approx(-1.47, abs=0.01), pytest.approx(53.38, abs=0.01), 435354)


def test_metres_of_a_named_system_are_read(db_settings, plain):
    report = load_firms(
        db_settings, CASES / "files_utm.csv", 2013, layout="demo", datum="epsg:32648"
    )
    assert (report.rows_clean, report.datum) == (60, "EPSG:32648")
    metres = np.abs(np.array(stored(db_settings))[60:] - plain) * 111_000
    assert metres.max() < 0.01


def test_the_system_is_an_option_and_must_be_known(run_coagg):
    words = ("load", "firms", CASES / "crs_utm51.csv", "--survey-year", "2004", "--layout", "demo")
    code, out, _ = run_coagg(*words, "--datum", "EPSG:32651")
    assert (code, "datum EPSG:32651" in out) == (0, True)
    for wrong in ("EPSG:1", "EPSG:999999", "utm51", "EPSG:4978", "EPSG:5773"):
        code, _, err = run_coagg(*words, "--datum", wrong)
        assert (code, f"unknown datum '{wrong}'" in err) == (2, True)


def test_axes_of_a_projection_are_put_right_where_only_one_way_is_in_the_country():
    one, other = ["223656.1", "3348238.6"], ["3348238.6", "223656.1"]
    found = read(one, other, datum="EPSG:32651")
    assert found.reason.tolist() == [points.KEPT] * 2
    assert found.swapped.tolist() == [False, True]
    assert found.lon.tolist() == [223656.1] * 2


def test_swapped_axes_of_a_projection_are_told_by_the_places(db_settings, tmp_path):
    text = (CASES / "files_utm.csv").read_text(encoding="utf-8")
    header, *rows = text.splitlines()
    file = tmp_path / "swapped.csv"
    lines = [header.replace("lon,lat", "lat,lon"), *rows]
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CoaggError, match=r"east and north have changed places: .* 100%.*row 1 has"):
        load_firms(db_settings, file, 2013, layout="demo", datum="EPSG:32648")
