"""Loading patents: nothing lost, one row an application, applicants apart."""

import gzip

import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.patents import values as patent_values
from coagg.etl.patents.load import load_patents

HEADER = (
    "申请号,公开号,名称,专利类型,申请日,授权日,是否授权,主分类号,"
    "申请人,组织机构代码,行政区划代码,地址,专利价值\n"
)
FINE = "20101000000{n}.X,CN10000000{n}B,甲,发明,2010-03-0{n},2012-01-01,是,B64C,甲公司,,,,5\n"
DIRT = """\
201010000011.X,CN100000011B,乙,,2010-03-01,2012-01-01,是,B64C,甲公司;乙公司、丙大学,123456789;;987654321,510100;110000;440300,成都,7.5
201020000012.X,,无人,,2010/3/1,,是,B64C,,,,,1
201030000013.X,,外观,,20100301,2009-01-01,,B64C,丁,,,,1
201010000014.X,,世纪,发明,1910-03-01,,否,,戊,,,,
201010000015.X,,将来,发明,2910-03-01,,否,,戊,,,,
201010000016.X,,坏,发明,2010-13-41,,否,,戊,,,,
,,无号,发明,2010-01-01,,否,,戊,,,,
201010000017.X,,值,发明,2010-01-01,坏日,否,,戊,,,,很高
201010000011.X,CN100000011C,再授权,发明,2010-03-01,2013-01-01,是,B64C,甲公司,,,,
CN201010000001.X,CN100000001B,甲,发明,2010-03-01,2012-01-01,是,B64C,甲公司,,,,5
201010000002.X,CN100000002A,甲,发明,2010-03-02,,否,B64C,甲公司,,,,5
short,row
"""


def patents(path, extra=DIRT, rows=5):
    path.write_text(HEADER + "".join(FINE.format(n=n) for n in range(1, rows + 1)) + extra)
    return path


def every(settings, query, *values):
    with database.connect(settings) as connection:
        return connection.execute(query, values).fetchall()


@pytest.fixture
def dirty(db_settings, tmp_path):
    return load_patents(db_settings, patents(tmp_path / "a.csv")), db_settings


def test_every_fault_has_its_reason_or_flag_and_no_row_is_lost(dirty):
    report, settings = dirty
    assert report.rows_read == 17 == report.rows_clean + report.rows_refused
    assert report.reasons == {
        "application_date_impossible": 2,
        "application_date_unreadable": 1,
        "duplicate_application": 1,
        "earlier_publication": 1,
        "patent_id_missing": 1,
        "row_malformed": 1,
        "second_grant": 1,
    }
    assert report.flags == {
        "applicant_missing": 1,
        "grant_before_application": 1,
        "grant_contradictory": 1,
        "grant_date_unreadable": 1,
        "value_unreadable": 1,
    }
    refused = every(settings, "SELECT reason, received FROM clean.refused_input")
    kept = dict(refused)
    assert kept["second_grant"]["名称"] == "再授权"
    assert kept["row_malformed"] == {"line": "short,row"}


def test_applicants_are_parted_and_keep_their_codes(dirty):
    _, settings = dirty
    assert every(
        settings,
        "SELECT position, name, organisation_code, place_code, address "
        "FROM clean.patent_applicant WHERE patent_id = '201010000011X' ORDER BY position",
    ) == [
        (1, "甲公司", "123456789", "510100", "成都"),
        (2, "乙公司", None, "110000", None),
        (3, "丙大学", "987654321", "440300", None),
    ]


def test_kinds_come_from_the_number_where_no_word_says_them(dirty):
    _, settings = dirty
    found = dict(every(settings, "SELECT patent_id, kind FROM clean.patent"))
    assert found["201020000012X"] == "utility"
    assert found["201030000013X"] == "design"
    assert found["201010000011X"] == "invention"


def test_the_same_file_again_changes_nothing_and_a_corrected_one_replaces_it(db_settings, tmp_path):
    file = patents(tmp_path / "a.csv")
    load_patents(db_settings, file)
    assert load_patents(db_settings, file).unchanged
    report = load_patents(db_settings, patents(file, "", 3))
    assert (report.unchanged, report.rows_clean) == (False, 3)
    assert every(db_settings, "SELECT count(*) FROM clean.patent") == [(3,)]
    assert every(db_settings, "SELECT count(*) FROM ops.input_load") == [(2,)]
    assert every(db_settings, "SELECT count(*) FROM clean.refused_input") == [(0,)]


