import numpy as np
import pytest

from coagg.analysis.comparison.employment import (
    diversification,
    ellison_glaeser,
    ellison_glaeser_kerr,
    employment_table,
    location_quotient,
    plant_herfindahl,
)
from coagg.errors import CoaggError

# The example matrix of R's EconGeo (location_quotient): rows regions, columns industries.
ECONGEO = np.array(
    [
        [100, 0, 0, 0, 0],
        [0, 15, 5, 70, 10],
        [0, 20, 10, 20, 50],
        [0, 25, 30, 5, 40],
        [0, 40, 55, 5, 0],
    ]
)


def test_kerr_pairwise_worked_by_hand() -> None:
    # Shares A (.8, .2, 0), B (.2, .8, 0), C (0, 0, 1); mean share 1/3 each; 1 - sum x^2 = 2/3.
    index = ellison_glaeser_kerr(np.array([[8, 2, 0], [2, 8, 0], [0, 0, 30]]))
    assert index[0, 1] == pytest.approx(-0.02)
    assert index[0, 2] == pytest.approx(-0.5)
    assert np.array_equal(index, index.T)


def test_kerr_with_aggregate_share_worked_by_hand() -> None:
    # Areas hold 10, 10 and 30 of 50: x = (.2, .2, .6), 1 - sum x^2 = .56.
    index = ellison_glaeser_kerr(np.array([[8, 2, 0], [2, 8, 0], [0, 0, 30]]), aggregate="share")
    assert index[0, 1] == pytest.approx((0.6 * 0 + 0 * 0.6 + 0.36) / 0.56)


def test_glaeser_single_industry_worked_by_hand() -> None:
    # x = (.25, .75), G = .125 for both, G / (1 - .625) = 1/3.
    index = ellison_glaeser(np.array([[10, 0], [10, 20]]), np.array([0.25, 0.1]))
    assert index == pytest.approx([1 / 9, 7 / 27])


def test_kerr_is_the_coagglomeration_index_of_1997_for_two_industries() -> None:
    """Ellison and Glaeser's (1997) index of a group, from that of single industries, by algebra."""
    rng = np.random.default_rng(4)
    table = rng.integers(0, 50, (7, 5)).astype(float)
    h = rng.uniform(0.05, 0.4, 5)
    gamma = ellison_glaeser(table, h)
    x = table.sum(axis=1) / table.sum()
    w = table[:, :2].sum(axis=0) / table[:, :2].sum()
    group = table[:, :2].sum(axis=1) / table[:, :2].sum()
    scaled = ((group - x) ** 2).sum() / (1 - (x**2).sum())
    within = (w**2 * h[:2]).sum() + (gamma[:2] * w**2 * (1 - h[:2])).sum()
    expected = (scaled - within) / (1 - (w**2).sum())
    assert ellison_glaeser_kerr(table, aggregate="share")[0, 1] == pytest.approx(expected)


def test_glaeser_is_zero_on_average_when_plants_are_thrown_at_random() -> None:
    rng = np.random.default_rng(1)
    plants, industries = 10, 600
    area = rng.choice(8, plants * industries, p=np.array([5, 4, 3, 3, 2, 1, 1, 1]) / 20)
    industry = np.repeat(np.arange(industries), plants)
    persons = rng.lognormal(0, 0.5, len(area))
    table = employment_table(persons, area, industry, industries)
    gamma = ellison_glaeser(table, plant_herfindahl(persons, industry, industries))
    assert abs(gamma.mean()) < 4 * gamma.std() / np.sqrt(industries)
    # All plants of an industry in one area is far above that.
    gathered = employment_table(persons, industry % 8, industry, industries)
    assert ellison_glaeser(gathered, plant_herfindahl(persons, industry, industries)).min() > 0.5


def test_location_quotient_and_diversification_of_the_econgeo_example() -> None:
    quotient = location_quotient(ECONGEO)
    assert quotient[0, 0] == pytest.approx(5.0)
    assert quotient[1, 3] == pytest.approx(3.5)
    assert quotient[4, 2] == pytest.approx(2.75)
    assert diversification(ECONGEO)[:2] == pytest.approx([1.0, 1 / 0.525])


def test_tables_are_summed_by_area_and_industry_and_leave_out_the_rest_of_the_pool() -> None:
    table = employment_table(
        np.array([5.0, 7.0, 11.0, 13.0]),
        np.array(["5101", "5001", "5101", "5101"]),
        np.array([0, 1, 0, -1]),
        2,
    )
    assert table.tolist() == [[0, 7], [16, 0]]
    assert plant_herfindahl(np.array([3.0, 1.0, 9.0]), np.array([0, 0, -1]), 2)[0] == 10 / 16


def test_what_is_undefined_is_nan() -> None:
    assert np.isnan(ellison_glaeser_kerr(np.array([[3.0, 4.0]]))).all()  # one area
    assert np.isnan(ellison_glaeser(np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([1.0, 0.5]))[0])
    assert np.isnan(ellison_glaeser_kerr(np.array([[1.0, 0.0], [2.0, 0.0]]))[0, 1])  # no employment
    assert np.isnan(diversification(np.array([[0.0, 0.0], [1.0, 1.0]]))).tolist() == [True, False]
    assert np.isnan(plant_herfindahl(np.array([1.0]), np.array([0]), 2)).tolist() == [False, True]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ellison_glaeser_kerr(np.array([[-1.0, 2.0]])), "negative"),
        (lambda: ellison_glaeser_kerr(np.array([[np.nan, 2.0]])), "missing"),
        (lambda: ellison_glaeser_kerr(np.ones(3)), "areas, industries"),
        (lambda: ellison_glaeser_kerr(np.ones((2, 2)), aggregate="median"), "'mean' or 'share'"),
        (lambda: ellison_glaeser(np.ones((2, 2)), np.ones(3)), "2 values"),
        (lambda: employment_table(np.ones(3), np.zeros(2), np.zeros(3, int), 1), "2 areas for 3"),
        (lambda: employment_table(np.ones(3), np.zeros(3), np.full(3, 4), 2), "between -1 and 1"),
        (lambda: ellison_glaeser_kerr(np.zeros((2, 2))), "no industry has employment"),
    ],
)
def test_faulty_input_is_one_line(call, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CoaggError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
