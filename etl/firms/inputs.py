"""What a load of firms is made from, and whether the load that stands is still that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import psycopg

from coagg.database import sql_text
from coagg.database.fingerprint import MISSING, NEVER, Fingerprint, fingerprint, refreshed, why
from coagg.etl.files import FILE_READER_CODE, readers
from coagg.etl.firms import FIRM_READER_CODE, column_map, layouts, scan, years
from coagg.etl.firms import rows as firm_rows
from coagg.etl.firms.spelling import FORMS
from coagg.etl.reference import countries, held
from coagg.settings import COUNTRY, SQL

RULES = SQL / "transforms" / "firms"


@dataclass(frozen=True)
class CleaningSettings:
    """Settings of the cleaning rules; part of what makes a load the same load.

    `establishments`: what further rows of a firm at other points are, `plants` that are kept or
    `repeats` that are refused.
    """

    pile_up_min: int = 10
    pile_up_share: float = 0.005
    establishments: Literal["plants", "repeats"] = "plants"


@dataclass(frozen=True)
class Opened:
    """A file with what its header and the caller say of it; `datum` None: to be found out."""

    table: readers.TableFile
    mapping: layouts.Mapping
    country: str
    datum: str | None
    not_found: dict[str, str | None]  # columns of the layout that the file lacks


def open_file(
    path: Path | Sequence[Path],
    survey_year: int,
    layout: str | None,
    datum: str | None,
    country: str | None,
    encoding: str | None = None,
    sheet: str | None = None,
    columns: Mapping[str, str] | None = None,
    header_line: int | None = None,
) -> Opened:
    """Open a file of firms; arguments and errors are those of `load_firms`."""
    named = layouts.load_layout(layout) if layout else None
    if columns:
        named = column_map.as_layout(columns, survey_year, named)
    stated = named.encoding(survey_year) if named else None
    known = [named] if named else [layouts.load_layout(name) for name in layouts.list_layouts()]
    table = readers.open_table(
        path,
        encoding or stated,
        sheet=sheet,
        fits=lambda headers: any(one.missing(headers, survey_year) == [] for one in known),
        header_line=header_line or (named.header_line(survey_year) if named else None),
    )
    file = table.path
    chosen = named or layouts.detect_layout(table.headers, survey_year, file, country)
    if columns:
        column_map.check_found(columns, table.headers, file)
    mapping = chosen.map(table.headers, survey_year, file=file, point=table.point)
    table.refuse_twice(mapping.columns.values())
    if columns and not layout and (told := column_map.told_own_names(columns, mapping)):
        table.notes.append(told)
    country = country or mapping.country or COUNTRY
    uses_geometry = table.point == (mapping.columns["lon"], mapping.columns["lat"])
    own = table.crs if uses_geometry else None
    stated = datum or own or mapping.datum or countries.of(country).datum
    if stated:
        stated = stated.upper() if stated.lower().startswith("epsg:") else stated
        firm_rows.check_datum(country, stated)
    spelling = scan.spelling_of(table, mapping, country, stated)
    mapping = replace(mapping, spelling=spelling)
    if spelling.comma:
        table.notes.append("numbers are read with decimal commas, as its coordinates have them")
    if spelling.form:
        table.notes.append(f"coordinates are read as {spelling.form}: {FORMS[spelling.form]}")
    # a column looked for under its own name alone is not missed
    not_found = chosen.not_found(table.headers, survey_year) if layout or not columns else {}
    return Opened(table, mapping, country, stated, not_found)


def years_of(
    path: Path | Sequence[Path],
    layout: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    header_line: int | None = None,
    columns: Mapping[str, str] | None = None,
) -> list[int]:
    """The survey years that a file states row by row; arguments are those of `load_firms`."""
    named = layouts.load_layout(layout) if layout else None
    if columns:
        named = column_map.as_layout(columns, named.years[0].first if named else 2000, named)
    known = [named] if named else [layouts.load_layout(name) for name in layouts.list_layouts()]
    first = named.years[0].first if named else None
    table = readers.open_table(
        path,
        encoding or (named.encoding(first) if named and first else None),
        sheet=sheet,
        fits=lambda headers: any(
            one.missing(headers, year.first) == [] for one in known for year in one.years
        ),
        header_line=header_line or (named.header_line(first) if named and first else None),
    )
    return years.stated_years(table, known)


def inputs(
    connection: psycopg.Connection, opened: Opened, cleaning: CleaningSettings
) -> Fingerprint:
    """What a load of the file would be made from."""
    mapping = asdict(opened.mapping)
    mapping.pop("layout")  # the name; what it says is in the rest
    mapping.pop("datum")
    return fingerprint(
        {
            "file": opened.table.sha256,
            "encoding": opened.table.encoding,
            "sheet": opened.table.sheet,
            "layout": mapping,
            "datum": opened.datum,
            "cleaning": asdict(cleaning),
            **_rules(connection, opened.country, opened.mapping.survey_year),
        }
    )


def _rules(connection: psycopg.Connection, country: str, survey_year: int) -> dict[str, object]:
    """What a load rests on beside the file and what is said of it."""
    return {
        **held.cleaning_inputs(connection, country, survey_year),
        "rules": sql_text.rules(RULES),
        "reader": [FILE_READER_CODE, FIRM_READER_CODE],
    }


def why_of(
    connection: psycopg.Connection, country: str, survey_year: int, made_from: Fingerprint
) -> str | None:
    """Why the load of the year that stands is not this one; None when it is."""
    row = connection.execute(
        "SELECT inputs FROM ops.load WHERE country = %s AND survey_year = %s "
        "AND superseded_at IS NULL",
        (country, survey_year),
    ).fetchone()
    if row is None:
        return NEVER
    if said := why(row[0], made_from):
        return said
    return None if _is_there(connection, country, survey_year) else MISSING


def _is_there(connection: psycopg.Connection, country: str, survey_year: int) -> bool:
    """Whether the year's rows are all in the tables."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM clean.firm AS f WHERE f.country = l.country "
        "AND f.survey_year = l.survey_year) = l.rows_clean AND (SELECT count(*) "
        "FROM clean.refused AS r WHERE r.country = l.country AND r.survey_year = l.survey_year) "
        "= l.rows_refused FROM ops.load AS l WHERE l.country = %s AND l.survey_year = %s "
        "AND l.superseded_at IS NULL",
        (country, survey_year),
    ).fetchone()
    return bool(row and row[0])


