"""Patents and citations of the made economy, in the forms and with the dirt of real files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from coagg.simulation.names import WORDS

HEADERS = (
    "申请号", "公开号", "名称", "专利类型", "申请日", "授权日", "是否授权", "主分类号", "申请人",
    "组织机构代码", "行政区划代码", "地址", "专利价值",
)  # fmt: skip
CITATION_HEADERS = ("引用专利", "被引专利", "引用日期")

UNGRANTED = 0.25  # beside each granted patent of a firm, never to be counted
OUTSIDE = 0.15  # of persons, universities, institutes and small firms, which match no firm
SIBLINGS = 0.25  # of those: firms below the survey's threshold, named much like a surveyed one
CO_APPLICANT = 0.12
CODE_STATED = 0.15
FAULTY = 0.004
# How the first applicant's name differs from the survey's, where it can.
NAME_DIRT = {
    "width": 0.10, "brackets": 0.05, "short_form": 0.08, "blank": 0.03, "typo": 0.025,
    "old_name": 0.5,
}  # fmt: skip
# Characters and those they are taken for: alike in sound (homophones) or in shape.
_WRONG = (
    "华花 盛胜 达大 隆龙 昌唱 恒衡 瑞锐 鑫欣 宏洪 泰太 丰风 荣容 嘉佳 永水 光先 天夫 源原 "
    "新心 力刀 金全 安按 祥详 和合 东车 方万 鼎顶 诚城 远运 长常 红洪 旗棋 前钱 进近 建健 "
    "设没 西四 北比 三二 江工 锦绵 绣秀 朝潮 阳扬 机杌 床庆 电申 子孑 材才 料科 制治 品晶 "
    "纺仿 织积 钢刚 铁轶 化花 学字 有友 限艮 公分 司可 责贵 任仟 股般 份分 厂广"
)

CITED_PER_PATENT = 1.5
LINK_EFFECT = 0.8  # a planted link j -> k raises expected citations by this share
SAME_GROUP_EFFECT = 0.3
OWN_INDUSTRY_EFFECT = 3.0
NEAR_SHARE = 0.75  # of citations that stay in the agglomeration
EARLIER_SHARE = 0.5
UNKNOWN_CITED = 0.08

_KINDS = np.array(["发明专利", "实用新型", "外观设计"])
_GRANTED_LAG_DAYS = (200, 1100)
_CHECK = np.array([2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5])
_FULL = {i: i + 0xFEE0 for i in range(0x21, 0x7F)}
_TAKEN_FOR = {pair[0]: pair[1] for pair in _WRONG.split()}
_FULL_LETTERS = str.maketrans({chr(k): chr(v) for k, v in _FULL.items()})
_LAST_WORD = re.compile(rf"(?:{'|'.join(WORDS)}|[A-Z0-9]+)$")
_PERSONS = ["王伟", "李芳", "张敏", "刘强", "陈静", "杨洋", "赵磊", "黄勇", "周杰", "吴涛"]
_SCHOOLS = ["大学", "理工大学", "工业大学", "科学研究院", "技术研究所", "师范学院"]


@dataclass(frozen=True)
class Granted:
    """Granted patents of firms of one year, sorted by cell: ids, cell numbers, day of the year.

    `cell` is agglomeration * J + industry; `start` (C * J + 1,) bounds each cell's patents.
    """

    ids: np.ndarray
    cell: np.ndarray
    start: np.ndarray
    date: np.ndarray


def write_patents(
    path: Path,
    year: int,
    firms: pd.DataFrame,
    scale: np.ndarray,
    quality: np.ndarray,
    places: list[str],
    rng: np.random.Generator,
) -> tuple[Granted, pd.DataFrame]:
    """Write a year's patents; returns the granted ones and the truth.

    `firms`: firm_number, firm_name, old_name, firm_id, place_code, address, trade, cell,
    employment; `scale` (C, J) counts and `quality` (C, J) sums of values to hand out; `places`
    names for outsiders. Truth: patent_id, position, firm_number ("" for nobody), name_dirt (of
    NAME_DIRT; `sibling` for a small firm named much like a surveyed one), status (granted,
    ungranted, outside, faulty).
    """
    counts = scale.ravel().astype(int)
    cells = len(counts)
    owner, cell = _owners(firms, counts, rng)
    value = _values(cell, counts, quality.ravel(), rng)
    extra = rng.choice(len(firms), round(UNGRANTED * len(owner)))
    outside = round(OUTSIDE * len(owner))
    faulty = round(FAULTY * len(owner))
    status = np.repeat(
        ["granted", "ungranted", "outside", "faulty"], [len(owner), len(extra), outside, faulty]
    )
    holder = np.concatenate([owner, extra, rng.choice(len(firms), outside + faulty)])
    worth = np.concatenate([value, np.round(rng.lognormal(1.5, 1.0, len(status) - len(value)), 2)])
    count = len(status)
    day = rng.integers(0, 365, count)
    applied = np.datetime64(f"{year}-01-01") + day
    kind = rng.choice(3, count, p=(0.45, 0.45, 0.10))
    ids = _application_numbers(year, kind, rng.permutation(count) + 1)
    lag = rng.integers(*_GRANTED_LAG_DAYS, count)
    granted = (status == "granted") | (status == "faulty")
    granted |= (status == "outside") & (rng.random(count) < 0.7)

    frame = firms.iloc[holder].reset_index(drop=True)
    name, dirt = _soiled_names(frame, rng)
    out = np.flatnonzero(status == "outside")
    name[out] = _outsiders(len(out), places, rng)
    dirt[out] = ""
    small = out[rng.random(len(out)) < SIBLINGS]
    name[small] = _siblings(frame.iloc[small], set(firms.firm_name), rng)
    dirt[small] = "sibling"
    stranger = (status == "outside") & (dirt == "")
    co = rng.random(count) < CO_APPLICANT
    mark = np.array([";", "；", "、"], dtype=object)[rng.integers(0, 3, count)]
    partner = _outsiders(count, places, rng)
    applicants = np.where(co, name + mark + partner, name)
    stated = (rng.random(count) < CODE_STATED) & (status != "outside") & ~co
    style = rng.integers(0, 10, count)
    rows = pd.DataFrame(
        {
            "申请号": [f"{i[:-1]}.{i[-1]}" for i in ids],
            "公开号": [
                f"CN{100_000_000 + n}{'UAS'[k]}" for n, k in zip(_serial(ids), kind, strict=True)
            ],
            "名称": [f"一种{trade}装置及方法" for trade in frame.trade],
            "专利类型": _KINDS[kind],
            "申请日": _dates(applied, style),
            "授权日": np.where(granted, _dates(applied + lag, style), ""),
            "是否授权": np.where(granted, "是", "否"),
            "主分类号": [
                f"{'ABCFGH'[n % 6]}{n % 60 + 1:02d}B{n % 23 + 1}/00" for n in frame["cell"]
            ],
            "申请人": applicants,
            "组织机构代码": np.where(stated, frame.firm_id, ""),
            "行政区划代码": np.where(stranger, "", frame.place_code),
            "地址": np.where(stranger, "", frame.address),
            "专利价值": worth,
        }
    )  # fmt: skip
    bad = np.flatnonzero(status == "faulty")
    rows.loc[bad[::2], "申请人"] = ""
    rows.loc[bad[1::2], "申请日"] = "1899-12-30"
    truth = pd.DataFrame(
        {
            "patent_id": ids,
            "position": 1,
            "firm_number": np.where(status == "outside", "", frame.firm_number.astype(str)),
            "name_dirt": dirt,
            "status": status,
        }
    )
    second = truth[co & (status != "faulty")].assign(position=2, firm_number="", name_dirt="")
    order = rng.permutation(count)
    rows.iloc[order].to_csv(path, index=False, lineterminator="\n", encoding="utf-8-sig")
    truth = pd.concat([truth, second]).sort_values(["patent_id", "position"])

    first = np.argsort(cell, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells))])
    mine = Granted(ids[: len(owner)][first], cell[first], start, applied[: len(owner)][first])
    return mine, truth.reset_index(drop=True)


def citations(
    now: Granted,
    before: Granted | None,
    phi: np.ndarray,
    group: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Citations made by a year's patents.

    `phi` (C, J, J). Expected citations of j's patents to k's in c are proportional to
    sqrt(P_j P_k) (1 + LINK_EFFECT phi_jk) (1 + SAME_GROUP_EFFECT same_jk), P the cell's patents,
    and higher inside an industry. Returns rows under CITATION_HEADERS.
    """
    places, industries = phi.shape[:2]
    have = np.diff(now.start).reshape(places, industries)
    expected = np.sqrt(have[:, :, None] * have[:, None, :])
    expected *= 1 + LINK_EFFECT * phi
    expected *= 1 + SAME_GROUP_EFFECT * (group[:, None] == group[None])
    expected *= 1 + (OWN_INDUSTRY_EFFECT - 1) * np.eye(industries)
    expected *= CITED_PER_PATENT * have.sum() / expected.sum()
    made = rng.poisson(expected)
    c, j, k = np.nonzero(made)
    times = made[c, j, k]
    c, j, k = (np.repeat(axis, times) for axis in (c, j, k))
    citing = _pick(now, c * industries + j, rng)
    home = np.where(rng.random(len(c)) < NEAR_SHARE, c, rng.integers(0, places, len(c)))
    same_year = _pick(now, home * industries + k, rng)
    cited = now.ids[np.maximum(same_year, 0)].copy()
    sound = same_year >= 0
    if before is not None:
        older = _pick(before, home * industries + k, rng)
        use = (older >= 0) & (rng.random(len(c)) < EARLIER_SHARE)
        cited[use] = before.ids[older[use]]
        sound |= use
    unknown = rng.random(len(c)) < UNKNOWN_CITED
    strange = rng.integers(10**8, 10**9, len(c))
    cited = np.where(unknown, np.array([f"US{n}" for n in strange], dtype=object), cited)
    sound |= unknown
    rows = pd.DataFrame(
        {
            "引用专利": now.ids[citing],
            "被引专利": cited,
            "引用日期": (now.date[citing] + rng.integers(30, 900, len(c))).astype(str),
        }
    )[sound]
    rows = rows[rows["引用专利"] != rows["被引专利"]]
    return rows.drop_duplicates(["引用专利", "被引专利"])


