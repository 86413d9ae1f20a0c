import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.files.readers import TableFile, open_table
from coagg.etl.firms import layouts, organisation_codes
from coagg.etl.firms.load import load_firms
from coagg.etl.firms.rows import FIRM_SCHEMA, REFUSED_SCHEMA, firm_batches, scan

GOOD = {
    "firm_id": "123456788",
    "firm_name": "红星机械厂",
    "established_year": "1998",
    "place_code": "510104",
    "industry_code": "3661",
    "output": "1200",
    "employment": "35",
    "lon": "104.066512",
    "lat": "30.572301",
}
HEADERS = list(GOOD)
CODE_SETS = {
    "gbt4754_2002": {"36", "366", "3661", "06", "061", "0610"},
    "gbt4754_2011": {"36", "366", "3660", "381", "06", "061", "0610"},
    "uksic2007": {"33", "331", "33190", "01", "011", "01110"},
}


def in_datum(lon: float, lat: float, datum: str) -> tuple[float, float]:
    """A WGS-84 point as a map in that datum gives it."""
    if datum == "wgs84":
        return lon, lat
    gcj = coordinates.wgs84_to_gcj02(lon, lat)
    east, north = gcj if datum == "gcj02" else coordinates.gcj02_to_bd09(*gcj)
    return float(east), float(north)


class Loaded:
    """A file read to its end."""

    def __init__(self, table: TableFile, survey_year: int, layout: str, **options: Any) -> None:
        country, datum = options.get("country", "CN"), options.get("datum", "wgs84")
        mapping = layouts.load_layout(layout).map(table.headers, survey_year)
        self.scan = scan(table, mapping, survey_year, CODE_SETS, country)
        self.batches = list(
            firm_batches(
                table, mapping, survey_year, datum=datum, country=country, scan=self.scan,
                rows=options.get("rows", 50_000),
            )
        )  # fmt: skip
        self.clean = pa.concat_tables([b.clean for b in self.batches]).to_pylist()
        self.refused = pa.concat_tables([b.refused for b in self.batches]).to_pylist()
        for batch in self.batches:
            assert batch.clean.schema == FIRM_SCHEMA
            assert batch.refused.schema == REFUSED_SCHEMA
            assert batch.rows_read == batch.clean.num_rows + batch.refused.num_rows


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def load_rows(*changes: dict[str, str], year: int = 2005, **options: Any) -> Loaded:
        """Load rows that are GOOD but for the changes."""
        headers = [*HEADERS, *sorted({name for row in changes for name in row} - set(HEADERS))]
        path = tmp_path / "firms.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, headers, restval="")
            writer.writeheader()
            writer.writerows({**GOOD, **row} for row in changes)
        layout = options.pop("layout", "demo")
        return Loaded(open_table(path), year, str(layout), **options)

    return load_rows


def test_a_good_row_is_typed(load):
    loaded = load({})
    (firm,) = loaded.clean
    assert loaded.refused == []
    assert firm == {
        "row_number": 1,
        "firm_id": "123456788",
        "firm_name": "红星机械厂",
        "legal_representative": None,
        "phone": None,
        "postal_code": None,
        "address": None,
        "main_product": None,
        "established_year": 1998,
        "place_code": "510104",
        "industry_code": "3661",
        "industry": "366",
        "output_thousand_cny": 1200.0,
        "employment": 35,
        "source_lon": 104.066512,
        "source_lat": 30.572301,
        "lon": 104.066512,
        "lat": 30.572301,
        "flags": [],
        "unreadable": None,
    }


