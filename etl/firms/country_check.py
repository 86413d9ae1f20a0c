"""All that is wrong with the folder of a country, said without loading it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import geopandas as gpd
import numpy as np

from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.files.csv_tables import read_table
from coagg.etl.firms import industry_codes, inputs, layouts, scan
from coagg.etl.firms.rows import check_datum
from coagg.etl.reference import agglomerations, boundaries, classifications, countries
from coagg.etl.reference.country import DESCRIPTION, Country
from coagg.etl.reference.country_file import read_country

FEWEST_INSIDE = 0.5  # of an example's points, below which its datum or the areas are wrong
_UNFILLED = "FILL IN"
T = TypeVar("T")


@dataclass
class Checked:
    """What a check found: faults that stop a load, warnings, and what was counted."""

    folder: Path
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, int | str] = field(default_factory=dict)


def check_country(
    folder: Path, example: Path | None = None, survey_year: int | None = None
) -> Checked:
    """Read everything in a country's folder; with `example` a file of its firms too.

    Nothing is written, and no data base is asked. Raises CoaggError for a folder that has no
    description; all other faults are in the answer, a line each, with file, line and remedy.
    """
    found = Checked(folder)
    if not (folder / DESCRIPTION).is_file():
        raise CoaggError(
            f"{folder}: has no {DESCRIPTION}; coagg country new makes a folder with one"
        )
    country, faults = read_country(folder / DESCRIPTION)
    found.faults += faults
    if country is None:
        return found
    with countries.using(folder):
        areas = _areas(country, found)
        known = {(country.code, code) for code in areas["prefecture_code"]} if len(areas) else set()
        _place_codes(country, known, found)
        _agglomerations(country, known, found)
        codes = _classifications(country, found)
        _concordances(country, codes, found)
        _layouts(country, found)
        if example is not None:
            if survey_year is None:
                raise CoaggError(f"{example}: name the year of its firms, --survey-year")
            _tried(found, lambda: _example(country, areas, codes, example, survey_year, found))
    return found


def _tried(found: Checked, work: Callable[[], T]) -> T | None:
    """What the work gives; its fault is noted."""
    try:
        return work()
    except CoaggError as fault:
        found.faults.append(str(fault))
        return None


def _areas(country: Country, found: Checked) -> gpd.GeoDataFrame:
    read = _tried(found, lambda: boundaries.read_prefectures(country))
    if read is None:
        return gpd.GeoDataFrame({"prefecture_code": [], "geometry": []})
    frame, findings = read
    file = country.areas.file
    found.counts["areas"] = len(frame)
    for finding in findings:
        if finding.count and ("dropped" in finding.item or "without a code" in finding.item):
            found.warnings.append(f"{file}: {finding.item.removeprefix(country.code)[1:]}: "
                                  f"{finding.count}")  # fmt: skip
        if finding.count and "made valid" in finding.item:
            found.warnings.append(f"{file}: {finding.count} invalid areas are mended: "
                                  f"{finding.detail}")  # fmt: skip
    box = countries.box(country.code)
    west, south, east, north = frame.total_bounds
    if west < box[0] or south < box[1] or east > box[2] or north > box[3]:
        found.faults.append(
            f"{country.description}: areas.box {list(box)} does not hold the areas, which reach "
            f"from {west:.2f} {south:.2f} to {east:.2f} {north:.2f}; take areas.box out"
        )
    unknown = set(country.areas.unadministered) - set(frame["prefecture_code"])
    if unknown:
        found.warnings.append(
            f"{country.description}: areas.unadministered names {', '.join(sorted(unknown))}, "
            "no code of an area"
        )
    nameless = frame.loc[frame["name"].str.strip().isin(["", "None", "nan"]), "prefecture_code"]
    if len(nameless):
        found.warnings.append(
            f"{file}: {len(nameless)} areas have no name ({nameless.iloc[0]} say); is "
            f"areas.name = {country.areas.name!r} the right column?"
        )
    lacking = frame["name_en"].isna().sum() if country.areas.names is not None else 0
    if lacking:
        found.warnings.append(f"{country.areas.names}: {lacking} areas are not in it")
    return frame


def _place_codes(country: Country, known: set[tuple[str, str]], found: Checked) -> None:
    path = country.place_codes
    if not path.is_file():
        if country.areas.place_codes is None:
            found.warnings.append(
                f"{country.folder}: no place codes (place_codes.csv, or areas.place_codes): it is "
                "not checked whether firms lie where they say they are"
            )
        return
    if country.areas.place_codes is not None:
        found.warnings.append(f"{path}: counts, and areas.place_codes does not; take one out")
    table = _tried(found, lambda: agglomerations.read_place_codes(path))
    if table is None:
        return
    found.counts["place codes"] = int(table["place_code"].nunique())
    codes = {code for _, code in known}
    for line, row in table.iterrows():
        for code in filter(None, {row["prefecture_code"], *row["candidates"].split(";")}):
            if codes and code not in codes:
                found.faults.append(f"{path} line {line}: {code} is no code of an area")
        years = [row["first_year"], row["last_year"]]
        if not all(year.isdigit() and len(year) == 4 for year in years) or years[0] > years[1]:
            found.faults.append(
                f"{path} line {line}: {years[0]} to {years[1]} are no years; write first and last"
            )


def _agglomerations(country: Country, known: set[tuple[str, str]], found: Checked) -> None:
    path = country.agglomerations
    if not path.is_file():
        found.warnings.append(
            f"{country.folder}: no agglomerations.csv; the index is measured within "
            "agglomerations: write agglomeration_code,name,prefecture_code"
        )
        return
    optional = {"country": country.code}
    members = _tried(found, lambda: read_table(path, ["prefecture_code"], optional))
    if members is None or not known:
        return
    unknown = [
        f"{path} line {line}: {code} is no code of an area of {where}"
        for line, where, code in members[["country", "prefecture_code"]].itertuples()
        if (where, code) not in known
    ]
    if unknown:
        some = ", ".join(sorted(code for _, code in known)[:3])
        found.faults += [f"{line} (codes are such as {some})" for line in unknown]
        return
    table = _tried(found, lambda: agglomerations.read_agglomerations(path, known, country.code))
    if table is not None:
        found.counts["agglomerations"] = int(table["agglomeration_code"].nunique())
        found.counts["members"] = int(table["assigned"].sum())


def _classifications(country: Country, found: Checked) -> dict[str, set[str]]:
    codes: dict[str, set[str]] = {}
    if not country.classifications:
        found.faults.append(
            f"{country.description}: has no [[classification]]; industries are codes of one"
        )
    for one in country.classifications:
        if not one.file.is_file():
            found.warnings.append(
                f"{one.file}: no such file; give it at a load, --classification {one.name}=FILE"
            )
            continue
        table = _tried(found, partial(classifications.read_classification, one.file, one))
        if table is None:
            continue
        below = table[table["level"] > 1]
        codes[one.name] = set(below["industry_code"])
        found.counts[f"codes of {one.name}"] = len(table)
        industries = sum(len(c) == industry_codes.INDUSTRY_DIGITS for c in codes[one.name])
        found.counts[f"industries of {one.name}"] = industries
        if not industries:
            found.faults.append(
                f"{one.file}: has no code of {industry_codes.INDUSTRY_DIGITS} characters; those "
                "are the industries, add them with their names"
            )
        shortest = below["level"].min()
        orphans = below[below["parent_code"].isna() & (below["level"] > shortest)]
        if len(orphans):
            found.warnings.append(
                f"{one.file}: {len(orphans)} codes have no code above them, "
                f"{orphans['industry_code'].iloc[0]} say; add the shorter codes"
            )
    if country.classifications and not any(one.file.is_file() for one in country.classifications):
        found.faults.append(
            f"{country.folder}: has no file of a classification; write "
            f"{country.classifications[0].file.name} with industry_code,name"
        )
    return codes


def _concordances(country: Country, own: dict[str, set[str]], found: Checked) -> None:
    codes = dict(own)
    for other in countries.every():
        for one in other.classifications:
            if one.name not in codes and one.file.is_file() and country.concordances:
                table = classifications.read_classification(one.file, one)
                codes[one.name] = set(table.loc[table["level"] > 1, "industry_code"])
    for path in country.concordances:
        links = _tried(found, partial(classifications.read_concordance, path, codes))
        if links is not None:
            found.counts[f"links of {path.stem}"] = len(links)


def _layouts(country: Country, found: Checked) -> None:
    others = {
        path.stem: other.folder
        for other in countries.every()
        if other.code != country.code
        for path in other.layouts
    }
    for path in country.layouts:
        layout = _tried(found, partial(layouts.load_layout, path))
        if layout is None:
            continue
        if path.stem in others:
            found.faults.append(
                f"{path}: {others[path.stem].name} has a layout of this name; rename it"
            )
        if _UNFILLED in layout.about:
            found.faults.append(f"{path}: @about is {layout.about!r}; fill it in")
        for year in layout.years:
            stated = layout.cell("@country", year.heading)
            if stated != country.code:
                found.faults.append(
                    f"{path}: @country of {year.heading} is {stated!r}; write {country.code}"
                )
            spoken = layout.cell("@classification", year.heading)
            if spoken and spoken not in country.classification_names:
                found.faults.append(
                    f"{path}: @classification of {year.heading} is {spoken!r}; use "
                    f"{', '.join(country.classification_names)}, or nothing"
                )
            for datum in layout.alternatives("@datum", year.heading):
                try:
                    check_datum(country.code, datum)
                except CoaggError as fault:
                    found.faults.append(f"{path}: @datum of {year.heading}: {fault}")
            for column in layouts.REQUIRED:
                if not layout.alternatives(column, year.heading):
                    found.faults.append(
                        f"{path}: {column} of {year.heading} is empty; write its header"
                    )
    found.counts["layouts"] = len(country.layouts)


def _example(
    country: Country,
    areas: gpd.GeoDataFrame,
    codes: dict[str, set[str]],
    example: Path,
    survey_year: int,
    found: Checked,
) -> None:
    """Points of a file of firms that lie in the areas, and codes that a classification knows."""
    opened = inputs.open_file(example, survey_year, None, None, country.code)
    datum = opened.datum or country.datums[0]
    sample = scan.coordinate_sample(opened.table, opened.mapping, country.code, datum=datum)
    read = scan.scan(opened.table, opened.mapping, survey_year, codes, country.code)
    lon, lat = coordinates.to_wgs84(sample.lon, sample.lat, datum)
    found.counts["points of the example"] = len(lon)
    inside = 0
    if len(areas):
        hits = areas.sindex.query(gpd.points_from_xy(lon, lat), predicate="intersects")
        inside = len(np.unique(hits[0]))
    found.counts["points in an area"] = inside
    found.counts["classification of the example"] = read.classification or "none"
    if inside < FEWEST_INSIDE * max(len(lon), 1):
        found.faults.append(
            f"{example}: {inside} of {len(lon)} usable points lie in an area, read as {datum}; is "
            "the datum right, and are the areas those of this country?"
        )
    if read.classification is None and codes:
        told = ", ".join(f"{name} {share:.0%}" for name, share in read.shares.items())
        found.faults.append(
            f"{example}: its industry codes fit no classification (share of rows known: {told})"
        )
