"""Where the made economy's industries lie, and which relations follow from that.

Every agglomeration has a few parks, far from one another. A firm of industry j is, with
probability r, anywhere (towns and land, the same law for all industries); else in the park of its
industry with probability a_j (the *level* of the industry), else in a park drawn by the parks'
shares pi of all firms. The pool of all firms then is r anywhere + (1 - r) pi, and an industry of
level 0 is a random subset of it: exactly the null of the index.

Masses on parks are few, so the cost of transport between two industries, and between one and a
random draw of the pool, is solved exactly, with squared distances as in the index; 1 - r is left
out, and so are distances inside a park. Within one park, with the metric's own distance d and
D_p = sum_q pi_q d(p, q), it is |a_j - a_k| D_p against a_j D_p.

phi(j -> k) = 1 where the cost to k is below the cost to a draw by a margin. In one park the
less concentrated k has j -> k alone, and equally concentrated industries have both ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from coagg.simulation.places import (
    KM_PER_DEGREE,
    Prefecture,
    draw_sites,
    found_cities,
    plane_km,
)

LEVELS = np.array([0.0, 0.25, 0.5, 0.98])
ANYWHERE_SHARE = 0.04
MARGIN = 0.2
PARK_RADIUS_KM = 2.5
PARK_CANDIDATES = 80
PARK_TRIALS = 2000


@dataclass(frozen=True)
class Territory:
    """An agglomeration's prefectures with their towns, and its parks.

    `parks` (P, 2) lon, lat in WGS-84; `distance` (P, P) km.
    """

    code: str
    cities: list[Prefecture]
    parks: np.ndarray
    distance: np.ndarray


def found_territory(
    code: str,
    prefectures: gpd.GeoDataFrame,
    prefecture_codes: list[str],
    parks: int,
    rng: np.random.Generator,
) -> Territory:
    """Make the towns, and choose the parks among town sites so that none is near another."""
    cities = found_cities(prefectures, prefecture_codes, rng)
    sites = draw_sites(cities, PARK_CANDIDATES, rng)[["lon", "lat"]].to_numpy()
    plane = plane_km(sites, float(sites[:, 1].mean()))
    apart = np.hypot(*(plane[:, None] - plane[None]).transpose(2, 0, 1))
    trial = rng.random((PARK_TRIALS, len(sites))).argsort(axis=1)[:, :parks]
    distance = apart[trial[:, :, None], trial[:, None, :]]
    nearest = np.where(np.eye(parks, dtype=bool), np.inf, distance).min(axis=(1, 2))
    best = int(np.argmax(nearest / distance.mean(axis=(1, 2))))
    return Territory(code, cities, sites[trial[best]], distance[best])


def park_shares(park: np.ndarray, level: np.ndarray, firms: np.ndarray, parks: int) -> np.ndarray:
    """pi (parks,): the shares at which the parks' concentrated firms and the pool agree."""
    weight = np.bincount(park, weights=LEVELS[level] * firms, minlength=parks)
    weight += 0.02 * weight.sum() / parks
    return weight / weight.sum()


def planted_links(
    park: np.ndarray, level: np.ndarray, shares: np.ndarray, distance: np.ndarray
) -> np.ndarray:
    """phi (J, J) bool: row j, column k is phi(j -> k).

    `park`, `level` (J,); `shares` (P,) of the pool; `distance` (P, P) km.
    """
    kind, of = np.unique(park * len(LEVELS) + level, return_inverse=True)
    home, a = kind // len(LEVELS), LEVELS[kind % len(LEVELS)]
    mass = (1 - a)[:, None] * shares + a[:, None] * np.eye(len(shares))[home]
    squared = np.ascontiguousarray(distance**2)
    to_draw = np.array([_cost(one, shares, squared) for one in mass])
    near = np.zeros((len(kind), len(kind)), dtype=bool)
    for j, k in np.argwhere((a[:, None] > 0) & (a > 0)):
        near[j, k] = _cost(mass[j], mass[k], squared) < (1 - MARGIN) * to_draw[j]
    phi = near[of[:, None], of]
    np.fill_diagonal(phi, False)
    return phi


def _cost(one: np.ndarray, other: np.ndarray, squared: np.ndarray) -> float:
    """Least cost of making `one` into `other`, both (P,) with sum 1."""
    import ot  # slow to import, and only a simulation needs it

    return float(ot.emd2(one, other, squared, check_marginals=False))


def sites_in_parks(
    territory: Territory, park: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """A site for each park number given: lon, lat, prefecture_code.

    A site that would fall outside the territory is drawn nearer to the park's centre.
    """
    centre = territory.parks[park]
    distance = PARK_RADIUS_KM * rng.lognormal(0, 0.7, len(park))
    angle = rng.uniform(0, 2 * np.pi, len(park))
    step = np.column_stack(
        [
            distance * np.cos(angle) / (KM_PER_DEGREE * np.cos(np.radians(centre[:, 1]))),
            distance * np.sin(angle) / KM_PER_DEGREE,
        ]
    )
    tree = shapely.STRtree([city.geometry for city in territory.cities])
    lon_lat = centre + step
    home = np.full(len(park), -1)
    for shrink in (1.0, 0.3, 0.05, 0.0):
        out = np.flatnonzero(home < 0)
        if not len(out):
            break
        lon_lat[out] = centre[out] + shrink * step[out]
        point, polygon = tree.query(shapely.points(lon_lat[out]), predicate="intersects")
        home[out[point]] = polygon
    codes = np.array([city.prefecture_code for city in territory.cities], dtype=object)
    return pd.DataFrame(
        {"lon": lon_lat[:, 0], "lat": lon_lat[:, 1], "prefecture_code": codes[home]}
    )
