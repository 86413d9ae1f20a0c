"""Rows of a survey file as typed firms, and the rows that cannot be firms with their reason.

Here stand the cleaning rules that need nothing but the file: numbers, codes, coordinates and
their datum. What needs geography or the whole year is SQL. A file is read in three streams:
`coordinate_sample` for the datum, `scan` for what the whole file must agree on (year,
classification), `firm_batches` for the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import Batch, TableFile
from coagg.etl.firms import columns as column_values
from coagg.etl.firms import ids as firm_ids
from coagg.etl.firms import industry_codes, layouts
from coagg.etl.firms import points as firm_points
from coagg.etl.firms import stated_codes as firm_codes
from coagg.etl.firms.industry_names import folded
from coagg.etl.firms.located import locate
from coagg.etl.firms.scan import (
    CoordinateSample,
    Scan,
    coordinate_sample,
    mapped_text,
    scan,
)
from coagg.etl.reference import countries

__all__ = [
    "FIRM_SCHEMA",
    "FLAGS",
    "REFUSED_SCHEMA",
    "CoordinateSample",
    "FirmBatch",
    "Scan",
    "coordinate_sample",
    "firm_batches",
    "rows_as_received",
    "scan",
    "told_point",
]

FIRM_SCHEMA = pa.schema(
    [
        ("row_number", pa.int32()),
        ("firm_id", pa.string()),
        ("firm_name", pa.string()),
        ("legal_representative", pa.string()),
        ("phone", pa.string()),
        ("postal_code", pa.string()),
        ("address", pa.string()),
        ("main_product", pa.string()),
        ("established_year", pa.int16()),
        ("place_code", pa.string()),
        ("industry_code", pa.string()),
        ("industry", pa.string()),
        ("output_thousand_cny", pa.float64()),
        ("employment", pa.int32()),
        ("source_lon", pa.float64()),
        ("source_lat", pa.float64()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("flags", pa.list_(pa.string())),
        ("unreadable", pa.string()),
    ]
)
REFUSED_SCHEMA = pa.schema(
    [
        ("row_number", pa.int32()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("received", pa.string()),
    ]
)
FLAGS = (
    "firm_id_placeholder",
    "firm_id_damaged",
    "firm_id_zero_restored",
    "axes_swapped",
    "sign_restored",
    "degrees_scaled",
    "degrees_packed",
    "coordinates_differ",
    "second_coordinates",
    "low_precision",
    "place_missing",
    "industry_missing",
    "industry_unknown",
    "industry_zero_restored",
    "industry_several",
    "industry_from_name",
    "output_unreadable",
    "output_ambiguous",
    "output_out_of_bounds",
    "employment_unreadable",
    "employment_ambiguous",
    "employment_out_of_bounds",
    "established_year_unreadable",
    "established_year_out_of_bounds",
)
FIRST_YEAR = 1000
# No firm of any country has more: about three times the largest employer and the largest seller.
MOST_EMPLOYED = 7_000_000
MOST_OUTPUT = 1e10  # thousand yuan
CELLS_HELD = 2_000_000  # of a batch, so that a survey's 130 columns take no more memory than 15


class FirmBatch(NamedTuple):
    """Rows of a file, cleaned. rows_read = rows of `clean` + rows of `refused`, always.

    `clean` has FIRM_SCHEMA: row_number counts rows under the header from 1; source_lon and
    source_lat are in the datum of the file, axes put right; lon and lat are WGS-84; `industry` has
    three digits and is null where the code is missing or unknown; `unreadable` is a JSON object of
    received values by column, or null. `refused` has REFUSED_SCHEMA: `received` is a JSON object,
    header to value, or {"line": text} where the row could not be split into fields.
    """

    clean: pa.Table
    refused: pa.Table
    rows_read: int


def firm_batches(
    table: TableFile,
    mapping: layouts.Mapping,
    survey_year: int,
    *,
    datum: str,
    country: str,
    scan: Scan,
    rows: int = 50_000,
) -> Iterator[FirmBatch]:
    """Clean the file, batch by batch of at most `rows` rows.

    `scan` is that of the same file. Raises CoaggError for an unknown country, datum or unit, a
    datum that the country does not use, or what the file raises while it is read.
    """
    check_datum(country, datum)
    unit = mapping.output_unit or "thousand_cny"
    if unit not in layouts.OUTPUT_UNITS:
        units = ", ".join(layouts.OUTPUT_UNITS)
        raise CoaggError(f"unknown unit of output {unit!r}: use one of {units}")
    rows = max(min(rows, CELLS_HELD // len(table.headers)), 1)
    for batch in table.batches(rows):
        cleaner = _Cleaner(batch, mapping, country, scan)
        yield cleaner.clean(survey_year, datum, layouts.OUTPUT_UNITS[unit])


def check_datum(country: str, datum: str) -> None:
    """Raise CoaggError for an unknown datum, and for one that the country does not use."""
    coordinates.check_known(datum)
    own = countries.of(country).datums
    if datum not in (*own, "wgs84") and datum in coordinates.ALL_DATUMS:
        users = [one.name for one in countries.every() if datum in one.datums]
        raise CoaggError(
            f"datum {datum} is used in {' and '.join(users)} only: load {country} with --datum "
            f"{own[0]}"
        )


class _Cleaner:
    """The rules for one batch."""

    def __init__(self, batch: Batch, mapping: layouts.Mapping, country: str, scan: Scan) -> None:
        self.batch = batch
        self.mapping = mapping
        self.country = country
        self.scan = scan
        self.row_numbers = batch.row_numbers()
        self.flags = dict.fromkeys(FLAGS, np.zeros(batch.table.num_rows, dtype=bool))
        self.unreadable: dict[str, pa.Array] = {}

    def text(self, column: str) -> pa.Array:
        return mapped_text(self.batch, self.mapping, column)

    def clean(self, survey_year: int, datum: str, thousand_cny: float) -> FirmBatch:
        located = locate(self.batch, self.mapping, self.country, datum)
        points = located.points
        other_year = self._other_year(survey_year)
        other_country = self._other_country()
        kept = (points.reason == firm_points.KEPT) & ~other_year & ~other_country
        self.flags["axes_swapped"] = points.swapped
        self.flags["low_precision"] = points.low_precision
        self.flags["sign_restored"] = points.sign_restored
        self.flags["degrees_scaled"] = points.scaled
        self.flags["degrees_packed"] = points.packed
        self.flags["second_coordinates"] = located.second
        self.flags["coordinates_differ"] = located.differ
        industry_code, industry = self._industry()
        columns = {
            "row_number": pa.array(self.row_numbers),
            "firm_id": self._firm_id(),
            "established_year": self._established_year(survey_year),
            "place_code": self._place_code(),
            "industry_code": industry_code,
            "industry": industry,
            "output_thousand_cny": self._output(thousand_cny),
            "employment": self._employment(),
            "source_lon": pa.array(points.lon),
            "source_lat": pa.array(points.lat),
        }
        for name in FIRM_SCHEMA.names:
            if name in layouts.COLUMNS and name not in columns and name not in ("lon", "lat"):
                columns[name] = self.text(name)
        keep = pa.array(kept)
        kept_columns = {name: column.filter(keep) for name, column in columns.items()}
        kept_columns |= {
            "lon": pa.array(located.lon[kept]),
            "lat": pa.array(located.lat[kept]),
            "flags": self._flag_lists(kept),
            "unreadable": self._unreadable(kept),
        }
        clean = pa.table(
            [kept_columns[field.name].cast(field.type) for field in FIRM_SCHEMA], FIRM_SCHEMA
        )
        refused = self._refused(points, other_year, other_country)
        return FirmBatch(clean, refused, self.batch.table.num_rows + len(self.batch.malformed))

    def _other_year(self, survey_year: int) -> np.ndarray:
        """Rows that state a year other than this one; a year that cannot be read never agrees."""
        text = self.text("survey_year")
        agrees = firm_values.by_unique(
            text, lambda stated: firm_values.year_of(stated) == survey_year
        )
        return np.array([agreed is False for agreed in agrees], dtype=bool)

    def _other_country(self) -> np.ndarray:
        own = countries.names(self.country)
        stated = self.text("country")
        return firm_values.as_mask(
            pa.array(
                firm_values.by_unique(stated, lambda one: countries.plain(one) not in own),
                pa.bool_(),
            )
        )

    def _firm_id(self) -> pa.Array:
        text = self.text("firm_id")
        judged = firm_ids.judge(
            text,
            cut=self.scan.ids_cut,
            width=self.mapping.id_digits,
            check_digit=self.scan.organisation_codes,
        )
        self.flags["firm_id_placeholder"] = judged.placeholder
        self.flags["firm_id_zero_restored"] = judged.zero_restored
        self._flag("firm_id_damaged", "firm_id", text, judged.damaged)
        return judged.ids

    def _established_year(self, survey_year: int) -> pa.Array:
        year_of = column_values.day_year if self.scan.day_numbers else firm_values.year_of
        text = self.text("established_year")
        years = pa.array(firm_values.by_unique(text, year_of), pa.int32())
        self._flag_unreadable("established_year", text, firm_values.as_mask(years.is_null()))
        # a register is often some months younger than the year it stands for
        late = pc.or_(pc.less(years, FIRST_YEAR), pc.greater(years, survey_year + 1))
        self._flag("established_year_out_of_bounds", "established_year", text,
                   firm_values.as_mask(late))  # fmt: skip
        return pc.if_else(pc.fill_null(late, False), pa.scalar(None, pa.int32()), years)

    def _place_code(self) -> pa.Array:
        text = self.text("place_code")
        codes = pa.array(firm_values.by_unique(text, firm_values.place_code_of), pa.string())
        if self.mapping.columns["place_code"] is not None:
            self.flags["place_missing"] = firm_values.as_mask(codes.is_null())
        return codes

    def _industry(self) -> tuple[pa.Array, pa.Array]:
        stated, further = firm_codes.stated_codes(self.batch, self.mapping, self.country)
        old = firm_codes.older_codes(
            self.text("industry_code"), stated, self.scan.code_length, self.country
        )
        codes, repaired = industry_codes.repair_codes(
            pc.if_else(old, pa.scalar(None, pa.string()), stated),
            self.text("industry_division"),
            self.scan.industries,
            length=self.scan.code_length,
            divisions=countries.of(self.country).divisions,
        )
        if self.scan.named:
            words = firm_values.by_unique(codes, lambda one: self.scan.named.get(folded(one)))
            by_name = pa.array(words, pa.string())
            self.flags["industry_from_name"] = firm_values.as_mask(by_name.is_valid())
            codes = pc.coalesce(by_name, codes)
        industry, unknown = industry_codes.industries(codes, self.scan.industries)
        codes = pc.if_else(old, stated, codes)
        self.flags["industry_missing"] = firm_values.as_mask(codes.is_null())
        self.flags["industry_unknown"] = unknown | firm_values.as_mask(old)
        self.flags["industry_zero_restored"] = repaired
        if further is not None:
            self.flags["industry_several"] = firm_values.as_mask(further.is_valid())
        return firm_codes.joined(codes, further), industry

    def _number(self, column: str) -> tuple[pa.Array, np.ndarray]:
        """The text of a column of numbers, and their values, NaN where none is to be read."""
        text = self.text(column)
        read, ambiguous = column_values.numbers(text, self.scan.commas.get(column, "point"))
        self._flag(f"{column}_ambiguous", column, text, ambiguous)
        values = firm_values.numbers(read).values
        if column == "employment":
            values = np.where(np.floor(values) == values, values, np.nan)
        self._flag_unreadable(column, text, ~np.isfinite(values) & ~ambiguous)
        return text, values

    def _output(self, thousand_cny: float) -> pa.Array:
        text, values = self._number("output")
        values = values * thousand_cny
        known = np.isfinite(values)
        bounded = known & (values >= 0) & (values <= MOST_OUTPUT)
        self._flag("output_out_of_bounds", "output", text, known & ~bounded)
        return pa.array(values, mask=~bounded)

    def _employment(self) -> pa.Array:
        text, values = self._number("employment")
        known = np.isfinite(values)
        bounded = known & (values >= 0) & (values <= MOST_EMPLOYED)
        self._flag("employment_out_of_bounds", "employment", text, known & ~bounded)
        return pa.array(np.where(bounded, values, 0).astype(np.int32), mask=~bounded)

    def _flag_unreadable(self, column: str, text: pa.Array, no_value: np.ndarray) -> None:
        """Flag text that gave no value; words for missing are no such text."""
        unreadable = no_value & firm_values.as_mask(firm_values.is_stated(text))
        self._flag(f"{column}_unreadable", column, text, unreadable)

    def _flag(self, flag: str, column: str, text: pa.Array, rows: np.ndarray) -> None:
        """Raise a flag for rows whose value is not used, and keep the value."""
        if rows.any():
            self.flags[flag] = self.flags[flag] | rows
            held = self.unreadable.get(column, pa.nulls(len(text), pa.string()))
            self.unreadable[column] = pc.if_else(pa.array(rows), text, held)

    def _flag_lists(self, kept: np.ndarray) -> pa.Array:
        raised = np.stack([self.flags[name][kept] for name in FLAGS], axis=1)
        offsets = np.concatenate([[0], np.cumsum(raised.sum(axis=1))]).astype(np.int32)
        names = pa.array(FLAGS, pa.string()).take(pa.array(np.nonzero(raised)[1]))
        return pa.ListArray.from_arrays(pa.array(offsets), names)

    def _unreadable(self, kept: np.ndarray) -> pa.Array:
        told: list[str | None] = [None] * len(kept)
        for column, text in self.unreadable.items():
            for row in np.flatnonzero(kept & firm_values.as_mask(text.is_valid())).tolist():
                known = json.loads(told[row] or "{}") | {column: text[row].as_py()}
                told[row] = json.dumps(known, ensure_ascii=False)
        return pa.array(told, pa.string()).filter(pa.array(kept))

    def _refused(
        self, points: firm_points.Points, other_year: np.ndarray, other_country: np.ndarray
    ) -> pa.Table:
        columns = self.mapping.columns
        refused = np.flatnonzero(other_year | other_country | (points.reason != firm_points.KEPT))
        rows = []
        received = self.batch.table.take(pa.array(refused)).to_pylist()
        for place, row in zip(refused.tolist(), received, strict=True):
            if other_year[place]:
                reason, headers = "survey_year_differs", [columns["survey_year"]]
            elif other_country[place]:
                reason, headers = "other_country", [columns["country"]]
            else:
                reason = firm_points.REASONS[points.reason[place]]
                names = [columns[name] for name in ("lon", "lat", "crs", "hemisphere")]
                headers = [name for name in dict.fromkeys(names) if name is not None]
            detail = _told(row, headers)
            number = int(self.row_numbers[place])
            rows.append((number, reason, detail, json.dumps(row, ensure_ascii=False)))
        for bad in self.batch.malformed:
            line = json.dumps({"line": bad.text}, ensure_ascii=False)
            rows.append((bad.row_number, bad.reason, bad.detail, line))
        rows.sort()
        by_column = list(zip(*rows, strict=True)) or [()] * len(REFUSED_SCHEMA)
        return pa.table(
            [
                pa.array(values, field.type)
                for values, field in zip(by_column, REFUSED_SCHEMA, strict=True)
            ],
            REFUSED_SCHEMA,
        )


def rows_as_received(
    table: TableFile, row_numbers: Sequence[int]
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Read rows again by number; yields (row number, header to value) in file order."""
    wanted = np.unique(np.asarray(row_numbers, dtype=np.int64))
    for batch in table.batches():
        numbers = batch.row_numbers()
        places = np.flatnonzero(np.isin(numbers, wanted))
        if len(places):
            found = batch.table.take(pa.array(places)).to_pylist()
            yield from zip(numbers[places].tolist(), found, strict=True)


def told_point(row: Mapping[str, str | None], mapping: layouts.Mapping) -> str:
    """The coordinates of a row as the file has them, with their headers."""
    return _told(row, [mapping.columns["lon"], mapping.columns["lat"]])


def _told(row: Mapping[str, str | None], headers: Sequence[str | None]) -> str:
    return ", ".join(f"{header} {_shown(row[header or ''])}" for header in dict.fromkeys(headers))


def _shown(value: str | None) -> str:
    return "is empty" if value is None else repr(value[:60])
