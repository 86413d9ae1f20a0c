"""From located firms to a cell: which industries are measured, in which order."""

from __future__ import annotations

import numpy as np

from coagg.analysis.coagglomeration import Cell


def entering(industry: np.ndarray, min_firms: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Industries with `min_firms` firms or more, sorted, and each firm's place among them.

    `industry` is (N,) codes as text, '' for a firm without one. Returns the codes and (N,) int32
    places, -1 for a firm that is a possible site only.
    """
    names, counts = np.unique(industry, return_counts=True)
    industries = tuple(names[(counts >= min_firms) & (names != "")].tolist())
    number = {name: place for place, name in enumerate(industries)}
    return industries, np.array([number.get(name, -1) for name in industry], dtype=np.int32)


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
    industries, position = entering(industry, min_firms)
    return Cell(
        key=key,
        points_km=np.ascontiguousarray(points_km),
        industry=position,
        industries=industries,
        points_degrees=points_degrees,
    )
