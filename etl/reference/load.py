"""Reference data into PostGIS: areas, place codes, agglomerations, classifications, concordances.

Each part is a source with a hash; a part whose files and rules are unchanged is left alone. All is
one transaction. A file of the user's own stays in place until another is given.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psycopg
from psycopg import sql

from coagg import database
from coagg.database import sql_text
from coagg.database.fingerprint import digest, rows_hash
from coagg.errors import CoaggError
from coagg.etl.files import csv_tables
from coagg.etl.reference import (
    REFERENCE_CODE,
    areas,
    boundaries,
    classifications,
    countries,
    load_areas,
)
from coagg.etl.reference import agglomerations as members
from coagg.etl.reference.boundaries import Finding
from coagg.settings import COUNTRY, SQL

RULES = SQL / "transforms" / "reference"
# translations between classifications are worked out once, when all is loaded
TRANSLATIONS = "SELECT set_config('coagg.translations', %s, true)"
OWN_FILE = "own file"
SHIPPED_FILE = "shipped"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ReferenceReport:
    """What a load did: sources loaded with their findings, sources left alone as unchanged."""

    loaded: dict[str, list[Finding]] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """One line a loaded source; none when everything was unchanged."""
        return [
            f"reference: {source}: "
            + ", ".join(f"{f.item} {f.detail if f.count is None else f.count}" for f in findings)
            for source, findings in self.loaded.items()
        ]


AREAS = "areas"  # a source that is kept under the names of its countries


@dataclass(frozen=True)
class _Source:
    """A part of the reference data: its name, its files, the rules it runs, how to load it."""

    name: str
    files: Sequence[Path]
    rules: Sequence[str]
    load: Callable[[psycopg.Connection], list[Finding]]
    asked: bool = False  # whether the caller named the file
    own: bool = False  # whether it is another file than that of the country's folder
    choices: Mapping[str, str] = field(default_factory=dict)  # what the caller said of the file

    def sha256(self) -> str:
        files = [hashlib.sha256(csv_tables.read_bytes(path)).hexdigest() for path in self.files]
        rules = [sql_text.rules(RULES, rule) for rule in self.rules]
        return digest([REFERENCE_CODE, files, rules, *([self.choices] if self.choices else [])])

    def origin(self) -> str:
        """Whether its files are those of the country's folder, or a user's own in their place."""
        return OWN_FILE if self.own else SHIPPED_FILE


def load_reference(
    connection: psycopg.Connection,
    *,
    only: Sequence[str] | None = None,
    agglomerations: Path | None = None,
    area_choices: areas.AreaChoices | None = None,
    own_classifications: Mapping[str, Path] | None = None,
    own_concordances: Sequence[Path] = (),
    progress: Progress | None = None,
) -> ReferenceReport:
    """Load countries from their folders, and the user's own files where given, in one transaction.

    `only` are the codes of countries; default: those that every data base holds
    (`countries.at_once`) and those that are loaded by now. `agglomerations` is a csv in the form of
    agglomerations.csv, in place of those of the countries it names, or a vector file of areas, of
    which `area_choices` says what its columns do not (`coagg.etl.reference.areas`).
    `own_classifications` maps a name that a country describes to a csv of its codes;
    `own_concordances` are files named <from>_to_<to>.csv. What is not given stays as it is loaded;
    to return to the file of a country's folder, give its path. On a connection that is in a
    transaction already, the caller commits.

    Raises CoaggError naming file and line when a file is faulty; then nothing is changed.
    """
    begun = time.perf_counter()
    loaded: dict[str, list[Finding]] = {}
    unchanged: list[str] = []
    sources = [
        (source, source.sha256())
        for source in _sources(
            _wanted(connection, only),
            agglomerations,
            own_classifications or {},
            own_concordances,
            area_choices,
        )
    ]
    with connection.transaction():
        # two loads at once run one after the other; readers are not held up
        connection.execute("LOCK TABLE reference.load_report IN SHARE ROW EXCLUSIVE MODE")
        held = _held(connection)
        for source, sha256 in sources:
            held_sha256, held_own = held.get(source.name, ("", False))
            dissolve = source.name.replace("agglomerations", "prefectures") in loaded
            if source.name == AREAS and any(sha256 == one for one, _ in held.values()):
                held_sha256 = sha256
            if sha256 == held_sha256 or (held_own and not source.asked):
                unchanged.append(source.name)
                if dissolve and held_sha256:
                    database.run_file(connection, RULES / "40_dissolve.sql")
                continue
            if progress:
                progress(source.name)
            if not loaded:
                database.run_file(connection, RULES / "00_incoming.sql")
                connection.execute(TRANSLATIONS, ("later",))
            findings = source.load(connection)
            for name in _reported(connection, source):
                loaded[name] = findings
                _write_report(connection, name, source, sha256, findings)
        connection.execute(
            "UPDATE reference.country SET home = NOT home WHERE home <> (country = %s)", (COUNTRY,)
        )
        if loaded:
            connection.execute(TRANSLATIONS, ("",))
            connection.execute("SELECT reference.keep_translations()")
    return ReferenceReport(loaded, unchanged, time.perf_counter() - begun)


def pending(connection: psycopg.Connection) -> list[str]:
    """Sources that `load_reference` would load, files of the user's own left as they are."""
    try:
        held = _held(connection)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        held = {}
        connection.rollback()
    return [
        source.name
        for source in _sources(_wanted(connection, None), None, {}, ())
        if not held.get(source.name, ("", False))[1]
        and held.get(source.name, ("", False))[0] != source.sha256()
    ]


