import csv
import functools
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from coagg.etl.firms import industry_codes
from coagg.etl.firms.industry_codes import detect_classification, industries
from coagg.etl.reference import countries

INDUSTRIAL_DIVISIONS = countries.of("CN").divisions
repair_codes = functools.partial(industry_codes.repair_codes, divisions=INDUSTRIAL_DIVISIONS)

SMALL_2002 = {"06", "061", "0610", "13", "131", "1311", "36", "366", "3661", "371", "391"}
SMALL_2011 = {"06", "061", "0610", "13", "131", "1311", "36", "366", "3660", "381", "371"}


def codes(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())


@pytest.fixture(scope="module")
def code_sets(sample_dir: Path) -> dict[str, set[str]]:
    sets = {}
    for year in (2002, 2011, 2017):
        path = sample_dir / "classifications" / f"gbt4754_{year}.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            sets[f"gbt4754_{year}"] = {row["code"] for row in csv.DictReader(file)}
    return sets


@pytest.fixture(scope="module")
def sample(sample_dir: Path) -> dict[str, list[str]]:
    path = sample_dir / "firms" / "cn_example_2013_drewdrop.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in ("SIC2", "SIC3")}


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (" 0610 ", "0610"),
        ("C3610", "3610"),
        ("３６１０", "3610"),
        ("3610.0", "3610"),
        ("0610.", "0610"),
        ("", None),
        ("NULL", None),
        (".", None),
        ("—", None),
        ("制造", "制造"),
    ],
)
def test_codes_are_normalised(received, expected):
    assert industry_codes.normalised_code(received) == expected


def test_a_code_shorter_than_the_others_gets_its_zero_back():
    repaired, mask = repair_codes(codes("610", "1311", "0710", "820", None, "130", "3610"))
    assert repaired.to_pylist() == ["0610", "1311", "0710", "0820", None, "130", "3610"]
    assert mask.tolist() == [True, False, False, True, False, False, False]


def test_a_cut_code_that_poses_as_a_service_is_a_mine():
    repaired, mask = repair_codes(codes("610", "911", "922", "131", "461", "500", "061", "361"))
    assert repaired.to_pylist() == ["061", "091", "092", "131", "461", "500", "061", "361"]
    assert mask.tolist() == [True, True, True, False, False, False, False, False]


def test_divisions_are_repaired_too():
    repaired, _ = repair_codes(codes("61", "92", "13", "46", "51"), length=2)
    assert repaired.to_pylist() == ["06", "09", "13", "46", "51"]


def test_four_digit_codes_of_services_are_left_alone():
    repaired, mask = repair_codes(codes("6100", "9110", "1311"))
    assert repaired.to_pylist() == ["6100", "9110", "1311"]
    assert not mask.any()


@pytest.mark.parametrize(
    ("division", "expected"),
    [("61", "061"), ("6", "061"), ("06", "061"), (None, "061"), ("13", "610")],
)
def test_a_division_beside_the_code_must_agree(division, expected):
    repaired, mask = repair_codes(codes("610", "131"), codes(division, "13"))
    assert repaired.to_pylist() == [expected, "131"]
    assert mask.tolist() == [expected == "061", False]


def test_a_repair_into_no_known_code_is_left_out():
    repaired, mask = repair_codes(codes("610", "960", "131"), valid={"061", "131"})
    assert repaired.to_pylist() == ["061", "960", "131"]
    assert mask.tolist() == [True, False, False]


def test_codes_of_another_shape_are_known_by_their_classification():
    known = {"0A1", "332", "33281", "332810"}
    found, unknown = industries(codes("332810", "0A12", "0A92", "9A12"), known)
    assert found.to_pylist() == ["332", "0A1", None, None]
    assert unknown.tolist() == [False, False, True, True]


def test_british_codes_are_repaired_by_length_only():
    received = codes("1110", "33190", "62010")
    repaired, mask = repair_codes(received, divisions=industry_codes.ALL_DIVISIONS)
    assert repaired.to_pylist() == ["01110", "33190", "62010"]
    assert mask.tolist() == [True, False, False]


