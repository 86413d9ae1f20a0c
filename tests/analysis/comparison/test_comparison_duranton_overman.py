import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import gaussian_kde

from coagg.analysis.comparison import duranton_overman as do
from coagg.errors import CoaggError

A = np.array([[0, 3, 7, 11, 14, 2, 9, 16, 5, 12], [1, 8, 4, 13, 6, 15, 10, 2, 12, 9]]).T
B = np.array(
    [[1, 4, 6, 10, 15, 3, 8, 13, 20, 18, 11, 7], [2, 7, 5, 12, 8, 14, 11, 3, 16, 1, 10, 9]]
).T
# Annual precipitation of 70 US cities, R's `precip`.
PRECIP = np.array(
    [67.0, 54.7, 7.0, 48.5, 14.0, 17.2, 20.7, 13.0, 43.4, 40.2, 38.9, 54.5, 59.8, 48.3, 22.9, 11.5,
     34.4, 35.1, 38.7, 30.8, 30.6, 43.1, 56.8, 40.8, 41.8, 42.5, 31.0, 31.7, 30.2, 25.9, 49.2, 37.0,
     35.9, 15.0, 30.2, 7.2, 36.2, 45.5, 7.8, 33.4, 36.1, 40.2, 42.7, 42.5, 16.2, 39.0, 35.0, 37.0,
     31.4, 37.6, 39.9, 36.2, 42.8, 46.4, 24.7, 49.1, 46.0, 35.9, 7.8, 48.2, 15.2, 32.5, 44.7, 42.6,
     38.8, 17.4, 40.8, 29.1, 14.6, 59.2]
)  # fmt: skip


