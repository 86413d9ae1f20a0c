"""Permuting who is near whom: the null of randomisation inference.

In every agglomeration and year the industries' places in the matrix of φ (and of the index) are
exchanged by one random permutation of rows and columns alike (Krackhardt 1988). The network keeps
its shape, who reciprocates whom included; patents, output and all else stay with their industry.
Pools are summed anew from the permuted φ. The UK index is left as it is.
"""

from __future__ import annotations

import numpy as np

from coagg.analysis.panel.variables import POOLS, derive
from coagg.analysis.tables.level import Level, Pairs
from coagg.analysis.tables.options import rests_on_index
from coagg.errors import CoaggError

AMOUNTS = {
    "kp_scale": "innovation_scale", "kp_quality": "innovation_quality",
    "output": "output_thousand_cny", "employment": "employment",
}  # fmt: skip


class Network:
    """Ordered pairs of every agglomeration and year as matrices over its industries."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs, self.cells = pairs, pairs.cells
        frame = self.cells.frame
        group = frame.groupby(["survey_year", "agglomeration_code"], sort=True).ngroup().to_numpy()
        self.bounds = np.flatnonzero(np.diff(group, prepend=-1, append=-1))
        """Edges of the groups among the cells, which are in the order of their keys."""
        sizes = np.diff(self.bounds)
        start = np.repeat(self.bounds[:-1], sizes)
        self._rank = np.arange(len(frame)) - start
        # rows of industries that the index does not know are never asked for
        self._place = np.full((len(frame), int(sizes.max(initial=0))), -1, dtype=np.int32)
        self._from = pairs.cell_rows("from_industry")
        self._to = pairs.cell_rows("to_industry")
        self._place[self._from, self._rank[self._to]] = np.arange(len(pairs), dtype=np.int32)
        self._near: dict[str, list[np.ndarray]] = {}

    def near(self, variant: str) -> list[np.ndarray]:
        """φ(j→k) of a variant ('', _90, _99, _oneway), one (n, n) matrix a group."""
        if variant not in self._near:
            mark = "95" if variant in ("", "_oneway") else variant.removeprefix("_")
            flag = self.pairs.raw(f"phi_{mark}") == 1
            if variant == "_oneway":
                flag &= self.pairs.raw(f"phi_back_{mark}") == 0
            matrices = []
            for low, high in zip(self.bounds[:-1], self.bounds[1:], strict=True):
                place = self._place[low:high, : high - low]
                matrices.append((flag[place] & (place >= 0)).astype(np.float64))
            self._near[variant] = matrices
        return self._near[variant]

    def draw(self, rng: np.random.Generator | None) -> list[np.ndarray]:
        """A permutation of the industries of every group; None: each keeps its place."""
        sizes = np.diff(self.bounds)
        if rng is None:
            return [np.arange(n) for n in sizes]
        return [rng.permutation(n) for n in sizes]

    def pool(self, name: str, drawn: list[np.ndarray]) -> np.ndarray:
        """A pool of panel.industry_cell (name as stored) summed over permuted φ, (cells,)."""
        variant = next(v for v in ("_90", "_99", "_oneway", "") if name.endswith(v))
        what, way, *of = name.removesuffix(variant).split("_")
        amount = self.cells.raw(AMOUNTS["_".join((what, *of))])
        out = np.empty(len(self.cells))
        for low, order, phi in zip(self.bounds[:-1], drawn, self.near(variant), strict=True):
            here = slice(low, low + len(order))
            matrix = phi if way == "outward" else phi.T
            out[here] = matrix[np.ix_(order, order)] @ amount[here]
        return out

    def redrawn(
        self, level: Level, names: tuple[str, ...], rng: np.random.Generator | None,
        keep: np.ndarray,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Cell variables after one draw, by name, the rows to keep (N,) only."""
        drawn = self.draw(rng)
        pools: dict[str, np.ndarray] = {}

        def column(base: str) -> np.ndarray:
            stored = level.mirrored(base)
            if stored not in POOLS or not rests_on_index(stored):
                return level.raw(stored)
            if stored not in pools:
                pools[stored] = self.pool(stored, drawn)
            return pools[stored]

        return {name: derive(name, column)[keep] for name in names}

    def permuted(self, level: Pairs, rng: np.random.Generator) -> Pairs:
        """Pairs of which every column made of the index is another pair's of the same group."""
        drawn = np.concatenate(
            [low + order for low, order in zip(self.bounds[:-1], self.draw(rng), strict=True)]
        )
        source = self._place[drawn[self._from], self._rank[drawn[self._to]]]
        if (source < 0).any():
            raise CoaggError(
                "the panel lacks ordered pairs of some agglomeration and year, so φ cannot be "
                "permuted: build the panel again (coagg panel)"
            )
        return _Permuted(level, source)


class _Permuted(Pairs):
    """Pairs with the columns of the index taken from other rows; pools as stored."""

    def __init__(self, pairs: Pairs, source: np.ndarray) -> None:
        vars(self).update(vars(pairs))
        self._source = source
        self._moved: dict[str, np.ndarray] = {}

    def window(self, names, start: int, stop: int) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
        """See `Pairs.window`."""
        names = list(names)
        moved = [n for n in names if n in self.columns and rests_on_index(n)]
        found = super().window([n for n in names if n not in moved], start, stop)
        for name in moved:
            if name not in self._moved:
                self._moved[name] = super().window([name], 0, len(self))[name]
            found[name] = self._moved[name][self._source[start:stop]]
        return found
