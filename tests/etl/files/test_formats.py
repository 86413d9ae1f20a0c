"""Readers of maps, JSON, packed files and statistics programs: what comes out, what is said."""

import bz2
import gzip
import json
import lzma
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pyreadstat
import pytest
import shapely
from support import dresses, mutations

from coagg.errors import CoaggError
from coagg.etl.files.readers import TableFile, open_table

STRANGERS = Path(__file__).parents[2] / "data" / "strangers"


def rows(table: TableFile) -> list[dict[str, str | None]]:
    return [row for batch in table.batches() for row in batch.table.to_pylist()]


def malformed(table: TableFile) -> list[tuple[int, str]]:
    return [(b.row_number, b.reason) for batch in table.batches() for b in batch.malformed]


def said(path: Path, **options) -> str:
    with pytest.raises(CoaggError) as error:
        rows(open_table(path, **options))
    told = str(error.value)
    assert "\n" not in told
    assert told.startswith(str(path))
    return told


# Geometry

SHAPES = [
    shapely.Point(104.5, 30.5),
    shapely.MultiPoint([(104.25, 30.25)]),
    None,
    shapely.Point(),
    shapely.box(104, 30, 105, 31),
    shapely.MultiPoint([(104, 30), (105, 31)]),
]


@pytest.mark.parametrize("name", ["a.gpkg", "a.fgb", "a.parquet", "a.geojson"])
def test_what_is_no_point_gives_one_inside_or_nothing(tmp_path, name):
    frame = geopandas.GeoDataFrame({"n": range(6)}, geometry=SHAPES, crs="EPSG:4326")
    path = tmp_path / name
    if name == "a.parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, **({"SPATIAL_INDEX": "NO"} if name == "a.fgb" else {}))
    table = open_table(path)
    found = [(row["n"], row["lon"], row["lat"]) for row in rows(table)]
    assert found[:4] == [
        ("0", "104.5", "30.5"), ("1", "104.25", "30.25"), ("2", None, None), ("3", None, None),
    ]  # fmt: skip
    assert found[4] == ("4", "104.5", "30.5")
    assert found[5][1] in ("104", "105")
    rows(table)  # read again, it is said once
    assert table.notes == ["a point inside was taken of 1 MultiPoint, 1 Polygon"]


def test_coordinates_of_the_file_itself_keep_their_names(tmp_path):
    frame = geopandas.GeoDataFrame(
        {"Lon": ["1"]}, geometry=[shapely.Point(104.5, 30.5)], crs="EPSG:4326"
    )
    frame.to_file(tmp_path / "a.gpkg")
    table = open_table(tmp_path / "a.gpkg")
    assert table.headers == ["Lon", "geometry lon", "geometry lat"]
    assert table.point == ("geometry lon", "geometry lat")


def test_layers_are_chosen_by_their_headers_or_named(tmp_path):
    path = tmp_path / "a.gpkg"
    point = [shapely.Point(1, 2)]
    for layer, column in (("notes", "text"), ("firms", "sic"), ("more", "sic")):
        frame = geopandas.GeoDataFrame({column: ["x"]}, geometry=point, crs="EPSG:4326")
        frame.to_file(path, layer=layer)
    fits = {"fits": lambda headers: "sic" in headers}
    assert "layer more holds more rows under the same header (1)" in said(path, **fits)
    table = open_table(path, sheet="firms", **fits)
    assert (table.sheet, table.headers) == ("firms", ["sic", "lon", "lat"])
    assert "no layer 'x'; there are notes, firms, more" in said(path, sheet="x")
    table = open_table(path, fits=lambda headers: "text" in headers)
    assert table.headers[0] == "text"
    assert table.notes[0].startswith("layer notes was read; not read: firms (1 rows)")


