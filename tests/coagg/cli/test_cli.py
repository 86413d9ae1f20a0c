"""The command line, run as a person runs it."""

import shutil

import numpy as np
import pytest

from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure


@pytest.fixture
def measured(reference_db, put_firms, db_settings):
    """A year of 200 firms in CY with an index of 12 industries."""
    rng = np.random.default_rng(3)
    industry = [f"{code:03d}" for code in rng.integers(130, 142, 200)]
    lon, lat = 104 + rng.normal(0, 0.2, 200), 30.6 + rng.normal(0, 0.2, 200)
    put_firms(reference_db, 2013, lon, lat, industry)
    measure(db_settings, IndexRequest(2013, IndexSettings(draws=40, seed=1, method="exact")))
    return db_settings


def test_show_pairs_names_industries(measured, run_coagg):
    code, out, err = run_coagg("show", "pairs", "--agglomeration", "CY", "--top", "5")
    assert (code, err) == (0, "")
    assert "CY 2013" in out
    assert "of 132 ordered pairs" in out
    assert "grain" in out.lower() or "feed" in out.lower() or "food" in out.lower()


def test_show_pairs_of_what_was_never_measured_says_what_was(measured, run_coagg):
    code, out, err = run_coagg("show", "pairs", "--agglomeration", "YRD")
    assert (code, out) == (2, "")
    assert err == (
        "coagg: no index of YRD; measured: CY 2013 (coagg index --survey-year ... measures)\n"
    )


def test_map_is_a_picture(measured, run_coagg, tmp_path):
    target = tmp_path / "map.png"
    code, _, err = run_coagg(
        "map", "--agglomeration", "CY", "--industry", "131", "--survey-year", "2013",
        "--out", target,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert target.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert target.stat().st_size > 20_000


def test_map_of_an_absent_industry_is_one_line(measured, run_coagg):
    code, _, err = run_coagg(
        "map", "--agglomeration", "CY", "--industry", "999", "--survey-year", "2013"
    )
    told = "codes are of gbt4754_2011; no classification has it"
    assert (code, err) == (2, f"coagg: industry 999 is not in CY 2013: {told}\n")


def test_index_twice_does_nothing_the_second_time(measured, run_coagg):
    words = ("index", "--survey-year", "2013", "--draws", "40", "--seed", "1", "--workers", "1",
             "--method", "exact")  # fmt: skip
    code, out, err = run_coagg(*words)
    assert (code, err) == (0, "")
    assert "0 ordered pairs measured" in out
    assert "132 pairs in 1 units unchanged, skipped" in out


def test_zero_draws_is_one_line(measured, run_coagg):
    code, _, err = run_coagg("index", "--survey-year", "2013", "--draws", "0")
    assert code == 2
    assert err.startswith("coagg: ")
    assert err.count("\n") == 1


def test_check_finds_what_is_wrong(measured, run_coagg, reference_db):
    code, out, _ = run_coagg("check")
    assert code == 1  # the year was put in without a ledger row
    assert "years whose clean rows differ from the ledger" in out
    reference_db.execute("DELETE FROM coagglomeration.unit")
    reference_db.execute("DELETE FROM clean.firm")
    reference_db.commit()
    code, out, _ = run_coagg("check")
    assert code == 0
    reference_db.execute("DELETE FROM reference.agglomeration_member")
    reference_db.commit()
    code, out, _ = run_coagg("check")
    assert code == 1
    assert "coagg db upgrade loads them" in out


def test_psql_opens_on_the_data_base_or_says_how_to_get_it(run_coagg):
    code, out, err = run_coagg("db", "psql", "-A", "-t", "-c", "SELECT postgis_version() <> ''")
    if code == 0:
        assert (out, err) == ("t\n", "")
    else:
        assert shutil.which("psql") is None
        assert (code, err.count("\n")) == (2, 1)
        assert "apt-get install postgresql-client" in err


def test_unknown_options_teach(run_coagg):
    code, _, err = run_coagg("index", "--years", "2013")
    assert code == 2
    assert "--years" in err


def test_own_agglomerations_take_the_place_of_the_shipped(run_coagg, reference_db, tmp_path):
    own = tmp_path / "mine.csv"
    own.write_text("agglomeration_code,name,prefecture_code\nMINE,Mine,5101\nMINE,Mine,5106\n")
    code, out, err = run_coagg("load", "reference", "--agglomerations", own)
    assert (code, err) == (0, "")
    assert out.startswith("reference: agglomerations CN: CN agglomerations 1, CN members 2")
    assert "GB" not in out
    query = "SELECT agglomeration_code FROM reference.agglomeration WHERE country = 'CN'"
    assert reference_db.execute(query).fetchall() == [("MINE",)]
    reference_db.commit()
    own.write_text("agglomeration_code,name,prefecture_code\nMINE,Mine,51x1\n")
    code, _, err = run_coagg("load", "reference", "--agglomerations", own)
    assert code == 2
    assert "line 2: 51x1 is no prefecture" in err
    assert err.count("\n") == 1
    assert reference_db.execute(query).fetchall() == [("MINE",)]


def test_a_classification_without_a_file_is_one_line(run_coagg):
    code, _, err = run_coagg("load", "reference", "--classification", "gbt4754_1994")
    assert (code, err.count("\n")) == (2, 1)
    assert "write NAME=FILE" in err
