"""Slips in names: found without comparing all with all, and told from other firms' names."""

import numpy as np
import pandas as pd
import pytest
from rapidfuzz.distance import OSA

from coagg.etl.matching.likeness import NameModel, one_slip
from coagg.etl.matching.names import PlaceWords
from coagg.etl.matching.stages import MatchSettings, match

WORDS = [one + other for one in "兴隆恒鑫泰荣永天" for other in "华昌瑞宏丰嘉光源"]


def names_around(rng, count):
    alphabet = np.array(list("甲乙丙丁戊己"))
    return sorted({"".join(rng.choice(alphabet, rng.integers(1, 7))) for _ in range(count)})


@pytest.mark.parametrize("seed", range(3))
def test_slips_are_those_of_an_exhaustive_search(seed):
    rng = np.random.default_rng(seed)
    asked, known = names_around(rng, 120), names_around(rng, 120)
    wanted = [(a, b) for a in asked for b in known if OSA.distance(a, b) == 1]
    assert list(one_slip(asked, known)) == wanted
    assert len(wanted) > 100


def test_a_model_knows_words_from_what_is_none():
    model = NameModel(f"成都{word}机床有限公司" for word in WORDS)
    right = model.log_likelihood("成都兴华机床有限公司")
    for slip in ("成都兴华机床有限公可", "都成兴华机床有限公司", "成都兴华床机有限公司"):
        assert right - model.log_likelihood(slip) > 8
    assert abs(right - model.log_likelihood("成都天源机床有限公司")) < 2


def matched(name, applicants=1, place="5101", firms=None):
    firms = firms or [f"成都{word}机床有限公司" for word in WORDS]
    table = pd.DataFrame(
        {"panel_id": range(len(firms)), "firm_name": firms, "firm_id": "", "place": "5101"}
    )
    asks = pd.DataFrame(
        {"key_id": [1], "name": [name], "organisation_code": [None], "place": [place],
         "applicants": [applicants]}
    )  # fmt: skip
    picks = match(asks, table, PlaceWords({"成都": "5101"}), MatchSettings()).picks
    return [(row.panel_id, row.stage, row.taken) for row in picks.itertuples()]


def test_a_slip_is_taken_once_and_in_its_place_only():
    assert matched("成都兴华机床有限公可") == [(0, "fuzzy", True)]
    assert matched("成都兴华机床有限公可", place="4401") == []
    assert matched("成都兴华机床有限公可", applicants=4) == [(0, "fuzzy", False)]


def test_two_firms_as_near_or_another_word_are_for_review():
    firms = [f"成都{word}机床有限公司" for word in (*WORDS, "兴化")]
    assert {taken for *_, taken in matched("成都兴桦机床有限公司", firms=firms)} == {False}
    others = [f"成都{word}机床有限公司" for word in WORDS if word != "兴源"]
    assert [taken for *_, taken in matched("成都兴源机床有限公司", firms=others)] == [False] * 5


def test_numbers_and_branches_are_never_slips():
    firms = ["成都第二机床厂", *(f"成都{word}机床厂" for word in WORDS)]
    assert matched("成都第三机床厂", firms=firms) == []
    firms = ["成都兴华TCL机床厂", *(f"成都{word}机床厂" for word in WORDS)]
    assert 0 not in [panel_id for panel_id, *_ in matched("成都兴华TC机床厂", firms=firms)]
