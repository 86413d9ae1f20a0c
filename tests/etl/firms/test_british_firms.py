"""Registers of the United Kingdom: several SIC codes a firm, two kinds of coordinates, pile-ups."""

import numpy as np
import pandas as pd
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.firms import layouts
from coagg.etl.firms import stated_codes as firm_codes
from coagg.etl.firms.load import load_firms
from coagg.etl.reference import countries

REGISTER = "firms/uk_south_yorkshire_companies_2024.csv.gz"
GRID = ["easting", "northing", "longitude", "latitude"]
HEADER = (
    "CompanyNumber,CompanyName,RegAddress.PostCode,SICCode.SicText_1,SICCode.SicText_2,"
    "SICCode.SicText_3,SICCode.SicText_4,longitude,latitude\n"
)
ROWS = """\
00000001,A LTD,S1 1AA,74990 - Non-trading company,33190 - Repair,25110 - Metal,,-1.470101,53.381001
00000002,B LTD,S1 1AA,46190 - Agents,,,,-1.470101,53.381001
00000003,C LTD,S1 1AB,None Supplied,,,,-1.471101,53.382001
00000004,D LTD,S1 1AC,"10110 - Meat; 46320 - Meat, wholesale",,,,-1.472101,53.383001
00000005,E LTD,S1 1AD,1110,,,,-1.473101,53.384001
00000006,F LTD,S1 1AE,25110 - Metal,,,,,
00000007,G LTD,S1 1AF,25110 - Metal,,,,2.352222,48.856614
00000009,I LTD,S1 1AH,2852 - General mechanical engineering,,,,-1.475101,53.386001
00000008,H LTD,S1 1AG,25110 - Metal,25110 - Metal,,,53.385001,-1.474101
00000010,J LTD,S1 1AI,99999 - Dormant Company,98000 - Residents,,,-1.476101,53.387001
"""


@pytest.mark.parametrize(
    ("received", "codes"),
    [
        ("33190 - Repair of other equipment", ["33190"]),
        ("74990 - Non-trading\x1e33190 - Repair\x1e\x1e25110", ["33190", "74990", "25110"]),
        ("46190\x1e47110", ["46190", "47110"]),
        ("25110|25110", ["25110"]),
        ("84240 - Order; safety; 25110", ["25110", "84240"]),
        ("25.11/0 Metal structures\x1e28.1", ["25110", "281"]),
        ("25110.0", ["25110"]),
        ("None Supplied", []),
        ("99999 \u2013 Dormant Company", ["99999"]),
        ("repairs", ["repairs"]),
        ("34100\x1e09900\x1e10110", ["10110", "34100", "09900"]),
    ],
)
def test_codes_of_a_firm(received, codes):
    assert firm_codes.codes_in_order(received, countries.of("GB").preferred) == codes


def loaded(settings, columns):
    with database.connect(settings) as connection:
        return connection.execute(
            f"SELECT firm_id, {columns} FROM clean.firm WHERE country = 'GB' ORDER BY 1"
        ).fetchall()


def test_a_register_is_found_by_its_headers(db_settings, tmp_path):
    file = tmp_path / "uk_companies_2010.csv"
    file.write_text(HEADER + ROWS)
    report = load_firms(db_settings, file, 2010)
    assert (report.country, report.layout, report.datum) == ("GB", "companies_house", "wgs84")
    assert report.classification == "uksic2007"
    assert report.reasons == {"coordinates_missing": 1, "outside_country": 1}
    assert report.flags["industry_missing"] == 1
    assert report.flags["industry_zero_restored"] == 1
    assert report.flags["axes_swapped"] == 1
    # 2852 is of SIC 2003, not 02852; 99999 and 98000 are the register's own, of no group of SIC
    assert report.flags["industry_unknown"] == 2
    assert loaded(db_settings, "industry_code, industry, prefecture_code, pile_up_size") == [
        ("00000001", "33190;74990;25110", "331", "TLE32", 2),
        ("00000002", "46190", "461", "TLE32", 2),
        ("00000003", None, None, "TLE32", 1),
        ("00000004", "10110;46320", "101", "TLE32", 1),
        ("00000005", "01110", "011", "TLE32", 1),
        ("00000008", "25110", "251", "TLE32", 1),
        ("00000009", "2852", None, "TLE32", 1),
        ("00000010", "99999;98000", None, "TLE32", 1),
    ]


