"""Names, codes and numbers of made firms, in the forms of the real survey."""

from __future__ import annotations

import numpy as np


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


WORDS = _split(
    "兴 华 盛 达 隆 昌 恒 瑞 鑫 宏 泰 丰 荣 嘉 永 光 天 源 新 力 金 安 祥 和 东 方 鼎 诚 远 大 "
    "金龙 长城 红旗 前进 建设 华西 北方 三江 锦绣 朝阳"
)
FORMS = _split("有限公司 有限责任公司 股份有限公司 集团有限公司 厂")
FORM_SHARES = (0.55, 0.25, 0.08, 0.04, 0.08)
SURNAMES = _split("王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 梁 宋 郑 谢 欧阳")
GIVEN = _split(
    "伟 芳 建国 秀英 敏 静 强 磊 军 洋 勇 志强 杰 涛 明 超 桂英 平 刚 红 文 华 玉兰 国庆"
)
STREETS = _split("人民 解放 建设 中山 工业 和平 长江 北京 新华 科技 滨河 迎宾")

_CHECK_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])


def organisation_codes(count: int, rng: np.random.Generator) -> list[str]:
    """`count` new codes of eight digits and a check digit (GB 11714: X stands for 10).

    One in twenty-five begins with a zero.
    """
    codes: dict[str, None] = {}
    while len(codes) < count:
        digits = rng.integers(0, 10, 8)
        digits[0] = 0 if rng.random() < 0.04 else rng.integers(1, 8)
        rest = 11 - int(digits @ _CHECK_WEIGHTS) % 11
        code = "".join(map(str, digits)) + {10: "X", 11: "0"}.get(rest, str(rest))
        codes[code] = None
    return list(codes)


def short_place(place: str) -> str:
    """The place without its rank: 成都市 is 成都."""
    return place[:-1] if len(place) > 2 and place.endswith("市") else place


def place_code(prefecture_code: str, rng: np.random.Generator) -> str:
    """A county code of six digits; a municipality is split into city and counties (5001, 5002)."""
    if len(prefecture_code) == 6:  # a county under its province has no other code
        return prefecture_code
    if prefecture_code.endswith("00"):
        prefecture_code = f"{prefecture_code[:2]}0{rng.choice([1, 2], p=[0.85, 0.15])}"
    return f"{prefecture_code}{rng.integers(1, 30):02d}"
