"""Every comparison index of every ordered pair of a cell, in one table layout."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from coagg.analysis.comparison.colocation import colocation_test
from coagg.analysis.comparison.duranton_overman import duranton_overman_pairs
from coagg.analysis.comparison.employment import Aggregate, ellison_glaeser_kerr, employment_table
from coagg.analysis.comparison.inputs import checked_codes, checked_draws, checked_points
from coagg.errors import CoaggError

EGK = "ellison_glaeser_kerr"
DURANTON_OVERMAN = "duranton_overman"
COLOCATION = "colocation_quotient"
COMPARISONS = (EGK, DURANTON_OVERMAN, COLOCATION)

NEAR, APART, NEITHER, UNTESTED = "near", "apart", "neither", "untested"
LEVEL = 0.05


def _tail_verdict(p_near: np.ndarray, p_apart: np.ndarray) -> np.ndarray:
    """Verdict of two one-sided p-values; `untested` where they are NaN."""
    return np.select(
        [np.isnan(p_near), p_near <= LEVEL, p_apart <= LEVEL], [UNTESTED, NEAR, APART], NEITHER
    )


def comparison_pairs(
    points_km: np.ndarray,
    industry: np.ndarray,
    industries: Sequence[str],
    employment: np.ndarray | None,
    area: np.ndarray,
    *,
    draws: int = 1000,
    seed: int = 0,
    which: Sequence[str] = COMPARISONS,
    aggregate: Aggregate = "mean",
) -> dict[str, np.ndarray]:
    """Comparison indices of all ordered pairs of a cell: equally long columns, one row per value.

    `points_km` (N, 2) and `industry` (N,) positions in `industries` (J codes), -1 for a firm in the
    pool only, of all firms of the cell; `employment` (N,) persons, or None to count firms;
    `area` (N,) labels, such as prefectures.

    Columns: fixed_industry, redrawn_industry (as in the directional index: the colocation quotient
    A->B has fixed A and redrawn B), comparison, value, p_value, verdict, fixed_firms,
    redrawn_firms. The symmetric indices (EGK, Duranton-Overman) stand in both orders, so that a
    join on the pair needs no special case. `p_value` is one-sided, small = nearer than by chance;
    `verdict` is near, apart, neither (at 5%; Duranton-Overman: outside the global envelope) or
    untested. EGK has no test: p_value NaN, verdict untested.

    Raises CoaggError when points are not finite, lengths differ, draws < 1 or a name is unknown.

    >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [6.0, 0.0]])
    >>> columns = comparison_pairs(
    ...     points,
    ...     np.array([0, 1, 0, 1]),
    ...     ["131", "132"],
    ...     None,
    ...     np.array(["a", "a", "b", "b"]),
    ...     draws=9,
    ...     which=[COLOCATION],
    ... )
    >>> columns["fixed_industry"].tolist(), columns["value"].tolist()
    (['131', '132'], [1.5, 1.5])
    """
    points = checked_points(points_km)
    checked_draws(draws)
    unknown = [name for name in which if name not in COMPARISONS]
    if unknown:
        raise CoaggError(
            f"no comparison index {unknown[0]!r}: choose from {', '.join(COMPARISONS)}"
        )
    number = len(industries)
    results: list[tuple[str, np.ndarray, np.ndarray, np.ndarray]] = []
    for name in which:
        if name == EGK:
            persons = np.ones(len(points)) if employment is None else employment
            value = ellison_glaeser_kerr(
                employment_table(persons, area, industry, number), aggregate
            )
            p_value = np.full_like(value, np.nan)
            verdict = np.full(value.shape, UNTESTED)
        elif name == DURANTON_OVERMAN:
            value, p_value = duranton_overman_pairs(
                points, industry, number, draws=draws, seed=seed
            )
            verdict = np.select(
                [np.isnan(value), value > 0, value < 0], [UNTESTED, NEAR, APART], NEITHER
            )
        else:
            value, p_value, p_apart = colocation_test(
                points, industry, number, permutations=draws, seed=seed
            )
            verdict = _tail_verdict(p_value, p_apart)
        results.append((name, value, p_value, verdict))
    codes = np.asarray(industries, dtype=str)
    positions = checked_codes(industry, len(points), number)
    firms = np.bincount(positions[positions >= 0], minlength=number)
    fixed, redrawn = np.nonzero(~np.eye(number, dtype=bool) & (firms[:, None] * firms > 0))
    rows = len(fixed)
    return {
        "fixed_industry": np.tile(codes[fixed], len(results)),
        "redrawn_industry": np.tile(codes[redrawn], len(results)),
        "comparison": np.repeat([name for name, *_ in results], rows),
        "value": np.concatenate([value[fixed, redrawn] for _, value, _, _ in results]),
        "p_value": np.concatenate([p[fixed, redrawn] for _, _, p, _ in results]),
        "verdict": np.concatenate([v[fixed, redrawn] for _, _, _, v in results]),
        "fixed_firms": np.tile(firms[fixed], len(results)),
        "redrawn_firms": np.tile(firms[redrawn], len(results)),
    }


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation; NaN when either side is constant."""
    ranks = np.stack([rankdata(a), rankdata(b)])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    scale = np.sqrt((centred**2).sum(axis=1).prod())
    return float((centred[0] * centred[1]).sum() / scale) if scale > 0 else float("nan")


