"""The panel as columns: cells and pairs under one face, from which variables are derived."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.tables.specification import Condition
from analysis.tables.variables import CELL_KEYS, PAIR_KEYS, TRANSPOSED, base_columns, derive
from coagg.errors import CoaggError

COMPARE = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq,
    "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


class Level:
    """N rows of the panel. With `transposed`, every index-bearing column is read as its mirror."""

    keys: tuple[str, ...]

    def __init__(self, transposed: bool = False) -> None:
        self.transposed = transposed

    def __len__(self) -> int:
        raise NotImplementedError

    def raw(self, name: str) -> np.ndarray:
        """A panel column, (N,) float64, missing is NaN."""
        raise NotImplementedError

    def codes(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """A key as (N,) int32 codes and the levels they stand for, sorted."""
        raise NotImplementedError

    def column(self, name: str) -> np.ndarray:
        """A panel column by `x`, `x_j` or `x_k`, mirrored where the reading is transposed."""
        if not self.transposed:
            return self.raw(name)
        bare, side = (name[:-2], name[-2:]) if name[-2:] in ("_j", "_k") else (name, "")
        return self.raw(TRANSPOSED.get(bare, bare) + side)

    def variable(self, name: str) -> np.ndarray:
        """A variable, (N,) float64."""
        return derive(name, self.column)

    def mask(self, conditions: Iterable[Condition]) -> np.ndarray:
        """Rows that meet all conditions, (N,) bool; a missing value meets none."""
        keep = np.ones(len(self), dtype=bool)
        for condition in conditions:
            compare: Callable[..., np.ndarray] = COMPARE[condition.operator]
            if condition.column in self.keys:
                code, levels = self.codes(condition.column)
                value: float | str = condition.value
                if condition.column != "survey_year":
                    levels, value = levels.astype(str), str(value)
                keep &= compare(levels, value)[code]
            else:
                values = self.column(condition.column)
                keep &= compare(values, condition.value) & ~np.isnan(values)
        return keep

    def sha256(self, variables: Iterable[str]) -> str:
        """Hash over the keys and the panel columns that the variables rest on."""
        digest = hashlib.sha256(f"{len(self)} {self.transposed}".encode())
        for key in self.keys:
            code, levels = self.codes(key)
            digest.update(key.encode() + repr(levels.tolist()).encode() + code.tobytes())
        for name in sorted({base for variable in variables for base in base_columns(variable)}):
            digest.update(name.encode() + np.ascontiguousarray(self.column(name)).tobytes())
        return digest.hexdigest()


def _factorize(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    codes, levels = pd.factorize(values, sort=True)
    return codes.astype(np.int32), np.asarray(levels)


class Cells(Level):
    """Cells (j, c, t): a frame with the columns of panel.industry_cell."""

    keys = CELL_KEYS

    def __init__(self, frame: pd.DataFrame, transposed: bool = False) -> None:
        super().__init__(transposed)
        self.frame = frame.sort_values(list(CELL_KEYS), ignore_index=True)

    def __len__(self) -> int:
        return len(self.frame)

    def raw(self, name: str) -> np.ndarray:
        """See `Level.raw`."""
        return self.frame[name].to_numpy(dtype=np.float64, na_value=np.nan)

    def codes(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Level.codes`."""
        return _factorize(self.frame[key])


class Pairs(Level):
    """Ordered pairs (j, k, c, t): an Arrow table of panel.industry_pair, and the cells."""

    keys = PAIR_KEYS

    def __init__(self, table: pa.Table, cells: Cells) -> None:
        super().__init__(cells.transposed)
        self.table = table
        self.cells = cells
        self._codes: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def raw(self, name: str) -> np.ndarray:
        """See `Level.raw`."""
        if name in self.table.column_names:
            column = self.table.column(name)
            if pa.types.is_boolean(column.type):
                column = column.cast(pa.int8())
            return column.cast(pa.float64()).to_numpy()
        at = self._from if name.endswith("_j") else self._to
        return self.cells.raw(name[:-2])[at]

    def codes(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Level.codes`."""
        if key not in self._codes:
            column = self.table.column(key).combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
            if not pa.types.is_dictionary(column.type):
                column = column.dictionary_encode()
            levels = np.asarray(column.dictionary.to_pylist())
            order = np.argsort(levels, kind="stable")
            rank = np.empty(len(levels), dtype=np.int32)
            rank[order] = np.arange(len(levels), dtype=np.int32)
            self._codes[key] = (rank[column.indices.to_numpy()], levels[order])
        return self._codes[key]

    @cached_property
    def _from(self) -> np.ndarray:
        return self._rows("from_industry")

    @cached_property
    def _to(self) -> np.ndarray:
        return self._rows("to_industry")

    def _rows(self, side: str) -> np.ndarray:
        """Row of each pair's industry in the cells, (N,) int32."""
        coded = [self.cells.codes(key) for key in CELL_KEYS]
        sizes = [len(levels) for _, levels in coded]
        place = np.full(int(np.prod(sizes)), -1, dtype=np.int32)
        place[np.ravel_multi_index([code for code, _ in coded], sizes)] = np.arange(
            len(self.cells), dtype=np.int32
        )
        mine = []
        for (_, levels), key in zip(
            coded, ("survey_year", "agglomeration_code", side), strict=True
        ):
            code, own = self.codes(key)
            found = pd.Index(levels).get_indexer(pd.Index(own))
            if (found < 0).any():
                self._vanished(str(own[int(np.argmin(found))]), key)
            mine.append(found[code])
        rows = place[np.ravel_multi_index(mine, sizes)]
        if (rows < 0).any():
            at = int(np.argmin(rows))
            self._vanished(
                " ".join(str(own[code[at]]) for code, own in map(self.codes, (
                    "survey_year", "agglomeration_code", side))), "cell",
            )  # fmt: skip
        return rows

    def _vanished(self, what: str, kind: str) -> None:
        raise CoaggError(
            f"pairs of {kind} {what} are in the panel but no cell of it is: "
            "build the panel again (coagg panel)"
        )
