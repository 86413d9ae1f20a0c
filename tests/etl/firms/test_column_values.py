"""Numbers and founding years that only their column tells."""

from pathlib import Path

import pytest

from coagg import database
from coagg.etl.firms.load import load_firms

CASES = Path(__file__).parents[2] / "data" / "strangers"


def load(settings, tmp_path, column, values, year=2006, lon="120.1{:04d}5", lat="30.23431"):
    path = tmp_path / "a.csv"
    lines = [f"industry_code;lon;lat;{column}"]
    lines += [f"1310;{lon.format(n)};{lat};{value}" for n, value in enumerate(values)]
    path.write_text("\n".join(lines), encoding="utf-8")
    report = load_firms(settings, path, year, layout="demo")
    stored = {"output": "output_thousand_cny"}.get(column, column)
    with database.connect(settings) as connection:
        rows = connection.execute(f"SELECT {stored} FROM clean.firm ORDER BY row_number").fetchall()
    return report, [value for (value,) in rows]


@pytest.mark.parametrize(
    ("values", "read", "note"),
    [
        (["1,000", "1000,5", "2,5"], [1, 1000.5, 2.5], "decimal commas"),
        (["1,000", "1.234.567,5", "2,25"], [1, 1234567.5, 2.25], "decimal commas"),
        (["1.000", "1.234.567", "2.345.678"], [1000, 1234567, 2345678], "decimal commas"),
        (["1,000", "1,234,567", "1.5"], [1000, 1234567, 1.5], None),
        (["1,000", "7"], [1000, 7], None),
        (["1,000", "1,345", "12,34"], [1000, 1345, None], None),  # a slip
        (["1.000", "7"], [1, 7], None),
    ],
)
def test_a_column_of_outputs_says_what_its_comma_is(db_settings, tmp_path, values, read, note):
    report, stored = load(db_settings, tmp_path, "output", values)
    assert stored == read
    notes = report.facts["notes"]
    assert notes == ([f"output is read with {note}"] if note else [])


def test_outputs_with_points_beside_coordinates_with_commas(db_settings, tmp_path):
    report, stored = load(
        db_settings, tmp_path, "output", ["1,234.5", "1,000", "1,234.75"],
        lon="120,1{:04d}5", lat="30,23431",
    )  # fmt: skip
    assert stored == [1234.5, 1000, 1234.75]
    assert "output is read with decimal points" in report.facts["notes"]


@pytest.mark.parametrize("column", ["output", "employment"])
def test_where_a_column_says_both_what_can_be_either_is_not_used(db_settings, tmp_path, column):
    values = ["1,000", "1.000", "1.234,0", "1,234.0", "12", "2.345,0", "2,345.0"]
    report, stored = load(db_settings, tmp_path, column, values)
    assert stored == [None, None, 1234, 1234, 12, 2345, 2345]
    assert report.flags[f"{column}_ambiguous"] == 2
    assert f"{column}_unreadable" not in report.flags
    assert any("can be either" in note for note in report.facts["notes"])


def test_days_of_a_spreadsheet_are_founding_years_where_the_whole_column_is_such(
    db_settings, tmp_path
):
    report, stored = load(
        db_settings, tmp_path, "established_year", ["38717", "32874.0", "36526", "20000"]
    )
    assert stored == [2005, 1990, 2000, 1954]
    assert "established_year_unreadable" not in report.flags
    assert "founding years are day numbers of a spreadsheet" in report.facts["notes"][0]


@pytest.mark.parametrize("other", ["1998", "52000"])  # a year, and a day of 2042
def test_day_numbers_among_others_stay_unreadable(db_settings, tmp_path, other):
    report, stored = load(
        db_settings, tmp_path, "established_year", ["38717", "32874", "36526", other]
    )
    assert stored[:3] == [None] * 3
    assert report.flags["established_year_unreadable"] == (3 if other == "1998" else 4)


def test_a_firm_is_not_founded_after_its_survey(db_settings, tmp_path):
    report, stored = load(
        db_settings, tmp_path, "established_year", ["2006", "2007", "2008", "2999", "1998"]
    )
    assert stored == [2006, 2007, None, None, 1998]
    assert report.flags["established_year_out_of_bounds"] == 2


def test_absurd_values_are_flagged_and_not_summed(db_settings):
    report = load_firms(db_settings, CASES / "files_absurd_values.csv", 2013, layout="demo")
    assert report.rows_clean == 60
    assert (report.flags["output_out_of_bounds"], report.flags["employment_out_of_bounds"]) == (
        2,
        2,
    )
    with database.connect(db_settings) as connection:
        ((least, most, people),) = connection.execute(
            "SELECT min(output_thousand_cny), max(output_thousand_cny), max(employment) "
            "FROM clean.firm"
        ).fetchall()
    assert 0 <= least < most < 1e5
    assert people < 1000
