"""Rows of several countries in one file."""

from pathlib import Path

import pytest

from coagg.etl.firms.load import load_firms
from coagg.etl.reference import countries

CASES = Path(__file__).parents[2] / "data" / "strangers"


def test_rows_of_another_country_are_refused_and_counted(db_settings):
    report = load_firms(db_settings, CASES / "countries.csv", 2004, layout="demo")
    assert (report.rows_clean, report.reasons) == (24, {"other_country": 6})
    assert report.facts["examples"] == {"other_country": "row 25, land 'RUS'"}
    assert "beside_polygon" not in report.flags


@pytest.mark.parametrize(
    ("country", "name"),
    [("CN", "CHN"), ("CN", "中国"), ("CN", "ＣＮ"), ("CN", "156.0"), ("GB", "UNITED KINGDOM"),
     ("GB", "Scotland"), ("GB", "uk")],
)  # fmt: skip
def test_names_of_a_country(country, name):
    assert countries.plain(name) in countries.names(country)
    other = "GB" if country == "CN" else "CN"
    assert countries.plain(name) not in countries.names(other)


def test_every_row_of_the_country_stays(db_settings, tmp_path):
    text = (CASES / "countries.csv").read_text(encoding="utf-8")
    own = [line.replace(",2004,", f",2004,{name}") for line, name in zip(
        text.splitlines()[1:25], ["CHN", "China", "cn", ""] * 6, strict=True)]  # fmt: skip
    file = tmp_path / "own.csv"
    file.write_text("\n".join([text.splitlines()[0], *own]), encoding="utf-8")
    report = load_firms(db_settings, file, 2004, layout="demo")
    assert (report.rows_clean, report.reasons) == (24, {})
