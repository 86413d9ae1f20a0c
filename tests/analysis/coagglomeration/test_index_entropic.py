import numpy as np
import pytest

from coagg.analysis.coagglomeration import Cell, IndexSettings, index_block, prepare_cell
from coagg.analysis.coagglomeration.entropic import published_cost, sinkhorn_cost
from coagg.analysis.coagglomeration.transport import transport_cost
from coagg.errors import CoaggError


def small_cell(degrees=True):
    rng = np.random.default_rng(0)
    points = rng.normal(0, 60, (60, 2))
    industry = np.repeat([0, 1, 2, -1], [6, 9, 5, 40]).astype(np.int32)
    return Cell("c", points, industry, ("131", "171", "366"), points / 100 if degrees else None)


def compute(cell, **options):
    chosen = IndexSettings(draws=40, **options)
    return index_block(cell, prepare_cell(cell, chosen), chosen, [0, 1, 2])


def test_sinkhorn_approaches_exact_from_above():
    cell = small_cell()
    a, b = (cell.points_km[cell.industry == j] for j in (0, 1))
    exact = transport_cost(a, b)
    costs = [sinkhorn_cost(a, b, share * exact, "sqeuclidean") for share in (1.0, 0.1, 0.02)]
    assert costs[0] > costs[1] > costs[2] > exact * (1 - 1e-2)
    assert costs[2] == pytest.approx(exact, rel=0.05)


def test_sinkhorn_index_is_close_to_exact():
    cell = small_cell()
    exact = compute(cell, method="exact")
    entropic = compute(cell, method="sinkhorn", sinkhorn_regularisation=0.1)
    assert np.array_equal(exact.fixed, entropic.fixed)
    assert np.abs(exact.index - entropic.index).max() < 0.15
    assert (entropic.observed_cost > exact.observed_cost).all()


def test_published_arithmetic_rewards_costly_plans():
    cell = small_cell()
    a, b = (cell.points_degrees[cell.industry == j] for j in (0, 1))
    independent = np.mean(((a[:, None] - b[None]) ** 2).sum(-1))
    assert transport_cost(a, b) < independent <= published_cost(a, b)
    result = compute(cell, method="published")
    assert ((result.index >= 0) & (result.index <= 1)).all()
    assert np.allclose(result.observed_cost[0], published_cost(a, b))


def test_published_needs_degrees_and_refuses_what_overflows():
    with pytest.raises(CoaggError, match="needs the points in degrees"):
        compute(small_cell(degrees=False), method="published")
    cell = small_cell()
    far = Cell("c", cell.points_km, cell.industry, cell.industries, cell.points_km * 10)
    with pytest.raises(CoaggError, match="overflows"):
        compute(far, method="published")
