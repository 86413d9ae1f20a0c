"""Sites of a made economy: city-like density inside real prefectures, and industries on them.

The sites of an agglomeration are drawn first and industries are laid on them afterwards, as in
the null of the index: an industry that takes its sites at random is a random subset of the pool,
so its planted absence of a relation is exact, not approximate.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

KM_PER_DEGREE = 111.2
RURAL_SHARE = 0.1
MAIN_CITY_SHARE = 0.55


@dataclass(frozen=True)
class Prefecture:
    """One prefecture with its made cities.

    `cities` has one row a city: lon, lat, radius_km, share of the prefecture's town firms; the
    first row is the main city, whose centre is the geocoder's fall-back point.
    """

    prefecture_code: str
    name: str
    geometry: shapely.Geometry
    weight: float
    cities: np.ndarray


def found_cities(
    prefectures: gpd.GeoDataFrame, prefecture_codes: list[str], rng: np.random.Generator
) -> list[Prefecture]:
    """Make cities in each prefecture: a main one near the middle, towns anywhere.

    Prefectures weigh by their rank in the list given.
    """
    by_code = prefectures.set_index("prefecture_code")
    made = []
    for rank, code in enumerate(prefecture_codes, start=1):
        geometry = by_code.geometry[code]
        shapely.prepare(geometry)
        candidates = _uniform_inside(geometry, 24, rng)
        middle = geometry.representative_point()
        nearest = np.argmin(np.hypot(*(candidates - [middle.x, middle.y]).T))
        towns = 1 + rng.poisson(3)
        centres = np.vstack([candidates[nearest], np.delete(candidates, nearest, 0)[:towns]])
        radii = np.append(rng.lognormal(np.log(7), 0.3), rng.lognormal(np.log(3), 0.4, towns))
        shares = np.append(
            MAIN_CITY_SHARE, (1 - MAIN_CITY_SHARE) * rng.dirichlet(np.full(towns, 2.0))
        )
        cities = np.column_stack([centres, radii, shares])
        made.append(Prefecture(code, str(by_code["name"][code]), geometry, rank**-0.75, cities))
    return made


def draw_sites(made: list[Prefecture], count: int, rng: np.random.Generator) -> pd.DataFrame:
    """`count` sites: lon, lat (WGS-84 degrees) and prefecture_code, in random order."""
    weights = np.array([p.weight for p in made])
    per_prefecture = rng.multinomial(count, weights / weights.sum())
    parts = []
    for prefecture, n in zip(made, per_prefecture, strict=True):
        points = np.empty((0, 2))
        while len(points) < n:
            points = np.vstack([points, _candidates(prefecture, n - len(points), rng)])
        parts.append(
            pd.DataFrame(
                {
                    "lon": points[:, 0],
                    "lat": points[:, 1],
                    "prefecture_code": prefecture.prefecture_code,
                }
            )
        )
    sites = pd.concat(parts, ignore_index=True)
    return sites.iloc[rng.permutation(count)].reset_index(drop=True)


def plane_km(points: np.ndarray, middle_lat: float) -> np.ndarray:
    """Lon, lat (..., 2) on a local plane in km: good to about 1%, enough to choose sites by."""
    return points * KM_PER_DEGREE * [np.cos(np.radians(middle_lat)), 1.0]


def _candidates(prefecture: Prefecture, n: int, rng: np.random.Generator) -> np.ndarray:
    """Up to n points of the prefecture's density; those that fall outside are left out."""
    rural = rng.binomial(n, RURAL_SHARE)
    city = rng.choice(len(prefecture.cities), n - rural, p=prefecture.cities[:, 3])
    lon, lat, radius_km = prefecture.cities[city, :3].T
    distance = radius_km * rng.lognormal(0, 0.8, len(city))
    angle = rng.uniform(0, 2 * np.pi, len(city))
    towns = np.column_stack(
        [
            lon + distance * np.cos(angle) / (KM_PER_DEGREE * np.cos(np.radians(lat))),
            lat + distance * np.sin(angle) / KM_PER_DEGREE,
        ]
    )
    inside = shapely.contains_xy(prefecture.geometry, towns)
    return np.vstack([towns[inside], _uniform_inside(prefecture.geometry, rural, rng)])


def _uniform_inside(geometry: shapely.Geometry, n: int, rng: np.random.Generator) -> np.ndarray:
    west, south, east, north = geometry.bounds
    points = np.empty((0, 2))
    while len(points) < n:
        drawn = rng.uniform([west, south], [east, north], (4 * n, 2))
        points = np.vstack([points, drawn[shapely.contains_xy(geometry, drawn)]])
    return points[:n]