def code_sets(connection: psycopg.Connection) -> dict[str, set[str]]:
    """All codes (divisions and below) of every classification that is loaded."""
    rows = connection.execute(
        "SELECT classification, array_agg(industry_code) FROM reference.industry "
        "WHERE level > 1 GROUP BY classification ORDER BY classification"
    ).fetchall()
    return {classification: set(codes) for classification, codes in rows}


def names_of_industries(connection: psycopg.Connection) -> dict[str, list[tuple[str, str]]]:
    """(code, name) of divisions and below of every classification, English names too."""
    found: dict[str, list[tuple[str, str]]] = {}
    for classification, code, *names in connection.execute(
        "SELECT classification, industry_code, name, name_en FROM reference.industry "
        "WHERE level > 1 ORDER BY 1, 2"
    ).fetchall():
        found.setdefault(classification, []).extend((code, name) for name in names if name)
    return found


def cleaning_inputs(
    connection: psycopg.Connection, country: str, survey_year: int
) -> dict[str, object]:
    """What cleaning a year of firms rests on: areas and place codes of the country, industry codes.

    By name, as `coagg.database.fingerprint.fingerprint` takes them.
    """
    return {
        "places": rows_hash(
            connection,
            "SELECT prefecture_code, md5(public.st_asbinary(geom)) "
            "FROM reference.prefecture_piece WHERE country = %s",
            (country,),
        ),
        # a year after the last with codes reads that last one's, as the rule does
        "place codes": rows_hash(
            connection,
            "SELECT place_code, prefecture_code, candidates FROM reference.prefecture_code "
            "WHERE country = %s AND survey_year = (SELECT coalesce("
            "max(survey_year) FILTER (WHERE survey_year <= %s), min(survey_year)) "
            "FROM reference.prefecture_code WHERE country = %s)",
            (country, survey_year, country),
        ),
        # those of other countries are not asked
        "industry codes": rows_hash(
            connection,
            "SELECT classification, industry_code FROM reference.industry "
            "WHERE level > 1 AND classification = ANY(string_to_array(%s, ' '))",
            (" ".join(countries.of(country).classification_names),),
        ),
    }


def held_countries(connection: psycopg.Connection) -> list[str]:
    """Codes of the countries whose areas are loaded; none where there is no schema yet."""
    try:
        rows = connection.execute("SELECT country FROM reference.country ORDER BY 1").fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        connection.rollback()
        return []
    return [code for (code,) in rows]


def _wanted(connection: psycopg.Connection, only: Sequence[str] | None) -> list[countries.Country]:
    if only is None:
        folders = countries.folders()
        held = [code for code in held_countries(connection) if code in folders]
        only = sorted({*countries.at_once(), *held})
    return [countries.of(code) for code in only]


def _sources(
    wanted: Sequence[countries.Country],
    agglomerations: Path | None,
    own: Mapping[str, Path],
    own_concordances: Sequence[Path],
    area_choices: areas.AreaChoices | None = None,
) -> list[_Source]:
    found = [_areas_source(country) for country in wanted]
    for country in wanted:
        found += _place_codes_source(country)
    lists = {country.code: country.agglomerations for country in wanted}
    vector = agglomerations if agglomerations and areas.is_vector(agglomerations) else None
    if area_choices and area_choices.given() and not vector:
        said = ", ".join(f"--area-{name}" for name in area_choices.given())
        raise CoaggError(f"{said}: of a vector file only; name one with --agglomerations")
    named = _countries_of(agglomerations) if agglomerations and not vector else []
    for code in sorted({*lists, *named}):
        path = agglomerations if agglomerations and code in named else lists[code]
        shipped = countries.of(code).agglomerations
        if path != shipped or path.is_file():
            asked = path == agglomerations
            is_own = asked and path.resolve() != shipped.resolve()
            found.append(_agglomerations_source(code, path, asked=asked, own=is_own))
    if vector:
        found.append(_area_source(vector, area_choices or areas.AreaChoices()))
    shared: set[str] = {*own}  # countries may share one; the first has it
    for country in wanted:
        for one in country.classifications:
            if one.file.is_file() and one.name not in shared:
                shared.add(one.name)
                found.append(_classification_source(one, one.file, asked=False))
    for name, path in own.items():
        found.append(_classification_source(_described(name, path), path, asked=True))
    links = {path.stem: path for country in wanted for path in country.concordances}
    given = {path.stem: path for path in own_concordances}
    for name, path in {**links, **given}.items():
        found.append(_concordance_source(name, path, asked=name in given))
    return found


