import numpy as np
import pytest

from coagg.analysis.coagglomeration import Cell, IndexSettings, index_block, prepare_cell
from coagg.analysis.coagglomeration.calibrated import straddles
from coagg.analysis.coagglomeration.calibration import calibrate, smoothing_weights
from coagg.analysis.coagglomeration.cell import find_sites
from coagg.analysis.coagglomeration.costs import costs_to_draws
from coagg.analysis.coagglomeration.cuts import solve_and_cut
from coagg.analysis.coagglomeration.regression import regress, spread_residuals
from coagg.analysis.coagglomeration.surrogate import find_reference, prepare_surrogate, size_grid
from tests.analysis.coagglomeration.test_index_exact import compute, make_cell, matrix, planted_cell

SIZES = [2, 3, 5, 8, 12, 20, 33, 50]


def clustered_cell(seed=0, pool=700, key="clustered"):
    rng = np.random.default_rng(seed)
    towns = rng.uniform(-150, 150, (12, 2))
    points = towns[rng.integers(0, 12, pool)] + rng.normal(0, 8, (pool, 2))
    industry = np.full(pool, -1)
    industry[rng.permutation(pool)[: sum(SIZES)]] = np.repeat(np.arange(len(SIZES)), SIZES)
    return make_cell(points, industry, key)


def test_error_against_exact_is_that_of_a_second_exact_run():
    squared, between = [], []
    for c in range(5):
        cell = clustered_cell(c, key=f"clustered {c}")
        first, second = (compute(cell, draws=200, seed=s, method="exact") for s in (1, 2))
        calibrated = compute(cell, draws=200, seed=3, method="calibrated")
        squared.append((calibrated.index - (first.index + second.index) / 2) ** 2)
        between.append((first.index - second.index) ** 2)
        assert np.array_equal(first.observed_cost, calibrated.observed_cost)
    # Variance against the mean of two runs is own + half; against each other it is two.
    ratio = (np.mean(squared) + np.mean(between) / 4) / np.mean(between)
    assert np.sqrt(ratio) < 1.15


@pytest.mark.slow
def test_standard_errors_cover_a_long_exact_run():
    cell = clustered_cell(5)
    truth = compute(cell, draws=8000, seed=1, method="exact")
    inside = []
    for seed in range(2, 8):
        found = compute(cell, draws=200, seed=seed, method="calibrated")
        error = np.hypot(found.standard_error, truth.standard_error)
        inside.append(np.abs(found.index - truth.index) < 1.96 * error)
    # Pairs of one seed share their draws, so the share covered varies more than a binomial.
    assert 0.88 < np.mean(inside) <= 1.0


def test_planted_patterns_are_found():
    cell = planted_cell()
    index = matrix(cell, compute(cell, draws=200, method="calibrated"))
    assert index[0, 1] >= 0.95
    assert index[1, 0] < 0.95
    assert min(index[2, 3], index[3, 2]) >= 0.95


def test_redrawn_industry_of_one_firm_is_exact():
    rng = np.random.default_rng(0)
    cell = make_cell(rng.normal(size=(400, 2)), np.r_[0, np.ones(20, int), np.full(379, -1)])
    every = compute(cell, enumerate_up_to=400, method="exact")
    found = compute(cell, draws=100, method="calibrated")
    at = int(np.flatnonzero(found.redrawn == 0)[0])
    assert found.index[at] == every.index[at]
    assert found.standard_error[at] == 0.0
    assert found.draws[at] == 400


def test_refining_spends_exact_draws_on_doubtful_pairs_only():
    cell = clustered_cell(7)
    plain = compute(cell, draws=300, seed=4, method="calibrated")
    refined = compute(cell, draws=300, seed=4, method="calibrated", refine=1e6)
    exact = compute(cell, draws=300, seed=4, method="exact")
    # Pairs solved outright have exact draws already.
    doubtful = straddles(plain.index, plain.standard_error) & (plain.draws == 0)
    assert doubtful.any()
    assert np.array_equal(refined.refined, doubtful)
    assert np.array_equal(refined.index[~doubtful], plain.index[~doubtful])
    assert np.array_equal(refined.at_least_observed[doubtful], exact.at_least_observed[doubtful])
    assert (refined.standard_error[doubtful] < plain.standard_error[doubtful]).all()
    low, high = np.minimum(plain.index, exact.index), np.maximum(plain.index, exact.index)
    assert ((refined.index >= low - 1e-12) & (refined.index <= high + 1e-12)).all()
    # A budget of less than one lot of draws buys nothing.
    assert not compute(cell, draws=300, seed=4, method="calibrated", refine=1.0).refined.any()


@pytest.mark.parametrize("squared", [True, False])
def test_cuts_are_lower_bounds_of_the_exact_costs(squared):
    cell = clustered_cell(3)
    cost = "sqeuclidean" if squared else "euclidean"
    sites = find_sites(cell)
    shared = prepare_surrogate(cell, sites, IndexSettings(draws=60, method="calibrated", cost=cost))
    for pool in shared.pools[::4]:
        site, firms = sites.industry(6)
        args = sites.x[site], sites.y[site], firms, sites.x[pool.sites], sites.y[pool.sites]
        solved = np.arange(8)
        costs, mean, largest = solve_and_cut(
            *args, pool.members, solved, np.zeros(len(site)), squared
        )
        rows = np.array([np.flatnonzero(sites.of_firm == s)[0] for s in pool.sites])
        exact = costs_to_draws(sites, 6, rows[pool.members].astype(np.int32), cost)
        assert np.allclose(costs, exact[:8], rtol=1e-10)
        assert (largest <= exact * (1 + 1e-10)).all()
        assert (mean <= largest + 1e-9).all()
        assert np.corrcoef(largest, exact)[0, 1] > 0.3


