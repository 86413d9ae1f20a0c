import numpy as np
import pandas as pd
import pytest

from coagg.analysis.comparison.colocation import colocation_test
from coagg.analysis.comparison.duranton_overman import duranton_overman_pairs
from coagg.analysis.comparison.employment import ellison_glaeser_kerr, employment_table
from coagg.analysis.comparison.pairs import COMPARISONS, comparison_pairs, rank_correlations
from coagg.errors import CoaggError

RNG = np.random.default_rng(12)
POINTS = RNG.uniform(0, 100, (120, 2))
INDUSTRY = np.where(np.arange(120) < 100, np.arange(120) % 4, -1)
CODES = ["061", "131", "366", "401", "999"]  # nobody is in 999
EMPLOYMENT = RNG.lognormal(4, 1, 120)
AREA = np.where(POINTS[:, 0] < 50, "5001", "5101")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.DataFrame(
        comparison_pairs(POINTS, INDUSTRY, CODES, EMPLOYMENT, AREA, draws=60, seed=3)
    )


def test_a_row_for_every_ordered_pair_of_industries_with_firms(table: pd.DataFrame) -> None:
    assert len(table) == 3 * 4 * 3
    assert not table.duplicated(["fixed_industry", "redrawn_industry", "comparison"]).any()
    assert set(table["comparison"]) == set(COMPARISONS)
    assert set(table["fixed_industry"]) == set(CODES[:4])
    assert (table["fixed_firms"] == 25).all()
    assert (table["fixed_industry"] != table["redrawn_industry"]).all()


def test_values_are_those_of_each_index_in_its_place(table: pd.DataFrame) -> None:
    value = table.set_index(["comparison", "fixed_industry", "redrawn_industry"])["value"]
    clq = colocation_test(POINTS, INDUSTRY, 5, permutations=60, seed=3)
    egk = ellison_glaeser_kerr(employment_table(EMPLOYMENT, AREA, INDUSTRY, 5))
    localised = duranton_overman_pairs(POINTS, INDUSTRY, 5, draws=60, seed=3)
    assert value["colocation_quotient", "061", "366"] == clq.quotient[0, 2]
    assert value["colocation_quotient", "366", "061"] == clq.quotient[2, 0]
    assert value["ellison_glaeser_kerr", "401", "131"] == egk[3, 1]
    assert value["duranton_overman", "131", "401"] == localised.value[1, 3]
    assert value["duranton_overman", "401", "131"] == localised.value[1, 3]


def test_verdicts_follow_from_values_and_p_values(table: pd.DataFrame) -> None:
    egk = table[table["comparison"] == "ellison_glaeser_kerr"]
    assert egk["p_value"].isna().all()
    assert (egk["verdict"] == "untested").all()
    k = table[table["comparison"] == "duranton_overman"]
    assert ((k["value"] > 0) == (k["verdict"] == "near")).all()
    assert ((k["value"] < 0) == (k["verdict"] == "apart")).all()
    clq = table[table["comparison"] == "colocation_quotient"]
    assert ((clq["p_value"] <= 0.05) == (clq["verdict"] == "near")).all()


def test_a_heap_of_firms_is_untested_not_zero() -> None:
    heap = pd.DataFrame(
        comparison_pairs(
            np.ones((20, 2)), np.arange(20) % 2, ["a", "b"], None, np.zeros(20), draws=9
        )
    ).set_index("comparison")
    assert heap.loc["duranton_overman", "value"].isna().all()
    assert (heap.loc["duranton_overman", "verdict"] == "untested").all()
    assert heap.loc["ellison_glaeser_kerr", "value"].isna().all()  # one area
    assert heap.loc["colocation_quotient", "value"].to_numpy() == pytest.approx([1, 1])


def test_rank_correlations_of_an_index_with_itself_and_its_transpose(table: pd.DataFrame) -> None:
    pair = ["fixed_industry", "redrawn_industry"]
    clq = table[table["comparison"] == "colocation_quotient"]
    index = clq[[*pair, "value"]].rename(columns={"value": "index"})
    same = rank_correlations(index, table).set_index("comparison")
    assert same.loc["colocation_quotient", "spearman"] == pytest.approx(1)
    assert same.loc["colocation_quotient", "spearman_direction"] == pytest.approx(1)
    assert np.isnan(same.loc["ellison_glaeser_kerr", "spearman_direction"])
    assert np.isnan(same.loc["ellison_glaeser_kerr", "near_given_near"])
    assert (same["pairs"] == 12).all()
    turned = index.rename(columns=dict(zip(pair, pair[::-1], strict=True)))
    back = rank_correlations(turned, clq).set_index("comparison")
    assert back.loc["colocation_quotient", "spearman_direction"] == pytest.approx(-1)


def test_rank_correlations_equal_those_of_pandas(table: pd.DataFrame) -> None:
    egk = table[table["comparison"] == "ellison_glaeser_kerr"].reset_index(drop=True)
    index = egk[["fixed_industry", "redrawn_industry"]].assign(index=np.arange(12) % 5 / 5)
    got = rank_correlations(index, egk)["spearman"][0]
    assert got == pytest.approx(egk["value"].corr(index["index"], method="spearman"))


def test_agreement_counts_pairs_that_the_index_calls_near() -> None:
    table = pd.DataFrame(
        {
            "fixed_industry": ["a", "a", "b", "c"],
            "redrawn_industry": ["b", "c", "c", "a"],
            "comparison": "duranton_overman",
            "value": [0.2, 0.1, 0.0, np.nan],
            "verdict": ["near", "near", "neither", "untested"],
        }
    )
    index = table[["fixed_industry", "redrawn_industry"]].assign(index=[0.99, 0.3, 0.97, 1.0])
    row = rank_correlations(index, table).iloc[0]
    assert row["near_given_near"] == 0.5
    assert row["pairs"] == 3


def test_faulty_input_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(CoaggError, match="no comparison index 'moran'"):
        comparison_pairs(POINTS, INDUSTRY, CODES, None, AREA, which=["moran"])
    with pytest.raises(CoaggError, match="draws is 0"):
        comparison_pairs(POINTS, INDUSTRY, CODES, None, AREA, draws=0)
    with pytest.raises(CoaggError, match="120 integers"):
        comparison_pairs(POINTS, INDUSTRY[:5], CODES, None, AREA)
    stranger = pd.DataFrame({"fixed_industry": ["x"], "redrawn_industry": ["y"], "index": [0.5]})
    with pytest.raises(CoaggError, match="no pair in common"):
        rank_correlations(stranger, table)
