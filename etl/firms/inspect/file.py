"""All that can be said of a file of firms before it is loaded."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from coagg import database
from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import TableFile
from coagg.etl.firms import column_map, datum_check, gate, layouts, systems
from coagg.etl.firms.inspect import columns as guesses
from coagg.etl.firms.inspect import evidence
from coagg.etl.firms.inspect.layout_text import ANY_YEAR, layout_text
from coagg.etl.firms.inspect.sample import Profile, header_is_data, open_any, profile
from coagg.etl.firms.load import LoadReport, NothingLeft, load_firms
from coagg.etl.reference import load as reference
from coagg.settings import Settings

Progress = Callable[[str, int], None]
SOME_YEAR = 2000
_YEAR_IN_NAME = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")


@dataclass
class Inspection:
    """What a file seems to be. Shares are 0 to 1; guesses are called so.

    `layout` is the one that fits, None where none does and `columns` are a guess. `places` are the
    countries and datums tried, best first; `country` and `datum` those taken. `load` is what a load
    would do, None where it cannot be tried; `refused` why the file would not be taken.
    """

    file: str
    format: str
    encoding: str | None
    encoding_confidence: float | None
    delimiter: str | None
    header_line: int | None
    sheet: str | None
    rows: int
    malformed: int
    columns: list[guesses.Column]
    layout: str | None
    survey_year: int | None
    year_from: str
    country: str | None
    country_from: str
    datum: str | None
    places: list[systems.Fit]
    classification: tuple[str, float] | None
    missing: list[str]
    layout_text: str
    words: list[str]  # of --map, the same as the layout's text
    notes: list[str] = field(default_factory=list)
    load: LoadReport | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Stated:
    """What the caller says of a file; None: to be found out."""

    survey_year: int | None = None
    layout: str | None = None
    columns: Mapping[str, str] | None = None
    datum: str | None = None
    country: str | None = None
    encoding: str | None = None
    sheet: str | None = None


NOTHING = Stated()


def inspect_file(
    settings: Settings,
    path: Path,
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
    table = open_any(path, stated.encoding, stated.sheet)
    progress("reading", 0)
    held = profile(table)
    with database.connect(settings) as connection:
        return _Inspector(settings, connection, path, stated, table, held).run(limits, progress)


def _survey_year(held: Profile, path: Path, stated: int | None) -> tuple[int | None, str]:
    """The survey year and where it is from."""
    if stated is not None:
        return stated, "stated"
    for header in held.filled:
        if guesses.words.spoken_of(header).get("survey_year", 0) < guesses.words.SAME:
            continue
        years = firm_values.by_unique(held.sample.text(header).drop_null(), firm_values.year_of)
        known = [year for year in years if year]
        if known and len(set(known)) <= guesses.MOST_SURVEY_YEARS:
            return max(sorted(set(known)), key=known.count), f"a guess: column {header}"
    found = _YEAR_IN_NAME.search(path.stem)
    return (int(found[1]), "a guess: the file's name") if found else (None, "not known")


def _layout(
    table: TableFile, name: str | None, columns: Mapping[str, str] | None, year: int | None
) -> layouts.Layout | None:
    """The layout that is named or mapped, else the only shipped one that fits the headers."""
    named = layouts.load_layout(name) if name else None
    if columns:
        return column_map.as_layout(
            columns, year or (named.years[-1].first if named else 2000), named
        )
    if named:
        return named
    every = [layouts.load_layout(one) for one in layouts.list_layouts()]
    fitting = [
        one
        for one in every
        if any(
            one.missing(table.headers, other.first) == []
            for other in one.years
            if year is None or other.first <= year <= other.last
        )
    ]
    return fitting[0] if len(fitting) == 1 else None


class _Inspector:
    """One file, with all that was found out of it so far."""

    def __init__(
        self,
        settings: Settings,
        connection: psycopg.Connection,
        path: Path,
        stated: Stated,
        table: TableFile,
        held: Profile,
    ) -> None:
        self.settings, self.connection, self.path = settings, connection, path
        self.stated, self.table, self.held = stated, table, held
        self.year, self.year_from = _survey_year(held, path, stated.survey_year)
        self.layout = _layout(table, stated, self.year)
        code_sets, places = reference.code_sets(connection), evidence.place_codes(connection)
        self.values = {
            header: evidence.values_of(
                held.sample, header, code_sets, places, evidence.country_names()
            )
            for header in table.headers
        }
        self.columns, self.said = self._columns()

    def _columns(self) -> tuple[dict[str, str], layouts.Mapping | None]:
        """Header by column of ours; with the layout's mapping where it fits."""
        if self.layout is not None:
            year = self._trial_year()
            if self.layout.missing(self.table.headers, year) == []:
                mapping = self.layout.map(self.table.headers, year, self.path)
                return {c: h for c, h in mapping.columns.items() if h is not None}, mapping
        return guesses.guess(self.held, self.values), None

    def _trial_year(self) -> int:
        """The survey year, or one that will do where none is known."""
        if self.year is not None:
            return self.year
        latest = _latest_year(self.connection)
        if self.layout is None:
            return latest
        return min(max(latest, self.layout.years[-1].first), self.layout.years[-1].last)

    def run(self, limits: gate.Limits | None, progress: Progress) -> Inspection:
        """Say what the file is, and try to load it."""
        progress("where points fall", 0)
        places = self._places()
        country, country_from = self._country(places)
        datum = self._datum(places, country)
        known = self.values[self.columns["industry_code"]].classification() if (
            "industry_code" in self.columns
        ) else None  # fmt: skip
        fitting = self.said.layout if self.said is not None else None
        described = guesses.described(self.held, self.values, self.columns, fitting)
        text, words = self._proposal(described, country, datum, known)
        missing = [column for column in layouts.REQUIRED if column not in self.columns]
        found = Inspection(
            file=self.path.name, format=self.table.format, encoding=self.table.encoding,
            encoding_confidence=self.table.encoding_confidence,
            delimiter=getattr(self.table, "delimiter", None),
            header_line=self.table.header_line, sheet=self.table.sheet,
            rows=self.held.rows, malformed=self.held.malformed, columns=described,
            layout=fitting,
            survey_year=self.year, year_from=self.year_from, country=country,
            country_from=country_from, datum=datum, places=places,
            classification=(known[1], known[2]) if known else None, missing=missing,
            layout_text=text, words=words, notes=[*self.table.notes, *self._remarks(places)],
        )  # fmt: skip
        self._try(found, limits, progress)
        return found

    def _remarks(self, places: list[systems.Fit]) -> list[str]:
        remarks = []
        if header_is_data(self.table.headers):
            remarks.append("the header line looks like a row: the file seems to have no headers")
        if self.layout is not None and self.said is None:
            remarks.append(
                f"layout {self.layout.name} does not fit its headers; what follows is a guess"
            )
        good = systems.best(places)
        if (
            len({fit.country for fit in good}) == 1
            and len(good) > 1
            and coordinates.in_metres(good[0].datum)
        ):
            remarks.append(systems.told_metres(good).strip().rstrip(";"))
        return remarks

    def _places(self) -> list[systems.Fit]:
        """Countries and systems with the shares of points inside, best first."""
        if not {"lon", "lat"} <= set(self.columns):
            return []
        lon, lat = (self.columns[name] for name in ("lon", "lat"))
        mapping = evidence.mapping_of(
            {name: self.columns.get(name) for name in ("lon", "lat", "place_code")}
        )
        share = self.values[lon].shares
        metres = bool(share) and share["metres"] > share["degrees"] and lon != lat
        rows = min(self.values[lon].stated, self.values[lat].stated)
        stated, found = self.stated, []
        year = self._trial_year()
        for country in [stated.country] if stated.country else systems.countries():
            tried = systems.metre_datums(country) if metres else systems.degree_datums(country)
            points = systems.METRE_POINTS if metres else systems.POINTS
            for datums in ((stated.datum,) if stated.datum else tried,):
                found += systems.fits(
                    self.connection, self.held.sample, mapping, country, datums, year, rows, points
                )
        ranked = sorted(found, key=lambda fit: -fit.measure())
        return [fit for fit in ranked if fit.inside > 0] or ranked[:1]

    def _country(self, places: list[systems.Fit]) -> tuple[str | None, str]:
        if self.stated.country:
            return self.stated.country, "stated"
        good = systems.best(places)
        if good:
            return good[0].country, f"a guess: {good[0].inside:.0%} of the points lie in it"
        if self.said is not None and self.said.country and not places:
            return self.said.country, f"layout {self.said.layout}"
        return None, "not known: the points lie in none of " + ", ".join(systems.countries())

    def _datum(self, places: list[systems.Fit], country: str | None) -> str | None:
        """The datum stated, else the layout's where it fits, else the one that fits best."""
        if self.stated.datum:
            return self.stated.datum
        good = [fit for fit in systems.best(places) if fit.country == country]
        layouts_own = self.said.datum if self.said is not None else None
        if layouts_own and any(fit.datum == layouts_own for fit in good):
            return layouts_own
        if not good:
            return layouts_own
        if coordinates.in_metres(good[0].datum):
            return good[0].datum if len(good) == 1 else None
        lead = good[0].measure() - max((fit.measure() for fit in good[1:]), default=0.0)
        told = lead > datum_check.MARGIN and good[0].points >= datum_check.FEWEST
        return good[0].datum if told else "wgs84"

    def _proposal(
        self, described: list[guesses.Column], country: str | None, datum: str | None,
        known: tuple[str, str, float] | None,
    ) -> tuple[str, list[str]]:  # fmt: skip
        """A layout to edit, and the same as words of --map."""
        said = self.said
        settings = {
            "@country": country,
            "@datum": datum,
            "@output_unit": said.output_unit if said else None,
            "@classification": known[1] if known else None,
            "@encoding": self.stated.encoding,
            "@id_digits": str(said.id_digits) if said and said.id_digits else None,
        }
        if settings["@classification"] and country and known and known[0] != country:
            settings["@classification"] = None
        notes = {
            column: f"{'a guess: ' if one.guess else ''}{one.why}, {one.share or 0:.0%} of values"
            for one in described
            if one.column
            for column in (("lon", "lat") if one.seems == "lon and lat" else (one.column,))
        }
        notes |= {
            "@output_unit": f"one of {' '.join(layouts.OUTPUT_UNITS)}; empty: thousand_cny",
            "@datum": "a guess" if datum else "name it: EPSG:32648 say",
            "@country": "a guess" if country else "not known",
        }
        heading = str(self.year) if self.year else ANY_YEAR
        about = f"Made by coagg inspect of {self.path.name}; what it calls a guess is one"
        text = layout_text(about, heading, self.columns, settings, notes)
        words = [f"{column}={header}" for column, header in self.columns.items()]
        words += [f"{name}={value}" for name, value in settings.items() if value]
        return text, words

    def _try(self, found: Inspection, limits: gate.Limits | None, progress: Progress) -> None:
        """Load the file with what was found and take it back."""
        if found.missing or found.country is None:
            lacks = ", ".join(found.missing)
            found.refused = f"no column seems to be {lacks}" if lacks else found.country_from
            return
        with tempfile.TemporaryDirectory() as folder:
            guessed = Path(folder) / "inspect.csv"
            guessed.write_text(found.layout_text, encoding="utf-8")
            stated = self.stated
            own = self.layout.name if self.layout and not stated.columns else None
            by = stated.layout or own if self.said else str(guessed)
            self.connection.rollback()
            try:
                found.load = load_firms(
                    self.settings, self.path, self._trial_year(), limits=limits, dry_run=True,
                    layout=by, columns=stated.columns if self.said else None,
                    datum=stated.datum, country=stated.country,
                    encoding=stated.encoding, sheet=self.table.sheet, progress=progress,
                )  # fmt: skip
            except NothingLeft as fault:
                found.load, found.refused = fault.report, str(fault)
            except CoaggError as fault:
                found.refused = str(fault)
        if found.load is not None and self.stated.survey_year is None:
            found.load.verdict = None  # beside which year, nobody said


def _latest_year(connection: psycopg.Connection) -> int:
    """The latest year that place codes are known of, for a file that states none."""
    row = connection.execute("SELECT max(survey_year) FROM reference.prefecture_code").fetchone()
    return int(row[0]) if row and row[0] else SOME_YEAR
