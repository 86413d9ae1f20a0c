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
from dataclasses import dataclass, field, fields
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.analysis.panel import PANEL_CODE
from coagg.analysis.panel.settled import (
    PanelSettings,
    check,
    check_index,
    index_years,
    latest_measurement,
    no_index,
    settled,
)
from coagg.database import results, sql_text
from coagg.database.fingerprint import MISSING, NEVER, Fingerprint, fingerprint, why
from coagg.errors import CoaggError
from coagg.settings import COUNTRY, SQL, Settings
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
WORK_MEMORY = "192MB"

YEAR: LiteralString = "measurement_id = %s AND country = %s AND survey_year = %s"
COUNTED = (("cells", "industry_cell"), ("cells", "cell_guard"), ("pairs", "industry_pair"))


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


def build_panel(
    settings: Settings,
    measurement_id: int,
    survey_year: int,
    *,
    uk_measurement_id: int | None = None,
    country: str = COUNTRY,
    chosen: PanelSettings | None = None,
    force: bool = False,
) -> PanelReport:
    """Build the panel of one (measurement, country, survey year), in one transaction.

    `uk_measurement_id` None: the newest index of the instrument's agglomeration (`chosen`, by
    default the one of `coagg.settings`); where there is none, the columns uk_* are null. A year
    whose inputs and settings are unchanged is left as it is, unless `force`. Raises CoaggError,
    with nothing changed, for a year without an index or with an unfinished one, an unknown
    input-output table and impossible settings.
    """
    chosen = chosen or PanelSettings()
    check(chosen)
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
        check_index(connection, *key)
        values = settled(connection, key, chosen, uk_measurement_id)
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
    country: str = COUNTRY,
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
                raise no_index(number, country, year, years)
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


def _run(connection: psycopg.Connection, values: dict[str, Any]) -> tuple[int, int, dict[str, Any]]:
    connection.execute("SELECT set_config('work_mem', %s, true)", (WORK_MEMORY,))
    connection.execute("SET LOCAL jit = off")  # compiling costs more than these queries gain
    for step in STEPS[:-1]:
        database.run_file(connection, TRANSFORMS / step, values)
    ((cells, pairs, facts),) = database.query_file(connection, TRANSFORMS / STEPS[-1], values)
    return cells, pairs, facts


def _is_name(setting: str) -> bool:
    return setting.endswith("measurement_id") or setting.startswith("instrument_")


def inputs(connection: psycopg.Connection, values: Mapping[str, Any]) -> Fingerprint:
    """What the panel of a year is made from; `values` are all settings of the transforms."""
    found = database.query_file(connection, TRANSFORMS / "fingerprint.sql", values)
    data = {name: [rows, row_hashes] for name, rows, row_hashes in found}
    return fingerprint(
        {
            **{name: data.get(name) for name in DATA},
            # what is measured and where are names: what is in them stands in the parts of the index
            "settings": {k: v for k, v in values.items() if not _is_name(k)},
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
        f"SELECT inputs, {_AS_MANY} FROM panel.build AS b WHERE {YEAR}",
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
    country: str = COUNTRY,
    chosen: PanelSettings | None = None,
) -> str | None:
    """Why `build_panel` would build the year; None when it would leave it as it is.

    Arguments and errors are those of `build_panel`; nothing is written.
    """
    key = (measurement_id, country, survey_year)
    check_index(connection, *key)
    values = settled(connection, key, chosen or PanelSettings(), uk_measurement_id)
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
