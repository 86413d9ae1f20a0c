"""Firms in any format: the same firms give the same points, whatever file they come in."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import dresses

from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.errors import CoaggError
from coagg.etl.firms.load import LoadReport, load_firms, load_years

STRANGERS = Path(__file__).parents[2] / "data" / "strangers"
PLAIN = STRANGERS / "files_plain.csv"
FILES = "SELECT firm_id, firm_name, industry_code, lon, lat FROM clean.firm ORDER BY row_number"


def frame() -> pd.DataFrame:
    return pd.read_csv(PLAIN, dtype=str)


def load(settings, file, year: int = 2013, layout: str | None = "demo", **options) -> LoadReport:
    return load_firms(settings, file, year, layout=layout, **options)


def ask(settings, query: str = FILES) -> list:
    with database.connect(settings) as connection:
        return connection.execute(query).fetchall()


def said(settings, file, **options) -> str:
    with pytest.raises(CoaggError) as error:
        load(settings, file, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def same_points(settings, metres: float = 0.001) -> None:
    """The firms of the data base are those of plain.csv, each within `metres`."""
    found, plain = ask(settings), frame()
    assert [row[0] for row in found] == plain["firm_id"].tolist()
    assert [row[1] for row in found] == plain["firm_name"].tolist()
    assert [row[2] for row in found] == plain["industry_code"].tolist()
    points = np.array([row[3:] for row in found], dtype=float)
    off = np.abs(points - plain[["lon", "lat"]].to_numpy(dtype=float))
    assert off.max() < metres / 111_000


@pytest.mark.parametrize("name", [*dresses.WRITERS])
def test_each_format_gives_the_same_points(db_settings, tmp_path, name):
    columns = frame().rename(columns={"industry_code": "code"})  # a dbf has names of ten letters
    file = dresses.write(tmp_path, name, columns)
    layout = tmp_path / "own.csv"
    layout.write_text(
        "column,note,2013\n@datum,,wgs84\nfirm_id,,firm_id\nfirm_name,,firm_name\nindustry_code,,code\n"
        "place_code,,place_code\noutput,,output\nemployment,,employment\n"
    )
    report = load(db_settings, file, layout=str(layout))
    assert (report.rows_read, report.rows_clean) == (60, 60)
    same_points(db_settings)


def index(settings) -> list:
    """The index of the one agglomeration that the firms are in, by the pair of industries."""
    measure(settings, IndexRequest(2013, IndexSettings(draws=200, seed=1, method="exact")))
    return ask(
        settings,
        "SELECT from_industry, to_industry, index FROM coagglomeration.pair_index "
        "WHERE country = 'CN' AND survey_year = 2013 AND agglomeration_code = 'CY' ORDER BY 1, 2",
    )


@pytest.mark.parametrize(
    ("file", "unit"),
    [
        ("files_semicolon_decimal_comma.csv", 0.0), ("files_points.gpkg", 0.0),
        ("files_points_geo.parquet", 0.0), ("files_wkt.csv", 0.0), ("files_records.json", 0.0),
        ("files_microdegrees.csv", 0.0), ("files_lost_sign.csv", 0.0),
        # seconds of an arc with two decimals: 0.3 m, which may turn a draw that was a tie nearly
        ("files_dms.csv", 2 / 200),
    ],
)  # fmt: skip
def test_whatever_the_dress_the_index_is_the_same(db_settings, file, unit):
    load(db_settings, PLAIN)
    expected = index(db_settings)
    assert len(expected) > 40
    assert len({value for *_, value in expected}) > 20
    load(db_settings, STRANGERS / file)
    found = index(db_settings)
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    off = np.abs(np.subtract([row[2] for row in found], [row[2] for row in expected]))
    assert off.max() <= unit + 1e-12


@pytest.mark.parametrize(
    ("file", "note"),
    [
        ("files_utf16.csv", ""),
        ("files_semicolon_decimal_comma.csv", "numbers are read with decimal commas"),
        ("files_title_rows.csv", "line 3 is the header; the lines above were left out"),
        ("files_excel_sep_line.csv", ""),
        ("files_zip_one.zip", ""),
        ("files_points.geojson", ""),
        ("files_points.gpkg", ""),
        ("files_points_geo.parquet", ""),
        ("files_second_sheet.xlsx", "sheet 数据 was read; not read: 说明"),
        ("files_plain.xls", "sheet 数据 was read; not read: 说明"),
        ("files_plain.ods", "sheet 数据 was read; not read: 说明"),
        ("files_records.json", ""),
        ("files_lines.jsonl", ""),
    ],
)
def test_files_of_strangers(db_settings, file, note):
    report = load(db_settings, STRANGERS / file)
    assert (report.rows_read, report.rows_clean) == (60, 60)
    assert any(one.startswith(note) for one in report.facts["notes"]) or not note
    same_points(db_settings)


@pytest.mark.parametrize(
    "file",
    ["shape_trailing_comma.csv", "shape_twice_unused.csv", "pq_wkb.parquet", "points.geojson"],
)
def test_what_nobody_maps_hurts_nobody(db_settings, file):
    load(db_settings, STRANGERS / "base.csv", 2004)
    plain = ask(db_settings)
    assert load(db_settings, STRANGERS / file, 2004).rows_clean == 24
    assert ask(db_settings) == plain


def test_a_total_row_is_refused_and_counted(db_settings):
    report = load(db_settings, STRANGERS / "files_total_row.csv")
    assert (report.rows_read, report.rows_clean, report.rows_refused) == (61, 60, 1)


# Coordinate systems


@pytest.mark.parametrize("name", ["points.gpkg", "points.fgb", "points.parquet", "shape.zip"])
@pytest.mark.parametrize("crs", ["EPSG:32648", "EPSG:4490", "EPSG:3857"])
def test_the_system_of_the_file_is_its_datum(db_settings, tmp_path, monkeypatch, name, crs):
    made = dresses.with_points
    monkeypatch.setattr(dresses, "with_points", lambda table: made(table, crs))
    columns = frame().rename(columns={"industry_code": "code"})
    file = dresses.write(tmp_path, name, columns)
    layout = tmp_path / "own.csv"
    layout.write_text(
        "column,note,2013\n@datum,,bd09\nfirm_id,,firm_id\nfirm_name,,firm_name\n"
        "industry_code,,code\nlon,,经度\nlat,,纬度\n"
    )
    report = load(db_settings, file, layout=str(layout))
    assert (report.rows_clean, report.datum) == (60, crs)
    same_points(db_settings)


def test_a_system_without_a_code_is_left_for_wgs84(db_settings, tmp_path):
    crs = "+proj=lcc +lat_1=25 +lat_2=47 +lon_0=105.5 +ellps=WGS84 +units=m"
    dresses.with_points(frame(), crs).to_file(tmp_path / "a.gpkg", driver="GPKG")
    report = load(db_settings, tmp_path / "a.gpkg")
    assert (report.rows_clean, report.datum) == (60, "wgs84")
    assert report.facts["notes"][0].startswith("points were turned to WGS-84 from ")
    same_points(db_settings)


def test_a_shapefile_without_a_system_is_told(db_settings, tmp_path):
    file = dresses.write(tmp_path, "shape.shp", frame().rename(columns={"industry_code": "code"}))
    file.with_suffix(".prj").unlink()
    layout = tmp_path / "own.csv"
    layout.write_text("column,note,2013\n@datum,,wgs84\nindustry_code,,code\n")
    report = load(db_settings, file, layout=str(layout))
    assert report.rows_clean == 60
    assert "the file states no coordinate system for its points" in report.facts["notes"]


# Parts and years


def test_parts_of_a_year_are_one_load(db_settings, tmp_path):
    whole = frame()
    paths = []
    for n, rows in enumerate((range(20), range(20, 35), range(35, 60)), start=1):
        part = whole.iloc[list(rows)].copy()
        if n == 2:
            part.iloc[3, part.columns.get_loc("lon")] = "far"
        part.to_csv(path := tmp_path / f"part{n}.csv", index=False)
        paths.append(path)
    report = load(db_settings, paths)
    assert (report.rows_read, report.rows_clean) == (60, 59)
    assert report.file == "part1.csv, part2.csv, part3.csv"
    refused = "SELECT row_number, detail FROM clean.refused"
    lat = whole["lat"][23]
    assert ask(db_settings, refused) == [(24, f"lon 'far', lat '{lat}', row 4 of part2.csv")]
    hashes = "SELECT file_sha256 FROM ops.load WHERE superseded_at IS NULL"
    before = ask(db_settings, hashes)
    assert load(db_settings, tmp_path).unchanged  # the folder has the same files
    paths[2].write_text(paths[2].read_text().replace("厂5", "廠5"))
    assert not load(db_settings, tmp_path).unchanged
    assert ask(db_settings, hashes) != before


def test_parts_under_other_headers_are_refused(db_settings, tmp_path):
    frame().to_csv(tmp_path / "a.csv", index=False)
    frame().rename(columns={"lat": "breite"}).to_csv(tmp_path / "b.csv", index=False)
    told = said(db_settings, tmp_path)
    assert told.startswith(f"{tmp_path / 'b.csv'}: is no part of the same table as ")
    assert told.endswith("it lacks lat and has breite beside")
    shutil.copy(tmp_path / "a.csv", tmp_path / "b.csv")
    assert "holds the same bytes as" in said(db_settings, tmp_path)


def test_all_years_of_a_file_are_a_load_each(db_settings):
    file = STRANGERS / "panel_three_years.csv"
    reports = list(load_years(db_settings, file, layout="demo"))
    assert [(r.survey_year, r.rows_read, r.rows_clean) for r in reports] == [
        (2004, 24, 24), (2005, 24, 24), (2006, 24, 24),
    ]  # fmt: skip
    rows = (
        "SELECT survey_year, min(row_number), max(row_number) FROM clean.firm GROUP BY 1 ORDER BY 1"
    )
    numbers = ask(db_settings, rows)
    panel = pd.read_csv(file, dtype=str)
    for year, first, last in numbers:
        own = panel.index[panel["survey_year"] == str(year)] + 1
        assert (first, last) == (own.min(), own.max())
    assert all(r.unchanged for r in load_years(db_settings, file, layout="demo"))


def test_a_year_that_fails_leaves_those_before_it(db_settings, tmp_path):
    panel = pd.read_csv(STRANGERS / "panel_three_years.csv", dtype=str)
    panel.loc[panel["survey_year"] == "2006", "lon"] = "nowhere"
    panel.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(CoaggError) as error:
        list(load_years(db_settings, tmp_path / "a.csv", layout="demo"))
    assert str(error.value).startswith("2006: ")
    assert str(error.value).endswith("loaded before it, and kept: 2004, 2005")
    rows = "SELECT survey_year, count(*) FROM clean.firm GROUP BY 1 ORDER BY 1"
    assert ask(db_settings, rows) == [(2004, 24), (2005, 24)]


def test_a_file_without_years_cannot_be_loaded_for_all(db_settings):
    with pytest.raises(CoaggError, match="has no column of survey years"):
        list(load_years(db_settings, PLAIN, layout="demo"))


# What is said


def test_a_header_twice_is_an_error_only_where_it_is_used(db_settings, tmp_path):
    table = frame()
    text = table.assign(more=table["lon"]).to_csv(index=False).replace("lat,more", "lat,lon", 1)
    (tmp_path / "a.csv").write_text(text)
    assert "several columns are headed 'lon', which is used" in said(
        db_settings, tmp_path / "a.csv"
    )


def test_the_header_line_can_be_stated(db_settings, tmp_path):
    path = tmp_path / "a.csv"
    lines = PLAIN.read_text().splitlines()
    shown = lines[0].replace("lon", "经").replace("lat", "纬")
    path.write_text("\n".join(["a,b,c", lines[0], shown, *lines[1:]]) + "\n")
    assert load(db_settings, path, header_line=2).rows_clean == 60
    layout = tmp_path / "own.csv"
    layout.write_text(
        "column,note,2013\n@datum,,wgs84\n@header_line,,3\nfirm_id,,firm_id\nfirm_name,,firm_name\n"
        "industry_code,,industry_code\nlon,,经\nlat,,纬\n"
    )
    assert load(db_settings, path, layout=str(layout)).rows_read == 60
    same_points(db_settings)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.xls", b"<html><table><tr><td>a</td></tr></table>", "is a web page or XML"),
        ("a.csv", b"%PDF-1.7\n", "is a PDF"),
        ("a.xls", bytes(range(256)) * 20, "is binary data, no table. Formats read: csv, tsv"),
        ("a.geojson", b'{"type": "Topology", "objects": {}}', "without an array of records"),
    ],
)
def test_what_a_file_is_decides_not_its_name(db_settings, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    assert told in said(db_settings, tmp_path / name)


def test_a_csv_by_another_name_is_read(db_settings, tmp_path):
    shutil.copy(PLAIN, tmp_path / "a.xls")
    assert load(db_settings, tmp_path / "a.xls").rows_clean == 60
    same_points(db_settings)
