"""Files made to burst memory are refused in one line, in bounded memory and time."""

import gzip
import os
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coagg.errors import CoaggError
from coagg.etl.files import limits
from coagg.etl.files.readers import open_table
from coagg.etl.patents.trs import open_patents

MEMORY = 3 << 30  # of address space, of which the libraries themselves take a good part
SECONDS = 120
READ = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
from pathlib import Path
from coagg.errors import CoaggError
from coagg.etl.input_output.grid import read_matrix
from coagg.etl.patents.trs import open_patents
path = Path(sys.argv[1])
try:
    if sys.argv[2] == "grid":
        read_matrix(path)
    else:
        table = open_patents(path)
        rows = bad = 0
        for batch in table.batches():
            rows += batch.table.num_rows
            bad += len(batch.malformed)
        print("read", rows, bad)
except CoaggError as fault:
    print("refused", fault)
status = Path("/proc/self/status").read_text()
print("peak", int(status.split("VmHWM:")[1].split()[0]) >> 10, file=sys.stderr)
"""


def read_under_limit(path: Path, reader: str = "table", **environment: str) -> tuple[str, int]:
    """What became of a file, and the peak of memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", READ.format(memory=MEMORY), str(path), reader],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\n") == 1, done.stdout
    return done.stdout.strip(), int(done.stderr.split()[-1])


XML = '<?xml version="1.0"?>'
OFFICE = "http://schemas.openxmlformats.org"
PARTS = {
    "[Content_Types].xml": f'{XML}<Types xmlns="{OFFICE}/package/2006/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    "</Types>",
    "_rels/.rels": f'{XML}<Relationships xmlns="{OFFICE}/package/2006/relationships"><Relationship '
    f'Id="r1" Type="{OFFICE}/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{XML}<workbook xmlns="{OFFICE}/spreadsheetml/2006/main" '
    f'xmlns:r="{OFFICE}/officeDocument/2006/relationships">'
    '<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{OFFICE}/package/2006/'
    f'relationships"><Relationship Id="rId1" Type="{OFFICE}/officeDocument/2006/relationships/'
    'worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{OFFICE}/officeDocument/2006/relationships/sharedStrings" '
    'Target="sharedStrings.xml"/></Relationships>',
}  # fmt: skip
SHEET = (
    f'{XML}<worksheet xmlns="{OFFICE}/spreadsheetml/2006/main"><sheetData>',
    "</sheetData></worksheet>",
)
STRINGS = (f'{XML}<sst xmlns="{OFFICE}/spreadsheetml/2006/main">', "</sst>")
ROWS = (
    '<row r="1"><c r="A1"><v>7</v></c><c r="B1"><v>8</v></c></row>'
    '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>'
)


def workbook(
    path: Path, rows: str = ROWS, strings: Callable[[], object] = lambda: ("<si><t>a</t></si>",)
) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in PARTS.items():
            archive.writestr(name, text)
        archive.writestr("xl/worksheets/sheet1.xml", SHEET[0] + rows + SHEET[1])
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as part:
            part.write(STRINGS[0].encode())
            for piece in strings():
                part.write(piece.encode() if isinstance(piece, str) else piece)
            part.write(STRINGS[1].encode())
    return path


def long_string(size: int):
    def pieces():
        yield "<si><t>"
        for _ in range(size >> 20):
            yield b"A" * (1 << 20)
        yield "</t></si>"

    return pieces


def test_a_small_workbook_with_a_string_of_two_gigabytes(tmp_path: Path):
    path = workbook(tmp_path / "bomb.xlsx", strings=long_string(2 << 30))
    assert path.stat().st_size < 4 << 20
    for reader in ("table", "grid"):
        said, peak = read_under_limit(path, reader)
        assert said.startswith(f"refused {path}: unpacks to 2.1 GB, more than the limit of")
        assert "set COAGG_UNPACKED_LIMIT=" in said
        assert peak < 700


def test_a_directory_that_lies_is_not_believed(tmp_path: Path):
    path = workbook(tmp_path / "liar.xlsx", strings=long_string(1 << 30))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"xl/sharedStrings.xml") - 46
    assert data[at : at + 4] == b"PK\1\2"
    for place in (at + 24,):
        data[place : place + 4] = struct.pack("<I", 100)
    path.write_bytes(data)
    said, peak = read_under_limit(path, COAGG_UNPACKED_LIMIT="300MB")
    assert "refused" in said
    assert "holds a cell of more than" in said or "unpacks to at least" in said
    assert peak < 700


