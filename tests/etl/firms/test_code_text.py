"""Industry codes in every dress are the codes they are; what is none is not made one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coagg import database
from coagg.etl.firms.code_text import codes_of
from coagg.etl.firms.load import load_firms

CASES = Path(__file__).parents[2] / "data" / "strangers"
DRESSES = (
    "{0}", "{0} - Some trade", "{0}:some trade", "{0} some trade", "[{0}] some trade",
    "({0}) some trade", "Some trade ({0})", "SIC {0}", "SIC 2007: {0}", "NACE Rev. 2 {0}", "C{0}",
    "{0}某业", "{0} – some; trade", "{0}.0", " {0} ", "B {0}", "{0} some, trade of 20,30 tonnes",
    "{0} 3D printing", "code: {0}", "GB/T 4754-2011 {0}",
)  # fmt: skip


@given(st.integers(100, 9999), st.sampled_from(DRESSES))
def test_whatever_the_dress_the_code_is_the_same(number, dress):
    code = f"{number:04d}"
    if dress == "{0} 3D printing":
        dress = "{0} - 3D printing"
    assert codes_of(dress.format(code)) == (code,)


@given(st.integers(1, 99), st.integers(10, 99), st.integers(1, 9))
def test_points_part_divisions(division, rest, last):
    whole = f"{division:02d}{rest}"
    for text in (f"{division:02d}.{rest}", f"{division}.{rest}", f"C{division:02d}.{rest} - x",
                 f"{division:02d}.{rest}Z"):  # fmt: skip
        assert codes_of(text) == (whole,)
    assert codes_of(f"{division:02d}.{rest}.{last}") == (f"{whole}{last}",)
    assert codes_of(f"{division:02d}.{rest}/{last}") == (f"{whole}{last}",)


@pytest.mark.parametrize(
    ("received", "codes"),
    [
        ("1310; 0610", ("1310", "0610")),
        ("1310,0610", ("1310", "0610")),
        ("1310、0610、1310", ("1310", "0610")),
        ("13.10/06.10", ("1310", "0610")),
        ("1310\n0610", ("1310", "0610")),
        ("0610 - Coal; 1310 - Grain (main)", ("1310", "0610")),
        ("1,310", ("1310",)),
        ("06,10", ("0610",)),
        ("6.10E+02", ("610",)),
        ("6.1E+02", ("6.1E+02",)),  # the last digit is lost
        ("1.31E+03", ("1.31E+03",)),
        ("13.1", ("13.1",)),
        ("610.0", ("610",)),
        ("10.0", ("10",)),
        ("食品制造业", ("食品制造业",)),
        ("Steel works", ("Steel works",)),
        ("13-131", ("13-131",)),
        ("none supplied", ()),
        ("332810", ("332810",)),
    ],
)
def test_cells(received, codes):
    assert codes_of(received) == codes


def industries(settings, year):
    with database.connect(settings) as connection:
        return connection.execute(
            "SELECT industry_code, industry, classification FROM clean.firm "
            "WHERE survey_year = %s ORDER BY row_number",
            (year,),
        ).fetchall()


@pytest.mark.parametrize("name", ["files_industry_with_text.csv", "files_industry_dots.csv"])
def test_files_of_strangers_have_the_industries_of_the_plain_one(db_settings, name):
    load_firms(db_settings, CASES / "files_plain.csv", 2012, layout="demo")
    load_firms(db_settings, CASES / name, 2013, layout="demo")
    plain = industries(db_settings, 2012)
    assert len({industry for _, industry, _ in plain}) > 3
    assert industries(db_settings, 2013) == plain


def dressed(tmp_path, *codes):
    path = tmp_path / "a.csv"
    lines = ["industry_code,lon,lat"]
    lines += [f'"{code}",{104.06 + n / 1000:.5f},30.72251' for n, code in enumerate(codes)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_lost_zeros_and_points_together(db_settings, tmp_path):
    path = dressed(tmp_path, "610.0", "13.1", "6.1", "1310", "1351", "1711", "2610", "3511")
    report = load_firms(db_settings, path, 2004, layout="demo")
    assert [row[1] for row in industries(db_settings, 2004)] == [
        "061", "131", "061", "131", "135", "171", "261", "351",
    ]  # fmt: skip
    assert report.flags["industry_zero_restored"] == 1


def test_of_several_codes_the_first_counts_and_all_are_kept(db_settings, tmp_path):
    path = dressed(tmp_path, "1310; 0610", "1351", "1711", "2610", "no code at all")
    report = load_firms(db_settings, path, 2004, layout="demo")
    assert industries(db_settings, 2004)[0][:2] == ("1310;0610", "131")
    assert (report.flags["industry_several"], report.flags["industry_unknown"]) == (1, 1)
