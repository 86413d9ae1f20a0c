"""A made economy whose truth is known: firms, patents, citations, a UK, an input-output table.

`write_economy` writes raw files in the real layouts, `inputs.toml` for a rebuild, and `truth/`,
which no part of the pipeline reads. What is planted, in short (docs/simulated-economy.md):

- industries have an affinity group and a base level of concentration, common to all
  agglomerations and to the UK; simulated_space derives the directed links phi from both;
- the level of a cell (j, c, t) moves up or down with the cell's innovation shock e: so links
  outward are more where innovation is high, and least squares is biased upward; the UK knows
  base groups and levels only;
- innovation follows simulated_innovation with the paper's coefficients, given the planted phi.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from coagg.errors import CoaggError
from etl import simulated_names as names
from etl.boundaries import NOT_ADMINISTRATIVE
from etl.simulated_classes import industries as choose_industries
from etl.simulated_dirt import DATUM, SoiledYear, soil
from etl.simulated_files import YEAR_FORMATS, YearFormat, write_file
from etl.simulated_firms import Population
from etl.simulated_industries import Industry
from etl.simulated_innovation import (
    COEFFICIENTS,
    CellYear,
    constant_for_median,
    given_part,
    solve,
)
from etl.simulated_io import write_input_output
from etl.simulated_patents import CITATION_HEADERS, Granted, citations, write_patents
from etl.simulated_places import Prefecture, found_cities
from etl.simulated_space import (
    LEVELS,
    Territory,
    found_territory,
    park_shares,
    planted_links,
)
from etl.simulated_truth import (
    append,
    links,
    relations,
    true_cells,
    true_dirt,
    true_firms,
    write_manifest,
)
from etl.simulated_uk import write_uk_companies

ELSEWHERE_SHARE = 0.12
ELSEWHERE_PREFECTURES = 12
SMALLEST_INDUSTRY = 8
STRAY_SHARE = 0.12  # cells (j, c) that lie in another group's park
NULL_SHARE = 0.12  # industries of level 0
SHOCK_SD = 0.7
SHOCK_PERSISTENT = 0.5  # share of the shock's variance that stays with (j, c)
ENDOGENEITY = 1.2  # pull of e / SHOCK_SD on the level, against noise of sd 1
LEVEL_THRESHOLD = 1.3
EFFECT_SD = {"industry": 0.5, "agglomeration": 0.3}
YEARLY_GROWTH = 0.06
MEDIAN_PATENTS = 16.0
MEDIAN_VALUE = 8.0
QUALITY_SHOCK_SD = 0.8
SHOCK_CORRELATION = 0.8


@dataclass(frozen=True)
class Size:
    """How big an economy is: `firms` in the first and in the last year."""

    agglomerations: tuple[str, ...]  # empty: all
    survey_years: tuple[int, ...]
    industries: int
    firms: tuple[int, int]
    groups: int
    uk_companies: int
    pile_up_places: int


SIZES = {
    "tiny": Size(("CY", "GZ", "LZN"), (2010, 2013), 25, (3_000, 3_200), 5, 2_500, 1),
    "demo": Size(
        ("CY", "GZ", "LZN", "PRD", "SD"), (2004, 2007, 2010, 2013), 50, (9_000, 11_000), 5, 5_000, 1
    ),
    "paper": Size((), tuple(range(1998, 2014)), 163, (160_000, 345_000), 6, 60_000, 3),
}  # fmt: skip


@dataclass
class _World:
    """What stays the same over the years."""

    industries: tuple[Industry, ...]
    territories: list[Territory]
    populations: list[Population]
    places: dict[str, Prefecture]
    group: np.ndarray
    level: np.ndarray
    park: np.ndarray  # (C, J)
    weight: np.ndarray  # (C + 1, J) relative sizes, the last row outside all agglomerations
    lasting_shock: np.ndarray  # (C, J)
    effect: dict[str, np.ndarray]  # scale, quality: (C, J)


def write_economy(
    out: Path,
    prefectures: gpd.GeoDataFrame,
    members: pd.DataFrame,
    regions: gpd.GeoDataFrame,
    size: str = "tiny",
    seed: int = 1998,
    truth: str = "outward",
    progress: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write everything under `out`; returns the path of inputs.toml. Same seed, same bytes.

    `prefectures`, `members` as in `simulated_survey.write_demo_survey`; `regions`: the UK's ITL3
    polygons under the same columns. `truth`: outward (table 1) or inward (table 2). Raises
    CoaggError for a size, a truth or an agglomeration it does not know.
    """
    if size not in SIZES:
        raise CoaggError(f"no size {size}: known are {', '.join(SIZES)}")
    if truth not in COEFFICIENTS:
        raise CoaggError(f"no truth {truth}: known are {', '.join(COEFFICIENTS)}")
    plan = SIZES[size]
    codes = plan.agglomerations or tuple(sorted(set(members.agglomeration_code)))
    missing = sorted(set(codes) - set(members.agglomeration_code))
    if missing:
        raise CoaggError(
            f"size {size} needs agglomeration {', '.join(missing)}, which the data base does not "
            "have: run coagg db upgrade, or add it to your list of agglomerations"
        )
    rng = np.random.default_rng([seed, list(SIZES).index(size)])
    world = _found_world(plan, codes, prefectures, members, rng)
    folder = out / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    files = write_input_output(out, world.industries, world.group, rng)
    uk_year = plan.survey_years[-1]
    uk_file = out / f"uk_companies_{uk_year}.csv"
    write_uk_companies(
        uk_file, regions, world.industries, world.group, world.level, plan.uk_companies, rng
    ).to_csv(folder / "uk_phi.csv", index=False, lineterminator="\n")
    facts = _write_years(out, world, plan, truth, rng, progress)
    (folder / "coefficients.json").write_text(
        json.dumps(
            {"seed": seed, "size": size, "truth": truth, **COEFFICIENTS[truth], **facts}, indent=1
        )
        + "\n"
    )
    (folder / "truth.json").write_text(
        json.dumps(
            {
                "seed": seed,
                "datum": DATUM,
                "files": {year: f"survey_{year}.csv" for year in plan.survey_years},
            },
            indent=1,
        )
        + "\n"
    )
    return write_manifest(out, plan.survey_years, uk_file.name, files)


