import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from support.workbooks import write_xlsx

from coagg.errors import CoaggError
from coagg.etl.files import text_records
from coagg.etl.files.readers import TableFile, open_table

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: bytes | str, name: str = "firms.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def rows(table: TableFile) -> list[list[str | None]]:
    return [list(row.values()) for batch in table.batches() for row in batch.table.to_pylist()]


def malformed(table: TableFile) -> list[text_records.Malformed]:
    return [row for batch in table.batches() for row in batch.malformed]


def gbk_as_latin1(text: str) -> str:
    return text.encode("gbk").decode("latin-1")


# Excel


def test_xlsx_values_are_text(tmp_path):
    path = write_xlsx(
        tmp_path / "no_extension",
        {
            "2010": [
                ["法人代码", "行业代码", "产值", "lon", None],
                ["000123456", "0610", 123456789012.0, 116.391276, True],
                [None, None, None, None, None],
                ["红星", 610, 0.5, -1, False],
            ],
            "notes": [["about this file"]],
        },
    )
    table = open_table(path)
    assert (table.format, table.encoding) == ("xlsx", None)
    assert table.headers == ["法人代码", "行业代码", "产值", "lon", "(column 5)"]
    assert rows(table) == [
        ["000123456", "0610", "123456789012", "116.391276", "true"],
        ["红星", "610", "0.5", "-1", "false"],
    ]
    assert table.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_xlsx_in_batches(tmp_path):
    path = write_xlsx(tmp_path / "x.xlsx", {"a": [["n"], *[[n] for n in range(1, 101)]]})
    batches = list(open_table(path).batches(rows=30))
    assert [b.first_row for b in batches] == [1, 31, 61, 91]
    assert batches[3].table["n"].to_pylist() == [str(n) for n in range(91, 101)]


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        ({"a": []}, "first sheet is empty"),
        ({"a": [["x", "y"]]}, "has a header but no rows"),
        ({"a": [["x"], [1]], "b": [["x"], [2]]}, "sheet b holds more rows under the same header"),
    ],
)
def test_workbooks_that_are_no_table(tmp_path, sheets, said):
    path = write_xlsx(tmp_path / "x.xlsx", sheets)
    with pytest.raises(CoaggError, match=said):
        open_table(path)


def test_truncated_xlsx_and_other_zips_are_said(tmp_path, write):
    path = write_xlsx(tmp_path / "x.xlsx", {"a": [["x"], [1]]})
    with pytest.raises(CoaggError, match="damaged or truncated xlsx or zip"):
        open_table(write(path.read_bytes()[:-40]))
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("word/document.xml", "<?xml?>")
    with pytest.raises(CoaggError, match="a web page or XML"):
        open_table(tmp_path / "y.zip")


# Stata


def write_dta(path: Path, frame: pd.DataFrame, version: int, renamed: dict[bytes, bytes]) -> Path:
    frame.to_stata(path, version=version, write_index=False)
    data = path.read_bytes()
    for old, new in renamed.items():
        assert len(old) == len(new)
        assert old in data
        data = data.replace(old, new)
    path.write_bytes(data)
    return path


def stata_frame(text: Callable[[str], str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["000123456", "00000000X", ""],
            "namename": [text("红星机械厂"), text("长城"), "plain"],
            "output": pd.array([100, 2_000_000, 3], dtype="int32"),
            "share": pd.array([0.1, 2.0, np.nan], dtype="float32"),
            "lon": [116.391276, np.nan, 120.0],
        }
    )


STATA_ROWS = [
    ["000123456", "红星机械厂", "100", "0.1", "116.391276"],
    ["00000000X", "长城", "2000000", "2", None],
    [None, "plain", "3", None, "120"],
]


def test_old_stata_file_with_gbk_text_and_names(tmp_path):
    names = {b"namename": "单位名称".encode("gbk")}
    path = write_dta(tmp_path / "x.dta", stata_frame(gbk_as_latin1), 114, names)
    table = open_table(path)
    assert (table.format, table.encoding) == ("dta", "gbk")
    assert table.headers == ["id", "单位名称", "output", "share", "lon"]
    assert rows(table) == STATA_ROWS


@pytest.mark.parametrize("version", [117, 118, 119])
def test_newer_stata_files(tmp_path, version):
    text = gbk_as_latin1 if version == 117 else str
    table = open_table(write_dta(tmp_path / "x.dta", stata_frame(text), version, {}))
    assert table.encoding == ("gbk" if version == 117 else "utf-8")
    assert rows(table) == STATA_ROWS


def test_stata_rows_in_batches_and_columns(tmp_path):
    frame = pd.DataFrame({"n": np.arange(1, 101, dtype="int16"), "t": ["甲"] * 100})
    frame.to_stata(tmp_path / "x.dta", version=118, write_index=False)
    batches = list(open_table(tmp_path / "x.dta").batches(rows=30, columns=["n"]))
    assert [b.first_row for b in batches] == [1, 31, 61, 91]
    assert batches[3].table.to_pydict() == {"n": [str(n) for n in range(91, 101)]}


def test_a_bad_byte_in_a_stata_file_costs_its_row_only(tmp_path):
    bad = {b"plain": b"pl\xffin"}
    path = write_dta(tmp_path / "x.dta", stata_frame(gbk_as_latin1), 114, bad)
    table = open_table(path)
    assert rows(table) == STATA_ROWS[:2]
    assert [(row.row_number, row.reason) for row in malformed(table)] == [(3, "row_undecodable")]


def test_truncated_stata_file_is_said(tmp_path):
    path = write_dta(tmp_path / "x.dta", stata_frame(str), 118, {})
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(CoaggError, match="damaged or truncated dta"):
        list(open_table(path).batches())


# Parquet


def test_parquet_values_are_text(tmp_path):
    table = pa.table(
        {
            "id": ["000123456", "x\0y", None],
            "n": pa.array([1, None, 3], pa.int64()),
            "lon": [116.391276, float("nan"), 120.0],
            "large": [1e15, 2.5, 123456789012.0],
            "half": pa.array([1.5, 2.0, None], pa.float16()),
            "kind": pa.array(["甲", "乙", "甲"]).dictionary_encode(),
            "raw": pa.array([b"abc", b"d", b"\xff"]),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "x")
    read = open_table(tmp_path / "x")
    assert (read.format, read.encoding) == ("parquet", None)
    assert rows(read) == [["000123456", "1", "116.391276", "1000000000000000", "1.5", "甲", "abc"]]
    assert [(bad.row_number, bad.reason) for bad in malformed(read)] == [
        (2, "row_has_nul"),
        (3, "row_undecodable"),
    ]
    (batch,) = read.batches(columns=["large", "n"])
    assert batch.table["large"].to_pylist() == ["1000000000000000", "2.5", "123456789012"]


def test_parquet_that_is_no_table(tmp_path, write):
    pyarrow.parquet.write_table(pa.table({"a": [[1, 2]]}), tmp_path / "nested")
    with pytest.raises(CoaggError, match="no column of one value a row; flatten it"):
        list(open_table(tmp_path / "nested").batches())
    pyarrow.parquet.write_table(pa.table({"a": pa.array([], pa.int8())}), tmp_path / "none")
    with pytest.raises(CoaggError, match="has a header but no rows"):
        open_table(tmp_path / "none")
    data = (tmp_path / "nested").read_bytes()
    with pytest.raises(CoaggError, match="damaged or truncated parquet"):
        open_table(write(data[:-30]))
