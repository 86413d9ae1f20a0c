"""Firm ids of strangers' files: judged before they are used."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from coagg import database
from coagg.etl.firms import ids, layouts
from coagg.etl.firms.load import load_firms
from coagg.etl.matching.firms import match_firms

CASES = Path(__file__).parents[2] / "data" / "strangers"


def judged(*received, **options):
    """Each id with the first letter of what was said of it."""
    found = ids.judge(pa.array(received, pa.string()), **options)
    said = zip(found.placeholder, found.damaged, found.zero_restored, strict=True)
    names = ("placeholder", "damaged", "zero")
    words = [next((n for n, is_so in zip(names, row, strict=True) if is_so), None) for row in said]
    return list(zip(found.ids.to_pylist(), words, strict=True))


@pytest.mark.parametrize(
    "word",
    ["0", "000000000", "n/a", "N/a", "#N/A", "不详", "无", "unknown", "Not  Available", "？", "nan",
     "999999999", "XXXX", "#REF!", "-1", "＃N/A", "sin dato", "\u200bn/a"],
)  # fmt: skip
def test_a_placeholder_is_no_id(word):
    assert judged(word, "123456788") == [(None, "placeholder"), ("123456788", None)]


@pytest.mark.parametrize("text", ["01258324X", "NA000123", "0012", "SC123456", "No. 5", "杭A-1"])
def test_an_id_is_no_placeholder(text):
    assert judged(text) == [(text, None)]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("9.13301E+17", (None, "damaged")),
        ("1.00000E+08", (None, "damaged")),
        ("9,13301E+17", (None, "damaged")),
        ("9.1e17", (None, "damaged")),
        ("1.2345678E+07", ("12345678", None)),
        ("5E10", ("5E10", None)),  # may be an id of letters and digits
        ("1.234E+02", ("1.234E+02", None)),
    ],
)
def test_scientific_notation_is_an_id_only_with_all_its_digits(text, known):
    assert judged(text) == [known]


@pytest.mark.parametrize(
    "text",
    ["０３１０００００", "03100000\u200b", "\ufeff03100000", "'03100000", "03\u200d100000",
     "3100000.0", "３１０００００"],
)  # fmt: skip
def test_dress_does_not_make_another_id(text):
    ((found, _),) = judged(text, width=8)
    assert found == "03100000"


def test_zeros_are_put_back_to_the_width_of_the_register():
    assert judged("3100000", "SC12345", "03100000", "123456789", width=8) == [
        ("03100000", "zero"), ("SC12345", None), ("03100000", None), ("123456789", None),
    ]  # fmt: skip
    assert judged("3100000") == [("3100000", None)]


@pytest.mark.parametrize("keep", [lambda n: n // 1000 * 1000, lambda n: int(float(n))])
def test_long_numbers_that_a_program_cut_are_no_ids(keep):
    whole = [913301000000000123 + 7919 * n for n in range(50)]
    for numbers, cut in ((whole, False), ([keep(n) for n in whole], True)):
        counts = ids.IdCounts()
        received = pa.array([*map(str, numbers), "913301MA2ABCDEFG1X"])
        counts.add(received)
        assert counts.cut is cut
        found = ids.judge(received, cut=counts.cut)
        assert found.damaged.sum() == (50 if cut else 0)
        assert found.ids.null_count == (50 if cut else 0)


def stored(settings, columns, country="CN"):
    with database.connect(settings) as connection:
        return connection.execute(
            f"SELECT {columns} FROM clean.firm WHERE country = %s ORDER BY survey_year, row_number",
            (country,),
        ).fetchall()


def test_rows_with_placeholders_stay(db_settings):
    report = load_firms(db_settings, CASES / "ids_placeholder.csv", 2004, layout="demo")
    assert (report.rows_clean, report.reasons) == (24, {})
    assert report.flags["firm_id_placeholder"] == 16
    assert "shared_id" not in report.flags
    rows = stored(db_settings, "firm_id, flags")
    assert [row[0] is None for row in rows] == [False] * 8 + [True] * 16


def test_rows_with_damaged_ids_stay_with_what_was_received(db_settings):
    report = load_firms(db_settings, CASES / "ids_scientific.csv", 2004, layout="demo")
    assert (report.rows_clean, report.flags["firm_id_damaged"]) == (24, 24)
    rows = stored(db_settings, "firm_id, unreadable")
    assert all(row[0] is None for row in rows)
    assert {json.dumps(row[1]) for row in rows} == {'{"firm_id": "9.13301E+17"}'}


def test_placeholders_and_damaged_ids_link_nobody_over_the_years(db_settings, tmp_path):
    text = (CASES / "ids_placeholder.csv").read_text(encoding="utf-8")
    header, *rows = text.splitlines()
    names = iter(range(1000))
    for year in (2004, 2005):
        file = tmp_path / f"{year}.csv"
        # the rows with placeholders, under other names, industries and founding years each year
        lines = [row.split(",") for row in rows[8:]]
        for line in lines:
            line[1], line[6], line[-1] = f"企业{next(names)}", "", str(year)
        file.write_text("\n".join([header, *map(",".join, lines)]), encoding="utf-8")
        load_firms(db_settings, file, year, layout="demo")
    found = match_firms(db_settings)
    assert (found.rows, found.firms, sum(found.links.values())) == (32, 32, 0)


def test_a_lost_zero_does_not_part_the_years_of_a_company(db_settings):
    for year in (2020, 2021):
        report = load_firms(db_settings, CASES / f"ids_uk_{year}.csv", year)
        assert report.rows_clean == 120
    assert report.flags["firm_id_zero_restored"] == 120
    assert {len(row[0]) for row in stored(db_settings, "firm_id", "GB")} == {8}
    found = match_firms(db_settings, "GB")
    assert (found.rows, found.firms, found.links["id"]) == (240, 120, 120)


def test_every_flag_of_a_row_has_a_meaning(reference_db):
    from coagg.etl.firms.rows import FLAGS

    known = {row[0] for row in reference_db.execute("SELECT flag FROM reference.flag")}
    assert known.issuperset(FLAGS)


def test_the_width_in_a_layout_is_a_number(tmp_path):
    text = layouts.load_layout("demo").path.read_text(encoding="utf-8")
    mine = tmp_path / "mine.csv"
    mine.write_text(text + "@id_digits,,many\n", encoding="utf-8")
    with pytest.raises(layouts.CoaggError, match=r"@id_digits of .* is 'many'"):
        layouts.load_layout(mine)
