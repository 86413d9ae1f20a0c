"""Make south_yorkshire.parquet from the companies of South Yorkshire: `python ... SOURCE.csv.gz`.

SOURCE is a csv of register entries with the columns sic5, longitude and latitude (see the notice
beside this file). Kept are companies whose first SIC 2007 code is in manufacturing, section C, and
of them the code and the point: no name, number or address. Rows are sorted by place and code, so
that nothing of the register's order is left.
"""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas
import pandas as pd

MANUFACTURING = range(10, 34)  # divisions of section C
PLACE = Path(__file__).with_name("south_yorkshire.parquet")


def made(source: Path) -> geopandas.GeoDataFrame:
    """The example as it is shipped."""
    rows = pd.read_csv(source, dtype=str, usecols=["sic5", "longitude", "latitude"])
    division = pd.to_numeric(rows["sic5"].str[:2])
    kept = rows[division.isin(MANUFACTURING) & rows["longitude"].notna()]
    kept = kept.astype({"longitude": float, "latitude": float})
    kept = kept.sort_values(["longitude", "latitude", "sic5"], ignore_index=True)
    return geopandas.GeoDataFrame(
        {"sic3": kept["sic5"].str[:3], "sic5": kept["sic5"]},
        geometry=geopandas.points_from_xy(kept["longitude"], kept["latitude"]),
        crs="EPSG:4326",
    )


if __name__ == "__main__":
    made(Path(sys.argv[1])).to_parquet(PLACE, compression="zstd")