def town_pool(seed: int = 0, firms: int = 400) -> np.ndarray:
    rng = np.random.default_rng(seed)
    towns = rng.uniform(0, 200, (6, 2))
    spread = rng.uniform(0, 200, (firms // 2, 2))
    gathered = towns[rng.integers(0, 6, firms // 2)] + rng.normal(0, 8, (firms // 2, 2))
    return np.concatenate([spread, gathered])


def test_bandwidth_and_density_equal_those_of_r() -> None:
    """R 4.2.2: bw.nrd0(precip), bw.nrd0(D), and 2 density(c(D, -D), bw) at 0, 1, 3, 6, 9, 12."""
    assert do.silverman_bandwidth_km(PRECIP) == pytest.approx(3.847892243)
    distances = cdist(A, B)
    bandwidth = do.silverman_bandwidth_km(distances)
    assert bandwidth == pytest.approx(1.682010343)
    density = do.k_density(distances, np.array([0, 1, 3, 6, 9, 12]), bandwidth)
    of_r = [0.0345361073, 0.03796824891, 0.05255540207, 0.07331712418, 0.06994343066, 0.05824290105]
    assert density == pytest.approx(of_r, rel=1e-4)  # R bins and interpolates


def test_density_equals_scipy_on_mirrored_distances_and_integrates_to_one() -> None:
    distances = cdist(A, B).ravel()
    mirrored = np.concatenate([distances, -distances])
    at = np.linspace(0, 60, 2001)
    scipy_kde = gaussian_kde(mirrored, bw_method=1.5 / mirrored.std(ddof=1))
    density = do.k_density(distances, at, 1.5)
    assert density == pytest.approx(2 * scipy_kde(at), rel=1e-9, abs=1e-300)
    assert np.trapezoid(density, at) == pytest.approx(1, abs=1e-6)


def test_binned_curves_are_within_half_a_percent_of_the_exact_sum() -> None:
    points = town_pool()
    result = do.duranton_overman(points, np.arange(40), np.arange(200, 250), draws=20)
    exact = do.k_density(
        cdist(points[:40], points[200:250]), result.distance_km, result.bandwidth_km
    )
    assert np.abs(result.k_density - exact).max() < 0.005 * exact.max()
    assert result.bandwidth_km == pytest.approx(
        do.silverman_bandwidth_km(cdist(points[:40], points[200:250])), rel=0.01
    )
    assert result.distance_km[-1] == do.pool_distances(points).median_km


@pytest.mark.parametrize(("n_a", "n_b"), [(3, 2), (10, 8), (40, 30)])
def test_interpolating_over_bandwidths_is_exact_enough(n_a: int, n_b: int) -> None:
    points, rng = town_pool(1), np.random.default_rng(2)
    engine = do._Engine(points, np.array([n_b, n_a]), 1, 0)
    drawn = [rng.choice(len(points), n_a + n_b, replace=False) for _ in range(100)]
    rows = np.concatenate([engine.histogram(o[:n_a], o[n_a:]) for o in drawn])
    alone = np.stack([engine.curves(row[None])[:, 0] for row in rows], axis=1)
    assert np.abs(engine.curves(rows) - alone).max() < 0.02 * alone.max()


def test_global_envelope_is_crossed_by_at_most_5_percent_and_holds_the_local_one() -> None:
    rng = np.random.default_rng(0)
    curves = np.cumsum(rng.normal(size=(do.GRID, 1000)), axis=0)
    envelope = do._Envelope(curves)
    above = (curves > envelope.upper[:, None]).any(axis=0).mean()
    below = (curves < envelope.lower[:, None]).any(axis=0).mean()
    assert 0.035 <= above <= 0.05
    assert 0.035 <= below <= 0.05
    low, high = envelope.local()
    assert (envelope.upper >= high).all()
    assert (envelope.lower <= low).all()


def test_random_industries_are_localised_about_5_percent_of_the_time() -> None:
    points = town_pool(3)
    off = ~np.eye(40, dtype=bool)
    near, apart = [], []
    for seed in range(6):
        labels = np.random.default_rng(seed).permutation(np.arange(400) % 40)
        result = do.duranton_overman_pairs(points, labels, 40, draws=400, seed=seed)
        near.append((result.value[off] > 0).mean())
        apart.append((result.value[off] < 0).mean())
        assert ((result.value[off] > 0) == (result.p_value[off] <= 0.05)).mean() > 0.98
    assert 0.03 < np.mean(near) < 0.075
    assert 0.03 < np.mean(apart) < 0.075


def test_planted_pairs_are_found_and_a_pair_equals_the_matrix() -> None:
    rng = np.random.default_rng(7)
    near = rng.normal([50, 50], 4, (60, 2))
    far = rng.normal([180, 180], 4, (20, 2))
    points = np.concatenate([near, far, town_pool(5, 300)])
    labels = np.concatenate(
        [np.zeros(30, int), np.ones(30, int), np.full(20, 2), 3 + np.arange(300) % 5]
    )
    result = do.duranton_overman_pairs(points, labels, 8, draws=300, seed=4)
    assert np.array_equal(result.value, result.value.T, equal_nan=True)
    assert np.isnan(np.diag(result.value)).all()
    assert result.value[0, 1] > 0.2
    assert result.value[0, 2] < -0.2
    assert result.p_value[0, 1] == pytest.approx(1 / 301)
    for one, other in ((0, 1), (0, 2), (2, 3)):
        pair = do.duranton_overman(
            points,
            np.flatnonzero(labels == one),
            np.flatnonzero(labels == other),
            draws=300,
            seed=4,
        )
        assert pair.localisation - pair.dispersion == pytest.approx(
            result.value[one, other], abs=0.004
        )
        assert pair.global_envelope.shape == pair.local_envelope.shape == (2, do.GRID)
        assert (pair.global_envelope[1] >= pair.global_envelope[0]).all()


def test_moving_and_turning_all_points_changes_nothing() -> None:
    points = town_pool(9, 120)
    labels = np.arange(120) % 6
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    one = do.duranton_overman_pairs(points, labels, 6, draws=100)
    two = do.duranton_overman_pairs(points @ turn + 1000, labels, 6, draws=100)
    assert one.value == pytest.approx(two.value, abs=0.01, nan_ok=True)


def test_large_industries_are_thinned_and_pools_sampled() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (3000, 2))
    labels = np.where(np.arange(3000) < 2800, 0, 1)
    result = do.duranton_overman_pairs(points, labels, 2, draws=20, max_firms=60)
    assert np.isfinite(result.value[0, 1])
    whole = np.median(cdist(points, points)[np.triu_indices(3000, 1)])
    assert do.pool_distances(points).median_km == pytest.approx(whole, rel=0.02)


def test_nothing_to_test_is_nan() -> None:
    heap = do.duranton_overman_pairs(np.ones((10, 2)), np.arange(10) % 2, 2, draws=10)
    assert np.isnan(heap.value).all()
    lonely = do.duranton_overman_pairs(town_pool(), np.zeros(400, int), 3, draws=10)
    assert np.isnan(lonely.value).all()
    two_firms = do.duranton_overman_pairs(np.array([[0.0, 0], [3, 4]]), np.arange(2), 2, draws=10)
    assert np.isnan(two_firms.value).all()


def test_industries_of_one_firm_and_two_that_are_the_whole_pool_are_defined() -> None:
    points = town_pool(2, 40)
    singles = do.duranton_overman_pairs(points, np.arange(40), 40, draws=40)
    assert np.isfinite(singles.value[~np.eye(40, dtype=bool)]).all()
    halves = do.duranton_overman_pairs(points, np.arange(40) % 2, 2, draws=40)
    assert np.isfinite(halves.value[0, 1])


@pytest.mark.parametrize(
    ("points", "a", "b", "draws", "words"),
    [
        (town_pool(), np.arange(3), np.arange(2, 5), 10, "share none"),
        (town_pool(), np.arange(3), np.arange(0), 10, "each hold a firm"),
        (town_pool(), np.arange(3), np.arange(3, 5), 0, "draws is 0"),
        (np.ones((8, 2)), np.arange(3), np.arange(3, 5), 10, "distances or more are 0"),
        (np.full((8, 2), np.inf), np.arange(3), np.arange(3, 5), 10, "not finite"),
    ],
)
def test_faulty_input_is_refused(points, a, b, draws, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CoaggError, match=words):
        do.duranton_overman(points, a, b, draws=draws)
