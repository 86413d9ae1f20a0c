"""Whatever the bytes: one line of error, or every row accounted for."""

import csv
import gzip
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.workbooks import write_xlsx

from coagg.errors import CoaggError
from coagg.etl.files import text_records
from coagg.etl.files.readers import open_table
from coagg.etl.firms import layouts
from coagg.etl.firms import rows as firm_rows

CHECKS = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
HEADER = b"firm_id,industry_code,lon,lat,output,survey_year\n"
PIECES = [
    *(b"a", b"0", b"610", b"3661", b",", b",", b",", b";", b"|", b"\t", b" ", b'"', b'""', b'","'),
    *(b"\n", b"\n", b"\r\n", b"\r", b"\n\n", b"\0", b"\xff", b"\x81", b"\xef\xbb\xbf", b"\xe4\xb8"),
    *(b"104.123456", b"30.123456", b"1e400", b"-nan", b"NULL", b"2005", b"1999", b"1,200"),
    *(
        "红".encode(),
        "红".encode("gbk"),
        "𠮷".encode("gb18030"),
        "　".encode(),
        b"id,104.5,30.5,,,\n",
    ),
]
SOUND = b"id1,3661,104.123456,30.123456,12,2005\n"
STARTS = [b"\x1f\x8b", b"PK\3\4", b"PAR1", b"\x72\2\1\0", b"<stata_dta>", b"\xff\xfe", b""]

pieces = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
tables = st.tuples(pieces, st.integers(0, 12)).map(lambda t: HEADER + SOUND * t[1] + t[0])
anything = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.sampled_from(STARTS), st.binary(max_size=200)).map(b"".join),
    pieces,
    tables,
    tables.map(gzip.compress),
    tables.map(lambda data: gzip.compress(data)[:-3]),
)


def account_for(path: Path) -> int:
    """Rows read, having checked that each has its place. Raises CoaggError for a refused file."""
    table = open_table(path)
    expected = 1
    for batch in table.batches(rows=5):
        numbers = sorted([*batch.row_numbers().tolist(), *(b.row_number for b in batch.malformed)])
        assert batch.first_row == expected
        assert numbers == list(range(expected, expected + len(numbers)))
        assert batch.table.num_rows + len(batch.malformed) <= 5
        expected += len(numbers)
        for bad in batch.malformed:
            assert bad.reason in ("row_malformed", "row_has_nul", "row_undecodable", "row_too_long")
            assert "\0" not in bad.text
        for row in batch.table.to_pylist():
            assert list(row) == table.headers
            assert not any("\0" in value for value in row.values() if value)
    rows_read = expected - 1

    mapping = layouts.load_layout("demo").map(table.headers, 2005, file=path)
    scan = firm_rows.scan(table, mapping, 2005, {"gbt4754_2002": {"366", "3661", "061"}})
    firm_rows.coordinate_sample(table, mapping, "CN", points=3)
    cleaned: list[int] = []
    for batch in firm_rows.firm_batches(
        table, mapping, 2005, datum="bd09", country="CN", scan=scan, rows=5
    ):
        assert batch.rows_read == batch.clean.num_rows + batch.refused.num_rows
        cleaned += batch.clean["row_number"].to_pylist() + batch.refused["row_number"].to_pylist()
        for column in ("lon", "lat", "source_lon", "source_lat"):
            assert all(abs(value) < 181 for value in batch.clean[column].to_pylist())
        for received in batch.refused["received"].to_pylist():
            assert isinstance(json.loads(received), dict)
            assert "\\u0000" not in received
    assert sorted(cleaned) == list(range(1, rows_read + 1))
    return rows_read


def outcome(path: Path) -> int | str:
    try:
        return account_for(path)
    except CoaggError as error:
        return str(error)


@CHECKS
@given(data=anything, block_bytes=st.sampled_from([3, 50, 2_000_000]))
def test_any_bytes_end_in_one_line_or_a_full_account(tmp_path, data, block_bytes):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_records, "BLOCK_BYTES", block_bytes)
        patch.setattr(text_records, "MAX_LINE_BYTES", 400)
        patch.setattr(text_records, "_KEPT_BYTES", 100)
        assert "\n" not in str(outcome(path))


@CHECKS
@given(body=st.lists(st.sampled_from([p for p in PIECES if b'"' not in p]), max_size=60))
def test_without_quotes_every_line_is_a_row(tmp_path, body):
    data = HEADER + SOUND * 20 + b"".join(body)
    path = tmp_path / "file"
    path.write_bytes(data)
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    found = outcome(path)
    assert found == sum(bool(line) for line in lines) - 1 or "no file of 2005" in str(found)


@CHECKS
@given(
    rows=st.lists(
        st.lists(
            st.text(st.sampled_from('ab,;|\t"\n\r 红𠮷\ufeff0'), max_size=6),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=15,
    ),
    delimiter=st.sampled_from(",;|\t"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    block_bytes=st.sampled_from([5, 2_000_000]),
)
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path, rows, delimiter, quoting, encoding, block_bytes
):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    writer.writerows([["one", "two", "three"], *rows])
    path = tmp_path / "file"
    path.write_bytes(buffer.getvalue().encode(encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_records, "BLOCK_BYTES", block_bytes)
        table = open_table(path)
        read = [list(row.values()) for b in table.batches() for row in b.table.to_pylist()]
        assert not any(batch.malformed for batch in table.batches())
    unix = [[v.replace("\r\n", "\n").replace("\r", "\n") or None for v in row] for row in rows]
    assert read == unix


@pytest.fixture(scope="module")
def typed_files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("typed")
    row = {
        "firm_id": "000123456",
        "industry_code": "3661",
        "lon": 104.123456,
        "lat": 30.123456,
        "output": 1200,
    }
    frame = pd.DataFrame([row] * 40)
    frame.to_stata(folder / "old.dta", version=114, write_index=False)
    frame.to_stata(folder / "new.dta", version=118, write_index=False)
    frame.to_parquet(folder / "x.parquet", index=False)
    write_xlsx(folder / "x.xlsx", {"a": [list(row), *[list(row.values())] * 40]})
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@CHECKS
@given(
    number=st.integers(0, 3),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
    kept=st.sampled_from([1.0, 1.0, 1.0, 0.98, 0.5]),
)
def test_damaged_typed_files_end_in_one_line_or_a_full_account(
    tmp_path, typed_files, number, changes, kept
):
    data = bytearray(typed_files[number])
    for place, byte in changes:
        data[int(place * len(data))] = byte
    path = tmp_path / "file"
    path.write_bytes(data[: int(kept * len(data))])
    found = outcome(path)
    assert "\n" not in str(found)
    if not changes and kept == 1.0:
        assert found == 40
