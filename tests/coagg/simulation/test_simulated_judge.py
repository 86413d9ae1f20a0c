"""Planted against found: what the verdicts call what they find."""

import pandas as pd

from coagg.simulation.judge import judge, judge_dirt, relations_found


def test_verdict_names_what_was_found() -> None:
    pairs = pd.DataFrame(
        {
            "survey_year": 2013,
            "agglomeration_code": "CY",
            "relation": ["one_way", "one_way", "two_way", "null", "null"],
            "fixed_industry": ["061", "081", "131", "141", "171"],
            "redrawn_industry": ["191", "201", "211", "231", "251"],
        }
    )
    found = {
        ("061", "191"): 1.0,
        ("191", "061"): 0.2,
        ("081", "201"): 0.3,
        ("201", "081"): 0.97,
        ("131", "211"): 0.95,
        ("211", "131"): 0.99,
        ("141", "231"): 0.4,
        ("231", "141"): 0.949,
        ("171", "251"): 0.5,
    }
    index = pd.DataFrame([(2013, "CY", *pair, value) for pair, value in found.items()])
    index.columns = [
        "survey_year",
        "agglomeration_code",
        "fixed_industry",
        "redrawn_industry",
        "index",
    ]
    verdict = judge(pairs, index)
    assert list(verdict.found) == ["one_way", "reverse", "two_way", "null", "not measured"]
    assert list(verdict.as_planted) == [True, False, True, True, False]


def test_dirt_is_counted_by_kind() -> None:
    dirt = pd.DataFrame(
        [
            (2010, 1, "coordinates_zero", "refused"),
            (2010, 2, "coordinates_zero", "refused"),
            (2010, 3, "pile_up", "flagged"),
            (2010, 4, "full_width_digits", "read"),
            (2010, 5, "full_width_digits", "read"),
        ],
        columns=["survey_year", "row_number", "kind", "outcome"],
    )
    refused = pd.DataFrame(
        [(2010, 1, "coordinates_zero"), (2010, 5, "row_malformed")],
        columns=["survey_year", "row_number", "reason"],
    )
    flags = pd.DataFrame(
        [(2010, 3, "pile_up"), (2010, 9, "pile_up"), (2013, 3, "pile_up")],
        columns=["survey_year", "row_number", "flag"],
    )
    counted = judge_dirt(dirt, refused, flags).set_index("kind")
    assert list(counted.loc["coordinates_zero"]) == ["refused", 2, 1, 0]
    assert list(counted.loc["pile_up"]) == ["flagged", 1, 1, 2]
    assert list(counted.loc["full_width_digits"]) == ["read", 2, 1, 0]


def test_relations_are_counted_by_direction():
    verdict = pd.DataFrame(
        [
            ("one_way", 0.97, 0.2, "one_way"),
            ("one_way", 0.3, 0.96, "reverse"),
            ("two_way", 0.95, 0.99, "two_way"),
            ("null", 0.4, 0.97, "reverse"),
            ("null", float("nan"), 0.5, "not measured"),
        ],
        columns=["relation", "forward", "backward", "found"],
    )
    assert relations_found(verdict).values.tolist() == [
        ["one-way, as planted", 2, 1, "2"],
        ["one-way, reverse", 2, 1, "0"],
        ["two-way", 2, 2, "2"],
        ["null", 2, 1, "0.1"],
        ["not measured", 1, 0, "0"],
    ]