@pytest.mark.parametrize("encoding", ["UTF-8", "GB18030", "cp1252"])
@pytest.mark.parametrize("cpg", ["kept", "gone", "wrong"])
def test_text_of_a_shapefile_is_decoded_by_what_it_reads_like(tmp_path, encoding, cpg):
    names = ["Café à la Crème", "Société Générale"] if encoding == "cp1252" else ["红星机械厂"]
    frame = geopandas.GeoDataFrame(
        {"name": names * 30}, geometry=[shapely.Point(1, 2)] * 30 * len(names), crs="EPSG:4326"
    )
    path = tmp_path / "a.shp"
    frame.to_file(path, driver="ESRI Shapefile", encoding=encoding)
    if cpg != "kept":
        path.with_suffix(".cpg").unlink()
    if cpg == "wrong":
        path.with_suffix(".cpg").write_text("ISO-8859-5")
    assert {row["name"] for row in rows(open_table(path))} == set(names)


def test_a_shapefile_needs_its_columns_and_is_hashed_with_all_parts(tmp_path):
    frame = pd.read_csv(STRANGERS / "files_plain.csv", dtype=str)[["firm_id", "lon", "lat"]]
    path = dresses.write(tmp_path, "shape.shp", frame)
    table = open_table(path)
    assert len(table.received()) == 5
    dbf = path.with_suffix(".dbf")
    dbf.write_bytes(dbf.read_bytes().replace(b"100000000", b"100000001"))
    assert open_table(path).sha256 != table.sha256
    with pytest.raises(CoaggError, match="changed while it was read"):
        table.check_unchanged()
    dbf.rename(tmp_path / "alone.dbf")
    assert "lacks its .dbf" in said(path)
    assert open_table(tmp_path / "alone.dbf").headers == ["firm_id"]


# Columns of bytes and lists


def test_bytes_that_are_no_text_are_hexadecimal_and_lists_left_out(tmp_path):
    table = pa.table(
        {
            "id": ["1", "2"],
            "name": pa.array(["红星".encode(), b"plain"], pa.binary()),
            "shape": pa.array([b"\x01\x01\0\0", None], pa.binary()),
            "list": [[1], [2]],
        }
    )
    for name, write in (
        ("a.parquet", pa.parquet.write_table), ("a.feather", pa.feather.write_feather),
    ):  # fmt: skip
        write(table, tmp_path / name)
        read = open_table(tmp_path / name)
        assert rows(read) == [
            {"id": "1", "name": "红星", "shape": "01010000"},
            {"id": "2", "name": "plain", "shape": None},
        ]
        assert read.notes == [
            "not read, as it holds lists or records: column list",
            "bytes that are no text, read as hexadecimal: column shape",
        ]


# JSON


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
@pytest.mark.parametrize("indent", [None, 2])
def test_records_of_json(tmp_path, encoding, indent):
    records = [
        {"id": "007", "n": 1.0, "x": 120.10, "名": "红星机械厂", "more": {"a": [1]}, "no": None},
        {"id": 'a "b"', "big": 12345678901234567890, "yes": True, "名": "中华人民共和国"},
    ]
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps(records, ensure_ascii=False, indent=indent).encode(encoding))
    table = open_table(path)
    first, second = rows(table)
    assert first == {
        "id": "007", "n": "1", "x": "120.1", "名": "红星机械厂", "more": '{"a": ["1"]}', "no": None,
        "big": None, "yes": None,
    }  # fmt: skip
    assert (second["big"], second["yes"]) == ("12345678901234567890", "true")
    assert table.notes == ["read as JSON text, as it holds lists: more"]


def test_a_bad_line_is_a_row_and_a_bad_document_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": \n\n[2]\n{"a": 3, "b": "\\u0000"}\n{"a": 4}')
    table = open_table(tmp_path / "a.jsonl")
    assert [row["a"] for row in rows(table)] == ["1", "4"]
    assert malformed(table) == [(2, "row_malformed"), (3, "row_malformed"), (4, "row_has_nul")]
    (tmp_path / "b.json").write_text('[{"a": 1}, {"a": }]')
    assert "is damaged or truncated JSON (Expecting value, character " in said(tmp_path / "b.json")


@pytest.mark.parametrize("block", [1, 7, 64])
def test_json_is_the_same_in_any_blocks(tmp_path, monkeypatch, block):
    text = json.dumps([{"名": "红星厂" * n, "n": n, "l": [n] * n} for n in range(20)])
    (tmp_path / "a.json").write_text(text)
    whole = rows(open_table(tmp_path / "a.json"))
    monkeypatch.setattr("coagg.etl.files.json_text._BLOCK", block)
    assert rows(open_table(tmp_path / "a.json")) == whole
    assert len(whole) == 20