def _area_source(path: Path, choices: areas.AreaChoices) -> _Source:
    def load(connection: psycopg.Connection) -> list[Finding]:
        found = connection.execute("SELECT DISTINCT country FROM reference.prefecture ORDER BY 1")
        frame, findings = areas.read_areas(path, choices, [row[0] for row in found.fetchall()])
        table = pd.DataFrame(frame.drop(columns="geometry"))
        table["geom"] = frame.geometry.to_wkb(hex=True, include_srid=True)
        _copy(connection, "incoming_area", table)
        return [*findings, *load_areas.place_areas(connection, path)]

    return _Source(
        AREAS, [path], ["35_areas.sql"], load, asked=True, own=True, choices=choices.given()
    )


def _described(name: str, path: Path) -> countries.Classification:
    try:
        return countries.classification(name)
    except CoaggError as fault:
        raise CoaggError(f"{path}: {fault}") from None


def _countries_of(path: Path) -> list[str]:
    """Countries that a list of agglomerations names."""
    table = csv_tables.read_table(path, ["agglomeration_code"], {"country": COUNTRY})
    named = sorted(set(table["country"]))
    for line, code in table["country"].items():
        if code not in countries.folders():
            raise CoaggError(
                f"{path} line {line}: country is {code!r}; known are "
                f"{', '.join(countries.folders())}"
            )
    return named


def _classification_source(
    described: countries.Classification, path: Path, *, asked: bool
) -> _Source:
    def load(connection: psycopg.Connection) -> list[Finding]:
        table = classifications.read_classification(path, described)
        _copy(connection, "incoming_industry", table)
        database.run_file(connection, RULES / "50_industries.sql")
        return [Finding("codes", len(table))]

    own = path.resolve() != described.file.resolve()
    name = f"classification {described.name}"
    return _Source(name, [path], ["50_industries.sql"], load, asked, own)


def _concordance_source(name: str, path: Path, *, asked: bool) -> _Source:
    def load(connection: psycopg.Connection) -> list[Finding]:
        table = classifications.read_concordance(path, code_sets(connection))
        _copy(connection, "incoming_concordance", table)
        database.run_file(connection, RULES / "60_concordances.sql")
        return [
            Finding("links", len(table)),
            Finding("doubtful links", int(table["doubtful"].sum())),
        ]

    title = f"concordance {name.replace('_to_', ' to ')}"
    own = path.parent.name != "concordances" or path.parent.parent not in {
        *countries.folders().values()
    }
    return _Source(title, [path], ["60_concordances.sql"], load, asked, own)


def _areas_source(country: countries.Country) -> _Source:
    """The country itself and its areas."""
    files = [country.description, country.areas.file]
    files += [country.areas.names] if country.areas.names else []

    def load(connection: psycopg.Connection) -> list[Finding]:
        frame, findings = boundaries.read_prefectures(country)
        table = pd.DataFrame(frame.drop(columns="geometry"))
        table["geom"] = frame.geometry.to_wkb(hex=True, include_srid=True)
        _copy(connection, "incoming_prefecture", table)
        connection.execute(
            "INSERT INTO pg_temp.incoming_country VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                country.code, country.name, *countries.box(country.code),
                list(country.datums), country.datum,
                list(country.classification_names), country.classification,
            ),
        )  # fmt: skip
        database.run_file(connection, RULES / "05_country.sql")
        database.run_file(connection, RULES / "10_prefectures.sql")
        pieces = connection.execute(
            "SELECT count(*) FROM reference.prefecture_piece WHERE country = %s", (country.code,)
        ).fetchone()
        assert pieces is not None
        areas = Finding(f"{country.code} areas", len(table))
        return [*findings, areas, Finding("pieces", pieces[0])]

    rules = ["05_country.sql", "10_prefectures.sql"]
    return _Source(f"prefectures {country.code}", files, rules, load)


