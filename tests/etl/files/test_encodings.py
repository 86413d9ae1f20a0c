"""Text in other encodings than UTF-8 and GBK: read as written, or stopped with a question."""

from collections.abc import Callable
from pathlib import Path

import pytest

from coagg.errors import CoaggError
from coagg.etl.files.encodings import AsUtf8, checked
from coagg.etl.files.plausible_text import CANDIDATES, guess
from coagg.etl.files.readers import open_table
from coagg.etl.patents.trs import open_patents

STRANGERS = Path(__file__).parents[2] / "data" / "strangers"
Write = Callable[..., Path]

WESTERN = ["Café García", "Zürich Öl", "Peña y Cía", "Forêt, Crème", "Málaga", "MÜLLER & CO"]
CENTRAL = ["Łódź Spółka", "Žilina Škoda", "Kraków Świętokrzyska", "Gyűrű Győr"]
RUSSIAN = ["ООО Завод", "Металл Пром", "Уральский станок"]
GREEK = ["Αθήνα ΑΕ", "Θεσσαλονίκη", "Ελληνικά"]
TURKISH = ["Şişli Çelik", "İstanbul Gıda", "Türkiye Dağ"]
JAPANESE = ["株式会社トヨタ自動車", "日本製鉄のぞみ", "東京機械"]
KOREAN = ["삼성전자 주식회사", "현대제철", "서울기계"]
TAIWANESE = ["臺灣機械廠股份有限公司", "台中紡織", "高雄鋼鐵"]
CHINESE = ["红星机械厂", "长城水泥", "鑫淼钢铁有限公司"]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: bytes, name: str = "firms.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


def names_in(path: Path, encoding: str | None = None) -> tuple[str | None, list[str | None]]:
    table = open_table(path, encoding)
    rows = [row for batch in table.batches() for row in batch.table.to_pylist()]
    assert not [bad for batch in table.batches() for bad in batch.malformed]
    return table.encoding, [next(iter(row.values())) for row in rows]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", WESTERN), ("mac_roman", WESTERN), ("cp850", WESTERN), ("cp1250", CENTRAL),
        ("cp1254", TURKISH), ("cp1251", RUSSIAN), ("koi8-r", RUSSIAN), ("cp1253", GREEK),
        ("shift_jis", JAPANESE), ("euc_jp", JAPANESE), ("euc_kr", KOREAN), ("big5", TAIWANESE),
        ("gbk", CHINESE),
    ],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", "|", ";", "\t"])
def test_names_come_out_as_written(write, encoding, names, delimiter):
    names = [name.replace(",", "") for name in names]
    text = f"name{delimiter}code\n" + "".join(f"{name}{delimiter}0610\n" for name in names * 5)
    assert names_in(write(text.encode(encoding))) == (encoding, names * 5)


def test_the_few_letters_of_a_long_plain_file_are_read(write):
    text = "name,code\n" + "plain,0610\n" * 50_000 + "Café García,0610\nPeña,0610\n"
    encoding, names = names_in(write(text.encode("cp1252")))
    assert (encoding, names[-2:]) == ("cp1252", ["Café García", "Peña"])


@pytest.mark.parametrize(
    ("file", "encoding", "first"),
    [
        ("enc_cp1252_few.csv", "cp1252", None),
        ("enc_cp1252_pipe.csv", "cp1252", None),
        ("enc_big5.csv", "big5", "臺灣第0機械廠股份有限公司"),
    ],
)
def test_files_of_strangers_are_read_whole(file, encoding, first):
    path = STRANGERS / file
    table = open_table(path)
    batches = list(table.batches())
    assert table.encoding == encoding
    assert (table.encoding_confidence or 0) > 0.7
    assert sum(batch.table.num_rows for batch in batches) == len(path.read_bytes().splitlines()) - 1
    column = next(c for c in table.headers if "name" in c)
    names = [name for batch in batches for name in batch.table[column].to_pylist()]
    beyond = [name for name in names if name and not name.isascii()]
    assert first in names if first else set("".join(beyond)) & set("éíüñÖó")
    assert not any("\ue000" <= char <= "\uf8ff" for char in "".join(beyond))


