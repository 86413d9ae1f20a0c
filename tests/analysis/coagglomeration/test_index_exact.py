import pickle

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from coagg.analysis.coagglomeration import (
    Cell,
    IndexSettings,
    index_block,
    observed_block,
    prepare_cell,
)
from coagg.analysis.coagglomeration.cell import find_sites
from coagg.analysis.coagglomeration.costs import costs_to_draws
from coagg.analysis.coagglomeration.draws import counterfactuals, draw_firms
from coagg.errors import CoaggError

REFERENCE_POOL = np.array([[0.0, 0], [1, 0], [0, 1], [5, 5], [9, 0]])


def make_cell(points, industry, key="test"):
    codes = tuple(f"{100 + j}" for j in range(max(industry) + 1))
    return Cell(key, np.asarray(points, float), np.asarray(industry, np.int32), codes)


def compute(cell, **options):
    chosen = IndexSettings(**{"method": "exact", **options})
    return index_block(cell, prepare_cell(cell, chosen), chosen, range(len(cell.industries)))


def matrix(cell, result, field="index"):
    out = np.full((len(cell.industries),) * 2, np.nan)
    out[result.fixed, result.redrawn] = getattr(result, field)
    return out


def planted_cell(seed=0, copies=1):
    """B has a cluster on A and firms scattered elsewhere: one-way. C and D mix: two-way."""
    rng = np.random.default_rng(seed)
    background = rng.uniform(-100, 100, (500, 2))
    a = rng.normal([40, 40], 3, (30, 2))
    b = np.vstack([rng.normal([40, 40], 3, (25, 2)), rng.uniform(-100, 100, (25, 2))])
    # C and D spread together over three towns far apart.
    towns = np.array([[-60, 60], [-60, -60], [50, -70]])
    c = towns[rng.integers(0, 3, 40)] + rng.normal(0, 2, (40, 2))
    d = towns[rng.integers(0, 3, 40)] + rng.normal(0, 2, (40, 2))
    points = np.vstack([a, b, c, d, background])
    industry = np.repeat([0, 1, 2, 3, -1], [30, 50, 40, 40, 500])
    return make_cell(np.repeat(points, copies, axis=0), np.repeat(industry, copies))


def test_reference_values_with_every_subset_enumerated():
    cell = make_cell(REFERENCE_POOL, [0, 0, 1, -1, -1])
    result = compute(cell, enumerate_up_to=10, method="exact")
    assert result.observed_cost.tolist() == [1.5, 1.5]
    assert matrix(cell, result)[0, 1] == 3 / 5
    assert matrix(cell, result)[1, 0] == 8 / 10
    assert result.draws.tolist() == [5, 10]
    assert result.standard_error.tolist() == [0.0, 0.0]


def test_random_draws_approach_the_enumerated_index():
    cell = make_cell(REFERENCE_POOL, [0, 0, 1, -1, -1])
    result = compute(cell, draws=40_000, method="exact")
    assert np.allclose(result.index, [0.6, 0.8], atol=4 * 0.0025)
    assert np.allclose(
        result.standard_error, np.sqrt(result.index * (1 - result.index) / 40_000), rtol=1e-2
    )


def test_index_is_the_share_of_costs_that_pot_computes():
    rng = np.random.default_rng(4)
    cell = make_cell(rng.normal(0, 50, (60, 2)), np.repeat([0, 1, -1], [12, 9, 39]))
    for cost in ("sqeuclidean", "euclidean"):
        chosen = IndexSettings(draws=60, cost=cost, method="exact")
        result = index_block(cell, prepare_cell(cell, chosen), chosen, [0])
        own = cell.points_km[cell.industry == 0]

        def pot(other, own=own, cost=cost):
            weights = np.full(len(own), 1 / len(own)), np.full(len(other), 1 / len(other))
            return ot.emd2(*weights, cdist(own, other, cost))

        draws, _ = counterfactuals(cell, chosen, 9)
        null = np.array([pot(cell.points_km[d]) for d in draws])
        observed = pot(cell.points_km[cell.industry == 1])
        assert result.observed_cost[0] == pytest.approx(observed, rel=1e-9)
        assert result.null_mean[0] == pytest.approx(null.mean(), rel=1e-9)
        assert result.null_sd[0] == pytest.approx(null.std(), rel=1e-9)
        assert result.index[0] == (null >= observed).mean()


