"""Reference data into PostGIS: areas, place codes, agglomerations, classifications, concordances.

Each part is a source with a hash; a part whose files and rules are unchanged is left alone. All is
one transaction. A file of the user's own stays in place until another is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from coagg import database
from coagg.etl.reference import (
    areas,
    countries,
)
from coagg.etl.reference.boundaries import Finding
from coagg.etl.reference.held import held_countries
from coagg.etl.reference.sources import AREAS, OWN_FILE, RULES, Source, sources_of
from coagg.settings import COUNTRY

# translations between classifications are worked out once, when all is loaded
TRANSLATIONS = "SELECT set_config('coagg.translations', %s, true)"

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
        for source in sources_of(
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
        for source in sources_of(_wanted(connection, None), None, {}, ())
        if not held.get(source.name, ("", False))[1]
        and held.get(source.name, ("", False))[0] != source.sha256()
    ]


def _wanted(connection: psycopg.Connection, only: Sequence[str] | None) -> list[countries.Country]:
    if only is None:
        folders = countries.folders()
        held = [code for code in held_countries(connection) if code in folders]
        only = sorted({*countries.at_once(), *held})
    return [countries.of(code) for code in only]


def _held(connection: psycopg.Connection) -> dict[str, tuple[str, bool]]:
    """Of every source that is loaded: its hash, and whether it came from the user's own file."""
    rows = connection.execute(
        "SELECT s.source, s.detail, f.detail = %s FROM reference.load_report AS s "
        "JOIN reference.load_report AS f ON f.source = s.source AND f.item = 'file' "
        "WHERE s.item = 'sha256'",
        (OWN_FILE,),
    ).fetchall()
    return {source: (sha256, own) for source, sha256, own in rows}


def _reported(connection: psycopg.Connection, source: Source) -> list[str]:
    """Under which names a source is kept: areas under those of the countries they lie in."""
    if source.name != AREAS:
        return [source.name]
    found = connection.execute("SELECT DISTINCT country FROM pg_temp.incoming_area ORDER BY 1")
    return [f"agglomerations {country}" for (country,) in found.fetchall()]


def _write_report(
    connection: psycopg.Connection,
    name: str,
    source: Source,
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
