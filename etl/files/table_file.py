"""What every kind of table file gives: headers, a hash of what was received, rows in batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl.files import limits
from coagg.etl.files.encodings import NUL_RECEIVED
from coagg.etl.files.packed import Source
from coagg.etl.files.received import FileState as FileState
from coagg.etl.files.received import HashedFile as HashedFile
from coagg.etl.files.received import open_binary as open_binary
from coagg.etl.files.received import unreadable
from coagg.etl.files.text_records import Malformed, as_malformed

MOST_ABOVE = 30  # rows above the header
MAX_COLUMNS = 4096


class Batch(NamedTuple):
    """Consecutive rows of a file. A row is a record under the header; the first is number 1.

    `table` has a string column for each header, null where the file holds nothing, and the rows
    that could be split into fields; `malformed` has the others. Together they are numbered from
    `first_row` on without a gap, unless `numbers` says which rows `table` has.
    """

    first_row: int
    table: pa.Table
    malformed: list[Malformed]
    numbers: np.ndarray | None = None

    def row_numbers(self) -> np.ndarray:
        """Row number of each row of `table`, int32."""
        if self.numbers is not None:
            return self.numbers
        count = self.table.num_rows + len(self.malformed)
        numbers = np.arange(self.first_row, self.first_row + count, dtype=np.int32)
        return np.delete(numbers, [bad.row_number - self.first_row for bad in self.malformed])


# Whether a line of cells holds the headers wanted.
Fits = Callable[[Sequence[str]], bool]


class TableFile(ABC):
    """A file of rows under a header.

    `headers` as received (a column without one is called "(column 3)"), `encoding` of its text or
    None where the format knows, `encoding_confidence` how sure it is (0 to 1), `format` (csv, xlsx,
    dta, parquet, with .gz where compressed), `sha256` and `bytes` of the file as received,
    `notes` what its reader must tell the user. Where rows have a geometry, `point` names the
    columns of its longitude and latitude, and `crs` is the datum the file states for them.
    """

    format: str
    encoding: str | None
    encoding_confidence: float | None = None
    sheet: str | None = None
    header_line: int | None = None  # counted from 1, where the format has lines
    point: tuple[str, str] | None = None
    crs: str | None = None
    headers: list[str]
    sha256: str
    bytes: int

    def __init__(self, path: Path, state: FileState, source: Source | None = None) -> None:
        self.path = path
        self.name = path.name
        self.notes: list[str] = []
        self.source = source or Source(path, b"")
        self._state = state

    @property
    def twice(self) -> list[str]:
        """Headers that several columns have; all but the first are told by their number."""
        return [
            first
            for n, header in enumerate(self.headers, start=1)
            if (first := header.removesuffix(_numbered("", n))) != header and first in self.headers
        ]

    def refuse_twice(self, used: Iterable[str | None]) -> None:
        """Raise CoaggError where a header that is used stands over several columns."""
        wanted = set(used)
        if found := [header for header in dict.fromkeys(self.twice) if header in wanted]:
            raise CoaggError(
                f"{self.path}: several columns are headed {', '.join(map(repr, found))}, which is "
                "used; rename all but one in the file"
            )

    def received(self) -> list[tuple[Path, str]]:
        """Each file of the table and its hash."""
        return [(self.path, self.sha256)]

    def tell_once(self, notes: Iterable[str]) -> None:
        """Add notes that are not there yet, as each reading of the file finds them again."""
        self.notes += [note for note in notes if note not in self.notes]

    def batches(self, rows: int = 50_000, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Read the file from its beginning; each batch but the last holds `rows` rows.

        `columns` are the headers wanted, all by default. Raises CoaggError when the file changed
        since it was opened, is damaged, or has no rows.
        """
        first, held = 1, 0
        tables: list[pa.Table] = []
        malformed: list[Malformed] = []
        wanted = self.headers if columns is None else list(columns)
        try:
            for table, bad in self._parts(rows, wanted):
                tables.append(table)
                malformed += bad
                held += table.num_rows + len(bad)
                self._check_held(tables)
                while held >= rows:
                    batch = _cut(first, rows, tables, malformed)
                    yield batch
                    first, held = first + rows, held - rows
        except OSError as fault:
            raise unreadable(self.path, fault) from None
        except CoaggError as error:
            raise self.source.renamed(error) from None
        if held:
            yield _cut(first, held, tables, malformed)
        elif first == 1:
            self.check_unchanged()
            raise CoaggError(f"{self.path}: has a header but no rows; is it the right file?")
        self.check_unchanged()

    def _check_held(self, tables: Sequence[pa.Table]) -> None:
        """Refuse rows that are too much to hold, as texts named by many rows may be."""
        if len(tables) > 1 or tables[0].num_rows:
            size = sum(table.nbytes for table in tables)
            most = limits.limit(self.bytes, whole=True)
            if size > most:
                raise limits.too_large(self.path, "a part of its rows takes", size, most)

    @abstractmethod
    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        """Rows in file order, in parts of any size; malformed ones numbered from 1."""

    def check_unchanged(self) -> None:
        """Raise CoaggError when the file is no longer the one that was opened."""
        if FileState.of(self.path) != self._state:
            raise self.changed()

    def changed(self) -> CoaggError:
        """The error of a file that was written to while it was read."""
        return CoaggError(
            f"{self.path}: changed while it was read; try again when nobody writes to it"
        )