def why_load(
    connection: psycopg.Connection,
    path: Path | Sequence[Path],
    survey_year: int,
    *,
    layout: str | None = None,
    datum: str | None = None,
    country: str | None = None,
    cleaning: CleaningSettings | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    columns: Mapping[str, str] | None = None,
    header_line: int | None = None,
) -> str | None:
    """Why `load_firms` would load the file; None when it would find it unchanged.

    Arguments and errors are those of `load_firms`; nothing is written.
    """
    opened = open_file(
        path, survey_year, layout, datum, country, encoding, sheet, columns, header_line
    )
    made_from = inputs(connection, opened, cleaning or CleaningSettings())
    return why_of(connection, opened.country, survey_year, made_from)


def stale_loads(connection: psycopg.Connection) -> dict[str, str]:
    """Loads that their rules, codes or reference data have left behind, by name, and why.

    The files are not asked for: what hangs on them is taken as it was.
    """
    found = {}
    for country, survey_year, made_from in connection.execute(
        "SELECT country, survey_year, inputs FROM ops.load WHERE superseded_at IS NULL "
        "ORDER BY 1, 2"
    ).fetchall():
        said = why(made_from, refreshed(made_from, _rules(connection, country, survey_year)))
        if said is None and not _is_there(connection, country, survey_year):
            said = MISSING
        if said:
            found[f"firms {country} {survey_year}"] = said
    return found
