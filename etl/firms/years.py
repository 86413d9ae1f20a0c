"""Several survey years in one file: which it holds, and its rows without those of other years."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl.files import values
from coagg.etl.files.table_file import Batch, TableFile
from coagg.etl.files.text_records import Malformed
from coagg.etl.firms import layouts, scan


def stated_years(table: TableFile, known: Sequence[layouts.Layout]) -> list[int]:
    """The survey years of a file that says them row by row, each with about as many rows.

    `known` are the layouts to look with. Raises CoaggError where no column of years is found, or
    hardly a row states one.
    """
    header = _year_header(table, known)
    if header is None:
        names = ", ".join(layout.name for layout in known)
        raise CoaggError(
            f"{table.path}: has no column of survey years that a layout names ({names}); "
            "name the year, --survey-year 2004, or another --layout"
        )
    table.refuse_twice([header])
    counts: Counter[int] = Counter()
    for batch in table.batches(columns=[header]):
        text = values.trimmed(batch.table[header].combine_chunks()).drop_null()
        for found in pc.value_counts(text).to_pylist():
            if (year := values.year_of(found["values"])) is not None:
                counts[year] += found["counts"]
    most = max(counts.values(), default=0)
    if not most:
        raise CoaggError(f"{table.path}: its column {header} says no year; name it: --survey-year")
    return sorted(year for year, rows in counts.items() if rows >= scan.LEAST_OF_A_YEAR * most)


def _year_header(table: TableFile, known: Sequence[layouts.Layout]) -> str | None:
    for layout in known:
        for year in layout.years:
            if layout.missing(table.headers, year.first) == []:
                mapping = layout.map(table.headers, year.first, file=table.path)
                if header := mapping.columns["survey_year"]:
                    return header
    return None


class OneYear(TableFile):
    """A table without the rows that state one of some other years; rows keep their numbers."""

    def __init__(self, table: TableFile, header: str, others: Collection[int]) -> None:
        super().__init__(table.path, table._state, table.source)
        vars(self).update(vars(table))  # all that is known of the file
        self._table, self._header, self._others = table, header, frozenset(others)

    def batches(self, rows: int = 50_000, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Batches of the table, each without those rows."""
        wanted = None if columns is None else list(dict.fromkeys([*columns, self._header]))
        for batch in self._table.batches(rows, wanted):
            text = values.trimmed(batch.table[self._header].combine_chunks())
            other = values.by_unique(text, lambda one: values.year_of(one) in self._others)
            kept = np.array([one is not True for one in other], dtype=bool)
            table = batch.table if columns is None else batch.table.select(columns)
            yield Batch(
                batch.first_row,
                table.filter(pa.array(kept)),
                batch.malformed,
                batch.row_numbers()[kept],
            )

    def received(self) -> list[tuple[Path, str]]:
        """The files of the table."""
        return self._table.received()

    def check_unchanged(self) -> None:
        """As for the table."""
        self._table.check_unchanged()

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        raise NotImplementedError  # `batches` has its own