def test_draws_are_without_replacement_shared_and_uniform():
    cell = make_cell(np.arange(40.0).reshape(20, 2), np.repeat([0, 1], 10))
    draws = draw_firms(cell, IndexSettings(), 5, 8000)
    assert all(len(set(row)) == 5 for row in draws)
    share = np.bincount(draws.ravel(), minlength=20) / 8000
    assert np.abs(share - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 8000)
    assert np.array_equal(draws, draw_firms(cell, IndexSettings(), 5, 8000))
    assert not np.array_equal(draws, draw_firms(cell, IndexSettings(seed=1), 5, 8000))


def test_planted_one_way_and_two_way_pairs_are_found():
    cell = planted_cell()
    index = matrix(cell, compute(cell, draws=200, method="exact"))
    assert index[0, 1] >= 0.95
    assert index[1, 0] < 0.95
    assert min(index[2, 3], index[3, 2]) >= 0.95


def test_duplicating_every_firm_keeps_the_planted_patterns():
    cell = planted_cell(copies=2)
    index = matrix(cell, compute(cell, draws=100, method="exact"))
    assert index[0, 1] >= 0.95
    assert index[1, 0] < 0.95
    assert min(index[2, 3], index[3, 2]) >= 0.95


def test_null_rate_is_five_percent():
    """Industries drawn at random: over many cells, phi(0.95) = 1 in 5% of pairs."""
    hits, cells = [], 40
    for c in range(cells):
        rng = np.random.default_rng(c)
        points = rng.normal(0, 30, (150, 2)) * rng.choice([1, 4], (150, 1))
        industry = np.full(150, -1)
        industry[rng.permutation(150)[:54]] = np.repeat(np.arange(6), [4, 6, 8, 10, 12, 14])
        result = compute(make_cell(points, industry, f"null {c}"), draws=100, method="exact")
        hits.append((result.index >= 0.95).mean())
    # Ties aside, a share of 100 draws is >= 0.95 with probability 6/101.
    expected = 6 / 101
    assert abs(np.mean(hits) - expected) < 3 * np.std(hits) / np.sqrt(cells)


@pytest.mark.parametrize("method", ["exact", "calibrated"])
def test_same_bits_however_the_cell_is_split(method):
    rng = np.random.default_rng(9)
    industry = np.repeat([0, 1, 2, 3, 4, -1], [1, 12, 12, 25, 40, 410])
    cell = make_cell(rng.normal(0, 40, (500, 2)).round(0), industry)
    chosen = IndexSettings(draws=60, method=method, refine=200.0)
    prepared = prepare_cell(cell, chosen)
    whole = index_block(cell, prepared, chosen, range(5))
    rows = observed_block(cell, prepared, chosen, range(5))
    assert np.isfinite(rows).sum() == 10 + 5
    merged = np.fmax(rows, rows.T)
    again = pickle.loads(pickle.dumps(prepare_cell(cell, chosen, threads=2)))
    backwards = [index_block(cell, again, chosen, [j], merged) for j in (4, 2, 0, 3, 1)]
    for name, column in whole.columns().items():
        pieces = {int(p.fixed[0]): p.columns()[name] for p in backwards}
        assert column.tobytes() == np.concatenate([pieces[j] for j in range(5)]).tobytes(), name
    costs = matrix(cell, whole, "observed_cost")
    assert np.array_equal(costs, costs.T, equal_nan=True)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    angle=st.floats(0, 6.28),
    east=st.floats(-500, 500),
    north=st.floats(-500, 500),
)
def test_shifting_and_rotating_all_points_changes_nothing(seed, angle, east, north):
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 50, (50, 2))
    industry = np.repeat([0, 1, 2, -1], [5, 9, 2, 34])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    plain = compute(make_cell(points, industry), draws=50, method="exact")
    moved = compute(make_cell(points @ turn.T + [east, north], industry), draws=50, method="exact")
    assert np.allclose(plain.observed_cost, moved.observed_cost, rtol=1e-9)
    assert np.allclose(plain.null_mean, moved.null_mean, rtol=1e-9)
    assert np.array_equal(plain.index, moved.index)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), order=st.permutations(range(4)))
