"""Linking rows of survey years into firms, after Brandt, Van Biesebroeck and Zhang (2012).

Arrays in, arrays out. Rows of consecutive years are linked by a sequence of keys, the surest first;
then rows a gap apart. A key counts only where it is unique in both years. Two rows of one year are
never one firm: a link that would make them so is refused and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
# A plant stays where it is; geocoders of two years differ by a house or two.
NEAR_METRES = 200.0


@dataclass(frozen=True)
class Key:
    """One stage: `codes`, shape (rows,), equal where rows agree, -1 where a row has no key.

    `agree`: further columns, shape (rows,), that must not differ where both are known (-1: not).
    `near`: longitude and latitude of the rows: the key need not be unique, and of the rows that
    share it those are linked which are each other's nearest, within NEAR_METRES.
    """

    stage: str
    codes: IntArray
    agree: tuple[IntArray, ...] = ()
    near: tuple[FloatArray, FloatArray] | None = None


@dataclass
class Links:
    """Links by row index: `earlier`, `later`, `stage` (index into the keys), `gap` in years."""

    earlier: list[IntArray] = field(default_factory=list)
    later: list[IntArray] = field(default_factory=list)
    stage: list[IntArray] = field(default_factory=list)
    refused: int = 0
    ambiguous: dict[str, int] = field(default_factory=dict)

    def arrays(self) -> tuple[IntArray, IntArray, IntArray]:
        """(earlier, later, stage), each of shape (links,)."""
        empty = [np.empty(0, np.int64)]
        return (
            np.concatenate(self.earlier or empty),
            np.concatenate(self.later or empty),
            np.concatenate(self.stage or empty),
        )


def link_rows(years: IntArray, keys: Sequence[Key], max_gap: int = 2) -> tuple[IntArray, Links]:
    """(label of the firm of each row, links). `years`: shape (rows,), at most 63 distinct spans.

    Rows `1 + max_gap` years apart are linked at most. Labels are row indices: the first row of the
    firm in the order of the arrays.
    """
    count = years.size
    parent = np.arange(count, dtype=np.int64)
    links = Links(ambiguous={key.stage: 0 for key in keys})
    if count == 0:
        return parent, links
    first = int(years.min())
    present = np.left_shift(np.int64(1), years - first)  # of a root: the years of its firm
    rows_of = {int(year): np.flatnonzero(years == year) for year in np.unique(years)}
    for lag in range(1, max_gap + 2):
        for year in sorted(rows_of):
            if year + lag not in rows_of:
                continue
            for number, key in enumerate(keys):
                parent = _flat(parent)
                free_a = _free(rows_of[year], parent, present, year + lag - first)
                free_b = _free(rows_of[year + lag], parent, present, year - first)
                if free_a.size == 0 or free_b.size == 0:
                    break
                if key.near is None:
                    a, b, several = _unique_pairs(key, free_a, free_b)
                    links.ambiguous[key.stage] += several
                else:
                    a, b = _nearest_pairs(key.codes, key.near, free_a, free_b)
                done = _join(parent, present, a, b)
                links.refused += int((~done).sum())
                links.earlier.append(a[done])
                links.later.append(b[done])
                links.stage.append(np.full(int(done.sum()), number, np.int64))
    return _flat(parent), links


def _flat(parent: IntArray) -> IntArray:
    while True:
        up = parent[parent]
        if np.array_equal(up, parent):
            return up
        parent = up


def _free(rows: IntArray, parent: IntArray, present: IntArray, other: int) -> IntArray:
    """Rows whose firm has no row in the other year yet."""
    return rows[(present[parent[rows]] >> other) & 1 == 0]


def _unique_pairs(key: Key, a: IntArray, b: IntArray) -> tuple[IntArray, IntArray, int]:
    """Rows with a key that is unique on both sides; and how many shared keys are not."""
    a, b = a[key.codes[a] >= 0], b[key.codes[b] >= 0]
    code_a, first_a, count_a = np.unique(key.codes[a], return_index=True, return_counts=True)
    code_b, first_b, count_b = np.unique(key.codes[b], return_index=True, return_counts=True)
    shared, in_a, in_b = np.intersect1d(code_a, code_b, assume_unique=True, return_indices=True)
    single = (count_a[in_a] == 1) & (count_b[in_b] == 1)
    left, right = a[first_a[in_a[single]]], b[first_b[in_b[single]]]
    fits = np.ones(left.size, bool)
    for column in key.agree:
        one, other = column[left], column[right]
        fits &= (one == other) | (one < 0) | (other < 0)
    return left[fits], right[fits], int(shared.size - single.sum())


def _nearest_pairs(
    codes: IntArray, near: tuple[FloatArray, FloatArray], a: IntArray, b: IntArray
) -> tuple[IntArray, IntArray]:
    """Rows of one key that are each other's nearest; of two as near none."""
    a, b = a[codes[a] >= 0], b[codes[b] >= 0]
    b = b[np.argsort(codes[b], kind="stable")]
    first = np.searchsorted(codes[b], codes[a], "left")
    count = np.searchsorted(codes[b], codes[a], "right") - first
    of_a = np.repeat(np.arange(a.size), count)
    of_b = np.arange(of_a.size) - np.repeat(np.cumsum(count) - count, count) + first[of_a]
    left, right = a[of_a], b[of_b]
    lon, lat = near
    east = (lon[left] - lon[right]) * np.cos(np.radians(lat[left]))
    metres = np.hypot(east, lat[left] - lat[right]) * 111_320.0
    close = metres <= NEAR_METRES
    of_a, of_b, metres = of_a[close], of_b[close], metres[close]
    nearest = np.ones(of_a.size, bool)
    for rows, size in ((of_a, a.size), (of_b, b.size)):
        least = np.full(size, np.inf)
        np.minimum.at(least, rows, metres)
        ties = np.bincount(rows[metres == least[rows]], minlength=size)
        nearest &= (metres == least[rows]) & (ties[rows] == 1)
    return a[of_a[nearest]], b[of_b[nearest]]


def _join(parent: IntArray, present: IntArray, a: IntArray, b: IntArray) -> npt.NDArray[np.bool_]:
    """Union the firms of a[i] and b[i] unless they share a year; changes both arrays in place."""
    done = np.zeros(a.size, bool)
    for number, (left, right) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        left, right = _root(parent, left), _root(parent, right)
        if present[left] & present[right]:
            continue
        low, high = (left, right) if left < right else (right, left)
        parent[high] = low
        present[low] |= present[high]
        done[number] = True
    return done


def _root(parent: IntArray, row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = int(parent[row])
    return row
