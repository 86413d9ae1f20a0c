"""What is said of a file before it is loaded, and that it is what a load then does."""

from pathlib import Path

import pandas as pd
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.firms import systems
from coagg.etl.firms.inspect.file import inspect_file
from coagg.etl.firms.inspect.report import Inspection, Stated
from coagg.etl.firms.layouts import load_layout
from coagg.etl.firms.load import load_firms

STRANGERS = Path(__file__).parents[2] / "data" / "strangers"
PLAIN = STRANGERS / "files_plain.csv"
GERMAN = {
    "firm_id": "Registernummer", "firm_name": "Firma", "place_code": "Kreis",
    "industry_code": "Wirtschaftszweig", "output": "Umsatz", "employment": "Mitarbeiter",
    "lon": "Längengrad", "lat": "Breitengrad",
}  # fmt: skip


@pytest.fixture
def plain() -> pd.DataFrame:
    return pd.read_csv(PLAIN, dtype=str)


def seems(found: Inspection) -> dict[str, str]:
    return {column.header: " ".join(column.columns) for column in found.columns}


def points(settings) -> list:
    with database.connect(settings) as connection:
        return connection.execute("SELECT lon, lat FROM clean.firm ORDER BY row_number").fetchall()


def loads_as_said(settings, file: Path, found: Inspection, tmp_path: Path) -> None:
    """The layout that was written loads the file, with the same counts."""
    layout = tmp_path / "written.csv"
    layout.write_text(found.layout_text, encoding="utf-8")
    report = load_firms(settings, file, found.survey_year or 2013, layout=str(layout))
    assert found.load is not None
    assert (report.rows_read, report.rows_clean) == (found.load.rows_read, found.load.rows_clean)
    assert report.reasons == found.load.reasons
    assert report.classification == found.load.classification


