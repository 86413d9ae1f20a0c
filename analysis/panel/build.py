"""Build the panel of a survey year: cells and ordered pairs with everything the tables need.

The arithmetic is SQL (sql/transforms/panel, run in order in one transaction); this module settles
the settings, finds out whether anything changed, and keeps the ledger panel.build.

Rules. A cell is an industry that the index of the year has in the agglomeration; all its ordered
pairs are in the panel. 0 means nothing there (no patents, no near industry, no citation); null
means not known (no sector in the input-output table, no revealed advantage to condition on, no UK
counterpart, shares of a zero total). A patent counts in the year of application, when granted,
whole in each cell of a matched applicant, once a cell; its industry and place are those of the
firm row the match names. Citations j -> k are made by patents of the cell (j, c) to patents of
industry k anywhere (setting `cited`), counted in the citing patent's year.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.analysis.panel import PANEL_CODE
from coagg.database import results, sql_text
from coagg.database.fingerprint import MISSING, NEVER, Fingerprint, fingerprint, why
from coagg.errors import CoaggError
from coagg.settings import SQL, Settings
from coagg.version import VERSION

TRANSFORMS = SQL / "transforms" / "panel"
STEPS = (
    "10_firms.sql", "20_index.sql", "30_patents.sql", "40_dependence.sql", "50_pairs.sql",
    "60_cells.sql", "65_guard.sql", "70_facts.sql",
)  # fmt: skip
# inputs in the data base, as named in fingerprint.sql; one without rows is none
DATA = (
    "index", "UK index", "firms", "industries of firms", "agglomerations", "patents", "citations",
    "matches", "firms of patents", "input-output table", "sector map", "concordances",
)  # fmt: skip
TECH = ("patents", "output")
CITED = ("anywhere", "same-agglomeration")
WORK_MEMORY = "192MB"

YEAR: LiteralString = "measurement_id = %s AND country = %s AND survey_year = %s"
COUNTED = (("cells", "industry_cell"), ("cells", "cell_guard"), ("pairs", "industry_pair"))
YEARS = """
SELECT survey_year FROM coagglomeration.unit
WHERE measurement_id = %s AND country = %s
GROUP BY survey_year ORDER BY survey_year
"""
LATEST = """
SELECT measurement_id FROM coagglomeration.unit
WHERE country = %s AND (%s::text IS NULL OR agglomeration_code = %s)
GROUP BY measurement_id
ORDER BY max(unit_id) DESC LIMIT 1
"""
UNFINISHED = """
SELECT agglomeration_code FROM coagglomeration.pair_result
WHERE measurement_id = %s AND country = %s AND survey_year = %s
GROUP BY agglomeration_code
HAVING count(DISTINCT fixed_industry) <> count(DISTINCT redrawn_industry)
ORDER BY agglomeration_code
"""
# what most firms of the year are coded in, where the index was measured in the year's own
OWN_CLASSIFICATION = """
SELECT classification FROM clean.firm
WHERE country = %s AND survey_year = %s AND classification IS NOT NULL
GROUP BY classification ORDER BY count(*) DESC, classification LIMIT 1
"""


@dataclass(frozen=True)
class PanelSettings:
    """What changes a number of the panel, beside its inputs.

    window_years: patents applied for in t to t + window_years - 1 count. tech: amounts whose
    revealed advantage makes Tech, patents or output. cited: where cited patents' firms may be,
    anywhere or same-agglomeration. io_table: name, None for the nearest year (the older on a tie).
    """

    window_years: int = 1
    tech: str = "patents"
    cited: str = "anywhere"
    io_table: str | None = None


@dataclass
class PanelReport:
    """What was built for one survey year; `skipped`: nothing had changed."""

    measurement_id: int
    country: str
    survey_year: int
    cells: int
    pairs: int
    skipped: bool
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)
    results: str = ""  # what became of the set of results; empty: nothing changed


def latest_measurement(
    connection: psycopg.Connection, country: str, agglomeration: str | None = None
) -> int | None:
    """The measurement with the newest unit of the country; None without any."""
    row = connection.execute(LATEST, (country, agglomeration, agglomeration)).fetchone()
    return None if row is None else int(row[0])


def index_years(connection: psycopg.Connection, measurement_id: int, country: str) -> list[int]:
    """Survey years the measurement has.

    Raises CoaggError naming the command for a measurement that does not exist or has no index of
    the country.
    """
    found = [int(year) for (year,) in connection.execute(YEARS, (measurement_id, country))]
    if not found:
        known = [
            str(number)
            for (number,) in connection.execute(
                "SELECT DISTINCT measurement_id FROM coagglomeration.unit WHERE country = %s "
                "ORDER BY 1",
                (country,),
            )
        ]
        raise CoaggError(
            f"measurement {measurement_id} has no index of {country}; those that have: "
            f"{', '.join(known) or 'none'} (coagg index --survey-year YEAR)"
        )
    return found


def build_panel(
    settings: Settings,
    measurement_id: int,
    survey_year: int,
    *,
    uk_measurement_id: int | None = None,
    country: str = "CN",
    chosen: PanelSettings | None = None,
    force: bool = False,
) -> PanelReport:
    """Build the panel of one (measurement, country, survey year), in one transaction.

    `uk_measurement_id` None: the newest index of agglomeration UK; where there is none, the UK
    columns are null. A year whose inputs and settings are unchanged is left as it is, unless
    `force`. Raises CoaggError, with nothing changed, for a year without an index or with an
    unfinished one, an unknown input-output table and impossible settings.
    """
    chosen = chosen or PanelSettings()
    _check(chosen)
    with database.making(settings, "panel") as work:
        report = _build(
            work.settings, (measurement_id, country, survey_year), chosen, uk_measurement_id, force
        )
    report.results = work.said
    return report


def _build(
    settings: Settings,
    key: tuple[int, str, int],
    chosen: PanelSettings,
    uk_measurement_id: int | None,
    force: bool,
) -> PanelReport:
    started = time.monotonic()
    with database.connect(settings) as connection:  # one transaction, committed at its end
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        # LOCK comes before the snapshot: who waited sees what the other built
        connection.execute("LOCK TABLE panel.build_version IN SHARE ROW EXCLUSIVE MODE")
        _check_index(connection, *key)
        values = _values(connection, key, chosen, uk_measurement_id)
        made_from = inputs(connection, values)
        if not force and _why(connection, key, made_from) is None:
            built = connection.execute(
                f"SELECT cells, pairs, facts FROM panel.build WHERE {YEAR}", key
            ).fetchone()
            assert built is not None
            return PanelReport(*key, built[0], built[1], True, time.monotonic() - started, built[2])
        set_id = results.retire(connection, "panel.build_version", YEAR, key)
        row = connection.execute(
            "INSERT INTO panel.build_version (measurement_id, country, survey_year, input_sha256, "
            "inputs, settings, cells, pairs, facts, code_version, from_set) "
            "VALUES (%s, %s, %s, %s, %s, %s, 0, 0, '{}', %s, %s) RETURNING build_id",
            (
                *key, made_from.sha256, Jsonb(made_from.as_json()), Jsonb(values),
                f"{VERSION}+panel.{PANEL_CODE}", set_id,
            ),
        ).fetchone()  # fmt: skip
        assert row is not None
        cells, pairs, facts = _run(connection, {**values, "build_id": row[0]})
        connection.execute(
            "UPDATE panel.build_version SET cells = %s, pairs = %s, facts = %s WHERE build_id = %s",
            (cells, pairs, Jsonb(facts), row[0]),
        )
    return PanelReport(*key, cells, pairs, False, time.monotonic() - started, facts)


def build_panels(
    settings: Settings,
    survey_years: Sequence[int] = (),
    *,
    measurement_id: int | None = None,
    uk_measurement_id: int | None = None,
    country: str = "CN",
    chosen: PanelSettings | None = None,
    force: bool = False,
) -> list[PanelReport]:
    """Build several years: all that the measurement has by default, the newest measurement."""
    with database.making(settings, "panel") as work:
        with database.connect(work.settings) as connection:
            number = measurement_id or latest_measurement(connection, country)
            if number is None:
                raise CoaggError(
                    f"no index of {country} to build on: coagg index --survey-year YEAR"
                )
            years = index_years(connection, number, country)
        for year in survey_years:
            if year not in years:
                raise _no_index(number, country, year, years)
        reports = [
            build_panel(
                work.settings, number, year, uk_measurement_id=uk_measurement_id, country=country,
                chosen=chosen, force=force,
            )
            for year in (survey_years or years)
        ]  # fmt: skip
    for report in reports:
        report.results = work.said
    return reports


def _check(chosen: PanelSettings) -> None:
    if chosen.window_years < 1:
        raise CoaggError(f"window {chosen.window_years}: at least 1 year is needed")
    if chosen.tech not in TECH:
        raise CoaggError(f"tech {chosen.tech!r}: say one of {', '.join(TECH)}")
    if chosen.cited not in CITED:
        raise CoaggError(f"cited {chosen.cited!r}: say one of {', '.join(CITED)}")


def _no_index(number: int, country: str, year: int, years: Sequence[int]) -> CoaggError:
    return CoaggError(
        f"measurement {number} has no index of {country} {year}, only of "
        f"{', '.join(map(str, years))}: coagg index --survey-year {year}, same settings, first"
    )


def _check_index(
    connection: psycopg.Connection, measurement_id: int, country: str, survey_year: int
) -> None:
    years = index_years(connection, measurement_id, country)
    if survey_year not in years:
        raise _no_index(measurement_id, country, survey_year, years)
    _check_finished(connection, measurement_id, country, survey_year)


def _check_finished(
    connection: psycopg.Connection, measurement_id: int, country: str, survey_year: int
) -> None:
    unfinished = connection.execute(UNFINISHED, (measurement_id, country, survey_year)).fetchall()
    if unfinished:
        raise CoaggError(
            f"measurement {measurement_id}, {country} {survey_year}: the index of "
            f"{', '.join(code for (code,) in unfinished)} is unfinished: "
            f"coagg index --survey-year {survey_year} goes on where it stopped"
        )


def _values(
    connection: psycopg.Connection,
    key: tuple[int, str, int],
    chosen: PanelSettings,
    uk_measurement_id: int | None,
) -> dict[str, Any]:
    """All settings of the transforms, those left open settled from what is loaded."""
    measurement_id, country, survey_year = key
    row = connection.execute(
        "SELECT settings ->> 'classification' FROM coagglomeration.measurement "
        "WHERE measurement_id = %s",
        (measurement_id,),
    ).fetchone()
    classification = row[0] if row else None
    if classification is None:
        own = connection.execute(OWN_CLASSIFICATION, (country, survey_year)).fetchone()
        if own is None:
            raise CoaggError(
                f"{country} {survey_year} has no firm with a classification: load the year again "
                f"(coagg load firms FILE --survey-year {survey_year})"
            )
        classification = own[0]
    uk_measurement_id, uk_year = _uk(connection, uk_measurement_id)
    return {
        "measurement_id": measurement_id,
        "country": country,
        "survey_year": survey_year,
        "classification": classification,
        **asdict(chosen),
        "io_table": _io_table(connection, chosen.io_table, survey_year),
        "uk_measurement_id": uk_measurement_id,
        "uk_survey_year": uk_year,
    }


def _uk(
    connection: psycopg.Connection, uk_measurement_id: int | None
) -> tuple[int | None, int | None]:
    """Measurement of the UK index and its newest survey year."""
    number = uk_measurement_id or latest_measurement(connection, "GB", "UK")
    if number is None:
        return None, None
    row = connection.execute(
        "SELECT max(survey_year) FROM coagglomeration.unit WHERE measurement_id = %s "
        "AND country = 'GB' AND agglomeration_code = 'UK'",
        (number,),
    ).fetchone()
    if row is None or row[0] is None:
        raise CoaggError(
            f"measurement {number} has no index of agglomeration UK: "
            "coagg index --country GB --agglomeration UK --survey-year YEAR"
        )
    _check_finished(connection, number, "GB", int(row[0]))
    return number, int(row[0])


def _io_table(connection: psycopg.Connection, asked: str | None, survey_year: int) -> str | None:
    tables = connection.execute(
        "SELECT io_table FROM reference.io_table ORDER BY abs(year - %s), year, io_table",
        (survey_year,),
    ).fetchall()
    names = [str(name) for (name,) in tables]
    if asked is None:
        return names[0] if names else None
    if asked not in names:
        raise CoaggError(
            f"input-output table {asked!r} is not loaded; those are {', '.join(names) or 'none'}"
        )
    return asked


def _run(connection: psycopg.Connection, values: dict[str, Any]) -> tuple[int, int, dict[str, Any]]:
    connection.execute("SELECT set_config('work_mem', %s, true)", (WORK_MEMORY,))
    connection.execute("SET LOCAL jit = off")  # compiling costs more than these queries gain
    for step in STEPS[:-1]:
        database.run_file(connection, TRANSFORMS / step, values)
    ((cells, pairs, facts),) = database.query_file(connection, TRANSFORMS / STEPS[-1], values)
    return cells, pairs, facts


def inputs(connection: psycopg.Connection, values: Mapping[str, Any]) -> Fingerprint:
    """What the panel of a year is made from; `values` are all settings of the transforms."""
    found = database.query_file(connection, TRANSFORMS / "fingerprint.sql", values)
    data = {name: [rows, row_hashes] for name, rows, row_hashes in found}
    return fingerprint(
        {
            **{name: data.get(name) for name in DATA},
            # numbers of measurements are names: what is in them stands in the parts of the index
            "settings": {k: v for k, v in values.items() if not k.endswith("measurement_id")},
            "rules": [sql_text.rules(TRANSFORMS, step) for step in STEPS],
            "code": PANEL_CODE,
        }
    )


_AS_MANY = " AND ".join(
    f"{counted} = (SELECT count(*) FROM panel.{table} AS t WHERE t.measurement_id = "
    "b.measurement_id AND t.country = b.country AND t.survey_year = b.survey_year)"
    for counted, table in COUNTED
)


def _why(
    connection: psycopg.Connection, key: tuple[int, str, int], made_from: Fingerprint
) -> str | None:
    row = connection.execute(
        f"SELECT inputs, {_AS_MANY} FROM panel.build AS b "
        "WHERE measurement_id = %s AND country = %s AND survey_year = %s",
        key,
    ).fetchone()
    if row is None:
        return NEVER
    return why(row[0], made_from) or (None if row[1] else MISSING)


def why_build(
    connection: psycopg.Connection,
    measurement_id: int,
    survey_year: int,
    *,
    uk_measurement_id: int | None = None,
    country: str = "CN",
    chosen: PanelSettings | None = None,
) -> str | None:
    """Why `build_panel` would build the year; None when it would leave it as it is.

    Arguments and errors are those of `build_panel`; nothing is written.
    """
    key = (measurement_id, country, survey_year)
    _check_index(connection, *key)
    values = _values(connection, key, chosen or PanelSettings(), uk_measurement_id)
    return _why(connection, key, inputs(connection, values))


def stale_builds(connection: psycopg.Connection) -> dict[str, str]:
    """Built years that would be built anew with the same settings, by name, and why."""
    found = {}
    for number, country, year, settings in connection.execute(
        "SELECT measurement_id, country, survey_year, settings FROM panel.build ORDER BY 1, 2, 3"
    ).fetchall():
        asked = PanelSettings(
            **{f.name: settings.get(f.name, f.default) for f in fields(PanelSettings)}
        )
        try:
            said = why_build(
                connection, number, year, uk_measurement_id=settings.get("uk_measurement_id"),
                country=country, chosen=asked,
            )  # fmt: skip
        except CoaggError as fault:
            said = str(fault)
        if said:
            found[f"panel {number} {country} {year}"] = said
    return found
