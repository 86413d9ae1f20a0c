"""Comparison indices from data base to data base, and beside the index."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement import comparison as compare_module
from coagg.analysis.measurement.comparison import CompareRequest, compare
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.errors import CoaggError

EXACT = IndexSettings(draws=30, seed=7, method="exact")
REQUEST = CompareRequest(2013, draws=30, seed=2)
INDUSTRIES = 18  # two units of work

EGK = """
WITH member AS (
    SELECT prefecture_code, industry, employment::float8 AS weight FROM clean.firm
    WHERE industry <> ''
),
total AS (SELECT industry, sum(weight) AS weight FROM member GROUP BY industry),
share AS (
    SELECT p.prefecture_code, i.industry, coalesce(sum(m.weight), 0) / i.weight AS s
    FROM (SELECT DISTINCT prefecture_code FROM member) AS p
    CROSS JOIN total AS i
    LEFT JOIN member AS m ON m.prefecture_code = p.prefecture_code AND m.industry = i.industry
    GROUP BY p.prefecture_code, i.industry, i.weight
),
area AS (SELECT prefecture_code, avg(s) AS x FROM share GROUP BY prefecture_code)
SELECT a.industry, b.industry, sum((a.s - x) * (b.s - x)) / (SELECT 1 - sum(x ^ 2) FROM area)
FROM share AS a JOIN share AS b USING (prefecture_code) JOIN area USING (prefecture_code)
WHERE a.industry <> b.industry GROUP BY 1, 2 ORDER BY 1, 2
"""


@pytest.fixture
def firms(reference_db, put_firms, db_settings):
    """200 firms in three prefectures of CY, and 40 of CQ, with employment; two without industry."""
    rng = np.random.default_rng(3)
    industry = [f"{131 + code}" for code in rng.permutation(np.arange(200) % INDUSTRIES)]
    industry[5] = industry[6] = None
    put_firms(
        reference_db, 2013, 104 + rng.normal(0, 0.2, 200), 30.6 + rng.normal(0, 0.2, 200), industry
    )
    reference_db.execute(
        "UPDATE clean.firm SET employment = 5 + row_number * 7919 % 300, "
        "prefecture_code = (ARRAY['5101', '5106', '5107'])[1 + row_number % 3]"
    )
    reference_db.commit()
    return db_settings


@pytest.fixture
def measured(firms):
    measure(firms, IndexRequest(2013, EXACT))
    return firms


def fetch(settings, query, *values):
    with database.connect(settings) as connection:
        return connection.execute(query, values).fetchall()


def change(settings, statement):
    with database.connect(settings) as connection:
        connection.execute(statement)


def pairs(settings, name):
    return fetch(
        settings,
        "SELECT fixed_industry, redrawn_industry, value FROM coagglomeration.comparison "
        "WHERE comparison = %s ORDER BY 1, 2",
        name,
    )


def test_every_ordered_pair_has_every_index_and_egk_is_that_of_sql(measured):
    report = compare(measured, REQUEST)
    (cell,) = report.cells
    assert (report.weights, cell.firms, cell.areas) == ("employment", 200, 3)
    counts = fetch(
        measured,
        "SELECT comparison, count(*), count(p_value) FROM coagglomeration.comparison GROUP BY 1",
    )
    all_pairs = INDUSTRIES * (INDUSTRIES - 1)
    assert sorted(counts) == [
        ("colocation_quotient", all_pairs, all_pairs),
        ("duranton_overman", all_pairs, all_pairs),
        ("ellison_glaeser_kerr", all_pairs, 0),
    ]
    expected = fetch(measured, EGK)
    stored = pairs(measured, "ellison_glaeser_kerr")
    assert [row[:2] for row in stored] == [row[:2] for row in expected]
    assert [row[2] for row in stored] == pytest.approx([row[2] for row in expected])


def test_one_industry_indices_are_relative_to_all_agglomerations_of_the_year(measured):
    # another agglomeration, so that a location quotient is not 1
    change(measured, "UPDATE clean.firm SET prefecture_code = '4201' WHERE row_number > 150")
    measure(measured, IndexRequest(2013, EXACT))
    compare(measured, REQUEST)
    table = pd.DataFrame(
        fetch(
            measured,
            "SELECT agglomeration_code, industry, sum(employment) FROM clean.firm "
            "JOIN reference.agglomeration_member AS m USING (country, prefecture_code) "
            "WHERE m.assigned AND industry IS NOT NULL GROUP BY 1, 2",
        ),
        columns=["code", "industry", "persons"],
    ).pivot(index="code", columns="industry", values="persons")
    table = table.fillna(0).astype(float)
    assert len(table) == 2
    here = table.loc["CY"] / table.loc["CY"].sum()
    expected = here / (table.sum() / table.to_numpy().sum())
    stored = dict(
        fetch(
            measured,
            "SELECT industry, location_quotient FROM coagglomeration.industry_comparison "
            "WHERE agglomeration_code = 'CY'",
        )
    )
    assert stored == pytest.approx(expected[list(stored)].to_dict())
    ((diversification,),) = fetch(
        measured,
        "SELECT diversification FROM coagglomeration.comparison_cell "
        "WHERE agglomeration_code = 'CY'",
    )
    assert diversification == pytest.approx(1 / (here**2).sum())


def test_rank_correlations_are_those_of_the_stored_numbers(measured):
    (cell,) = compare(measured, REQUEST).cells
    joined = fetch(
        measured,
        "SELECT c.value, r.index, c.verdict FROM coagglomeration.comparison AS c "
        "JOIN coagglomeration.pair_result AS r USING (fixed_industry, redrawn_industry) "
        "WHERE c.comparison = 'colocation_quotient'",
    )
    row = cell.correlations.set_index("comparison").loc["colocation_quotient"]
    values, index, verdicts = zip(*joined, strict=True)
    assert row["spearman"] == pytest.approx(spearmanr(values, index).statistic)
    near = [v == "near" for v, i in zip(verdicts, index, strict=True) if i >= 0.95]
    assert row["near_given_near"] == pytest.approx(np.mean(near))


def test_unchanged_cells_are_skipped_and_changed_ones_are_not(measured):
    compare(measured, REQUEST)
    before = pairs(measured, "duranton_overman")
    assert [cell.skipped for cell in compare(measured, REQUEST).cells] == [True]
    assert pairs(measured, "duranton_overman") == before
    change(measured, "UPDATE clean.firm SET employment = 900 WHERE row_number = 1")
    assert [cell.skipped for cell in compare(measured, REQUEST).cells] == [False]
    other = CompareRequest(2013, draws=31, seed=2)
    assert [cell.skipped for cell in compare(measured, other).cells] == [False]
    assert fetch(measured, "SELECT draws FROM coagglomeration.comparison_cell") == [(31,)]


def test_a_cell_is_replaced_in_whole_or_not_at_all(measured, monkeypatch):
    compare(measured, REQUEST)
    before = pairs(measured, "colocation_quotient")
    copy = compare_module._copy

    def dies(connection, table, *rest):
        if table == "industry_comparison":
            raise KeyboardInterrupt
        copy(connection, table, *rest)

    monkeypatch.setattr(compare_module, "_copy", dies)
    with pytest.raises(KeyboardInterrupt):
        compare(measured, CompareRequest(2013, draws=29, seed=3))
    assert fetch(measured, "SELECT draws FROM coagglomeration.comparison_cell") == [(30,)]
    assert pairs(measured, "colocation_quotient") == before


def test_a_year_without_employment_counts_firms(measured):
    change(measured, "UPDATE clean.firm SET employment = 1")
    compare(measured, REQUEST)
    ones = pairs(measured, "ellison_glaeser_kerr")
    change(measured, "UPDATE clean.firm SET employment = NULL")
    report = compare(measured, REQUEST)
    assert report.weights == "firms"
    assert [(c.skipped, c.without_employment) for c in report.cells] == [(False, 200)]
    assert pairs(measured, "ellison_glaeser_kerr") == ones
    assert fetch(measured, "SELECT weights FROM coagglomeration.comparison_cell") == [("firms",)]


def test_an_industry_without_employment_is_null_not_nan(measured):
    change(measured, "UPDATE clean.firm SET employment = NULL WHERE industry = '131'")
    change(measured, "UPDATE clean.firm SET employment = -4 WHERE row_number = 6")
    compare(measured, REQUEST)
    of_131 = [value for j, k, value in pairs(measured, "ellison_glaeser_kerr") if "131" in (j, k)]
    assert of_131 == [None] * len(of_131)
    nulls = "SELECT count(*) FROM coagglomeration.comparison WHERE value IS NULL OR value = 'NaN'"
    assert fetch(measured, nulls) == [(2 * (INDUSTRIES - 1),)]
    assert fetch(
        measured,
        "SELECT industry FROM coagglomeration.industry_comparison WHERE ellison_glaeser IS NULL",
    ) == [("131",)]


def test_points_and_industries_are_those_of_the_measurement(firms):
    change(firms, "UPDATE clean.firm SET flags = '{pile_up}' WHERE row_number <= 30")
    measure(firms, IndexRequest(2013, EXACT, min_firms=10, pile_ups="drop"))
    (cell,) = compare(firms, REQUEST).cells
    assert cell.firms == 170
    same = (
        "SELECT fixed_industry, redrawn_industry, fixed_firms, redrawn_firms "
        "FROM coagglomeration.{} ORDER BY 1, 2"
    )
    table = fetch(firms, same.format("comparison WHERE comparison = 'colocation_quotient'"))
    assert table == fetch(firms, same.format("pair_result"))
    assert 0 < len(table) < INDUSTRIES * (INDUSTRIES - 1)


def test_a_cell_without_an_index_is_left_out_unless_it_is_named(measured):
    change(measured, "UPDATE clean.firm SET prefecture_code = '4201' WHERE row_number > 150")
    measure(measured, IndexRequest(2013, EXACT, agglomerations=("CY",)))
    report = compare(measured, REQUEST)
    assert [cell.agglomeration_code for cell in report.cells] == ["CY"]
    (other,) = report.not_measured
    with pytest.raises(CoaggError, match=f"no index of {other} 2013 to compare with"):
        compare(measured, CompareRequest(2013, agglomerations=("CY", other), draws=30))


def test_impossible_requests_are_one_line(firms):
    def refused(words, **asked):
        with pytest.raises(CoaggError, match=words) as caught:
            compare(firms, CompareRequest(**{"survey_year": 2013, "draws": 30, **asked}))
        assert "\n" not in str(caught.value)

    refused("no index of CY 2013 to compare with: measure first")
    measured = measure(firms, IndexRequest(2013, EXACT))
    refused("no index of CY 2013 in measurement 99", measurement=99)
    refused("agglomeration XX: not one with firms", agglomerations=("XX",))
    refused("2012 inside an urban agglomeration", survey_year=2012)
    refused("0 draws", draws=0)
    refused("seed -1", seed=-1)
    change(firms, "DELETE FROM coagglomeration.unit WHERE block = 1")
    refused(f"measurement {measured.measurement_id} of CY 2013 is unfinished, 272 of 306 pairs")
    change(firms, "UPDATE clean.firm SET lon = lon + 0.001 WHERE row_number = 9")
    refused("is of other firms than those loaded now: measure again")


def test_the_command_prints_correlations_and_draws_them(measured, run_coagg, tmp_path):
    change(measured, "UPDATE clean.firm SET employment = NULL")
    figure = tmp_path / "new" / "correlations.png"
    code, out, err = run_coagg(
        "compare", "--survey-year", "2013", "--draws", "30", "--figure", figure
    )
    assert (code, err) == (0, "")
    assert "│ CY │     1 │   306 │" in out
    assert "no firm of CN 2013 has employment: shares are of firms" in out
    assert "1 agglomerations computed" in out
    assert figure.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_command_says_what_it_lacks(run_coagg):
    code, out, err = run_coagg("compare")
    assert (code, out) == (2, "")
    assert err == "coagg: say which year, --survey-year 2013, or --scenarios six.png\n"
