"""Longitude and latitude to kilometres in the plane of one agglomeration.

The azimuthal equidistant projection about the agglomeration's centre, with its scale balanced
between the smallest and the largest distortion inside the points' radius, has the smallest worst
relative error of distance among the projections usual for one region: 1.85e-4 over a disc 600 km
across, against 2.8e-4 (oblique stereographic), 3.1e-4 (Lambert azimuthal equal-area), 5.5e-4
(transverse Mercator and Lambert conformal conic), all with balanced scale; ``bench/index
projection`` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import Transformer

from coagg.errors import CoaggError

EARTH_RADIUS_KM = 6371.0088
CENTRE_DECIMALS = 2


@dataclass(frozen=True)
class ProjectionInfo:
    """How points were projected.

    Attributes
    ----------
    definition
        PROJ string of the unscaled projection, metres.
    centre
        Longitude and latitude of the centre, degrees.
    scale
        Factor on projected distances that balances the distortion; 1 at a single point.
    radius_km
        Distance of the farthest point from the centre.
    worst_relative_error
        Bound on the relative error of any distance between two points, (radius / R)^2 / 12.
    """

    definition: str
    centre: tuple[float, float]
    scale: float
    radius_km: float
    worst_relative_error: float


def bounding_box_centre(lon: np.ndarray, lat: np.ndarray) -> tuple[float, float]:
    """Mid-point of the points' bounding box, rounded to 0.01 degree.

    Rounding keeps the centre, and so every projected kilometre, the same when the same firms are
    loaded again in another order or with noise in the last decimals.

    >>> bounding_box_centre(np.array([104.0, 104.5]), np.array([30.001, 31.003]))
    (104.25, 30.5)
    """
    return (
        round((float(np.min(lon)) + float(np.max(lon))) / 2, CENTRE_DECIMALS),
        round((float(np.min(lat)) + float(np.max(lat))) / 2, CENTRE_DECIMALS),
    )


def project_km(
    lon: np.ndarray, lat: np.ndarray, centre: tuple[float, float] | None = None
) -> tuple[np.ndarray, ProjectionInfo]:
    """Project WGS-84 degrees to kilometres about a centre.

    Parameters
    ----------
    lon, lat
        (n,) degrees, WGS-84, n >= 1.
    centre
        (lon, lat) in degrees; default :func:`bounding_box_centre` of the points.

    Returns
    -------
    points, info
        (n, 2) float64 kilometres east and north of the centre, and what was done.

    Raises
    ------
    CoaggError
        Lengths differ, no points, or a coordinate is missing or outside its range.

    Examples
    --------
    >>> points, info = project_km(np.array([104.0, 105.0]), np.array([30.0, 30.0]))
    >>> points.round(2).tolist(), info.centre
    ([[-48.24, 0.11], [48.24, 0.11]], (104.5, 30.0))
    """
    lon = np.asarray(lon, dtype=np.float64)
    lat = np.asarray(lat, dtype=np.float64)
    if lon.ndim != 1 or lon.shape != lat.shape or len(lon) == 0:
        raise CoaggError(
            f"longitude and latitude must be two equal lists of at least one number, "
            f"not of shapes {lon.shape} and {lat.shape}"
        )
    bad = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    if bad.any():
        row = int(bad.argmax())
        raise CoaggError(
            f"{int(bad.sum())} coordinates are missing or out of range, first at row {row} "
            f"({lon[row]}, {lat[row]}); leave them out or correct them"
        )
    if centre is None:
        centre = bounding_box_centre(lon, lat)
    definition = f"+proj=aeqd +lat_0={centre[1]} +lon_0={centre[0]} +ellps=WGS84 +units=m +no_defs"
    transformer = Transformer.from_crs("EPSG:4326", definition, always_xy=True)
    x, y = transformer.transform(lon, lat)
    points = np.column_stack([x, y]) / 1000.0
    radius = float(np.hypot(points[:, 0], points[:, 1]).max())
    # Distances are true along radii and up to (r / R)^2 / 6 too long across: split the difference.
    worst = (radius / EARTH_RADIUS_KM) ** 2 / 12
    scale = 1.0 / (1.0 + worst)
    info = ProjectionInfo(definition, centre, scale, radius, worst)
    return points * scale, info
