"""The made survey: same seed, same bytes; labels fit the rows; planted relations are found."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import geopandas as gpd
import numpy as np
import ot
import pandas as pd
import pytest
import shapely

from coagg.errors import CoaggError
from etl import coordinates
from etl.agglomerations import SHIPPED, read_agglomerations, read_place_codes
from etl.boundaries import read_prefectures
from etl.classifications import read_classification
from etl.layouts import detect_layout
from etl.simulated_dirt import ABROAD, FAULTS
from etl.simulated_files import FORMATS
from etl.simulated_industries import INDUSTRIES
from etl.simulated_judge import judge, judge_dirt
from etl.simulated_survey import Truth, read_truth, write_demo_survey

YEARS = (2010, 2013)


@pytest.fixture(scope="module")
def areas() -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    prefectures, _ = read_prefectures()
    known = {("CN", code) for code in prefectures.prefecture_code}
    members = pd.read_csv(SHIPPED, dtype=str, keep_default_na=False)
    members = read_agglomerations(
        SHIPPED, known | set(zip(members.country, members.prefecture_code, strict=True))
    )
    return prefectures, members[members.assigned & (members.country == "CN")]


@pytest.fixture(scope="module")
def survey(
    areas: tuple[gpd.GeoDataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Truth:
    return write_demo_survey(tmp_path_factory.mktemp("survey"), *areas)


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


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_same_bytes(
    areas: tuple[gpd.GeoDataFrame, pd.DataFrame], survey: Truth, tmp_path: Path
) -> None:
    write_demo_survey(tmp_path / "again", *areas)
    write_demo_survey(tmp_path / "other", *areas, seed=1999)
    first, again = digests(survey.files[2010].parent), digests(tmp_path / "again")
    assert len(first) == 6
    assert first == again
    other = digests(tmp_path / "other")
    assert all(other[name] != digest for name, digest in first.items())


def test_truth_is_read_as_written(survey: Truth) -> None:
    again = read_truth(survey.files[2010].parent)
    assert again.seed == survey.seed
    assert again.files == survey.files
    pd.testing.assert_frame_equal(again.pairs, survey.pairs)
    pd.testing.assert_frame_equal(again.dirt, survey.dirt, check_dtype=False)
    pd.testing.assert_frame_equal(again.firms, survey.firms, check_dtype=False)


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


def test_size_and_codes(survey: Truth, raw: dict[int, list[list[str]]]) -> None:
    for year in YEARS:
        classification = FORMATS[year].classification
        codes = {getattr(industry, classification) for industry in INDUSTRIES}
        groups = {code[:3] for code in codes}
        assert len(groups) == len(INDUSTRIES) == 28
        folder = SHIPPED.parents[1] / "classifications"
        known = read_classification(folder / f"{classification}.csv", classification)
        assert codes <= set(known.industry_code)
        cells = survey.firms[survey.firms.survey_year == year].groupby("agglomeration_code")
        assert 5800 <= len(raw[year]) - 1 <= 6600
        for code in ("CY", "GZ", "LZN"):
            assert 1650 <= len(cells.get_group(code)) <= 1950
            sizes = cells.get_group(code).industry.value_counts()
            assert sizes.min() >= 8
            assert sizes.max() <= 170
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
    assert 0.74 < len(both) / len(first) < 0.82
    assert (both.industry_x.nunique(), both.industry_y.nunique()) == (28, 28)
    assert both.groupby("industry_x").industry_y.nunique().max() == 1
    moved = (both.lon_x != both.lon_y).mean()
    assert 0.02 < moved < 0.08


def test_true_places_lie_in_their_prefecture(
    areas: tuple[gpd.GeoDataFrame, pd.DataFrame], survey: Truth
) -> None:
    polygons = areas[0].set_index("prefecture_code").geometry
    for code, firms in survey.firms.groupby("prefecture_code"):
        assert shapely.contains_xy(polygons[code], firms[["lon", "lat"]].to_numpy()).all()


def test_sound_rows_name_their_place_and_point(
    survey: Truth, raw: dict[int, list[list[str]]]
) -> None:
    known = read_place_codes().astype({"first_year": int, "last_year": int})
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
        assert shared == list(dirt.row_number[dirt.kind == "shared_id"])

        points = list(zip(column(raw, year, "lon"), column(raw, year, "lat"), strict=True))
        held = Counter(points)
        piled = [points[i - 1] for i in dirt.row_number[dirt.kind == "pile_up"]]
        assert 6 <= len(set(piled)) <= 9
        assert all(50 <= held[point] <= 80 for point in piled)
        others = Counter({point: n for point, n in held.items() if point not in set(piled)})
        located = [n for point, n in others.items() if "." in point[0]]
        assert max(located) <= 2


def test_strayed_rows_lie_in_another_prefecture(
    areas: tuple[gpd.GeoDataFrame, pd.DataFrame], survey: Truth
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


def exact_index(survey: Truth, year: int, code: str, draws: int) -> pd.DataFrame:
    """Index of the planted pairs of one agglomeration, both ways, from the recorded points."""
    unlabelled = survey.dirt[survey.dirt.kind.isin(["industry_missing", "industry_unknown"])]
    firms = survey.firms.merge(unlabelled, on=["survey_year", "row_number"], how="left")
    firms = firms[
        (firms.survey_year == year)
        & (firms.agglomeration_code == code)
        & firms.recorded_lon.notna()
    ]
    industry = firms.industry.where(firms.kind.isna(), "").to_numpy()
    lon, lat = firms.recorded_lon.to_numpy(), firms.recorded_lat.to_numpy()
    pool = 111.2 * np.column_stack([lon * np.cos(np.radians(lat.mean())), lat])
    rng = np.random.default_rng(7)
    pairs = survey.pairs[
        (survey.pairs.survey_year == year) & (survey.pairs.agglomeration_code == code)
    ]
    measured = []
    for j, k in [
        pair
        for row in pairs.itertuples()
        for pair in (
            (row.fixed_industry, row.redrawn_industry),
            (row.redrawn_industry, row.fixed_industry),
        )
    ]:
        fixed, redrawn = pool[industry == j], pool[industry == k]
        observed = ot.emd2([], [], ot.dist(fixed, redrawn))
        costs = [
            ot.emd2([], [], ot.dist(fixed, rng.choice(pool, len(redrawn), replace=False)))
            for _ in range(draws)
        ]
        measured.append((year, code, j, k, np.mean(np.array(costs) >= observed)))
    columns = ["survey_year", "agglomeration_code", "fixed_industry", "redrawn_industry", "index"]
    return pd.DataFrame(measured, columns=columns)


def test_planted_relations_are_found_in_their_direction(survey: Truth) -> None:
    index = pd.concat([exact_index(survey, 2013, code, 200) for code in ("CY", "LZN")])
    measured = survey.pairs[
        (survey.pairs.survey_year == 2013) & survey.pairs.agglomeration_code.isin(["CY", "LZN"])
    ]
    verdict = judge(measured, index)
    assert Counter(verdict.relation) == {"one_way": 6, "two_way": 6, "null": 8}
    planted = verdict[verdict.relation != "null"]
    assert planted.as_planted.sum() >= 11
    assert not (planted.found == "reverse").any()
    null = verdict[verdict.relation == "null"]
    beyond_chance = (null[["forward", "backward"]] >= 0.95).to_numpy().sum()
    assert beyond_chance <= 3


def test_verdict_names_what_was_found() -> None:
    pairs = pd.DataFrame(
        {
            "survey_year": 2013,
            "agglomeration_code": "CY",
            "relation": ["one_way", "one_way", "two_way", "null", "null"],
            "fixed_industry": ["061", "081", "131", "141", "171"],
            "redrawn_industry": ["191", "201", "211", "231", "251"],
        }
    )
    found = {
        ("061", "191"): 1.0,
        ("191", "061"): 0.2,
        ("081", "201"): 0.3,
        ("201", "081"): 0.97,
        ("131", "211"): 0.95,
        ("211", "131"): 0.99,
        ("141", "231"): 0.4,
        ("231", "141"): 0.949,
        ("171", "251"): 0.5,
    }
    index = pd.DataFrame([(2013, "CY", *pair, value) for pair, value in found.items()])
    index.columns = [
        "survey_year",
        "agglomeration_code",
        "fixed_industry",
        "redrawn_industry",
        "index",
    ]
    verdict = judge(pairs, index)
    assert list(verdict.found) == ["one_way", "reverse", "two_way", "null", "not measured"]
    assert list(verdict.as_planted) == [True, False, True, True, False]


def test_dirt_is_counted_by_kind() -> None:
    dirt = pd.DataFrame(
        [
            (2010, 1, "coordinates_zero", "refused"),
            (2010, 2, "coordinates_zero", "refused"),
            (2010, 3, "pile_up", "flagged"),
            (2010, 4, "full_width_digits", "read"),
            (2010, 5, "full_width_digits", "read"),
        ],
        columns=["survey_year", "row_number", "kind", "outcome"],
    )
    refused = pd.DataFrame(
        [(2010, 1, "coordinates_zero"), (2010, 5, "row_malformed")],
        columns=["survey_year", "row_number", "reason"],
    )
    flags = pd.DataFrame(
        [(2010, 3, "pile_up"), (2010, 9, "pile_up"), (2013, 3, "pile_up")],
        columns=["survey_year", "row_number", "flag"],
    )
    counted = judge_dirt(dirt, refused, flags).set_index("kind")
    assert list(counted.loc["coordinates_zero"]) == ["refused", 2, 1, 0]
    assert list(counted.loc["pile_up"]) == ["flagged", 1, 1, 2]
    assert list(counted.loc["full_width_digits"]) == ["read", 2, 1, 0]


def test_unknown_year_and_agglomeration_are_named(
    areas: tuple[gpd.GeoDataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    with pytest.raises(CoaggError, match="no made survey of 1998"):
        write_demo_survey(tmp_path, *areas, survey_years=(1998,))
    with pytest.raises(CoaggError, match="no agglomeration XX: known are BBW, CY"):
        write_demo_survey(tmp_path, *areas, agglomerations=("XX",))
    assert not list(tmp_path.iterdir())
