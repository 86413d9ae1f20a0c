"""Industries laid on sites with planted directional relations.

The sites of a year exist before any industry takes them, and null industries take theirs first,
so that each is a uniform random subset of the pool: exactly the null of the index.

- one way, A -> B: A clusters in one spot; a part of B (`BESIDE_SHARE`) sits beside A, the rest
  anywhere. With A fixed, moving mass to B costs less than to a random draw of B's size, since a
  part of B is already there. With B fixed, a random draw of A's size matches B's scattered part
  better than the clustered A does. Every A has a B near it, not every B an A.
- two ways: A and B cluster in the same spot.
- null: both are random subsets of the pool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from etl.simulated_places import plane_km

BESIDE_SHARE = 0.46
TWO_WAY_CLUSTERED_SHARE = 0.9
LOCALISED_SHARE = 0.5
HOME_CANDIDATES = 6

# Industries of an agglomeration by relation: pairs of one_way, two_way and null; the others are
# loosely localised each in its own place, so that the planted pairs are not the only structure.
ONE_WAY_PAIRS = 3
TWO_WAY_PAIRS = 3
NULL_PAIRS = 4


@dataclass(frozen=True)
class Industry:
    """A three-digit industry by one of its four-digit classes in two revisions of GB/T 4754."""

    gbt4754_2002: str
    gbt4754_2011: str
    trade: str
    product: str


# Classes that both revisions have one to one, in 28 distinct three-digit groups of each.
INDUSTRIES = tuple(
    Industry(*line.split())
    for line in """\
0610 0610 煤业 原煤
0810 0810 矿业 铁矿石
1310 1310 米业 大米
1411 1411 食品 糕点
1711 1711 纺织 棉纱
1910 1910 皮革 牛皮革
2011 2011 木业 锯材
2110 2110 家具 木质家具
2319 2319 印务 纸箱印刷
2511 2511 石化 润滑油
2611 2611 化工 硫酸
2624 2624 肥业 复混肥
2661 2661 助剂 化学助剂
2720 2720 制药 片剂
3111 3011 水泥 水泥
3132 3032 陶瓷 墙地砖
3411 3311 钢构 钢结构件
3521 3421 机床 车床
3541 3441 泵业 离心泵
3551 3451 轴承 滚动轴承
3625 3525 模具 冲压模具
3681 3581 医疗器械 监护仪
3691 3591 环保设备 除尘器
3725 3660 汽车配件 变速箱齿轮
3921 3821 变压器 配电变压器
3931 3831 线缆 电力电缆
4061 3971 电子 电子元件
4111 4011 仪表 控制仪表
""".splitlines()
)


@dataclass(frozen=True)
class Plan:
    """What is planted in one agglomeration.

    `pairs` holds (relation, a, b), industries as positions in INDUSTRIES; `sizes` the firms of
    each industry in the first year; `homes` the spot an industry clusters in, lon and lat.
    """

    pairs: tuple[tuple[str, int, int], ...]
    sizes: np.ndarray
    homes: dict[int, np.ndarray]


def plan_agglomeration(firms: int, sites: np.ndarray, rng: np.random.Generator) -> Plan:
    """Give every industry a role, a size and homes; the sizes add up to `firms` nearly.

    `sites` (n, 2) is lon, lat of possible homes. At 1,700 firms planted industries have 40 to 110,
    the others a heavy tail of 8 to 150.
    """
    order = rng.permutation(len(INDUSTRIES))
    relations = ["one_way"] * ONE_WAY_PAIRS + ["two_way"] * TWO_WAY_PAIRS + ["null"] * NULL_PAIRS
    pairs = tuple(
        (relation, int(order[2 * i]), int(order[2 * i + 1])) for i, relation in enumerate(relations)
    )
    sizes = np.clip(rng.lognormal(np.log(40), 0.8, len(order)), 8, 150)
    for relation, a, b in pairs:
        if relation == "one_way":
            sizes[a], sizes[b] = rng.uniform(40, 65), rng.uniform(70, 110)
        elif relation == "two_way":
            sizes[a], sizes[b] = rng.uniform(40, 80, 2)
    planted = {j for kind, a, b in pairs if kind != "null" for j in (a, b)}
    free = np.array([j not in planted for j in range(len(order))])
    scale = firms / 1700
    sizes[~free] *= scale
    sizes[free] *= (firms - sizes[~free].sum()) / sizes[free].sum()
    sizes[free] = np.clip(sizes[free], 8, 150 * max(scale, 1))
    homes = {int(j): sites[rng.integers(len(sites))] for j in order}
    left = sites
    for relation, a, b in pairs:
        if relation != "null":
            homes[a], left = _claim_home(sites, left, round(sizes[a] + sizes[b]), rng)
    return Plan(pairs, np.round(sizes).astype(int), homes)


def settle(
    plan: Plan, sites: np.ndarray, owner: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Let every industry take the sites it needs; returns owner with free sites taken.

    `sites` (n, 2) is lon, lat; `owner` (n,) holds the industry of each site, -1 where it is free.
    An industry needs its size in `plan.sizes` less the sites it owns; sizes must add up to n.
    """
    owner = owner.copy()
    middle_lat = float(sites[:, 1].mean())
    plane = plane_km(sites, middle_lat)
    needs = plan.sizes - np.bincount(owner[owner >= 0], minlength=len(INDUSTRIES))

    def take(industry: int, n: int, choose: Callable[[np.ndarray, int], np.ndarray]) -> None:
        n = min(n, int(needs[industry]))
        owner[choose(np.flatnonzero(owner < 0), n)] = industry
        needs[industry] -= n

    def anywhere(free: np.ndarray, n: int) -> np.ndarray:
        return rng.choice(free, n, replace=False)

    def at_home(industry: int, choice: int) -> Callable[[np.ndarray, int], np.ndarray]:
        home = plane_km(plan.homes[industry], middle_lat)
        return lambda free, n: free[_around(plane[free], home, n, choice, rng)]

    def beside(industry: int) -> Callable[[np.ndarray, int], np.ndarray]:
        partners = plane[owner == industry]
        return lambda free, n: free[_beside(plane[free], partners, n, rng)]

    def part(share: float, industry: int) -> int:
        return round(share * int(needs[industry]))

    for relation in ("null", "one_way", "two_way"):
        for kind, a, b in plan.pairs:
            if kind != relation:
                continue
            if kind == "one_way":
                take(a, needs[a], at_home(a, 3))
                take(b, part(BESIDE_SHARE, b), beside(a))
            elif kind == "two_way":
                take(a, part(TWO_WAY_CLUSTERED_SHARE, a), at_home(a, 3))
                take(b, part(TWO_WAY_CLUSTERED_SHARE, b), beside(a))
            take(a, needs[a], anywhere)
            take(b, needs[b], anywhere)
    paired = {j for _, a, b in plan.pairs for j in (a, b)}
    for industry in range(len(INDUSTRIES)):
        if industry not in paired:
            take(industry, part(LOCALISED_SHARE, industry), at_home(industry, 6))
            take(industry, needs[industry], anywhere)
    return owner


