"""Codes mean what the measurement's classification says, wherever a measurement is shown."""

import re

import numpy as np
import pytest

from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.comparison import CompareRequest, compare
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.analysis.show import maps
from coagg.analysis.show.top_pairs import top_pairs
from coagg.errors import CoaggError
from coagg.settings import PROJECT, SQL

# GB/T 4754-2011 codes of the year, and what they are in 2002: another number, or another meaning
OWN_CODES = ("366", "352", "131", "271")
NAMES = "SELECT industry_code, name_en FROM reference.industry WHERE classification = %s"


@pytest.fixture
def year(reference_db, put_firms, db_settings):
    """A year in Chengdu whose codes are of 2011, measured in the classification of 2002."""
    random = np.random.default_rng(3)
    n = 120
    industry = np.resize(OWN_CODES, n)
    put_firms(
        reference_db, 2013, 104 + random.normal(0, 0.1, n), 30.6 + random.normal(0, 0.1, n),
        industry.tolist(),
    )  # fmt: skip
    request = IndexRequest(
        2013, IndexSettings(draws=20, seed=1, method="exact"), classification="gbt4754_2002"
    )
    report = measure(db_settings, request)
    return reference_db, db_settings, report.measurement_id


def test_pairs_are_named_in_the_measurements_classification(year):
    connection, _, number = year
    names = dict(connection.execute(NAMES, ("gbt4754_2002",)).fetchall())
    wrong = dict(connection.execute(NAMES, ("gbt4754_2011",)).fetchall())
    found = top_pairs(connection, "CN", "CY", 2013, number, None, 100)
    assert found.classification == "gbt4754_2002"
    assert len(found.pairs) >= 6
    assert all(names[p.from_industry] == p.from_name for p in found.pairs)
    assert all(names[p.to_industry] == p.to_name for p in found.pairs)
    assert any(wrong.get(p.from_industry) != p.from_name for p in found.pairs)


def test_both_directions_stand_in_one_row(year):
    connection, _, _ = year
    rows = connection.execute(
        "SELECT a.reverse_index, b.index FROM coagglomeration.pair_named AS a "
        "JOIN coagglomeration.pair_named AS b ON a.from_industry = b.to_industry "
        "AND a.to_industry = b.from_industry"
    ).fetchall()
    assert rows
    assert all(one == other for one, other in rows)


def test_a_map_draws_the_firms_that_were_measured(year, tmp_path):
    connection, _, number = year
    measured = connection.execute(
        "SELECT DISTINCT from_industry, from_firms FROM coagglomeration.pair_index "
        "WHERE measurement_id = %s",
        (number,),
    ).fetchall()
    for code, firms in measured:
        drawn = maps.draw(
            connection, tmp_path / "m.png", "CN", "CY", (code,), None, None, None
        )  # fmt: skip
        assert drawn.firms == firms
        assert f"codes of gbt4754_2002, as in measurement {number}" in drawn.reading
    own = maps.draw(connection, tmp_path / "o.png", "CN", "CY", ("366",), None, "own", None)
    assert own.firms == 30


def test_a_code_of_another_classification_is_told(year, tmp_path):
    connection, _, number = year
    (only_later,) = connection.execute(
        "SELECT min(industry_code) FROM reference.industry AS i WHERE classification = "
        "'gbt4754_2011' AND length(industry_code) = 3 AND NOT EXISTS (SELECT FROM "
        "reference.industry AS o WHERE o.classification = 'gbt4754_2002' "
        "AND o.industry_code = i.industry_code)"
    ).fetchone()
    with pytest.raises(CoaggError, match=r"has no firms in CY 2013 \(codes are of gbt4754_2002"):
        maps.draw(connection, tmp_path / "m.png", "CN", "CY", ("366",), None, None, None)
    with pytest.raises(CoaggError, match=r"codes are of gbt4754_2002; it is a code of gbt4754_20"):
        maps.draw(connection, tmp_path / "m.png", "CN", "CY", (only_later,), None, None, None)
    with pytest.raises(CoaggError, match="no classification has it"):
        top_pairs(connection, "CN", "CY", 2013, number, "998", 5)
    with pytest.raises(CoaggError, match="classification 'isic': not one that is loaded"):
        maps.draw(connection, tmp_path / "m.png", "CN", "CY", ("366",), None, "isic", None)
    with pytest.raises(CoaggError, match="measurement 77 has no index of CY"):
        maps.draw(connection, tmp_path / "m.png", "CN", "CY", ("366",), None, None, 77)


@pytest.mark.parametrize("top", [0, -3])
def test_top_is_one_or_more(year, top):
    connection, _, _ = year
    with pytest.raises(CoaggError, match="at least 1 pair"):
        top_pairs(connection, "CN", "CY", None, None, None, top)


def test_a_measurement_with_a_classification_is_compared(year):
    connection, settings, number = year
    report = compare(settings, CompareRequest(2013, draws=10, seed=1))
    assert [(c.agglomeration_code, c.measurement_id) for c in report.cells] == [("CY", number)]
    codes = "SELECT DISTINCT fixed_industry FROM coagglomeration.{} ORDER BY 1"
    compared = connection.execute(codes.format("comparison")).fetchall()
    assert compared == connection.execute(codes.format("pair_result")).fetchall()


def test_firms_are_joined_to_an_index_by_cell_firm(year):
    connection, _, _ = year
    different = connection.execute(
        "SELECT count(*) FROM (SELECT DISTINCT measurement_id, country, survey_year, "
        "agglomeration_code, classification, from_industry, from_firms "
        "FROM coagglomeration.pair_index) AS p "
        "WHERE p.from_firms <> (SELECT count(*) FROM clean.cell_firm AS f WHERE "
        "(f.country, f.survey_year, f.agglomeration_code, f.classification, f.industry) = "
        "(p.country, p.survey_year, p.agglomeration_code, p.classification, p.from_industry))"
    ).fetchone()
    assert different == (0,)


def test_one_statement_says_who_stands_in_a_cell():
    """Firms meet agglomerations in clean.cell_firm alone (clean.firm_located names them)."""
    meets = re.compile(r"clean\.firm\b(?!_)[^;]{0,200}?JOIN reference\.agglomeration_member", re.S)
    found = [
        file.relative_to(PROJECT).as_posix()
        for root in (SQL, PROJECT / "etl", PROJECT / "analysis", PROJECT / "coagg")
        for file in [*root.rglob("*.sql"), *root.rglob("*.py")]
        if meets.search(file.read_text(encoding="utf-8"))
    ]
    assert sorted(set(found)) == ["sql/definitions/36_cell_firm.sql"]
