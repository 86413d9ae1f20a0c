"""Files of areas, written for tests."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import shapely

LOADED = ["CN", "GB"]
BOX = shapely.box
# Chengdu's prefecture is cut in two between 104 and 104.2, both parts of one prefecture
WEST, EAST = BOX(103.8, 30.4, 104.1, 30.9), BOX(104.1, 30.4, 104.4, 30.9)


def made(shapes: dict[str, shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": list(shapes), "name": [f"Area {code}" for code in shapes], **columns},
        geometry=list(shapes.values()),
        crs=4326,
    )


def written(frame: gpd.GeoDataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".zip":
        frame.to_file(path.with_suffix(".shp"))
        with zipfile.ZipFile(path, "w") as archive:
            for part in path.parent.glob(f"{path.stem}.*"):
                if part != path:
                    archive.write(part, f"inner/{part.name}")
                    part.unlink()
    else:
        frame.to_file(path)
    return path