def _found_world(
    plan: Size,
    codes: tuple[str, ...],
    prefectures: gpd.GeoDataFrame,
    members: pd.DataFrame,
    rng: np.random.Generator,
) -> _World:
    industries = choose_industries(plan.industries)
    count, order = len(industries), ["core", "prefecture_code"]
    members = members.sort_values(order, ascending=[False, True])
    territories, park = [], []
    group = rng.permutation(np.arange(count) % plan.groups)
    level = np.empty(count, dtype=int)
    for g in range(plan.groups):  # every level in every group, so that relations are of all kinds
        own = rng.permutation(np.flatnonzero(group == g))
        nulls = round(NULL_SHARE * len(own))
        level[own] = np.concatenate([np.zeros(nulls, int), 1 + np.arange(len(own) - nulls) % 3])
    for code in codes:
        own_codes = list(members.prefecture_code[members.agglomeration_code == code])
        territories.append(found_territory(code, prefectures, own_codes, plan.groups, rng))
        stray = rng.random(count) < STRAY_SHARE
        group_here = np.where(stray, rng.integers(0, plan.groups, count), group)
        park.append(rng.permutation(plan.groups)[group_here])
    outside = prefectures.prefecture_code
    provinces = members.prefecture_code[members.agglomeration_code.isin(codes)].str[:2]
    outside = outside[
        outside.str[:2].isin(provinces)
        & ~outside.isin(members.prefecture_code)
        & ~outside.isin(NOT_ADMINISTRATIVE)
    ]
    chosen = [str(c) for c in rng.permutation(sorted(outside))[:ELSEWHERE_PREFECTURES]]
    elsewhere = Territory(
        "", found_cities(prefectures, chosen, rng), np.empty((0, 2)), np.empty((0, 0))
    )
    cells = (len(codes), count)
    weight = np.clip(rng.lognormal(0, 0.5, count), 0.5, 4) * np.clip(
        rng.lognormal(0, 0.35, (cells[0] + 1, count)), 0.4, 3
    )
    effect = {
        name: rng.normal(0, EFFECT_SD["industry"], count)
        + rng.normal(0, EFFECT_SD["agglomeration"], (cells[0], 1))
        for name in ("scale", "quality")
    }
    return _World(
        industries=industries,
        territories=territories,
        populations=[Population(t, industries) for t in [*territories, elsewhere]],
        places={c.prefecture_code: c for t in [*territories, elsewhere] for c in t.cities},
        group=group,
        level=level,
        park=np.array(park),
        weight=weight,
        lasting_shock=rng.normal(0, SHOCK_SD * np.sqrt(SHOCK_PERSISTENT), cells),
        effect=effect,
    )


# --- the years