def test_a_toss_up_is_a_question_and_its_answer_is_taken(write):
    # the letter beyond ASCII is š, ö or another by the page, and one word tells none of them
    path = write(b"name,code\nBr\x9at,0610\n")
    with pytest.raises(CoaggError, match=r"may be in .* or .*'Br.*name the right one") as error:
        open_table(path)
    assert "\n" not in str(error.value)
    assert names_in(path, "cp1250") == ("cp1250", ["Bršt"])
    assert names_in(path, "macintosh") == ("mac_roman", ["Bröt"])


def test_a_change_of_encoding_on_the_way_is_said_with_its_line():
    with pytest.raises(CoaggError, match=r"changes its encoding: \d+ lines .*, line \d+ first"):
        open_table(STRANGERS / "encoding_changes.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_wide_text_with_its_mark_is_read(write, encoding, packed):
    import gzip

    data = ("name,code\r\n" + "红星厂 Café,0610\r\n" * 9).encode(encoding)
    path = write(gzip.compress(data) if packed else data)
    assert names_in(path) == (encoding, ["红星厂 Café"] * 9)


def test_wide_text_without_a_mark_is_asked_for(write):
    path = write("name,code\nCafé,0610\n".encode("utf-16-be"))
    with pytest.raises(CoaggError, match=r"looks like UTF-16 .*--encoding utf-16-be"):
        open_table(path)
    assert names_in(path, "utf-16-be") == ("utf-16-be", ["Café"])


def test_half_a_character_of_wide_text_costs_its_row_only(write):
    data = "a,b\nx,1\n".encode("utf-16") + b"\x00\xd8" + "y,2\nz,3\n".encode("utf-16-le")
    (batch,) = open_table(write(data)).batches()
    assert batch.table.to_pylist() == [{"a": "x", "b": "1"}, {"a": "z", "b": "3"}]
    assert [(bad.row_number, bad.reason) for bad in batch.malformed] == [(2, "row_undecodable")]


def test_wide_text_is_the_same_in_pieces_of_any_size():
    import io

    text = "名,1\n𠮷,2\n" * 50
    for size in (1, 2, 3, 7, 1000):
        source = AsUtf8(io.BytesIO(text.encode("utf-16")), "utf-16")
        read = b"".join(iter(lambda source=source, size=size: source.read(size), b""))
        assert read.decode() == text


@pytest.mark.parametrize("encoding", ["no-such", "hex", "rot13", "cp037", "no/such"])
def test_what_is_no_encoding_of_tables_is_said(encoding):
    with pytest.raises(CoaggError, match=r"--encoding .*is no encoding known; write utf-8"):
        checked(encoding)


def test_a_stated_encoding_is_kept_and_what_it_cannot_read_is_refused(write):
    path = write("name,code\nCafé,0610\nplain,0610\n".encode("cp1252"))
    (batch,) = open_table(path, "utf-8").batches()
    assert [bad.reason for bad in batch.malformed] == ["row_undecodable"]


def test_patent_text_of_another_encoding(write):
    record = "<REC>\n<申請號>=CN1\n<名稱>=紅星機械廠股份有限公司臺灣\n"
    table = open_patents(write(record.encode("big5") * 3, "x.trs"))
    assert (table.encoding, table.headers) == ("big5", ["申請號", "名稱"])


@pytest.mark.parametrize("name", [n for n in CANDIDATES if n not in ("gbk", "gb18030")])
def test_chinese_is_taken_for_nothing_else(name):
    lines = [line.encode("gbk") for line in CHINESE]
    found = guess(lines)
    assert found is not None
    assert (found.encoding, found.rivals) == ("gbk", ())
    assert name not in (found.encoding, *found.rivals)
