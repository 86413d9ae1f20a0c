"""The index and the comparison indices of a small cell, held by the numbers of their code."""

import numpy as np
import pytest
from support.golden import held

from coagg.analysis.cells.points import FirmPoints, treat_pile_ups
from coagg.analysis.cells.projection import project_km
from coagg.analysis.coagglomeration import Cell, IndexSettings, index_block, prepare_cell
from coagg.analysis.comparison import employment as shares
from coagg.analysis.comparison.pairs import comparison_pairs
from coagg.analysis.measurement import COMPARISON_CODE, INDEX_CODE

CODES = ("061", "131", "366", "401")


@pytest.fixture(scope="module")
def firms():
    rng = np.random.default_rng(5)
    n = 90
    lon, lat = 104 + rng.normal(0, 0.3, n), 30.6 + rng.normal(0, 0.2, n)
    lon[80:], lat[80:] = 104.0, 30.6  # a pile
    industry = rng.integers(-1, len(CODES), n)
    pile = np.arange(n) >= 80
    points = FirmPoints(np.arange(n), lon, lat, np.array([*CODES, ""])[industry], pile)
    return points, industry, rng.lognormal(3, 1, n), np.where(lon < 104, "5101", "5106")


def points_km(points, pile_ups="keep"):
    return treat_pile_ups(points, project_km(points.lon, points.lat)[0], pile_ups, 1.0)


@pytest.mark.parametrize(
    ("method", "cost", "pile_ups", "golden"),
    [
        ("exact", "sqeuclidean", "keep", "459b642575f8343aee74b6da7ff6485b"),
        ("exact", "euclidean", "drop", "636040878c1466c5f7ce1f92057dffa1"),
        ("calibrated", "sqeuclidean", "spread", "2f4f7c21cef800c8393db90d70475eae"),
        ("sinkhorn", "sqeuclidean", "keep", "13ce9b710a3b8497497d3498a1cb95f6"),
        ("published", "sqeuclidean", "keep", "a72b0d52cdcfadd245bb53ca00e45fe2"),
    ],
)
def test_index(firms, method, cost, pile_ups, golden):
    points, industry, _, _ = firms
    stays, moved = points_km(points, pile_ups)
    degrees = np.column_stack((points.lon, points.lat))[stays] if method == "published" else None
    cell = Cell(
        "CN/2010/CY",
        np.ascontiguousarray(moved[stays]),
        industry[stays].astype(np.int32),
        CODES,
        points_degrees=degrees,
    )
    chosen = IndexSettings(method=method, cost=cost, draws=60, seed=3)
    found = index_block(cell, prepare_cell(cell, chosen), chosen, range(len(CODES)))
    results = [
        np.asarray(getattr(found, name)).tolist()
        for name in ("fixed", "redrawn", "fixed_firms", "redrawn_firms", "observed_cost",
                     "null_mean", "null_sd", "index", "standard_error", "draws")
    ]  # fmt: skip
    held(results, INDEX_CODE, "INDEX_CODE", (1, golden))


def test_comparison(firms):
    points, industry, persons, area = firms
    _, moved = points_km(points)
    found = comparison_pairs(moved, industry, CODES, persons, area, draws=60, seed=3)
    number = len(CODES)
    herfindahl = shares.plant_herfindahl(persons, industry, number)
    table = shares.employment_table(persons, area, industry, number)
    totals = np.arange(1.0, 13).reshape(3, 4)
    results = [
        {name: np.asarray(column).tolist() for name, column in found.items()},
        herfindahl.tolist(),
        shares.ellison_glaeser(table, herfindahl).tolist(),
        shares.location_quotient(totals).tolist(),
        np.asarray(shares.diversification(totals)).tolist(),
    ]
    held(results, COMPARISON_CODE, "COMPARISON_CODE", (1, "9d4703bc6bfc9d62554a6fcbc549ed7e"))