@pytest.mark.parametrize(
    ("lon", "lat", "reason"),
    [
        ("", "30.5", "coordinates_missing"),
        ("NULL", "-", "coordinates_missing"),
        ("104.1", "　", "coordinates_missing"),
        ("东经104度", "30.5", "coordinates_unreadable"),
        ("104.1", "#N/A", "coordinates_unreadable"),
        ("0", "0", "coordinates_zero"),
        ("0.0", "30.5", "coordinates_zero"),
        ("104.1", "0", "coordinates_zero"),
        ("nan", "30.5", "coordinates_impossible"),
        ("104.1", "inf", "coordinates_impossible"),
        ("104066512", "30.572301", "coordinates_impossible"),
        ("104.066512", "3057230", "coordinates_impossible"),
        ("104.066512", "95.1", "coordinates_impossible"),
        ("-0.1276", "51.5072", "outside_country"),
        ("151.2093", "-33.8688", "outside_country"),
    ],
)
def test_rows_without_a_point_are_refused_as_received(load, lon, lat, reason):
    loaded = load({}, {"lon": lon, "lat": lat}, {})
    assert [firm["row_number"] for firm in loaded.clean] == [1, 3]
    (refused,) = loaded.refused
    assert (refused["row_number"], refused["reason"]) == (2, reason)
    assert json.loads(refused["received"]) == {**GOOD, "lon": lon or None, "lat": lat}
    assert refused["detail"].startswith("lon ")


def test_swapped_axes_are_put_right(load):
    (firm,) = load({"lon": "30.572301", "lat": "104.066512"}).clean
    assert (firm["lon"], firm["lat"]) == (104.066512, 30.572301)
    assert (firm["source_lon"], firm["source_lat"]) == (104.066512, 30.572301)
    assert firm["flags"] == ["axes_swapped"]


@pytest.mark.parametrize(
    ("lon", "lat", "low"),
    [
        ("104.066", "30.572", False),
        ("104.06", "30.572301", True),
        ("104.066512", "30", True),
        ("104.100", "30.200", False),
        ("１０４．０６６", "30.572", False),
    ],
)
def test_low_precision_is_told_from_the_text(load, lon, lat, low):
    (firm,) = load({"lon": lon, "lat": lat}).clean
    assert firm["flags"] == (["low_precision"] if low else [])


@pytest.mark.parametrize("datum", coordinates.DATUMS)
def test_the_datum_is_taken_out(load, datum):
    lon, lat = in_datum(104.066512, 30.572301, datum)
    (firm,) = load({"lon": f"{lon:.8f}", "lat": f"{lat:.8f}"}, datum=datum).clean
    assert firm["lon"] == pytest.approx(104.066512, abs=2e-8)
    assert firm["lat"] == pytest.approx(30.572301, abs=2e-8)
    assert firm["source_lon"] == pytest.approx(lon, abs=2e-8)


def test_zero_is_no_place_before_the_datum_is_taken_out(load):
    loaded = load({"lon": "0", "lat": "0"}, {}, datum="bd09")
    assert [row["reason"] for row in loaded.refused] == ["coordinates_zero"]


@pytest.mark.parametrize("word", ["", ".", "-", "—", "NULL", "NA", " . ", "nan"])
def test_words_for_missing_are_no_fault(load, word):
    (firm,) = load({"output": word, "employment": word}).clean
    assert (firm["output_thousand_cny"], firm["employment"], firm["flags"]) == (None, None, [])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,200", 1200),
        ("1,345,678", 1345678),
        ("１２００", 1200),
        ("1，200", 1200),
        (" 1200.0 ", 1200),
        ("+1200", 1200),
        ("1.2e3", 1200),
    ],
)
def test_numbers_are_read(load, text, number):
    (firm,) = load({"output": text, "employment": text}).clean
    assert (firm["output_thousand_cny"], firm["employment"]) == (number, number)
    assert firm["flags"] == []


@pytest.mark.parametrize("text", ["约1200", "12,34", "1 200", "inf", "12..5", "1,200,"])
def test_text_where_a_number_belongs_is_kept_and_flagged(load, text):
    first, second = load({"output": text, "employment": text}, {}).clean
    assert (first["output_thousand_cny"], first["employment"]) == (None, None)
    assert first["flags"] == ["output_unreadable", "employment_unreadable"]
    assert json.loads(first["unreadable"]) == {"output": text, "employment": text}
    assert (second["flags"], second["unreadable"]) == ([], None)


