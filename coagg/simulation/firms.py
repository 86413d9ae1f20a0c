"""Firms of the made economy, year after year: entry, exit, moves, new names; bounded memory.

A firm keeps a place in its industry's park, another place drawn from the parks of all, and a
fixed urge; it lies in its industry's park while the urge is below the industry's level of the
year. So levels that change move few firms, and survivors need no new draw.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from coagg.simulation import names
from coagg.simulation.industries import Industry
from coagg.simulation.places import draw_sites
from coagg.simulation.space import ANYWHERE_SHARE, LEVELS, Territory, sites_in_parks

SURVIVAL = 0.85
MOVE_SHARE = 0.03
RENAME_SHARE = 0.02
NEW_CODE_SHARE = 0.005
BRACKETED_NAMES = 0.1
LATIN_NAMES = 0.06
_WORDS = np.array(names.WORDS)
_LATIN = np.array(["TCL", "A", "BK", "HD", "JS", "3H"])
SITE = ("lon", "lat", "prefecture_code")


class Population:
    """All firms alive in one agglomeration (or outside all, without parks)."""

    def __init__(self, territory: Territory, industries: tuple[Industry, ...]) -> None:
        self.territory = territory
        self.industries = industries
        self.firms = pd.DataFrame()

    def next_year(
        self,
        sizes: np.ndarray,
        park: np.ndarray,
        level: np.ndarray,
        shares: np.ndarray,
        year: int,
        first_number: int,
        rng: np.random.Generator,
    ) -> pd.DataFrame:
        """Let a year pass; returns the firms alive with lon, lat, prefecture_code.

        `sizes`, `park`, `level` (J,), `shares` (P,); new firms are numbered from `first_number`.
        """
        stay = self._survivors(sizes, rng)
        have = np.bincount(stay.industry, minlength=len(sizes)) if len(stay) else 0 * sizes
        fresh = np.repeat(np.arange(len(sizes)), np.maximum(sizes - have, 0))
        born = self._found(fresh, year, rng)
        born["firm_number"] = np.arange(first_number, first_number + len(born))
        firms = pd.concat([stay, born], ignore_index=True)
        new = np.arange(len(firms)) >= len(stay)
        moving = new | (rng.random(len(firms)) < MOVE_SHARE)
        self._settle(firms, moving, park, shares, rng)
        self._rename(firms, ~new & (rng.random(len(firms)) < RENAME_SHARE), rng)
        again = np.flatnonzero(~new & (rng.random(len(firms)) < NEW_CODE_SHARE))
        firms.loc[again, "firm_id"] = names.organisation_codes(len(again), rng)
        self.firms = firms
        at_home = firms.urge.to_numpy() < LEVELS[level][firms.industry.to_numpy(dtype=int)]
        seen = firms.copy()
        for field in SITE:
            seen[field] = np.where(at_home, firms[f"home_{field}"], firms[f"other_{field}"])
        return seen.drop(columns=[f"{kind}_{f}" for kind in ("home", "other") for f in SITE])

    def _survivors(self, sizes: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
        if self.firms.empty:
            return self.firms
        luck = rng.random(len(self.firms))
        firms = self.firms.assign(luck=luck)[luck < SURVIVAL].sort_values("luck", kind="stable")
        rank = firms.groupby("industry").cumcount().to_numpy()
        firms = firms[rank < sizes[firms.industry.to_numpy(dtype=int)]]
        return firms.drop(columns="luck").assign(old_name="").reset_index(drop=True)

    def _found(self, industry: np.ndarray, year: int, rng: np.random.Generator) -> pd.DataFrame:
        count = len(industry)
        person = np.array(names.SURNAMES)[rng.integers(0, len(names.SURNAMES), count)].astype(
            object
        ) + np.array(names.GIVEN)[rng.integers(0, len(names.GIVEN), count)].astype(object)
        urge = rng.random(count) / (1 - ANYWHERE_SHARE)  # above 1: anywhere, whatever the level
        return pd.DataFrame(
            {
                "firm_number": 0,
                "industry": industry,
                "urge": urge,
                "firm_id": names.organisation_codes(count, rng),
                "firm_name": "",
                "old_name": "",
                "legal_representative": person,
                "phone": rng.integers(20_000_000, 89_999_999, count).astype(str),
                "established_year": np.maximum(year - rng.geometric(0.15, count), 1949),
                "log_employment": rng.normal(np.log(120), 1.0, count),
                "log_productivity": rng.normal(np.log(400), 0.7, count),
                **{f"{kind}_{f}": np.nan for kind in ("home", "other") for f in SITE[:2]},
                "home_prefecture_code": "",
                "other_prefecture_code": "",
            }
        )

    def _settle(
        self,
        firms: pd.DataFrame,
        moving: np.ndarray,
        park: np.ndarray,
        shares: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """Draw both places of the firms that move or are new; name the new ones."""
        some = np.flatnonzero(moving)
        industry = firms.industry.to_numpy(dtype=int)[some]
        if len(self.territory.parks):
            home = sites_in_parks(self.territory, park[industry], rng)
            other = sites_in_parks(
                self.territory, rng.choice(len(shares), len(some), p=shares), rng
            )
            rural = np.flatnonzero(firms.urge.to_numpy()[some] >= 1)
            anywhere = draw_sites(self.territory.cities, len(rural), rng)
            for field in SITE:
                column = other[field].to_numpy(copy=True)
                column[rural] = anywhere[field].to_numpy()
                other[field] = column
        else:
            home = other = draw_sites(self.territory.cities, len(some), rng)
        for field in SITE:
            for kind, sites in (("home", home), ("other", other)):
                column = firms[f"{kind}_{field}"].to_numpy(copy=True)
                column[some] = sites[field].to_numpy()
                firms[f"{kind}_{field}"] = column
        self._name(firms, np.flatnonzero(firms.firm_name.to_numpy() == ""), rng)

    def _name(self, firms: pd.DataFrame, at: np.ndarray, rng: np.random.Generator) -> None:
        """成都兴达鑫机床有限公司, or 兴达鑫（成都）机床有限公司; a few with Latin letters."""
        place = {c.prefecture_code: names.short_place(c.name) for c in self.territory.cities}
        count = len(at)
        word = _WORDS[rng.integers(0, len(_WORDS), (count, 3))].astype(object)
        third = np.where(rng.random(count) < 0.6, word[:, 2], "")
        latin = _LATIN[rng.integers(0, len(_LATIN), count)].astype(object)
        third = np.where(rng.random(count) < LATIN_NAMES, latin, third)
        bracketed = rng.random(count) < BRACKETED_NAMES
        form = rng.choice(names.FORMS, count, p=names.FORM_SHARES)
        code = firms.other_prefecture_code.to_numpy()[at]
        trade = [self.industries[j].trade for j in firms.industry.to_numpy(dtype=int)[at]]
        made = [
            f"{a}{b}{c}（{place[p]}）{t}{f}" if m else f"{place[p]}{a}{b}{c}{t}{f}"
            for (a, b, _), c, m, p, t, f in zip(
                word, third, bracketed, code, trade, form, strict=True
            )
        ]
        column = firms.firm_name.to_numpy(dtype=object, copy=True)
        column[at] = made
        firms["firm_name"] = column

    def _rename(self, firms: pd.DataFrame, which: np.ndarray, rng: np.random.Generator) -> None:
        at = np.flatnonzero(which)
        old = firms.old_name.to_numpy(dtype=object, copy=True)
        old[at] = firms.firm_name.to_numpy()[at]
        firms["old_name"] = old
        self._name(firms, at, rng)