def test_halves_of_characters_are_no_text(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": "\\ud800"}, {"a": "x"}]')
    table = open_table(tmp_path / "a.json")
    assert rows(table) == [{"a": "x"}]
    assert malformed(table) == [(1, "row_undecodable")]


# Packed


def test_a_file_of_an_archive_is_the_only_one_or_named(tmp_path):
    path = dresses.write_zip(
        tmp_path / "a.zip",
        {
            "__MACOSX/._b.csv": b"x",
            "data/b.csv": b"a,b\n1,2\n",
            "data/c.csv": b"a,b\n3,4\n",
        },
    )
    told = said(path)
    assert "holds several files, data/b.csv, data/c.csv; name one, as in a.zip/data/b.csv" in told
    table = open_table(path / "data" / "c.csv")
    assert (rows(table), table.path) == ([{"a": "3", "b": "4"}], path)
    with pytest.raises(CoaggError, match=r"has no d\.csv; there are data/b\.csv, data/c\.csv"):
        open_table(path / "d.csv")


@pytest.mark.parametrize("inner", ["book.xlsx", "points.gpkg", "columns.parquet", "stata.dta"])
def test_any_format_may_be_packed(tmp_path, inner):
    frame = pd.read_csv(STRANGERS / "files_plain.csv", dtype=str)
    data = dresses.write(tmp_path, inner, frame).read_bytes()
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    dresses.write_zip(tmp_path / "a.zip", {inner: data})
    for name in ("a.gz", "a.zip"):
        table = open_table(tmp_path / name)
        assert [row["firm_id"] for row in rows(table)] == frame["firm_id"].tolist()
        assert table.path == tmp_path / name


@pytest.mark.parametrize(
    "pack", [bz2.compress, lzma.compress, gzip.compress, lambda data: pa.compress(data, "zstd")]
)
def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, pack):
    monkeypatch.setenv("COAGG_UNPACKED_LIMIT", "1MB")
    for body in (b"a,b\n" + b"1,2\n" * 400_000, b"PAR1" + bytes(2_000_000)):
        packed = pack(body)
        path = tmp_path / "a"
        path.write_bytes(packed if isinstance(packed, bytes) else packed.to_pybytes())
        assert "unpacks to at least" in said(path)
        assert "COAGG_UNPACKED_LIMIT" in said(path)


def test_a_password_is_said(tmp_path):
    path = dresses.write_zip(tmp_path / "a.zip", {"a.csv": b"a,b\n1,2\n"})
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + place] |= 1  # the flag of encryption
    path.write_bytes(data)
    assert said(path).endswith("is protected by a password; unpack it first")


def test_an_old_workbook_that_would_fill_the_memory_is_refused():
    assert "more than the limit of 256.0 MB" in said(STRANGERS / "files_bomb.xls")


def test_compressed_columns_that_say_too_much_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("COAGG_UNPACKED_LIMIT", "1MB")
    table = pa.table({"a": ["x" * 1000] * 3000})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    for name, text in (("a", table), ("b", pa.table({"a": table["a"].dictionary_encode()}))):
        with pa.ipc.new_file(str(tmp_path / name), text.schema, options=options) as file:
            file.write_table(text)
    assert "a batch of rows unpacks to 2.9 MB" in said(tmp_path / "a")
    assert "a part of its rows takes 2.9 MB" in said(tmp_path / "b")


# Statistics programs


def test_spss_dates_labels_and_text(tmp_path):
    frame = pd.DataFrame(
        {
            "code": [1.0, 2.0, 3.0],
            "founded": [pd.Timestamp("1998-05-01"), None, pd.Timestamp("2005-12-31")],
            "name": ["红星", "Café", ""],
        }
    )
    labels = {"code": {1: "0610", 2: "0690", 3: "1310"}}
    for name in ("a.sav", "a.zsav"):
        pyreadstat.write_sav(
            frame, tmp_path / name, compress=name == "a.zsav", variable_value_labels=labels
        )
        table = open_table(tmp_path / name)
        assert rows(table) == [
            {"code": "0610", "founded": "1998-05-01", "name": "红星"},
            {"code": "0690", "founded": None, "name": "Café"},
            {"code": "1310", "founded": "2005-12-31", "name": None},
        ]
        assert table.notes == ["read as its value labels: column code"]