def test_renaming_industries_permutes_the_matrix(seed, order):
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 50, (50, 2))
    industry = np.repeat([0, 1, 2, 3, -1], [5, 9, 2, 9, 25])
    renamed = np.where(industry >= 0, np.array(order)[industry], -1)
    plain, other = make_cell(points, industry), make_cell(points, renamed)
    results = compute(plain, draws=50, method="exact"), compute(other, draws=50, method="exact")
    for field in ("index", "observed_cost", "null_mean", "standard_error"):
        before, after = matrix(plain, results[0], field), matrix(other, results[1], field)
        assert np.array_equal(before, after[np.ix_(order, order)], equal_nan=True), field


@pytest.mark.parametrize("method", ["exact", "calibrated"])
def test_all_firms_at_one_point_is_index_one(method):
    cell = make_cell(np.full((30, 2), 7.5), np.repeat([0, 1, -1], [3, 4, 23]))
    result = compute(cell, draws=20, method=method)
    assert result.index.tolist() == [1.0, 1.0]
    assert result.observed_cost.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("method", ["exact", "calibrated"])
def test_degenerate_cells_have_defined_results(method):
    rng = np.random.default_rng(2)
    # Two industries that are the whole pool; industries of one firm; one industry; tied lattice.
    whole = compute(
        make_cell(rng.normal(size=(600, 2)), np.repeat([0, 1], 300)), draws=30, method=method
    )
    assert np.isfinite(whole.index).all()
    ones = compute(
        make_cell(rng.normal(size=(600, 2)), np.r_[0, 1, np.full(598, -1)]), draws=30, method=method
    )
    assert ((ones.index >= 0) & (ones.index <= 1)).all()
    assert (
        len(
            compute(
                make_cell(rng.normal(size=(600, 2)), np.zeros(600, int)), draws=30, method=method
            )
        )
        == 0
    )
    tied = compute(
        make_cell(rng.integers(0, 9, (300, 2)), np.repeat([0, 1, -1], [20, 30, 250])),
        draws=30,
        method=method,
    )
    assert ((tied.index >= 0) & (tied.index <= 1)).all()


def test_bad_input_is_refused_in_one_line():
    points = np.random.default_rng(0).normal(size=(4, 2))
    with pytest.raises(CoaggError, match="not finite"):
        make_cell([[0, 0], [np.nan, 1]], [0, 1])
    with pytest.raises(CoaggError, match="draws must be at least 1"):
        IndexSettings(draws=0)
    with pytest.raises(CoaggError, match="use one of"):
        IndexSettings(method="guess")
    with pytest.raises(CoaggError, match="industry 101 has no firm"):
        Cell("c", points, np.zeros(4, np.int32), ("100", "101"))
    with pytest.raises(CoaggError, match="outside -1 to 0"):
        Cell("c", points, np.array([0, 0, 0, 5], np.int32), ("100",))
    cell = make_cell(points, [0, 1, 1, -1])
    with pytest.raises(CoaggError, match="cannot draw 5 firms from a pool of 4"):
        draw_firms(cell, IndexSettings(), 5, 10)
    chosen = IndexSettings(draws=10)
    with pytest.raises(CoaggError, match="prepare it again"):
        index_block(cell, prepare_cell(cell, IndexSettings(draws=11)), chosen, [0])
    with pytest.raises(CoaggError, match="no industry number 7"):
        index_block(cell, prepare_cell(cell, chosen), chosen, [7])


def test_costs_to_draws_merge_firms_on_one_site():
    rng = np.random.default_rng(5)
    points = rng.integers(0, 4, (80, 2)).astype(float)
    cell = make_cell(points, np.repeat([0, -1], [20, 60]))
    draws = draw_firms(cell, IndexSettings(), 15, 20)
    costs = costs_to_draws(find_sites(cell), 0, draws, "sqeuclidean")
    own = points[:20]
    for found, draw in zip(costs, draws, strict=True):
        arcs = cdist(own, points[draw], "sqeuclidean")
        assert found == pytest.approx(
            ot.emd2(np.full(20, 1 / 20), np.full(15, 1 / 15), arcs), rel=1e-9
        )
