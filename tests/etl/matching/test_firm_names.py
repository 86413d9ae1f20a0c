"""Names in one form: width, script, brackets, legal form, place; what must stay apart."""

import pytest

from coagg.etl.matching.names import markers, normalise, place_words, stem

PLACES = place_words([("成都市", "5101"), ("延边朝鲜族自治州", "2224"), ("广州市", "4401")])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("華為技術（深圳）有限公司", "华为技术(深圳)有限公司"),
        ("ＡＢＣ　机械 有限公司", "abc机械有限公司"),
        ("Université d'Aix-Marseille", "UNIVERSITE D’AIX MARSEILLE"),
        ("PLATYPUS IP L.L.C.", "Platypus IP LLC"),
        ("GENERAL ELECTRIC CO <GE>", "General Electric Co."),
    ],
)
def test_spellings_of_one_name_have_one_form(one, other):
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("成都兴达机床有限责任公司", ("兴达机床", "5101")),
        ("四川省成都市兴达机床股份有限公司", ("兴达机床", "5101")),
        ("延边兴达机床厂", ("兴达机床厂", "2224")),
        ("兴达集团有限公司", ("兴达集团", None)),
        ("中国石油股份有限公司成都分公司", ("石油成都分公司", None)),
        ("兴达机床有限公司第二分厂", ("兴达机床第二分厂", None)),
        ("成都有限公司", ("成都", None)),
        ("The Boeing Company", ("boeing", None)),
        ("HONDA MOTOR CO., LTD.", ("honda motor", None)),
    ],
)
def test_stem_drops_form_and_place_and_no_group_or_branch(name, expected):
    assert stem(normalise(name), PLACES) == expected


def test_numbers_and_branches_tell_like_names_apart():
    assert markers("兴达机床第一分厂") != markers("兴达机床第二分厂")
    assert markers("兴达集团") != markers("兴达")


def test_nothing_is_nothing():
    assert normalise(None) == normalise("  ") == ""


def test_an_address_tells_its_prefecture():
    assert PLACES.find("610000 四川省成都市高新区") == "5101"
    assert PLACES.find(None) is None
