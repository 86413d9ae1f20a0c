"""A made survey of industrial firms in the real layout, with known truth and the real dirt.

`write_demo_survey` writes one raw file a survey year and, in `truth/` beside them, what was
planted: relations of industries, dirt by row, and where each firm really is. The pipeline reads
the raw files only; `simulated_judge.judge` compares what it found with the planted relations.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from coagg.errors import CoaggError
from etl import simulated_names as names
from etl.boundaries import NOT_ADMINISTRATIVE
from etl.simulated_dirt import DATUM, SoiledYear, soil
from etl.simulated_files import FORMATS, YearFormat, write_file
from etl.simulated_industries import INDUSTRIES, Plan, plan_agglomeration, settle
from etl.simulated_places import Prefecture, draw_sites, found_cities

ELSEWHERE_SHARE = 0.12
ELSEWHERE_PREFECTURES = 12
SURVIVAL = 0.78
MOVE_SHARE = 0.05
GROWTH = 1.04


@dataclass(frozen=True)
class Truth:
    """What was planted.

    `files`: survey year -> raw file. `pairs`: survey_year, agglomeration_code, relation (one_way,
    two_way, null), fixed_industry, redrawn_industry (three-digit codes of the year's own
    classification; a one-way pair holds with `fixed_industry` fixed). `dirt`: survey_year,
    row_number, kind, outcome (refused, flagged, read), field. `firms`: survey_year, row_number,
    firm_number (the same in all years), agglomeration_code, prefecture_code, industry, lon, lat
    (true) and recorded_lon, recorded_lat (as a faultless loader reads them, missing where the row
    must be refused), all WGS-84.
    """

    seed: int
    files: dict[int, Path]
    pairs: pd.DataFrame
    dirt: pd.DataFrame
    firms: pd.DataFrame


def write_demo_survey(
    out: Path,
    prefectures: gpd.GeoDataFrame,
    members: pd.DataFrame,
    seed: int = 1998,
    survey_years: tuple[int, ...] = (2010, 2013),
    agglomerations: tuple[str, ...] = ("CY", "GZ", "LZN"),
    firms_per_year: int = 6000,
) -> Truth:
    """Write `out`/survey_YEAR.csv for each year and `out`/truth/; the same seed, the same bytes.

    `prefectures`: prefecture_code, name, geometry (WGS-84). `members`: agglomeration_code,
    prefecture_code, core (true for the leading cities), one row for each prefecture that belongs
    to an agglomeration. `firms_per_year` is met within some percent in the first year; later
    years grow. Raises CoaggError for a year or an agglomeration it does not know.
    """
    for year in survey_years:
        if year not in FORMATS:
            raise CoaggError(
                f"no made survey of {year}: known years are {', '.join(map(str, FORMATS))}"
            )
    for code in agglomerations:
        if code not in set(members.agglomeration_code):
            raise CoaggError(
                f"no agglomeration {code}: known are "
                + ", ".join(sorted(set(members.agglomeration_code)))
            )
    rng = np.random.default_rng(seed)
    members = members.sort_values(["core", "prefecture_code"], ascending=[False, True])
    places: dict[str, Prefecture] = {}
    economies = []
    count = round(firms_per_year * (1 - ELSEWHERE_SHARE) / len(agglomerations))
    for code in agglomerations:
        own = members.prefecture_code[members.agglomeration_code == code]
        cities = found_cities(prefectures, list(own), rng)
        places |= {prefecture.prefecture_code: prefecture for prefecture in cities}
        economies.append(_economy(code, cities, count, rng))
    cities = found_cities(prefectures, _elsewhere(prefectures, members, agglomerations, rng), rng)
    places |= {prefecture.prefecture_code: prefecture for prefecture in cities}
    economies.append(_economy("", cities, round(firms_per_year * ELSEWHERE_SHARE), rng))

    panel = _panel(economies, survey_years, rng)
    register = _register(panel, places, rng)
    out.mkdir(parents=True, exist_ok=True)
    files: dict[int, Path] = {}
    dirt, firms = [], []
    for year in survey_years:
        style = FORMATS[year]
        present = panel[panel.survey_year == year]
        rows = _year_rows(present, register, places, style, rng)
        soiled = soil(rows, places, style.zero_loss, rng)
        files[year] = out / f"survey_{year}.csv"
        write_file(files[year], soiled, style)
        dirt.append(soiled.dirt.assign(survey_year=year))
        firms.append(_true_firms(soiled, style).assign(survey_year=year))
    truth = Truth(
        seed,
        files,
        _true_pairs(economies, survey_years),
        _year_first(pd.concat(dirt, ignore_index=True)),
        _year_first(pd.concat(firms, ignore_index=True)),
    )
    _write_truth(out / "truth", truth)
    return truth


def read_truth(out: Path) -> Truth:
    """What `write_demo_survey` wrote to `out`/truth."""
    facts = json.loads((out / "truth" / "truth.json").read_text())
    tables = {
        name: pd.read_csv(
            out / "truth" / f"{name}.csv",
            keep_default_na=False,
            na_values={"recorded_lon": [""], "recorded_lat": [""]},
            dtype={
                "agglomeration_code": str,
                "prefecture_code": str,
                "industry": str,
                "fixed_industry": str,
                "redrawn_industry": str,
            },
        )
        for name in ("pairs", "dirt", "firms")
    }
    files = {int(year): out / name for year, name in facts["files"].items()}
    return Truth(seed=facts["seed"], files=files, **tables)


# --- the economy


@dataclass(frozen=True)
class _Economy:
    """Places and plan of one agglomeration, or of the places outside all (code '')."""

    agglomeration_code: str
    cities: list[Prefecture]
    plan: Plan


def _economy(code: str, cities: list[Prefecture], firms: int, rng: np.random.Generator) -> _Economy:
    homes = draw_sites(cities, firms, rng)[["lon", "lat"]].to_numpy()
    return _Economy(code, cities, plan_agglomeration(firms, homes, rng))


def _elsewhere(
    prefectures: gpd.GeoDataFrame,
    members: pd.DataFrame,
    agglomerations: tuple[str, ...],
    rng: np.random.Generator,
) -> list[str]:
    """Some prefectures of the same provinces that belong to no agglomeration."""
    provinces = members.prefecture_code[members.agglomeration_code.isin(agglomerations)].str[:2]
    codes = prefectures.prefecture_code
    outside = codes[
        codes.str[:2].isin(provinces)
        & ~codes.isin(members.prefecture_code)
        & ~codes.isin(NOT_ADMINISTRATIVE)
    ]
    chosen = rng.permutation(sorted(outside))[:ELSEWHERE_PREFECTURES]
    return [str(code) for code in chosen]


def _panel(
    economies: list[_Economy], survey_years: tuple[int, ...], rng: np.random.Generator
) -> pd.DataFrame:
    """Every firm of every year: survey_year, firm_number, agglomeration_code, industry, site."""
    parts = []
    number = 0
    for economy in economies:
        plan = economy.plan
        firms = draw_sites(economy.cities, 0, rng).assign(firm_number=0, industry=0)
        for year in survey_years:
            if not firms.empty:
                plan = replace(plan, sizes=np.ceil(GROWTH * plan.sizes).astype(int))
                firms = firms[rng.random(len(firms)) < SURVIVAL]
            moving = rng.random(len(firms)) < MOVE_SHARE
            fresh = draw_sites(economy.cities, int(plan.sizes.sum()) - int((~moving).sum()), rng)
            here = pd.concat([firms[~moving], fresh.assign(firm_number=0, industry=-1)])
            owner = here.industry.to_numpy()
            here["industry"] = settle(plan, here[["lon", "lat"]].to_numpy(), owner, rng)
            number = _name_firms(here, firms[moving], number)
            firms = here.reset_index(drop=True)
            parts.append(
                firms.assign(survey_year=year, agglomeration_code=economy.agglomeration_code)
            )
    return pd.concat(parts, ignore_index=True)


def _name_firms(here: pd.DataFrame, movers: pd.DataFrame, number: int) -> int:
    """Give the fresh sites of `here` to movers of their industry and to new firms.

    `number` is the last firm number given out; returns the last one now.
    """
    firm = here["firm_number"].to_numpy().copy()
    industry = here["industry"].to_numpy()
    for j in np.unique(movers.industry.to_numpy(dtype=int)):
        numbers = movers.firm_number[movers.industry == j].to_numpy()
        firm[np.flatnonzero((firm == 0) & (industry == j))[: len(numbers)]] = numbers
    new = np.flatnonzero(firm == 0)
    firm[new] = number + 1 + np.arange(len(new))
    here["firm_number"] = firm.astype(int)
    return number + len(new)


def _register(
    panel: pd.DataFrame, places: dict[str, Prefecture], rng: np.random.Generator
) -> pd.DataFrame:
    """What a firm keeps over the years, by firm_number."""
    first = panel.drop_duplicates("firm_number").sort_values("firm_number")
    count = len(first)
    place = [places[code].name for code in first.prefecture_code]
    founded = first.survey_year.to_numpy() - 1 - rng.geometric(0.12, count)
    return pd.DataFrame(
        {
            "firm_id": names.organisation_codes(count, rng),
            "firm_name": [
                names.firm_name(name, INDUSTRIES[industry].trade, rng)
                for name, industry in zip(place, first.industry, strict=True)
            ],
            "legal_representative": [names.person(rng) for _ in range(count)],
            "phone": [names.phone(rng) for _ in range(count)],
            "established_year": np.maximum(founded, 1949),
            "log_employment": rng.normal(np.log(120), 1.0, count),
            "log_productivity": rng.normal(np.log(400), 0.7, count),
        },
        index=first.firm_number.to_numpy(),
    )


def _year_rows(
    present: pd.DataFrame,
    register: pd.DataFrame,
    places: dict[str, Prefecture],
    style: YearFormat,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The year's firms with every field of the file."""
    rows = present.reset_index(drop=True)
    rows = rows.join(register, on="firm_number")
    log_employment = rows.log_employment + rng.normal(0, 0.1, len(rows))
    thousand_cny = np.exp(log_employment + rows.log_productivity + rng.normal(0, 0.15, len(rows)))
    # the survey takes in firms above a threshold, so none is tiny
    rows["employment"] = np.maximum(np.exp(log_employment), 8).astype(int)
    rows["output"] = np.maximum(thousand_cny, 5_000).astype(int)
    rows["industry_code"] = [getattr(INDUSTRIES[i], style.classification) for i in rows.industry]
    rows["main_product"] = [INDUSTRIES[i].product for i in rows.industry]
    rows["place_code"] = [names.place_code(code, rng) for code in rows.prefecture_code]
    rows["postal_code"] = [names.postal_code(code, rng) for code in rows.prefecture_code]
    rows["address"] = [names.address(places[code].name, rng) for code in rows.prefecture_code]
    return rows


