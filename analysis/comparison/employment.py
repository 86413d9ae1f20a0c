"""Indices from employment by area and industry, without coordinates.

A value that the formula leaves undefined (one area only, an industry without employment, one plant)
is NaN, never 0.
"""

from typing import Literal

import numpy as np

from coagg.analysis.comparison.inputs import checked_codes, checked_employment
from coagg.errors import CoaggError

Aggregate = Literal["mean", "share"]


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient, NaN where the denominator is not positive."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 1e-15)


def _shares(employment: np.ndarray, aggregate: Aggregate) -> tuple[np.ndarray, np.ndarray]:
    """Shares of each industry over areas (M, J), and those of the whole economy (M,)."""
    table = checked_employment(employment)
    shares = _divide(table, table.sum(axis=0))
    if aggregate == "mean":
        present = ~np.isnan(shares[0])
        if not present.any():
            raise CoaggError("no industry has employment")
        return shares, shares[:, present].mean(axis=1)
    if aggregate == "share":
        return shares, _divide(table.sum(axis=1), table.sum())
    raise CoaggError(f"aggregate is {aggregate!r}: give 'mean' or 'share'")


def employment_table(
    employment: np.ndarray, area: np.ndarray, industry: np.ndarray, industries: int
) -> np.ndarray:
    """Sum employment of N firms by area and industry: (M, J), areas in sorted order of label.

    `employment` (N,) persons, `area` (N,) labels, `industry` (N,) positions 0..J-1, or -1 for firms
    to leave out. Raises CoaggError when lengths differ or a value is negative or missing.

    >>> employment_table(
    ...     np.array([5, 2, 3]), np.array(["a", "b", "a"]), np.array([0, 1, 1]), 2
    ... ).tolist()
    [[5.0, 3.0], [0.0, 2.0]]
    """
    weights = np.asarray(employment, dtype=float)
    codes = checked_codes(industry, len(weights), industries)
    labels, position = np.unique(np.asarray(area), return_inverse=True)
    if position.shape != weights.shape:
        raise CoaggError(f"{len(position)} areas for {len(weights)} firms: give one for each firm")
    cells = np.zeros((len(labels), industries))
    inside = codes >= 0
    np.add.at(cells, (position[inside], codes[inside]), weights[inside])
    return checked_employment(cells)


def ellison_glaeser_kerr(employment: np.ndarray, aggregate: Aggregate = "mean") -> np.ndarray:
    """Pairwise coagglomeration of Ellison, Glaeser and Kerr (2010, eq. 1): (J, J), symmetric.

    `employment` (M areas, J industries). x_m is the mean of the industries' shares of area m
    (`aggregate='mean'`, as in that paper) or the area's share of all employment (`'share'`).
    The diagonal holds the same formula for an industry with itself, which is not an index.

    >>> ellison_glaeser_kerr(np.array([[8, 8, 0], [2, 2, 10]])).round(3).tolist()
    [[0.286, 0.286, -0.571], [0.286, 0.286, -0.571], [-0.571, -0.571, 1.143]]
    """
    shares, x = _shares(employment, aggregate)
    excess = shares - x[:, None]
    return _divide(excess.T @ excess, np.asarray(1.0 - (x**2).sum()))


def plant_herfindahl(employment: np.ndarray, industry: np.ndarray, industries: int) -> np.ndarray:
    """Herfindahl index of firm sizes of each industry: (J,), from N firms; NaN without employment.

    `employment` (N,) persons, `industry` (N,) positions 0..J-1.

    >>> plant_herfindahl(np.array([1, 1, 2]), np.array([0, 0, 1]), 2).tolist()
    [0.5, 1.0]
    """
    weights = np.asarray(employment, dtype=float)
    codes = checked_codes(industry, len(weights), industries)
    codes, weights = codes[codes >= 0], weights[codes >= 0]
    total = np.bincount(codes, weights=weights, minlength=industries)
    squares = np.bincount(codes, weights=weights**2, minlength=industries)
    return _divide(squares, total**2)


def ellison_glaeser(
    employment: np.ndarray, plant_herfindahl: np.ndarray, aggregate: Aggregate = "share"
) -> np.ndarray:
    """Agglomeration of each industry, Ellison and Glaeser (1997): (J,).

    `employment` (M areas, J industries), `plant_herfindahl` (J,) in (0, 1]. NaN for an industry
    with one plant (H = 1) and where all employment is in one area.

    >>> ellison_glaeser(np.array([[8, 1], [2, 9]]), np.array([0.1, 0.1])).round(3).tolist()
    [0.439, 0.439]
    """
    shares, x = _shares(employment, aggregate)
    herfindahl = np.asarray(plant_herfindahl, dtype=float)
    if herfindahl.shape != (shares.shape[1],):
        raise CoaggError(f"plant_herfindahl must hold {shares.shape[1]} values, one an industry")
    raw = ((shares - x[:, None]) ** 2).sum(axis=0)
    scaled = _divide(raw, np.asarray(1.0 - (x**2).sum()))
    return _divide(scaled - herfindahl, 1.0 - herfindahl)


def location_quotient(employment: np.ndarray) -> np.ndarray:
    """Location quotient (E_jc / E_c) / (E_j / E): (M, J), from employment or output (M, J).

    Totals run over the rows given, so give all agglomerations at once.

    >>> location_quotient(np.array([[3, 1], [1, 3]])).tolist()
    [[1.5, 0.5], [0.5, 1.5]]
    """
    table = checked_employment(employment)
    share_here = _divide(table, table.sum(axis=1, keepdims=True))
    return _divide(share_here, _divide(table.sum(axis=0), table.sum()))


def diversification(employment: np.ndarray) -> np.ndarray:
    """Inverse Herfindahl of industry shares in each area: (M,), 1 (one industry) to J (equal).

    >>> diversification(np.array([[4, 4], [8, 0]])).tolist()
    [2.0, 1.0]
    """
    table = checked_employment(employment)
    shares = _divide(table, table.sum(axis=1, keepdims=True))
    return _divide(np.ones(len(table)), (shares**2).sum(axis=1))
