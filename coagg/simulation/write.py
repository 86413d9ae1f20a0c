"""Write a made economy on the places that the data base knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas
import pandas as pd

from coagg import database
from coagg.errors import CoaggError
from coagg.settings import Settings
from coagg.simulation.economy import write_economy

MEMBERS = """
SELECT agglomeration_code, prefecture_code, core FROM reference.agglomeration_member
WHERE assigned AND country = 'CN' ORDER BY 1, 2
"""
PREFECTURES = """
SELECT prefecture_code, name, geom AS geometry FROM reference.prefecture
WHERE country = %(country)s ORDER BY 1
"""


def simulate(
    settings: Settings,
    out: Path,
    size: str = "tiny",
    seed: int = 1998,
    truth: str = "outward",
    progress: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write an economy under `out`; returns the path of inputs.toml.

    The data base must be prepared. Raises CoaggError as `write_economy`, and where the Chinese
    agglomerations are areas of their own.
    """
    with database.engine(settings).connect() as reader:
        members = pd.read_sql_query(MEMBERS.strip(), reader)
        prefectures, regions = (
            geopandas.read_postgis(
                PREFECTURES, reader, geom_col="geometry", params={"country": country}
            )
            for country in ("CN", "GB")
        )
    if members.empty:
        raise CoaggError(
            "the made economy needs agglomerations made of prefectures, and those of CN are areas "
            "of your own; use the demo's data base (coagg --demo simulate), or load a list"
        )
    return write_economy(out, prefectures, members, regions, size, seed, truth, progress=progress)
