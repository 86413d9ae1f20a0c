"""Industries of the made economy that have a trade name and a product of their own."""

from __future__ import annotations

from dataclasses import dataclass


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
