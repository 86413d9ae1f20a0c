"""From located firms to a cell: which industries are measured, in which order."""

from __future__ import annotations

import numpy as np

from coagg.analysis.coagglomeration import Cell


def make_cell(
    key: str,
    points_km: np.ndarray,
    industry: np.ndarray,
    min_firms: int = 1,
    points_degrees: np.ndarray | None = None,
) -> Cell:
    """A cell of N firms.

    Parameters
    ----------
    key
        Name of the cell, which enters every seed.
    points_km
        (N, 2) projected kilometres, in the order of rows.
    industry
        (N,) codes as text; '' for a firm without one, which is a possible site only, as are the
        firms of industries with fewer than `min_firms`.
    points_degrees
        (N, 2) longitude and latitude, for the method 'published'.
    """
    names, counts = np.unique(industry, return_counts=True)
    industries = tuple(names[(counts >= min_firms) & (names != "")].tolist())
    number = {name: position for position, name in enumerate(industries)}
    return Cell(
        key=key,
        points_km=np.ascontiguousarray(points_km),
        industry=np.array([number.get(name, -1) for name in industry], dtype=np.int32),
        industries=industries,
        points_degrees=points_degrees,
    )
