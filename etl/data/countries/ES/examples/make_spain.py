"""Make spain_2024.csv, the firms of docs/country.md: `python make_spain.py`.

No firm of it exists. In each agglomeration of the shipped Spain there are twenty parks; twelve
industries lie in some of them, a few firms elsewhere. Vehicles and their parts share their parks,
as do leather and footwear. Seed 34.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import shapely

from coagg.etl.reference import countries
from coagg.etl.reference.agglomerations import read_agglomerations
from coagg.etl.reference.boundaries import read_prefectures

PLACE = Path(__file__).with_name("spain_2024.csv")
INDUSTRIES = (
    "1013", "1071", "1102", "1320", "1413", "1511", "1520", "2042", "2229", "2562", "2910", "2932",
)  # fmt: skip
SHARED = {"2932": "2910", "1511": "1520"}
PARKS, IN_PARKS = 20, 5  # of an agglomeration, of an industry
FIRMS = (35, 70)
SPREAD = 0.012  # degrees of latitude, a park's
HEADER = (
    "nif", "razon_social", "municipio", "codigo_postal", "cnae", "empleados", "longitud", "latitud",
)  # fmt: skip
_NAMES = (
    "Sol", "Mar", "Norte", "Sierra", "Ebro", "Olmo", "Faro", "Alba", "Roca", "Pinar", "Vega",
    "Luna", "Puerto", "Encina",
)  # fmt: skip
_KINDS = ["Industrias", "Talleres", "Fabricados", "Manufacturas", "Suministros", "Productos"]


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(34)
    spain = countries.of("ES")
    areas, _ = read_prefectures(spain)
    known = {("ES", code) for code in areas["prefecture_code"]}
    members = read_agglomerations(spain.agglomerations, known, "ES")
    rows: list[list[object]] = []
    for _, group in members.groupby("agglomeration_code", sort=False):
        own = areas[areas["prefecture_code"].isin(group["prefecture_code"])]
        parks = _points(rng, own, PARKS)
        places = {code: rng.choice(PARKS, IN_PARKS, replace=False) for code in INDUSTRIES}
        for one, other in SHARED.items():
            places[one] = places[other]
        for code in INDUSTRIES:
            count = int(rng.integers(*FIRMS))
            alone = _points(rng, own, count)
            chosen = parks[rng.choice(places[code], count)]
            near = chosen + rng.normal(0, SPREAD, (count, 2)) * [1.3, 1.0]
            points = np.where(rng.random((count, 1)) < 0.96, near, alone)
            hits = own.sindex.query(shapely.points(points), predicate="intersects")
            for firm, area in zip(*hits, strict=True):
                province = own["prefecture_code"].iloc[area]
                place = f"{province}{rng.integers(1, 250):03}"
                rows.append(
                    [
                        f"B{rng.integers(10**7, 10**8)}",
                        f"{rng.choice(_KINDS)} {rng.choice(_NAMES)} {len(rows) + 1}, S.L.", place,
                        f"{province}{rng.integers(0, 999):03}", code,
                        int(np.ceil(rng.lognormal(2.3, 1.0))),
                        f"{points[firm, 0]:.6f}", f"{points[firm, 1]:.6f}",
                    ]
                )  # fmt: skip
    with PLACE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)


def _points(rng: np.random.Generator, areas: object, count: int) -> np.ndarray:
    """Points drawn evenly from areas (GeoDataFrame), shape (count, 2), degrees."""
    drawn = areas.geometry.sample_points(10 * count, rng=rng).explode()  # type: ignore[attr-defined]
    return rng.permutation(shapely.get_coordinates(drawn.values))[:count]


if __name__ == "__main__":
    main()
