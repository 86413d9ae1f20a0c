"""A layout: which header of a file is which of our columns, survey year by survey year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from coagg.errors import CoaggError
from coagg.etl.firms.headers import LIKE, nearest_header, normalised
from coagg.etl.firms.spelling import PLAIN, Spelling

REQUIRED = ("lon", "lat", "industry_code")
COLUMNS = (
    "firm_id",
    "firm_name",
    "legal_representative",
    "phone",
    "postal_code",
    "address",
    "main_product",
    "established_year",
    "place_code",
    "industry_code",
    "industry_code_2",
    "industry_code_3",
    "industry_code_4",
    "industry_division",
    "output",
    "employment",
    "lon",
    "lat",
    "crs",
    "hemisphere",
    "survey_year",
    "country",
)
# Thousand yuan in one unit of output.
HELPING = ("crs", "hemisphere", "country", "survey_year", "industry_division")
OUTPUT_UNITS = {
    "cny": 0.001,
    "thousand_cny": 1.0,
    "ten_thousand_cny": 10.0,
    "million_cny": 1_000.0,
    "hundred_million_cny": 100_000.0,
}
SETTINGS = (
    "@about", "@country", "@datum", "@coordinates", "@output_unit", "@classification", "@encoding",
    "@id_digits", "@header_line",
)  # fmt: skip
NO_END = 9999
HEADERS_SHOWN = 60


class YearColumn(NamedTuple):
    """A column of a layout: its heading and the survey years it holds for, both ends included."""

    heading: str
    first: int
    last: int


class SecondPoint(NamedTuple):
    """Further columns of coordinates, read where the first two are empty, and their datum."""

    lon: str
    lat: str
    datum: str | None


@dataclass(frozen=True)
class Mapping:
    """The headers of one file, found by a layout for a survey year.

    `columns` has a key for each of COLUMNS; its value is the file's header, as received, or None.
    `datum`, `country`, `output_unit`, `classification` and `id_digits` are None where the layout is
    silent; `spelling` is that of the file's coordinates.
    """

    layout: str
    survey_year: int
    columns: dict[str, str | None]
    country: str | None
    datum: str | None
    output_unit: str | None
    classification: str | None
    spelling: Spelling = PLAIN
    id_digits: int | None = None
    second_point: SecondPoint | None = None


@dataclass(frozen=True)
class Layout:
    """A column map. `sha256` is that of its file."""

    name: str
    path: Path
    sha256: str
    about: str
    years: tuple[YearColumn, ...]
    cells: dict[str, dict[str, str]]

    def survey_years(self) -> str:
        """The years it holds for, as headed."""
        return ", ".join(year.heading for year in self.years)

    def heading(self, survey_year: int) -> str | None:
        """Heading of the column for a survey year, or None."""
        for year in self.years:
            if year.first <= survey_year <= year.last:
                return year.heading
        return None

    def cell(self, row: str, heading: str) -> str:
        """What the layout says in one cell, empty where nothing."""
        return self.cells.get(row, {}).get(heading, "")

    def datum(self, heading: str, lon_header: str | None) -> str | None:
        """The datum of a column of longitudes: the one that stands at the header's place."""
        stated = self.alternatives("@datum", heading)
        if len(stated) < 2:
            return stated[0] if stated else None
        known = [normalised(name) for name in self.alternatives("lon", heading)]
        form = normalised(lon_header or "")
        return stated[known.index(form)] if form in known else None  # a geometry says it itself

    def encoding(self, survey_year: int) -> str | None:
        """The encoding of the files of a survey year; None where the layout does not state it."""
        return self.cell("@encoding", self.heading(survey_year) or "") or None

    def header_line(self, survey_year: int) -> int | None:
        """The line of the headers of a survey year; None where the layout does not state it."""
        stated = self.cell("@header_line", self.heading(survey_year) or "")
        return int(stated) if stated else None

    def alternatives(self, column: str, heading: str) -> list[str]:
        """Headers a column may have, the preferred one first."""
        found = [text.strip() for text in self.cell(column, heading).split("|") if text.strip()]
        # what the geometry of a file is called
        return found or ([column] if column in ("lon", "lat") else [])

    def map(
        self,
        headers: Sequence[str],
        survey_year: int,
        file: Path | str = "the file",
        point: tuple[str, str] | None = None,
    ) -> Mapping:
        """Find the columns of a file; `point` are those of its geometry, for want of others.

        Raises CoaggError when the layout has no column for the year, a required column is not
        found, or a header stands in the file twice but for case, width or blanks.
        """
        heading = self.heading(survey_year)
        if heading is None:
            raise CoaggError(
                f"layout {self.name} has no column for {survey_year}, only for "
                f"{self.survey_years()}: add one to {self.path}, or choose another layout"
            )
        columns, twice = self._find(headers, heading)
        if point and (columns["lon"] is None or columns["lat"] is None):
            columns["lon"], columns["lat"] = point
        missing = [column for column in REQUIRED if columns[column] is None]
        if missing:
            raise CoaggError(self._unmapped(headers, heading, missing, file))
        for column, header in columns.items():
            if header is not None and normalised(header) in twice:
                raise CoaggError(
                    f"{file}: several headers read {header!r} but for case, width or blanks, and "
                    f"{column} is one of them: rename the others"
                )
        settings = {name: self.cell(name, heading) or None for name in SETTINGS}
        return Mapping(
            layout=self.name,
            survey_year=survey_year,
            columns=columns,
            country=settings["@country"],
            datum=self.datum(heading, columns["lon"]),
            output_unit=settings["@output_unit"],
            classification=settings["@classification"],
            second_point=self._second_point(headers, heading, columns),
            id_digits=int(settings["@id_digits"]) if settings["@id_digits"] else None,
            spelling=Spelling(settings["@coordinates"]),
        )

    def not_found(self, headers: Sequence[str], survey_year: int) -> dict[str, str | None]:
        """Columns it names for the year that the file lacks, each with the header most like it.

        Only headers that are no column of ours count as like. Columns that help to read others, and
        are kept nowhere, are left out where nothing is like them.
        """
        heading = self.heading(survey_year) or ""
        columns, _ = self._find(headers, heading)
        unused = [header for header in headers if header not in columns.values()]
        lacking = {
            column: nearest_header([column, *wanted], unused, LIKE)
            for column, header in columns.items()
            if header is None and (wanted := self.alternatives(column, heading))
        }
        return {name: near for name, near in lacking.items() if near or name not in HELPING}

    def _find(self, headers: Sequence[str], heading: str) -> tuple[dict[str, str | None], set[str]]:
        by_form: dict[str, str] = {}
        twice = set()
        for header in headers:
            form = normalised(header)
            if form in by_form:
                twice.add(form)
            by_form.setdefault(form, header)
        found: dict[str, str | None] = {}
        for column in COLUMNS:
            forms = map(normalised, self.alternatives(column, heading))
            found[column] = next((by_form[form] for form in forms if form in by_form), None)
        return found, twice

    def _second_point(
        self, headers: Sequence[str], heading: str, columns: dict[str, str | None]
    ) -> SecondPoint | None:
        """The next pair of alternatives of lon and lat that the file has too."""
        by_form = {normalised(header): header for header in headers}
        lons, lats = self.alternatives("lon", heading), self.alternatives("lat", heading)
        for names in zip(lons, lats, strict=False):
            lon, lat = (by_form.get(normalised(name)) for name in names)
            if lon and lat and lon != columns["lon"] and lat != columns["lat"]:
                return SecondPoint(lon, lat, self.datum(heading, lon))
        return None

    def missing(self, headers: Sequence[str], survey_year: int) -> list[str] | None:
        """Required columns that are not found; None when the layout lacks the year."""
        heading = self.heading(survey_year)
        if heading is None:
            return None
        columns, _ = self._find(headers, heading)
        return [column for column in REQUIRED if columns[column] is None]

    def _unmapped(
        self, headers: Sequence[str], heading: str, missing: list[str], file: Path | str
    ) -> str:
        hints = []
        for column in missing:
            wanted = self.alternatives(column, heading)
            near = nearest_header(wanted, headers)
            hint = f"{column} (known as {', '.join(wanted) or 'nothing'}"
            hints.append(hint + (f"; nearest: {near!r})" if near else ")"))
        shown = ", ".join(" ".join(header[:40].split()) for header in headers[:HEADERS_SHOWN])
        more = len(headers) - HEADERS_SHOWN
        return (
            f"{file}: layout {self.name} for {heading} does not find {'; '.join(hints)} among "
            f"its headers: {shown}{f' and {more} more' if more > 0 else ''}. "
            "Name another --layout, or the headers: --map "
            f"{missing[0]}=HEADER; coagg inspect says what each column seems to be"
        )
