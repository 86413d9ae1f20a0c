"""The panel as columns: cells and pairs under one face, from which variables are derived.

Cells lie in memory. Of pairs only the keys and the cell of either industry do (some 20 bytes a
row); their numbers are read from Parquet column by column, or window by window (`Stream`), so
memory does not grow with the number of columns.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from coagg.analysis.panel.variables import CELL_KEYS, PAIR_KEYS, TRANSPOSED, base_columns, derive
from coagg.analysis.tables.specification import Condition
from coagg.errors import CoaggError

COMPARE = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq,
    "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


class Level:
    """N rows of the panel. With `transposed`, every index-bearing column is read as its mirror."""

    keys: tuple[str, ...]
    name: str

    def __init__(self, transposed: bool = False) -> None:
        self.transposed = transposed
        self._digests: dict[str, bytes] = {}
        self._missing: dict[str, np.ndarray | None] = {}

    def __len__(self) -> int:
        raise NotImplementedError

    def raw(self, name: str) -> np.ndarray:
        """A panel column, (N,) float64, missing is NaN."""
        raise NotImplementedError

    def codes(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """A key as (N,) int32 codes and the levels they stand for, sorted."""
        raise NotImplementedError

    def mirrored(self, name: str) -> str:
        """The panel column that is read for `x`, `x_j` or `x_k`."""
        if not self.transposed:
            return name
        bare, side = (name[:-2], name[-2:]) if name[-2:] in ("_j", "_k") else (name, "")
        return TRANSPOSED.get(bare, bare) + side

    def column(self, name: str) -> np.ndarray:
        """A panel column by `x`, `x_j` or `x_k`, mirrored where the reading is transposed."""
        return self.raw(self.mirrored(name))

    def variable(self, name: str) -> np.ndarray:
        """A variable, (N,) float64."""
        return derive(name, self.column)

    def missing(self, name: str) -> np.ndarray | None:
        """Rows where a variable is not known, (N,) bool; None where it always is."""
        found: np.ndarray | None = None
        for base in base_columns(name):
            if base not in self._missing:
                lacks = np.isnan(self.column(base))
                self._missing[base] = lacks if lacks.any() else None
            lacking = self._missing[base]
            if lacking is not None:
                found = lacking if found is None else found | lacking
        return found

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
            if key not in self._digests:
                code, levels = self.codes(key)
                text = repr(levels.tolist()).encode()
                self._digests[key] = hashlib.sha256(text + code.tobytes()).digest()
            digest.update(key.encode() + self._digests[key])
        for name in sorted({base for variable in variables for base in base_columns(variable)}):
            if name not in self._digests:
                values = np.ascontiguousarray(self.column(name))
                self._digests[name] = hashlib.sha256(values.data).digest()
            digest.update(name.encode() + self._digests[name])
        return digest.hexdigest()

    def rows(self, names: Sequence[str], keys: Sequence[str], keep: np.ndarray) -> Mapping:
        """Ready columns of the rows to keep (N,): variables as float64, keys as codes."""
        frame = {name: self.variable(name)[keep] for name in dict.fromkeys(names)}
        return frame | {key: self.codes(key)[0][keep] for key in dict.fromkeys(keys)}


class Cells(Level):
    """Cells (j, c, t): a frame with the columns of panel.industry_cell."""

    keys = CELL_KEYS
    name = "cell"

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
        codes, levels = pd.factorize(self.frame[key], sort=True)
        return codes.astype(np.int32), np.asarray(levels)


class Pairs(Level):
    """Ordered pairs (j, k, c, t): a Parquet file of panel.industry_pair, and the cells."""

    keys = PAIR_KEYS
    name = "pair"

    def __init__(self, file: Path, cells: Cells) -> None:
        super().__init__(cells.transposed)
        coded = [key for key in PAIR_KEYS if key != "survey_year"]
        self.file = pq.ParquetFile(file, read_dictionary=coded)
        self.columns = set(self.file.schema_arrow.names)
        self.cells = cells
        self._codes: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        counts = [self.file.metadata.row_group(i).num_rows for i in range(self.file.num_row_groups)]
        self._edges = np.cumsum([0, *counts])

    def __len__(self) -> int:
        return int(self.file.metadata.num_rows)

    def raw(self, name: str) -> np.ndarray:
        """See `Level.raw`."""
        return self.window([name], 0, len(self))[name]

    def window(self, names: Iterable[str], start: int, stop: int) -> dict[str, np.ndarray]:
        """Panel columns of the rows from `start` to `stop`, float64, by name."""
        found, asked = {}, []
        for name in names:
            if name in self.columns:
                asked.append(name)
            else:
                at = self._from if name.endswith("_j") else self._to
                found[name] = self.cells.raw(name[:-2])[at[start:stop]]
        if asked:
            first = int(np.searchsorted(self._edges, start, side="right")) - 1
            last = max(int(np.searchsorted(self._edges, stop, side="left")), first + 1)
            table = self.file.read_row_groups(range(first, last), columns=asked, use_threads=False)
            table = table.slice(start - int(self._edges[first]), stop - start)
            found |= {name: _numbers(table.column(name)) for name in asked}
        return found

    def codes(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Level.codes`."""
        if key not in self._codes:
            column = self.file.read([key], use_threads=False).column(key)
            coded = column.dictionary_encode().unify_dictionaries().combine_chunks()
            if isinstance(coded, pa.ChunkedArray):
                coded = coded.chunk(0) if coded.num_chunks else pa.array([], coded.type)
            levels = np.asarray(coded.dictionary.to_pylist())
            order = np.argsort(levels, kind="stable")
            rank = np.empty(len(levels), dtype=np.int32)
            rank[order] = np.arange(len(levels), dtype=np.int32)
            self._codes[key] = (rank[coded.indices.to_numpy()], levels[order])
        return self._codes[key]

    def rows(self, names: Sequence[str], keys: Sequence[str], keep: np.ndarray) -> Mapping:
        """See `Level.rows`; the variables are read when and as far as they are sliced."""
        return Stream(self, names, keys, keep)

    @cached_property
    def _from(self) -> np.ndarray:
        return self.cell_rows("from_industry")

    @cached_property
    def _to(self) -> np.ndarray:
        return self.cell_rows("to_industry")

    def cell_rows(self, side: str) -> np.ndarray:
        """Row of each pair's industry (from_industry or to_industry) in the cells, (N,) int32."""
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
            mine.append(found.astype(np.int32)[code])
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


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return column.cast(pa.float64()).to_numpy()


