"""Agglomerations that are areas of their own: polygons from a vector file, checked and mended.

Functional urban areas, travel-to-work areas, a grid, circles round points: whatever GeoPackage,
GeoJSON, shapefile (alone or in a zip), FlatGeobuf, GeoParquet, GML or KML holds. Columns are found
by usual names, the coordinate system is the file's own. `grid` and `circles` of
`coagg.etl.reference.area_shapes` make such files.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from coagg.errors import CoaggError
from coagg.etl.files import limits
from coagg.etl.reference import countries
from coagg.etl.reference.boundaries import Finding

if TYPE_CHECKING:
    import geopandas as gpd

VECTOR = {
    ".gpkg", ".geojson", ".json", ".fgb", ".parquet", ".geoparquet", ".shp", ".zip", ".gml", ".kml",
}  # fmt: skip
COLUMNS = ["country", "agglomeration_code", "name", "name_en", "basis", "file_name", "geometry"]

# usual headers, in the order in which they are taken; an office's own (ITL321CD) come last
CODES = (
    "agglomeration_code", "area_code", "code", "fua_code", "fuacode", "urau_code", "efua_id",
    "cbsafp", "geoid", "cvegeo", "cve_zm", "cve_sun", "id",
)  # fmt: skip
NAMES = (
    "agglomeration_name", "area_name", "name", "fua_name", "fuaname", "urau_name", "efua_name",
    "namelsad", "nomgeo", "nom_zm", "nom_sun",
)  # fmt: skip
COUNTRIES = (
    "country", "country_code", "cntr_code", "cntry_iso", "iso2", "iso_a2", "iso3", "iso_a3", "iso",
)  # fmt: skip
OFFICE_CODE, OFFICE_NAME = re.compile(r"[a-z]+\d*cd"), re.compile(r"[a-z]+\d*nm")

EQUAL_AREA = "EPSG:6933"
SLIVER = 0.01  # of the smaller area: neighbours that were drawn apart overlap by less
MOST_TOLD = 5
_FORBIDDEN = re.compile(r"[\x00-\x1f/\\]")


@dataclass(frozen=True)
class AreaChoices:
    """What a person says of a vector file: the layer, and which column is which; None: found.

    `country`: the country's code, for all areas; of a file with a column for it, only that
    country's areas are taken.
    """

    code: str | None = None
    name: str | None = None
    country: str | None = None
    layer: str | None = None

    def given(self) -> dict[str, str]:
        """Those that were said, by name."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def is_vector(path: Path) -> bool:
    """Whether a file of agglomerations holds areas, by the ending of its name; else it is a list.

    Examples
    --------
    >>> is_vector(Path("fua.gpkg")), is_vector(Path("members.csv"))
    (True, False)
    """
    return path.suffix.lower() in VECTOR


