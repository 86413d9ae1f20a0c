"""The made economy that several tests read, made once."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from coagg.etl.reference import countries
from coagg.etl.reference.agglomerations import read_agglomerations
from coagg.etl.reference.boundaries import read_prefectures
from coagg.simulation.economy import write_economy


@pytest.fixture(scope="session")
def areas() -> tuple[gpd.GeoDataFrame, pd.DataFrame, gpd.GeoDataFrame]:
    """Prefectures, members of agglomerations, British regions: what `write_economy` wants."""
    prefectures, _ = read_prefectures("CN")
    regions, _ = read_prefectures("GB")
    members = pd.read_csv(countries.of("CN").agglomerations, dtype=str, keep_default_na=False)
    known = set(zip(members.country, members.prefecture_code, strict=True))
    members = read_agglomerations(countries.of("CN").agglomerations, known)
    return prefectures, members[members.assigned & (members.country == "CN")], regions


@pytest.fixture(scope="session")
def economy(areas, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an economy of size tiny, seed 1; no test changes it."""
    out = tmp_path_factory.mktemp("economy")
    write_economy(out, *areas, seed=1)
    return out