@pytest.mark.parametrize(
    ("text", "flag"),
    [("12.5", "unreadable"), ("-5", "out_of_bounds"), ("3000000000", "out_of_bounds"),
     ("1e9", "out_of_bounds"), ("7000001", "out_of_bounds"), ("7000000", None)],
)  # fmt: skip
def test_what_cannot_be_a_number_of_people_is_none(load, text, flag):
    (firm,) = load({"employment": text}).clean
    assert firm["flags"] == ([f"employment_{flag}"] if flag else [])
    assert firm["employment"] == (None if flag else 7_000_000)
    assert json.loads(firm["unreadable"] or "{}") == ({"employment": text} if flag else {})


@pytest.mark.parametrize("text", ["-1", "-5", "1e18", "10000000001"])
def test_what_no_firm_puts_out_is_none(load, text):
    first, second = load({"output": text}, {"output": "10000000000"}).clean
    assert (first["output_thousand_cny"], first["flags"]) == (None, ["output_out_of_bounds"])
    assert json.loads(first["unreadable"]) == {"output": text}
    assert (second["output_thousand_cny"], second["flags"]) == (1e10, [])


def test_absurd_values_are_flagged_and_in_no_sum(db_settings):
    case = Path(__file__).parents[2] / "data" / "strangers" / "files_absurd_values.csv"
    report = load_firms(db_settings, case, 2013, layout="demo")
    assert report.rows_clean == 60
    assert (report.flags["output_out_of_bounds"], report.flags["employment_out_of_bounds"]) == (
        2,
        2,
    )
    with database.connect(db_settings) as connection:
        sums = connection.execute(
            "SELECT count(output_thousand_cny), max(output_thousand_cny), max(employment) "
            "FROM clean.firm"
        ).fetchone()
    assert sums == (58, 3212.5, 79)


@pytest.mark.parametrize(
    ("unit", "thousand"),
    [("cny", 1.2), ("thousand_cny", 1200), ("ten_thousand_cny", 12_000), ("", 1200)],
)
def test_units_of_output(load, tmp_path, unit, thousand):
    text = layouts.load_layout("demo").path.read_text(encoding="utf-8")
    layout = tmp_path / "mine.csv"
    layout.write_text(text.replace("@output_unit,,thousand_cny", f"@output_unit,,{unit}"))
    (firm,) = load({}, layout=layout).clean
    assert firm["output_thousand_cny"] == pytest.approx(thousand)


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("14041998", 1998),
        ("04141998", 1998),
        ("19980414", 1998),
        ("14/04/1998", 1998),
        ("1998", 1998),
        ("1998.0", 1998),
        ("1998年", 1998),
        ("１９９８", 1998),
        ("199805", 1998),
    ],
)
def test_founding_years(load, text, year):
    (firm,) = load({"established_year": text}).clean
    assert (firm["established_year"], firm["flags"]) == (year, [])


@pytest.mark.parametrize("text", ["不详", "98", "0", "9999", "19981", "14141998", "99999999"])
def test_no_founding_year(load, text):
    (firm,) = load({"established_year": text}).clean
    assert (firm["established_year"], firm["flags"]) == (None, ["established_year_unreadable"])
    assert json.loads(firm["unreadable"]) == {"established_year": text}


@pytest.mark.parametrize(
    ("text", "code", "flags"),
    [
        ("5101", "5101", []),
        (" 510104 ", "510104", []),
        ("510104.0", "510104", []),
        ("0", None, ["place_missing"]),
        ("", None, ["place_missing"]),
        ("NULL", None, ["place_missing"]),
        ("3", "3", []),
    ],
)
def test_place_codes(load, text, code, flags):
    (firm,) = load({"place_code": text}).clean
    assert (firm["place_code"], firm["flags"]) == (code, flags)