def test_calibrated_null_follows_the_exact_null():
    cell = clustered_cell(1)
    sites = find_sites(cell)
    chosen = IndexSettings(draws=1000, method="calibrated")
    shared = prepare_surrogate(cell, sites, chosen)
    found = calibrate(sites, shared, 5, True)
    g = int(np.flatnonzero(shared.sizes >= 12)[0])
    rows = np.array([np.flatnonzero(sites.of_firm == s)[0] for s in shared.pools[g].sites])
    exact = costs_to_draws(sites, 5, rows[shared.pools[g].members].astype(np.int32), "sqeuclidean")
    levels = [0.05, 0.5, 0.95]
    assert (
        np.abs(np.quantile(found.quantiles[g], levels) - np.quantile(exact, levels)).max()
        < 0.15 * exact.std()
    )


def test_regression_is_weighted_ridge_towards_the_surrogate():
    """Against the normal equations in numpy, of rows scaled by the roots of their weights."""
    rng = np.random.default_rng(6)
    sizes, draws, ridge = np.array([10, 13, 17]), 40, 0.008
    features = rng.normal(100, 5, (3, draws, 1)) + rng.normal(0, 1, (3, draws, 3))
    solved = np.array([rng.choice(draws, 6, replace=False) for _ in sizes])
    costs = np.take_along_axis(features.mean(axis=2), solved, 1) + rng.normal(0, 0.3, (3, 6))
    weights = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]])
    number, solves = np.full(3, draws), np.full(3, 6)
    predicted, residual_sd, error, left = regress(
        features, number, solved, costs, solves, sizes, weights, ridge, 8
    )
    spread = features[:, :, 0].std(axis=1)
    for g in range(3):
        near = np.flatnonzero(weights[g])
        centre, unit = features[g, :, 0].mean(), spread[g]
        rows = np.concatenate([(features[i, solved[i]] - centre) / unit for i in near])
        apart = np.repeat(np.log(sizes[near] / sizes[g]), 6)
        x = np.column_stack([np.ones(len(rows)), apart, rows])
        y = (np.concatenate([costs[i] for i in near]) - centre) / unit
        root = np.sqrt(np.repeat(weights[g, near] * (unit / spread[near]) ** 2, 6))
        pull = np.sqrt(ridge) * np.diag([0.0, 1, 1, 1, 1])
        stacked = np.vstack([x * root[:, None], pull])
        wanted = np.concatenate([y * root, pull @ [0, 0, 1, 0, 0]])
        beta = np.linalg.lstsq(stacked, wanted, rcond=None)[0]
        every = (features[g] - centre) / unit
        expected = (beta[0] + every @ beta[2:]) * unit + centre
        assert np.allclose(predicted[g], np.sort(expected), rtol=1e-8)
        own = (costs[g] - centre) / unit - beta[0] - every[solved[g]] @ beta[2:]
        assert np.allclose(left[g] * residual_sd[g], own * unit, rtol=1e-6, atol=1e-8)
    assert (error > 0).all()
    assert (error < 3 * residual_sd[:, None]).all()


def test_spread_residuals_are_quantiles_of_all_sums():
    rng = np.random.default_rng(2)
    predicted = np.sort(rng.normal(50, 9, (2, 30)), axis=1)
    number, sd, shape = np.array([30, 20]), np.array([2.0, 0.5]), np.array([-1.3, -0.3, 0.4, 1.2])
    found = spread_residuals(predicted, number, sd, shape, 80)
    for g in range(2):
        sums = np.sort((predicted[g, : number[g], None] + sd[g] * shape).ravel())
        levels = (np.arange(80) + 0.5) / 80
        assert np.array_equal(found[g], sums[(levels * len(sums)).astype(int)])


def test_size_grid_covers_the_sizes_and_is_no_longer_than_needed():
    grid = size_grid(np.array([1, 2, 3, 369, 40, 41]))
    assert grid.tolist() == [2, 3, 40, 41, 369]
    grid = size_grid(np.arange(1, 1075))
    assert grid[0] == 2
    assert grid[-1] == 1074
    assert np.all(np.diff(np.log(grid[grid > 12])) < np.log(1.3))
    assert size_grid(np.array([1, 1])).tolist() == []


def test_smoothing_reproduces_quadratics_in_log_size():
    sizes = size_grid(np.arange(1, 400))
    wanted = np.array([2, 7, 31, 150, 399])
    for power in range(3):
        values = np.log(sizes) ** power
        assert np.allclose(smoothing_weights(sizes, wanted) @ values, np.log(wanted) ** power)


def test_reference_cells_share_the_pool_and_pile_ups_stay_whole():
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal(size=(600, 2)), np.zeros((200, 2))])
    sites = find_sites(Cell("c", points, np.zeros(800, np.int32), ("100",)))
    reference = find_reference(sites)
    assert reference.firms.sum() == 800
    assert reference.firms.max() < 230
    assert np.allclose(reference.x @ reference.firms, sites.x[sites.of_firm].sum())


def test_preparing_in_threads_gives_the_same_bits():
    cell = clustered_cell(2)
    chosen = IndexSettings(draws=50, method="calibrated")
    one, two = prepare_cell(cell, chosen), prepare_cell(cell, chosen, threads=2)
    for a, b in zip(one.surrogate.pools, two.surrogate.pools, strict=True):
        assert a.embedding.tobytes() == b.embedding.tobytes()
        assert a.members.tobytes() == b.members.tobytes()
    assert (
        index_block(cell, one, chosen, [2]).index.tobytes()
        == index_block(cell, two, chosen, [2]).index.tobytes()
    )
