"""All that can be said of a file of firms before it is loaded."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psycopg

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import TableFile
from coagg.etl.firms import column_map, gate, layouts
from coagg.etl.firms.inspect import columns as guesses
from coagg.etl.firms.inspect import evidence, words
from coagg.etl.firms.inspect.layout_text import ANY_YEAR, layout_text
from coagg.etl.firms.inspect.place import Located, locate
from coagg.etl.firms.inspect.report import Inspection, Stated
from coagg.etl.firms.inspect.sample import Profile, header_is_data, open_any, profile
from coagg.etl.firms.load import NothingLeft, load_firms
from coagg.etl.reference.held import code_sets as code_sets_of
from coagg.settings import Settings

Progress = Callable[[str, int], None]
SOME_YEAR = 2000  # where neither the file nor the place codes know one
NOTHING = Stated()
_YEAR_IN_NAME = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")


def inspect_file(
    settings: Settings,
    path: Path | Sequence[Path],
    stated: Stated = NOTHING,
    *,
    limits: gate.Limits | None = None,
    progress: Progress = lambda stage, rows: None,
) -> Inspection:
    """Say what a file is, as far as can be told, and what a load would do with it. Keeps nothing.

    A survey year that is not stated is the one that the file states, else that of its name; what
    else is not stated is guessed too. Raises CoaggError when the file cannot be opened as a table,
    or what is stated is wrong.
    """
    progress("opening", 0)
    table = open_any(path, stated.encoding, stated.sheet, stated.header_line)
    progress("reading", 0)
    held = profile(table)
    with database.connect(settings) as connection:
        found = _Found(connection, stated, table, held)
        progress("where points fall", 0)
        inspection = found.inspection(connection)
    return _tried(settings, path, stated, found, inspection, limits, progress)


class _Found:
    """What is found out of one file."""

    def __init__(
        self,
        connection: psycopg.Connection,
        stated: Stated,
        table: TableFile,
        held: Profile,
    ) -> None:
        self.path = path = table.path
        self.stated, self.table, self.held = stated, table, held
        self.year, self.year_from = _survey_year(held, path, stated.survey_year)
        self.layout = _layout(table, stated, self.year)
        self.trial_year = self.year or _some_year(connection, self.layout)
        code_sets, places = code_sets_of(connection), evidence.place_codes(connection)
        names = evidence.country_names()
        self.values = {
            header: evidence.values_of(held.sample, header, code_sets, places, names)
            for header in table.headers
        }
        self.said: layouts.Mapping | None = None  # by the layout, where it fits
        if self.layout and self.layout.missing(table.headers, self.trial_year) == []:
            self.said = self.layout.map(table.headers, self.trial_year, path, table.point)
            mapped = self.said.columns.items()
            self.columns = {column: header for column, header in mapped if header is not None}
        else:
            self.columns = guesses.guess(held, self.values)
            if table.point:
                self.columns = {
                    **self.columns,
                    **dict(zip(("lon", "lat"), table.point, strict=True)),
                }

    def _own_datum(self) -> str | None:
        """The system that a file with a geometry states for its points."""
        used = (self.columns.get("lon"), self.columns.get("lat"))
        return self.table.crs if self.table.point == used else None

    def inspection(self, connection: psycopg.Connection) -> Inspection:
        """All but what a load would do."""
        stated, table = self.stated, self.table
        place = locate(
            connection, self.held.sample, self.values, self.columns, self.trial_year,
            country=stated.country, datum=stated.datum or self._own_datum(), said=self.said,
        )  # fmt: skip
        industry = self.columns.get("industry_code")
        known = self.values[industry].classification(place.country) if industry else None
        layout = self.said.layout if self.said else None
        described = guesses.described(self.held, self.values, self.columns, layout, place.country)
        settings = self._settings(place, known)
        return Inspection(
            file=self.path.name,
            format=table.format,
            encoding=table.encoding,
            encoding_confidence=table.encoding_confidence,
            delimiter=getattr(table, "delimiter", None),
            header_line=table.header_line,
            sheet=table.sheet,
            rows=self.held.rows,
            malformed=self.held.malformed,
            columns=described,
            layout=layout,
            survey_year=self.year,
            year_from=self.year_from,
            place=place,
            classification=(known[1], known[2]) if known else None,
            missing=[column for column in layouts.REQUIRED if column not in self.columns],
            layout_text=layout_text(
                f"Made by coagg inspect of {self.path.name}; what it calls a guess is one",
                str(self.year) if self.year else ANY_YEAR,
                self.columns,
                settings,
                _notes(described, place),
            ),
            words=[f"{name}={value}" for name, value in {**self.columns, **settings}.items()],
            notes=self._remarks(place),
        )

    def _settings(self, place: Located, known: tuple[str, str, float] | None) -> dict[str, str]:
        """Settings of a layout, those that are known."""
        said = self.said
        found = {
            "@country": place.country,
            "@datum": place.datum,
            "@output_unit": said.output_unit if said else None,
            "@classification": known[1] if known and place.country else None,
            "@encoding": self.stated.encoding,
            "@header_line": str(self.stated.header_line) if self.stated.header_line else None,
            "@id_digits": str(said.id_digits) if said and said.id_digits else None,
        }
        return {name: value for name, value in found.items() if value}

    def _remarks(self, place: Located) -> list[str]:
        remarks = list(self.table.notes)
        if header_is_data(self.table.headers):
            remarks.append("the header line looks like a row: the file seems to have no headers")
        if self.layout is not None and self.said is None:
            remarks.append(f"layout {self.layout.name} does not fit its headers; all is a guess")
        remark = place.remark()
        return [*remarks, remark] if remark else remarks


def _tried(
    settings: Settings,
    path: Path | Sequence[Path],
    stated: Stated,
    found: _Found,
    inspection: Inspection,
    limits: gate.Limits | None,
    progress: Progress,
) -> Inspection:
    """The same with what a load would do, which is done and taken back."""
    if inspection.missing:
        lacks = ", ".join(inspection.missing)
        return replace(inspection, refused=f"no column seems to be {lacks}; name it with --map")
    if inspection.place.country is None:
        return replace(inspection, refused=inspection.place.country_from)
    with tempfile.TemporaryDirectory() as folder:
        layout, columns = stated.layout, stated.columns
        if found.said is None:
            guess = Path(folder) / "inspect.csv"
            guess.write_text(inspection.layout_text, encoding="utf-8")
            layout, columns = str(guess), None
        elif layout is None and not columns and found.layout:
            layout = found.layout.name
        try:
            report = load_firms(
                settings, path, found.trial_year, layout=layout, columns=columns,
                datum=stated.datum, country=stated.country, limits=limits, dry_run=True,
                encoding=stated.encoding, sheet=stated.sheet, header_line=stated.header_line,
                progress=progress,
            )  # fmt: skip
        except NothingLeft as fault:
            return replace(inspection, load=fault.report, refused=str(fault))
        except CoaggError as fault:
            return replace(inspection, refused=str(fault))
    if stated.survey_year is None:
        # which years it would stand beside, nobody said
        assert report.verdict is not None
        alone = gate.judge(report.verdict.new, None, (), limits or gate.Limits())
        report.verdict = gate.Verdict(report.verdict.new, None, (), alone)
    return replace(inspection, load=report)


def _survey_year(held: Profile, path: Path, stated: int | None) -> tuple[int | None, str]:
    """The survey year and where it is known from."""
    if stated is not None:
        return stated, "stated"
    for header in held.filled:
        if words.spoken_of(header).get("survey_year", 0) < words.SAME:
            continue
        years = firm_values.by_unique(held.sample.text(header).drop_null(), firm_values.year_of)
        known = [year for year in years if year]
        if known and len(set(known)) <= guesses.MOST_SURVEY_YEARS:
            return max(sorted(set(known)), key=known.count), f"a guess: column {header}"
    found = _YEAR_IN_NAME.search(path.stem)
    return (int(found[1]), "a guess: the file's name") if found else (None, "not stated")


def _layout(table: TableFile, stated: Stated, year: int | None) -> layouts.Layout | None:
    """The layout that is named or mapped, else the only shipped one that fits the headers."""
    named = layouts.load_layout(stated.layout) if stated.layout else None
    if stated.columns:
        some = named.years[-1].first if named else SOME_YEAR
        return column_map.as_layout(stated.columns, year or some, named)
    if named:
        return named
    fitting = [
        one
        for one in map(layouts.load_layout, layouts.list_layouts())
        if any(
            one.missing(table.headers, column.first) == []
            for column in one.years
            if year is None or column.first <= year <= column.last
        )
    ]
    return fitting[0] if len(fitting) == 1 else None


def _some_year(connection: psycopg.Connection, layout: layouts.Layout | None) -> int:
    """A year for a file that states none: the latest that place codes and the layout know."""
    row = connection.execute("SELECT max(survey_year) FROM reference.prefecture_code").fetchone()
    latest = int(row[0]) if row and row[0] else SOME_YEAR
    if layout is None:
        return latest
    return min(max(latest, layout.years[-1].first), layout.years[-1].last)


def _notes(described: list[guesses.Column], place: Located) -> Mapping[str, str]:
    """Notes for the rows of a layout: what is a guess, and by which evidence."""
    notes = {
        "@country": f"{place.country_from}",
        "@datum": "a guess" if place.datum else "not known: name it, EPSG:32648 say",
        "@output_unit": f"one of {' '.join(layouts.OUTPUT_UNITS)}; empty: thousand_cny",
        "@classification": "a hint where codes alone leave a tie",
    }
    for one in described:
        told = f"{'a guess: ' if one.guess else ''}{one.why}, {one.share or 0:.0%} of values"
        for column in one.columns:
            notes[column] = told
    return notes
