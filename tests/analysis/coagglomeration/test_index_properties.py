"""Properties of the index on random cells, the calibrated method's and the direction's included."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure
from tests.analysis.coagglomeration.test_index_exact import compute, make_cell, matrix

SEEDS = st.integers(0, 2**31)
# More sites than are solved exactly outright, so that the calibrated method is really calibrated.
SIZES = [3, 6, 9, 9, 17, 30]
POOL = 400


def random_cell(seed, key="random"):
    rng = np.random.default_rng(seed)
    towns = rng.uniform(-150, 150, (9, 2))
    points = towns[rng.integers(0, 9, POOL)] + rng.normal(0, 12, (POOL, 2))
    industry = np.full(POOL, -1)
    industry[rng.permutation(POOL)[: sum(SIZES)]] = np.repeat(np.arange(len(SIZES)), SIZES)
    return make_cell(points, industry, key)


def calibrated(cell, **options):
    found = compute(cell, **{"draws": 100, "method": "calibrated", **options})
    assert (found.draws == 0).any(), "nothing was calibrated"
    return found


@settings(max_examples=10, deadline=None)
@given(
    seed=SEEDS,
    angle=st.floats(0, 6.28),
    east=st.floats(-500, 500),
    north=st.floats(-500, 500),
    scale=st.floats(0.1, 10),
)
def test_calibrated_stays_within_its_error_when_points_are_moved(seed, angle, east, north, scale):
    """The same draws get slightly other predictions: what is exact stays, the rest nearly.

    The surrogate's reference is cut along the axes, and where both sizes have a common divisor the
    lower bounds depend on which of several optimal dual solutions rounding leads to.
    """
    cell = random_cell(seed)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = cell.points_km @ turn.T + [east, north]
    plain = calibrated(cell)
    moved = calibrated(make_cell(points, cell.industry, cell.key))
    assert np.allclose(moved.observed_cost, plain.observed_cost * scale**2, rtol=1e-8)
    solved = plain.draws > 0
    assert np.array_equal(moved.index[solved], plain.index[solved])
    z = (moved.index - plain.index)[~solved] / plain.standard_error[~solved]
    assert np.sqrt(np.mean(z**2)) < 0.6


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, order=st.permutations(range(len(SIZES))))
def test_calibrated_permutes_when_industries_are_renamed(seed, order):
    plain = random_cell(seed)
    renamed = np.where(plain.industry >= 0, np.array(order)[plain.industry], -1)
    other = make_cell(plain.points_km, renamed, plain.key)
    at = np.ix_(order, order)
    for field in ("observed_cost", "index", "standard_error"):
        before = matrix(plain, calibrated(plain), field)
        after = matrix(other, calibrated(other), field)
        assert np.array_equal(before, after[at], equal_nan=True), field


def one_way_and_two_way(seed, copies):
    """B has half its firms on A: one-way. C and D share three towns evenly: two-way."""
    rng = np.random.default_rng(seed)
    a = rng.normal([40, 40], 3, (30, 2))
    b = np.vstack([rng.normal([40, 40], 3, (25, 2)), rng.uniform(-100, 100, (25, 2))])
    towns = np.array([[-60, 60], [-60, -60], [50, -70]])
    c, d = (towns[np.arange(42) % 3] + rng.normal(0, 2, (42, 2)) for _ in range(2))
    points = np.vstack([a, b, c, d, rng.uniform(-100, 100, (500, 2))])
    industry = np.repeat([0, 1, 2, 3, -1], [30, 50, 42, 42, 500])
    return make_cell(np.repeat(points, copies, axis=0), np.repeat(industry, copies))


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, copies=st.integers(1, 3), method=st.sampled_from(["exact", "calibrated"]))
def test_duplicating_every_firm_keeps_the_sign_of_planted_patterns(seed, copies, method):
    cell = one_way_and_two_way(seed, copies)
    phi = matrix(cell, compute(cell, draws=60, method=method)) >= 0.95
    assert phi[0, 1]
    assert not phi[1, 0]
    assert phi[2, 3]
    assert phi[3, 2]


def test_calibrated_null_rate_is_five_percent():
    """Industries drawn at random: over many cells, phi(0.95) = 1 in 5% of pairs."""
    rates = np.array(
        [np.mean(calibrated(random_cell(c, f"null {c}")).index >= 0.95) for c in range(60)]
    )
    assert abs(rates.mean() - 0.05) < 3 * rates.std() / np.sqrt(len(rates)) + 0.01


@pytest.fixture
def firms(reference_db, put_firms, db_settings):
    """240 firms of 12 industries around one city."""
    rng = np.random.default_rng(8)
    lon, lat = 104 + rng.normal(0, 0.2, 240), 30.6 + rng.normal(0, 0.2, 240)
    put_firms(reference_db, 2013, lon, lat, [f"{c:03d}" for c in rng.integers(130, 142, 240)])
    return db_settings


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=SEEDS, draws=st.integers(1, 40), min_firms=st.integers(1, 18))
def test_the_other_direction_is_the_exact_transpose(firms, seed, draws, min_firms):
    found = []
    for direction in ("from-fixed", "from-redrawn"):
        chosen = IndexSettings(seed=seed, draws=draws, method="exact")
        report = measure(
            firms, IndexRequest(2013, chosen, min_firms=min_firms, direction=direction)
        )
        with database.connect(firms) as connection:
            rows = connection.execute(
                "SELECT from_industry, to_industry, index FROM coagglomeration.pair_index "
                "WHERE measurement_id = %s",
                (report.measurement_id,),
            ).fetchall()
        found.append({(j, k): index for j, k, index in rows})
    assert found[0]
    assert found[0] == {(k, j): index for (j, k), index in found[1].items()}
