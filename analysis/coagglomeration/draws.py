"""Counterfactual draws: subsets of the pool without replacement, shared by all fixed industries."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from coagg.analysis.coagglomeration.cell import Cell, IndexSettings, stream
from coagg.analysis.coagglomeration.kernels import compiled
from coagg.errors import CoaggError


def draw_firms(
    cell: Cell, settings: IndexSettings, size: int, draws: int, purpose: str = "exact"
) -> np.ndarray:
    """Random subsets of the pool: (draws, size) int32 rows of ``cell.points_km``.

    They depend on (seed, cell key, purpose, size) only: whichever industry is fixed, they are the
    same. Raises CoaggError when the pool is smaller than a draw.
    """
    pool = len(cell.points_km)
    if size > pool:
        raise CoaggError(f"cell {cell.key}: cannot draw {size} firms from a pool of {pool}")
    uniform = stream(settings, cell.key, purpose, size).random((draws, size))
    return _partial_shuffles(uniform, pool)


def is_enumerated(cell: Cell, settings: IndexSettings, size: int) -> bool:
    """Whether every subset of this size is taken instead of random ones."""
    return 0 < comb(len(cell.points_km), size) <= settings.enumerate_up_to


def counterfactuals(cell: Cell, settings: IndexSettings, size: int) -> tuple[np.ndarray, bool]:
    """The draws of one size, (B, size) int32 rows of the pool, and whether they are all subsets."""
    if is_enumerated(cell, settings, size):
        every = list(combinations(range(len(cell.points_km)), size))
        return np.array(every, dtype=np.int32).reshape(len(every), size), True
    return draw_firms(cell, settings, size, settings.draws), False


@compiled
def _partial_shuffles(uniform: Any, pool: int) -> Any:
    """Fisher-Yates stopped after `size` places, one row of uniform numbers a draw."""
    draws, size = uniform.shape
    out = np.empty((draws, size), np.int32)
    deck = np.arange(pool).astype(np.int32)
    places = np.empty(size, np.int64)
    for b in range(draws):
        for i in range(size):
            place = i + min(int(uniform[b, i] * (pool - i)), pool - i - 1)
            places[i] = place
            deck[i], deck[place] = deck[place], deck[i]
            out[b, i] = deck[i]
        # Undo, so that a draw does not depend on the ones before it.
        for i in range(size - 1, -1, -1):
            deck[i], deck[places[i]] = deck[places[i]], deck[i]
    return out