def read_areas(
    path: Path, choices: AreaChoices, loaded: Sequence[str]
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Areas of a vector file in EPSG:4326, columns `COLUMNS`, by code, and what was found.

    `loaded` are the countries that have prefectures; areas of others are left out, and said. The
    country is '' where neither the file nor `choices` names one.

    Raises CoaggError in one line for a file that is no vector file, has no coordinate system, no
    areas or no column of codes; for codes that are empty or stand twice; for areas that overlap by
    more than a hundredth of the smaller one.
    """
    frame, findings = _read(path, choices.layer)
    taken, frame = _columns(path, frame, choices)
    findings.insert(0, Finding("columns", None, taken))
    frame, found = _of_countries(path, frame, choices, loaded)
    findings += found
    frame["agglomeration_code"] = _codes(path, frame)
    frame, found = _shapes(path, frame)
    findings += [*found, *_overlaps(path, frame)]
    frame["basis"] = f"areas of {path.name}"
    frame["file_name"] = path.name
    frame = frame[COLUMNS].sort_values(["country", "agglomeration_code"], ignore_index=True)
    return frame, findings


def _read(path: Path, layer: str | None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """The features of a file's one layer of areas, and in which encoding. Raises CoaggError."""
    import geopandas as gpd  # late: most commands read no areas
    import pyogrio

    if not path.is_file():
        raise CoaggError(f"{path}: no such file")
    limits.check_held(path, path.stat().st_size)
    findings = []
    try:
        if path.suffix.lower() in (".parquet", ".geoparquet"):
            frame = gpd.read_parquet(path)
        else:
            inside = _inside(path)
            name = _layer(path, pyogrio.list_layers(inside), layer)
            frame = gpd.read_file(inside, layer=name, engine="pyogrio")
            if inside.lower().endswith(".shp"):
                stated = str(pyogrio.read_info(inside, layer=name)["encoding"])
                findings = _redecode(frame, stated)
    except CoaggError:
        raise
    except Exception as fault:  # the libraries below raise what they like
        said = " ".join(str(fault).split())[:150]
        raise CoaggError(f"{path}: cannot be read as areas ({said}); open it in QGIS") from None
    if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        raise CoaggError(f"{path}: holds no areas; a layer of polygons is needed")
    if frame.crs is None:
        raise CoaggError(
            f"{path}: says no coordinate system; save it again with one "
            "(a shapefile needs its .prj beside it)"
        )
    return frame.reset_index(drop=True), findings


def _redecode(frame: gpd.GeoDataFrame, stated: str) -> list[Finding]:
    """Text of a shapefile that states no encoding, which GDAL takes for ISO-8859-1.

    It is UTF-8 where all of it can be; else it stays, and is told.
    """
    labels = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name])]
    texts = {text for name in labels for text in frame[name].dropna().unique()}
    strange = sorted(text for text in texts if not str(text).isascii())
    if stated != "ISO-8859-1" or not strange:
        return []
    try:
        right = {text: text.encode("latin-1").decode("utf-8") for text in strange}
    except UnicodeError:
        told = f"states none (no .cpg beside it), read as {stated}: {strange[0]}"
        return [Finding("encoding", None, told)]
    for name in labels:
        frame[name] = frame[name].map(lambda text: right.get(text, text))
    return [Finding("encoding", None, f"states none, read as UTF-8: {right[strange[0]]}")]


def _inside(path: Path) -> str:
    """What GDAL is asked to open. Raises CoaggError for an archive that is none, or too large."""
    if path.suffix.lower() != ".zip":
        return str(path)
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    size, most = sum(part.file_size for part in parts), limits.limit(path.stat().st_size, True)
    if size > most:
        raise limits.too_large(path, "unpacks to", size, most)
    files = [
        part.filename
        for part in parts
        if Path(part.filename).suffix.lower() in VECTOR - {".zip", ".parquet", ".geoparquet"}
        and not part.filename.startswith("__MACOSX")
    ]
    if len(files) != 1:
        raise CoaggError(
            f"{path}: holds {', '.join(sorted(files)) or 'no vector file'}; one is needed, "
            "so take out the one that is meant"
        )
    return f"/vsizip/{path.absolute()}/{files[0]}"


def _layer(path: Path, layers: np.ndarray, asked: str | None) -> str:
    named = {str(name): str(kind) for name, kind in layers}
    if asked is not None:
        if asked not in named:
            raise CoaggError(f"{path}: has no layer {asked!r}; it has {', '.join(named)}")
        return asked
    # a layer of no stated kind may hold areas too
    areas = [name for name, kind in named.items() if "Polygon" in kind or kind == "Unknown"]
    if len(areas) > 1:
        raise CoaggError(f"{path}: has the layers {', '.join(areas)}; say one with --area-layer")
    return areas[0] if areas else next(iter(named))


def _columns(
    path: Path, frame: gpd.GeoDataFrame, choices: AreaChoices
) -> tuple[str, gpd.GeoDataFrame]:
    """Which columns were taken, and their text by our names, '' where the file has none."""
    table = frame.drop(columns=frame.geometry.name)
    code = _column(path, table, choices.code, "--area-code", CODES, OFFICE_CODE)
    if code is None:
        raise CoaggError(
            f"{path}: no column is known as the areas' codes; say which with --area-code; "
            f"it has {_with_values(table)}"
        )
    name = _column(path, table, choices.name, "--area-name", NAMES, OFFICE_NAME)
    country = _column(path, table, None, "--area-country", COUNTRIES, None)
    english = _column(path, table, None, "", ("name_en",), None)
    found = frame.set_geometry(frame.geometry.values)[["geometry"]]
    found["agglomeration_code"] = _text(table[code])
    found["name"] = _text(table[name]) if name else ""
    found["name"] = found["name"].where(found["name"] != "", found["agglomeration_code"])
    found["name_en"] = _text(table[english]) if english else ""
    found["country"] = _text(table[country]) if country else ""
    return (
        f"code from {code}, name from {name or code}, country "
        + (f"from {country}" if country else choices.country or "by place"),
        found,
    )


