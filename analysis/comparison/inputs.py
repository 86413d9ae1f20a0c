"""Checks shared by the comparison indices: what comes in is finite, of one length and not empty."""

import numpy as np

from coagg.errors import CoaggError


def checked_points(points_km: np.ndarray) -> np.ndarray:
    """Points as a float array (N, 2) in kilometres.

    Raises CoaggError when the shape is another, a coordinate is not finite or N < 2.
    """
    points = np.ascontiguousarray(points_km, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise CoaggError(f"points have shape {points.shape}: give (N, 2) projected kilometres")
    if len(points) < 2:
        raise CoaggError(f"{len(points)} firms: a comparison index needs at least two")
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        raise CoaggError(
            f"point {int(np.flatnonzero(bad)[0])} is not finite ({int(bad.sum())} in all): "
            "leave out firms without coordinates"
        )
    return points


def checked_codes(industry: np.ndarray, firms: int, industries: int) -> np.ndarray:
    """Industry positions 0..J-1 of the N firms, or -1 for a firm in the pool only: int64 (N,).

    Raises CoaggError otherwise.
    """
    codes = np.asarray(industry)
    if codes.shape != (firms,) or not np.issubdtype(codes.dtype, np.integer):
        raise CoaggError(f"industry must hold {firms} integers, one for each point")
    if industries < 1 or codes.min() < -1 or codes.max() >= industries:
        raise CoaggError(f"industry positions must lie between -1 and {industries - 1}")
    return codes.astype(np.int64)


def checked_draws(draws: int) -> int:
    """Number of counterfactual draws; raises CoaggError below 1."""
    if draws < 1:
        raise CoaggError(f"draws is {draws}: give at least 1 (1,000 is usual)")
    return int(draws)


def checked_employment(employment: np.ndarray) -> np.ndarray:
    """Employment by area and industry as floats (M, J); raises CoaggError if negative or NaN."""
    table = np.asarray(employment, dtype=float)
    if table.ndim != 2 or table.size == 0:
        raise CoaggError(f"employment has shape {table.shape}: give (areas, industries)")
    if not np.isfinite(table).all() or (table < 0).any():
        raise CoaggError("employment holds a negative or missing value: fill it or drop the firm")
    return table
