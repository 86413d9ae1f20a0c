"""Areas made from a rule, as a vector file: a grid over a country, or circles round points.

The file is loaded like any other (`coagg load reference --agglomerations FILE`) and can be looked
at, and changed, in QGIS before that. Grid and circles are in Lambert's azimuthal equal-area
projection round the middle of the country or of the points.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psycopg
import pyproj
import shapely

from coagg.errors import CoaggError
from coagg.etl.files.csv_tables import read_table

if TYPE_CHECKING:
    import geopandas as gpd

WRITTEN = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".parquet": ""}
MOST_CELLS = 20_000
CORNERS = 180  # of a circle: its area is two parts in ten thousand short
EDGE_PARTS = 8  # an edge of a square is bent in degrees

LAND = "SELECT ST_AsBinary(geom) FROM reference.prefecture_piece WHERE country = %s"


def grid(connection: psycopg.Connection, country: str, km: float) -> gpd.GeoDataFrame:
    """Squares of `km` by `km` that hold land of a country.

    Columns agglomeration_code, name, country, geometry. Codes count squares from the country's
    south-west corner, east then north: E012N034. Raises CoaggError for a country without
    prefectures and for more than `MOST_CELLS` squares.
    """
    import geopandas as gpd

    rows = connection.execute(LAND, (country,)).fetchall()
    if not rows:
        raise CoaggError(f"no prefectures of {country} are loaded")
    pieces = gpd.GeoSeries([shapely.from_wkb(bytes(row[0])) for row in rows], crs=4326)
    west, south, east, north = pieces.total_bounds
    pieces = pieces.to_crs(_projection((west + east) / 2, (south + north) / 2))
    west, south, east, north = pieces.total_bounds
    side = km * 1000
    # a whole number of squares from the projection's centre, whatever a coast gains or loses
    first = np.floor(np.array([west, south]) / side).astype(int)
    columns, lines = np.ceil(np.array([east, north]) / side).astype(int) - first
    if columns * lines > 50 * MOST_CELLS:
        raise _too_many(country, km, int(columns) * int(lines))
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(columns), np.arange(lines)))
    left, low = (first[0] + x) * side, (first[1] + y) * side
    squares = shapely.box(left, low, left + side, low + side)
    with_land = np.unique(shapely.STRtree(squares).query(pieces.to_numpy(), "intersects")[1])
    if len(with_land) > MOST_CELLS:
        raise _too_many(country, km, len(with_land))
    digits = max(3, len(str(max(columns, lines) - 1)))
    codes = [f"E{x[n]:0{digits}d}N{y[n]:0{digits}d}" for n in with_land]
    return gpd.GeoDataFrame(
        {"agglomeration_code": codes, "name": codes, "country": country},
        geometry=shapely.segmentize(squares[with_land], side / EDGE_PARTS),
        crs=pieces.crs,
    )


def circles(path: Path, country: str, km: float) -> tuple[gpd.GeoDataFrame, int]:
    """Circles of `km` round the points of a csv (code, name, lon, lat), and how many were cut.

    Where circles overlap, the land goes to the nearer point. Raises CoaggError naming the line for
    what is no place in degrees, a code that stands twice, and two points in one place.
    """
    import geopandas as gpd

    table = read_table(path, ["code", "name", "lon", "lat"])
    lon, lat = (_degrees(path, table, name, most) for name, most in (("lon", 180), ("lat", 90)))
    for columns, what in ((["code"], "code"), (["lon", "lat"], "point")):
        again = table[table.duplicated(columns)]
        if len(again):
            told = " ".join(again[columns].iloc[0])
            raise CoaggError(f"{path} line {again.index[0]}: {what} {told} stands twice")
    around = np.repeat(np.linspace(0, 360, CORNERS, endpoint=False)[None], len(lon), axis=0)
    east, north, _ = pyproj.Geod(ellps="WGS84").fwd(
        np.repeat(lon, CORNERS), np.repeat(lat, CORNERS), around.ravel(),
        np.full(around.size, km * 1000.0),
    )  # fmt: skip
    rings = np.column_stack((east, north)).reshape(len(lon), CORNERS, 2)
    frame = gpd.GeoDataFrame(
        {"agglomeration_code": table["code"].tolist(), "name": table["name"].tolist()},
        geometry=shapely.polygons(rings),
        crs=4326,
    )
    frame.insert(2, "country", country)
    frame = frame.to_crs(_projection((lon.min() + lon.max()) / 2, (lat.min() + lat.max()) / 2))
    centres = gpd.GeoSeries(shapely.points(lon, lat), crs=4326).to_crs(frame.crs).to_numpy()
    whole = frame.geometry.to_numpy()
    cut = np.unique(_overlapping(whole))
    if len(cut):
        nearest = shapely.get_parts(
            shapely.voronoi_polygons(
                shapely.multipoints(centres), extend_to=shapely.box(*frame.total_bounds)
            )
        )
        which, of = shapely.STRtree(nearest).query(centres, "within")
        parts = shapely.intersection(whole[which], nearest[of])
        # a border that is straight here is bent in degrees, on both sides alike
        frame.loc[which, "geometry"] = shapely.segmentize(parts, km * 1000 / 30)
    return frame, len(cut)


def write(frame: gpd.GeoDataFrame, out: Path) -> None:
    """Write areas to a GeoPackage, GeoJSON, FlatGeobuf or GeoParquet file, whole or not at all.

    Raises CoaggError for another ending and a place that cannot be written.
    """
    ending = out.suffix.lower()
    if ending not in WRITTEN:
        raise CoaggError(f"{out}: name it {', '.join('*' + known for known in WRITTEN)}")
    try:
        with tempfile.TemporaryDirectory(dir=out.absolute().parent) as folder:
            part = Path(folder) / f"areas{ending}"
            if ending == ".parquet":
                frame.to_parquet(part)
            else:
                shown = frame.to_crs(4326) if ending == ".geojson" else frame
                shown.to_file(part, driver=WRITTEN[ending], layer="areas", engine="pyogrio")
            os.replace(part, out)
    except OSError as fault:
        raise CoaggError(f"{out} cannot be written: {fault}") from None


def _overlapping(shapes: np.ndarray) -> np.ndarray:
    one, other = shapely.STRtree(shapes).query(shapes, "overlaps")
    return np.concatenate((one, other))


def _projection(lon: float, lat: float) -> pyproj.CRS:
    """Equal area round a place, in metres; rounded, so that it stays where data move a little."""
    return pyproj.CRS.from_proj4(
        f"+proj=laea +lat_0={round(lat)} +lon_0={round(lon)} +datum=WGS84 +units=m +type=crs"
    )


def _too_many(country: str, km: float, cells: int) -> CoaggError:
    return CoaggError(
        f"a grid of {km:g} km over {country} has {cells:,} squares, more than {MOST_CELLS:,}; "
        "take a larger --km"
    )


def _degrees(path: Path, table: pd.DataFrame, name: str, most: int) -> np.ndarray:
    column = table[name]
    values = []
    for line, text in column.items():
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = np.nan
        if not abs(value) <= most:
            raise CoaggError(f"{path} line {line}: {name} is {text!r}; write degrees like 104.06")
        values.append(value)
    return np.array(values)
