"""The sources of reference data: the files of each, the rules it runs, and how it is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psycopg
from psycopg import sql

from coagg import database
from coagg.database import sql_text
from coagg.database.fingerprint import digest
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
from coagg.etl.reference.held import code_sets
from coagg.settings import COUNTRY, SQL

AREAS = "areas"  # a source that is kept under the names of its countries
OWN_FILE = "own file"
SHIPPED_FILE = "shipped"
RULES = SQL / "transforms" / "reference"


@dataclass(frozen=True)
class Source:
    """A part of the reference data: its name, its files, the rules it runs, how to load it."""

    name: str
    files: Sequence[Path]
    rules: Sequence[str]
    load: Callable[[psycopg.Connection], list[Finding]]
    asked: bool = False  # whether the caller named the file
    own: bool = False  # whether it is another file than that of the country's folder
    choices: Mapping[str, str] = field(default_factory=dict)  # what the caller said of the file

    def sha256(self) -> str:
        """A hash of its files, its rules and what the caller said of them."""
        files = [hashlib.sha256(csv_tables.read_bytes(path)).hexdigest() for path in self.files]
        rules = [sql_text.rules(RULES, rule) for rule in self.rules]
        return digest([REFERENCE_CODE, files, rules, *([self.choices] if self.choices else [])])

    def origin(self) -> str:
        """Whether its files are those of the country's folder, or a user's own in their place."""
        return OWN_FILE if self.own else SHIPPED_FILE


def sources_of(
    wanted: Sequence[countries.Country],
    agglomerations: Path | None,
    own: Mapping[str, Path],
    own_concordances: Sequence[Path],
    area_choices: areas.AreaChoices | None = None,
) -> list[Source]:
    """All sources of the countries wanted, and of the files that are given in the place of some."""
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


def _area_source(path: Path, choices: areas.AreaChoices) -> Source:
    def load(connection: psycopg.Connection) -> list[Finding]:
        found = connection.execute("SELECT DISTINCT country FROM reference.prefecture ORDER BY 1")
        frame, findings = areas.read_areas(path, choices, [row[0] for row in found.fetchall()])
        table = pd.DataFrame(frame.drop(columns="geometry"))
        table["geom"] = frame.geometry.to_wkb(hex=True, include_srid=True)
        _copy(connection, "incoming_area", table)
        return [*findings, *load_areas.place_areas(connection, path)]

    return Source(
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
) -> Source:
    def load(connection: psycopg.Connection) -> list[Finding]:
        table = classifications.read_classification(path, described)
        _copy(connection, "incoming_industry", table)
        database.run_file(connection, RULES / "50_industries.sql")
        return [Finding("codes", len(table))]

    own = path.resolve() != described.file.resolve()
    name = f"classification {described.name}"
    return Source(name, [path], ["50_industries.sql"], load, asked, own)


def _concordance_source(name: str, path: Path, *, asked: bool) -> Source:
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
    return Source(title, [path], ["60_concordances.sql"], load, asked, own)


def _areas_source(country: countries.Country) -> Source:
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
    return Source(f"prefectures {country.code}", files, rules, load)


def _place_codes_source(country: countries.Country) -> list[Source]:
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

    return [Source(f"place codes {country.code}", files, ["20_place_codes.sql"], load)]


def _agglomerations_source(country: str, path: Path, *, asked: bool, own: bool) -> Source:
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
    return Source(f"agglomerations {country}", [path], rules, load, asked, own)


def _copy(connection: psycopg.Connection, table: str, rows: pd.DataFrame) -> None:
    """COPY a frame into a temporary table by column name; blanks and missing values are NULL."""
    statement = sql.SQL("COPY pg_temp.{} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    values = rows.astype(object).where(rows.notna() & (rows != ""), None)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in values.itertuples(index=False, name=None):
            copy.write_row(row)
