"""What commands say: tables that are never cut in a pipe, JSON that a program reads, names."""

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
from support.made_panel import put_panel

from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.analysis.show import catalogue
from coagg.console import Answer
from coagg.errors import CoaggError

PROGRAM = [sys.executable, "-c", "from coagg.cli import main; main()"]


@pytest.fixture
def measured(reference_db, put_firms, db_settings):
    """A year of 120 firms in CY with an index of four industries."""
    rng = np.random.default_rng(3)
    industry = rng.choice(["131", "132", "352", "261"], 120)
    put_firms(
        reference_db, 2013, 104 + rng.normal(0, 0.2, 120), 30.6 + rng.normal(0, 0.2, 120), industry
    )
    measure(db_settings, IndexRequest(2013, IndexSettings(draws=40, seed=1, method="exact")))
    return db_settings


@pytest.fixture
def say_json(run_coagg):
    """Run a command with --json; its document, standard output being nothing else."""

    def run(*words, code=0):
        returned, out, err = run_coagg(*words, "--json")
        assert returned == code
        assert all(line.startswith("note: ") for line in err.splitlines())
        document = json.loads(out)
        assert all(key == key.lower() and " " not in key for key in document)
        return document

    return run


def test_an_answer_is_typed_and_what_is_missing_is_null(capsys):
    with Answer(as_json=True) as answer:
        answer.say("for readers", firms=np.int64(3), share=float("nan"), years=(2010, 2013))
        answer.table("pairs", "Pairs", (("a", "{a:.1f}"),), [{"a": np.float64(0.5), "b": None}])
    assert json.loads(capsys.readouterr().out) == {
        "firms": 3, "share": None, "years": [2010, 2013], "pairs": [{"a": 0.5, "b": None}],
    }  # fmt: skip


def test_an_answer_that_fails_prints_no_half_a_document(capsys):
    def fail():
        with Answer(as_json=True) as answer:
            answer.say("", firms=3)
            raise CoaggError("no")

    with pytest.raises(CoaggError, match="no"):
        fail()
    assert capsys.readouterr().out == ""


def test_json_of_what_looks(measured, say_json):
    pairs = say_json("show", "pairs", "--agglomeration", "CY", "--top", "2")
    assert (pairs["agglomeration"], pairs["survey_year"], pairs["all"]) == ("CY", 2013, 12)
    assert len(pairs["pairs"]) == 2
    assert isinstance(pairs["pairs"][0]["index"], float)
    assert pairs["pairs"][0]["from_firms"] > 0
    assert say_json("show", "concordance")["sector_maps"] == []
    (measurement,) = say_json("show", "measurements")["measurements"]
    assert (measurement["cells"], measurement["pairs"], measurement["draws"]) == (1, 12, 40)
    assert measurement["classification"] is None
    checks = say_json("check", code=1)["checks"]  # the year was put in without a ledger row
    assert {type(row["problems"]) for row in checks} == {int}
    assert sum(row["problems"] > 0 for row in checks) >= 1
    assert say_json("db", "status")["state"] == "running"
    assert {row["layout"] for row in say_json("layouts")["layouts"]} >= {"demo", "survey"}


def test_json_of_what_measures(measured, say_json):
    again = say_json("index", "--survey-year", "2013", "--draws", "40", "--seed", "1",
                     "--method", "exact")  # fmt: skip
    assert (again["pairs_done"], again["pairs_skipped"]) == (0, 12)
    assert again["cells"] == [
        {"agglomeration_code": "CY", "firms": 120, "industries": 4, "pairs": 12}
    ]
    compared = say_json("compare", "--survey-year", "2013", "--draws", "20")
    (cell,) = compared["correlations"]
    assert (cell["agglomeration_code"], cell["pairs"]) == ("CY", 12)
    assert compared["draws"] == 20


def test_json_of_loads_and_matches(say_json, tmp_path):
    file = tmp_path / "firms.csv"
    rows = [f"{n:09d},firm {n},5101,3610,100,10,104.0{n}231,30.6{n}231" for n in range(1, 5)]
    head = "firm_id,firm_name,place_code,industry_code,output,employment,lon,lat"
    file.write_text("\n".join([head, *rows, ",,5101,3610,1,1,,"]) + "\n")
    for year in ("2010", "2013"):
        loaded = say_json("load", "firms", file, "--survey-year", year, "--layout", "demo",
                          "--datum", "wgs84")  # fmt: skip
        counts = {row["what"]: row["rows"] for row in loaded["rows"] if row["name"] is None}
        assert counts == {"read": 5, "refused": 1, "clean": 4}
        assert loaded["unchanged"] is False
    matched = say_json("match", "firms")
    assert (matched["rows"], matched["firms"]) == (8, 4)
    assert sum(stage["links"] for stage in matched["stages"]) == 4
    assert "ES" in " ".join(say_json("load", "reference")["done"])  # every country with a folder
    assert say_json("load", "reference") == {"done": []}
    steps = say_json("rebuild", "--dry-run")["steps"]
    assert steps[0]["step"] == "match firms"
    # the firms were matched just now; nothing was measured
    assert steps[0]["state"] == "unchanged"
    assert {step["state"] for step in steps[1:]} == {"would be done"}


