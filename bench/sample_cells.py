"""Cells of the real 2013 sample for measurements, and what every measurement of them needs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd

from coagg.analysis.cells.projection import project_km
from coagg.analysis.coagglomeration import Cell, IndexSettings, index_block, prepare_cell
from coagg.analysis.coagglomeration.cell import find_sites
from coagg.etl import coordinates

SAMPLE = Path(os.environ.get("COAGG_SAMPLE_DIR", Path(__file__).parents[2] / "shared" / "data"))
MUNICIPALITIES = ("11", "12", "31", "50")


def read_cells() -> dict[str, Cell]:
    """Cells of the sample by agglomeration."""
    firms = pd.read_csv(SAMPLE / "firms/cn_example_2013_drewdrop.csv", encoding="utf-8-sig")
    firms = firms.dropna(subset=["Longitude", "Latitude"]).reset_index(drop=True)
    lon, lat = coordinates.to_wgs84(firms["Longitude"], firms["Latitude"], "bd09")
    points = geopandas.GeoDataFrame(
        firms, geometry=geopandas.points_from_xy(lon, lat), crs="EPSG:4326"
    )
    areas = geopandas.read_file(SAMPLE / "boundaries/cn_city_2024_cgcs2000.geojson")
    areas = areas.to_crs("EPSG:4326")[["gb", "geometry"]]
    areas["geometry"] = areas.geometry.make_valid()
    placed = geopandas.sjoin(points, areas, predicate="within")
    placed = placed[~placed.index.duplicated()].sort_index()
    prefecture = placed["gb"].astype(str).str.removeprefix("156").str[:4]
    members = pd.read_csv(
        SAMPLE / "boundaries/cn_urban_agglomerations_21_candidates.csv", dtype=str
    )
    cells = {}
    for code, group in members.groupby("cluster"):
        codes = set(group["code4"])
        whole = {c[:2] for c in codes if c[:2] in MUNICIPALITIES}
        inside = placed[prefecture.isin(codes) | prefecture.str[:2].isin(whole)]
        km, _ = project_km(inside.geometry.x.to_numpy(), inside.geometry.y.to_numpy())
        names = inside["SIC3"].astype(int).astype(str).str.zfill(3).to_numpy()
        industries, industry = np.unique(names, return_inverse=True)
        cells[str(code)] = Cell(
            f"CN/2013/{code}",
            km,
            industry.astype(np.int32),
            tuple(industries),
            np.column_stack([inside.geometry.y, inside.geometry.x]),
        )
    return cells


def grown(cell: Cell, factor: float) -> Cell:
    """The cell with `factor` times the firms: resampled, on copies of its sites."""
    rng = np.random.default_rng(0)
    taken = rng.choice(len(cell.points_km), int(len(cell.points_km) * factor))
    site = find_sites(cell).of_firm[taken]
    copy = rng.integers(0, int(np.ceil(factor)), len(taken))
    # A site's copies lie about 1 km apart: as many firms on a site as before.
    moves = rng.normal(0, 1, (int(np.ceil(factor)), int(site.max()) + 1, 2))
    moves[0] = 0.0
    points = cell.points_km[taken] + moves[copy, site]
    kept, industry = np.unique(cell.industry[taken], return_inverse=True)
    names = tuple(cell.industries[j] for j in kept)
    return Cell(f"{cell.key} x{factor}", points, industry.astype(np.int32), names)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def table(header: str, rows: Iterator[str] | list[str]) -> None:
    """Print a Markdown table, row by row as they come."""
    columns = header.count("|") + 1
    print(f"\n| {header} |\n|{' --- |' * columns}", flush=True)
    for row in rows:
        print(f"| {row} |", flush=True)


def warm_up(cell: Cell) -> None:
    """Compile everything once, so that no measurement holds a compilation."""
    for method in ("exact", "calibrated"):
        settings = IndexSettings(draws=30, method=method, refine=1000.0)
        index_block(cell, prepare_cell(cell, settings), settings, [0])


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))