@pytest.mark.parametrize("order", [("p", "g"), ("g", "p")])
def test_a_grant_counts_whichever_file_comes_first(db_settings, tmp_path, order):
    row = "201010000001.X,CN100000001{k},甲,发明,2010-03-01,{d},{s},B64C,甲公司,,,,5\n"
    other = FINE.format(n=2) + FINE.format(n=3).replace("3.X", "{}.X")
    (tmp_path / "p.csv").write_text(
        HEADER + row.format(k="A", d="", s="否") + other.format(4).replace("2.X", "5.X")
    )
    (tmp_path / "g.csv").write_text(
        HEADER + row.format(k="B", d="2012-01-01", s="是") + other.format(3)
    )
    for name in order:
        load_patents(db_settings, tmp_path / f"{name}.csv")
    assert every(
        db_settings, "SELECT dataset, granted FROM clean.patent WHERE patent_id = '201010000001X'"
    ) == [("g", True)]
    assert every(
        db_settings,
        "SELECT rows_read, rows_clean, rows_refused FROM ops.input_load WHERE dataset = 'p'",
    ) == [(3, 2, 1)]


TRS = """\
<REC>
<申请号>=CN201010000001.X
<名称>=甲
<申请日>=2010.03.01
<公开（公告）号>=CN100000001B
<公开（公告）日>=2012.01.01
<申请（专利权）人>=甲公司;乙大学
<国省代码>=北京;11
<地址>=100080 北京市
海淀区
<摘要>=很长
的摘要
<REC>
<申请号>=CN201020000002.X
<申请日>=2010.03.02
<公开（公告）号>=CN200000002U
<申请（专利权）人>=丙

<REC>
nothing here
"""


@pytest.mark.parametrize("packed", [False, True])
def test_the_raw_text_of_the_office_is_read(db_settings, tmp_path, packed):
    data = TRS.encode("gb18030").replace("很长".encode("gb18030"), b"\xff\xfe")
    file = tmp_path / ("raw.txt.gz" if packed else "raw.txt")
    file.write_bytes(gzip.compress(data) if packed else data)
    report = load_patents(db_settings, file)
    assert (report.rows_read, report.rows_clean, report.reasons) == (3, 2, {"row_malformed": 1})
    assert every(
        db_settings,
        "SELECT patent_id, kind, granted, grant_date::text FROM clean.patent ORDER BY 1",
    ) == [
        ("201010000001X", "invention", True, "2012-01-01"),
        ("201020000002X", "utility", True, None),
    ]
    assert every(
        db_settings,
        "SELECT name, place_code, address FROM clean.patent_applicant "
        "WHERE patent_id = '201010000001X' ORDER BY position",
    ) == [("甲公司", "11", "100080 北京市海淀区"), ("乙大学", None, None)]


def test_a_file_without_the_needed_columns_is_one_line(db_settings, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("申请号,日\n1,2\n")
    with pytest.raises(CoaggError, match=r"does not find .*application_date") as caught:
        load_patents(db_settings, file)
    assert "\n" not in str(caught.value)


def test_a_missing_check_digit_is_put_back():
    assert patent_values.check_digit("201710117081") == "7"
    assert patent_values.check_digit("98101234") == "5"


def test_the_real_sample_loads_whole(db_settings, sample_dir):
    file = sample_dir / "patents" / "drones_2017_patents_derwent.csv.gz"
    report = load_patents(db_settings, file)
    assert (report.rows_read, report.rows_clean) == (15_776, 15_776)
    assert report.flags["applicant_missing"] == 1_432


def test_a_file_cut_short_does_not_replace_its_data_set(db_settings, tmp_path):
    row = "2010{n:08d}.X,CN{n:09d}B,甲,发明,2010-03-01,2012-01-01,是,B64C,甲公司,,,,5\n"
    rows = [row.format(n=10_000_000 + n) for n in range(300)]
    whole, cut = tmp_path / "a.csv", tmp_path / "cut.csv"
    whole.write_text(HEADER + "".join(rows))
    cut.write_text(HEADER + "".join(rows[:100]))
    load_patents(db_settings, whole, dataset="all")
    tried = load_patents(db_settings, cut, dataset="all", dry_run=True)
    assert tried.dry_run
    assert any("clean rows 300 before, 100 now" in note for note in tried.notes)
    with pytest.raises(CoaggError, match=r"clean rows 300 before, 100 now.*--accept"):
        load_patents(db_settings, cut, dataset="all")
    assert every(db_settings, "SELECT count(*) FROM clean.patent") == [(300,)]
    load_patents(db_settings, cut, dataset="all", accept="the rest is in another file")
    reason = "SELECT accepted_reason FROM ops.input_load WHERE superseded_at IS NULL"
    assert every(db_settings, reason) == [("the rest is in another file",)]
    assert every(db_settings, "SELECT count(*) FROM clean.patent") == [(100,)]
