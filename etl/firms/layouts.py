"""Column maps: which header of a survey year's file is which of our columns.

A layout is a CSV file, data and not code: its rows are our columns, its own columns are survey
years (`2010`) or ranges of them (`2004-2007`, or `2013-` for all from 2013), its cells hold that
year's header. Loading another year means adding a column. Layouts are in the folders of their
countries (`etl/data/countries/XX/layouts`, a user's own countries too); any other is named by its
path.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.firms.headers import LIKE, nearest_header, normalised
from coagg.etl.firms.spelling import FORMS, PLAIN, Spelling
from coagg.etl.reference import countries
from coagg.settings import COUNTRY

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
_YEARS = re.compile(r"(\d{4})(-(\d{4})?)?")
_NO_END = 9999
_HEADERS_SHOWN = 60

HOW_TO = """\
A layout is a CSV file (UTF-8) that says which header is which column, one column a survey year:

    column,note,2010,2011-
    @country,,{country},{country}
    @datum,one of the country's,wgs84,wgs84
    @coordinates,degrees.minutes-seconds degrees.minutes DDMMSS DDMM.mmm where packed,,
    @output_unit,cny thousand_cny ten_thousand_cny ...,thousand_cny,thousand_cny
    @classification,a hint where codes alone leave a tie,{classification},
    @encoding,of the text; empty: found out,,gb18030
    @id_digits,digits of a whole firm_id: shorter numbers lost their zeros,,
    @header_line,line of the headers; empty: found,,3
    firm_id,,法人代码,法人代码|组织机构代码
    industry_code,,行业代码,行业代码
    lon,,lon,经度
    lat,,lat,纬度

Rows: {columns}.
industry_code, lon and lat are required, the others may be left out; where a file has a geometry
(GeoPackage, GeoJSON, a shapefile), lon and lat may be too. Alternatives are separated
by |, the first one found in the file counts; where @datum has as many as lon, each header of lon
has its own datum. A column that holds both ("30.72, 104.06", POINT (104.06 30.72)) is named under
lon and under lat. Rows whose country names another one are refused; empty means the file's own.
industry_code_2 to _4 are read for countries whose firms have several. Width
of brackets, blanks and case do not matter. 2011- holds from 2011 to the next column.
Begin with a copy of {demo}, then: coagg load firms FILE --survey-year 2010
--layout my_layout.csv. A new year is a new column."""


def how_to() -> str:
    """How to write a layout, in the words of the default country."""
    country = countries.of(COUNTRY)
    demo = next((str(path) for path in country.layouts if path.stem == "demo"), "one of these")
    return HOW_TO.format(
        columns=", ".join(COLUMNS), country=COUNTRY, demo=demo,
        classification=country.classification or "",
    )  # fmt: skip


class YearColumn(NamedTuple):
    """A column of a layout: its heading and the survey years it holds for, both ends included."""

    heading: str
    first: int
    last: int


class LayoutRow(NamedTuple):
    """A line of the list of layouts."""

    layout: str
    survey_years: str
    country: str
    datum: str
    lon: str
    lat: str
    industry_code: str
    about: str


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

        Only headers that are no column of ours count as like.
        """
        heading = self.heading(survey_year) or ""
        columns, _ = self._find(headers, heading)
        unused = [header for header in headers if header not in columns.values()]
        return {
            column: nearest_header([column, *wanted], unused, LIKE)
            for column, header in columns.items()
            if header is None and (wanted := self.alternatives(column, heading))
        }

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
        shown = ", ".join(" ".join(header[:40].split()) for header in headers[:_HEADERS_SHOWN])
        more = len(headers) - _HEADERS_SHOWN
        return (
            f"{file}: layout {self.name} for {heading} does not find {'; '.join(hints)} among "
            f"its headers: {shown}{f' and {more} more' if more > 0 else ''}. "
            "Name another --layout, or the headers: --map "
            f"{missing[0]}=HEADER; coagg inspect says what each column seems to be"
        )


def list_layouts(country: str | None = None) -> list[str]:
    """Names of the layouts in the folders of all countries, or of one."""
    return sorted(_paths(country))


def _paths(country: str | None = None) -> dict[str, Path]:
    """Layouts of the countries by name; of two of one name that of a user's own folder."""
    known = [countries.of(country)] if country else countries.every()
    known.sort(key=lambda one: not one.shipped)
    return {path.stem: path for one in known for path in one.layouts}


def load_layout(name_or_path: str | Path) -> Layout:
    """A layout of a country by name, or any by the path of its CSV file.

    Raises CoaggError naming file and cell when it is not there or not in the form of a layout.
    """
    name = str(name_or_path)
    if path := _paths().get(name):
        return _read_shipped(path, path.stat().st_mtime_ns)
    path = Path(name_or_path)
    if not path.is_file():
        raise CoaggError(
            f"no layout {name!r}: there are {', '.join(list_layouts())}, "
            "or give the path of a layout file (coagg layouts shows how to write one)"
        )
    return _read_layout(path)