def rank_correlations(
    index: Mapping[str, np.ndarray] | pd.DataFrame,
    comparisons: Mapping[str, np.ndarray] | pd.DataFrame,
) -> pd.DataFrame:
    """Spearman correlations of the directional index with each comparison index of one cell.

    `index` has columns fixed_industry, redrawn_industry, index; `comparisons` those of
    `comparison_pairs`. One row per comparison: `spearman` over ordered pairs; `spearman_direction`,
    over unordered pairs, of the difference between the two directions (NaN for a symmetric index:
    it carries no direction); `near_given_near`, the share of pairs with index >= 0.95 that the
    comparison calls near (NaN if untested); `pairs`. Pairs missing on either side are left out.
    Raises CoaggError when the two have no pair in common.

    >>> pair = {"fixed_industry": ["1", "2", "1"], "redrawn_industry": ["2", "1", "3"]}
    >>> theirs = {
    ...     **pair,
    ...     "comparison": ["x"] * 3,
    ...     "value": [1.0, 2.0, 3.0],
    ...     "verdict": [NEAR] * 3,
    ... }
    >>> rank_correlations({**pair, "index": [0.1, 0.5, 0.97]}, theirs)[
    ...     ["comparison", "spearman", "pairs"]
    ... ].values.tolist()
    [['x', 1.0, 3]]
    """
    pair = ["fixed_industry", "redrawn_industry"]
    left = pd.DataFrame(dict(index))[[*pair, "index"]]
    joined = pd.DataFrame(dict(comparisons)).merge(left, on=pair)
    joined = joined.dropna(subset=["value", "index"])
    if joined.empty:
        raise CoaggError("index and comparison indices have no pair in common: same cell?")
    rows = []
    for name, table in joined.groupby("comparison", sort=False):
        back = table[[*pair, "value", "index"]].rename(
            columns=dict(zip(pair, pair[::-1], strict=True))
        )
        both = table.merge(back, on=pair, suffixes=("", "_back"))
        both = both[both["fixed_industry"] < both["redrawn_industry"]]
        tested = table[(table["index"] >= 0.95) & (table["verdict"] != UNTESTED)]
        rows.append(
            {
                "comparison": name,
                "spearman": _spearman(table["value"].to_numpy(), table["index"].to_numpy()),
                "spearman_direction": _spearman(
                    (both["value"] - both["value_back"]).to_numpy(),
                    (both["index"] - both["index_back"]).to_numpy(),
                )
                if len(both)
                else float("nan"),
                "near_given_near": float((tested["verdict"] == NEAR).mean())
                if len(tested)
                else float("nan"),
                "pairs": len(table),
            }
        )
    return pd.DataFrame(rows)
