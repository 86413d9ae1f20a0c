"""Links between industries at a threshold, and the pools that lie along them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coagg.errors import CoaggError
from coagg.frames import checks

ENDS = ("from_industry", "to_industry")


def near_pairs(
    pairs: pd.DataFrame,
    threshold: float = 0.95,
    one_way: bool = False,
    *,
    by: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """The pairs j -> k whose index is at the threshold or above: phi(j -> k) = 1.

    Parameters
    ----------
    pairs : DataFrame
        As `coagg.coagglomeration` gives it: ``from_industry``, ``to_industry``, ``index``, and the
        columns of `by`.
    threshold : float
        From 0 to 1.
    one_way : bool
        Only those of which k -> j is below the threshold.
    by : str or list of str, optional
        Columns that tell cells apart; default those that ``pairs.attrs`` names.

    Returns
    -------
    DataFrame
        Rows of `pairs`. A pair whose index is missing is not among them.

    Raises
    ------
    CoaggError
        For missing columns, a pair that stands twice, and, with `one_way`, a pair whose way back
        is not there.

    Examples
    --------
    >>> import coagg
    >>> firms = coagg.example("south_yorkshire")
    >>> pairs = coagg.coagglomeration(firms, "sic3", draws=100, min_firms=100)
    >>> coagg.near_pairs(pairs, 0.9, one_way=True)[["from_industry", "to_industry", "from_firms"]]
        from_industry to_industry  from_firms
    11            141         108         122
    16            141         256         122
    17            141         259         122
    125           331         222         566
    """
    links = _links(pairs, threshold, one_way, by)
    return pairs[(links["phi"] == 1.0).to_numpy()]


def pools(
    pairs: pd.DataFrame,
    values: pd.Series | pd.DataFrame,
    threshold: float = 0.95,
    one_way: bool = False,
    *,
    by: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """What lies along the links of each industry: knowledge pools, labour pools.

    Outward, of j: the sum over k other than j of ``value_k * phi(j -> k)``; inward: over
    ``value_k * phi(k -> j)``.

    Parameters
    ----------
    pairs, threshold, one_way, by
        As of `near_pairs`.
    values : Series or DataFrame
        One or more numbers by industry (patents, output, employment), the industry as index or,
        of a DataFrame, as column ``industry``. With `by`, those columns come first: as levels of
        the index, or as columns.

    Returns
    -------
    DataFrame
        A row for each industry of a cell: the columns of `by`, ``industry``, ``near_outward`` and
        ``near_inward`` (industries linked), and for each value ``V_outward``, ``V_inward`` and
        how many linked industries lack it, ``V_missing_outward``, ``V_missing_inward``. A pool
        along no link is 0. A pool of which a part is not known (a linked industry without a value,
        or a pair without an index) is NaN, never the sum of the rest: where missing means none,
        fill `values` with 0 before.

    Raises
    ------
    CoaggError
        As `near_pairs`, and for values that are no numbers, that stand twice, or that are of
        industries `pairs` does not have.

    Examples
    --------
    >>> import coagg
    >>> firms = coagg.example("south_yorkshire")
    >>> pairs = coagg.coagglomeration(firms, "sic3", draws=100, min_firms=100)
    >>> firms_of = firms["sic3"].value_counts().rename("firms")
    >>> found = coagg.pools(pairs, firms_of[firms_of >= 100], 0.9)
    >>> found.query("near_outward > 0")[["industry", "near_outward", "firms_outward"]]
       industry  near_outward  firms_outward
    1       141             3          513.0
    8       289             1          184.0
    9       310             1          109.0
    11      331             1          107.0
    """
    cells = _by(pairs, by)
    links = _links(pairs, threshold, one_way, cells)
    known = _values(values, cells)
    keys = [*cells, "industry"]
    rows = links.rename(columns={"from_industry": "industry"})[keys]
    industries = rows.drop_duplicates().sort_values(keys, ignore_index=True)
    places = pd.MultiIndex.from_frame(industries)
    unknown = known.index.difference(places)
    if len(unknown):
        first = unknown[0]
        raise CoaggError(
            f"values: {len(unknown):,} of {len(known):,} are of industries that pairs do not have, "
            f"the first {first[0] if len(first) == 1 else first}; leave them out"
        )
    made = industries.copy()
    sides = {"outward": ENDS, "inward": ENDS[::-1]}
    for side, (own, other) in sides.items():
        at = places.get_indexer(_index(links, cells, own))
        made[f"near_{side}"] = np.bincount(
            at, weights=(links["phi"] == 1.0), minlength=len(places)
        ).astype(np.int64)
        partner = known.reindex(_index(links, cells, other))
        for name in known.columns:
            value = partner[name].to_numpy()
            linked = links["phi"].to_numpy()
            # phi is 0, 1 or not known; so is value_k * phi when either is not known
            lost = np.isnan(linked) | ((linked == 1.0) & np.isnan(value))
            part = np.where((linked == 1.0) & ~lost, value, 0.0)
            total = np.bincount(at, weights=part, minlength=len(places))
            lacking = np.bincount(at, weights=lost, minlength=len(places)).astype(np.int64)
            made[f"{name}_{side}"] = np.where(lacking > 0, np.nan, total)
            made[f"{name}_missing_{side}"] = lacking
    made.attrs = {"threshold": float(threshold), "one_way": bool(one_way), "by": list(cells)}
    return made


def _by(pairs: object, by: object) -> tuple[str, ...]:
    if not isinstance(pairs, pd.DataFrame):
        raise CoaggError(
            f"pairs: a DataFrame is needed, as coagglomeration gives, not {type(pairs).__name__}"
        )
    if by is not None:
        return checks.names("by", by)
    return tuple(name for name in pairs.attrs.get("by", ()) if name in pairs.columns)


def _links(pairs: pd.DataFrame, threshold: float, one_way: bool, by: object) -> pd.DataFrame:
    """Keys and `phi` (0, 1, NaN where not known) of each pair, in the order given."""
    cells = _by(pairs, by)
    least = checks.number("threshold", threshold, 0.0, 1.0)
    if not isinstance(one_way, bool | np.bool_):
        raise CoaggError(f"one_way={one_way!r}: give True or False")
    keys = checks.keys(pairs, cells, "pairs")
    for end in ENDS:
        code = checks.codes(checks.column(pairs, end, "pairs", "pairs"), end, "pairs")
        if (code == "").any():
            raise CoaggError(f"pairs: {int((code == '').sum()):,} rows have no {end}")
        keys[end] = code
    index = checks.column(pairs, "index", "pairs", "pairs")
    if not pd.api.types.is_numeric_dtype(index):
        raise CoaggError("pairs: column 'index' holds no numbers; give pairs as coagglomeration")
    twice = keys.duplicated()
    if twice.any():
        where = " ".join(map(str, keys[twice].iloc[0]))
        raise CoaggError(
            f"pairs: {int(twice.sum()):,} pairs stand twice, the first {where}; are there several "
            "cells? Then name their columns, by=..."
        )
    value = index.to_numpy(dtype=np.float64, na_value=np.nan)
    phi = np.where(np.isnan(value), np.nan, (value >= least).astype(np.float64))
    if one_way:
        at = pd.MultiIndex.from_frame(keys).get_indexer(
            pd.MultiIndex.from_frame(keys[[*cells, *ENDS[::-1]]])
        )
        if (at < 0).any():
            where = " ".join(map(str, keys[at < 0].iloc[0]))
            raise CoaggError(
                f"pairs: {int((at < 0).sum()):,} pairs have no way back, the first {where}; "
                "one_way needs both: give all pairs of a cell"
            )
        # a pair that is not near is none whatever its way back
        phi = np.where(phi == 0.0, 0.0, phi * (1.0 - phi[at]))
    return keys.assign(phi=phi)


def _index(links: pd.DataFrame, cells: Sequence[str], end: str) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(links[[*cells, end]].rename(columns={end: "industry"}))


def _values(values: object, cells: Sequence[str]) -> pd.DataFrame:
    """Numbers by (cell, industry)."""
    keys = [*cells, "industry"]
    if isinstance(values, pd.Series):
        frame = values.to_frame(values.name if isinstance(values.name, str) else "value")
    elif isinstance(values, pd.DataFrame):
        frame = values
    else:
        raise CoaggError(
            f"values: give a Series or DataFrame by industry, not {type(values).__name__}"
        )
    if "industry" in frame.columns:
        for name in keys:
            checks.column(frame, name, "values", "values")
        frame = frame.set_index(keys)
    elif frame.index.nlevels != len(keys):
        raise CoaggError(
            f"values: the index has {frame.index.nlevels} levels; give {', '.join(keys)}"
        )
    places = frame.index.to_frame(index=False)
    places.columns = pd.Index(keys)
    code = checks.codes(places["industry"], "industry", "values")
    if (code == "").any():
        raise CoaggError(f"values: {int((code == '').sum()):,} have no industry; leave them out")
    places = checks.keys(places, cells, "values").assign(industry=code)
    if places.duplicated().any():
        where = " ".join(map(str, places[places.duplicated()].iloc[0]))
        raise CoaggError(f"values: an industry stands twice, the first {where}; sum them before")
    found = {}
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise CoaggError(f"values: column {name!r} holds no numbers; leave it out")
        found[name] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(found[name]).any():
            raise CoaggError(f"values: column {name!r} has infinite values; mend them")
    if not found:
        raise CoaggError("values: there is no column of numbers")
    return pd.DataFrame(found, index=pd.MultiIndex.from_frame(places))
