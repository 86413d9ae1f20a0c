"""Companies of a made United Kingdom: the affinities all places share, and nothing else.

Groups of UK SIC 2007 stand for the Chinese industries they mean most. They lie in parks by the
base affinity and base level of their industry, never by the shocks of a Chinese cell, so the UK
index is a relevant and excluded instrument by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from coagg.simulation.classes import UNITED_KINGDOM, uk_shares
from coagg.simulation.industries import Industry
from coagg.simulation.places import draw_sites
from coagg.simulation.space import (
    ANYWHERE_SHARE,
    LEVELS,
    Territory,
    found_territory,
    park_shares,
    planted_links,
    sites_in_parks,
)

HEADERS = (
    "CompanyNumber", "CompanyName", "RegAddress.PostCode", "SICCode.SicText_1",
    "SICCode.SicText_2", "SICCode.SicText_3", "SICCode.SicText_4", "longitude", "latitude",
)  # fmt: skip
REGIONS = 60
SECOND_CODE_SHARE = 0.08
NOT_INDUSTRY = ("99999 - Dormant Company", "70229 - Management consultancy activities", "")
NOT_INDUSTRY_SHARE = 0.04
_FIRST = "ALBION BRITANNIA CALDER DERWENT EXETER FALCON GROVE HARBOUR IVY KESTREL LION MERIDIAN"
_SECOND = "ENGINEERING PRODUCTS WORKS INDUSTRIES SYSTEMS COMPONENTS SUPPLIES TECHNOLOGY"
_LETTERS = np.array(list("ABDEFGHJLNPQRSTUWXYZ"))


@dataclass(frozen=True)
class UnitedKingdom:
    """Where UK groups lie: `codes` (U,), `meant` (U,) the Chinese industry each stands for.

    `park`, `level`, `firms` (U,); `shares` (P,); `phi` (U, U) bool.
    """

    codes: list[str]
    meant: np.ndarray
    territory: Territory
    park: np.ndarray
    level: np.ndarray
    firms: np.ndarray
    shares: np.ndarray
    phi: np.ndarray


def uk_groups(industries: tuple[Industry, ...]) -> dict[str, int]:
    """UK group -> position of the industry it means most, for every group that means any."""
    links = uk_shares(industries).sort_values(
        ["from_code", "share", "to_code"], ascending=[True, False, True]
    )
    first = links.drop_duplicates("from_code")
    return dict(zip(first.from_code.astype(str), first.position.astype(int), strict=True))


def found_uk(
    regions: gpd.GeoDataFrame,
    industries: tuple[Industry, ...],
    group: np.ndarray,
    level: np.ndarray,
    companies: int,
    rng: np.random.Generator,
) -> UnitedKingdom:
    """Lay the groups out.

    `regions`: prefecture_code (ITL3), name, geometry (WGS-84). `group`, `level` (J,): affinity
    group and base level of each Chinese industry.
    """
    groups = uk_groups(industries)
    codes, meant = list(groups), np.array(list(groups.values()))
    own_level = level[meant]
    chosen = sorted(rng.permutation(sorted(regions.prefecture_code))[:REGIONS].tolist())
    parks = int(group.max()) + 1
    territory = found_territory("UK", regions, chosen, parks, rng)
    park = rng.permutation(parks)[group[meant]]
    weight = np.clip(rng.lognormal(0, 0.4, len(codes)), 0.5, 2)
    firms = np.maximum(np.round(companies * weight / weight.sum()), 25).astype(int)
    shares = park_shares(park, own_level, firms, parks)
    phi = planted_links(park, own_level, shares, territory.distance)
    return UnitedKingdom(codes, meant, territory, park, own_level, firms, shares, phi)


def uk_links(uk: UnitedKingdom) -> pd.DataFrame:
    """Planted links of UK groups: from_group, to_group."""
    j, k = np.nonzero(uk.phi)
    return pd.DataFrame({"from_group": np.array(uk.codes)[j], "to_group": np.array(uk.codes)[k]})


def uk_phi(uk: UnitedKingdom, industries: tuple[Industry, ...]) -> np.ndarray:
    """(J, J) planted UK links between Chinese industries, NaN where no two groups stand for them.

    The mean of phi(u -> v) over groups u of j and v of k, u not v, weighed as the panel does: by
    the share of u that is j times the share of v that is k.
    """
    links = uk_shares(industries)
    row = {code: u for u, code in enumerate(uk.codes)}
    share = np.zeros((len(uk.codes), len(industries)))
    share[links.from_code.map(row), links.position] = links.share
    other = 1 - np.eye(len(uk.codes))
    weight = share.T @ other @ share
    with np.errstate(invalid="ignore"):
        found = np.where(weight > 0, share.T @ (uk.phi * other) @ share / weight, np.nan)
    np.fill_diagonal(found, np.nan)
    return np.asarray(found)


def write_uk_companies(path: Path, uk: UnitedKingdom, rng: np.random.Generator) -> None:
    """Write the register."""
    codes, parks = uk.codes, len(uk.shares)
    industry = np.repeat(np.arange(len(codes)), uk.firms)
    count = len(industry)
    at_home = rng.random(count) < LEVELS[uk.level[industry]]
    where = np.where(at_home, uk.park[industry], rng.choice(parks, count, p=uk.shares))
    sites = sites_in_parks(uk.territory, where, rng)
    anywhere = rng.random(count) < ANYWHERE_SHARE
    sites.loc[anywhere] = draw_sites(uk.territory.cities, int(anywhere.sum()), rng).to_numpy()

    texts = _sic_texts(codes)
    main = np.array([texts[code][0] for code in codes], dtype=object)[industry]
    second = np.array(["" for _ in range(count)], dtype=object)
    more = rng.random(count) < SECOND_CODE_SHARE
    same_group = np.array([texts[code][-1] for code in codes], dtype=object)[industry]
    second[more] = np.where(same_group == main, "", same_group)[more]
    idle = np.flatnonzero(rng.random(count) < NOT_INDUSTRY_SHARE)
    main[idle] = rng.choice(NOT_INDUSTRY, len(idle))
    second[idle] = ""
    order = rng.permutation(count)
    rows = pd.DataFrame(
        {
            "CompanyNumber": [f"{n:08d}" for n in rng.permutation(9_000_000)[:count] + 100_000],
            "CompanyName": _names(count, rng),
            "RegAddress.PostCode": _postcodes(count, rng),
            "SICCode.SicText_1": main[order],
            "SICCode.SicText_2": second[order],
            "SICCode.SicText_3": "",
            "SICCode.SicText_4": "",
            "longitude": sites.lon.to_numpy(float)[order].round(6),
            "latitude": sites.lat.to_numpy(float)[order].round(6),
        }
    )
    rows.to_csv(path, index=False, lineterminator="\n")


def _sic_texts(groups: list[str]) -> dict[str, list[str]]:
    """Classes of each group as the register writes them: 24100 - Manufacture of ..."""
    known = pd.read_csv(UNITED_KINGDOM / "classifications" / "uksic2007.csv", dtype=str)
    classes = known[known.industry_code.str.fullmatch(r"\d{5}")]
    return {
        group: [
            f"{row.industry_code} - {row.name_}"
            for row in classes[classes.industry_code.str.startswith(group)]
            .rename(columns={"name": "name_"})
            .itertuples(index=False)
        ]
        for group in groups
    }


def _names(count: int, rng: np.random.Generator) -> list[str]:
    first, second = rng.choice(_FIRST.split(), count), rng.choice(_SECOND.split(), count)
    number = rng.integers(1, 9999, count)
    return [f"{a} {b} {n} LIMITED" for a, b, n in zip(first, second, number, strict=True)]


def _postcodes(count: int, rng: np.random.Generator) -> list[str]:
    letters = rng.choice(_LETTERS, (count, 4))
    digits = rng.integers(1, 10, (count, 2))
    return [f"{a}{b}{m} {n}{c}{d}" for (a, b, c, d), (m, n) in zip(letters, digits, strict=True)]