def _write_years(
    out: Path,
    world: _World,
    plan: Size,
    truth: str,
    rng: np.random.Generator,
    progress: Callable[[str], None],
) -> dict[str, object]:
    """Write the files of each year and its truth; memory holds one year at a time."""
    folder, number = out / "truth", 1
    constants: dict[str, float] = {}
    before: Granted | None = None
    years = plan.survey_years
    totals = np.linspace(*plan.firms, len(years))
    counts: dict[str, list[float]] = {"phi_share": [], "both_ways_share": [], "firms": []}
    for turn, (year, total) in enumerate(zip(years, totals, strict=True)):
        style, first = YEAR_FORMATS[year], turn == 0
        spread = np.sqrt(1 - SHOCK_PERSISTENT) * SHOCK_SD
        shock = world.lasting_shock + rng.normal(0, spread, world.park.shape)
        level = _levels(world.level, shock if truth == "outward" else -shock, rng)
        present, phi, number = _live(world, level, float(total), year, number, rng)
        rows = _survey_rows(present, year, world, style, rng)
        soiled = soil(rows, world.places, style.zero_loss, rng, plan.pile_up_places)
        write_file(out / f"survey_{year}.csv", soiled, style)
        cells = _cell_year(rows, world, phi, truth)
        solved = _innovation(cells, world, shock, year - years[0], truth, constants, rng)
        granted, patent_truth = _patents_of(out, year, rows, soiled, solved, world, rng)
        cited = citations(granted, before, phi, world.group, rng)
        before = granted

        codes, made = [t.code for t in world.territories], world.industries
        columns = {
            **solved,
            "level": LEVELS[level],
            "output_thousand_cny": cells.output,
            "employment": cells.employment,
            "location_quotient": cells.location_quotient,
        }
        for name, table in (
            ("firms", true_firms(soiled, year)),
            ("dirt", true_dirt(soiled, year)),
            ("patents", patent_truth.assign(survey_year=year)),
            ("phi", links(phi, codes, made, year)),
            ("pairs", relations(phi, level, codes, made, year)),
            ("cells", true_cells(columns, codes, made, year)),
        ):
            append(folder / f"{name}.csv", table, first)
        append(out / "citations.csv", cited[list(CITATION_HEADERS)], first)
        share, both = phi.mean() * phi.shape[1] / (phi.shape[1] - 1), phi & phi.transpose(0, 2, 1)
        counts["phi_share"].append(round(float(share), 4))
        counts["both_ways_share"].append(round(float(both.sum() / phi.sum()), 4))
        counts["firms"].append(len(soiled.rows))
        progress(
            f"{year}: {len(soiled.rows):,} firms, {len(granted.ids):,} granted patents, "
            f"{len(cited):,} citations, links {share:.1%} of pairs, {both.sum() / phi.sum():.1%} "
            "of them both ways"
        )
    return {"constants": constants, "planted": counts}