@pytest.mark.parametrize(
    ("text", "code", "industry", "flags"),
    [
        ("0610", "0610", "061", []),
        ("610", "0610", "061", ["industry_zero_restored"]),
        ("", None, None, ["industry_missing"]),
        ("9999", "9999", None, ["industry_unknown"]),
        ("机械", "机械", None, ["industry_unknown"]),
    ],
)
def test_industries(load, text, code, industry, flags):
    firm = load({"industry_code": text}, {}, {}).clean[0]
    assert (firm["industry_code"], firm["industry"], firm["flags"]) == (code, industry, flags)


def test_a_division_beside_the_code_confirms_the_zero(load):
    rows = [{"industry_code": "610", "industry_division": d} for d in ("61", "36")]
    first, second = load(*rows, *[{"industry_code": "381"}] * 4).clean[:2]
    assert (first["industry"], first["flags"]) == ("061", ["industry_zero_restored"])
    assert (second["industry"], second["flags"]) == (None, ["industry_unknown"])


def test_the_classification_is_detected_from_the_whole_file(load):
    loaded = load({}, {}, {"industry_code": "610"}, year=2013)
    assert loaded.scan.classification == "gbt4754_2002"
    assert loaded.scan.shares == {"gbt4754_2002": 1.0, "gbt4754_2011": pytest.approx(1 / 3)}
    assert loaded.scan.industry_codes == {"3661": 2, "0610": 1}
    tied = load({"industry_code": "0610"}, {"industry_code": "9999"})
    assert tied.scan.classification is None
    assert [firm["industry"] for firm in tied.clean] == ["061", "999"]


