"""A file read once for what it holds: filled cells, examples, and rows drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl.files import readers
from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import Batch, TableFile
from coagg.etl.files.text_records import Malformed
from coagg.etl.firms import layouts
from coagg.etl.firms.inspect.words import spoken_of
from coagg.etl.firms.scan import row_keys

ROWS = 4_000  # drawn at random, that columns are judged by
EXAMPLES = 3
_FEWEST_KNOWN = 2  # columns that a header line must speak of


@dataclass(frozen=True)
class Profile:
    """What a file holds: its rows and those that cannot be split, by header the share of cells
    that are filled (0 to 1) and three values, and a sample of the rows."""

    rows: int
    malformed: int
    filled: dict[str, float]
    examples: dict[str, list[str]]
    sample: SampledRows


class SampledRows(TableFile):
    """Rows of a file as a table of their own, for the loader's functions."""

    def __init__(self, table: TableFile, rows: pa.Table) -> None:
        self.path, self.notes = table.path, []
        self.headers, self.format, self.encoding = table.headers, table.format, table.encoding
        self.sha256, self.bytes = table.sha256, table.bytes
        self.rows = rows

    def text(self, header: str) -> pa.Array:
        """A column's trimmed text, null where nothing is stated."""
        return firm_values.trimmed(self.rows[header].combine_chunks())

    def batches(self, rows: int = ROWS, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """The sampled rows; row numbers are places in the sample."""
        wanted = self.headers if columns is None else list(dict.fromkeys(columns))
        yield Batch(1, self.rows.select(wanted), [])

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        yield self.rows.select(columns), []


def open_any(
    path: Path | Sequence[Path],
    encoding: str | None,
    sheet: str | None,
    header_line: int | None = None,
) -> TableFile:
    """Open a file without a layout: its header is the line that speaks of most like firms.

    Raises CoaggError as `readers.open_table` does.
    """
    known = [layouts.load_layout(name) for name in layouts.list_layouts()]

    def fits(cells: Sequence[str]) -> bool:
        spoken = [spoken_of(cell) for cell in cells if cell and cell.strip()]
        if len({next(iter(one)) for one in spoken if one}) >= _FEWEST_KNOWN:
            return True
        return any(
            layout.missing(cells, year.first) == [] for layout in known for year in layout.years
        )

    def opened(looks_right: Callable[[Sequence[str]], bool]) -> TableFile:
        return readers.open_table(
            path, encoding, sheet=sheet, fits=looks_right, header_line=header_line
        )

    try:
        table = opened(fits)
    except CoaggError:
        return opened(_like_headers)
    if not fits(table.headers) and _has_titles(table.headers):
        return opened(_like_headers)
    return table


def _has_titles(headers: Sequence[str]) -> bool:
    """Whether most columns have no name, as under a title in the first line."""
    return 2 * sum(header.startswith("(column ") for header in headers) > len(headers)


def _like_headers(cells: Sequence[str]) -> bool:
    """Whether cells look like headers: several, all filled, each its own, none a number."""
    words = [cell.strip() for cell in cells if cell]
    different = len({*words}) == len(cells) and all(words)
    return len(cells) > 1 and different and not any(_is_number(word) for word in words)


def _is_number(word: str) -> bool:
    return bool(np.isfinite(firm_values.numbers(pa.array([word])).values[0]))


def header_is_data(headers: Sequence[str]) -> bool:
    """Whether the header line looks like a row: as many numbers as words.

    Examples
    --------
    >>> header_is_data(["Works 1", "0610", "104.06", "30.72"]), header_is_data(["lon", "lat"])
    (True, False)
    """
    return 2 * sum(_is_number(header) for header in headers) >= len(headers)


def profile(table: TableFile, rows: int = ROWS) -> Profile:
    """Read the whole file once. Raises CoaggError as `TableFile.batches` does."""
    counted = malformed = 0
    stated = dict.fromkeys(table.headers, 0)
    examples: dict[str, list[str]] = {header: [] for header in table.headers}
    held: pa.Table | None = None
    keys = np.empty(0, dtype=np.uint64)
    for batch in table.batches():
        malformed += len(batch.malformed)
        counted += batch.table.num_rows
        for header in table.headers:
            text = firm_values.trimmed(batch.table[header].combine_chunks())
            stated[header] += len(text) - text.null_count
            shown = examples[header]
            if len(shown) < EXAMPLES and text.null_count < len(text):
                for value in pc.unique(text.drop_null()).slice(0, EXAMPLES).to_pylist():
                    if value not in shown and len(shown) < EXAMPLES:
                        shown.append(value)
        drawn = row_keys(batch.row_numbers())
        held = batch.table if held is None else pa.concat_tables([held, batch.table])
        keys = np.concatenate([keys, drawn])
        if len(keys) > rows:
            chosen = np.sort(np.argpartition(keys, rows)[:rows])
            held, keys = held.take(pa.array(chosen)), keys[chosen]
    assert held is not None  # a file without rows is refused before
    filled = {header: stated[header] / max(counted, 1) for header in table.headers}
    sample = SampledRows(table, held.combine_chunks())
    return Profile(counted + malformed, malformed, filled, examples, sample)
