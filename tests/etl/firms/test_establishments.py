"""Several rows of a firm in a year: plants at points of their own, or repeats."""

from pathlib import Path

from coagg import database
from coagg.etl.firms.load import CleaningSettings, load_firms

CASE = Path(__file__).parents[2] / "data" / "strangers" / "establishments.csv"


def test_a_plant_is_a_point(db_settings):
    report = load_firms(db_settings, CASE, 2004, layout="demo")
    assert (report.rows_clean, report.reasons) == (24, {})
    assert report.flags["establishment"] == 24
    assert "shared_id" not in report.flags
    with database.connect(db_settings) as connection:
        found = connection.execute(
            "SELECT count(DISTINCT (lon, lat)), count(DISTINCT firm_id) FROM clean.firm"
        ).fetchone()
    assert found == (24, 8)


def test_plants_can_be_refused_as_repeats(db_settings):
    choice = CleaningSettings(establishments="repeats")
    report = load_firms(db_settings, CASE, 2004, layout="demo", cleaning=choice)
    assert (report.rows_clean, report.reasons) == (8, {"duplicate_id": 16})
    assert "establishment" not in report.flags
    # another choice is another load
    assert load_firms(db_settings, CASE, 2004, layout="demo", accept="plants").rows_clean == 24


def test_a_row_at_the_same_point_is_a_repeat(db_settings, tmp_path):
    header, first, *rows = CASE.read_text(encoding="utf-8").splitlines()
    near = first.replace("120.128605,30.234317", "120.1286051,30.2343169")  # a centimetre
    file = tmp_path / "twice.csv"
    file.write_text("\n".join([header, first, *rows, first, near]), encoding="utf-8")
    report = load_firms(db_settings, file, 2004, layout="demo")
    assert (report.rows_clean, report.reasons) == (24, {"duplicate_id": 2})
    assert report.facts["examples"] == {"duplicate_id": "row 25, firm id 012345671 repeats row 1"}


def test_the_choice_is_an_option(run_coagg):
    words = ("load", "firms", CASE, "--survey-year", "2004", "--layout", "demo")
    code, out, _ = run_coagg(*words, "--establishments", "repeats")
    assert (code, "duplicate_id" in out) == (0, True)
    code, out, _ = run_coagg(*words)
    assert (code, "establishment" in out, "duplicate_id" in out) == (0, True, False)
