import csv
import re
from pathlib import Path

import pytest

from coagg.errors import CoaggError
from coagg.etl.firms import layouts
from coagg.etl.firms.headers import normalised
from coagg.etl.firms.layouts import detect_layout, load_layout

SAMPLE = ["Longitude", "Latitude", "city", "SIC2", "SIC3"]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def documented_headers(sample_dir: Path, year: int) -> list[str]:
    with (sample_dir / "docs" / f"asie{year}_columns.csv").open(encoding="utf-8") as file:
        return [row["chinese"] for row in csv.DictReader(file) if row["chinese"]]


def test_shipped_layouts_are_sound():
    assert layouts.list_layouts() == [
        "companies_house", "demo", "drewdrop", "es_firms", "survey"
    ]  # fmt: skip
    for name in layouts.list_layouts():
        layout = load_layout(name)
        assert layout.about
        for year in layout.years:
            for column in layouts.REQUIRED:
                assert layout.alternatives(column, year.heading)
            for column in layouts.COLUMNS:
                forms = [*map(normalised, layout.alternatives(column, year.heading))]
                assert len(forms) == len(set(forms)), (name, column, year)


def test_every_survey_year_has_a_column():
    layout = load_layout("survey")
    assert all(layout.heading(year) for year in range(1998, 2014))
    assert layout.heading(1997) is None
    assert layout.heading(2014) == layout.heading(2030) == "2013-"  # files go on


def test_real_headers_of_2003(sample_dir):
    headers = documented_headers(sample_dir, 2003)
    layout = detect_layout(headers, 2003)
    mapping = layout.map(headers, 2003)
    assert (layout.name, mapping.datum, mapping.output_unit) == ("survey", "bd09", "thousand_cny")
    assert (mapping.country, mapping.classification) == ("CN", "gbt4754_2002")
    assert mapping.columns == {
        "firm_id": "法人代码",
        "firm_name": "法人单位",
        "legal_representative": "法人代表姓名",
        "phone": "电话号码",
        "postal_code": "邮政编码",
        "address": "地址",
        "main_product": "产品1",
        "established_year": "开业时间（年）",
        "place_code": "省地县码",
        "industry_code": "行业类别",
        "industry_code_2": None,
        "industry_code_3": None,
        "industry_code_4": None,
        "industry_division": None,
        "output": "工业总产值（现价）",
        "employment": "从业人数",
        "lon": "lon_bd09",
        "lat": "lat_bd09",
        "crs": None,
        "hemisphere": None,
        "survey_year": None,
        "country": None,
    }


# The code comes once, and with its division in the harmonised edition only.
NOT_IN_2010 = (
    "industry_division", "industry_code_2", "industry_code_3", "industry_code_4", "crs",
    "hemisphere", "country",
)  # fmt: skip


def test_real_headers_of_2010(sample_dir):
    headers = documented_headers(sample_dir, 2010)
    mapping = detect_layout(headers, 2010).map(headers, 2010)
    assert mapping.layout == "survey"
    assert mapping.columns["firm_name"] == "单位名称"
    assert mapping.columns["industry_code"] == "行业代码"
    assert mapping.columns["output"] == "工业总产值当年价格"
    assert mapping.columns["employment"] == "年末从业人员合计_总计"
    assert mapping.columns["place_code"] == "B05"
    assert mapping.columns["survey_year"] == "年份"
    assert None not in [mapping.columns[c] for c in layouts.COLUMNS if c not in NOT_IN_2010]


def test_questionnaire_codes_of_2008_and_the_english_edition():
    headers = ["B00", "B03", "B05", "B07", "B131", "V08", "B2001", "lon_bd09", "lat_bd09"]
    columns = load_layout("survey").map(headers, 2008).columns
    assert (columns["firm_id"], columns["industry_code"], columns["output"]) == (
        "B00",
        "B07",
        "V08",
    )
    english = ["firm", "dq", "cic", "setup", "employ", "output", "year", "longitude", "latitude"]
    columns = detect_layout(english, 2005).map(english, 2005).columns
    assert columns["firm_id"] == "firm"
    assert (columns["industry_code"], columns["employment"]) == ("cic", "employ")
    assert (columns["place_code"], columns["survey_year"]) == ("dq", "year")


