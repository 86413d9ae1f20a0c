"""A file of firms as a GeoDataFrame, and a frame of pairs to a file."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj

from coagg.errors import CoaggError

TABLES = (".csv", ".txt", ".tsv", ".gz", ".xlsx", ".dta")
OUTPUTS = (".parquet", ".csv", ".csv.gz")


def read_firms(
    file: Path, lon: str | None = None, lat: str | None = None, crs: str | None = None
) -> geopandas.GeoDataFrame:
    """Firms from a vector file, or from a table with two columns of coordinates.

    Parameters
    ----------
    file : path
        GeoPackage, GeoJSON, shapefile and whatever else GeoPandas reads; GeoParquet; or a table
        (csv, txt, tsv, also .gz, xlsx, dta, parquet), whose values are taken as text.
    lon, lat : str, optional
        Columns of x and y of a table.
    crs : str, optional
        CRS of x and y, ``EPSG:27700`` say; default EPSG:4326. A vector file that states its CRS
        takes none.

    Raises
    ------
    CoaggError
        For a file that cannot be read, columns that are not there, values that are no numbers.
    """
    if not file.is_file():
        raise CoaggError(f"{file}: no such file; check the name")
    if file.suffix.lower() == ".parquet" and _is_geoparquet(file):
        return _own_points(geopandas.read_parquet(file), file, lon or lat, crs)
    if file.suffix.lower() in (*TABLES, ".parquet"):
        return _of_table(file, lon, lat, crs)
    try:
        found = geopandas.read_file(file)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as fault:
        raise CoaggError(
            f"{file}: GeoPandas cannot read it ({' '.join(str(fault).split())}); save it as "
            "GeoPackage or GeoParquet, or as csv with --lon and --lat"
        ) from None
    if not isinstance(found, geopandas.GeoDataFrame):
        raise CoaggError(f"{file}: there is no geometry in it; name --lon and --lat of a csv")
    return _own_points(found, file, lon or lat, crs)


def write_pairs(pairs: pd.DataFrame, place: Path) -> None:
    """Write pairs as parquet (settings in its metadata) or csv, by the name of the file."""
    check_place(place)
    if place.suffix.lower() == ".parquet":
        pairs.to_parquet(place, index=False)
    else:
        pairs.to_csv(place, index=False)


def check_place(place: Path) -> None:
    """Raises CoaggError for a file that could not be written, before any work is done."""
    if not place.name.lower().endswith(OUTPUTS):
        raise CoaggError(f"--out {place}: name a file that ends in {', '.join(OUTPUTS)}")
    if not place.parent.is_dir():
        raise CoaggError(f"--out {place}: there is no folder {place.parent}; make it first")


def _is_geoparquet(file: Path) -> bool:
    try:
        return b"geo" in (pq.read_schema(file).metadata or {})
    except pa.ArrowInvalid:
        raise CoaggError(f"{file}: is no parquet, whatever its name; save it again") from None


def _own_points(
    found: geopandas.GeoDataFrame, file: Path, columns: str | None, crs: str | None
) -> geopandas.GeoDataFrame:
    if columns is not None:
        raise CoaggError(f"{file}: has points of its own; leave --lon and --lat out")
    if crs is None:
        return found
    if found.crs is not None and not found.crs.equals(_crs(crs), ignore_axis_order=True):
        raise CoaggError(f"{file}: states the CRS {found.crs.name}; leave --crs out")
    return found.set_crs(_crs(crs), allow_override=True)


def _of_table(
    file: Path, lon: str | None, lat: str | None, crs: str | None
) -> geopandas.GeoDataFrame:
    from coagg.etl.files.readers import open_table

    if lon is None or lat is None:
        raise CoaggError(f"{file}: is a table; name its columns of coordinates, --lon and --lat")
    system = _crs(crs or "EPSG:4326")
    table = open_table(file)
    for name in (lon, lat):
        if name not in table.headers:
            raise CoaggError(f"{file}: no column {name!r}; columns are {', '.join(table.headers)}")
    parts = []
    for batch in table.batches():
        if batch.malformed:
            bad = batch.malformed[0]
            raise CoaggError(f"{file}: row {bad.row_number} is no row of the table; mend it")
        parts.append(batch.table.to_pandas())
    frame = pd.concat(parts, ignore_index=True)
    x, y = _numbers(frame[lon], file), _numbers(frame[lat], file)
    return geopandas.GeoDataFrame(frame, geometry=geopandas.points_from_xy(x, y), crs=system)


def _numbers(values: pd.Series, file: Path) -> np.ndarray:
    """Coordinates as written, to the last bit; a missing one is NaN and refused later."""
    try:
        return np.array([np.nan if pd.isna(v) else float(v) for v in values], dtype=np.float64)
    except ValueError as fault:
        raise CoaggError(f"{file}: column {values.name!r}: {fault}; give numbers") from None


def _crs(name: str) -> pyproj.CRS:
    try:
        return pyproj.CRS(name)
    except pyproj.exceptions.CRSError:
        raise CoaggError(f"--crs {name}: not known; give EPSG:4326 or the like") from None
