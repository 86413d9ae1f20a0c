import os
from collections.abc import Callable
from pathlib import Path

import pytest

from coagg.errors import CoaggError
from coagg.etl.files import table_file, text_records
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


# Files that are no table


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\r\n\n", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\n" * 300 + b"a,b\n1,2\n", "begins with blank lines"),
        (b"a,b\n", "has a header but no rows"),
        (b"a,b", "has a header but no rows"),
        (b"a,b\n\n\n", "has a header but no rows"),
        (b"a,a (column 3),a\n1,2,3\n", r"several columns are headed 'a \(column 3\)'; rename"),
        (b"a,b\0\n1,2\n", r"header line is damaged \(row_has_nul\)"),
        (b"a,\xff\n1,2\n3,4\n5,6\n7,8\n", r"header line is damaged \(row_undecodable\)"),
        (b"a," * 1_000_000 + b"\n1\n", r"header line is damaged \(row_too_long\)"),
        (b"," * 5000 + b"\n1\n", "more than 4096"),
        ("a,b\n1,2\n".encode("utf-16-le"), "looks like UTF-16.*--encoding utf-16-le"),
        (bytes(range(256)) * 40, "is binary data"),
        (b"%PDF-1.4\n1,2\n", "is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 9, "damaged or truncated xls file"),
        (b"SQLite format 3\0" + bytes(100), "damaged or truncated gpkg"),
        (b"BZh91AY&SY", "bzip2 data ends too early"),
        (b"BZh91AY&SYxxxxxxxxxxxx", "a damaged bzip2 file"),
        (b"\xfd7zXZ\0xxxxxxxxxxxxx", "a damaged xz file"),
        (b"\x28\xb5\x2f\xfdxxxxxxxx", "a damaged zstd file|ends too early"),
        (b"fgb\3fgb\0" + b"\x40" * 60, "damaged or truncated fgb|has no layers"),
        (b"\0\0\x27\x0a" + bytes(60), r"a \.shp file by another name"),
        (b"ARROW1\0\0" + bytes(60), "damaged or truncated arrow"),
        (b"FEA1" + bytes(60), "Feather file of the first version"),
        (b"$FL2" + bytes(60), "damaged or truncated sav"),
        (b'{"a": 1', "damaged or truncated JSON"),
        (b'[{"a": 1}, {"a": ', "damaged or truncated JSON"),
        (b'[{"a": 1} {"a": 2}]', "damaged or truncated JSON .a comma is missing"),
        (b'[{"a": 1}] 5', "text follows its end"),
        (b"[[1, 2], [3, 4]]", "JSON without an array of records"),
        (b"[" * 100_000, "JSON without|damaged or truncated JSON"),
        (b'{"a":' * 100_000, "damaged or truncated JSON"),
        (b'{"a": ' + b"9" * 100, "damaged or truncated JSON"),
        (b"{}", "has a header but no rows|without records"),
        (b"\n<html><table><tr><td>a</td></tr>", "web page"),
        (b"PK\3\4" + bytes(60), "damaged or truncated xlsx or zip"),
        (b"PAR1" + bytes(60), "damaged or truncated parquet"),
        (b"\x72\2\1\0" + bytes(60), "damaged or truncated dta|has no columns"),
        (b"<stata_dta><header>", "damaged or truncated dta"),
    ],
)
def test_what_is_no_table_is_said_in_one_line(write, content, said):
    path = write(content)
    with pytest.raises(CoaggError, match=said) as error:
        rows(open_table(path))
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_no_file_no_directory_no_pipe(tmp_path):
    with pytest.raises(CoaggError, match="no such file"):
        open_table(tmp_path / "none.csv")
    with pytest.raises(CoaggError, match="a folder with no file in it"):
        open_table(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CoaggError, match="no regular file"):
        open_table(tmp_path / "pipe")
    with pytest.raises(CoaggError, match=r"cannot be read: .*[Nn]ot a directory"):
        open_table(Path(__file__) / "inside")


def test_no_permission_is_said(write, monkeypatch):
    path = write("a,b\n1,2\n")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(CoaggError, match="no permission to read it"):
        open_table(path)


def test_a_disk_that_fails_is_said(write, monkeypatch):
    table = open_table(write("a,b\n1,2\n"))

    def failing(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(text_records, "line_blocks", failing)
    monkeypatch.setattr("coagg.etl.files.delimited.line_blocks", failing)
    with pytest.raises(CoaggError, match="cannot be read: Input/output error"):
        list(table.batches())


@pytest.mark.parametrize("change", ["append", "touch", "replace", "remove"])
def test_a_file_that_changes_while_read_is_said(write, change):
    path = write("a,b\n" + "1,2\n" * 500)
    table = open_table(path)
    batches = table.batches(rows=100)
    next(batches)
    if change == "append":
        with path.open("ab") as file:
            file.write(b"3,4\n")
    elif change == "touch":
        os.utime(path, ns=(1, 1))
    else:
        other = path.with_name("other.csv")
        other.write_bytes(path.read_bytes())
        os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
        other.replace(path) if change == "replace" else path.unlink()
    said = "no such file" if change == "remove" else "changed while it was read; try again"
    with pytest.raises(CoaggError, match=said):
        list(batches)


def test_a_file_that_changes_while_opened_is_said(write, monkeypatch):
    path = write("a,b\n1,2\n")
    real = table_file.HashedFile.finish

    def finish(self: table_file.HashedFile) -> tuple[str, int]:
        path.write_bytes(b"a,b\n1,2\n3,4\n")
        return real(self)

    monkeypatch.setattr(table_file.HashedFile, "finish", finish)
    with pytest.raises(CoaggError, match="changed while it was read"):
        open_table(path)