def test_the_sample_and_the_plain_file_are_told():
    mapping = detect_layout(SAMPLE, 2013).map(SAMPLE, 2013)
    assert (mapping.layout, mapping.datum) == ("drewdrop", "bd09")
    assert mapping.columns["industry_code"] == "SIC3"
    assert mapping.columns["industry_division"] == "SIC2"
    plain = ["lon", "lat", "industry_code", "firm_id"]
    mapping = detect_layout(plain, 2001).map(plain, 2001)
    assert (mapping.layout, mapping.datum) == ("demo", "wgs84")


def test_width_case_blanks_and_bom_do_not_matter():
    headers = [
        "\ufeff行业 代码",
        "ＬＯＮ＿BD09",
        " Lat_BD09",
        "工业总产值 (当年价格)",
        "开业(成立)时间--年",
    ]
    columns = load_layout("survey").map(headers, 2009).columns
    assert columns["industry_code"] == "\ufeff行业 代码"
    assert columns["lon"] == "ＬＯＮ＿BD09"
    assert columns["output"] == "工业总产值 (当年价格)"
    full_width = load_layout("survey").map(
        ["行业代码", "经度", "纬度", "工业总产值（当年价格）"], 2009
    )
    assert full_width.columns["output"] == "工业总产值（当年价格）"


def test_the_first_alternative_wins():
    headers = ["全部从业人员年平均人数", "年末从业人员合计", "行业代码", "经度", "纬度"]
    assert load_layout("survey").map(headers, 2012).columns["employment"] == "年末从业人员合计"


def test_unmapped_file_gets_its_headers_and_the_nearest_names():
    headers = ["longtitude", "Latitude", "city", "sic3code"]
    with pytest.raises(CoaggError) as error:
        detect_layout(headers, 2013, file="x.csv")
    text = str(error.value)
    assert text.startswith("x.csv: layout drewdrop for 2013- does not find lon (known as Longitude")
    assert "nearest: 'longtitude'" in text
    assert "industry_code (known as SIC3; nearest: 'sic3code')" in text
    assert "among its headers: longtitude, Latitude, city, sic3code." in text
    assert "--map lon=HEADER; coagg inspect says" in text
    assert "\n" not in text


def test_many_and_long_headers_stay_one_line():
    headers = [f"column {n}\n" + "x" * 100 for n in range(500)]
    with pytest.raises(CoaggError) as error:
        load_layout("survey").map(headers, 2010)
    assert "and 440 more" in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 4000


def test_a_year_without_a_column_names_those_there_are():
    with pytest.raises(
        CoaggError, match=r"drewdrop has no column for 2010, only for 2013-: add one"
    ):
        load_layout("drewdrop").map(SAMPLE, 2010)
    with pytest.raises(CoaggError, match="drewdrop has no column for 2010, only for 2013"):
        detect_layout(SAMPLE, 2010)
    with pytest.raises(CoaggError, match=r"no layout has a column for 1990 .*survey: 1998-2002"):
        detect_layout(["a"], 1990)


def test_several_fitting_layouts_are_left_to_the_user():
    headers = ["lon", "lat", "industry_code", "行业代码"]
    with pytest.raises(CoaggError, match="layouts demo, survey all fit: choose one with --layout"):
        detect_layout(headers, 2005)


def test_headers_alike_are_refused_when_one_is_meant():
    headers = ["lon", "LON", "lat", "industry_code", "Remarks", "remarks"]
    with pytest.raises(CoaggError, match="several headers read 'lon' but for case"):
        load_layout("demo").map(headers, 2005)
    assert load_layout("demo").map(headers[1:], 2005).columns["lon"] == "LON"