# --- files


def _true_pairs(economies: list[_Economy], survey_years: tuple[int, ...]) -> pd.DataFrame:
    planted = []
    for year in survey_years:
        classification = FORMATS[year].classification
        for economy in economies:
            if not economy.agglomeration_code:
                continue
            for relation, *pair in economy.plan.pairs:
                codes = [getattr(INDUSTRIES[j], classification)[:3] for j in pair]
                planted.append((year, economy.agglomeration_code, relation, *codes))
    columns = [
        "survey_year",
        "agglomeration_code",
        "relation",
        "fixed_industry",
        "redrawn_industry",
    ]
    return pd.DataFrame(planted, columns=columns)


def _true_firms(soiled: SoiledYear, style: YearFormat) -> pd.DataFrame:
    rows = soiled.rows
    return pd.DataFrame(
        {
            "row_number": np.arange(1, len(rows) + 1),
            "firm_number": rows.firm_number,
            "agglomeration_code": rows.agglomeration_code,
            "prefecture_code": rows.prefecture_code,
            "industry": rows.industry_code.str[:3],
            "lon": rows.lon,
            "lat": rows.lat,
            "recorded_lon": soiled.recorded[:, 0],
            "recorded_lat": soiled.recorded[:, 1],
        }
    )


def _year_first(table: pd.DataFrame) -> pd.DataFrame:
    return table[["survey_year", *table.columns.drop("survey_year")]]


def _write_truth(folder: Path, truth: Truth) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pairs", "dirt", "firms"):
        getattr(truth, name).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    facts = {
        "seed": truth.seed,
        "datum": DATUM,
        "files": {year: path.name for year, path in truth.files.items()},
    }
    (folder / "truth.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
