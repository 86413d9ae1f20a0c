"""Names of firms in one form: `normalise` keeps who it is, `stem` drops legal form and place.

Words that make another legal person of it (集团, 分公司, 分厂, numbers) are never dropped. All
functions take unique names; callers work on distinct values.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import opencc

CJK = "\u3400-\u9fff\uf900-\ufaff"
_BETWEEN_CJK = re.compile(rf"(?<=[{CJK}]) +| +(?=[{CJK}])")
_JOINED = re.compile(r"(?<=\b\w) (?=\w\b)")
_SILENT = re.compile(r"[.'`´’‘ʼ·・•]")
_POSTFIXED_CODE = re.compile(r"<[^<>]{1,6}>$")
_LEGAL_CJK = re.compile(
    r"(?:股份)?有限(?:责任)?(?:总)?公司|股份有限责任公司|有限责任股份公司|股份公司|(?<![分子])公司$"
    r"|株式会社|合同会社|有限会社"
)
_LATIN_FORMS = (
    "ltd limited inc incorporated corp corporation co company companies gmbh mbh ag kg kgaa ohg "
    "ug sa sas sarl srl spa sl slu plc llc lc lp llp bv nv kk oy oyj ab as asa aps pty pte pvt "
    "sdn bhd kabushiki kaisha kabushikikaisha ltda sro zrt kft sp zoo ooo oao zao se cv and"
)
_LEGAL_LATIN = frozenset(_LATIN_FORMS.split())
_LAST_WORD = re.compile(r"\b([^\W\d]+)$")
# Two letters of states and patent offices; some are legal forms or titles too, and no country
# behind a comma.
with (Path(__file__).parents[1] / "data" / "codes" / "states.csv").open(encoding="utf-8") as _file:
    _STATES = list(csv.DictReader(_file))
_STATE = "(?:" + "|".join(row["code"] for row in _STATES) + ")"
_BEHIND = "(?:" + "|".join(row["code"] for row in _STATES if not row["is_also"]) + ")"
_IN_SQUARES = re.compile(rf"\s*\[\s*{_STATE}\s*\]$")
_IN_ROUND = re.compile(rf"\s*\(\s*{_STATE}\s*\)$")
_BEHIND_COMMA = re.compile(rf"\s*,\s*{_BEHIND}$")
# Derwent's codes of assignees: four letters and the kind of code (standard, not, individual ...).
_ASSIGNEE_CODE = re.compile(r"\s*\([A-Z0-9&]{4}-[A-Z]\)\s*")
_PROVINCE_NAMES = (
    "北京 天津 河北 山西 内蒙古 辽宁 吉林 黑龙江 上海 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 "
    "广东 广西 海南 重庆 四川 贵州 云南 西藏 陕西 甘肃 青海 宁夏 新疆"
)
_PROVINCES = _PROVINCE_NAMES.split()
_RANKS = ("特别行政区", "自治州", "自治县", "地区", "林区", "市", "省", "盟", "县")
_PEOPLES = re.compile(
    r"(?:土家族|布依族|哈萨克|柯尔克孜|蒙古族|朝鲜族|哈尼族|傣族|景颇族|傈僳族|彝族|藏族|羌族|苗族|"
    r"侗族|壮族|回族|白族|黎族|蒙古|维吾尔)+$"
)
_NUMBERS = re.compile(
    r"[0-9]+|第?[一二三四五六七八九十百]+(?=[分厂矿局处队所院车建冶煤号])|第[一二三四五六七八九十百]+"
)
_BRANCH = re.compile(r"集团|分公司|分厂|子公司|总公司|总厂|研究院|研究所|大学|学院|医院")


@cache
def _simplified() -> dict[int, str]:
    """Traditional to simplified, character by character (OpenCC's table t2s)."""
    convert = opencc.OpenCC("t2s").convert
    table = {}
    for point in (*range(0x3400, 0xA000), *range(0xF900, 0xFB00)):
        other = convert(chr(point))
        if len(other) == 1 and other != chr(point):
            table[point] = other
    return table


def normalise(name: str | None) -> str:
    """The name in one width, script, case and spacing, without punctuation; "" for nothing.

    >>> normalise("ＡＢＣ（上海）有限公司"), normalise("Müller & Co. KG"), normalise("Beta [US]")
    ('abc上海有限公司', 'muller co kg', 'beta')
    """
    if not name:
        return ""
    text = untagged(name)
    if text.isascii():
        text = text.lower()
    else:
        text = text.translate(_simplified()).casefold()
        if not text.isascii():
            text = "".join(
                c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
            )
    text = _POSTFIXED_CODE.sub("", text.strip())
    text = _SILENT.sub("", text)
    text = "".join(c if c.isalnum() else " " for c in text)
    text = " ".join(text.split())
    return _BETWEEN_CJK.sub("", text) if " " in text else text


def half_width(name: str) -> str:
    """The name in one width, without blanks around it.

    >>> half_width(" ＡＢＣ［ＵＳ］ ")
    'ABC[US]'
    """
    return unicodedata.normalize("NFKC", name).strip()


def untagged(name: str, *, loose: bool = False) -> str:
    """A name without the country and the code that sources put to it; in half width.

    [US] goes, and the codes of Derwent; (US) and ", US" only behind a legal form, as they may be a
    part of the name, or with `loose`, for columns where most names have one.

    >>> [untagged(x) for x in ("ALPHA LLC [US]", "ALPHA LLC, US", "(ALPH-C) ALPHA", "Alpha (US)")]
    ['ALPHA LLC', 'ALPHA LLC', 'ALPHA', 'Alpha (US)']
    """
    text = half_width(name)
    text = _ASSIGNEE_CODE.sub(" ", text).strip() or text
    bare = _IN_SQUARES.sub("", text)
    if bare == text:
        bare = _IN_ROUND.sub("", text)
        if bare == text:
            bare = _BEHIND_COMMA.sub("", text)
        if bare != text and not loose and not _ends_legal(bare):
            bare = text
    return bare.rstrip() or text


def tagged(name: str) -> bool:
    """Whether a country in round brackets or behind a comma ends the name, as `loose` takes off.

    >>> tagged("Alpha (US)"), tagged("Alpha, SA"), tagged("Alpha [US]")
    (True, False, False)
    """
    text = half_width(name)
    return bool(_IN_ROUND.search(text) or _BEHIND_COMMA.search(text))


def _ends_legal(text: str) -> bool:
    last = _LAST_WORD.search(text.replace(".", "").strip())
    word = last[1].casefold() if last else ""
    return word.endswith(("公司", "会社")) or word in _LEGAL_LATIN - {"and"}


@dataclass(frozen=True)
class PlaceWords:
    """Words for places at the head of a name, and the prefecture of each (None: province, or not
    one prefecture alone)."""

    words: Mapping[str, str | None]
    longest: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "longest", max(map(len, self.words), default=0))

    def split(self, text: str) -> tuple[str, str | None]:
        """`text` without the places at its head, and the prefecture they name, if one."""
        place: str | None = None
        while True:
            for length in range(min(self.longest, len(text) - 2), 1, -1):
                word = text[:length]
                if word in self.words:
                    place = self.words[word] or place
                    text = text[length:]
                    break
            else:
                return text, place

    def find(self, text: str | None) -> str | None:
        """Prefecture of the first place word in the first 12 characters of an address."""
        if not text:
            return None
        for start in range(min(len(text), 12)):
            for length in range(min(self.longest, len(text) - start), 1, -1):
                found = self.words.get(text[start : start + length])
                if found:
                    return found
        return None