def _column(
    path: Path,
    table: pd.DataFrame,
    asked: str | None,
    option: str,
    usual: Sequence[str],
    office: re.Pattern[str] | None,
) -> str | None:
    """The column asked for, or the first of the usual ones; None where there is none."""
    by_name = {str(label).strip().casefold(): str(label) for label in table.columns}
    if asked is not None:
        if asked.strip().casefold() not in by_name:
            raise CoaggError(f"{path}: has no column {asked!r} ({option}); {_with_values(table)}")
        return by_name[asked.strip().casefold()]
    for name in usual:
        if name in by_name:
            return by_name[name]
    like = [label for name, label in by_name.items() if office and office.fullmatch(name)]
    if len(like) > 1:
        raise CoaggError(f"{path}: say which column with {option}: {_with_values(table[like])}")
    return like[0] if like else None


def _with_values(table: pd.DataFrame) -> str:
    """The columns, each with its first value."""
    first = [(str(label), _text(table[label]).iloc[0][:30]) for label in table.columns]
    return ", ".join(f"{label} ({value})" for label, value in first) or "no columns"


def _text(column: pd.Series) -> pd.Series:
    """Values as text, '' where missing; whole numbers without '.0'."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype(object).where(column.notna(), "").map(str).str.strip()


def _of_countries(
    path: Path, frame: gpd.GeoDataFrame, choices: AreaChoices, loaded: Sequence[str]
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Countries as codes; areas of countries that are not asked for, or not loaded, left out."""
    if choices.country and choices.country not in loaded:
        raise CoaggError(
            f"--area-country {choices.country}: no prefectures of it are loaded; those are of "
            f"{', '.join(loaded)}"
        )
    named = frame["country"].map(_country_names())
    frame["country"] = named.where(named.notna(), frame["country"])
    spelled = set(frame["country"])
    # one spelling that nobody knows: the land decides whether it is the country that was named
    if spelled == {""} or (choices.country and len(spelled) == 1 and not spelled & set(loaded)):
        frame["country"] = choices.country or ""
        return frame, []
    blank = frame.index[frame["country"] == ""]
    if len(blank):
        raise CoaggError(
            f"{path}: area {blank[0] + 1} ({frame.agglomeration_code[blank[0]]}) names no country"
        )
    wanted = [choices.country] if choices.country else list(loaded)
    stay = frame["country"].isin(wanted)
    others = frame.loc[~stay, "country"].value_counts()
    told = _few([f"{name} {count}" for name, count in others.items()])
    if not stay.any():
        raise CoaggError(f"{path}: none of its areas is of {' or '.join(wanted)}: {told}")
    frame = frame[stay].copy()
    return frame, [Finding("of other countries, left out", None, told)] if len(others) else []


def _country_names() -> Any:
    known = {name: one.code for one in countries.every() for name in one.names}
    return lambda text: known.get(countries.plain(text), text)


def _codes(path: Path, frame: gpd.GeoDataFrame) -> pd.Series:
    codes = frame["agglomeration_code"]
    for number, code in codes.items():
        if not code:
            raise CoaggError(f"{path}: area {int(number) + 1} has no code")
        if _FORBIDDEN.search(code):
            raise CoaggError(f"{path}: area {int(number) + 1}: no slash may stand in code {code!r}")
    twice = frame[frame.duplicated(["country", "agglomeration_code"])]
    if len(twice):
        raise CoaggError(
            f"{path}: code {twice.agglomeration_code.iloc[0]} stands twice (the second time as "
            f"area {twice.index[0] + 1}); name another column with --area-code, or dissolve them"
        )
    return codes