def test_nothing_is_kept_and_no_firms_are_needed(db_settings):
    found = inspect_file(db_settings, PLAIN)
    assert (found.layout, found.place.country, found.place.datum) == ("demo", "CN", "wgs84")
    assert (found.format, found.encoding, found.delimiter, found.header_line) == (
        "csv", "utf-8", ",", 1,
    )  # fmt: skip
    assert found.classification == ("gbt4754_2002", 1.0)
    assert found.load is not None
    assert found.load.rows_clean == 60
    with database.connect(db_settings) as connection:
        for table in ("clean.firm", "ops.load"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_file_that_no_layout_fits(db_settings, plain, tmp_path):
    frame = plain.rename(columns=GERMAN)
    for header in ("Längengrad", "Breitengrad", "Umsatz"):
        frame[header] = frame[header].str.replace(".", ",")
    frame["Firma"] = "Müller & Söhne Bäckerei " + frame["Registernummer"]
    file = tmp_path / "betriebe_2013.csv"
    text = frame.to_csv(sep=";", index=False)
    file.write_bytes(("Unternehmen;;;;;;;\r\nStand;;;;;;;\r\n" + text).encode("cp1252"))
    found = inspect_file(db_settings, file)
    assert seems(found) == {header: column for column, header in GERMAN.items()}
    assert all(column.guess and column.share == 1 for column in found.columns)
    assert (found.encoding, found.delimiter, found.header_line) == ("cp1252", ";", 3)
    assert (found.survey_year, found.year_from) == (2013, "a guess: the file's name")
    assert found.refused is None
    loads_as_said(db_settings, file, found, tmp_path)
    as_given = points(db_settings)
    load_firms(db_settings, PLAIN, 2013, layout="demo")
    assert points(db_settings) == as_given


def test_values_tell_where_no_header_does(db_settings, plain, tmp_path):
    order = ["lat", "lon", "industry_code", "place_code", "firm_id", "employment"]
    frame = plain[order].set_axis(["v1", "v2", "v3", "v4", "v5", "v6"], axis=1)
    file = tmp_path / "values.csv"
    frame.to_csv(file, index=False)
    found = inspect_file(db_settings, file)
    assert seems(found) == dict(zip(frame, [*order[:5], ""], strict=True))
    assert {c.why for c in found.columns if c.columns} == {"values alone"}
    loads_as_said(db_settings, file, found, tmp_path)


@pytest.mark.parametrize("header", ["ubicacion", "v1"])
def test_one_column_of_both_coordinates(db_settings, plain, tmp_path, header):
    frame = plain.drop(columns=["lon", "lat"]).rename(columns={"industry_code": "SIC"})
    frame[header] = plain["lat"] + ", " + plain["lon"]
    frame.to_csv(tmp_path / "both.csv", index=False)
    found = inspect_file(db_settings, tmp_path / "both.csv")
    assert seems(found)[header] == "lon lat"
    loads_as_said(db_settings, tmp_path / "both.csv", found, tmp_path)


def test_a_file_without_a_header_is_told(db_settings, plain, tmp_path):
    plain.to_csv(tmp_path / "bare.csv", index=False, header=False)
    found = inspect_file(db_settings, tmp_path / "bare.csv")
    assert "the header line looks like a row: the file seems to have no headers" in found.notes


def test_rows_that_would_be_refused_have_an_example(db_settings, plain, tmp_path):
    plain.loc[4, "lon"], plain.loc[9, "lat"], plain.loc[11, "lon"] = "1O4.1", "", "2.35"
    plain.loc[20] = plain.loc[19]
    file = tmp_path / "faulty.csv"
    plain.rename(columns={"lon": "x", "lat": "y"}).to_csv(file, index=False)
    found = inspect_file(db_settings, file)
    assert found.load is not None
    assert found.load.reasons == {
        "coordinates_missing": 1, "coordinates_unreadable": 1, "duplicate_id": 1,
        "outside_country": 1,
    }  # fmt: skip
    examples = found.load.facts["examples"]
    assert examples["coordinates_unreadable"].startswith("row 5, x '1O4.1', y '30.")
    assert examples["coordinates_missing"].startswith("row 10, ")
    assert examples["outside_country"].startswith("row 12, x '2.35'")
    assert examples["duplicate_id"].startswith("row 21, firm id")
    loads_as_said(db_settings, file, found, tmp_path)


def test_metres_are_given_systems_that_fit(db_settings):
    found = inspect_file(db_settings, STRANGERS / "files_utm.csv", Stated(survey_year=2013))
    assert found.place.tried[0].datum == "EPSG:32648"
    assert found.place.datum == "EPSG:32648", "others put fewer of them in their own prefecture"
    assert "--datum EPSG:32648 " in (found.refused or "")
    assert found.load is not None
    assert found.load.reasons == {"coordinates_impossible": 60}
    stated = Stated(survey_year=2013, datum="EPSG:32648")
    right = inspect_file(db_settings, STRANGERS / "files_utm.csv", stated)
    assert (right.place.datum, right.refused) == ("EPSG:32648", None)
    assert right.load is not None
    assert right.load.rows_clean == 60


def test_a_load_of_metres_proposes_their_system(db_settings):
    with pytest.raises(CoaggError) as error:
        load_firms(db_settings, STRANGERS / "files_utm.csv", 2013, layout="demo")
    told = str(error.value)
    assert "\n" not in told
    assert "60 coordinates_impossible: row 1, lon '410454.514', lat '3399222.131'" in told
    assert "--datum EPSG:32648 (WGS 84 / UTM zone 48N) puts 100% of them in their own" in told


def test_points_of_no_country_that_is_known(db_settings, plain, tmp_path):
    frame = plain.assign(lon="-99.1" + plain["lon"].str[4:], lat="19.4" + plain["lat"].str[3:])
    frame.to_csv(tmp_path / "far.csv", index=False)
    found = inspect_file(db_settings, tmp_path / "far.csv")  # layout demo says China
    assert found.load is not None
    assert found.load.reasons == {"outside_country": 60}
    assert "outside_country: row 1, lon '-99.1" in (found.refused or "")
    assert "is it another --country or --datum?" in (found.refused or "")
    frame.rename(columns={"lon": "x", "lat": "y"}).to_csv(tmp_path / "far.csv", index=False)
    found = inspect_file(db_settings, tmp_path / "far.csv")
    assert (found.place.country, found.load) == (None, None)
    assert found.refused == (
        "the points lie in none of CN, GB; ES could be loaded (coagg load reference)"
    )


def test_codes_that_are_texts_are_told_before_the_load(db_settings, plain, tmp_path):
    plain["industry_code"] = "食品制造业"
    plain.to_csv(tmp_path / "texts.csv", index=False)
    found = inspect_file(db_settings, tmp_path / "texts.csv")
    (column,) = [column for column in found.columns if column.header == "industry_code"]
    assert (column.seems, column.share) == ("industry_code, no known codes", 0)
    assert found.load is not None
    assert found.load.verdict is not None
    assert [finding.measure for finding in found.load.verdict.findings] == ["known_codes_share"]


@pytest.mark.parametrize("file", ["base.csv", "sheets_notes_first.xlsx", "year_td.dta",
                                  "decimal_comma.csv", "ids_uk_2020.csv"])  # fmt: skip
def test_a_layout_that_fits_is_used(db_settings, file):
    found = inspect_file(db_settings, STRANGERS / file)
    assert found.layout in ("demo", "companies_house")
    assert found.survey_year in (2004, 2005, 2020)
    assert found.refused is None
    assert not any(column.guess for column in found.columns if column.columns)


def test_the_shipped_words_are_columns_of_ours():
    from coagg.etl.firms import layouts
    from coagg.etl.firms.inspect import words

    assert set(words.known_words().values()) == {
        *layouts.COLUMNS, words.POINT,
    }  # fmt: skip
    for name in ("survey", "companies_house"):
        layout = load_layout(name)
        for year in layout.years:
            for column in layouts.REQUIRED:
                for word in layout.alternatives(column, year.heading):
                    assert column in words.spoken_of(word)


def test_metres_of_no_known_system_are_told():
    assert systems.told_metres([]) == (
        "they are metres of a map projection: name it, --datum EPSG:32651 say; "
    )
    one = systems.Fit("CN", "EPSG:32648", 1.0, None, 60)
    assert "--datum EPSG:32648; " in systems.told_metres([one])


def test_encodings_that_differ_far_into_a_line_are_both_shown(db_settings, plain, tmp_path):
    file = tmp_path / "far.csv"
    frame = plain.drop(columns="firm_name").rename(columns={"lon": "Längengrad"})
    file.write_bytes(("x" * 60 + "," + frame.to_csv()).encode("cp1252"))
    with pytest.raises(CoaggError, match=r"may be in cp1252 or .*\(cp1252 '.*Längengrad"):
        inspect_file(db_settings, file)


def test_a_workbook_whose_parts_begin_before_it_is_damaged(db_settings, tmp_path):
    data = bytearray((STRANGERS / "sheets_notes_first.xlsx").read_bytes())
    entry = data.rindex(b"PK\x05\x06")  # the end of the directory says where it begins
    data[entry + 16 : entry + 20] = (len(data)).to_bytes(4, "little")
    file = tmp_path / "cut.xlsx"
    file.write_bytes(bytes(data))
    with pytest.raises(CoaggError, match="is a damaged or truncated xlsx"):
        inspect_file(db_settings, file)