def test_a_cell_longer_than_excels_own(tmp_path: Path):
    path = workbook(tmp_path / "long.xlsx", strings=long_string(1 << 20))
    with pytest.raises(CoaggError, match="holds a cell of more than"):
        open_table(path)
    longest = "".join(f"<si><t>{'_x000D_' * 32_000}</t></si>" for _ in range(3))
    assert open_table(workbook(tmp_path / "ok.xlsx", strings=lambda: (longest,))).headers


FAR = [
    '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    "<row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='XFD1048576'><v>1</v></c></row>",
    '<row r="1"><c r="A1"><v>1</v></c></row><row r = "900000"><c r ="XFD900000"><v>1</v></c></row>',
    '<row><c r="A1"><v>1</v></c></row><row r="900000">' + "<c><v>1</v></c>" * 9000 + "</row>",
    "<row>" + "<c><v>1</v></c>" * 9000 + "</row>" + '<row r="900000"><c><v>1</v></c></row>',
    '<row r="1"><c r="A1"><v>1</v></c></row>' + " " * 200_000 + '<row r="900000"><c   s="1"'
    + " " * 900 + 'r="XFD900000"><v>1</v></c></row>',
]  # fmt: skip


@pytest.mark.parametrize("rows", FAR, ids=range(len(FAR)))
def test_one_cell_far_off_is_no_sheet_of_billions(tmp_path: Path, rows: str):
    path = workbook(tmp_path / "far.xlsx", rows)
    began = time.monotonic()
    with pytest.raises(CoaggError, match=r"spans [\d,]+ rows and [\d,]+ columns.*delete what"):
        open_table(path)
    assert time.monotonic() - began < 5


def test_what_the_cells_take_is_found_whatever_the_pieces():
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c><c s="1" r="AB{n}"><v>1</v></c></row>'
        for n in range(1, 400)
    )
    data = (SHEET[0] + rows + SHEET[1]).encode()
    for size in (1, 7, 100, len(data)):
        sheet = limits._Sheet(Path("a"), "xl/worksheets/sheet1.xml")
        for start in range(0, len(data), size):
            sheet.feed(data[start : start + size])
        assert (sheet.rows, sheet.columns) == (399, 28)


def gzipped(path: Path, beginning: bytes, block: bytes, times: int) -> Path:
    engine = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as file:
        file.write(engine.compress(beginning))
        for _ in range(times):
            file.write(engine.compress(block))
        file.write(engine.flush())
    return path


@pytest.fixture(scope="module")
def zeros() -> bytes:
    """Packed zeros of 1 GB, to be strung together: gzip members may follow each other."""
    engine = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(engine.compress(bytes(1 << 24)) for _ in range(64)) + engine.flush()


@pytest.mark.parametrize("beginning", [b"", b"a,b\n1,2\n", b"<REC>\n<a>=1\n"])
def test_ten_gigabytes_of_zeros_in_ten_megabytes(tmp_path: Path, zeros: bytes, beginning: bytes):
    path = tmp_path / "zeros.csv.gz"
    path.write_bytes(gzip.compress(beginning) + zeros * 10)
    assert path.stat().st_size < 11 << 20
    said, peak = read_under_limit(path, COAGG_UNPACKED_LIMIT="500MB")
    assert said.startswith(f"refused {path}: ")
    if beginning.startswith(b"<REC>"):
        assert "unpacks to at least" in said
        assert "COAGG_UNPACKED_LIMIT" in said
    else:
        assert "is binary data" in said
    assert peak < 700


def test_the_limit_can_be_raised_and_is_checked(tmp_path: Path):
    path = gzipped(tmp_path / "much.csv.gz", b"a,b\n", b"1,2\n" * 250_000, 300)
    said, _ = read_under_limit(path)
    assert "unpacks to at least" in said
    said, _ = read_under_limit(path, COAGG_UNPACKED_LIMIT="2GB")
    assert said == "read 75000000 0"
    said, _ = read_under_limit(path, COAGG_UNPACKED_LIMIT="lots")
    assert said == "refused COAGG_UNPACKED_LIMIT is 'lots': write a size like 500MB or 8GB"


