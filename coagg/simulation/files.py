"""Survey files of the made economy, each year in another form, as in reality."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from coagg.simulation.dirt import SoiledYear


@dataclass(frozen=True)
class YearFormat:
    """How a year's file is written: `headers` by field, in the order of the file.

    `zero_loss` is the share of leading zeros lost on the way.
    """

    encoding: str
    line_end: str
    classification: str
    zero_loss: float
    headers: dict[str, str]


# Headers that the layout `survey` knows for the year; output in thousand yuan.
_SURVEYED = {
    2010: YearFormat(
        encoding="gbk",
        line_end="\r\n",
        classification="gbt4754_2002",
        zero_loss=0.3,
        headers={
            "firm_id": "法人代码",
            "firm_name": "单位名称",
            "legal_representative": "法定代表人",
            "place_code": "省市县码",
            "address": "街村门牌号",
            "phone": "电话号码",
            "postal_code": "邮政编码",
            "main_product": "主要业务活动或主要产品1",
            "industry_code": "行业代码",
            "established_year": "var39",
            "employment": "年末从业人员合计_总计",
            "output": "工业总产值当年价格",
            "survey_year": "年份",
            "lon": "lon_bd09",
            "lat": "lat_bd09",
        },
    ),
    2013: YearFormat(
        encoding="utf-8-sig",
        line_end="\n",
        classification="gbt4754_2011",
        zero_loss=1.0,
        headers={
            "survey_year": "统计时间",
            "firm_id": "组织机构代码",
            "firm_name": "企业名称",
            "place_code": "行政区划代码",
            "address": "街（村）、门牌号",
            "postal_code": "邮政编码",
            "legal_representative": "法定代表人（负责人）",
            "phone": "固定电话",
            "established_year": "开业（成立）时间--年",
            "industry_code": "行业小类代码",
            "main_product": "主要产品1",
            "output": "工业总产值（当年价格）",
            "employment": "年末从业人员合计（人）",
            "lon": "经度",
            "lat": "纬度",
        },
    ),
}


# The other years: the commonest headers of each edition, by what changed in it.
_USUAL = {
    "firm_id": "法人代码",
    "firm_name": "企业名称",
    "legal_representative": "法定代表人",
    "place_code": "省地县码",
    "address": "地址",
    "phone": "电话号码",
    "postal_code": "邮政编码",
    "main_product": "产品1",
    "industry_code": "行业代码",
    "established_year": "开业时间(年)",
    "employment": "年末从业人员合计(人)",
    "output": "工业总产值(现价)",
    "survey_year": "年份",
    "lon": "lon_bd09",
    "lat": "lat_bd09",
}
_CHANGED = {
    2003: {
        "firm_name": "法人单位",
        "legal_representative": "法人代表姓名",
        "industry_code": "行业类别",
        "established_year": "开业时间（年）",
        "employment": "从业人数",
        "output": "工业总产值（现价）",
    },
    2008: {
        "firm_id": "B00",
        "legal_representative": "B03",
        "postal_code": "B040",
        "place_code": "B05",
        "address": "B052",
        "phone": "B062",
        "industry_code": "B07",
        "established_year": "B131",
        "employment": "B2001",
        "output": "V08",
    },
    2009: {
        "established_year": "开业(成立)时间--年",
        "output": "工业总产值(当年价格)",
    },
}
_ENCODINGS = ("gb18030", "utf-8-sig", "gbk")
# All years from 1998, for the made economy. It speaks the revision of 2002 from its first year,
# since the revision of 1994 is the user's to supply.
YEAR_FORMATS = {
    year: _SURVEYED.get(year)
    or YearFormat(
        encoding=_ENCODINGS[year % 3],
        line_end="\r\n",
        classification="gbt4754_2002",
        zero_loss=0.3,
        headers=_USUAL | _CHANGED.get(year, {}),
    )
    for year in range(1998, 2014)
}


def write_file(path: Path, soiled: SoiledYear, style: YearFormat) -> None:
    """Write a year's rows under their headers; malformed rows get too few or too many fields."""
    fields = list(style.headers)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=style.line_end)
    writer.writerow(style.headers.values())
    rows = zip(*(soiled.text[field] for field in fields), strict=True)
    for row, off in zip(rows, soiled.fields_off.tolist(), strict=True):
        writer.writerow([*row, "", ""][: len(fields) + off])
    path.write_bytes(buffer.getvalue().encode(style.encoding))