def _levels(base: np.ndarray, shock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(C, J): the base level, a step up or down where the shock and luck say so."""
    pull = ENDOGENEITY * shock / SHOCK_SD + rng.normal(0, 1, shock.shape)
    step = (pull > LEVEL_THRESHOLD).astype(int) - (pull < -LEVEL_THRESHOLD).astype(int)
    return np.clip(base[None] + step, 0, len(LEVELS) - 1)


def _live(
    world: _World,
    level: np.ndarray,
    total: float,
    year: int,
    number: int,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, np.ndarray, int]:
    """The year's firms, the planted links (C, J, J), and the next free firm number."""
    parts, phi = [], []
    agglomerations = len(world.territories)
    for c, population in enumerate(world.populations):
        inside = c < agglomerations
        firms = total * ((1 - ELSEWHERE_SHARE) / agglomerations if inside else ELSEWHERE_SHARE)
        weight = world.weight[c]
        sizes = np.maximum(np.round(firms * weight / weight.sum()), SMALLEST_INDUSTRY).astype(int)
        if inside:
            park, own = world.park[c], level[c]
            shares = park_shares(park, own, sizes, len(population.territory.parks))
            phi.append(planted_links(park, own, shares, population.territory.distance))
        else:
            park, own, shares = 0 * sizes, 0 * sizes, np.ones(1)
        here = population.next_year(sizes, park, own, shares, year, number, rng)
        number = max(number, int(here.firm_number.max()) + 1)
        parts.append(here.assign(agglomeration_code=population.territory.code, c=c))
    return pd.concat(parts, ignore_index=True), np.array(phi), number


def _survey_rows(
    present: pd.DataFrame, year: int, world: _World, style: YearFormat, rng: np.random.Generator
) -> pd.DataFrame:
    """The year's firms with every field of the file."""
    rows, count = present.assign(survey_year=year), len(present)
    log_employment = rows.log_employment + rng.normal(0, 0.1, count)
    output = np.exp(log_employment + rows.log_productivity + rng.normal(0, 0.15, count))
    rows["employment"] = np.maximum(np.exp(log_employment), 8).astype(int)
    rows["output"] = np.maximum(output, 5_000).astype(int)
    own = np.array([getattr(i, style.classification) for i in world.industries], dtype=object)
    industry = rows.industry.to_numpy(dtype=int)
    rows["industry_code"] = own[industry]
    rows["main_product"] = np.array([i.product for i in world.industries], dtype=object)[industry]
    codes = rows.prefecture_code.tolist()
    rows["place_code"] = [names.place_code(code, rng) for code in codes]
    postal = rng.integers(0, 100, count)
    rows["postal_code"] = [f"{code[:4]}{n:02d}" for code, n in zip(codes, postal, strict=True)]
    street = np.array(names._STREETS)[rng.integers(0, len(names._STREETS), count)]
    house = rng.integers(1, 999, count)
    place = {code: prefecture.name for code, prefecture in world.places.items()}
    rows["address"] = [
        f"{place[code]}{s}路{n}号" for code, s, n in zip(codes, street, house, strict=True)
    ]
    return rows


def _cell_year(rows: pd.DataFrame, world: _World, phi: np.ndarray, truth: str) -> CellYear:
    shape = world.park.shape
    inside = rows[rows.c < shape[0]]
    cell = inside.c.to_numpy() * shape[1] + inside.industry.to_numpy(dtype=int)
    sums = {
        name: np.bincount(cell, inside[name].to_numpy(float), shape[0] * shape[1]).reshape(shape)
        for name in ("output", "employment")
    }
    links = phi if truth == "outward" else phi.transpose(0, 2, 1)
    return CellYear(phi=links.astype(float), **sums)


def _innovation(
    cells: CellYear,
    world: _World,
    shock: np.ndarray,
    elapsed: int,
    truth: str,
    constants: dict[str, float],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """scale (counts), quality (value), and the errors of both equations, each (C, J)."""
    luck = rng.normal(0, 1, shock.shape)
    mixed = SHOCK_CORRELATION * shock / SHOCK_SD + np.sqrt(1 - SHOCK_CORRELATION**2) * luck
    errors = {"scale": shock, "quality": QUALITY_SHOCK_SD * mixed}
    medians = {"scale": MEDIAN_PATENTS, "quality": MEDIAN_PATENTS * MEDIAN_VALUE}
    solved: dict[str, np.ndarray] = {}
    for name, error in errors.items():
        coefficients = COEFFICIENTS[truth][name]
        rest = given_part(cells, coefficients) + world.effect[name] + YEARLY_GROWTH * elapsed
        rest += error
        slope = coefficients["knowledge_pool"]
        if name not in constants:
            constants[name] = constant_for_median(cells, rest, slope, medians[name])
        solved[name] = solve(cells, rest + constants[name], slope)
        solved[f"{name}_error"] = error
    solved["scale"] = np.round(solved["scale"])
    solved["quality"] = np.where(solved["scale"] > 0, solved["quality"], 0.0)
    return solved


def _patents_of(
    out: Path,
    year: int,
    rows: pd.DataFrame,
    soiled: SoiledYear,
    solved: dict[str, np.ndarray],
    world: _World,
    rng: np.random.Generator,
) -> tuple[Granted, pd.DataFrame]:
    """Patents go to firms whose row is faultless, so that dirt does not move a cell's count."""
    industries = len(world.industries)
    dirty = set(soiled.rows.firm_number.to_numpy()[soiled.dirt.row_number.to_numpy() - 1])
    firms = rows[rows.c < len(world.territories)]
    firms = firms.assign(
        cell=firms.c * industries + firms.industry.astype(int),
        trade=[world.industries[j].trade for j in firms.industry],
    )
    clean = firms[~firms.firm_number.isin(dirty)]
    lone = firms[~firms["cell"].isin(clean["cell"])]
    firms = pd.concat([clean, lone], ignore_index=True)
    place = sorted({names.short_place(p.name) for p in world.places.values()})
    return write_patents(
        out / f"patents_{year}.csv", year, firms, solved["scale"], solved["quality"], place, rng
    )