def _place_codes_source(country: countries.Country) -> list[_Source]:
    """What the place codes of firms mean: a file, or the codes of the areas themselves."""
    if country.place_codes.is_file():
        files = [country.place_codes]
    elif country.areas.place_codes:
        files = [country.description, country.areas.file]
    else:
        return []

    def load(connection: psycopg.Connection) -> list[Finding]:
        if country.place_codes.is_file():
            table = members.read_place_codes(country.place_codes)
        else:
            areas = connection.execute(
                "SELECT prefecture_code, name FROM reference.prefecture WHERE country = %s",
                (country.code,),
            ).fetchall()
            table = pd.DataFrame(areas, columns=["place_code", "name"])
            table["first_year"] = table["last_year"] = "2000"
            table["rule"] = "same"
            table["candidates"] = table["prefecture_code"] = table["place_code"]
        table.insert(0, "country", country.code)
        table["candidates"] = "{" + table["candidates"].str.replace(";", ",") + "}"
        _copy(connection, "incoming_place_code", table)
        database.run_file(connection, RULES / "20_place_codes.sql")
        open_codes = table.loc[table["prefecture_code"] == "", "place_code"]
        return [
            Finding("codes", table["place_code"].nunique()),
            Finding("codes that may mean several", len(open_codes), ", ".join(open_codes)),
        ]

    return [_Source(f"place codes {country.code}", files, ["20_place_codes.sql"], load)]


def _agglomerations_source(country: str, path: Path, *, asked: bool, own: bool) -> _Source:
    def load(connection: psycopg.Connection) -> list[Finding]:
        known = connection.execute("SELECT country, prefecture_code FROM reference.prefecture")
        table = members.read_agglomerations(path, set(known.fetchall()), *(
            () if asked else (country,)
        ))  # fmt: skip
        table = table[table["country"] == country]
        if table.empty:
            raise CoaggError(f"{path}: names no agglomeration of {country}")
        _copy(connection, "incoming_member", table)
        database.run_file(connection, RULES / "30_agglomerations.sql")
        database.run_file(connection, RULES / "40_dissolve.sql")
        twice = table[table.duplicated(["country", "prefecture_code"], keep=False)]
        part = table[(table["coverage"] == "part") & table["assigned"]]
        return [
            Finding(f"{country} agglomerations", table["agglomeration_code"].nunique()),
            Finding(f"{country} members", int(table["assigned"].sum())),
            Finding(
                "prefectures claimed twice",
                twice["prefecture_code"].nunique(),
                ", ".join(sorted(set(twice["prefecture_code"]))),
            ),
            Finding("members in part, taken whole", len(part), ", ".join(part["prefecture_code"])),
        ]

    rules = ["30_agglomerations.sql", "40_dissolve.sql"]
    return _Source(f"agglomerations {country}", [path], rules, load, asked, own)


def _held(connection: psycopg.Connection) -> dict[str, tuple[str, bool]]:
    """Of every source that is loaded: its hash, and whether it came from the user's own file."""
    rows = connection.execute(
        "SELECT s.source, s.detail, f.detail = %s FROM reference.load_report AS s "
        "JOIN reference.load_report AS f ON f.source = s.source AND f.item = 'file' "
        "WHERE s.item = 'sha256'",
        (OWN_FILE,),
    ).fetchall()
    return {source: (sha256, own) for source, sha256, own in rows}


def _reported(connection: psycopg.Connection, source: _Source) -> list[str]:
    """Under which names a source is kept: areas under those of the countries they lie in."""
    if source.name != AREAS:
        return [source.name]
    found = connection.execute("SELECT DISTINCT country FROM pg_temp.incoming_area ORDER BY 1")
    return [f"agglomerations {country}" for (country,) in found.fetchall()]


def _write_report(
    connection: psycopg.Connection,
    name: str,
    source: _Source,
    sha256: str,
    findings: Iterable[Finding],
) -> None:
    connection.execute("DELETE FROM reference.load_report WHERE source = %s", (name,))
    facts = [
        Finding("sha256", None, sha256),
        Finding("file", None, source.origin()),
        *findings,
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO reference.load_report (source, item, count, detail) "
            "VALUES (%s, %s, %s, %s)",
            [(name, fact.item, fact.count, fact.detail) for fact in facts],
        )


def _copy(connection: psycopg.Connection, table: str, rows: pd.DataFrame) -> None:
    """COPY a frame into a temporary table by column name; blanks and missing values are NULL."""
    statement = sql.SQL("COPY pg_temp.{} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    values = rows.astype(object).where(rows.notna() & (rows != ""), None)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in values.itertuples(index=False, name=None):
            copy.write_row(row)
