import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coagg.errors import CoaggError
from coagg.etl.files import text_records
from coagg.etl.files.encodings import EncodingDetector
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


# Encodings


@pytest.mark.parametrize(
    ("encoding", "stated"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("gbk", "gbk"),
        ("gb18030", "gbk"),
    ],
)
def test_encodings_are_told_and_read(write, encoding, stated):
    path = write("单位名称,行业代码\n红星机械厂,0610\n长城水泥,3011\n".encode(encoding))
    table = open_table(path)
    assert table.encoding == stated
    assert table.headers == ["单位名称", "行业代码"]
    assert rows(table) == [["红星机械厂", "0610"], ["长城水泥", "3011"]]


def test_a_rare_character_in_the_last_of_many_lines_makes_it_gb18030(write):
    lines = ["name,code"] + ["plain,0610"] * 30_000 + ["红星厂,0610"] * 30_000 + ["𠮷田厂,0620"]
    table = open_table(write("\n".join(lines).encode("gb18030")))
    assert table.encoding == "gb18030"
    last = list(table.batches())[-1]
    assert last.table.slice(last.table.num_rows - 1).to_pylist() == [
        {"name": "𠮷田厂", "code": "0620"}
    ]
    assert malformed(table) == []


def test_chinese_that_begins_late_is_found(write):
    text = "name,code\n" + "plain,0610\n" * 300_000 + "红星厂,0610\n" * 10
    assert open_table(write(text.encode("gbk"))).encoding == "gbk"


def test_a_bad_byte_costs_its_row_only(write):
    for encoding in ("utf-8", "gbk"):
        good = "红星厂,1\n".encode(encoding)
        table = open_table(write(b"name,code\n" + good * 5 + b"x\xffy,2\n" + good * 5))
        assert table.encoding == encoding
        assert len(rows(table)) == 10
        assert malformed(table) == [
            (
                6,
                "row_undecodable",
                "bytes that are no text in the encoding of the file",
                "x\\xffy,2",
            )
        ]


def test_many_bad_rows_are_still_rows_while_most_are_good(write):
    table = open_table(write(b"name,code\n" + b"x\xffy,1\nplain,2\n" + b"plain,2\n" * 3000 * 4
                             + b"x\xffy,1\n" * 3000))  # fmt: skip
    assert table.encoding == "utf-8"
    assert len(rows(table)) == 12_001
    assert len(malformed(table)) == 3001


def test_a_bad_byte_at_a_line_end_does_not_swallow_the_next_line(write):
    good = "红星厂,1\n".encode("gbk")
    table = open_table(write(b"name,code\n" + good * 9 + b"2,\x81\n" + good))
    assert len(rows(table)) == 10
    assert [bad.row_number for bad in malformed(table)] == [10]


def test_gbk_is_a_part_of_gb18030():
    pairs = [bytes([a, b]) for a in range(0x81, 0xFF) for b in range(0x40, 0xFF)]
    read = 0
    for pair in pairs:
        try:
            text = pair.decode("gbk")
        except UnicodeDecodeError:
            continue
        assert text == pair.decode("gb18030")
        read += 1
    assert read > 21_000


def test_text_in_no_encoding_names_those_tried(write):
    line = "red,\xff\xfe\x80\n".encode("latin-1")
    with pytest.raises(CoaggError, match=r"no text in any encoding tried \(utf-8, gbk, gb18030"):
        open_table(write(b"name,code\n" + line * 50))


def test_detector_gives_up_on_hopeless_encodings_only():
    detector = EncodingDetector()
    block = "红星机械厂,0610\n".encode("gbk") * 5000
    for _ in range(20):
        detector.feed(block)
    assert detector.decide("x.csv") == ("gbk", 1.0)
    assert detector.given_up == {"utf-8"}
    assert detector.bad_lines["utf-8"] == 5000


# Text: fields, quotes, line ends