def place_words(names: Iterable[tuple[str, str | None]]) -> PlaceWords:
    """From (name of a place, prefecture code or None): the names, short forms, the provinces.

    >>> places = place_words([("成都市", "5101")])
    >>> places.split("成都钢铁")
    ('钢铁', '5101')
    """
    words: dict[str, str | None] = {}

    def add(word: str, code: str | None) -> None:
        if len(word) < 2:
            return
        known = words.setdefault(word, code)
        if known != code:
            words[word] = None  # several places of this name: it may be dropped, but says nothing

    for name, code in names:
        full = normalise(name)
        add(full, code)
        for rank in _RANKS:
            if full.endswith(rank) and len(full) - len(rank) >= 2:
                short = _PEOPLES.sub("", full[: -len(rank)])
                add(short, code)
                break
    for province in _PROVINCES:
        words.setdefault(province, None)
        words.setdefault(province + "省", None)
    words["吉林"] = None  # the province, or its city
    for region in ("内蒙古", "广西壮族", "西藏", "宁夏回族", "新疆维吾尔"):
        words[region + "自治区"] = None
    words["中国"] = None
    return PlaceWords(words)


def stem(normalised: str, places: PlaceWords | None = None) -> tuple[str, str | None]:
    """(stem, prefecture named at its head) of a normalised name.

    The legal form goes wherever it stands, the place only at the head; 集团, 分公司, 分厂 stay. A
    name that is nothing but place and form is kept as it is.

    >>> stem("成都钢铁有限公司", place_words([("成都市", "5101")]))
    ('钢铁', '5101')
    >>> stem("acme steel co ltd")
    ('acme steel', None)
    """
    text = _LEGAL_CJK.sub("", normalised)
    if text and not _has_cjk(text):
        text = _latin_stem(text)
    place: str | None = None
    if places is not None:
        text, place = places.split(text)
    return (text, place) if len(text) >= 2 else (normalised, place)


def markers(text: str) -> tuple[str, ...]:
    """Parts of a stem that tell one legal person from a like-named one: numbers, branch words.

    >>> markers("第二机床厂集团"), markers("机床厂")
    (('第二', '集团'), ())
    """
    return tuple(sorted(_NUMBERS.findall(text) + _BRANCH.findall(text)))


def _has_cjk(text: str) -> bool:
    return any("\u3400" <= c <= "\u9fff" for c in text)


def _latin_stem(text: str) -> str:
    words = _JOINED.sub("", text).split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    while len(words) > 1 and words[-1] in _LEGAL_LATIN:
        words.pop()
    return " ".join(words)