def test_sas_dates(tmp_path):
    frame = pd.DataFrame({"founded": [pd.Timestamp("1998-05-01").date()], "n": [2.5]})
    pyreadstat.write_xport(frame, tmp_path / "a.xpt", file_format_version=5)
    assert rows(open_table(tmp_path / "a.xpt")) == [{"founded": "1998-05-01", "n": "2.5"}]


# Text


@pytest.mark.parametrize("last", ["", " "])
def test_an_empty_field_behind_every_row(tmp_path, last):
    lines = ["a,b", f"1,2,{last}", f"3,,{last}"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    assert rows(open_table(tmp_path / "a.csv")) == [{"a": "1", "b": "2"}, {"a": "3", "b": None}]
    more = [f"{n},{n},{last}" for n in range(300)]
    (tmp_path / "b.csv").write_text("\n".join([*lines, *more, "7,8,9", "7,8", "9,9,"]) + "\n")
    table = open_table(tmp_path / "b.csv")
    assert malformed(table) == [(303, "row_malformed"), (304, "row_malformed")]
    assert len(rows(table)) == 303


def test_a_header_line_that_is_not_there(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    assert "has no header in line 9" in said(tmp_path / "a.csv", header_line=9)
    (tmp_path / "a.json").write_text('[{"a": 1}]')
    assert "leave out --header-line" in said(tmp_path / "a.json", header_line=1)


# Whatever the bytes


def test_mutated_files_of_every_format_end_in_one_line_or_a_full_account(tmp_path):
    found = mutations.run(tmp_path, 2_000, seed=1)
    assert sum(map(sum, found.values())) == 2_000
    read, refused = np.array(list(found.values())).sum(axis=0)
    assert min(read, refused) > 400


@pytest.mark.parametrize("write", [pyarrow.feather.write_feather, pyarrow.parquet.write_table])
def test_a_name_twice_in_a_file_of_columns_is_one_line(tmp_path, write):
    table = pa.table([["1"], ["2"], ["3"]], names=["output", "lon", "output"])
    write(table, tmp_path / "twice")
    told = said(tmp_path / "twice")
    assert "several columns are named 'output'; rename all but one" in told


@pytest.mark.parametrize("value", [b"2x00.5", b"x000.5", b"firm 1"])
def test_a_number_that_a_dbf_cannot_hold_is_not_taken_for_nought(tmp_path, value):
    frame = geopandas.GeoDataFrame(
        {"output": [1000.5, 2000.5]}, crs="EPSG:4326",
        geometry=geopandas.points_from_xy([104.0, 104.1], [30.7, 30.7]),
    )  # fmt: skip
    path = tmp_path / "firms.shp"
    frame.to_file(path)
    assert [row["output"] for row in rows(open_table(path))] == ["1000.5", "2000.5"]
    dbf = path.with_suffix(".dbf")
    dbf.write_bytes(dbf.read_bytes().replace(b"2000.5", value))
    told = said(path)
    assert f"Value '{value.decode()}" in told
    assert "of field firms.output parsed incompletely" in told


@pytest.mark.slow
def test_a_hundred_thousand_mutated_files(tmp_path):
    found = mutations.run(tmp_path, 100_000, seed=2)
    assert sum(map(sum, found.values())) == 100_000


def test_a_footer_that_kills_its_library_is_refused():
    assert "damaged or truncated parquet" in said(STRANGERS / "files_abort.parquet")


def test_names_with_line_ends_are_told_in_one_line(tmp_path):
    path = dresses.write_zip(tmp_path / "a.zip", {"a\nb.csv": b"a\n1\n", "c.csv": b"a\n1\n"})
    assert "holds several files, a b.csv, c.csv" in said(path)
