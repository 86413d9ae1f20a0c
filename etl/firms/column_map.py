"""Which header is which of our columns, said without a layout file: `--map lon=Longitude`.

What is said becomes a layout of one survey year, so that everything after it is as with a file.
It stands in front of a layout where both are given. Columns that nobody maps are looked for under
their own names.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from coagg.errors import CoaggError
from coagg.etl.firms import layouts
from coagg.etl.firms.headers import nearest_header, normalised

MAP = "--map"
ALIASES = {
    "id": "firm_id",
    "name": "firm_name",
    "industry": "industry_code",
    "division": "industry_division",
    "longitude": "lon",
    "latitude": "lat",
    "place": "place_code",
    "region": "place_code",
    "postcode": "postal_code",
    "product": "main_product",
    "founded": "established_year",
    "year": "survey_year",
    "employees": "employment",
    "sales": "output",
}
# Headers under which a column is found that nobody maps.
_OWN_NAMES = {"lon": "lon|longitude", "lat": "lat|latitude"}


def from_words(words: Sequence[str]) -> dict[str, str]:
    """Header by column of ours, from `column=header`; aliases resolved.

    Raises CoaggError for a word without "=", an unknown column, or a column that stands twice.

    Examples
    --------
    >>> from_words(["lon=Longitude", "industry=sic", "@country=GB"])
    {'lon': 'Longitude', 'industry_code': 'sic', '@country': 'GB'}
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, header = word.partition("=")
        if not (name.strip() and equals and header.strip()):
            raise CoaggError(f"{MAP} {word}: write COLUMN=HEADER, {MAP} lon=Longitude say")
        column = our_column(name.strip())
        if column in found:
            raise CoaggError(
                f"{MAP} {word}: {column} is {found[column]!r} already; name one header for it"
            )
        found[column] = header.strip()
    return found


def our_column(name: str) -> str:
    """The column of ours, or the setting, that a name or its alias means. Raises CoaggError."""
    known = [*layouts.COLUMNS, *layouts.SETTINGS]
    plain = name.casefold()
    if plain in known or plain in ALIASES:
        return ALIASES.get(plain, plain)
    near = difflib.get_close_matches(plain, [*known, *ALIASES], 1)
    hint = f"do you mean {near[0]}?" if near else f"columns are {', '.join(layouts.COLUMNS)}"
    raise CoaggError(f"{MAP} {name}=...: {name!r} is no column of ours; {hint}")


def as_layout(
    columns: Mapping[str, str], survey_year: int, base: layouts.Layout | None = None
) -> layouts.Layout:
    """A layout of the survey year that finds the columns by these headers, others by `base`.

    Without `base` a column that is not named is looked for under its own name. Raises CoaggError
    for an unknown column or setting, two names of one column, a header with a "|", or a `base`
    without the year.
    """
    named = from_words([f"{name}={header}" for name, header in columns.items()])
    for column, header in named.items():
        if "|" in header and not column.startswith("@"):
            raise CoaggError(f"{MAP} {column}={header}: name one header, without a |")
    heading = str(survey_year)
    if base is None:
        own = {column: _OWN_NAMES.get(column, column) for column in layouts.COLUMNS}
        cells = {row: {heading: cell} for row, cell in own.items()}
        name, path = MAP, Path(MAP)
    else:
        stated = base.heading(survey_year)
        if stated is None:
            base.map((), survey_year)  # says which years it has
        cells = {row: {heading: base.cell(row, stated or "")} for row in base.cells}
        name, path = f"{base.name} and {MAP}", base.path
        if "lon" in named and len(base.alternatives("@datum", stated or "")) > 1:
            cells["@datum"][heading] = _own_datum(base, stated or "", named["lon"])
    for column, header in named.items():
        cells[column] = {heading: header}
    layouts.check_settings(Path(MAP), cells)
    years = (layouts.YearColumn(heading, survey_year, survey_year),)
    made = layouts.Layout(name, path, "", "", years, cells)
    said = repr(sorted((row, cell[heading]) for row, cell in cells.items()))
    return replace(made, sha256=hashlib.sha256(said.encode()).hexdigest())


def _own_datum(base: layouts.Layout, heading: str, lon: str) -> str:
    """The datum that a layout gives the header of longitudes, none where it does not know it."""
    known = [normalised(name) for name in base.alternatives("lon", heading)]
    if normalised(lon) not in known:
        return ""
    return base.alternatives("@datum", heading)[known.index(normalised(lon))]


def check_found(columns: Mapping[str, str], headers: Sequence[str], file: Path | str) -> None:
    """Raise CoaggError when the file lacks a header that is mapped."""
    forms = {normalised(header) for header in headers}
    for column, header in columns.items():
        if column.startswith("@") or normalised(header) in forms:
            continue
        near = nearest_header([header], headers)
        shown = ", ".join(headers[:20]) + (" ..." if len(headers) > 20 else "")
        hint = f"; the nearest is {near!r}" if near else ""
        raise CoaggError(
            f"{file}: {MAP} {column}={header}: no header {header!r}{hint}; its headers are {shown}"
        )


def told_own_names(columns: Mapping[str, str], mapping: layouts.Mapping) -> str | None:
    """A line on columns that nobody mapped and that were found under their own names."""
    named = from_words([f"{name}={header}" for name, header in columns.items()])
    own = [
        column if header == column else f"{column} ({header})"
        for column, header in mapping.columns.items()
        if header is not None and column not in named
    ]
    return f"not mapped, read under their own names: {', '.join(own)}" if own else None
