"""Rows of a patent file as typed patents and applicants, and the rows refused with their reason.

The rules here need nothing but the row; what needs the other rows is sql/transforms/patents.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import Batch, TableFile
from coagg.etl.files.text_records import Malformed
from coagg.etl.firms import organisation_codes
from coagg.etl.patents import applicants as patent_applicants
from coagg.etl.patents import dates as patent_dates
from coagg.etl.patents import values as patent_values
from coagg.etl.patents.columns import (
    Scan,
    first_part,
    mapped_text,
    scan,
    separators_of,
    split_parts,
)
from coagg.etl.patents.layouts import PatentLayout

FLAGS = (
    "applicant_missing",
    "codes_misaligned",
    "date_from_priority",
    "date_from_publication",
    "grant_before_application",
    "grant_contradictory",
    "grant_date_impossible",
    "grant_date_unreadable",
    "granted_unreadable",
    "kind_unreadable",
    "kind_contradictory",
    "text_damaged",
    "value_unreadable",
)
PATENT_COLUMNS = (
    "row_number", "patent_id", "publication_number", "title", "kind", "application_date",
    "grant_date", "granted", "ipc", "patent_value", "of_one_applicant", "flags",
)  # fmt: skip
REFUSED_SCHEMA = pa.schema(
    [
        ("row_number", pa.int32()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("received", pa.string()),
    ]
)
CELLS_HELD = 1_000_000
DAMAGE = "\ufffd"
_NULL = pa.scalar(None, pa.string())
_DIGITS = r"^[0-9]{2,6}$"
_NAME_AND_CODE = r"^[^0-9;；]+[;；]([0-9]{2,6})$"


class PatentBatch(NamedTuple):
    """Rows of a file: patents, their applicants, the refused ones; rows_read = clean + refused."""

    clean: pa.Table
    applicants: pa.Table
    refused: pa.Table
    rows_read: int


def patent_batches(
    table: TableFile,
    columns: Mapping[str, str | None],
    layout: PatentLayout,
    latest: datetime.date,
) -> Iterator[PatentBatch]:
    """Clean a patent file, batch by batch. `columns` are those of `layout.map`.

    Raises CoaggError for what is wrong with the file as a whole.
    """
    rows = max(min(50_000, CELLS_HELD // len(table.headers)), 1)
    found = scan(table, columns, layout)
    taken_off = 0
    for batch in table.batches(rows):
        cleaner = _Cleaner(batch, columns, layout, latest, found)
        yield cleaner.clean()
        taken_off += cleaner.taken_off
    if taken_off:
        table.notes.append(
            f"a country or code stood behind {taken_off:,} names of applicants ([US], (ALPH-C)); "
            "it is taken off"
        )


def refused_table(
    batch: Batch,
    reasons: Sequence[tuple[int, str, str | None]],
) -> pa.Table:
    """REFUSED_SCHEMA of a batch: `reasons` are (place in the batch's table, reason, detail)."""
    numbers = batch.row_numbers()
    places = pa.array([place for place, _, _ in reasons], pa.int64())
    received = batch.table.take(places).to_pylist()
    rows = [
        (int(numbers[place]), reason, detail, json.dumps(row, ensure_ascii=False))
        for (place, reason, detail), row in zip(reasons, received, strict=True)
    ]
    return refused_rows(rows, batch.malformed)


def refused_rows(
    rows: list[tuple[int, str, str | None, str]], malformed: Sequence[Malformed]
) -> pa.Table:
    """REFUSED_SCHEMA from rows and the malformed ones."""
    rows = rows + [
        (bad.row_number, bad.reason, bad.detail, json.dumps({"line": bad.text}, ensure_ascii=False))
        for bad in malformed
    ]
    by_column = list(zip(*sorted(rows), strict=True)) or [()] * len(REFUSED_SCHEMA)
    arrays = [pa.array(v, f.type) for v, f in zip(by_column, REFUSED_SCHEMA, strict=True)]
    return pa.table(arrays, REFUSED_SCHEMA)


def shown(text: str | None) -> str:
    """A received value for a message."""
    return "is empty" if text is None else repr(text[:60])


class _Cleaner:
    """The rules for one batch."""

    def __init__(
        self,
        batch: Batch,
        columns: Mapping[str, str | None],
        layout: PatentLayout,
        latest: datetime.date,
        found: Scan,
    ) -> None:
        self.batch = batch
        self.found = found
        self.taken_off = 0
        self.columns = columns
        self.layout = layout
        self.rows = batch.table.num_rows
        self.first_day = np.datetime64(layout.earliest)
        self.last_day = np.datetime64(latest)
        self.chinese = layout.settings["@numbers"] == "cn"
        self.flags = dict.fromkeys(FLAGS, np.zeros(self.rows, dtype=bool))
        self.reason = np.full(self.rows, "", dtype=object)
        self.at_fault = np.full(self.rows, "", dtype=object)

    def clean(self) -> PatentBatch:
        ids = patent_values.patent_numbers(self._text("patent_id"), chinese=self.chinese)
        publications, self.which = self._publications()
        application = self._application_dates()
        self._check_ids(ids)
        kind = self._kinds(ids, publications)
        granted, grant_date = self._grants(application, publications)
        value = self._text("patent_value")
        numbers = firm_values.numbers(value)
        readable = np.isfinite(numbers.values)
        self.flags["value_unreadable"] = (
            firm_values.as_mask(firm_values.is_stated(value)) & ~readable
        )
        separators = separators_of(self.layout)
        ipc = first_part(self._text("ipc"), "[;；|\n]")
        applicants = self._applicants(separators)
        kept = pa.array(self.reason == "")
        clean = {
            "row_number": pa.array(self.batch.row_numbers()),
            "patent_id": ids,
            "publication_number": publications,
            "title": self._text("title"),
            "kind": kind,
            "application_date": pa.array(application.astype("datetime64[D]")),
            "grant_date": pa.array(grant_date.astype("datetime64[D]")),
            "granted": pa.array(granted),
            "ipc": ipc,
            "patent_value": pa.array(numbers.values, mask=~readable),
            "of_one_applicant": pa.array(
                np.full(self.rows, self.columns["applicant_sequence"] is not None)
            ),
            "flags": self._flag_lists(),
        }
        return PatentBatch(
            pa.table([clean[name] for name in PATENT_COLUMNS], PATENT_COLUMNS).filter(kept),
            applicants.filter(kept.take(applicants["place"].combine_chunks())).drop(["place"]),
            self._refused(),
            self.rows + len(self.batch.malformed),
        )

    def _text(self, column: str) -> pa.Array:
        return mapped_text(self.batch, self.columns, column)

    def _publications(self) -> tuple[pa.Array, np.ndarray]:
        """Publication numbers, and which of a list each is: its first grant, else its first."""
        text = self._text("publication_number")
        numbers = self.layout.settings["@publication_list"]
        country = self.layout.settings["@country"]
        which = np.zeros(self.rows, dtype=int)
        if numbers:
            place, index, parts = split_parts(text, f"[{numbers}]")
            held = firm_values.as_mask(parts.is_valid())
            place, index, parts = place[held], index[held], parts.filter(pa.array(held))
            one_form = patent_values.patent_numbers(parts, chinese=self.chinese, country=country)
            pattern = self.layout.settings["@granted_publications"]
            granted = firm_values.as_mask(pc.match_substring_regex(one_form, pattern or "^$"))
            # grants first, each kind in the order of the list; the first of each row is taken
            order = np.lexsort((index, ~granted, place))
            rows, first = np.unique(place[order], return_index=True)
            taken = order[first]
            which[rows] = np.arange(len(place))[taken] - np.searchsorted(place, rows)
            chosen = np.full(self.rows, -1)
            chosen[rows] = taken
            return one_form.take(pa.array(chosen, mask=chosen < 0)), which
        return patent_values.patent_numbers(text, chinese=self.chinese, country=country), which

    def _refuse(self, rows: np.ndarray, reason: str, column: str) -> None:
        fresh = rows & (self.reason == "")
        self.reason[fresh] = reason
        self.at_fault[fresh] = column

    def _check_ids(self, ids: pa.Array) -> None:
        readable = pc.and_(
            pc.match_substring_regex(ids, "[0-9]"), pc.invert(pc.match_substring(ids, DAMAGE))
        )
        self._refuse(firm_values.as_mask(ids.is_null()), "patent_id_missing", "patent_id")
        self._refuse(~firm_values.as_mask(readable), "patent_id_unreadable", "patent_id")

    def _dates(self, column: str) -> patent_dates.Dates:
        settings = self.layout.settings
        missing = [word.strip() for word in settings["@missing_dates"].split("|") if word.strip()]
        text = self._text(column)
        if column == "publication_date" and settings["@publication_list"]:
            text = self._of_list(text, settings["@publication_list"])
        return patent_dates.dates(text, self.found.orders.get(column, ""), missing)

    def _of_list(self, text: pa.Array, separators: str) -> pa.Array:
        """The part of each row that belongs to the publication that was taken."""
        place, _, parts = split_parts(text, f"[{separators}]")
        held = firm_values.as_mask(parts.is_valid())
        place, parts = place[held], parts.filter(pa.array(held))
        count = np.bincount(place, minlength=self.rows)
        starts = np.concatenate([[0], np.cumsum(count)])[:-1]
        has = self.which < count
        return parts.take(pa.array(starts + self.which, mask=~has))

    def _application_dates(self) -> np.ndarray:
        days, unreadable = self._dates("application_date")
        days = days.copy()
        priority = self._dates("priority_date").days
        from_priority = np.isnat(days) & ~unreadable & ~np.isnat(priority)
        days[from_priority] = priority[from_priority]
        self.flags["date_from_priority"] = from_priority
        years = firm_values.by_unique(self._text("publication_year"), firm_values.year_of)
        known = np.array([year is not None for year in years], dtype=bool)
        from_year = np.isnat(days) & ~unreadable & known
        days[from_year] = [
            np.datetime64(f"{year:04d}-01-01")
            for year, use in zip(years, from_year, strict=True)
            if use and year is not None
        ]
        self.flags["date_from_publication"] = from_year
        named = "application_date" if self.columns["application_date"] else "priority_date"
        self._refuse(unreadable, "application_date_unreadable", named)
        self._refuse(np.isnat(days), "application_date_missing", named)
        self._refuse(self._impossible(days), "application_date_impossible", named)
        return days

    def _impossible(self, days: np.ndarray) -> np.ndarray:
        return (days < self.first_day) | (days > self.last_day)

    def _kinds(self, ids: pa.Array, publications: pa.Array) -> pa.Array:
        text = self._text("kind")
        stated = patent_values.kinds(text, self.layout.kind_words)
        self.flags["kind_unreadable"] = firm_values.as_mask(text.is_valid()) & firm_values.as_mask(
            stated.is_null()
        )
        of_number = (
            patent_values.kinds_of_numbers(ids)
            if self.chinese
            else pa.nulls(self.rows, pa.string())
        )
        self.flags["kind_contradictory"] = firm_values.as_mask(pc.not_equal(stated, of_number))
        of_publication: pa.Array = pa.nulls(self.rows, pa.string())
        for kind in ("utility", "design"):
            matches = self._published_as(f"@{kind}_publications", publications)
            of_publication = pc.if_else(pa.array(matches), kind, of_publication)
        return pc.coalesce(stated, of_number, of_publication)

    def _published_as(self, setting: str, publications: pa.Array) -> np.ndarray:
        pattern = self.layout.settings[setting]
        if not pattern:
            return np.zeros(self.rows, dtype=bool)
        return firm_values.as_mask(pc.match_substring_regex(publications, pattern))

    def _grants(
        self, application: np.ndarray, publications: pa.Array
    ) -> tuple[np.ndarray, np.ndarray]:
        days, unreadable = self._dates("grant_date")
        granted_publication = self._published_as("@granted_publications", publications)
        published = self._dates("publication_date").days
        days = np.where(np.isnat(days) & granted_publication & ~unreadable, published, days)
        impossible = self._impossible(days)
        days = np.where(impossible, np.datetime64("NaT"), days)
        text = self._text("granted")
        words = patent_values.grants(text)
        stated = firm_values.as_mask(words.is_valid())
        dated = ~np.isnat(days) | impossible | unreadable
        granted = np.where(stated, firm_values.as_mask(words), dated | granted_publication)
        self.flags["granted_unreadable"] = firm_values.as_mask(text.is_valid()) & ~stated
        self.flags["grant_contradictory"] = stated & ~granted & dated
        self.flags["grant_date_unreadable"] = unreadable
        self.flags["grant_date_impossible"] = impossible
        self.flags["grant_before_application"] = days < application
        return granted, days

    def _applicants(self, separators: str) -> pa.Table:
        """One row an applicant: place of its patent in the batch, position, name, codes."""
        text = self._text("applicants")
        self.flags["text_damaged"] = firm_values.as_mask(pc.match_substring(text, DAMAGE))
        place, index, names = split_parts(patent_applicants.as_parts(text), separators)
        sequence = firm_values.numbers(self._text("applicant_sequence")).values
        if none := self.layout.settings["@no_applicant"]:
            of_none = firm_values.as_mask(pc.equal(self._text("applicant_sequence"), none))
            names = pc.if_else(pa.array(of_none[place]), _NULL, names)
        names, taken_off = patent_applicants.untag(names, loose=self.found.tagged)
        self.taken_off += taken_off
        per_patent = np.bincount(place, minlength=self.rows)
        codes = pc.replace_substring(pc.utf8_upper(self._text("organisation_code")), "-", "")
        place_codes = pc.replace_substring_regex(self._text("place_code"), _NAME_AND_CODE, r"\1")
        organisation = self._aligned(codes, separators, place, index, per_patent)
        if 2 * organisation_codes.count_whole(organisation) > len(organisation.drop_null()) > 0:
            organisation = organisation_codes.restore_zeros(organisation)
        district = self._aligned(place_codes, separators, place, index, per_patent)
        is_code = pc.match_substring_regex(district, _DIGITS)
        address = self._text("address").take(pa.array(place))
        held = firm_values.as_mask(names.is_valid())
        self.flags["applicant_missing"] = np.bincount(place[held], minlength=self.rows) == 0
        starts = np.concatenate([[0], np.cumsum(np.bincount(place[held], minlength=self.rows))])
        position = np.arange(int(held.sum())) - starts[place[held]] + 1
        keep = pa.array(held)
        return pa.table(
            {
                "place": pa.array(place).filter(keep),
                "row_number": pa.array(self.batch.row_numbers()[place[held]]),
                "position": pa.array(position.astype(np.int16)),
                "sequence": pa.array(sequence[place[held]], mask=np.isnan(sequence[place[held]])),
                "name": names.filter(keep),
                "organisation_code": organisation.filter(keep),
                "place_code": pc.if_else(is_code, district, _NULL).filter(keep),
                "address": pc.if_else(pa.array(index == 0), address, _NULL).filter(keep),
            }
        )

    def _aligned(
        self,
        codes: pa.Array,
        separators: str,
        place: np.ndarray,
        index: np.ndarray,
        per_patent: np.ndarray,
    ) -> pa.Array:
        """A code for each applicant: by position, or a single one for the first of them."""
        if codes.null_count == len(codes):
            return pa.nulls(len(place), pa.string())
        code_place, _, values = split_parts(codes, separators)
        count = np.bincount(code_place, minlength=self.rows)
        starts = np.concatenate([[0], np.cumsum(count)])
        misaligned = (count != per_patent) & (count != 1)
        self.flags["codes_misaligned"] = self.flags["codes_misaligned"] | misaligned
        has = ~misaligned[place] & (index < count[place])
        wanted = np.where(has, starts[place] + index, 0)
        return pc.if_else(pa.array(has), values.take(pa.array(wanted)), _NULL)

    def _flag_lists(self) -> pa.Array:
        raised = np.stack([self.flags[name] for name in FLAGS], axis=1)
        offsets = np.concatenate([[0], np.cumsum(raised.sum(axis=1))]).astype(np.int32)
        names = pa.array(FLAGS, pa.string()).take(pa.array(np.nonzero(raised)[1]))
        return pa.ListArray.from_arrays(pa.array(offsets), names)

    def _refused(self) -> pa.Table:
        refused = []
        for place in np.flatnonzero(self.reason != "").tolist():
            header = self.columns[self.at_fault[place]]
            received = self.batch.table[header][place].as_py() if header else None
            refused.append((place, str(self.reason[place]), f"{header} {shown(received)}"))
        return refused_table(self.batch, refused)
