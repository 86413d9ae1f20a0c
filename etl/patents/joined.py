"""A file whose rows are completed from further files of its source, by the key of each row.

PatentsView and PATSTAT come as tables: the file that is loaded has a row an applicant, the others
stand beside it in its folder. They are held in memory with the columns that are needed; the file
itself is read in streams as ever. Their columns are headed `name.column`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl.files import readers
from coagg.etl.files import values as file_values
from coagg.etl.files.table_file import FileState, TableFile
from coagg.etl.files.text_records import Malformed
from coagg.etl.patents.layouts import Join, PatentLayout

ENDINGS = (".tsv", ".csv", ".txt", ".parquet", ".xlsx", ".dta")
PACKED = ("", ".gz", ".zip")
JOINED_WORDS = " + "  # between columns whose texts make one


def find(path: Path, join: Join) -> list[Path]:
    """The files of a join in the folder of `path`: one, or its parts (name_part01 ...)."""
    found = []
    for other in sorted(path.parent.iterdir()):
        name = other.name.casefold()
        for ending in sorted((e + p for e in ENDINGS for p in PACKED), key=len, reverse=True):
            if name.endswith(ending):
                stem = name.removesuffix(ending)
                break
        else:
            continue
        if stem == join.file or stem.startswith(f"{join.file}_part"):
            found.append(other)
    return found


class Side:
    """A further file, opened: its tables, and once read its rows by key."""

    def __init__(self, path: Path, join: Join) -> None:
        """Open the file or its parts. Raises CoaggError when there is none, or no such column."""
        self.join = join
        paths = find(path, join)
        if not paths:
            raise CoaggError(
                f"{path}: needs {join.file} beside it in its folder ({join.file}.tsv or .csv, or "
                ".gz of them), to be joined by "
                f"{join.key}; put it there, or join the files yourself and load the result"
            )
        self.tables = [
            readers.open_table(found, fits=lambda headers: join.own in headers) for found in paths
        ]
        self.headers = self.tables[0].headers
        needed = [join.own] + ([join.column] if join.column else [])
        for table in self.tables:
            lacking = [header for header in needed if header not in table.headers]
            if lacking:
                raise CoaggError(f"{table.path}: has no column {lacking[0]}, by which it is joined")
            if table.headers != self.headers:
                raise CoaggError(f"{table.path}: has other columns than {self.tables[0].path.name}")
        self.columns: list[str] = []
        self.notes: list[str] = []
        self._rows: pa.Table | None = None
        self._keys = np.array([], dtype="S1")
        self._used = np.array([], dtype=bool)

    def read(self) -> None:
        """Hold the rows of the columns that are wanted, by key."""
        join, parts, malformed = self.join, [], 0
        wanted = list(dict.fromkeys([join.own, *filter(None, [join.column]), *self.columns]))
        for table in self.tables:
            for batch in table.batches(columns=wanted):
                rows = batch.table.set_column(
                    wanted.index(join.own),
                    join.own,
                    file_values.trimmed(batch.table[join.own].combine_chunks()),
                )
                keep = rows[join.own].is_valid()
                if join.column:
                    chosen = pa.array(join.values, pa.string())
                    keep = pc.and_(
                        keep, pc.is_in(pc.utf8_trim_whitespace(rows[join.column]), chosen)
                    )
                parts.append(rows.filter(keep))
                malformed += len(batch.malformed)
        held = pa.concat_tables(parts)
        keys = _keys(held[join.own])
        order = np.argsort(keys, kind="stable")
        first = np.ones(len(order), dtype=bool)
        first[1:] = keys[order][1:] != keys[order][:-1]
        again = int((~first).sum())
        if again:
            self.notes.append(f"{join.file}: {again:,} rows repeat a {join.own} and are not read")
        if malformed:
            self.notes.append(f"{join.file}: {malformed:,} rows that cannot be parted are not read")
        self._keys = keys[order[first]]
        self._rows = held.select(self.columns).take(pa.array(order[first]))
        self._used = np.zeros(len(self._keys), dtype=bool)

    def complete(self, keys: pa.ChunkedArray) -> list[pa.Array]:
        """The wanted columns for rows with these keys (n), null where the file has none."""
        if self._rows is None:
            self.read()
        assert self._rows is not None
        wanted = _keys(keys)
        place = np.searchsorted(self._keys, wanted)
        place[place == len(self._keys)] = 0
        found = (self._keys[place] == wanted) if len(self._keys) else np.zeros(len(wanted), bool)
        found &= wanted != b""
        self._used[place[found]] = True
        indices = pa.array(place, mask=~found)
        return [self._rows[name].combine_chunks().take(indices) for name in self.columns]

    @property
    def unused(self) -> int:
        """Rows that no row of the file asked for."""
        return int((~self._used).sum())


def _keys(text: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Keys as bytes, empty where there is none; numpy sorts and finds these without objects."""
    plain = pc.fill_null(pc.utf8_trim_whitespace(text), "")
    if isinstance(plain, pa.ChunkedArray):
        plain = plain.combine_chunks()
    size = max(pc.max(pc.binary_length(plain)).as_py() or 1, 1)
    parts = [
        np.array([x.encode() for x in plain.slice(i, 50_000).to_pylist()], dtype=f"S{size}")
        for i in range(0, len(plain), 50_000)
    ]
    return np.concatenate(parts) if parts else np.array([], dtype=f"S{size}")


