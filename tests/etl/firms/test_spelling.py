"""Whatever the dress, the same firms stand at the same points."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.files.readers import open_table
from coagg.etl.firms import layouts, located, row_crs, scan, spelling
from coagg.etl.firms.inputs import open_file
from coagg.etl.firms.load import load_firms

CASES = Path(__file__).parents[2] / "data" / "strangers"
CHINA = (73.0, 3.0, 136.0, 54.0)
BRITAIN = (-9.0, 49.0, 2.5, 61.5)


def parts(value):
    """Degrees, minutes and hundred-thousandths of seconds of a positive number."""
    ticks = round(value * 3600 * 100_000)
    return ticks // 360_000_000, ticks // 6_000_000 % 60, ticks % 6_000_000 / 100_000


def dms(value):
    degree, minute, second = parts(value)
    return f"{degree}°{minute:02d}'{second:08.5f}\""


def packed_seconds(value):
    degree, minute, second = parts(value)
    return f"{degree}{minute:02d}{second:08.5f}"


def packed_minutes(value):
    degree = int(value)
    minute = round((value - degree) * 60, 7)
    return f"{degree}{minute:010.7f}" if minute < 60 else f"{degree + 1}00.0000000"


def wkb(lon, lat, srid=None):
    point = shapely.Point(lon, lat)
    if srid:
        return shapely.to_wkb(shapely.set_srid(point, srid), hex=True, include_srid=True)
    return shapely.to_wkb(point, hex=True)


def zone_of(lon):
    return int((lon + 180) // 6) + 1


def metres(lon, lat, code):
    x, y = pyproj.Transformer.from_crs("EPSG:4326", code, always_xy=True).transform(lon, lat)
    return round(x, 4), round(y, 4)


def in_zone(form):
    def dressed(lon, lat):
        zone = zone_of(lon)
        return (*metres(lon, lat, f"EPSG:{32600 + zone}"), form.format(zone))

    return dressed


# what is written in the columns lon, lat and crs, or in the one column location
DRESSES = {
    "decimal": lambda lon, lat: (f"{lon:.9f}", f"{lat:.9f}"),
    "comma": lambda lon, lat: (f"{lon:.9f}".replace(".", ","), f"{lat:.9f}".replace(".", ",")),
    "swapped": lambda lon, lat: (f"{lat:.9f}", f"{lon:.9f}"),
    "lost sign": lambda lon, lat: (f"{-lon:.9f}", f"{lat:.9f}"),
    "dms": lambda lon, lat: (dms(lon), dms(lat)),
    "letters": lambda lon, lat: (f"{dms(lat)}N", f"{dms(lon)}O"),
    "DDMMSS": lambda lon, lat: (packed_seconds(lon), packed_seconds(lat)),
    "DDMMSS with letters": lambda lon, lat: (packed_seconds(lon) + "E", "N" + packed_seconds(lat)),
    "DDMM.mmm": lambda lon, lat: (packed_minutes(lon), packed_minutes(lat)),
    "zone": in_zone("{}"),
    "zone and half": in_zone("{}N"),
    "zone and band": in_zone("UTM {}R"),
    "code": in_zone("EPSG:326{}"),
    "number": in_zone("326{}.0"),
    "one column": lambda lon, lat: (f"{lat:.9f}, {lon:.9f}",),
    "wkt": lambda lon, lat: (f"POINT ({lon:.9f} {lat:.9f})",),
    "ewkt": lambda lon, lat: (
        f"SRID=32650;POINT({' '.join(map(str, metres(lon, lat, 'EPSG:32650')))})",
    ),
    "wkb": lambda lon, lat: (wkb(lon, lat),),
    "ewkb": lambda lon, lat: (wkb(lon, lat, 4326),),
    "ewkb of metres": lambda lon, lat: (wkb(*metres(lon, lat, "EPSG:3857"), 3857),),
    "geojson": lambda lon, lat: (f'{{"type":"Point","coordinates":[{lon:.9f},{lat:.9f}]}}',),
}
FLAGS = {
    "swapped": "swapped", "letters": "swapped", "lost sign": "sign_restored",
    "DDMMSS": "packed", "DDMMSS with letters": "packed", "DDMM.mmm": "packed",
}  # fmt: skip


def read(folder, rows, names, country="CN", datum=None):
    path = folder / "dressed.csv"
    lines = [";".join(("industry_code", *names))]
    lines += [";".join(["1310", *('"' + str(one).replace('"', '""') + '"' for one in row)])
              for row in rows]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    opened = open_file(path, 2010, "demo", datum, country)
    (batch,) = opened.table.batches()
    return located.locate(batch, opened.mapping, country, opened.datum)


@settings(max_examples=60, deadline=None)
@given(
    dress=st.sampled_from(sorted(DRESSES)),
    seed=st.integers(0, 2**32 - 1),
    number=st.integers(12, 40),
)
def test_whatever_the_dress_the_points_are_the_same(tmp_path_factory, dress, seed, number):
    random = np.random.default_rng(seed)
    points = np.column_stack([random.uniform(91, 135, number), random.uniform(5, 52, number)])
    points = [tuple(map(float, point)) for point in points]
    rows = [DRESSES[dress](lon, lat) for lon, lat in points]
    names = {1: ["location"], 2: ["lon", "lat"], 3: ["lon", "lat", "crs"]}[len(rows[0])]
    found = read(tmp_path_factory.mktemp("dress"), rows, names)
    apart = np.hypot(found.lon - [p[0] for p in points], found.lat - [p[1] for p in points])
    assert apart.max() * 111_320 < 0.001
    for name in ("swapped", "sign_restored", "scaled", "packed"):
        assert getattr(found.points, name).all() == (name == FLAGS.get(dress)), name


def test_a_few_large_numbers_are_no_packed_degrees(tmp_path):
    rows = [("1200742", "301403"), ("1203428", "311552")]
    assert np.isnan(read(tmp_path, rows, ["lon", "lat"]).lon).all()


def test_metres_are_no_packed_degrees():
    random = np.random.default_rng(3)
    for east, north in ((5e5, 3.4e6), (1.2e7, 3.5e6), (39.5e6, 4.4e6)):
        x, y = east + random.uniform(-2e5, 2e5, 200), north + random.uniform(-5e5, 5e5, 200)
        texts = [pa.array([f"{one:.2f}" for one in axis]) for axis in (x, y)]
        assert spelling.found(*texts, CHINA, metres=False).form is None


def test_minutes_and_seconds_that_are_none_are_unreadable(tmp_path):
    points = [(104 + n / 37, 30 + n / 41) for n in range(20)]
    rows = [DRESSES["DDMMSS"](*point) for point in points] * 10
    rows[3] = ("1047042.00000", "301403.00000")
    found = read(tmp_path, rows, ["lon", "lat"])
    assert np.flatnonzero(found.points.reason == 1).tolist() == [3]


def test_a_layout_says_that_degrees_are_packed(db_settings, tmp_path):
    layout = tmp_path / "packed.csv"
    demo = layouts.load_layout("demo").path.read_text(encoding="utf-8")
    layout.write_text(demo + "@coordinates,,degrees.minutes-seconds\n", encoding="utf-8")
    report = load_firms(db_settings, CASES / "dms_packed.csv", 2004, layout=str(layout))
    assert (report.rows_clean, report.flags["degrees_packed"]) == (24, 24)
    assert report.facts["notes"] == [
        "coordinates are read as degrees.minutes-seconds: 120.0742 is 120°07'42\""
    ]
    with database.connect(db_settings) as connection:
        first = connection.execute(
            "SELECT lon, lat FROM clean.firm WHERE row_number = 1"
        ).fetchone()
    assert first == (pytest.approx(120.128333, abs=1e-6), pytest.approx(30.234167, abs=1e-6))
    layout.write_text(demo + "@coordinates,,dms\n", encoding="utf-8")
    with pytest.raises(CoaggError, match="@coordinates of 1998- is 'dms'; use one of degrees"):
        layouts.load_layout(layout)


@pytest.mark.parametrize(
    ("letters", "sign"),
    [(["1°28'O", "1°28'E"], -1), (["1°28'O", "1°28'W"], 1), (["1°28'O"], 0), (["E", "O", "W"], 0)],
)
def test_the_letter_o_by_the_other_one(letters, sign):
    text = pa.array(letters)
    assert spelling.found(text, text, BRITAIN, metres=False).east_o == sign
    assert spelling.found(text, text, CHINA, metres=False).east_o == 1


def test_an_o_that_nothing_explains_is_unreadable(tmp_path):
    found = read(tmp_path, [("1°28'12\"O", "53°22'48\"N")], ["lon", "lat"], "GB", "wgs84")
    assert found.points.reason.tolist() == [1]
    rows = [("1°28'12\"O", "53°22'48\"N"), ("0°28'12\"E", "53°22'48\"N")]
    assert read(tmp_path, rows, ["lon", "lat"], "GB", "wgs84").lon.round(2).tolist() == [
        -1.47,
        0.47,
    ]


def test_metres_with_decimal_commas(tmp_path):
    rows = [("223656,1", "3348238,65"), ("223.656,1", "3.348.238,65")]
    found = read(tmp_path, rows, ["lon", "lat"], datum="EPSG:32651")
    assert found.points.lon.tolist() == [223656.1] * 2
    rows = [("223,656.1", "3,348,238.65"), ("223,656", "3,348,238")]
    found = read(tmp_path, rows, ["lon", "lat"], datum="EPSG:32651")
    assert found.points.lon.tolist() == [223656.1, 223656]


@pytest.mark.parametrize(
    ("text", "half", "base", "datum"),
    [
        ("EPSG:32651", None, None, "EPSG:32651"),
        ("urn:ogc:def:crs:EPSG::32651", None, None, "EPSG:32651"),
        ("WGS 84 / UTM zone 51N", None, None, "EPSG:32651"),
        ("wgs84", None, None, "wgs84"),
        ("27700", None, None, "osgb36"),
        ("51", None, "wgs84", "EPSG:32651"),
        ("51S", None, None, "EPSG:32651"),  # the band from 32 to 40 north
        ("Zone 51", "N", None, "EPSG:32651"),
        ("30", None, "EPSG:23031", "EPSG:23030"),  # of the file's datum, ED50
        ("61", None, None, row_crs.UNKNOWN),
        ("51Ñ", None, None, row_crs.UNKNOWN),
        ("999999", None, None, row_crs.UNKNOWN),
        ("my own grid", None, None, row_crs.UNKNOWN),
        (None, "N", None, None),
    ],
)
def test_systems_of_rows(text, half, base, datum):
    assert row_crs.datum_of(text, half, 3, 54, base) == datum


def test_a_zone_south_or_north_of_the_line():
    assert row_crs.datum_of("23", "S", -34, 6, None) == "EPSG:32723"
    assert row_crs.datum_of("23K", None, -34, 6, None) == "EPSG:32723"
    assert row_crs.datum_of("23", None, -34, 6, None) == row_crs.UNKNOWN
    assert row_crs.datum_of("56", None, -44, -10, None) == "EPSG:32756"


def test_a_row_whose_system_is_not_known_is_refused_and_said(db_settings, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "industry_code,lon,lat,utm_zone\n1310,223656.1,3348238.6,51\n1310,223656.1,3348238.6,77\n"
        "1310,120.12861,30.23431,\n"
    )
    report = load_firms(db_settings, path, 2004, layout="demo")
    assert (report.rows_clean, report.reasons) == (2, {"coordinates_unreadable": 1})
    assert report.facts["examples"]["coordinates_unreadable"].endswith("utm_zone '77'")


def test_samples_of_files_with_systems_of_their_own_are_in_degrees(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("industry_code,lon,lat,crs\n1310,223656.1,3348238.6,32651\n1310,120.1,30.2,\n")
    table = open_table(path)
    mapping = layouts.load_layout("demo").map(table.headers, 2010)
    sample = scan.coordinate_sample(table, mapping, "CN", datum="wgs84")
    assert sample.own.tolist() == ["EPSG:32651", None]
    assert sample.wgs84("wgs84")[0].round(1).tolist() == [120.1, 120.1]
