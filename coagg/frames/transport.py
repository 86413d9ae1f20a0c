"""`coagg.transport_cost`: the exact cost between two sets of points."""

from __future__ import annotations

from typing import TypeAlias

import geopandas
import numpy as np
from numpy.typing import ArrayLike

from coagg.analysis.cells.projection import project_km
from coagg.analysis.coagglomeration import transport
from coagg.errors import CoaggError
from coagg.frames import checks

Points: TypeAlias = ArrayLike | geopandas.GeoSeries | geopandas.GeoDataFrame


def transport_cost(a: Points, b: Points, cost: str = "sqeuclidean") -> float:
    """Exact optimal-transport cost between the uniform measures on two sets of points.

    Parameters
    ----------
    a, b : (n, 2) and (m, 2) arrays of kilometres in a plane, or GeoSeries (GeoDataFrame) of points
        Two of the same kind. Those with a CRS are projected together, about their common middle.
    cost : {"sqeuclidean", "euclidean"}
        Squared distance or distance.

    Returns
    -------
    float
        Least mean cost of moving one measure to the other, km2 or km; the same both ways.

    Raises
    ------
    CoaggError
        For points that are empty, not finite, or of two kinds.

    References
    ----------
    Billings, S. B., & Johnson, E. B. (2016). Agglomeration within an urban area. Journal of Urban
    Economics, 91, 13-25.

    Examples
    --------
    >>> import coagg
    >>> coagg.transport_cost([(0, 0), (1, 0)], [(0, 3), (1, 4)])
    12.5
    """
    checks.one_of("cost", cost, transport.COSTS)
    geographic = [isinstance(p, geopandas.GeoSeries | geopandas.GeoDataFrame) for p in (a, b)]
    if any(geographic) and not all(geographic):
        raise CoaggError("transport_cost: give two GeoSeries, or two arrays of kilometres")
    if not any(geographic):
        return transport.transport_cost(_array(a, "a"), _array(b, "b"), cost)
    (lon_a, lat_a), (lon_b, lat_b) = checks.degrees(a, "a"), checks.degrees(b, "b")
    both, _ = project_km(np.concatenate([lon_a, lon_b]), np.concatenate([lat_a, lat_b]))
    return transport.transport_cost(both[: len(lon_a)], both[len(lon_a) :], cost)


def _array(points: Points, name: str) -> np.ndarray:
    try:
        return transport.as_points(np.asarray(points, dtype=np.float64), name)
    except (TypeError, ValueError):
        raise CoaggError(
            f"{name}: give an (n, 2) array of kilometres, or a GeoSeries of points"
        ) from None
