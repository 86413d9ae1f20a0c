"""Areas as their files have them: formats, columns, faults; circles and grids written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from support.area_files import BOX, EAST, LOADED, WEST, made, written

from coagg.errors import CoaggError
from coagg.etl.reference import area_shapes, areas
from coagg.etl.reference.areas import AreaChoices, read_areas

# ---- files


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.fgb", "a.parquet", "a.shp", "a.zip"])
@pytest.mark.parametrize("crs", [4326, 32648])
def test_every_format_gives_the_same_areas(tmp_path: Path, name: str, crs: int) -> None:
    path = written(made({"W": WEST, "E": EAST}).to_crs(crs), tmp_path / name)
    frame, findings = read_areas(path, AreaChoices(country="CN"), LOADED)
    assert frame.agglomeration_code.tolist() == ["E", "W"]
    assert frame.name.tolist() == ["Area E", "Area W"]
    assert set(frame.country) == {"CN"}
    assert frame.crs.to_epsg() == 4326
    for shape, true in zip(frame.geometry, (EAST, WEST), strict=True):
        assert shapely.area(shapely.symmetric_difference(shape, true)) < 1e-6
    assert findings[0].detail == "code from code, name from name, country CN"


@pytest.mark.parametrize(
    ("encoding", "stated", "name", "told"),
    [
        ("utf-8", True, "成都", None),
        ("utf-8", False, "成都", "states none, read as UTF-8: 成都"),
        ("cp1252", False, "Málaga", "states none (no .cpg beside it), read as ISO-8859-1: Málaga"),
    ],
)
def test_names_of_a_shapefile_without_its_encoding(tmp_path, encoding, stated, name, told) -> None:
    frame = made({"W": WEST}).assign(name=name)
    frame.to_file(tmp_path / "a.shp", encoding=encoding)
    record = bytearray((tmp_path / "a.dbf").read_bytes())
    record[29] = 0  # the language driver, which states the code page as well
    (tmp_path / "a.dbf").write_bytes(record)
    if not stated:
        (tmp_path / "a.cpg").unlink()
    found, findings = read_areas(tmp_path / "a.shp", AreaChoices(), LOADED)
    assert found.name.tolist() == [name]
    assert [finding.detail for finding in findings[1:]] == ([told] if told else [])


@pytest.mark.parametrize(
    ("columns", "choices", "taken"),
    [
        ({"FUA_CODE": ["1", "2"], "FUA_NAME": "n"}, {}, "code from FUA_CODE, name from FUA_NAME"),
        ({"TTWA11CD": ["1", "2"], "TTWA11NM": "n"}, {}, "code from TTWA11CD, name from TTWA11NM"),
        ({"id": [1.0, 2.0]}, {}, "code from id, name from id"),
        ({"zone": ["1", "2"], "id": 0}, {"code": "ZONE"}, "code from zone, name from zone"),
    ],
)
def test_columns_are_found_or_named(tmp_path: Path, columns, choices, taken) -> None:
    frame = made({"1": WEST, "2": EAST}, **columns).drop(columns=["code", "name"])
    path = written(frame, tmp_path / "a.gpkg")
    found, findings = read_areas(path, AreaChoices(**choices), LOADED)
    assert found.agglomeration_code.tolist() == ["1", "2"]
    assert str(findings[0].detail).startswith(taken)


def test_only_the_country_asked_for_is_taken(tmp_path: Path) -> None:
    frame = made({"1": WEST, "2": EAST, "3": BOX(-1, 52, 0, 53)}, iso3=["CHN", "FRA", "GBR"])
    path = written(frame, tmp_path / "a.gpkg")
    found, findings = read_areas(path, AreaChoices(country="GB"), LOADED)
    assert found[["country", "agglomeration_code"]].values.tolist() == [["GB", "3"]]
    assert findings[1].detail == "FRA 1, CN 1" or findings[1].detail == "CN 1, FRA 1"
    both, _ = read_areas(path, AreaChoices(), LOADED)
    assert both.country.tolist() == ["CN", "GB"]
    path = written(made({"1": WEST}, iso3="Zhongguo"), tmp_path / "b.gpkg")
    named, _ = read_areas(path, AreaChoices(country="CN"), LOADED)
    assert named.country.tolist() == ["CN"]


def test_invalid_shapes_are_mended_and_told_and_empty_ones_left_out(tmp_path: Path) -> None:
    bow = shapely.Polygon([(104, 30), (104.2, 30.2), (104.2, 30), (104, 30.2)])
    frame = made({"B": bow, "N": None, "W": shapely.force_3d(BOX(105, 30, 106, 31), 5.0)})
    found, findings = read_areas(written(frame, tmp_path / "a.geojson"), AreaChoices(), LOADED)
    assert found.agglomeration_code.tolist() == ["B", "W"]
    assert found.is_valid.all()
    assert found.geometry.iloc[0].area == pytest.approx(0.02)
    told = {finding.item: str(finding.detail) for finding in findings}
    assert told["invalid shapes mended"].startswith("1: B (Self-intersection")
    assert told["without a shape, left out"] == "1: N"


def test_slivers_are_told(tmp_path: Path) -> None:
    frame = made({"W": WEST, "E": BOX(104.099, 30.4, 104.4, 30.9)})
    _, findings = read_areas(written(frame, tmp_path / "a.gpkg"), AreaChoices(), LOADED)
    assert "1 pairs" in str(findings[-1].detail)
    assert "W and E" in str(findings[-1].detail)


def faulty(name: str, tmp_path: Path) -> Path:
    both = made({"W": WEST, "E": EAST})
    frames = {
        "overlap": made({"W": WEST, "E": BOX(104, 30.4, 104.4, 30.9)}),
        "twice": made({"W": WEST, "E": EAST}).assign(code="W"),
        "no code": both.assign(code=["W", None]),
        "slash": both.assign(code=["W", "a/b"]),
        "no column": both.drop(columns="code"),
        "points": both.set_geometry(both.geometry.representative_point()),
        "empty": both.iloc[:0],
        "france": both.assign(country="FR"),
        "one without": both.assign(country=["CN", None]),
        "metres": both.to_crs(32648).set_crs(4326, allow_override=True),
    }
    if name in frames:
        return written(frames[name], tmp_path / "a.gpkg")
    if name == "no crs":
        written(both, tmp_path / "a.shp")
        (tmp_path / "a.prj").unlink()
        return tmp_path / "a.shp"
    if name == "layers":
        both.to_file(tmp_path / "a.gpkg", layer="one")
        both.to_file(tmp_path / "a.gpkg", layer="two")
        return tmp_path / "a.gpkg"
    path = tmp_path / {"no zip": "a.zip", "missing": "b.gpkg"}.get(name, "a.gpkg")
    if name != "missing":
        path.write_bytes(b"code,name\nno,vector\n")
    return path


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("overlap", r"areas W and E overlap by [\d.]+ km2, 3\d% of the smaller; a firm can be"),
        ("twice", "code W stands twice .the second time as area 2.; name another column"),
        ("no code", "area 2 has no code"),
        ("slash", "no slash may stand in code 'a/b'"),
        ("no column", "say which with --area-code; it has name .Area W."),
        ("points", "holds Point, not areas; for circles round points: coagg areas buffer"),
        ("empty", "holds no areas"),
        ("france", "none of its areas is of CN or GB: FR 2"),
        ("one without", "area 2 .E. names no country"),
        ("metres", "which are no degrees"),
        ("no crs", "says no coordinate system"),
        ("layers", "has the layers one, two; say one with --area-layer"),
        ("no zip", "cannot be read as areas"),
        ("garbage", "cannot be read as areas"),
        ("missing", "no such file"),
    ],
)
def test_a_faulty_file_is_one_line(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(CoaggError, match=complaint) as refusal:
        read_areas(faulty(name, tmp_path), AreaChoices(), LOADED)
    assert "\n" not in str(refusal.value)


def test_a_layer_and_a_column_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = written(made({"W": WEST}), tmp_path / "a.gpkg")
    with pytest.raises(CoaggError, match="has no layer 'x'; it has a"):
        read_areas(path, AreaChoices(layer="x"), LOADED)
    with pytest.raises(CoaggError, match=r"has no column 'x' .--area-name."):
        read_areas(path, AreaChoices(name="x"), LOADED)
    with pytest.raises(CoaggError, match="--area-country FR: no prefectures of it are loaded"):
        read_areas(path, AreaChoices(country="FR"), LOADED)


def test_circles_have_their_radius_and_share_by_nearness(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text(
        "name;code;lat;lon\nSheffield;SHF;53,38;-1,47\nLeeds;LDS;53,80;-1,55\nHull;HUL;53,74;-0,33\n",
        encoding="utf-8-sig",
    )
    frame, cut = area_shapes.circles(path, "GB", 30)
    assert cut == 2
    area = dict(zip(frame.agglomeration_code, frame.area, strict=True))
    assert area["HUL"] == pytest.approx(np.pi * 30_000**2, rel=1e-3)
    assert area["SHF"] == pytest.approx(area["LDS"], rel=2e-3)
    assert area["SHF"] < 0.95 * area["HUL"]
    one, other = frame.geometry.iloc[0], frame.geometry.iloc[1]
    assert shapely.area(shapely.intersection(one, other)) < 1
    assert one.distance(other) < 1
    for name in ("c.gpkg", "c.geojson", "c.fgb", "c.parquet"):
        area_shapes.write(frame, tmp_path / name)
        found, findings = read_areas(tmp_path / name, AreaChoices(), LOADED)
        assert found.agglomeration_code.tolist() == ["HUL", "LDS", "SHF"]
        assert len(findings) == 1  # columns: nothing to mend, no sliver


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("A,a,104.06,north", "line 2: lat is 'north'; write degrees"),
        ("A,a,204.06,30", "line 2: lon is '204.06'; write degrees"),
        ("A,a,104,30\nA,b,105,30", "line 3: code A stands twice"),
        ("A,a,104,30\nB,b,104,30", "line 3: point 104 30 stands twice"),
    ],
)
def test_faulty_points_are_one_line(tmp_path: Path, rows: str, complaint: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(f"code,name,lon,lat\n{rows}\n", encoding="utf-8")
    with pytest.raises(CoaggError, match=complaint):
        area_shapes.circles(path, "CN", 10)


def test_another_ending_and_a_place_that_is_not_there(tmp_path: Path) -> None:
    frame = made({"W": WEST})
    with pytest.raises(CoaggError, match=r"name it \*.gpkg"):
        area_shapes.write(frame, tmp_path / "a.shp")
    with pytest.raises(CoaggError, match="cannot be written"):
        area_shapes.write(frame, tmp_path / "none" / "a.gpkg")


def test_is_a_vector_file_by_its_ending() -> None:
    assert [areas.is_vector(Path(name)) for name in ("a.GPKG", "a.csv", "a.shp", "a.txt")] == [
        True, False, True, False,
    ]  # fmt: skip
