"""What was found of what was planted in a made economy: relations and dirt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SIGNIFICANT = 0.95  # METHOD: phi = 1 from here on


def read_pairs(truth: Path) -> pd.DataFrame:
    """Planted pairs from the folder `truth`, as `simulated_truth.relations` wrote them."""
    codes = {"fixed_industry": str, "redrawn_industry": str}
    # "null" is a kind of relation, not a missing value
    return pd.read_csv(truth / "pairs.csv", dtype=codes, keep_default_na=False)


def judge(pairs: pd.DataFrame, index_table: pd.DataFrame) -> pd.DataFrame:
    """What was found of each planted pair.

    `pairs` as in `simulated_truth.relations`. `index_table`: survey_year, agglomeration_code,
    fixed_industry, redrawn_industry, index, one row a pair. Returns `pairs` with forward (index
    with fixed_industry fixed), backward (with redrawn_industry fixed), found (one_way, reverse,
    two_way, null, or not measured) and as_planted (bool), by an index of at least 0.95.
    """
    key = ["survey_year", "agglomeration_code", "fixed_industry", "redrawn_industry"]
    index = index_table.set_index(key)["index"]
    swapped = [*key[:2], key[3], key[2]]
    verdict = pairs.copy()
    verdict["forward"] = index.reindex(pd.MultiIndex.from_frame(pairs[key])).to_numpy()
    verdict["backward"] = index.reindex(pd.MultiIndex.from_frame(pairs[swapped])).to_numpy()
    there, back = verdict.forward >= SIGNIFICANT, verdict.backward >= SIGNIFICANT
    verdict["found"] = np.select(
        [verdict.forward.isna() | verdict.backward.isna(), there & back, there, back],
        ["not measured", "two_way", "one_way", "reverse"],
        "null",
    )
    verdict["as_planted"] = verdict.found == verdict.relation
    return verdict


def judge_dirt(dirt: pd.DataFrame, refused: pd.DataFrame, flags: pd.DataFrame) -> pd.DataFrame:
    """How much of the planted dirt was found, one row a kind.

    `dirt` as in `simulated_truth.true_dirt`. `refused`: survey_year, row_number, reason. `flags`:
    survey_year, row_number, flag, one row a flag. Returns kind, outcome, planted, found, beyond
    (rows reported under the kind's name without it being planted). A row that must be read is found
    when it is neither refused nor flagged.
    """
    rows = ["survey_year", "row_number"]
    reported = pd.concat(
        [refused.rename(columns={"reason": "kind"}), flags.rename(columns={"flag": "kind"})]
    )[[*rows, "kind"]].drop_duplicates()
    named = dirt.merge(reported, how="left", on=[*rows, "kind"], indicator="seen")
    troubled = pd.MultiIndex.from_frame(named[rows]).isin(pd.MultiIndex.from_frame(reported[rows]))
    named["found"] = np.where(named.outcome == "read", ~troubled, named.seen == "both")
    named["hit"] = named.seen == "both"
    table = named.groupby(["outcome", "kind"], as_index=False).agg(
        planted=("found", "size"), found=("found", "sum"), hit=("hit", "sum")
    )
    table["beyond"] = table.kind.map(reported.kind.value_counts()).fillna(0).astype(int) - table.hit
    return table[["kind", "outcome", "planted", "found", "beyond"]]


def relations_found(verdict: pd.DataFrame) -> pd.DataFrame:
    """Of each kind of relation how many directed tests there are and how many passed the mark.

    `verdict` as from `judge`. A one-way pair is one test that should pass (and one, its reverse,
    that should not), a two-way pair two that should, a null pair two that pass by chance one time
    in twenty. Pairs that were not measured are a row of their own.
    """
    measured = verdict[verdict.found != "not measured"]
    forward, backward = measured.forward >= SIGNIFICANT, measured.backward >= SIGNIFICANT
    one, two, null = (measured.relation == kind for kind in ("one_way", "two_way", "null"))
    rows = [
        ("one-way, as planted", one.sum(), forward[one].sum(), str(one.sum())),
        ("one-way, reverse", one.sum(), backward[one].sum(), "0"),
        ("two-way", 2 * two.sum(), forward[two].sum() + backward[two].sum(), str(2 * two.sum())),
        ("null", 2 * null.sum(), forward[null].sum() + backward[null].sum(),
         f"{0.05 * 2 * null.sum():.1f}"),
    ]  # fmt: skip
    if len(measured) < len(verdict):
        rows.append(("not measured", len(verdict) - len(measured), 0, "0"))
    return pd.DataFrame(rows, columns=["planted", "tests", "at 0.95 or more", "expected"])
