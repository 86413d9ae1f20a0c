"""Columns named without a layout file: found, refused, and a part of what makes a load."""

from pathlib import Path

import pandas as pd
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.firms import column_map, layouts
from coagg.etl.firms.inputs import why_load
from coagg.etl.firms.load import load_firms

STRANGERS = Path(__file__).parents[2] / "data" / "strangers"
BASE = STRANGERS / "base.csv"
NAMES = {"lon": "Longitude", "lat": "Latitude", "industry_code": "sic", "output": "sales 1"}
WORDS = {"lon": "longitude", "lat": "Latitude", "industry": "SIC", "@datum": "wgs84"}


@pytest.fixture
def renamed(tmp_path) -> Path:
    frame = pd.read_csv(BASE, dtype=str).rename(columns=NAMES)
    frame.to_csv(tmp_path / "renamed.csv", index=False)
    return tmp_path / "renamed.csv"


def refusal(settings, file, columns, **options) -> str:
    with pytest.raises(CoaggError) as error:
        load_firms(settings, file, 2004, columns=columns, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def firms(settings) -> list:
    with database.connect(settings) as connection:
        return connection.execute(
            "SELECT row_number, firm_id, industry_code, output_thousand_cny, lon, lat "
            "FROM clean.firm ORDER BY 1"
        ).fetchall()


def test_a_map_loads_what_a_layout_loads(db_settings, renamed):
    load_firms(db_settings, BASE, 2004, layout="demo")
    by_layout = firms(db_settings)
    report = load_firms(db_settings, renamed, 2004, columns={**WORDS, "sales": "sales 1"})
    assert report.rows_clean == 24
    assert firms(db_settings) == by_layout
    (note,) = report.facts["notes"]
    assert note.startswith("not mapped, read under their own names: firm_id, firm_name")


def test_what_is_not_mapped_and_not_called_so_stays_out(db_settings, renamed):
    load_firms(db_settings, renamed, 2004, columns=WORDS)
    assert {row[3] for row in firms(db_settings)} == {None}


def test_a_map_stands_in_front_of_a_layout(db_settings, tmp_path):
    frame = pd.read_csv(BASE, dtype=str)
    frame["revised"] = "3610"
    frame.to_csv(tmp_path / "both.csv", index=False)
    told = {"industry": "revised", "@output_unit": "ten_thousand_cny"}
    load_firms(db_settings, tmp_path / "both.csv", 2004, layout="demo", columns=told)
    found = firms(db_settings)
    assert {row[2] for row in found} == {"3610"}
    assert found[0][3] == 10 * float(frame["output"][0])


def test_a_map_is_a_part_of_what_a_load_is_made_from(db_settings, renamed):
    columns = {**WORDS, "sales": "sales 1"}
    load_firms(db_settings, renamed, 2004, columns=columns)
    assert load_firms(db_settings, renamed, 2004, columns=dict(columns)).unchanged
    with database.connect(db_settings) as connection:
        assert why_load(connection, renamed, 2004, columns=columns) is None
        assert "layout" in (why_load(connection, renamed, 2004, columns=WORDS) or "")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"industri": "sic"}, "'industri' is no column of ours; do you mean industry?"),
        ({"wobble": "sic"}, "'wobble' is no column of ours; columns are firm_id, firm_name"),
        ({**WORDS, "industry_code": "SIC"}, "industry_code is 'SIC' already"),
        ({**WORDS, "lat": "Lattitude"}, "no header 'Lattitude'; the nearest is 'Latitude'"),
        ({**WORDS, "phone": "qqqq"}, "no header 'qqqq'; its headers are firm_id"),
        ({**WORDS, "@datum": "wgs48"}, "unknown datum 'wgs48'"),
        ({**WORDS, "@output_unit": "dollars"}, "is 'dollars'; use one of cny"),
        ({**WORDS, "lat": "a|b"}, "name one header, without a |"),
        ({"lon": "Longitude"}, "does not find industry_code (known as industry_code"),
    ],
)
def test_a_wrong_map_is_one_line(db_settings, renamed, columns, told):
    assert told in refusal(db_settings, renamed, columns)


def test_words_of_the_command_line():
    found = column_map.from_words(["lon=a=b", "Longitude 2=x"][:1])
    assert found == {"lon": "a=b"}
    for word in ("lon", "lon=", "=x", " = "):
        with pytest.raises(CoaggError, match="write COLUMN=HEADER"):
            column_map.from_words([word])
    with pytest.raises(CoaggError, match="lon is 'a' already"):
        column_map.from_words(["lon=a", "longitude=b"])


def test_each_alias_means_a_column():
    assert set(column_map.ALIASES.values()) <= set(layouts.COLUMNS)
    assert not set(column_map.ALIASES) & set(layouts.COLUMNS)


def test_the_second_pair_of_coordinates_keeps_its_datum():
    """A header of longitudes has the datum that the layout gives it, another has none."""
    companies = layouts.load_layout("companies_house")
    made = column_map.as_layout({"lon": "easting", "lat": "northing"}, 2020, companies)
    headers = ["easting", "northing", "SICCode.SicText_1"]
    assert made.map(headers, 2020).datum == "osgb36"
    other = column_map.as_layout({"lon": "x", "lat": "y"}, 2020, companies)
    assert other.map(["x", "y", "SICCode.SicText_1"], 2020).datum is None
    with pytest.raises(CoaggError, match="has no column for 1950"):
        column_map.as_layout({"lon": "x"}, 1950, companies)