def test_easting_and_northing_are_converted_once(db_settings, tmp_path):
    file = tmp_path / "grid.csv"
    header = "CompanyNumber,IncorporationDate,SICCode.SicText_1,easting,northing\n"
    file.write_text(
        header
        + "1,14/04/2005,25110,651409.903,313177.270\n2,2006,25110,435300,387400\n"
        + "3,never,25110,-1,387401\n4,,25110,0,0\n"
    )
    report = load_firms(db_settings, file, 2010)
    assert report.datum == "osgb36"
    assert report.reasons == {"coordinates_impossible": 1, "coordinates_zero": 1}
    assert report.flags["low_precision"] == 1
    (first, second) = loaded(db_settings, "lon, lat, source_lon, source_lat, established_year")
    # the worked example of Ordnance Survey's guide to coordinate systems, in WGS-84
    assert first[1:3] == pytest.approx((1.716038, 52.657976), abs=5e-5)
    assert first[3:5] == (651409.903, 313177.270)
    assert (first[5], second[5]) == (2005, 2006)


def test_a_datum_belongs_to_its_country(db_settings, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(HEADER + ROWS)
    with pytest.raises(CoaggError, match="bd09 is used in China only"):
        load_firms(db_settings, file, 2010, datum="bd09")
    with pytest.raises(CoaggError, match="osgb36 is used in United Kingdom only: load CN with"):
        load_firms(db_settings, file, 2010, datum="osgb36", country="CN")


def test_each_header_of_a_layout_may_have_its_datum(tmp_path):
    path = tmp_path / "own.csv"
    text = "column,note,2010\n@datum,,wgs84|osgb36\nlon,,x|east\nlat,,y|north\nindustry_code,,sic\n"
    path.write_text(text)
    own = layouts.load_layout(path)
    assert own.map(["x", "y", "sic"], 2010).datum == "wgs84"
    assert own.map(["East", "North", "sic"], 2010).datum == "osgb36"
    path.write_text(text.replace("x|east", "x|east|e"))
    with pytest.raises(CoaggError, match="@datum of 2010 has 2 alternatives, lon 3"):
        layouts.load_layout(path)


def test_the_kingdom_is_one_agglomeration(reference_db):
    ((areas, name, valid),) = reference_db.execute(
        "SELECT count(*), min(a.name), bool_and(public.st_isvalid(a.geom)) "
        "FROM reference.agglomeration AS a JOIN reference.agglomeration_member AS m "
        "USING (country, agglomeration_code) "
        "JOIN reference.prefecture AS p USING (country, prefecture_code) "
        "WHERE country = 'GB' AND agglomeration_code = 'UK' AND m.assigned"
    ).fetchall()
    assert (areas, name, valid) == (179, "United Kingdom", True)


def test_the_real_register_loads_with_its_codes_and_pile_ups(db_settings, sample_dir):
    companies = pd.read_csv(sample_dir / REGISTER, dtype=str)
    report = load_firms(db_settings, sample_dir / REGISTER, 2024)
    assert (report.rows_read, report.rows_clean, report.rows_refused) == (75_740, 75_740, 0)
    assert report.classification == "uksic2007"
    facts = report.facts
    assert facts["points_of_50"] > 100
    with database.connect(db_settings) as connection:
        several, manufacturing, places = connection.execute(
            "SELECT count(*) FILTER (WHERE industry_code LIKE '%;%'), "
            "count(*) FILTER (WHERE left(industry, 2) BETWEEN '10' AND '33'), "
            "count(DISTINCT prefecture_code) FILTER (WHERE left(prefecture_code, 4) = 'TLE3') "
            "FROM clean.firm WHERE country = 'GB'"
        ).fetchone()
    first = companies["SICCode.SicText_1"].fillna("")
    first = first.where(first.str.match(r"\d{5} "), "").str[:2]  # others are of SIC 2003
    assert several == companies["SICCode.SicText_2"].notna().sum()
    assert manufacturing > first.between("10", "33").sum() > 4_000
    assert places == 2


def test_the_grid_of_the_real_register_agrees_with_its_degrees(sample_dir):
    companies = pd.read_csv(sample_dir / REGISTER, usecols=GRID)
    lon, lat = coordinates.to_wgs84(companies["easting"], companies["northing"], "osgb36")
    metres = np.hypot(
        (lon - companies["longitude"]) * 111_320 * np.cos(np.radians(lat)),
        (lat - companies["latitude"]) * 110_574,
    )
    assert metres.max() < 5
