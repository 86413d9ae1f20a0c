"""Firms in files as strangers have them: read as meant, or refused in a line, never in silence."""

import csv
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from support.workbooks import write_xlsx

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.files.readers import open_table
from coagg.etl.firms.headers import told_not_found
from coagg.etl.firms.layouts import load_layout
from coagg.etl.firms.load import LoadReport, load_firms

STRANGERS = Path(__file__).parents[2] / "data" / "strangers"


def load(settings, file: Path | str, year: int = 2004, **options) -> LoadReport:
    return load_firms(settings, STRANGERS / file, year, **{"layout": "demo", **options})


def ask(settings, query: str) -> list:
    with database.connect(settings) as connection:
        return connection.execute(query).fetchall()


def refused(settings, file: Path | str, year: int = 2004, **options) -> str:
    with pytest.raises(CoaggError) as error:
        load(settings, file, year, **options)
    assert "\n" not in str(error.value)
    assert ask(settings, "SELECT count(*) FROM clean.firm") == [(0,)]
    return str(error.value)


# Years


def with_years(path: Path, *years: str) -> Path:
    frame = pd.read_csv(STRANGERS / "base.csv", dtype=str)
    frame["survey_year"] = (list(years) * len(frame))[: len(frame)]
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("stated", ["05", "38717", "16801", "year 05", "0", "200513"])
def test_a_year_that_cannot_be_read_never_agrees(db_settings, tmp_path, stated):
    told = refused(db_settings, with_years(tmp_path / "a.csv", stated))
    assert f"survey_year says '{stated}' in 24 rows, which is no year" in told


@pytest.mark.parametrize("stated", ["2005", "FY2005", "fy 2005", "2005/06", "31122005", "200512"])
def test_another_year_in_any_spelling_is_another_year(db_settings, tmp_path, stated):
    told = refused(db_settings, with_years(tmp_path / "a.csv", stated))
    assert "is no file of 2004: its column survey_year says 2005 in 24 rows" in told
    assert load(db_settings, tmp_path / "a.csv", 2005).rows_clean == 24


def test_single_rows_whose_year_cannot_be_read_are_refused(db_settings, tmp_path):
    report = load(db_settings, with_years(tmp_path / "a.csv", "2004", "2004", "05"))
    assert (report.rows_clean, report.reasons) == (16, {"survey_year_differs": 8})
    found = "SELECT DISTINCT detail FROM clean.refused"
    assert ask(db_settings, found) == [("survey_year '05'",)]


def test_years_of_strangers(db_settings):
    assert "says '05' in 24 rows" in refused(db_settings, "year_two_digits.csv")
    assert "says 2005 in 24 rows; load it with --survey-year 2005" in refused(
        db_settings, "year_td.dta"
    )
    assert load(db_settings, "year_td.dta", 2005).rows_clean == 24


def test_each_year_of_a_file_of_several_loads(db_settings):
    for year in (2004, 2005, 2006):
        report = load(db_settings, "panel_three_years.csv", year)
        assert (report.rows_read, report.rows_clean) == (72, 24)
        assert report.reasons == {"survey_year_differs": 48}
    told = "SELECT survey_year, count(*) FROM clean.firm GROUP BY 1 ORDER BY 1"
    assert ask(db_settings, told) == [(2004, 24), (2005, 24), (2006, 24)]


def test_a_year_that_a_file_of_several_lacks_is_said_with_those_it_has(db_settings):
    told = refused(db_settings, "panel_three_years.csv", 2009)
    assert told.endswith("load it with --survey-year 2004 or 2005 or 2006")


def test_a_slip_does_not_make_a_file_one_of_another_year(db_settings, tmp_path):
    path = with_years(tmp_path / "a.csv", *["2005"] * 23, "2004")
    assert "is no file of 2004" in refused(db_settings, path)


# Stata


def test_a_date_of_stata_is_a_date(db_settings):
    report = load(db_settings, "dta_founded_td.dta")
    assert "established_year_unreadable" not in report.flags
    years = "SELECT DISTINCT established_year FROM clean.firm ORDER BY 1 LIMIT 2"
    assert ask(db_settings, years) == [(1985,), (1986,)]


def test_value_labels_that_are_codes_are_the_codes(db_settings):
    report = load(db_settings, "dta_labels.dta")
    assert report.rows_clean == 525
    assert "industry_unknown" not in report.flags
    assert report.facts["notes"] == ["read as its value labels: column industry_code"]
    assert ask(db_settings, "SELECT min(industry_code) FROM clean.firm") == [("0610",)]