def _shapes(path: Path, frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Valid multipolygons in degrees of WGS-84; shapes that had to be mended are told."""
    findings = []
    kinds = set(frame.geom_type.dropna())
    if kinds and not kinds & {"Polygon", "MultiPolygon", "GeometryCollection"}:
        raise CoaggError(
            f"{path}: holds {', '.join(sorted(kinds))}, not areas; for circles round points: "
            "coagg areas buffer"
        )
    empty = frame.geometry.isna() | frame.geometry.is_empty
    flat = shapely.force_2d(frame.geometry.where(~empty, shapely.MultiPolygon()).values)
    broken = ~shapely.is_valid(flat)
    codes = frame["agglomeration_code"].to_numpy()
    why = shapely.is_valid_reason(flat[broken])
    shapes = np.array([_areal(shapely.make_valid(shape)) for shape in flat], dtype=object)
    frame = frame.set_geometry(shapes, crs=frame.crs).to_crs(4326)
    degrees = frame.geometry.to_numpy()
    bad = ~shapely.is_valid(degrees)  # a change of projection may cross lines that touched
    degrees[bad] = [_areal(shapely.make_valid(shape)) for shape in degrees[bad]]
    nothing = shapely.is_empty(degrees)
    if broken.any():
        told = _few([f"{c} ({r})" for c, r in zip(codes[broken], why, strict=True)])
        findings.append(Finding("invalid shapes mended", None, f"{broken.sum()}: {told}"))
    if nothing.any():
        told = _few(codes[nothing])
        findings.append(Finding("without a shape, left out", None, f"{nothing.sum()}: {told}"))
    if nothing.all():
        raise CoaggError(f"{path}: not one of its {len(frame)} areas has a shape")
    frame = frame.set_geometry(degrees, crs=4326)[~nothing].copy()
    bounds = frame.total_bounds
    if not np.isfinite(bounds).all() or (np.abs(bounds) > [180.1, 90.1, 180.1, 90.1]).any():
        raise CoaggError(
            f"{path}: lies at {bounds[0]:.0f} {bounds[1]:.0f} to {bounds[2]:.0f} {bounds[3]:.0f}, "
            "which are no degrees: the coordinate system that the file states is not its own"
        )
    return frame, findings


def _areal(shape: shapely.Geometry) -> shapely.MultiPolygon:
    parts = shapely.get_parts(shapely.get_parts(shapely.get_parts(shape)))
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])


def _overlaps(path: Path, frame: gpd.GeoDataFrame) -> list[Finding]:
    """Refuse areas that overlap; tell slivers, where a firm goes to the lower code."""
    flat = frame.geometry.to_crs(EQUAL_AREA).to_numpy()
    one, other = shapely.STRtree(flat).query(flat, predicate="intersects")
    one, other = one[one < other], other[one < other]
    countries = frame["country"].to_numpy()
    same = countries[one] == countries[other]
    one, other = one[same], other[same]
    shared = shapely.area(shapely.intersection(flat[one], flat[other]))
    share = shared / np.minimum(shapely.area(flat[one]), shapely.area(flat[other]))
    codes = frame["agglomeration_code"].to_numpy()
    much = np.flatnonzero(share > SLIVER)
    if len(much):
        worst = much[np.argmax(share[much])]
        more = f"; {len(much) - 1} more pairs overlap" if len(much) > 1 else ""
        raise CoaggError(
            f"{path}: areas {codes[one[worst]]} and {codes[other[worst]]} overlap by "
            f"{shared[worst] / 1e6:,.1f} km2, {share[worst]:.0%} of the smaller{more}; "
            "a firm can be in one only: cut them apart"
        )
    slivers = np.flatnonzero(shared > 100)  # square metres: less is rounding
    if not len(slivers):
        return []
    pairs = _few([f"{codes[one[n]]} and {codes[other[n]]}" for n in slivers])
    told = f"{len(slivers)} pairs, {shared[slivers].sum() / 1e6:.3f} km2 in all: {pairs}"
    return [Finding("overlap a little (the lower code has it)", None, told)]


def _few(words: Sequence[str] | np.ndarray) -> str:
    told = ", ".join(map(str, words[:MOST_TOLD]))
    return told + (f" and {len(words) - MOST_TOLD} more" if len(words) > MOST_TOLD else "")
