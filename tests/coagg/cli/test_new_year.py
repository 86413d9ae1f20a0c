"""A new year at the command line: looked at, tried, stopped, taken with a reason, withdrawn."""

import json

import pytest

from coagg import database

HEADER = "firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\n"
FINE = "000000{n:03d},firm {n},5101,3610,100,10,104.0{n:03d}1,30.6{n:03d}1\n"


@pytest.fixture
def call(run_coagg):
    """Run a command; its standard output, or its standard error where it fails."""

    def run(*words, code=0):
        returned, out, err = run_coagg(*words)
        assert returned == code, err
        return err if code else out

    return run


@pytest.fixture
def files(tmp_path):
    for name, rows in (("whole", 400), ("cut", 30)):
        lines = "".join(FINE.format(n=n) for n in range(rows))
        (tmp_path / f"{name}.csv").write_text(HEADER + lines)
    return tmp_path


def firms(settings):
    with database.connect(settings) as connection:
        return connection.execute("SELECT count(*) FROM clean.firm").fetchone()[0]


def test_a_year_from_the_first_look_to_its_withdrawal(db_settings, call, files):
    year = ("--survey-year", 2013, "--layout", "demo", "--datum", "wgs84")
    call("load", "firms", files / "whole.csv", *year)
    found = json.loads(call("inspect", files / "cut.csv", *year, "--json"))
    assert found["taken"] is False
    assert found["findings"][0]["measure"] == "rows_clean"
    measures = {row["measure"]: row for row in found["measures"]}
    assert measures["rows_clean"]["this_file"] == 30
    assert measures["rows_clean"]["replaced"] == 400
    tried = json.loads(call("load", "firms", files / "cut.csv", *year, "--dry-run", "--json"))
    assert tried["dry_run"]
    stopped = call("load", "firms", files / "cut.csv", *year, code=2)
    assert stopped.count("\n") == 1
    assert firms(db_settings) == 400
    call("load", "firms", files / "cut.csv", *year, "--accept", "closed")
    assert firms(db_settings) == 30
    listed = call("unload", "firms", "--survey-year", 2013, "--dry-run", "--json")
    assert json.loads(listed)["rows"] == [{"table": "clean.firm", "rows": 30}]
    assert firms(db_settings) == 30
    call("unload", "firms", "--survey-year", 2013, "--why", "wrong file")
    assert firms(db_settings) == 0
    again = call("unload", "firms", "--survey-year", 2013, code=2)
    assert "nothing of CN 2013 is there; loaded are none" in again


def test_reference_data_are_tried_without_being_kept(db_settings, call, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("agglomeration_code,name,prefecture_code,assigned\nA,First,5101,true\n")
    count = "SELECT count(*) FROM reference.agglomeration WHERE country = 'CN'"
    with database.connect(db_settings) as connection:
        before = connection.execute(count).fetchone()
    told = call("load", "reference", "--agglomerations", own, "--dry-run")
    assert "CN agglomerations 1" in told
    with database.connect(db_settings) as connection:
        assert connection.execute(count).fetchone() == before
    call("load", "reference", "--agglomerations", own)
    with database.connect(db_settings) as connection:
        assert connection.execute(count).fetchone() == (1,)


def test_pruning_needs_a_list(call):
    assert "--inputs FILE" in call("rebuild", "--prune", code=2)