def _claim_home(
    sites: np.ndarray, left: np.ndarray, firms: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The best of some random sites as the home of a pair, and the sites left to later pairs.

    Best is where `firms` sites lie close together compared with their distance from the pool: an
    industry there differs most from random draws, so that what is planted can be found.
    """
    middle_lat = float(sites[:, 1].mean())
    plane = plane_km(left, middle_lat)
    best, chosen, claimed = np.inf, left[0], np.arange(0)
    for home in left[rng.choice(len(left), HOME_CANDIDATES, replace=False)]:
        distance = np.hypot(*(plane - plane_km(home, middle_lat)).T)
        nearest = np.argsort(distance, kind="stable")[:firms]
        from_pool = np.hypot(*plane_km(sites - home, middle_lat).T)
        spread = np.sqrt(np.mean(distance[nearest] ** 2) / np.mean(from_pool**2))
        if spread < best:
            best, chosen, claimed = spread, home, nearest
    return chosen, np.delete(left, claimed, axis=0)


def _around(
    plane: np.ndarray, home: np.ndarray, n: int, choice: int, rng: np.random.Generator
) -> np.ndarray:
    """Positions of n points drawn from the `choice` n nearest to `home`."""
    distance = np.hypot(*(plane - home).T)
    return rng.choice(np.argsort(distance, kind="stable")[: choice * n], n, replace=False)


def _beside(
    plane: np.ndarray, partners: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Positions of n points, each the nearest left to a partner; partners in random turns."""
    distance = np.hypot(*(plane[None] - partners[:, None]).transpose(2, 0, 1))
    taken = np.empty(n, dtype=np.int64)
    for i, partner in enumerate(np.resize(rng.permutation(len(partners)), n)):
        taken[i] = np.argmin(distance[partner])
        distance[:, taken[i]] = np.inf
    return taken
