import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from coagg.analysis.coagglomeration.transport import (
    COSTS,
    merge_sites,
    transport_cost,
    transport_plan,
)
from coagg.errors import CoaggError


def reference(a, b, cost):
    weights = np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b))
    return ot.emd2(*weights, cdist(a, b, cost), numItermax=10_000_000)


def measure(rng, size, kind):
    if kind == "lattice":
        return rng.integers(0, 5, (size, 2)).astype(float)
    if kind == "pile":
        return rng.normal(0, 100, (max(1, size // 4), 2))[rng.integers(0, max(1, size // 4), size)]
    if kind == "line":
        return np.column_stack([rng.normal(0, 100, size), np.full(size, 3.0)])
    return rng.normal(0, 100, (size, 2))


@pytest.mark.parametrize("cost", COSTS)
def test_reference_value(cost):
    a = np.array([[0.0, 0], [1, 0]])
    b = np.array([[0.0, 0], [1, 0], [2, 0]])
    assert transport_cost(a, b, cost) == 0.5


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 40),
    m=st.integers(1, 40),
    kinds=st.tuples(*[st.sampled_from(["plain", "lattice", "pile", "line"])] * 2),
    cost=st.sampled_from(COSTS),
)
def test_equals_pot_and_is_symmetric_to_the_last_bit(seed, n, m, kinds, cost):
    rng = np.random.default_rng(seed)
    a, b = measure(rng, n, kinds[0]), measure(rng, m, kinds[1])
    value = transport_cost(a, b, cost)
    scale = cdist(a, b, cost).max()
    assert value == pytest.approx(reference(a, b, cost), rel=1e-9, abs=1e-12 * scale)
    assert value == transport_cost(b, a, cost)


@pytest.mark.parametrize(("n", "m"), [(400, 400), (397, 150), (60, 900)])
@pytest.mark.parametrize("cost", COSTS)
def test_equals_pot_on_large_problems(n, m, cost):
    rng = np.random.default_rng(n)
    a, b = measure(rng, n, "pile"), measure(rng, m, "plain")
    assert transport_cost(a, b, cost) == pytest.approx(reference(a, b, cost), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    m=st.integers(1, 30),
    cost=st.sampled_from(COSTS),
)
def test_plan_is_a_coupling_and_its_dual_proves_it_optimal(seed, n, m, cost):
    rng = np.random.default_rng(seed)
    a, b = measure(rng, n, "pile"), measure(rng, m, "lattice")
    plan = transport_plan(a, b, cost)
    (xa, wa), (xb, wb) = merge_sites(a), merge_sites(b)
    arcs = cdist(xa, xb, cost)
    assert np.allclose(np.bincount(plan.source, plan.share, len(xa)), wa / n)
    assert np.allclose(np.bincount(plan.target, plan.share, len(xb)), wb / m)
    assert plan.share.min() > 0
    assert (plan.share * arcs[plan.source, plan.target]).sum() == pytest.approx(
        plan.cost, rel=1e-12, abs=1e-12
    )
    slack = arcs - plan.source_potential[:, None] - plan.target_potential[None, :]
    assert slack.min() > -1e-10 * max(1.0, arcs.max())
    assert abs(plan.gap) < 1e-10 * max(1.0, arcs.max())


def test_closed_forms():
    b = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    assert transport_cost(np.zeros((1, 2)), b) == pytest.approx(25 / 3)
    assert transport_cost(np.zeros((5, 2)), b, "euclidean") == pytest.approx(5 / 3)
    assert transport_cost(b, b) == 0.0
    # Squared cost between shifted copies is the squared shift.
    c = np.random.default_rng(3).normal(size=(50, 2))
    assert transport_cost(c, c + np.array([3.0, 4.0])) == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("a", "cost", "message"),
    [
        ([[0.0, np.nan]], "sqeuclidean", "not finite"),
        (np.zeros((0, 2)), "sqeuclidean", "n >= 1"),
        ([[0.0, 1.0, 2.0]], "sqeuclidean", r"\(n, 2\)"),
        ([[0.0, 1.0]], "manhattan", "use one of: sqeuclidean, euclidean"),
    ],
)
def test_bad_input_is_refused_in_one_line(a, cost, message):
    with pytest.raises(CoaggError, match=message):
        transport_cost(np.asarray(a), np.zeros((1, 2)), cost)
