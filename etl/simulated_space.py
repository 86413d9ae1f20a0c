"""Where the made economy's industries lie, and which relations follow from that.

Every agglomeration has a few parks, far from one another. A firm of industry j is, with
probability r, anywhere (towns and land, the same law for all industries); else in the park of its
industry with probability a_j (the *level* of the industry), else in a park drawn by the parks'
shares pi of all firms. The pool of all firms then is r anywhere + (1 - r) pi, and an industry of
level 0 is a random subset of it: exactly the null of the index.

Mass at a point p that must become mass spread over several targets has one way to travel, so the
cost of transport between two such industries is known in closed form (common factor 1 - r left
out; d distance of parks, D_p = sum_q pi_q d(p, q)):

- j to a random draw of the pool:             a_j D_p
- j to k, same park:                          |a_j - a_k| D_p
- j in p, k in q, a_j >= a_k:                 a_k d(p, q) + (a_j - a_k) D_p
- j in p, k in q, a_j <  a_k:                 a_j d(p, q) + (a_k - a_j) D_q

phi(j -> k) = 1 where the cost to k is below the cost to a draw by a margin. In one park k may be
less than half as concentrated as j: then j -> k alone; within a factor of two: both ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from etl.simulated_places import KM_PER_DEGREE, Prefecture, draw_sites, found_cities, plane_km

LEVELS = np.array([0.0, 0.21, 0.46, 0.96])
ANYWHERE_SHARE = 0.10
MARGIN = 0.15
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
    """phi (J, J) bool: row j, column k is phi(j -> k), by the closed form above."""
    a = LEVELS[level]
    mean = distance @ shares
    apart = distance[park[:, None], park[None, :]]
    a_j, a_k = a[:, None], a[None, :]
    mean_j, mean_k = mean[park][:, None], mean[park][None, :]
    beyond = np.abs(a_j - a_k) * np.where(a_j >= a_k, mean_j, mean_k)
    cost = np.minimum(a_j, a_k) * apart + beyond
    phi = cost < (1 - MARGIN) * a_j * mean_j
    np.fill_diagonal(phi, False)
    return np.asarray(phi & (a_j > 0) & (a_k > 0))


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
