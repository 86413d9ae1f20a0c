"""Areas of a country in one form: what is no area dropped, what is broken mended, all reported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import shapely

from coagg.errors import CoaggError
from coagg.etl.files.csv_tables import read_table
from coagg.etl.reference.countries import of
from coagg.etl.reference.country import Country
from coagg.etl.reference.features import read_features

if TYPE_CHECKING:
    import geopandas as gpd

COLUMNS = ["country", "prefecture_code", "name", "name_en", "province_code", "source", "geometry"]


@dataclass(frozen=True)
class Finding:
    """One thing that loading reference data counted, dropped or mended."""

    item: str
    count: int | None
    detail: str | None = None


def area_code(text: object, pattern: str | None) -> str:
    """The code of an area as in its file, or what a pattern keeps of it; empty where it has none.

    Examples
    --------
    >>> area_code("156441400", "156(..90..|....)"), area_code("156429004", "156(..90..|....)")
    ('4414', '429004')
    >>> area_code(8.0, None), area_code(None, None)
    ('8', '')
    """
    if text is None or text != text:
        return ""
    code = str(int(text)) if isinstance(text, float) and text.is_integer() else str(text).strip()
    if pattern is None or not code:
        return code
    found = re.match(pattern, code)
    return found[1] if found else ""


def read_prefectures(country: Country | str) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Areas of a country in EPSG:4326, columns `COLUMNS`, by code, and what was mended.

    Raises CoaggError for a file that cannot be read (`read_features`), has no area, or has two
    areas of one code.
    """
    country = of(country) if isinstance(country, str) else country
    areas, label = country.areas, country.code
    frame = read_features(areas)
    findings = [Finding(f"{label} features read", len(frame))]
    area = frame.geom_type.isin(["Polygon", "MultiPolygon"])
    frame["prefecture_code"] = [area_code(one, areas.code_pattern) for one in frame[areas.code]]
    coded = frame["prefecture_code"] != ""
    findings += [
        Finding(f"{label} lines dropped", int((~area).sum()), "lines and points, no areas"),
        Finding(f"{label} features without a code", int((~coded).sum()), "dropped"),
    ]
    frame = frame[area & coded].copy()
    _check_codes(areas.file, frame)
    frame, mended = _make_valid(frame, label)
    before = frame.crs
    frame = frame.to_crs(4326)
    findings += [
        mended,
        Finding(f"{label} features reprojected", len(frame), f"{before.to_string()} to EPSG:4326"),
    ]
    if areas.unadministered:
        outside = frame.loc[frame["prefecture_code"].isin(areas.unadministered), areas.name]
        findings.append(
            Finding(
                f"{label} areas that are no prefectures",
                len(outside),
                "kept: " + ", ".join(outside),
            )
        )
    made = frame[["prefecture_code", "geometry"]].copy()
    made["country"] = label
    made["name"] = frame[areas.name].astype(str)
    made["name_en"] = frame[areas.name_en] if areas.name_en else None
    if areas.names is not None:
        names = read_table(areas.names, ["prefecture_code", "name_en"])
        made["name_en"] = made["prefecture_code"].map(
            names.drop_duplicates("prefecture_code").set_index("prefecture_code")["name_en"]
        )
    made["province_code"] = (
        [area_code(one, areas.parent_pattern) for one in frame[areas.parent]]
        if areas.parent
        else [area_code(code, areas.parent_pattern) for code in made["prefecture_code"]]
    )
    made["source"] = areas.source
    return made[COLUMNS].sort_values("prefecture_code", ignore_index=True), findings


def _check_codes(path: Path, frame: gpd.GeoDataFrame) -> None:
    if frame.empty:
        raise CoaggError(f"{path}: holds no area with a code; is areas.code the right column?")
    twice = frame.loc[frame["prefecture_code"].duplicated(), "prefecture_code"]
    if len(twice):
        raise CoaggError(
            f"{path}: {len(twice)} areas have the code of another, {twice.iloc[0]} say; each area "
            "needs a code of its own (join the parts of one into a multipolygon)"
        )


def _make_valid(frame: gpd.GeoDataFrame, country: str) -> tuple[gpd.GeoDataFrame, Finding]:
    """Invalid areas made valid (areal parts only), and all areas as multipolygons."""
    broken = ~frame.is_valid
    which = [
        f"{code} ({shapely.is_valid_reason(shape)})"
        for code, shape in zip(
            frame.loc[broken, "prefecture_code"], frame.geometry[broken], strict=True
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