def test_value_labels_that_describe_numbers_are_left(tmp_path):
    path = tmp_path / "x.dta"
    frame = pd.DataFrame({"code": [610, 1310], "name": ["a", "b"]})
    labels = {"code": {610: "Coal", 1310: "Grain"}}
    frame.to_stata(path, write_index=False, value_labels=labels)
    table = open_table(path)
    (batch,) = table.batches()
    assert batch.table["code"].to_pylist() == ["610", "1310"]
    assert table.notes == ["read as numbers, its value labels left: column code"]


def test_every_unit_of_a_stata_date_has_its_year(tmp_path):
    day = pd.Timestamp("2005-11-20")
    units = {"td": "d", "tc": "c", "tw": "w", "tm": "m", "tq": "q", "th": "h", "ty": "y"}
    frame = pd.DataFrame({name: [day, None] for name in units})
    path = tmp_path / "x.dta"
    frame.to_stata(path, write_index=False, convert_dates={name: name for name in units})
    (batch,) = open_table(path).batches()
    first, second = batch.table.to_pylist()
    assert first == {
        "td": "2005-11-20", "tc": "2005-11-20", "tw": "2005-W47", "tm": "2005-11",
        "tq": "2005-Q4", "th": "2005-H2", "ty": "2005",
    }  # fmt: skip
    assert set(second.values()) == {None}


# Columns and codes


def test_optional_columns_that_are_not_found_are_told_with_what_may_be_meant(db_settings):
    report = load(db_settings, "base.csv", layout=str(STRANGERS / "layout_typo.csv"))
    assert report.facts["columns_not_found"] == {
        "firm_id": "firm_id",
        "firm_name": "firm_name",
        "output": "output",
        "employment": "employment",
    }
    kept = "SELECT counts -> 'facts' -> 'columns_not_found' ->> 'output' FROM ops.load"
    assert ask(db_settings, kept) == [("output",)]


def test_columns_that_help_to_read_others_are_not_missed_unless_something_is_like_them():
    headers = ["firm_id", "lon", "lat", "industry_code"]
    lacking = load_layout("demo").not_found(headers, 2004)
    assert "output" in lacking
    assert not {"crs", "hemisphere", "country", "survey_year", "industry_division"} & set(lacking)
    assert load_layout("demo").not_found([*headers, "countri"], 2004)["country"] == "countri"


def test_the_answer_tells_columns_that_are_not_found():
    layout = load_layout(STRANGERS / "layout_typo.csv")
    headers = ["firm_id", "industry_code", "lon", "lat", "sum_of_assets"]
    found = layout.not_found(headers, 2004)
    assert found["firm_id"] == "firm_id"
    assert found["output"] is None
    line = told_not_found("layout_typo", found)
    assert "layout layout_typo gives them: firm_id (is it 'firm_id'?)" in line
    assert line.endswith("output, employment")


@pytest.mark.parametrize("known", [0, 2])
def test_codes_that_hardly_any_is_known_of_do_not_replace_a_good_year(db_settings, tmp_path, known):
    load(db_settings, "base.csv")
    frame = pd.read_csv(STRANGERS / "base.csv", dtype=str)
    frame.loc[known:, "industry_code"] = [f"99{n:02d}" for n in range(len(frame) - known)]
    frame.to_csv(path := tmp_path / "unknown.csv", index=False)
    with pytest.raises(CoaggError, match=r"known codes share .*\(at least 50% .*--accept"):
        load(db_settings, path)
    files = "SELECT file_name FROM ops.load WHERE superseded_at IS NULL"
    assert ask(db_settings, files) == [("base.csv",)]
    assert load(db_settings, path, accept="a classification of our own").rows_clean == 24


# Workbooks


def test_rows_of_the_same_table_on_another_sheet_are_not_left_out(db_settings):
    told = refused(db_settings, "sheets_other_order.xlsx")
    assert "holds more rows under the same header (12)" in told
    assert "--sheet" in told
    report = load(db_settings, "sheets_other_order.xlsx", sheet="B")
    assert report.rows_clean == 12
    assert "sheet B was read; not read: A (13 rows)" in report.facts["notes"][0]


def test_the_sheet_that_has_the_headers_is_read_and_named(db_settings):
    report = load(db_settings, "sheets_notes_first.xlsx")
    assert report.rows_clean == 24
    (note,) = report.facts["notes"]
    assert "was read; not read: " in note


def test_a_sheet_that_is_not_there_is_said_with_those_that_are(db_settings):
    assert "has no sheet 'C'; there are A, B" in refused(
        db_settings, "sheets_other_order.xlsx", sheet="C"
    )
    assert "has no sheets; leave out --sheet" in refused(db_settings, "base.csv", sheet="A")