class Stream(Mapping):
    """Columns of chosen rows of pairs, as `fit_pairs` reads them: slice by slice.

    A key gives its codes; a variable gives an object with a length that reads only the rows of a
    slice. The panel columns of the last slice are kept, so all variables of it are read at once.
    """

    def __init__(
        self, pairs: Pairs, names: Sequence[str], keys: Sequence[str], keep: np.ndarray
    ) -> None:
        self.pairs, self.names = pairs, list(dict.fromkeys(names))
        self.group_keys = list(dict.fromkeys(keys))
        self.keep = None if keep.all() else np.flatnonzero(keep).astype(np.int32)
        self.count = len(keep) if self.keep is None else len(self.keep)
        self.bases = {b: pairs.mirrored(b) for name in self.names for b in base_columns(name)}
        self._at: tuple[int, int] | None = None
        self._window: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.names) + len(self.group_keys)

    def __iter__(self) -> Iterator[str]:
        return iter((*self.names, *self.group_keys))

    def __getitem__(self, name: str) -> np.ndarray | Sliced:
        if name in self.group_keys:
            code = self.pairs.codes(name)[0]
            return code if self.keep is None else code[self.keep]
        if name not in self.names:
            raise KeyError(name)
        return Sliced(self, name)

    def take(self, name: str, start: int, stop: int) -> np.ndarray:
        """A variable in rows `start` to `stop` of the chosen ones."""
        if self._at != (start, stop):
            self._window, self._at = self._read(start, stop), (start, stop)
        return derive(name, self._window.__getitem__)

    def _read(self, start: int, stop: int) -> dict[str, np.ndarray]:
        wanted = set(self.bases.values())
        if self.keep is None:
            found = self.pairs.window(wanted, start, stop)
        else:
            rows = self.keep[start:stop]
            low, high = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
            found = self.pairs.window(wanted, low, high)
            found = {name: values[rows - low] for name, values in found.items()}
        return {base: found[column] for base, column in self.bases.items()}


class Sliced:
    """A variable of a `Stream`."""

    def __init__(self, stream: Stream, name: str) -> None:
        self._stream, self._name = stream, name

    def __len__(self) -> int:
        return self._stream.count

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(len(self))
        return self._stream.take(self._name, start, stop)

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        """All of it, read by itself and not with the other variables."""
        values = self._stream.pairs.variable(self._name)
        return values if self._stream.keep is None else values[self._stream.keep]