def test_the_hint_of_the_layout_settles_a_tie(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("行业代码,经度,纬度\n0610,104.123,30.123\n", encoding="utf-8")
    loaded = Loaded(open_table(path), 2013, "survey")
    assert loaded.scan.classification == "gbt4754_2011"


def test_rows_of_another_year_are_refused(load):
    loaded = load(
        {"survey_year": "2005"}, {"survey_year": "2004"}, {"survey_year": "2005.0"},
        {"survey_year": ""}, {"survey_year": "2005年"},
    )  # fmt: skip
    assert [firm["row_number"] for firm in loaded.clean] == [1, 3, 4, 5]
    (refused,) = loaded.refused
    assert refused["reason"] == "survey_year_differs"
    assert refused["detail"] == "survey_year '2004'"
    assert loaded.scan.survey_years == {2005: 3, 2004: 1}


def test_a_file_of_another_year_is_refused(load):
    rows = [{"survey_year": "2004"}] * 11 + [{"survey_year": "2005"}]
    with pytest.raises(
        CoaggError, match=r"no file of 2005: .* survey_year says 2004 in 11 rows, 2005 in 1 rows"
    ):
        load(*rows)
    assert len(load(*rows, year=2004).clean) == 11


def test_malformed_rows_are_refused_as_received(tmp_path):
    path = tmp_path / "x.csv"
    good = "0610,104.123,30.123\n"
    path.write_bytes(
        b"industry_code,lon,lat\n" + good.encode() * 8 + b"0610,104.1\n0610,\0,1\n0610,\xff,1\n"
        + good.encode()
    )  # fmt: skip
    loaded = Loaded(open_table(path), 2005, "demo")
    assert [firm["row_number"] for firm in loaded.clean] == [*range(1, 9), 12]
    assert [(r["row_number"], r["reason"]) for r in loaded.refused] == [
        (9, "row_malformed"),
        (10, "row_has_nul"),
        (11, "row_undecodable"),
    ]
    assert [json.loads(r["received"]) for r in loaded.refused] == [
        {"line": "0610,104.1"},
        {"line": "0610,␀,1"},
        {"line": "0610,\\xff,1"},
    ]


def test_flags_of_a_row_come_together(load):
    (firm, _) = load(
        {
            "lon": "30.5",
            "lat": "104.06",
            "place_code": "0",
            "industry_code": "610",
            "output": "x",
            "employment": "y",
            "established_year": "z",
        },
        {},
    ).clean
    assert firm["flags"] == [
        "axes_swapped",
        "low_precision",
        "place_missing",
        "industry_zero_restored",
        "output_unreadable",
        "employment_unreadable",
        "established_year_unreadable",
    ]
    assert json.loads(firm["unreadable"]) == {
        "output": "x",
        "employment": "y",
        "established_year": "z",
    }


def test_columns_the_file_lacks_are_null_without_a_flag(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("industry_code,lon,lat\n0610,104.123,30.123\n")
    (firm,) = Loaded(open_table(path), 2005, "demo").clean
    filled = {name for name, value in firm.items() if value not in (None, [])}
    assert filled == {
        "row_number", "industry_code", "industry", "lon", "lat", "source_lon", "source_lat",
    }  # fmt: skip


def test_text_is_trimmed(load):
    firm = load({"firm_name": "　红星厂 ", "firm_id": " 00012345X "}).clean[0]
    assert (firm["firm_name"], firm["firm_id"]) == ("红星厂", "00012345X")


def test_batches_do_not_show(load):
    rows = [{"firm_name": f"厂{n}", "lon": "" if n % 5 == 0 else GOOD["lon"]} for n in range(100)]
    whole, small = load(*rows), load(*rows, rows=7)
    assert len(small.batches) == 15
    assert whole.clean == small.clean
    assert whole.refused == small.refused


# Firm ids


def test_zeros_of_organisation_codes_are_put_back(load):
    valid = next(c for c in (f"00123456{d}" for d in range(10)) if
                 organisation_codes.is_organisation_code(c))  # fmt: skip
    wrong = str((int(valid[-1]) + 1) % 10)
    short = [{"firm_id": valid.lstrip("0")}, {"firm_id": valid[2:-1] + wrong}]
    whole = [{"firm_id": "123456788"}] * 30
    loaded = load(*short, *whole)
    assert loaded.scan.organisation_codes
    assert [firm["firm_id"] for firm in loaded.clean[:2]] == [valid, valid[2:-1] + wrong]
    other = load(*short, *[{"firm_id": str(n)} for n in range(30)])
    assert not other.scan.organisation_codes
    assert other.clean[0]["firm_id"] == valid.lstrip("0")


# Countries and datums


def test_british_rows(load):
    loaded = load(
        {"lon": "0", "lat": "51.4779", "industry_code": "1110", "place_code": "TLE3"},
        {"lon": "-1.4701", "lat": "53.3811", "industry_code": "33190"},
        {"lon": "53.381", "lat": "-1.470", "industry_code": "33190"},
        {"lon": "0", "lat": "0", "industry_code": "33190"},
        {"industry_code": "33190"},
        country="GB",
    )
    assert [firm["row_number"] for firm in loaded.clean] == [1, 2, 3]
    assert loaded.scan.classification == "uksic2007"
    assert [firm["industry"] for firm in loaded.clean] == ["011", "331", "331"]
    assert [firm["flags"] for firm in loaded.clean] == [
        ["low_precision", "industry_zero_restored"],
        [],
        ["axes_swapped"],
    ]
    assert [r["reason"] for r in loaded.refused] == ["coordinates_zero", "outside_country"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"country": "FR"}, "country 'FR' is not known: use one of CN, ES, GB, or make"),
        ({"datum": "cgcs2000"}, "unknown datum 'cgcs2000'"),
        ({"country": "GB", "datum": "bd09"}, "bd09 is used in China only"),
    ],
)
def test_impossible_settings_are_said(load, options, said):
    with pytest.raises(CoaggError, match=said):
        load({}, **options)
