"""Estimates over millions of rows from sufficient statistics by block of an industry.

One pass over the rows keeps, for every level j of the leading effect, the cross-products of all
columns and their sums by cell of the other effects (year, agglomeration). Absorbing j is then
algebra, the other effects a small linear system, and every OLS and 2SLS column with errors
clustered on j follows from blocks of P x P numbers. A second pass, only when a model asks for two
cluster variables, keeps the blocks of every pair (j, k) of their levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from coagg.analysis.estimation import checks, linear
from coagg.analysis.estimation.absorb import solve_levels
from coagg.analysis.estimation.convention import Sizes
from coagg.analysis.estimation.model import Estimate, Model
from coagg.analysis.estimation.moments import Grouping, Moments
from coagg.analysis.estimation.pair_rows import (
    Keys,
    Source,
    column_names,
    complain_of_values,
    pieces,
    read_keys,
)
from coagg.errors import CoaggError

SHORT_RUN = 32
"""Rows are sorted when fewer than this, on average, stand side by side in a cell of the effects."""
MOST_CELLS = 20_000
MOST_BLOCKS = 200_000_000
"""Numbers in the blocks of all pairs, two-way errors: 1.6 GB."""


@dataclass(frozen=True)
class Sums:
    """What the first pass keeps, for J levels of the leading effect, P columns, C cells."""

    names: tuple[str, ...]
    shift: np.ndarray
    """(P,) taken off every row, near the mean, so that sums of squares keep their digits."""
    counts: np.ndarray
    """(J, C) rows."""
    sums: np.ndarray
    """(J, C, P)"""
    cross: np.ndarray
    """(J, P, P)"""
    cells: np.ndarray
    """(C, L) which levels of the other effects a cell has, zeros and ones."""


def _first_pass(source: Source, names: tuple[str, ...], keys: Keys, effects: list[str]) -> Sums:
    """Accumulate `Sums`; rows may come in any order, fastest with equal effects side by side."""
    lead, others = keys.codes[effects[0]], effects[1:]
    shape = tuple(len(keys.levels[name]) for name in others)
    if np.prod(shape, dtype=np.int64) > MOST_CELLS:
        raise CoaggError(
            f"fixed effects {', '.join(others)} have {' x '.join(map(str, shape))} cells; at most "
            f"{MOST_CELLS}: name the effect with most levels first"
        )
    cell_count = int(np.prod(shape, dtype=np.int64))
    levels = np.unravel_index(np.arange(cell_count), shape) if others else ()
    cells = np.hstack(
        [np.eye(size)[at] for size, at in zip(shape, levels, strict=True)] or [np.zeros((1, 0))]
    )
    groups, width = len(keys.levels[effects[0]]), len(names)
    counts = np.zeros(groups * cell_count)
    sums = np.zeros((groups * cell_count, width))
    cross = np.zeros((groups, width, width))
    shift, start = np.zeros((width, 1)), 0
    for piece in pieces(source, names):
        rows = slice(start, start + piece.shape[1])
        if start == 0:
            with np.errstate(invalid="ignore", over="ignore"):
                shift = piece.mean(axis=1, keepdims=True)
            shift[~np.isfinite(shift)] = 0.0
        piece -= shift
        at = lead[rows].astype(np.int64)
        for name, size in zip(others, shape, strict=True):
            at = at * size + keys.codes[name][rows]
        runs = np.flatnonzero(np.diff(at, prepend=-1))
        if len(runs) * SHORT_RUN > len(at):
            order = np.argsort(at, kind="stable")
            piece, at = piece[:, order], at[order]
            runs = np.flatnonzero(np.diff(at, prepend=-1))
        places = at[runs]
        np.add.at(counts, places, np.diff(runs, append=len(at)))
        np.add.at(sums, places, np.add.reduceat(piece, runs, axis=1).T)
        j = places // cell_count
        edges = np.flatnonzero(np.diff(j, prepend=-1))
        for group, (a, b) in zip(j[edges], pairwise((*runs[edges].tolist(), len(at))), strict=True):
            part = piece[:, a:b]
            cross[group] += part @ part.T
        start += piece.shape[1]
    if start != len(lead):
        raise CoaggError(f"{start} rows of numbers for {len(lead)} of groups; give one sample")
    for i, name in enumerate(names):
        if not np.isfinite(cross[:, i, i]).all():
            complain_of_values(source, name)
    return Sums(
        names,
        shift[:, 0],
        counts.reshape(groups, cell_count),
        sums.reshape(groups, cell_count, width),
        cross,
        cells,
    )


@dataclass(frozen=True)
class Absorbed:
    """The columns with all fixed effects out: residual = row - means[j] - cells[cell] @ levels."""

    blocks: np.ndarray
    """(J, P, P)"""
    totals: np.ndarray
    """(P,) sums of squares about the mean before the effects."""
    means: np.ndarray
    """(J, P), the shift not included."""
    levels: np.ndarray
    """(L, P)"""


def demeaned_blocks(sums: Sums) -> np.ndarray:
    """(J, P + L, P + L) blocks of columns and level dummies after the leading effect alone."""
    n = sums.counts.sum(axis=1)
    to_columns = np.einsum("jc,cl->jl", sums.counts, sums.cells)
    columns = sums.sums.sum(axis=1)
    both = np.concatenate([columns, to_columns], axis=1)
    width = len(sums.names)
    blocks = np.empty((len(n), both.shape[1], both.shape[1]))
    for j in range(len(n)):
        levels = sums.cells.T @ (sums.counts[j][:, None] * sums.cells)
        mixed = sums.sums[j].T @ sums.cells
        blocks[j, :width, :width] = sums.cross[j]
        blocks[j, :width, width:] = mixed
        blocks[j, width:, :width] = mixed.T
        blocks[j, width:, width:] = levels
        blocks[j] -= np.outer(both[j], both[j]) / n[j]
    return blocks


def _absorb(sums: Sums) -> Absorbed:
    width = len(sums.names)
    n = sums.counts.sum(axis=1)
    blocks = demeaned_blocks(sums)
    whole = blocks.sum(axis=0)
    levels = solve_levels(whole[width:, width:], whole[width:, :width])
    out = np.vstack([np.eye(width), -levels])
    means = (
        sums.sums.sum(axis=1) - np.einsum("jc,cl,lp->jp", sums.counts, sums.cells, levels)
    ) / n[:, None]
    total = sums.sums.sum(axis=(0, 1))
    totals = np.einsum("jpp->p", sums.cross) - total**2 / n.sum()
    # A constant column leaves rounding behind; it must not pass for variation.
    scale = np.abs(sums.shift) + np.sqrt(np.maximum(totals, 0) / n.sum())
    totals[totals <= n.sum() * (1e-12 * scale) ** 2] = 0.0
    return Absorbed(out.T @ blocks @ out, totals, means, levels)


def _second_pass(
    source: Source,
    sums: Sums,
    absorbed: Absorbed,
    keys: Keys,
    effects: list[str],
    pair: tuple[str, str],
) -> np.ndarray:
    """(G1, G2, P, P) blocks of every pair of levels of the two cluster variables."""
    one, two = (len(keys.levels[name]) for name in pair)
    width = len(sums.names)
    if one * two * width * width > MOST_BLOCKS:
        raise CoaggError(
            f"two-way errors over {one} x {two} clusters and {width} columns need too much "
            "memory; ask for fewer columns at a time"
        )
    blocks = np.zeros((width, width, one * two))
    start = 0
    cell_effect = (sums.cells @ absorbed.levels).T
    means = absorbed.means.T + sums.shift[:, None]
    for piece in pieces(source, sums.names):
        rows = slice(start, start + piece.shape[1])
        at = np.zeros(piece.shape[1], dtype=np.int64)
        for name in effects[1:]:
            at = at * len(keys.levels[name]) + keys.codes[name][rows]
        piece -= means[:, keys.codes[effects[0]][rows]]
        piece -= cell_effect[:, at]
        joint = keys.codes[pair[0]][rows].astype(np.int64) * two + keys.codes[pair[1]][rows]
        low = int(joint.min())
        size = int(joint.max()) - low + 1
        for a in range(width):
            for b in range(a + 1):
                got = np.bincount(joint - low, weights=piece[a] * piece[b], minlength=size)
                blocks[a, b, low : low + size] += got
        start += piece.shape[1]
    for a in range(width):
        blocks[:a, a] = blocks[a, :a]
    return np.ascontiguousarray(blocks.transpose(2, 0, 1)).reshape(one, two, width, width)


def _dyads(blocks: np.ndarray, first: np.ndarray, second: np.ndarray) -> list[Grouping]:
    """Groupings whose meat sums over all pairs of rows that share a member on either side.

    The sum over members of the squared scores of all rows they take part in counts rows of one
    unordered pair twice, which the second grouping takes back (Aronow, Samii and Assenova 2015).
    """
    members = np.unique(np.concatenate([first, second]))
    width = blocks.shape[-1]
    square = np.zeros((len(members), len(members), width, width))
    rows, columns = np.searchsorted(members, first), np.searchsorted(members, second)
    square[np.ix_(rows, columns)] = blocks
    own = square[np.arange(len(members)), np.arange(len(members))]
    taking_part = square.sum(axis=1) + square.sum(axis=0) - own
    upper = np.triu_indices(len(members), 1)
    unordered = square[upper] + square[upper[1], upper[0]]
    return [
        Grouping(1.0, pd.Index(members), taking_part),
        Grouping(-1.0, pd.RangeIndex(len(upper[0])), unordered),
    ]


def fit_pairs(columns: Source, models: Sequence[Model], *, dyadic: bool = False) -> list[Estimate]:
    """Estimate many OLS and 2SLS columns over the same rows in one pass.

    `columns`: arrays of one length by name, an Arrow table, or a Parquet file (streamed). All
    models share their fixed effects; the first cluster variable must be one of them. With
    `dyadic`, two cluster variables are read as the two members of a pair, and errors may be
    correlated between any rows that share a member on either side. Rows alone in a fixed effect
    are kept. Raises `CoaggError` as `fit` does, and for Poisson models.
    """
    if not models:
        return []
    effects = models[0].effects
    for model in models:
        checks.require_columns(column_names(columns), model)
        if model.effects != effects or model.cluster[0] not in effects:
            raise CoaggError(
                f"{model.dependent}: columns over pairs share their fixed effects "
                f"({', '.join(effects)}) and cluster on one of them first; estimate others apart"
            )
        if model.estimator == "ppml":
            raise CoaggError(
                f"{model.dependent}: Poisson is not had from sums over pairs; use ols or 2sls"
            )
        if model.cluster[0] != models[0].cluster[0]:
            raise CoaggError("columns over pairs share their first cluster variable")
    lead = models[0].cluster[0]
    order = [lead, *(name for name in effects if name != lead)]
    groups = dict.fromkeys([*order, *(name for model in models for name in model.cluster)])
    with threadpool_limits(1):
        keys = read_keys(columns, list(groups))
        clusters = {name: len(keys.levels[name]) for name in groups}
        checks.require_clusters({n: clusters[n] for model in models for n in model.cluster})
        names = tuple(dict.fromkeys(name for model in models for name in model.numeric))
        sums = _first_pass(columns, names, keys, order)
        absorbed = _absorb(sums)
        second = {
            pair: _second_pass(columns, sums, absorbed, keys, order, pair)
            for pair in dict.fromkeys(m.cluster for m in models if len(m.cluster) == 2)
        }
        cross = absorbed.blocks.sum(axis=0)
        one_way = [Grouping(1.0, pd.Index(keys.levels[lead]), absorbed.blocks)]
        answers = []
        for model in models:
            groupings, sizes = one_way, _sizes(sums, keys, model, order)
            if len(model.cluster) == 2:
                blocks = second[model.cluster]
                first, other = (keys.levels[name] for name in model.cluster)
                if dyadic:
                    groupings = _dyads(blocks, first, other)
                    members = len(groupings[0].labels)
                    sizes = replace(sizes, clusters=members)
                else:
                    flat = blocks.reshape(-1, *blocks.shape[2:])
                    groupings = [
                        Grouping(1.0, pd.Index(first), blocks.sum(axis=1)),
                        Grouping(1.0, pd.Index(other), blocks.sum(axis=0)),
                        Grouping(-1.0, pd.MultiIndex.from_product([first, other]), flat),
                    ]
            counts = {name: clusters[name] for name in model.cluster}
            if dyadic and len(model.cluster) == 2:
                counts = {"member": sizes.clusters}
            moments = Moments(sums.names, cross, absorbed.totals, tuple(groupings), sizes, counts)
            answers.append(linear.estimate(moments, model))
    return answers


def _sizes(sums: Sums, keys: Keys, model: Model, order: list[str]) -> Sizes:
    """Counts for the factors; an effect is nested if it is a cluster variable itself."""
    absorbed = sum(len(keys.levels[name]) - 1 for name in order if name not in model.cluster)
    smallest = min(len(keys.levels[name]) for name in model.cluster)
    return Sizes(int(sums.counts.sum()), smallest, absorbed, True)


def lead_blocks(columns: Source, model: Model, names: tuple[str, ...]) -> np.ndarray:
    """(J, P + L, P + L) blocks of columns and level dummies, the leading effect alone out."""
    lead = model.cluster[0]
    order = [lead, *(name for name in model.effects if name != lead)]
    with threadpool_limits(1):
        return demeaned_blocks(_first_pass(columns, names, read_keys(columns, order), order))
