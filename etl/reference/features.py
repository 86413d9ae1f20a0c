"""Files of areas as they are: any vector file of GDAL, compressed or not."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

from coagg.errors import CoaggError
from coagg.etl.files.csv_tables import read_bytes
from coagg.etl.reference.country import Areas

if TYPE_CHECKING:
    import geopandas as gpd


def read_features(areas: Areas) -> gpd.GeoDataFrame:
    """All features of the file of areas, as they are; its own CRS, or the one that is stated.

    Raises CoaggError for a file that is missing or no vector file, has no CRS, or lacks a column.
    """
    import geopandas as gpd  # late: it costs most of a second, and most commands read no areas

    path = areas.file
    data = read_bytes(path)
    said: dict[str, Any] = {} if areas.layer is None else {"layer": areas.layer}
    try:
        if path.suffix == ".gz":
            frame = gpd.read_file(io.BytesIO(gzip.decompress(data)), **said)
        else:
            frame = gpd.read_file(path, **said)
    except Exception as fault:  # pyogrio and GDAL raise many kinds
        raise CoaggError(
            f"{path}: cannot be read as areas, any vector file of GDAL is: "
            f"{' '.join(str(fault).split())}"
        ) from None
    for key in ("code", "name", "name_en", "parent"):
        column = getattr(areas, key)
        if column is not None and column not in frame:
            raise CoaggError(
                f"{path}: has no column {column!r} (areas.{key}); it has "
                f"{', '.join(map(str, frame.columns.drop('geometry', errors='ignore')))}"
            )
    if frame.crs is None:
        if areas.crs is None:
            raise CoaggError(
                f'{path}: names no coordinate system; state it, crs = "EPSG:4326" say, in [areas]'
            )
        frame = frame.set_crs(areas.crs)
    return frame
