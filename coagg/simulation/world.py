"""The made economy itself: industries, firms, planted links, innovation; no file, no dirt.

`planted_years` lets the years pass. Everything that a truth file says comes from here, and it
draws from a stream of its own: the same world stands behind the files of `simulated_economy` and
behind a check that needs no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import geopandas as gpd
import numpy as np
import pandas as pd

from coagg.etl.reference import countries
from coagg.simulation import names
from coagg.simulation.classes import industries as choose_industries
from coagg.simulation.classes import kinship
from coagg.simulation.files import YEAR_FORMATS, YearFormat
from coagg.simulation.firms import Population
from coagg.simulation.industries import Industry
from coagg.simulation.innovation import (
    COEFFICIENTS,
    CellYear,
    constant_for_median,
    given_part,
    solve,
)
from coagg.simulation.places import Prefecture, found_cities
from coagg.simulation.space import (
    LEVELS,
    Territory,
    found_territory,
    park_shares,
    planted_links,
)

ELSEWHERE_SHARE = 0.12
ELSEWHERE_PREFECTURES = 12
SMALLEST_INDUSTRY = 8
NULL_SHARE = 0.2  # industries of level 0
STEP_SHARE = 0.05  # cells (j, c, t) a level up or down
MOVER_SHARE = 0.16  # cells (j, c) that lie in another group's park
ENDOGENEITY = 0.95  # correlation of the urge to move with the lasting shock
SHOCK_SD = 0.8
SHOCK_PERSISTENT = 0.5  # share of the shock's variance that stays with (j, c)
EFFECT_SD = {"industry": 0.4, "agglomeration": 0.3}
GROUP_EFFECT = 0.8  # of the most innovative group; of the least its negative
YEARLY_GROWTH = 0.06
MEDIAN_VALUE = 8.0
QUALITY_SHOCK_SD = 0.8
SHOCK_CORRELATION = 0.8


@dataclass(frozen=True)
class Size:
    """How big an economy is: `firms` in the first and in the last year; patents of a cell."""

    agglomerations: tuple[str, ...]  # empty: all
    survey_years: tuple[int, ...]
    industries: int
    firms: tuple[int, int]
    groups: int
    uk_companies: int
    pile_up_places: int
    median_patents: float = 20.0


_FIVE = ("CY", "GZ", "LZN", "PRD", "SD")
SIZES = {
    "tiny": Size(_FIVE, (2010, 2013), 25, (7_500, 7_800), 4, 5_000, 1),
    "demo": Size(_FIVE, (2004, 2007, 2010, 2013), 50, (14_000, 16_000), 4, 6_000, 1),
    "paper": Size((), tuple(range(1998, 2014)), 163, (160_000, 345_000), 4, 60_000, 3, 12.0),
}


@dataclass
class World:
    """What stays the same over the years, and the firms alive."""

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


@dataclass(frozen=True)
class Planted:
    """A year: (C, J) arrays by agglomeration and industry; `phi` (C, J, J) bool is phi(j -> k).

    `rows`: a firm each, with every field of the survey, in agglomeration c (C: outside all).
    `solved`: scale (granted patents), quality (their value), and of both x_effect (fixed effects)
    and x_error.
    """

    year: int
    level: np.ndarray
    phi: np.ndarray
    rows: pd.DataFrame
    cells: CellYear
    solved: dict[str, np.ndarray]


def planted_years(
    world: World,
    plan: Size,
    truth: str,
    rng: np.random.Generator,
    constants: dict[str, float],
) -> Iterator[Planted]:
    """Let the years pass, one in memory at a time; `constants` of the equations are filled in.

    `truth`: outward or inward, the links that innovation follows.
    """
    number, years = 1, plan.survey_years
    for year, total in zip(years, np.linspace(*plan.firms, len(years)), strict=True):
        now, number = _year(world, plan, truth, year, float(total), number, constants, rng)
        yield now
        del now  # so that the next year can be made without this one in memory


def _year(
    world: World,
    plan: Size,
    truth: str,
    year: int,
    total: float,
    number: int,
    constants: dict[str, float],
    rng: np.random.Generator,
) -> tuple[Planted, int]:
    """The year and the next free firm number."""
    spread = np.sqrt(1 - SHOCK_PERSISTENT) * SHOCK_SD
    shock = world.lasting_shock + rng.normal(0, spread, world.park.shape)
    level = _levels(world.level, world.park.shape, rng)
    present, phi, number = _live(world, level, total, year, number, rng)
    rows = _survey_rows(present, year, world, YEAR_FORMATS[year], rng)
    cells, elapsed = _cell_year(rows, world, phi, truth), year - plan.survey_years[0]
    solved = _innovation(cells, world, shock, elapsed, truth, constants, plan, rng)
    return Planted(year, level, phi, rows, cells, solved), number


def found_world(
    plan: Size,
    codes: tuple[str, ...],
    prefectures: gpd.GeoDataFrame,
    members: pd.DataFrame,
    rng: np.random.Generator,
    endogeneity: float = ENDOGENEITY,
) -> World:
    """Found agglomerations, industries and what ties them.

    `codes` of the agglomerations; `prefectures`, `members` as in
    `simulated_economy.write_economy`; `endogeneity` in [0, 1], see `_move`.
    """
    industries = choose_industries(plan.industries)
    count, order = len(industries), ["core", "prefecture_code"]
    members = members.sort_values(order, ascending=[False, True])
    cells = (len(codes), count)
    group = affinity_groups(kinship(industries), plan.groups, rng)
    level = np.empty(count, dtype=int)
    for g in range(plan.groups):  # every level in every group, so that relations are of all kinds
        own = rng.permutation(np.flatnonzero(group == g))
        nulls = round(NULL_SHARE * len(own))
        level[own] = np.concatenate([np.zeros(nulls, int), 3 - np.arange(len(own) - nulls) % 3])
    group_effect = rng.permutation(np.linspace(-GROUP_EFFECT, GROUP_EFFECT, plan.groups))
    effect = {
        name: group_effect[group]
        + rng.normal(0, EFFECT_SD["industry"], count)
        + rng.normal(0, EFFECT_SD["agglomeration"], (cells[0], 1))
        for name in ("scale", "quality")
    }
    lasting = rng.normal(0, 1, cells)
    territories, park = [], []
    for code, urge in zip(codes, lasting, strict=True):
        own_codes = list(members.prefecture_code[members.agglomeration_code == code])
        territories.append(found_territory(code, prefectures, own_codes, plan.groups, rng))
        lies_with = _move(group, group_effect, urge, endogeneity, rng)
        park.append(rng.permutation(plan.groups)[lies_with])
    outside = prefectures.prefecture_code
    provinces = members.prefecture_code[members.agglomeration_code.isin(codes)].str[:2]
    outside = outside[
        outside.str[:2].isin(provinces)
        & ~outside.isin(members.prefecture_code)
        & ~outside.isin(countries.of("CN").areas.unadministered)
    ]
    chosen = [str(c) for c in rng.permutation(sorted(outside))[:ELSEWHERE_PREFECTURES]]
    elsewhere = Territory(
        "", found_cities(prefectures, chosen, rng), np.empty((0, 2)), np.empty((0, 0))
    )
    weight = np.clip(rng.lognormal(0, 0.5, count), 0.5, 4) * np.clip(
        rng.lognormal(0, 0.35, (cells[0] + 1, count)), 0.4, 3
    )
    return World(
        industries=industries,
        territories=territories,
        populations=[Population(t, industries) for t in [*territories, elsewhere]],
        places={c.prefecture_code: c for t in [*territories, elsewhere] for c in t.cities},
        group=group,
        level=level,
        park=np.array(park),
        weight=weight,
        lasting_shock=SHOCK_SD * np.sqrt(SHOCK_PERSISTENT) * lasting,
        effect=effect,
    )


def affinity_groups(kin: np.ndarray, groups: int, rng: np.random.Generator) -> np.ndarray:
    """(J,) groups of equal size that keep kin together: at random, then one round of exchanges."""
    count = len(kin)
    group = rng.permutation(np.arange(count) % groups)
    for i in rng.permutation(count):
        to = kin @ np.eye(groups)[group]  # (J, G) kinship with the members of a group
        gain = to[i][group] - to[i, group[i]] + to[:, group[i]] - to[np.arange(count), group]
        other = int(np.argmax(gain - 2 * kin[i]))
        if gain[other] - 2 * kin[i, other] > 0:
            group[i], group[other] = group[other], group[i]
    return group


def _move(
    group: np.ndarray,
    group_effect: np.ndarray,
    lasting: np.ndarray,
    endogeneity: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """(J,) the group in whose park each industry of an agglomeration lies.

    Most lie with their own. Those whose urge is strongest move to one of the two most innovative
    groups, those whose urge is weakest to one of the two least; the urge correlates by
    `endogeneity` with the lasting shock `lasting` (J,), of sd 1. So who innovates much for no
    reason that is observed has innovative neighbours, but not more of them, nor larger ones.
    """
    urge = endogeneity * lasting + np.sqrt(1 - endogeneity**2) * rng.normal(0, 1, len(group))
    far = NormalDist().inv_cdf(1 - MOVER_SHARE / 2)
    ranked, luck = np.argsort(group_effect), rng.integers(0, 2, len(group))
    rich, poor = ranked[-2:][luck], ranked[:2][luck]
    return np.select([urge > far, urge < -far], [rich, poor], group)


def _levels(base: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """(C, J): the base level, for a few a step up or down."""
    luck = rng.random(shape)
    step = (luck < STEP_SHARE / 2).astype(int) - (luck > 1 - STEP_SHARE / 2).astype(int)
    return np.clip(base[None] + step, 0, len(LEVELS) - 1)


def _live(
    world: World,
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
    present: pd.DataFrame, year: int, world: World, style: YearFormat, rng: np.random.Generator
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
    street = np.array(names.STREETS)[rng.integers(0, len(names.STREETS), count)]
    house = rng.integers(1, 999, count)
    place = {code: prefecture.name for code, prefecture in world.places.items()}
    rows["address"] = [
        f"{place[code]}{s}路{n}号" for code, s, n in zip(codes, street, house, strict=True)
    ]
    return rows


def _cell_year(rows: pd.DataFrame, world: World, phi: np.ndarray, truth: str) -> CellYear:
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
    world: World,
    shock: np.ndarray,
    elapsed: int,
    truth: str,
    constants: dict[str, float],
    plan: Size,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """scale (counts), quality (value), effects and errors of both equations, each (C, J)."""
    luck = rng.normal(0, 1, shock.shape)
    mixed = SHOCK_CORRELATION * shock / SHOCK_SD + np.sqrt(1 - SHOCK_CORRELATION**2) * luck
    errors = {"scale": shock, "quality": QUALITY_SHOCK_SD * mixed}
    medians = {"scale": plan.median_patents, "quality": plan.median_patents * MEDIAN_VALUE}
    solved: dict[str, np.ndarray] = {}
    for name, error in errors.items():
        coefficients = COEFFICIENTS[truth][name]
        effect = world.effect[name] + YEARLY_GROWTH * elapsed
        rest = given_part(cells, coefficients) + effect + error
        slope = coefficients["knowledge_pool"]
        if name not in constants:
            constants[name] = constant_for_median(cells, rest, slope, medians[name])
        solved[name] = solve(cells, rest + constants[name], slope)
        solved[f"{name}_effect"], solved[f"{name}_error"] = effect, error
    solved["scale"] = np.round(solved["scale"])
    solved["quality"] = np.where(solved["scale"] > 0, solved["quality"], 0.0)
    return solved
