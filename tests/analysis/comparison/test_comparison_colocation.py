from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from coagg.analysis.comparison.colocation import (
    colocation_counts,
    colocation_quotient,
    colocation_test,
    nearest_neighbours,
)
from coagg.errors import CoaggError

LINE = np.array([[0, 0], [0.1, 0], [1, 0], [1.1, 0], [5, 0], [5.1, 0]])
LABELS = np.array([0, 1, 0, 1, 0, 0])


def counts_by_definition(points: np.ndarray, labels: np.ndarray, industries: int) -> np.ndarray:
    """Every firm gives one vote, shared among all the firms at the least distance."""
    distance = cdist(points, points)
    np.fill_diagonal(distance, np.inf)
    tied = distance <= distance.min(axis=1, keepdims=True) * (1 + 1e-9)
    kind = np.eye(industries)[labels]
    return kind.T @ (tied / tied.sum(axis=1, keepdims=True)) @ kind


def test_reference_values() -> None:
    quotient = colocation_quotient(LINE, LABELS, 2)
    assert quotient[0, 1] == pytest.approx(1.25)
    assert quotient[1, 0] == pytest.approx(1.25)
    assert quotient[0, 0] == pytest.approx(5 / 6)


@pytest.mark.parametrize("grid", [None, 0.5, 0.12])
def test_counts_equal_the_definition_with_ties_and_pile_ups(grid: float | None) -> None:
    """Points on a lattice hold ties between sites and piles of firms on one site."""
    rng = np.random.default_rng(3)
    points = rng.random((160, 2))
    if grid is not None:
        points = np.round(points / grid) * grid
    labels = rng.integers(0, 7, 160)
    counts = colocation_counts(nearest_neighbours(points), labels, 7)
    assert counts == pytest.approx(counts_by_definition(points, labels, 7))
    assert counts.sum(axis=1) == pytest.approx(np.bincount(labels, minlength=7))


def test_nearest_neighbours_need_not_be_mutual() -> None:
    # A sits at 0; B at 1; C at 1.5: A's nearest is B, B's is C.
    quotient = colocation_quotient(np.array([[0.0, 0], [1, 0], [1.5, 0]]), np.arange(3), 3)
    assert quotient[0, 1] == 2.0
    assert quotient[1, 0] == 0.0


def test_p_values_equal_full_enumeration() -> None:
    neighbours = nearest_neighbours(LINE)
    observed = colocation_counts(neighbours, LABELS, 2)[0, 1]
    every = []
    for chosen in combinations(range(6), 2):
        labels = np.zeros(6, int)
        labels[list(chosen)] = 1
        every.append(colocation_counts(neighbours, labels, 2)[0, 1] >= observed)
    assert np.mean(every) == 12 / 15
    test = colocation_test(LINE, LABELS, 2, permutations=4000, seed=2)
    assert test.p_value[0, 1] == pytest.approx(12 / 15, abs=4 * np.sqrt(0.16 / 4000))
    assert test.p_value_lower[0, 1] == 1.0


def test_planted_neighbours_are_found_and_random_labels_are_not() -> None:
    rng = np.random.default_rng(8)
    base = rng.uniform(0, 100, (40, 2))
    points = np.concatenate([base, base + 0.01, rng.uniform(0, 100, (400, 2))])
    labels = np.concatenate([np.zeros(40, int), np.ones(40, int), rng.integers(2, 6, 400)])
    test = colocation_test(points, labels, 6, permutations=300)
    assert test.quotient[0, 1] == pytest.approx((40 / 40) / (40 / 479))
    assert test.p_value[0, 1] == test.p_value[1, 0] == pytest.approx(1 / 301)
    assert test.quotient[0, 0] == 0  # no A has an A next to it
    off = ~np.eye(12, dtype=bool)
    rejected = []
    for seed in range(8):
        drawn = colocation_test(points, rng.integers(0, 12, 480), 12, permutations=199, seed=seed)
        rejected.append((drawn.p_value[off] <= 0.05).mean())
    assert 0.02 < np.mean(rejected) < 0.06  # discrete counts make the test conservative


def test_same_seed_same_values_and_renaming_permutes() -> None:
    rng = np.random.default_rng(5)
    points, labels = rng.random((90, 2)), np.arange(90) % 4
    one = colocation_test(points, labels, 4, permutations=50, seed=1)
    two = colocation_test(points, labels, 4, permutations=50, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    other = np.array([2, 0, 3, 1])
    renamed = colocation_quotient(points @ [[0, 1], [-1, 0]] + 7, other[labels], 4)
    assert renamed[np.ix_(other, other)] == pytest.approx(one.quotient)


def test_all_firms_on_one_point_say_nothing() -> None:
    test = colocation_test(np.ones((30, 2)), np.arange(30) % 3, 3, permutations=20)
    assert test.quotient == pytest.approx(np.ones((3, 3)))
    assert (test.p_value == 1).all()


def test_empty_industries_are_nan_and_pool_only_firms_count_as_neighbours() -> None:
    labels = np.where(LABELS == 1, -1, 0)
    test = colocation_test(LINE, labels, 2, permutations=9)
    assert test.quotient[0, 0] == pytest.approx(5 / 6)
    assert np.isnan(test.quotient[0, 1])
    assert np.isnan(test.p_value[0, 1])
    lone = colocation_quotient(LINE, np.array([0, 1, 1, 1, 1, 1]), 2)
    assert np.isnan(lone[0, 0])


@pytest.mark.parametrize(
    ("points", "labels", "permutations", "words"),
    [
        (LINE * np.nan, LABELS, 9, "not finite"),
        (LINE[:1], LABELS[:1], 9, "at least two"),
        (LINE, LABELS[:3], 9, "6 integers"),
        (LINE, LABELS + 1, 9, "between -1 and 1"),
        (LINE, LABELS, 0, "draws is 0"),
        (LINE[:, :1], LABELS, 9, r"\(N, 2\)"),
    ],
)
def test_faulty_input_is_refused(points, labels, permutations, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CoaggError, match=words):
        colocation_test(points, labels, 2, permutations=permutations)
