"""Industries of the made economy: as many as both revisions of GB/T 4754 hold one to one."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from coagg.etl.reference import countries
from coagg.simulation.industries import INDUSTRIES, Industry

CHINA, UNITED_KINGDOM = countries.SHIPPED / "CN", countries.SHIPPED / "GB"
INDUSTRIAL = ("B", "C", "D")
SAME_DIVISION = 0.5
_TAIL = re.compile(r"(的?(制造|加工|生产|制作|开采|采选|修理|制品)+业?)$")


def industries(count: int) -> tuple[Industry, ...]:
    """The first `count` of: the hand-picked ones, then others in code order, spread evenly.

    An industry is taken when one of its classes bears the same name in both revisions and its
    three-digit group is the other's heaviest link in both directions, so that a harmonised
    classification finds it again. There are 138; a larger `count` gives all.
    """
    path = CHINA / "classifications"
    old = pd.read_csv(path / "gbt4754_2002.csv", dtype=str)
    new = pd.read_csv(path / "gbt4754_2011.csv", dtype=str)
    links = pd.read_csv(CHINA / "concordances" / "gbt4754_2002_to_gbt4754_2011.csv", dtype=str)
    links["links"] = links.links.astype(float)
    forward = links.sort_values(["from_code", "links", "to_code"], ascending=[True, False, True])
    forward_to = forward.drop_duplicates("from_code").set_index("from_code").to_code
    backward = links.sort_values(["to_code", "links", "from_code"], ascending=[True, False, True])
    backward_to = backward.drop_duplicates("to_code").set_index("to_code").from_code

    old = old[old.industry_code.str.fullmatch(r"\d{4}") & old.section.isin(INDUSTRIAL)]
    both = old.merge(new[new.industry_code.str.fullmatch(r"\d{4}")], on="name")
    group_2002, group_2011 = both.industry_code_x.str[:3], both.industry_code_y.str[:3]
    mutual = (group_2011.map(backward_to) == group_2002) & (
        group_2002.map(forward_to) == group_2011
    )
    both = both.assign(group=group_2002)[mutual].sort_values("industry_code_x")
    chosen = [i for i in INDUSTRIES if _mutual(i, forward_to, backward_to)]
    taken = {i.gbt4754_2002[:3] for i in chosen}
    rest = both[~both.group.isin(taken)].drop_duplicates("group")
    others = [
        Industry(str(code), str(later), _trade(str(name)), _trade(str(name)))
        for code, later, name in rest[["industry_code_x", "industry_code_y", "name"]].itertuples(
            index=False
        )
    ]
    if count <= len(chosen):
        return tuple(chosen[:count])
    wanted = min(count - len(chosen), len(others))
    step = [round(i * (len(others) - 1) / max(wanted - 1, 1)) for i in range(wanted)]
    return tuple(chosen + [others[i] for i in step])


def uk_shares(industries: tuple[Industry, ...]) -> pd.DataFrame:
    """Share of a UK group (from_code) that is an industry (position, to_code): column share.

    As `reference.industry_translation` weighs them: by links, over all industries of China.
    """
    links = pd.read_csv(
        UNITED_KINGDOM / "concordances" / "uksic2007_to_gbt4754_2002.csv", dtype=str
    )
    count = links.links.astype(float)
    links["share"] = count / count.groupby(links.from_code).transform("sum")
    place = {industry.gbt4754_2002[:3]: j for j, industry in enumerate(industries)}
    links = links[links.to_code.isin(place)]
    links = links.assign(position=links.to_code.map(place))
    return links[["from_code", "to_code", "position", "share"]].reset_index(drop=True)


def kinship(industries: tuple[Industry, ...]) -> np.ndarray:
    """(J, J), 0 on the diagonal: how much two industries share UK groups and a division."""
    links, count = uk_shares(industries), len(industries)
    table = links.pivot_table(index="from_code", columns="position", values="share", fill_value=0)
    share = table.reindex(columns=range(count), fill_value=0).to_numpy()
    division = np.array([industry.gbt4754_2002[:2] for industry in industries])
    kin = share.T @ share + SAME_DIVISION * (division[:, None] == division)
    np.fill_diagonal(kin, 0)
    return np.asarray(kin)


def _mutual(industry: Industry, forward: pd.Series, backward: pd.Series) -> bool:
    old, new = industry.gbt4754_2002[:3], industry.gbt4754_2011[:3]
    return bool(forward.get(old) == new and backward.get(new) == old)


def _trade(name: str) -> str:
    """A short word for the class that can stand in a firm's name: 毛纺织 of 毛纺织和染整."""
    first = re.split(r"[、和及与(（,，]", name)[0]
    return (_TAIL.sub("", first) or first)[:6]
