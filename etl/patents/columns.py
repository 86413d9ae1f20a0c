"""What the columns of a patent file say as a whole, and lists in their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as file_values
from coagg.etl.files.table_file import Batch, TableFile
from coagg.etl.patents import applicants as patent_applicants
from coagg.etl.patents import dates as patent_dates
from coagg.etl.patents.layouts import PatentLayout

DATE_COLUMNS = ("application_date", "priority_date", "publication_date", "grant_date")


class Scan(NamedTuple):
    """What a column as a whole says: order of its dates, by our column; how names are tagged."""

    orders: dict[str, str]
    tagged: bool


def scan(
    table: TableFile,
    columns: Mapping[str, str | None],
    layout: PatentLayout,
    date_columns: Sequence[str] = DATE_COLUMNS,
) -> Scan:
    """Read the columns of dates and names once; what it finds is added to the file's notes.

    Raises CoaggError where the order of the dates cannot be told.
    """
    evidence = {
        header: patent_dates.Evidence() for name in date_columns if (header := columns[name])
    }
    names = columns["applicants"] if "application_date" in date_columns else None
    if not evidence and names is None:
        return Scan({}, False)
    tagged = total = 0
    separators = separators_of(layout)
    for batch in table.batches(columns=list(dict.fromkeys([*evidence, *filter(None, [names])]))):
        for header, seen in evidence.items():
            seen.feed(file_text(batch, header))
        if names is not None:
            text = patent_applicants.as_parts(file_text(batch, names))
            found = patent_applicants.count_tagged(split_parts(text, separators)[2])
            tagged, total = tagged + found[0], total + found[1]
    orders, notes = patent_dates.orders(table.path, evidence, layout.settings["@dates"])
    table.notes += notes
    by_column = {
        name: orders[header] for name in date_columns if (header := columns[name]) in orders
    }
    return Scan(by_column, tagged > patent_applicants.MOST_TAGGED * total)


def file_text(batch: Batch, header: str) -> pa.Array:
    """Trimmed text of a column of the file."""
    return file_values.trimmed(batch.table[header].combine_chunks())


def separators_of(layout: PatentLayout) -> str:
    """Pattern of what parts the names of applicants."""
    return f"[{layout.settings['@separators']}{patent_applicants.PARTED}]"


def mapped_text(batch: Batch, columns: Mapping[str, str | None], column: str) -> pa.Array:
    """Trimmed text of one of our columns, null where missing or not in the file."""
    header = columns[column]
    if header is None:
        return pa.nulls(batch.table.num_rows, pa.string())
    return file_values.trimmed(batch.table[header].combine_chunks())


def first_part(text: pa.Array, separators: str) -> pa.Array:
    """The first part of each row's list that says something, null where there is none."""
    place, _, parts = split_parts(text, separators)
    held = file_values.as_mask(parts.is_valid())
    rows, first = np.unique(place[held], return_index=True)
    chosen = np.full(len(text), -1)
    chosen[rows] = first
    return parts.filter(pa.array(held)).take(pa.array(chosen, mask=chosen < 0))


def split_parts(text: pa.Array, separators: str) -> tuple[np.ndarray, np.ndarray, pa.Array]:
    """Split a column: place of each part's row, its index in the row, the part (null if blank)."""
    lists = pc.split_pattern_regex(pc.fill_null(text, ""), separators)
    lengths = pc.list_value_length(lists).to_numpy()
    place = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    index = np.arange(len(place)) - np.repeat(starts, lengths)
    return place, index, file_values.trimmed(pc.list_flatten(lists))