@pytest.mark.parametrize("what", ["header", "line", "field", "record", "labels"])
def test_a_gigabyte_without_an_end(tmp_path: Path, what: str):
    path = tmp_path / "long.csv"
    block = b"x" * (1 << 24)
    with path.open("wb") as file:
        if what == "line":
            file.write(b"a,b\n1,2\n")
        elif what == "field":
            file.write(b'a,b\n1,"')
            block = (b"x" * 1000 + b"\n") * 16_000
        elif what == "record":
            file.write(b"<REC>\n<a>=1\n<REC>\n<a>=")
            block = (b"x" * 1000 + b"\n") * 16_000
        elif what == "labels":
            file.write(b"<REC>\n")
        for number in range({"header": 64, "line": 64, "labels": 8}.get(what, 16)):
            if what == "labels":
                lines = (f"<l{number}x{n}>=1\n" for n in range(100_000))
                block = "".join(lines).encode()
            file.write(block)
    said, peak = read_under_limit(path)
    assert peak < 900
    wanted = {
        "header": "refused",
        "line": "read 1 1",
        "field": "read 0 ",
        "record": "read 1 1",
        "labels": "refused",
    }
    assert said.startswith(wanted[what])


def test_a_parquet_value_named_by_every_row(tmp_path: Path):
    path = tmp_path / "named.parquet"
    value = pa.array(["x" * (4 << 20)])
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200_000, np.int32)), value)
    pq.write_table(pa.table({"a": column, "b": column}), path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    said, peak = read_under_limit(path)
    assert said.startswith(f"refused {path}: a part of its rows takes")
    assert peak < 2500


def test_a_parquet_column_that_declares_too_much(tmp_path: Path):
    path = tmp_path / "large.parquet"
    column = pa.array(["x" * (1 << 20)] * 900)
    pq.write_table(pa.table({"a": column}), path, compression="zstd", use_dictionary=False)
    said, peak = read_under_limit(path)
    assert said.startswith(f"refused {path}: column a unpacks to 900.")
    assert peak < 900


def test_a_stata_text_named_by_every_row(tmp_path: Path):
    path = tmp_path / "named.dta"
    frame = pd.DataFrame({"a": ["x" * (1 << 20)] * 1_500, "b": range(1_500)})
    frame.to_stata(path, version=118, convert_strl=["a"], write_index=False)
    assert path.stat().st_size < 2 << 20
    said, peak = read_under_limit(path)
    assert said.startswith(f"refused {path}: a part of its rows takes")
    assert peak < 2500


@pytest.mark.parametrize("version", [114, 117, 118])
def test_honest_stata_texts_are_read(tmp_path: Path, version: int):
    frame = pd.DataFrame({"a": ["long " * 300, "b"], "b": [1, 2]})
    if version == 114:
        frame["a"] = frame["a"].str[:200]
    path = tmp_path / "a.dta"
    options = {} if version == 114 else {"convert_strl": ["a"]}
    frame.to_stata(path, version=version, write_index=False, **options)
    batch = next(open_table(path).batches())
    assert [row.strip() for row in batch.table["a"].to_pylist()] == [
        text.strip() for text in frame["a"]
    ]


def test_a_long_patent_record_is_refused_and_the_others_read(tmp_path: Path):
    path = tmp_path / "a.txt"
    long = "".join(f"{'x' * 999}\n" for _ in range(1100))
    path.write_text(f"<REC>\n<a>=1\n<REC>\n<a>=2\n{long}<REC>\n<a>=3\n")
    (batch,) = open_patents(path).batches()
    assert batch.table["a"].to_pylist() == ["1", "3"]
    (bad,) = batch.malformed
    assert (bad.row_number, bad.reason) == (2, "row_too_long")
    assert bad.text.startswith("<a>=2")


@pytest.mark.parametrize(
    ("stated", "size"), [("500MB", 500 << 20), ("1.5 gb", 3 << 29), ("7", 7), ("2KB", 2048)]
)
def test_sizes_are_read(monkeypatch: pytest.MonkeyPatch, stated: str, size: int):
    monkeypatch.setenv(limits.SETTING, stated)
    assert limits.limit(10) == size