def test_columns_without_codes_are_repaired_to_nothing():
    for empty in (codes(), codes(None, "", "NULL"), pa.chunked_array([codes(None)])):
        repaired, mask = repair_codes(empty)
        assert repaired.null_count == len(empty) == len(mask)
        assert not mask.any()


def test_zeros_alone_do_not_tell_the_length():
    assert industry_codes.code_length({"0": 500, "3610": 3, "361": 2}) == 4
    assert industry_codes.code_length({"361": 2, "3610": 2}) == 4
    assert industry_codes.code_length({"": 3, "x": 1}) is None


def test_industry_is_the_three_digit_group():
    found, unknown = industries(codes("0610", "061", None, "9999", "06", "x12"), SMALL_2011)
    assert found.to_pylist() == ["061", "061", None, None, None, None]
    assert unknown.tolist() == [False, False, False, True, True, True]
    assert industries(codes("9999"))[0].to_pylist() == ["999"]


def test_revision_is_the_one_that_knows_most_codes():
    sets = {"gbt4754_2002": SMALL_2002, "gbt4754_2011": SMALL_2011}
    assert detect_classification({"131": 90, "381": 10}, sets) == (
        "gbt4754_2011",
        {"gbt4754_2002": 0.9, "gbt4754_2011": 1.0},
    )
    assert detect_classification({"131": 90, "391": 10}, sets)[0] == "gbt4754_2002"


def test_few_rows_decide_by_distinct_codes():
    sets = {"gbt4754_2002": SMALL_2002, "gbt4754_2011": SMALL_2011}
    assert detect_classification({"131": 999_999, "381": 1}, sets)[0] == "gbt4754_2011"


def test_a_tie_is_told_and_a_hint_settles_it():
    sets = {"gbt4754_2002": SMALL_2002, "gbt4754_2011": SMALL_2011}
    tied = {"131": 5, "366": 5}
    assert detect_classification(tied, sets) == (None, dict.fromkeys(sets, 1.0))
    assert detect_classification(tied, sets, "gbt4754_2011")[0] == "gbt4754_2011"
    assert detect_classification(tied, sets, "gbt4754_1994")[0] is None
    assert detect_classification({"381": 9, "131": 1}, sets, "gbt4754_2002")[0] == "gbt4754_2011"


def test_codes_that_nobody_knows_have_no_classification():
    assert detect_classification({"999": 3, "131": 1}, {"a": SMALL_2002})[0] is None
    assert detect_classification({}, {"a": SMALL_2002}) == (None, {"a": 0.0})
    assert detect_classification({"131": 1}, {}) == (None, {})


def test_zeros_of_the_real_sample(sample, code_sets):
    received, divisions = pa.array(sample["SIC3"]), pa.array(sample["SIC2"])
    for other in (None, divisions):
        repaired, mask = repair_codes(received, other, code_sets["gbt4754_2011"])
        assert mask.sum() == 2948
        moved = Counter(
            zip(received.filter(pa.array(mask)).to_pylist(),
                repaired.filter(pa.array(mask)).to_pylist(), strict=True)
        )  # fmt: skip
        assert moved["610", "061"] == 1886
        assert {new for _, new in moved} >= {"091", "092", "081"}
        _, unknown = industries(repaired, code_sets["gbt4754_2011"])
        assert not unknown.any()


def test_revision_of_the_real_sample_is_2011(sample, code_sets):
    repaired, _ = repair_codes(pa.array(sample["SIC3"]))
    found, shares = detect_classification(Counter(repaired.to_pylist()), code_sets)
    assert found == "gbt4754_2011"
    assert shares["gbt4754_2011"] == 1
    assert shares["gbt4754_2002"] < 0.9
    assert shares["gbt4754_2017"] < 0.99


@pytest.mark.parametrize("year", [2002, 2011, 2017])
@pytest.mark.parametrize("digits", [3, 4])
def test_every_revision_is_told_by_its_own_codes(code_sets, year, digits):
    own = [
        code
        for code in sorted(code_sets[f"gbt4754_{year}"])
        if len(code) == digits and code[:2] in INDUSTRIAL_DIVISIONS
    ]
    rng = np.random.default_rng(year)
    drawn = Counter(rng.choice(own, 5000).tolist())
    assert detect_classification(drawn, code_sets)[0] == f"gbt4754_{year}"
