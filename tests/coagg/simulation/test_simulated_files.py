"""Survey files of the made economy: written as each year is; labels fit the rows."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from coagg.etl import coordinates
from coagg.etl.firms.layouts import detect_layout
from coagg.etl.reference import countries
from coagg.etl.reference.agglomerations import read_place_codes
from coagg.etl.reference.classifications import read_classification
from coagg.simulation.dirt import ABROAD, FAULTS
from coagg.simulation.files import YEAR_FORMATS as FORMATS
from coagg.simulation.world import SIZES

YEARS = (2010, 2013)


class Truth(NamedTuple):
    """The files of the economy and what it says of them."""

    files: dict[int, Path]
    firms: pd.DataFrame
    dirt: pd.DataFrame


@pytest.fixture(scope="module")
def survey(economy: Path) -> Truth:
    text = {"firm_number": str, "prefecture_code": str, "industry": str}
    firms = pd.read_csv(
        economy / "truth" / "firms.csv", dtype=text, na_filter=True, keep_default_na=False,
        na_values={"recorded_lon": [""], "recorded_lat": [""]},
    )  # fmt: skip
    dirt = pd.read_csv(economy / "truth" / "dirt.csv", keep_default_na=False)
    return Truth({year: economy / f"survey_{year}.csv" for year in YEARS}, firms, dirt)


@pytest.fixture(scope="module")
def raw(survey: Truth) -> dict[int, list[list[str]]]:
    """Fields of every row of the raw files, header first."""
    tables = {}
    for year, path in survey.files.items():
        with path.open(encoding=FORMATS[year].encoding, newline="") as file:
            tables[year] = list(csv.reader(file))
    return tables


def column(raw: dict[int, list[list[str]]], year: int, field: str) -> list[str]:
    place = raw[year][0].index(FORMATS[year].headers[field])
    return [row[place] if place < len(row) else "" for row in raw[year][1:]]


def test_encodings_and_line_ends(survey: Truth) -> None:
    old, new = survey.files[2010].read_bytes(), survey.files[2013].read_bytes()
    assert new.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in new
    assert old.count(b"\r\n") == old.count(b"\n")
    with pytest.raises(UnicodeDecodeError):
        old.decode("utf-8")
    assert "法人代码" in old.decode("gbk").splitlines()[0]


def test_headers_are_those_of_the_survey_layout(raw: dict[int, list[list[str]]]) -> None:
    for year in YEARS:
        headers = raw[year][0]
        layout = detect_layout(headers, year)
        mapping = layout.map(headers, year)
        assert layout.name == "survey"
        assert {c: h for c, h in mapping.columns.items() if h} == FORMATS[year].headers
        assert (mapping.datum, mapping.output_unit) == ("bd09", "thousand_cny")


def test_codes_are_those_of_the_years_classification(
    survey: Truth, raw: dict[int, list[list[str]]]
) -> None:
    for year in YEARS:
        classification = FORMATS[year].classification
        folder = countries.of("CN").folder / "classifications"
        known = read_classification(folder / f"{classification}.csv", classification)
        groups = set(known.industry_code.str[:3])
        firms = survey.firms[survey.firms.survey_year == year]
        assert len(raw[year]) - 1 == len(firms)
        assert firms.industry.nunique() == SIZES["tiny"].industries
        assert set(firms.industry) <= groups
        inside = firms[firms.agglomeration_code != ""]
        sizes = inside.groupby(["agglomeration_code", "industry"]).size()
        assert sizes.min() >= 8
        assert sizes.max() > 2 * sizes.median()


def test_firm_ids_have_their_check_digit(survey: Truth, raw: dict[int, list[list[str]]]) -> None:
    ids = [code for code in column(raw, 2010, "firm_id") if len(code) == 9]
    assert len(ids) > 5500
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    for code in ids:
        total = sum(weight * int(digit) for weight, digit in zip(weights, code, strict=False))
        assert code[8] == "0123456789X0"[11 - total % 11]
    assert any(code.endswith("X") for code in ids)
    assert any(code.startswith("0") for code in ids)


def test_firms_stay_enter_leave_and_move(survey: Truth) -> None:
    first, second = (
        survey.firms[survey.firms.survey_year == year].drop_duplicates("firm_number")
        for year in YEARS
    )
    both = first.merge(second, on="firm_number")
    assert 0.8 < len(both) / len(first) < 0.9
    assert both.industry_x.nunique() == both.industry_y.nunique() == SIZES["tiny"].industries
    assert both.groupby("industry_x").industry_y.nunique().max() == 1
    moved = (both.lon_x != both.lon_y).mean()
    assert 0.02 < moved < 0.08


def test_true_places_lie_in_their_prefecture(
    areas: tuple[gpd.GeoDataFrame, ...], survey: Truth
) -> None:
    polygons = areas[0].set_index("prefecture_code").geometry
    for code, firms in survey.firms.groupby("prefecture_code"):
        assert shapely.contains_xy(polygons[code], firms[["lon", "lat"]].to_numpy()).all()


def test_sound_rows_name_their_place_and_point(
    survey: Truth, raw: dict[int, list[list[str]]]
) -> None:
    known = read_place_codes(countries.of("CN").place_codes).astype(
        {"first_year": int, "last_year": int}
    )
    for year in YEARS:
        valid = known[(known.first_year <= year) & (known.last_year >= year)]
        prefecture = dict(zip(valid.place_code, valid.prefecture_code, strict=True))
        firms = survey.firms[survey.firms.survey_year == year]
        dirty = set(survey.dirt.row_number[survey.dirt.survey_year == year])
        sound = ~firms.row_number.isin(dirty).to_numpy()
        places = column(raw, year, "place_code")
        found = np.array([prefecture.get(place[:4], "") for place in places])
        assert (found[sound] == firms.prefecture_code.to_numpy()[sound]).all()

        text = np.array([column(raw, year, "lon"), column(raw, year, "lat")])[:, sound]
        lon, lat = coordinates.to_wgs84(*text.astype(float), "bd09")
        offset = np.hypot(lon - firms.lon[sound], lat - firms.lat[sound])
        assert offset.max() < 2e-6
        assert all(len(value.split(".")[1].rstrip("0")) > 2 for value in text.ravel())


def test_labels_match_the_rows(survey: Truth, raw: dict[int, list[list[str]]]) -> None:
    for year in YEARS:
        width = len(raw[year][0])
        dirt = survey.dirt[survey.dirt.survey_year == year]
        assert not dirt.row_number.duplicated().any()
        rows = {kind: part.row_number.to_numpy() - 1 for kind, part in dirt.groupby("kind")}
        assert set(rows) == {*FAULTS, "duplicate_id", "pile_up", "industry_zero_restored",
                             "firm_id_zero_lost"}  # fmt: skip

        widths = np.array([len(row) for row in raw[year][1:]])
        assert set(np.flatnonzero(widths != width)) == set(rows["row_malformed"])

        lon, lat = np.array(column(raw, year, "lon")), np.array(column(raw, year, "lat"))
        absent = np.isin(lon, ["", "NULL", "-"]) & (widths == width)
        assert set(np.flatnonzero(absent)) == set(rows["coordinates_missing"])
        assert set(np.flatnonzero((lon == "0") & (lat == "0"))) == set(rows["coordinates_zero"])
        number = np.array([_number(value) for value in (*lon, *lat)]).reshape(2, -1)
        unreadable = np.isnan(number[0]) & ~absent & (widths == width)
        assert set(np.flatnonzero(unreadable)) == set(rows["coordinates_unreadable"])
        impossible = (np.abs(number) > 180).any(axis=0)
        assert set(np.flatnonzero(impossible)) == set(rows["coordinates_impossible"])
        swapped = (number[0] < 60) & (number[1] > 70) & ~impossible
        assert set(np.flatnonzero(swapped)) == set(rows["axes_swapped"])
        coarse = np.array([len(value.rpartition(".")[2]) < 3 for value in lon]) & (number[0] > 70)
        assert set(np.flatnonzero(coarse)) == set(rows["low_precision"])
        for i in rows["outside_country"]:
            assert np.hypot(*(ABROAD - number[:, i]).T).min() < 0.2

        for field, kind in (
            ("output", "output_unreadable"),
            ("employment", "employment_unreadable"),
        ):
            values = column(raw, year, field)
            odd = [
                i
                for i, value in enumerate(values)
                if widths[i] == width and not value.isdigit() and value not in (".", "-", "NULL")
            ]
            assert odd == list(rows[kind])
        stated = column(raw, year, "survey_year")
        other = [i for i, value in enumerate(stated) if value == str(year - 1)]
        assert other == list(rows["survey_year_differs"])
        wide = [
            i
            for i, row in enumerate(raw[year][1:])
            if any(mark in value for value in row for mark in "０１２３４５６７８９")
        ]
        assert wide == list(rows["full_width_digits"])
        short = [i for i, value in enumerate(column(raw, year, "place_code")) if len(value) == 4]
        assert short == list(rows["four_digit_place_code"])
        industry = column(raw, year, "industry_code")
        lost = [i for i, value in enumerate(industry) if len(value) == 3]
        assert lost == list(rows["industry_zero_restored"])
        ids = column(raw, year, "firm_id")
        lost = [i for i, value in enumerate(ids) if len(value) < 9]
        assert lost == list(rows["firm_id_zero_lost"])


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return np.nan


def test_repeated_ids_and_pile_ups(survey: Truth, raw: dict[int, list[list[str]]]) -> None:
    for year in YEARS:
        dirt = survey.dirt[survey.dirt.survey_year == year]
        ids, firm_names = column(raw, year, "firm_id"), column(raw, year, "firm_name")
        seen: set[tuple[str, str]] = set()
        repeats = []
        for i, key in enumerate(zip(ids, firm_names, strict=True), start=1):
            if key in seen:
                repeats.append(i)
            seen.add(key)
        assert repeats == list(dirt.row_number[dirt.kind == "duplicate_id"])
        names_of_id = Counter(code for code, _ in seen)
        shared = [i for i, code in enumerate(ids, start=1) if names_of_id[code] > 1]
        planted = set(dirt.row_number[dirt.kind == "shared_id"])
        assert planted <= set(shared)
        assert len(shared) <= len(planted) + 6  # a few numbers of eight digits meet by chance

        points = list(zip(column(raw, year, "lon"), column(raw, year, "lat"), strict=True))
        held = Counter(points)
        piled = [points[i - 1] for i in dirt.row_number[dirt.kind == "pile_up"]]
        assert len(set(piled)) >= 5  # a place in each agglomeration
        assert all(50 <= held[point] <= 80 for point in piled)
        others = Counter({point: n for point, n in held.items() if point not in set(piled)})
        located = [n for point, n in others.items() if "." in point[0]]
        assert max(located) <= 2


def test_strayed_rows_lie_in_another_prefecture(
    areas: tuple[gpd.GeoDataFrame, ...], survey: Truth
) -> None:
    polygons = areas[0].set_index("prefecture_code").geometry
    rows = survey.dirt.merge(survey.firms, on=["survey_year", "row_number"])
    for kind, inside in (
        ("outside_own_prefecture", False),
        ("pile_up", True),
        ("low_precision", True),
    ):
        for row in rows[rows.kind == kind].itertuples():
            point = (row.recorded_lon, row.recorded_lat)
            assert shapely.contains_xy(polygons[row.prefecture_code], *point) == inside
    refused = rows[rows.outcome == "refused"]
    assert refused.recorded_lon.isna().all()
    assert survey.firms.recorded_lon.isna().sum() == len(refused)