def checked_headers(path: Path, received: Sequence[str | None]) -> list[str]:
    """Headers without blanks around them, all different: a second one gets its column's number.

    Raises CoaggError.

    Examples
    --------
    >>> checked_headers(Path("a.csv"), [" id", "note", None, "note"])
    ['id', 'note', '(column 3)', 'note (column 4)']
    """
    if len(received) > MAX_COLUMNS:
        raise CoaggError(
            f"{path}: its first line has {len(received)} fields, more than {MAX_COLUMNS}; "
            "is it a table with a header line?"
        )
    stripped = [(header or "").strip() for header in received]
    headers = [header or f"(column {n})" for n, header in enumerate(stripped, start=1)]
    seen: set[str] = set()
    for n, header in enumerate(headers, start=1):
        if header in seen:
            headers[n - 1] = _numbered(header, n)
        seen.add(headers[n - 1])
    if len(seen) < len(headers):  # a header that reads like the number of another one
        twice = sorted({header for header in headers if headers.count(header) > 1})
        raise CoaggError(
            f"{path}: several columns are headed {', '.join(map(repr, twice))}; "
            "rename all but one in the file"
        )
    return headers


def _numbered(header: str, number: int) -> str:
    return f"{header} (column {number})"


def without_nul(table: pa.Table, first_row: int) -> tuple[pa.Table, list[Malformed]]:
    """Take out the rows of a string table whose text holds a NUL, received or as a mark.

    Where a NUL is no mark the caller has turned it into NUL_RECEIVED.
    """
    bad = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        if pc.any(pc.match_substring(column, "\0")).as_py():
            hit = pc.fill_null(pc.match_substring(column, "\0"), False)
            bad |= hit.to_numpy(zero_copy_only=False)
    if not bad.any():
        return table, []
    malformed = [
        as_malformed(first_row + int(i), "\t".join(v or "" for v in row.values()), "")
        for i, row in zip(np.flatnonzero(bad), table.filter(pa.array(bad)).to_pylist(), strict=True)
    ]
    return table.filter(pa.array(~bad)), malformed


def nul_marked(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """A string column with NUL characters as NUL_RECEIVED."""
    return pc.replace_substring(column, "\0", NUL_RECEIVED)


def _cut(first: int, rows: int, tables: list[pa.Table], malformed: list[Malformed]) -> Batch:
    """Take the first rows off the held ones."""
    bad = [row for row in malformed if row.row_number < first + rows]
    whole = pa.concat_tables(tables)
    good = rows - len(bad)
    tables[:] = [whole.slice(good)]
    malformed[:] = malformed[len(bad) :]
    return Batch(first, whole.slice(0, good), bad)
