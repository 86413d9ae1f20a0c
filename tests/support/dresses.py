"""The same table in every format that is read."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import geopandas
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyreadstat
from support.workbooks import write_xlsx

NUMBERS = ("output", "employment", "lon", "lat")


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of numbers as numbers, the others as text."""
    frame = frame.copy()
    for name in set(NUMBERS) & set(frame.columns):
        frame[name] = frame[name].astype(float)
    return frame


def with_points(frame: pd.DataFrame, crs: str = "EPSG:4326") -> geopandas.GeoDataFrame:
    """Geometry in place of lon and lat."""
    frame = typed(frame)
    points = geopandas.points_from_xy(frame.pop("lon"), frame.pop("lat"), crs="EPSG:4326")
    return geopandas.GeoDataFrame(frame, geometry=points).to_crs(crs)


def as_csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_ods(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    """The least OpenDocument spreadsheet that is one."""

    def cell(value: object) -> str:
        if value is None:
            return "<table:table-cell/>"
        if isinstance(value, int | float):
            return f'<table:table-cell office:value-type="float" office:value="{value!r}"/>'
        text = escape(str(value))
        kind = 'office:value-type="string"'
        return f"<table:table-cell {kind}><text:p>{text}</text:p></table:table-cell>"

    tables = "".join(
        f'<table:table table:name="{escape(name)}">'
        + "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    return write_ods_xml(path, tables)


def write_ods_xml(path: Path, tables: str) -> Path:
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    body = f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
    return write_zip(
        path,
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": (
                b"<?xml version='1.0'?><manifest:manifest xmlns:manifest="
                b"'urn:oasis:names:tc:opendocument:xmlns:manifest:1.0'/>"
            ),
            "content.xml": (
                f"<?xml version='1.0'?><office:document-content{names}>{body}"
                "</office:document-content>"
            ).encode(),
        },
    )


def _cells(frame: pd.DataFrame) -> list[list[object]]:
    return [list(frame.columns), *typed(frame).values.tolist()]


def _records(frame: pd.DataFrame) -> list[dict]:
    return typed(frame).to_dict("records")


def _features(frame: pd.DataFrame) -> list[dict]:
    return json.loads(with_points(frame).to_json(drop_id=True))["features"]


def _shapefile(path: Path, frame: pd.DataFrame, encoding: str = "UTF-8") -> Path:
    path.parent.mkdir(exist_ok=True)
    short = frame.rename(columns=lambda name: name[:10])  # a dbf has no longer ones
    with_points(short).to_file(path, driver="ESRI Shapefile", encoding=encoding)
    return path


def _zipped_shapefile(path: Path, frame: pd.DataFrame) -> Path:
    shape = _shapefile(path.parent / f"{path.stem}_parts" / "firms.shp", frame)
    return write_zip(
        path, {f"data/{part.name}": part.read_bytes() for part in sorted(shape.parent.iterdir())}
    )


def _arrow(path: Path, frame: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(typed(frame), preserve_index=False)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=25)


def _zstd(path: Path, frame: pd.DataFrame) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(as_csv(frame))


WRITERS: dict[str, Callable[[Path, pd.DataFrame], object]] = {
    "plain.csv": lambda path, frame: path.write_bytes(as_csv(frame)),
    "tabs.tsv": lambda path, frame: frame.to_csv(path, sep="\t", index=False),
    "packed.csv.gz": lambda path, frame: path.write_bytes(gzip.compress(as_csv(frame))),
    "packed.csv.bz2": lambda path, frame: path.write_bytes(bz2.compress(as_csv(frame))),
    "packed.csv.xz": lambda path, frame: path.write_bytes(lzma.compress(as_csv(frame))),
    "packed.csv.zst": _zstd,
    "one.zip": lambda path, frame: write_zip(path, {"folder/a.csv": as_csv(frame)}),
    "book.xlsx": lambda path, frame: write_xlsx(path, {"a": _cells(frame)}),
    "book.ods": lambda path, frame: write_ods(path, {"a": _cells(frame)}),
    "stata.dta": lambda path, frame: typed(frame).to_stata(path, write_index=False, version=118),
    "spss.sav": lambda path, frame: pyreadstat.write_sav(typed(frame), path),
    "spss.zsav": lambda path, frame: pyreadstat.write_sav(typed(frame), path, compress=True),
    "sas.xpt": lambda path, frame: pyreadstat.write_xport(
        typed(frame), path, file_format_version=8
    ),
    "columns.parquet": lambda path, frame: typed(frame).to_parquet(path, index=False),
    "columns.feather": lambda path, frame: pyarrow.feather.write_feather(typed(frame), path),
    "columns.arrow": _arrow,
    "records.json": lambda path, frame: path.write_text(json.dumps(_records(frame))),
    "nested.json": lambda path, frame: path.write_text(
        json.dumps({"help": "x", "result": {"fields": [{"id": "a"}], "records": _records(frame)}})
    ),
    "lines.jsonl": lambda path, frame: path.write_text(
        "\n".join(json.dumps(record, ensure_ascii=False) for record in _records(frame))
    ),
    "points.geojson": lambda path, frame: path.write_text(
        json.dumps({"type": "FeatureCollection", "features": _features(frame)}, indent=1)
    ),
    "points.geojsonl": lambda path, frame: path.write_text(
        "".join(f"\x1e{json.dumps(feature)}\n" for feature in _features(frame))
    ),
    "esri.json": lambda path, frame: path.write_text(
        json.dumps(
            {
                "fields": [{"name": "x", "type": "esriFieldTypeString"}],
                "spatialReference": {"wkid": 4326},
                "features": [
                    {
                        "attributes": feature["properties"],
                        "geometry": dict(
                            zip("xy", feature["geometry"]["coordinates"], strict=True)
                        ),
                    }
                    for feature in _features(frame)
                ],
            }
        )
    ),
    "points.gpkg": lambda path, frame: with_points(frame).to_file(path, driver="GPKG"),
    "points.fgb": lambda path, frame: with_points(frame).to_file(
        path, driver="FlatGeobuf", SPATIAL_INDEX="NO"
    ),
    "points.parquet": lambda path, frame: with_points(frame).to_parquet(path, index=False),
    "native.parquet": lambda path, frame: with_points(frame).to_parquet(
        path, index=False, geometry_encoding="geoarrow"
    ),
    "shape.zip": _zipped_shapefile,
    "shape.shp": lambda path, frame: _shapefile(path, frame),
}


def write(folder: Path, name: str, frame: pd.DataFrame) -> Path:
    """A file of that format; its name is a key of WRITERS."""
    WRITERS[name](folder / name, frame)
    return folder / name