@pytest.mark.parametrize(
    ("delimiter", "format_"), [(",", "csv"), ("\t", "tsv"), ("|", "txt"), (";", "txt")]
)
@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_delimiters_are_told(write, delimiter, format_, encoding):
    # 娆 is 8A 7C in GBK: a character that ends in the byte of |
    cells = [["名,称", "代;码", "c"], ["某|厂" if delimiter != "|" else "娆厂", "06", "x,y"]]
    cells = [[c.replace(delimiter, "/") for c in row] for row in cells]
    text = "".join(delimiter.join(row) + "\n" for row in cells)
    table = open_table(write(text.encode(encoding), "firms.dat"))
    assert (table.format, table.headers) == (format_, cells[0])
    assert rows(table) == [cells[1]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(write, end, last):
    text = end.join(["a,b", "1,2", "", "3,4"]) + (end if last else "")
    assert rows(open_table(write(text))) == [["1", "2"], ["3", "4"]]


def test_quoted_fields_hold_anything(write):
    text = 'a,b\n"1,5","say ""hi"""\n"two\r\nlines",x\n,""\nin"side",y\n'
    table = open_table(write(text))
    assert rows(table) == [
        ["1,5", 'say "hi"'],
        ["two\nlines", "x"],
        [None, None],
        ['in"side"', "y"],
    ]
    assert malformed(table) == []


def test_codes_keep_their_zeros_and_blanks(write):
    assert rows(open_table(write("id,code\n000123456, 0610 \n"))) == [["000123456", " 0610 "]]


def test_ragged_rows_are_malformed_with_their_number_and_text(write):
    table = open_table(write("a,b\n1,2\n3\n4,5\n\n6,7,8\n9,10\n"))
    assert rows(table) == [["1", "2"], ["4", "5"], ["9", "10"]]
    (batch,) = table.batches()
    assert batch.first_row == 1
    assert batch.row_numbers().tolist() == [1, 3, 5]
    assert batch.malformed == [
        (2, "row_malformed", "1 fields where the header has 2", "3"),
        (4, "row_malformed", "3 fields where the header has 2", "6,7,8"),
    ]


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        ('"never closed,2', "a quote is opened and not closed"),
        ('"closed"early,2', "text after a closing quote"),
        ('1,"', "a quote is opened and not closed"),
    ],
)
def test_a_stray_quote_costs_its_row_only(write, bad, detail):
    text = "a,b\n" + "x,y\n" * 5 + bad + "\n" + 'p,"q"\n' * 200
    table = open_table(write(text))
    assert len(rows(table)) == 205
    assert malformed(table) == [(6, "row_malformed", detail, bad)]


def test_a_quote_open_at_the_end_costs_its_row_only(write):
    table = open_table(write('a,b\n1,2\n"3,4\n5,6\n7,8'))
    assert rows(table) == [["1", "2"], ["5", "6"], ["7", "8"]]
    assert [bad.row_number for bad in malformed(table)] == [2]


def test_two_stray_quotes_do_not_swallow_the_rows_between_them(write):
    table = open_table(write('a,b\n1,"x\n3,4\n5,6\ny",7,8\n9,10\n'))
    assert rows(table) == [["3", "4"], ["5", "6"], ["9", "10"]]
    assert [bad.row_number for bad in malformed(table)] == [1, 4]


def test_a_nul_byte_costs_its_row_only(write):
    table = open_table(write("a,b\n" + "1,2\n" * 20 + "x\0y,z\n3,4\n"))
    assert len(rows(table)) == 21
    assert malformed(table) == [(21, "row_has_nul", "NUL bytes", "x␀y,z")]


def test_a_line_of_ten_megabytes_costs_its_row_only(write):
    long_line = "x" * 5_000_000 + '","' + "红" * 2_000_000
    table = open_table(write(f'a,b\n1,2\n{long_line}\n3,4\n"{long_line}'))
    assert rows(table) == [["1", "2"], ["3", "4"]]
    first, second = malformed(table)
    assert (first.row_number, first.reason) == (2, "row_too_long")
    assert first.text == "x" * text_records.KEPT_CHARS
    assert (second.row_number, second.text[:3]) == (4, '"xx')


def test_blocks_and_their_borders_do_not_show(write, monkeypatch):
    text = "a,b\r\n" + "".join(
        f'"名{n}\r\nline ""{n}""",{n}\r\n\r\nbad{n}\r\n{n},x"y\r\n' for n in range(200)
    )
    path = write(text.encode("gbk"))
    whole = list(open_table(path).batches())
    for block_bytes in (1, 7, 64, 1000):
        monkeypatch.setattr(text_records, "BLOCK_BYTES", block_bytes)
        (batch,) = open_table(path).batches()
        assert batch.table.equals(whole[0].table)
        assert batch.malformed == whole[0].malformed
    assert len(whole[0].malformed) == 200
    assert rows(open_table(path))[0] == ['名0\nline "0"', "0"]