def test_a_new_year_is_a_new_column(tmp_path):
    text = layouts.load_layout("drewdrop").path.read_text(encoding="utf-8")
    added = {"column": "2014", "lon": "经度", "lat": "纬度", "industry_code": "小类"}
    lines = [f"{line},{added.get(line.split(',')[0], '')}" for line in text.splitlines()]
    layout = load_layout(write(tmp_path / "mine.csv", *lines))
    assert layout.name == "mine"
    assert layout.survey_years() == "2013-, 2014"
    assert layout.map(["经度", "纬度", "小类"], 2014).columns["industry_code"] == "小类"
    assert layout.map(["经度", "纬度", "小类"], 2014).datum is None
    assert layout.map(SAMPLE, 2013).columns["industry_code"] == "SIC3"


def test_the_layout_of_the_how_to_works(tmp_path):
    lines = re.findall(r"^    (.*)$", layouts.how_to(), re.MULTILINE)
    assert lines[0].startswith("column,note,")
    lines = [line.replace("thousand_cny ...", "thousand_cny") for line in lines]
    mapping = load_layout(write(tmp_path / "mine.csv", *lines)).map(
        ["法人代码", "行业代码", "经度", "纬度"], 2012
    )
    assert mapping.columns["lon"] == "经度"
    assert mapping.datum == "wgs84"
    assert all(column in layouts.how_to() for column in layouts.COLUMNS)


def test_the_hash_is_that_of_the_file(tmp_path):
    one = load_layout(write(tmp_path / "a.csv", "column,note,2010", "lon,,x"))
    other = load_layout(write(tmp_path / "b.csv", "column,note,2010", "lon,,y"))
    assert len(one.sha256) == 64
    assert one.sha256 != other.sha256


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a,b"], "first line must begin with column,note"),
        ([""], "first line must begin with column,note"),
        (["column,note"], "has no column of a survey year"),
        (["column,note,twothousand"], "column 'twothousand' is no year"),
        (["column,note,2010-2008"], "has no column of a survey year"),
        (["column,note,2004-2007,2007"], "columns 2004-2007 and 2007 overlap"),
        (["column,note,2010", "longitude,,x"], "row 'longitude' is no column of ours"),
        (["column,note,2010", "employmnet,,x"], "do you mean employment"),
        (["column,note,2010", "lon,,x", "lon,,y"], "row lon stands there twice"),
        (["column,note,2010", "lon,,x,y"], "more cells than the first line"),
        (
            ["column,note,2010", "@datum,,cgcs2000"],
            "@datum of 2010: unknown datum 'cgcs2000': use one of wgs84",
        ),
        (["column,note,2010", "@output_unit,,yuan"], "use one of cny, thousand_cny"),
    ],
)
def test_faults_of_a_layout_are_named(tmp_path, lines, said):
    path = write(tmp_path / "mine.csv", *lines)
    with pytest.raises(CoaggError, match=re.escape(said)) as error:
        load_layout(path)
    assert str(error.value).startswith(str(path))


def test_layouts_that_are_not_there_or_no_text(tmp_path):
    with pytest.raises(
        CoaggError, match="no layout 'nope': there are companies_house, demo, drewdrop, es_firms"
    ):
        load_layout("nope")
    (tmp_path / "x.csv").write_bytes("列,注".encode("gbk"))
    with pytest.raises(CoaggError, match="a CSV file in UTF-8 is needed"):
        load_layout(tmp_path / "x.csv")


def test_layouts_are_listed_by_year():
    rows = layouts.describe_layouts()
    assert {row.layout for row in rows} == set(layouts.list_layouts())
    sample = next(row for row in rows if row.layout == "drewdrop")
    assert sample.survey_years == "2013-"
    assert (sample.country, sample.datum) == ("CN", "bd09")
    assert (sample.lon, sample.industry_code) == ("Longitude", "SIC3")
    assert sum(row.layout == "survey" for row in rows) == len(load_layout("survey").years)