class JoinedFile(TableFile):
    """The rows of `main`, each with the columns of the sides."""

    def __init__(self, main: TableFile, layout: PatentLayout) -> None:
        """Open the further files that the layout names. Raises CoaggError in one line."""
        super().__init__(main.path, FileState.of(main.path))
        self.main = main
        self.sides = [Side(main.path, join) for join in layout.joins]
        self.format, self.encoding, self.sheet = main.format, main.encoding, main.sheet
        self.encoding_confidence = main.encoding_confidence
        self.sha256, self.bytes, self.notes = main.sha256, main.bytes, list(main.notes)
        asked = {word for words in layout.headers.values() for word in words}
        self.made: dict[str, list[str]] = {}
        available = set(main.headers)
        for side in self.sides:
            available |= {f"{side.join.name}.{header}" for header in side.headers}
        for word in sorted(asked):
            parts = word.split(JOINED_WORDS)
            if len(parts) > 1 and set(parts) <= available:
                self.made[word] = parts
                asked |= set(parts)
        self.headers = list(main.headers)
        for side in self.sides:
            side.columns = [h for h in side.headers if f"{side.join.name}.{h}" in asked]
            self.headers += [f"{side.join.name}.{header}" for header in side.columns]
        self.headers += self.made

    @property
    def joined(self) -> dict[str, str]:
        """What a load rests on beside the file: the hashes of the others, by name."""
        return {t.path.name: t.sha256 for side in self.sides for t in side.tables}

    def check_unchanged(self) -> None:
        """Raise CoaggError when one of the files is no longer the one that was opened."""
        super().check_unchanged()
        for side in self.sides:
            for table in side.tables:
                table.check_unchanged()

    def tell(self) -> None:
        """Add to the notes what the sides told; after the file has been read."""
        for side in self.sides:
            self.notes += side.notes
        first = self.sides[0]
        if first.unused:
            self.notes.append(
                f"{first.join.file}: {first.unused:,} rows are asked for by no row of "
                f"{self.path.name}, so they are not loaded"
            )

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        wanted = set(columns)
        for name in self.made:
            if name in wanted:
                wanted |= set(self.made[name])
        keys = {side.join.key for side in self.sides}
        needed = [h for h in self.main.headers if h in wanted or h in keys]
        for table, malformed in self.main._parts(rows, needed):
            held = dict(zip(table.column_names, table.columns, strict=True))
            for side in self.sides:
                names = [f"{side.join.name}.{header}" for header in side.columns]
                if wanted.intersection(names):
                    held |= zip(names, side.complete(table[side.join.key]), strict=True)
            for name, parts in self.made.items():
                if name in wanted:
                    held[name] = _one_text([held[part] for part in parts])
            yield pa.table({name: held[name] for name in columns}), malformed


def _one_text(parts: Sequence[pa.ChunkedArray | pa.Array]) -> pa.Array:
    texts = [part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part for part in parts]
    trimmed = [pc.utf8_trim_whitespace(text) for text in texts]
    return pc.binary_join_element_wise(*trimmed, "")