def detect_layout(
    headers: Sequence[str],
    survey_year: int,
    file: Path | str = "the file",
    country: str | None = None,
) -> Layout:
    """The one layout of a country's folder whose required columns are all in the file.

    With `country` that country's own come first. Raises CoaggError when none fits, or more than
    one.
    """
    layouts = [load_layout(name) for name in list_layouts()]
    if country is not None:
        own = [load_layout(name) for name in list_layouts(country)]
        if any(layout.missing(headers, survey_year) == [] for layout in own):
            layouts = own
    missing = {layout.name: layout.missing(headers, survey_year) for layout in layouts}
    fitting = [layout for layout in layouts if missing[layout.name] == []]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(layout.name for layout in fitting)
        raise CoaggError(f"{file}: layouts {names} all fit: choose one with --layout")
    for layout in layouts:
        if missing[layout.name] is None and any(
            layout.missing(headers, year.first) == [] for year in layout.years
        ):
            layout.map(headers, survey_year, file)  # says which years it has
    with_year = [layout for layout in layouts if missing[layout.name] is not None]
    if not with_year:
        years = "; ".join(f"{layout.name}: {layout.survey_years()}" for layout in layouts)
        raise CoaggError(f"no layout has a column for {survey_year} ({years}): write one")

    def distance(layout: Layout) -> tuple[int, int]:
        found, _ = layout._find(headers, layout.heading(survey_year) or "")
        return len(missing[layout.name] or ()), -sum(name is not None for name in found.values())

    nearest = min(with_year, key=distance)
    nearest.map(headers, survey_year, file)
    raise AssertionError("a layout that misses columns must not map")


def describe_layouts() -> list[LayoutRow]:
    """The layouts of all countries, one line for each of their columns."""
    rows = []
    for layout in map(load_layout, list_layouts()):
        for year in layout.years:
            country, datum, lon, lat, industry_code = (
                layout.cell(row, year.heading) for row in ("@country", "@datum", *REQUIRED)
            )
            rows.append(
                LayoutRow(
                    layout.name, year.heading, country, datum, lon, lat, industry_code, layout.about
                )
            )
    return rows


@cache  # every file asks for all of them
def _read_shipped(path: Path, changed: int) -> Layout:
    return _read_layout(path)


def _read_layout(path: Path) -> Layout:
    try:
        data = path.read_bytes()
        rows = list(csv.reader(data.decode("utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise CoaggError(f"{path}: is no layout, a CSV file in UTF-8 is needed ({fault})") from None
    except OSError as fault:
        raise CoaggError(f"{path}: cannot be read: {fault.strerror or fault}") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows or [cell.strip() for cell in rows[0][:2]] != ["column", "note"]:
        raise CoaggError(f"{path}: is no layout: its first line must begin with column,note")
    years = _year_columns(path, rows[0][2:])
    cells: dict[str, dict[str, str]] = {}
    about = ""
    for row in rows[1:]:
        name = row[0].strip()
        if name not in COLUMNS and name not in SETTINGS:
            near = difflib.get_close_matches(name, [*COLUMNS, *SETTINGS], 1)
            hint = f"; do you mean {near[0]}?" if near else f"; rows are {', '.join(COLUMNS)}"
            raise CoaggError(f"{path}: row {name!r} is no column of ours{hint}")
        if name in cells:
            raise CoaggError(f"{path}: row {name} stands there twice; put all into one")
        if len(row) > len(years) + 2:
            raise CoaggError(f"{path}: row {name} has more cells than the first line has columns")
        if name == "@about":
            about = row[1].strip() if len(row) > 1 else ""
        values = [cell.strip() for cell in row[2:]]
        cells[name] = dict(zip([year.heading for year in years], values, strict=False))
    check_settings(path, cells)
    return Layout(path.stem, path, hashlib.sha256(data).hexdigest(), about, years, cells)


def check_settings(path: Path, cells: dict[str, dict[str, str]]) -> None:
    """Raise CoaggError for a datum, a unit or a width of ids that is none."""
    for heading, value in cells.get("@datum", {}).items():
        words = value.split("|")
        lons = cells.get("lon", {}).get(heading, "").split("|")
        if len(words) > 1 and len(words) != len(lons):
            raise CoaggError(
                f"{path}: @datum of {heading} has {len(words)} alternatives, lon {len(lons)}: "
                "state one for all, or one for each"
            )
        for word in words if value else ():
            try:
                coordinates.check_known(word.strip())
            except CoaggError as fault:
                raise CoaggError(f"{path}: @datum of {heading}: {fault}") from None
    for setting, choices in (("@output_unit", list(OUTPUT_UNITS)), ("@coordinates", list(FORMS))):
        for heading, value in cells.get(setting, {}).items():
            if value and value not in choices:
                raise CoaggError(
                    f"{path}: {setting} of {heading} is {value!r}; use one of {', '.join(choices)}"
                )
    for heading, value in cells.get("@header_line", {}).items():
        if value and not re.fullmatch(r"[1-9][0-9]{0,5}", value):
            raise CoaggError(
                f"{path}: @header_line of {heading} is {value!r}; write the number of the line"
            )
    for heading, value in cells.get("@id_digits", {}).items():
        if value and not re.fullmatch(r"[1-9][0-9]?", value):
            raise CoaggError(
                f"{path}: @id_digits of {heading} is {value!r}; write how many digits an id has"
            )


def _year_columns(path: Path, headings: list[str]) -> tuple[YearColumn, ...]:
    years = []
    for heading in (text.strip() for text in headings):
        found = _YEARS.fullmatch(heading)
        if found is None:
            raise CoaggError(
                f"{path}: column {heading!r} is no year (2010) or range (2004-2007, 2013-)"
            )
        first = int(found[1])
        last = int(found[3]) if found[3] else _NO_END if found[2] else first
        years.append(YearColumn(heading, first, last))
    years.sort(key=lambda year: year.first)
    years = [  # an open range ends where the next column begins
        year._replace(last=later.first - 1) if later and year.last == _NO_END else year
        for year, later in itertools.zip_longest(years, years[1:])
    ]
    for one, next_one in itertools.pairwise(years):
        if next_one.first <= one.last:
            raise CoaggError(
                f"{path}: columns {one.heading} and {next_one.heading} overlap; part them"
            )
    if not years or any(year.last < year.first for year in years):
        raise CoaggError(f"{path}: has no column of a survey year; add one headed 2010, say")
    return tuple(years)