def test_json_of_estimates(db_settings, say_json):
    with database.connect(db_settings) as connection:
        put_panel(connection)
    (table,) = say_json("estimate", "table1")["tables"]
    assert (table["table"], table["state"], table["columns"]) == ("table1", "estimated", 4)
    stored = say_json("tables", "table1")
    assert stored["stale"] == stored["lacking"] == []
    assert isinstance(stored["tables"][0]["columns"][0]["main"][0]["coefficient"], float)


def test_no_table_is_cut_in_a_pipe_however_narrow_the_terminal_was(measured, run_coagg):
    words = ("show", "pairs", "--agglomeration", "CY")
    code, out, _ = run_coagg(*words, COLUMNS="40")
    assert code == 0
    assert "…" not in out
    assert "352 Machinery for chemicals, wood and non-metal processing" in out
    assert out.splitlines()[0].endswith("by index, then by distance from chance")


def test_a_narrow_terminal_cuts_words_and_no_numbers(measured):
    """As seen on a real terminal of 70 columns."""
    master, slave = pty.openpty()
    environment = {
        **os.environ, "COAGG_DATABASE_URL": database.conninfo(measured), "COLUMNS": "70",
        "TERM": "xterm", "NO_COLOR": "1",
    }  # fmt: skip
    words = ["show", "pairs", "--agglomeration", "CY", "--top", "3"]
    shown = subprocess.Popen([*PROGRAM, *words], stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    read = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # how a terminal says that its other end is closed
            break
        if not block:
            break
        read += block
    os.close(master)
    assert shown.wait() == 0
    lines = read.decode().splitlines()
    rows = [line for line in lines if line.startswith("│")]
    assert "…" in rows[0]
    assert all(len(line) <= 70 for line in rows)
    assert all(line.split("│")[5].strip().count(".") == 1 for line in rows)


def test_codes_have_names_beside_them(measured, run_coagg):
    code, out, err = run_coagg("show", "agglomerations")
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if "│ CY " in line]
    assert "Chengdu-Chongqing" in line
    assert "2013" in line
    code, out, _ = run_coagg("show", "industries", "--classification", "gbt4754_2002",
                             "--search", "grain")  # fmt: skip
    assert code == 0
    assert "131" in out
    assert "Manufacturing" in out
    code, out, _ = run_coagg("show", "measurements")
    assert "exact, 40 draws, seed 1" in out
    assert "each year's own" in out


def test_industries_are_those_of_their_level_and_search(reference_db):
    three = catalogue.industries(reference_db, "gbt4754_2002")
    assert {len(row["industry_code"]) for row in three} == {3}
    assert [row["industry_code"] for row in catalogue.industries(
        reference_db, "gbt4754_2002", "13", level=2
    )] == ["13"]  # fmt: skip
    with pytest.raises(CoaggError, match="classification 'nace' is unknown; known: gbt4754_2002"):
        catalogue.industries(reference_db, "nace")
    with pytest.raises(CoaggError, match="no industry of 3 characters like 'unicorns'"):
        catalogue.industries(reference_db, "gbt4754_2002", "unicorns")


def test_nothing_measured_says_what_to_call(run_coagg):
    assert "coagg index --survey-year YEAR" in run_coagg("show", "measurements")[1]


def test_an_old_schema_is_one_line(empty_settings, run_coagg):
    with database.connect(empty_settings) as connection:
        connection.execute("DROP VIEW ops.checks")
    code, out, err = run_coagg("check", COAGG_DATABASE_URL=database.conninfo(empty_settings))
    assert (code, out) == (2, "")
    assert err.startswith("coagg: the data base is older than this program")
    assert err.endswith("coagg db upgrade\n")
    assert err.count("\n") == 1


def test_version_and_completion(run_coagg):
    code, out, _ = run_coagg("--version")
    assert (code, out) == (0, "coagg 0.1.0\n")
    code, out, _ = run_coagg(
        _COAGG_COMPLETE="complete_bash", COMP_WORDS="coagg show p", COMP_CWORD="2"
    )
    assert (code, out.split()) == (0, ["pairs"])
