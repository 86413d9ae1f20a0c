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
from functools import cache
from pathlib import Path
from typing import NamedTuple

from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.firms.layout import (
    COLUMNS,
    NO_END,
    OUTPUT_UNITS,
    REQUIRED,
    SETTINGS,
    Layout,
    Mapping,
    SecondPoint,
    YearColumn,
)
from coagg.etl.firms.spelling import FORMS
from coagg.etl.reference import countries
from coagg.settings import COUNTRY

__all__ = [
    "COLUMNS",
    "OUTPUT_UNITS",
    "REQUIRED",
    "SETTINGS",
    "Layout",
    "Mapping",
    "SecondPoint",
    "check_settings",
    "describe_layouts",
    "detect_layout",
    "how_to",
    "list_layouts",
    "load_layout",
]
_YEARS = re.compile(r"(\d{4})(-(\d{4})?)?")

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
        last = int(found[3]) if found[3] else NO_END if found[2] else first
        years.append(YearColumn(heading, first, last))
    years.sort(key=lambda year: year.first)
    years = [  # an open range ends where the next column begins
        year._replace(last=later.first - 1) if later and year.last == NO_END else year
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