def test_batches_are_even_and_numbered_without_a_gap(write):
    text = "a,b\n" + "".join("bad\n" if n % 7 == 0 else f"{n},x\n" for n in range(1, 1001))
    table = open_table(write(text))
    batches = list(table.batches(rows=64))
    assert [b.table.num_rows + len(b.malformed) for b in batches] == [64] * 15 + [40]
    assert [b.first_row for b in batches] == list(range(1, 1000, 64))
    for batch in batches:
        numbers = batch.row_numbers()
        assert numbers.dtype == np.int32
        assert batch.table["a"].to_pylist() == [str(n) for n in numbers]
        assert all(bad.row_number % 7 == 0 for bad in batch.malformed)
    assert sum(len(b.malformed) for b in batches) == 1000 // 7


def test_columns_can_be_chosen(write):
    table = open_table(write("a,b,c\n1,2,3\n4,5\n6,7,8\n"))
    (batch,) = table.batches(columns=["c", "a"])
    assert batch.table.to_pylist() == [{"c": "3", "a": "1"}, {"c": "8", "a": "6"}]
    assert len(batch.malformed) == 1


def test_header_forms(write):
    table = open_table(write('\n\n "单位，名称" ,,"two\nlines"\n1,2,3\n', "x"))
    assert table.headers == ['"单位，名称"', "(column 2)", "two\nlines"]
    assert rows(table) == [["1", "2", "3"]]


def test_hash_and_size_are_those_of_the_file(write):
    data = b"a,b\n1,2\n"
    for content in (data, gzip.compress(data)):
        table = open_table(write(content))
        assert table.sha256 == hashlib.sha256(content).hexdigest()
        assert table.bytes == len(content)


# gzip


def test_gzip_of_text_is_read(write):
    packed = gzip.compress("名称;代码\n红星厂;0610\n".encode("gbk"))
    table = open_table(write(packed + gzip.compress("长城厂;0620\n".encode("gbk")), "x.csv.gz"))
    assert (table.format, table.encoding) == ("txt.gz", "gbk")
    assert rows(table) == [["红星厂", "0610"], ["长城厂", "0620"]]


@pytest.mark.parametrize("kept", [15, 0.5, -1])
def test_truncated_gzip_is_said(write, kept):
    packed = gzip.compress(os.urandom(3000).hex().encode() + b"\n1,2\n")
    end = int(len(packed) * kept) if isinstance(kept, float) else kept
    with pytest.raises(CoaggError, match=r"x\.csv\.gz: is truncated"):
        open_table(write(packed[:end], "x.csv.gz"))


def test_damaged_gzip_is_said(write):
    packed = bytearray(gzip.compress(b"a,b\n" + os.urandom(5000).hex().encode()))
    packed[200] ^= 0xFF
    with pytest.raises(CoaggError, match="is a damaged gzip file"):
        open_table(write(bytes(packed)))
    with pytest.raises(CoaggError, match="is a damaged gzip file"):
        open_table(write(gzip.compress(b"a,b\n1,2\n") + b"tail"))


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (b"PAR1xxxx", "damaged or truncated parquet.gz"),
        (b"PK\3\4xxxx", "damaged or truncated xlsx or zip"),
        (b"\x72\2\1\0xxxx", "damaged or truncated dta.gz"),
        (gzip.compress(b"a", mtime=0), "packed twice"),
    ],
)
def test_gzip_of_another_damaged_format_is_refused(write, inner, said):
    path = write(gzip.compress(inner))
    with pytest.raises(CoaggError, match=said) as error:
        open_table(path)
    assert str(error.value).startswith(f"{path}: ")


def test_gzip_of_nothing_is_empty(write):
    with pytest.raises(CoaggError, match="is empty"):
        open_table(write(gzip.compress(b"")))


# The real files


def test_real_sample_is_read_whole(sample_dir):
    table = open_table(sample_dir / "firms" / "cn_example_2013_drewdrop.csv")
    assert (table.encoding, table.format) == ("utf-8-sig", "csv")
    assert table.headers == ["Longitude", "Latitude", "city", "SIC2", "SIC3"]
    batches = list(table.batches())
    assert [b.table.num_rows for b in batches] == [50_000, 49_998]
    assert not any(b.malformed for b in batches)


def test_real_gzip_with_quoted_names_is_read_whole(sample_dir):
    table = open_table(sample_dir / "firms" / "uk_south_yorkshire_companies_2024.csv.gz")
    assert table.format == "csv.gz"
    batches = list(table.batches())
    assert sum(b.table.num_rows for b in batches) == 75_740
    assert not any(b.malformed for b in batches)
    names = batches[0].table["CompanyName"].to_pylist()
    assert names[0] == '"ST MARY\'S HEATH" AT ARMTHORPE PROPERTY MANAGEMENT LIMITED'