def _pick(patents: Granted, cell: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random patent of each cell, -1 where the cell has none."""
    begin, end = patents.start[cell], patents.start[cell + 1]
    drawn = begin + (rng.random(len(cell)) * (end - begin)).astype(int)
    return np.where(end > begin, drawn, -1)


def _owners(
    firms: pd.DataFrame, counts: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Row of `firms` and cell of each patent: a heavy tail over the firms of the cell."""
    weight = firms.employment.to_numpy(float) * (1 + rng.pareto(1.2, len(firms)))
    order = np.argsort(firms["cell"].to_numpy(), kind="stable")
    cell_of = firms["cell"].to_numpy()[order]
    start = np.searchsorted(cell_of, np.arange(len(counts) + 1))
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    cell = np.repeat(np.arange(len(counts)), counts)
    low, high = total[start[cell]], total[start[cell + 1]]
    at = np.searchsorted(total, low + rng.random(len(cell)) * (high - low), side="right") - 1
    return order[np.clip(at, start[cell], start[cell + 1] - 1)], cell


def _values(
    cell: np.ndarray, counts: np.ndarray, quality: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Heavy-tailed values that add up to the cell's quality, to a hundredth a patent."""
    share = rng.lognormal(0, 1.2, len(cell))
    total = np.bincount(cell, weights=share, minlength=len(counts))
    return np.round(share * quality[cell] / total[cell], 2)


def _application_numbers(year: int, kind: np.ndarray, serial: np.ndarray) -> np.ndarray:
    """CN, year, kind, number of the kind and check digit: four digits of the year since 2003.

    `serial` orders the patents of all kinds; each kind is numbered by itself, as at the office.
    """
    serial = pd.Series(serial).groupby(kind).rank().to_numpy(dtype=int)
    if year >= 2003:
        body = [f"{year}{k + 1}{n:07d}" for k, n in zip(kind, serial, strict=True)]
    else:
        body = [f"{year % 100:02d}{k + 1}{n:05d}" for k, n in zip(kind, serial, strict=True)]
    digits = np.array([list(text) for text in body], dtype=int)
    rest = digits @ _CHECK[: digits.shape[1]] % 11
    check = np.array(list("0123456789X"))[rest]
    return np.array([f"CN{b}{c}" for b, c in zip(body, check, strict=True)], dtype=object)


def _serial(ids: np.ndarray) -> list[int]:
    return [int(i[2:-1]) % 100_000_000 for i in ids]


def _dates(days: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Mostly 2010-03-05, some 2010.03.05 and 20100305."""
    text = days.astype("datetime64[D]").astype(str).astype(object)
    for some, mark in ((8, "."), (9, "")):
        at = np.flatnonzero(style == some)
        text[at] = [t.replace("-", mark) for t in text[at]]
    return np.asarray(text)


def _soiled_names(frame: pd.DataFrame, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Names as applicants write them, and what was done to each ("" for nothing)."""
    name = frame.firm_name.to_numpy(dtype=object).copy()
    dirt = np.full(len(name), "", dtype=object)
    former = frame.old_name.to_numpy(dtype=object)
    for kind, share in NAME_DIRT.items():
        for i in np.flatnonzero((dirt == "") & (rng.random(len(name)) < share)):
            old = former[i]
            new = old if kind == "old_name" and old else _soil_name(name[i], kind, rng)
            if new != name[i]:
                name[i], dirt[i] = new, kind
    return name, dirt


def _soil_name(name: str, kind: str, rng: np.random.Generator) -> str:
    match kind:
        case "width":
            return name.translate(_FULL_LETTERS)
        case "brackets":
            return name.replace("（", "(").replace("）", ")")
        case "short_form":
            return name.replace("有限责任公司", "有限公司")
        case "blank":
            return f"{name[:2]} {name[2:]}"
        case "typo":
            return _mistyped(name, rng)
    return name


def _mistyped(name: str, rng: np.random.Generator) -> str:
    """One wrong character, most often; else one left out, doubled, or two exchanged."""
    known = [i for i, c in enumerate(name) if c in _TAKEN_FOR]
    if known and rng.random() < 0.6:
        i = known[rng.integers(len(known))]
        return name[:i] + _TAKEN_FOR[name[i]] + name[i + 1 :]
    i = int(rng.integers(len(name) - 1))
    one, other = name[i], name[i + 1]
    middle = (other, one + one + other, other + one)[rng.integers(3)]
    return name[:i] + middle + name[i + 2 :]


def _siblings(frame: pd.DataFrame, taken: set[str], rng: np.random.Generator) -> list[str]:
    """Names of other firms of the same place and trade: another last word, and none of `taken`."""
    made = []
    for name, trade in zip(frame.firm_name.tolist(), frame.trade.tolist(), strict=True):
        at = name.find(trade)
        if name[at - 1] == "）":
            at = name.find("（")
        words = _LAST_WORD.sub("", name[:at]) + WORDS[rng.integers(len(WORDS))]
        while words + name[at:] in taken:
            words += WORDS[rng.integers(len(WORDS))]
        made.append(words + name[at:])
    return made


def _outsiders(count: int, places: list[str], rng: np.random.Generator) -> np.ndarray:
    person = rng.choice(_PERSONS, count).astype(object)
    school = rng.choice(places, count).astype(object) + rng.choice(_SCHOOLS, count).astype(object)
    return np.asarray(np.where(rng.random(count) < 0.4, person, school))
