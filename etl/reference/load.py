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
from coagg.etl.reference import REFERENCE_CODE, areas, boundaries, classifications, load_areas
from coagg.etl.reference import agglomerations as members
from coagg.etl.reference.boundaries import Finding
from coagg.settings import SQL

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


@dataclass(frozen=True)
class _Source:
    """A part of the reference data: its name, its files, the rules it runs, how to load it."""

    name: str
    files: Sequence[Path]
    rules: Sequence[str]
    load: Callable[[psycopg.Connection], list[Finding]]
    asked: bool = False  # whether the caller named the file
    choices: Mapping[str, str] = field(default_factory=dict)  # what the caller said of the file

    def sha256(self) -> str:
        files = [hashlib.sha256(csv_tables.read_bytes(path)).hexdigest() for path in self.files]
        rules = [sql_text.rules(RULES, rule) for rule in self.rules]
        return digest([REFERENCE_CODE, files, rules, *([self.choices] if self.choices else [])])

    def origin(self) -> str:
        shipped = all(boundaries.DATA in path.resolve().parents for path in self.files)
        return SHIPPED_FILE if shipped else OWN_FILE


def load_reference(
    connection: psycopg.Connection,
    *,
    agglomerations: Path | None = None,
    area_choices: areas.AreaChoices | None = None,
    own_classifications: Mapping[str, Path] | None = None,
    own_concordances: Sequence[Path] = (),
    progress: Progress | None = None,
) -> ReferenceReport:
    """Load the shipped reference data, and the user's own where given, in one transaction.

    `agglomerations` is a csv in the form of etl/data/agglomerations/agglomerations.csv, in place of
    the shipped one, or a vector file of areas, of which `area_choices` says what its columns do
    not (`coagg.etl.reference.areas`); `own_classifications` maps a name (gbt4754_1994) to a csv of
    its codes; `own_concordances` are files named <from>_to_<to>.csv. What is not given stays as it
    is loaded; to return to a shipped file, give its path. On a connection that is in a transaction
    already, the caller commits.

    Raises CoaggError naming file and line when an own file is faulty; then nothing is changed.
    """
    begun = time.perf_counter()
    loaded: dict[str, list[Finding]] = {}
    unchanged: list[str] = []
    sources = [
        (source, source.sha256())
        for source in _sources(
            agglomerations, own_classifications or {}, own_concordances, area_choices
        )
    ]
    with connection.transaction():
        # two loads at once run one after the other; readers are not held up
        connection.execute("LOCK TABLE reference.load_report IN SHARE ROW EXCLUSIVE MODE")
        held = _held(connection)
        for source, sha256 in sources:
            held_sha256, held_own = held.get(source.name, ("", False))
            dissolve = source.name == "agglomerations" and "prefectures" in loaded
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
            loaded[source.name] = findings
            _write_report(connection, source, sha256, findings)
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
        for source in _sources(None, {}, ())
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
        "industry codes": rows_hash(
            connection,
            "SELECT classification, industry_code FROM reference.industry WHERE level > 1",
        ),
    }


def _sources(
    agglomerations: Path | None,
    own: Mapping[str, Path],
    own_concordances: Sequence[Path],
    area_choices: areas.AreaChoices | None = None,
) -> list[_Source]:
    prefectures = [boundaries.CN_PREFECTURES, boundaries.CN_NAMES, boundaries.GB_REGIONS]
    places = agglomerations or members.SHIPPED
    if area_choices and area_choices.given() and not areas.is_vector(places):
        said = ", ".join(f"--area-{name}" for name in area_choices.given())
        raise CoaggError(f"{said}: of a vector file only, and {places} is a list of members")
    found = [
        _Source("prefectures", prefectures, ["10_prefectures.sql"], _load_prefectures),
        _Source("place codes", [members.PLACE_CODES], ["20_place_codes.sql"], _load_place_codes),
        _area_source(places, area_choices or areas.AreaChoices())
        if areas.is_vector(places)
        else _Source(
            "agglomerations",
            [places, members.UNITED_KINGDOM],
            ["30_agglomerations.sql", "40_dissolve.sql"],
            lambda connection: _load_agglomerations(connection, places),
            asked=agglomerations is not None,
        ),
    ]
    shipped = {path.stem: path for path in sorted(classifications.CLASSIFICATIONS.glob("*.csv"))}
    for name, path in {**shipped, **own}.items():
        found.append(_classification_source(name, path, asked=name in own))
    links = {path.stem: path for path in sorted(classifications.CONCORDANCES.glob("*.csv"))}
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

    return _Source("agglomerations", [path], ["35_areas.sql"], load, True, choices.given())


def _classification_source(name: str, path: Path, *, asked: bool) -> _Source:
    def load(connection: psycopg.Connection) -> list[Finding]:
        table = classifications.read_classification(path, name)
        _copy(connection, "incoming_industry", table)
        database.run_file(connection, RULES / "50_industries.sql")
        return [Finding("codes", len(table))]

    return _Source(f"classification {name}", [path], ["50_industries.sql"], load, asked)