def test_errors_and_formulas_without_a_value_are_flagged(db_settings):
    report = load(db_settings, "cells_formula_error.xlsx")
    assert report.flags["output_unreadable"] == report.flags["employment_unreadable"] == 24
    assert report.facts["notes"][0].startswith("48 cells are errors or formulas without a stored")
    said = "SELECT unreadable FROM clean.firm ORDER BY row_number LIMIT 1"
    assert ask(db_settings, said) == [({"output": "#N/A", "employment": "=5+10"},)]


def test_a_title_above_the_header_of_a_sheet(db_settings, tmp_path):
    rows = list(csv.reader((STRANGERS / "base.csv").read_text().splitlines()))
    path = write_xlsx(tmp_path / "x.xlsx", {"all": [["Firms of 2004", None], [None], *rows]})
    report = load(db_settings, path)
    assert report.rows_clean == 24
    assert report.facts["notes"] == ["1 rows above the header were left out"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
        ("<c r='B2' t='e'><v>#REF!</v></c>", "#REF!"),
        ('<c r="B2"><f>A1*2</f></c>', "=A1*2"),
        ('<c r="B2"><f>A1*2</f><v/></c>', "=A1*2"),
        ('<c r="B2" s="1" t="n"><f t="shared" si="0"/><v></v></c>', "=formula"),
        ('<c r="B2"><f>A1*2</f><v>5</v></c>', "5"),
        ('<c r="B2" t="str"><f>IF(A1,"","x")</f><v></v></c>', None),
    ],
)
def test_a_cell_that_is_no_value_comes_out_as_its_text(tmp_path, cell, value):
    path = write_xlsx(tmp_path / "x.xlsx", {"a": [["x", "y"], [1, "HERE"], [2, "z"]]})
    made = tmp_path / "y.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            xml = old.read(name).decode()
            here = '<c t="inlineStr"><is><t xml:space="preserve">HERE</t></is></c>'
            new.writestr(name, xml.replace(here, cell))
    (batch,) = open_table(made).batches()
    assert batch.table["y"].to_pylist() == [value, "z"]


# Headers and numbers of text files


@pytest.mark.parametrize(
    ("file", "notes"),
    [
        ("header_title_rows.csv", ["line 3 is the header; the lines above were left out"]),
        ("header_sep_line.csv", []),
    ],
)
def test_a_header_lower_down_is_found(db_settings, file, notes):
    report = load(db_settings, file)
    assert (report.rows_clean, report.facts["notes"]) == (24, notes)


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("above", ["Firms\n", "Firms, of 2004; all\n\nsource|x\n", "sep={}\n"])
def test_lines_above_the_header_in_any_dress(tmp_path, delimiter, above):
    body = (STRANGERS / "base.csv").read_text().replace(",", delimiter)
    path = tmp_path / "a.csv"
    path.write_text(above.format(delimiter) + body)
    layout = load_layout("demo")
    table = open_table(path, fits=lambda headers: layout.missing(headers, 2004) == [])
    assert table.headers[:2] == ["firm_id", "firm_name"]
    assert sum(batch.table.num_rows for batch in table.batches()) == 24


def test_a_separator_line_alone_is_no_table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sep=;\n")
    with pytest.raises(CoaggError, match="no header under it"):
        open_table(path)


def test_decimal_commas(db_settings):
    load(db_settings, "base.csv")
    points = "SELECT lon, lat FROM clean.firm ORDER BY row_number"
    plain = ask(db_settings, points)
    report = load(db_settings, "decimal_comma.csv", accept="other outputs")
    assert report.rows_clean == 24
    assert ask(db_settings, points) == plain
    first = "SELECT output_thousand_cny FROM clean.firm WHERE row_number = 1"
    assert ask(db_settings, first) == [(1000.5,)]
    assert report.facts["notes"] == [
        "numbers are read with decimal commas, as its coordinates have them"
    ]


@pytest.mark.parametrize(
    ("lon", "lat", "output", "read"),
    [
        ("120,128605", "30,234317", "1,000", 1.0),
        ("120,128605", "30,234317", "1.000", 1000.0),
        ("120,128605", "30,234317", "1.234,5", 1234.5),
        ("120.128605", "30.234317", "1,000", 1000.0),
    ],
)
def test_coordinates_say_what_a_comma_is(db_settings, tmp_path, lon, lat, output, read):
    path = tmp_path / "a.csv"
    path.write_text(f"industry_code;lon;lat;output\n1310;{lon};{lat};{output}\n")
    assert load(db_settings, path).rows_clean == 1
    assert ask(db_settings, "SELECT output_thousand_cny FROM clean.firm") == [(read,)]