def _concordance_source(name: str, path: Path, *, asked: bool) -> _Source:
    def load(connection: psycopg.Connection) -> list[Finding]:
        table = classifications.read_concordance(path, code_sets(connection))
        _copy(connection, "incoming_concordance", table)
        database.run_file(connection, RULES / "60_concordances.sql")
        return [
            Finding("links", len(table)),
            Finding("doubtful links", int(table["doubtful"].sum())),
        ]

    title = name.replace("_to_", " to ")
    return _Source(f"concordance {title}", [path], ["60_concordances.sql"], load, asked)


def _load_prefectures(connection: psycopg.Connection) -> list[Finding]:
    findings: list[Finding] = []
    for read in (boundaries.read_prefectures, boundaries.read_regions):
        frame, found = read()
        table = pd.DataFrame(frame.drop(columns="geometry"))
        table["geom"] = frame.geometry.to_wkb(hex=True, include_srid=True)
        _copy(connection, "incoming_prefecture", table)
        findings += [*found, Finding(f"{table['country'].iloc[0]} areas", len(table))]
    database.run_file(connection, RULES / "10_prefectures.sql")
    pieces = connection.execute("SELECT count(*) FROM reference.prefecture_piece").fetchone()
    assert pieces is not None
    return [*findings, Finding("pieces", pieces[0])]


def _load_place_codes(connection: psycopg.Connection) -> list[Finding]:
    table = members.read_place_codes()
    table.insert(0, "country", "CN")
    table["candidates"] = "{" + table["candidates"].str.replace(";", ",") + "}"
    _copy(connection, "incoming_place_code", table)
    database.run_file(connection, RULES / "20_place_codes.sql")
    open_codes = table.loc[table["prefecture_code"] == "", "place_code"]
    return [
        Finding("codes", table["place_code"].nunique()),
        Finding("codes that may mean several", len(open_codes), ", ".join(open_codes)),
    ]


def _load_agglomerations(connection: psycopg.Connection, path: Path) -> list[Finding]:
    known = connection.execute("SELECT country, prefecture_code FROM reference.prefecture")
    known_areas = set(known.fetchall())
    table = members.read_agglomerations(path, known_areas)
    # countries that the list does not name keep theirs; the shipped list puts all back
    kept = connection.execute("SELECT DISTINCT country FROM reference.agglomeration").fetchall()
    stay = set(table["country"])
    stay |= set() if path == members.SHIPPED else {country for (country,) in kept}
    for shipped in (members.SHIPPED, members.UNITED_KINGDOM):
        further = members.read_agglomerations(shipped, known_areas)
        table = pd.concat([table, further[~further["country"].isin(stay)]], ignore_index=True)
    _copy(connection, "incoming_member", table)
    database.run_file(connection, RULES / "30_agglomerations.sql")
    database.run_file(connection, RULES / "40_dissolve.sql")
    twice = table[table.duplicated(["country", "prefecture_code"], keep=False)]
    part = table[(table["coverage"] == "part") & table["assigned"]]
    counts = []
    for country, held, assigned in connection.execute(
        "SELECT country, count(DISTINCT agglomeration_code), count(*) FILTER (WHERE assigned) "
        "FROM reference.agglomeration_member GROUP BY country ORDER BY country"
    ).fetchall():
        counts.append(Finding(f"{country} agglomerations", held))
        counts.append(Finding(f"{country} members", assigned))
    return [
        *counts,
        Finding(
            "prefectures claimed twice",
            twice["prefecture_code"].nunique(),
            ", ".join(sorted(set(twice["prefecture_code"]))),
        ),
        Finding("members in part, taken whole", len(part), ", ".join(part["prefecture_code"])),
    ]


def _held(connection: psycopg.Connection) -> dict[str, tuple[str, bool]]:
    """Of every source that is loaded: its hash, and whether it came from the user's own file."""
    rows = connection.execute(
        "SELECT s.source, s.detail, f.detail = %s FROM reference.load_report AS s "
        "JOIN reference.load_report AS f ON f.source = s.source AND f.item = 'file' "
        "WHERE s.item = 'sha256'",
        (OWN_FILE,),
    ).fetchall()
    return {source: (sha256, own) for source, sha256, own in rows}


def _write_report(
    connection: psycopg.Connection, source: _Source, sha256: str, findings: Iterable[Finding]
) -> None:
    connection.execute("DELETE FROM reference.load_report WHERE source = %s", (source.name,))
    facts = [
        Finding("sha256", None, sha256),
        Finding("file", None, source.origin()),
        *findings,
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO reference.load_report (source, item, count, detail) "
            "VALUES (%s, %s, %s, %s)",
            [(source.name, fact.item, fact.count, fact.detail) for fact in facts],
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
