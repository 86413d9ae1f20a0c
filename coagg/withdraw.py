"""Withdraw a survey year or a file with everything that hangs on it, in one transaction.

Results go from the newest set of results; sets of before keep theirs until they are pruned.

The ledger row stays, with the time and the reason; the received file stays in the data folder.
Estimates stay too, older than their panel by then, as `coagg check` and the engines see; but
those of a measurement that has no panel left go. A matching is found incomplete by its counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg
from psycopg import sql

from coagg import database
from coagg.database import results
from coagg.errors import CoaggError
from coagg.etl import ledger
from coagg.etl.firms.year import YearLock, in_a_quiet_moment
from coagg.settings import COUNTRY, INSTRUMENT_COUNTRY, Settings

WHY = "withdrawn with coagg unload"
KINDS = ("patents", "citations", "input-output")

# what hangs on a survey year: table and, where it is not the country and the year, the condition
YEAR: LiteralString = "country = %(country)s AND survey_year = %(year)s"
OF_YEAR = {
    "clean.refused": YEAR,
    "clean.firm_area": YEAR,
    "clean.patent_match": YEAR,
    "clean.firm_panel": YEAR,
    "clean.firm_panel_link": (
        "country = %(country)s AND (from_year = %(year)s OR to_year = %(year)s)"
    ),
    "coagglomeration.comparison": YEAR,
    "coagglomeration.industry_comparison": YEAR,
    "coagglomeration.comparison_cell": YEAR,
}
# results of the year, and the versions by which the newest set of results has them
RESULTS: dict[LiteralString, tuple[str, ...]] = {
    "coagglomeration.unit_version": ("coagglomeration.unit", "coagglomeration.pair_result"),
    "panel.build_version": ("panel.build", "panel.industry_cell", "panel.industry_pair"),
}
OF_DATASET = {
    "patents": {
        "clean.patent_match": (
            "patent_id IN (SELECT patent_id FROM clean.patent WHERE dataset = %(dataset)s)"
        ),
        "clean.patent_applicant": (
            "patent_id IN (SELECT patent_id FROM clean.patent WHERE dataset = %(dataset)s)"
        ),
        "clean.patent": "dataset = %(dataset)s",
        "clean.refused_input": "kind = 'patents' AND dataset = %(dataset)s",
    },
    "citations": {
        "clean.citation": "dataset = %(dataset)s",
        "clean.refused_input": "kind = 'citations' AND dataset = %(dataset)s",
    },
    "input-output": {
        "reference.io_sector_industry": "io_table = %(dataset)s",
        "reference.io_flow": "io_table = %(dataset)s",
        "reference.io_sector": "io_table = %(dataset)s",
        "reference.io_table": "io_table = %(dataset)s",
    },
}


@dataclass
class WithdrawReport:
    """What is gone, or would be: rows by table; estimates left that are stale, and deleted ones."""

    what: str
    reason: str
    dry_run: bool
    rows: dict[str, int] = field(default_factory=dict)
    stale_tables: int = 0
    deleted_tables: int = 0
    results: str = ""  # what became of the set of results


def withdraw_firms(
    settings: Settings,
    survey_year: int,
    country: str = COUNTRY,
    *,
    reason: str = WHY,
    dry_run: bool = False,
) -> WithdrawReport:
    """Withdraw a survey year: firms, matches, index, comparison, panel; what is left of it too.

    With `dry_run` nothing is changed and the report says what would go. Raises CoaggError when
    there is nothing of the year, or another load of it is running.
    """
    with database.making(settings, "unload") as work:
        report = _withdraw_firms(work.settings, survey_year, country, reason, dry_run)
    report.results = work.said
    return report


def _withdraw_firms(
    settings: Settings, survey_year: int, country: str, reason: str, dry_run: bool
) -> WithdrawReport:
    report = WithdrawReport(f"firms {country} {survey_year}", reason, dry_run)
    values: dict[str, object] = {"country": country, "year": survey_year}
    with (
        database.connect(settings) as connection,
        YearLock(settings, country, survey_year),
    ):
        report.rows["clean.firm"] = _count(connection, "clean.firm", YEAR, values)
        # a panel also rests on the year of the instrument's country that it was built with
        values["instrument"] = INSTRUMENT_COUNTRY
        rests = (
            "(country = %(country)s AND survey_year = %(year)s OR "
            "coalesce(settings ->> 'instrument_country', %(instrument)s) = %(country)s "
            "AND (settings ->> 'uk_survey_year')::integer = %(year)s)"
        )
        measurements = _measurements(connection, rests, values)
        report.rows |= _delete(connection, OF_YEAR, values)
        for versions, views in RESULTS.items():
            report.rows |= {view: _count(connection, view, YEAR, values) for view in views}
            results.retire(connection, versions, YEAR, values)
        if not any(report.rows.values()):
            years = connection.execute(
                "SELECT survey_year FROM ops.load WHERE country = %s AND superseded_at IS NULL "
                "ORDER BY 1",
                (country,),
            ).fetchall()
            loaded = ", ".join(str(year) for (year,) in years) or "none"
            raise CoaggError(f"nothing of {country} {survey_year} is there; loaded are {loaded}")
        _estimates(connection, report, measurements)
        if dry_run:
            connection.rollback()
            return report
        in_a_quiet_moment(
            connection, "SELECT clean.withdraw_year(%s, %s)", (country, survey_year), "withdrawn"
        )
        connection.execute(
            "UPDATE ops.load SET superseded_at = now(), withdrawn_reason = %(reason)s "
            "WHERE country = %(country)s AND survey_year = %(year)s AND superseded_at IS NULL",
            {**values, "reason": reason},
        )
        connection.commit()
    return report


def withdraw_input(
    settings: Settings, kind: str, dataset: str, *, reason: str = WHY, dry_run: bool = False
) -> WithdrawReport:
    """Withdraw a file of patents or citations, or an input-output table with its sector maps.

    `kind` is one of `KINDS`. A grant that took the place of a row in another data set does not give
    it back: load that file again. Raises CoaggError when the data set is not loaded.
    """
    with database.making(settings, "unload") as work:
        report = _withdraw_input(work.settings, kind, dataset, reason, dry_run)
    report.results = work.said
    return report


def _withdraw_input(
    settings: Settings, kind: str, dataset: str, reason: str, dry_run: bool
) -> WithdrawReport:
    report = WithdrawReport(f"{kind} {dataset}", reason, dry_run)
    values: dict[str, object] = {"dataset": dataset}
    with database.connect(settings) as connection:
        ledger.hold(connection, "patents" if kind == "citations" else kind)
        if kind == "citations":
            ledger.hold(connection, kind)
        datasets = connection.execute(
            "SELECT dataset FROM ops.input_load WHERE kind = %s AND superseded_at IS NULL "
            "ORDER BY 1",
            (kind,),
        ).fetchall()
        names = [str(name) for (name,) in datasets]
        if dataset not in names:
            raise CoaggError(f"no {kind} {dataset} is loaded; those are {', '.join(names) or '-'}")
        measurements = _measurements(connection, "TRUE", {})
        report.rows |= _delete(connection, OF_DATASET[kind], values)
        connection.execute(
            "UPDATE ops.input_load SET superseded_at = now(), withdrawn_reason = %s "
            "WHERE superseded_at IS NULL AND ((kind = %s AND dataset = %s) "
            "OR (%s = 'input-output' AND kind = 'sector-map' AND dataset ^@ %s))",
            (reason, kind, dataset, kind, f"{dataset} "),
        )
        _estimates(connection, report, measurements)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
    return report


def _measurements(
    connection: psycopg.Connection, condition: str, values: dict[str, object]
) -> list[int]:
    """Measurements whose panel rests on what goes; asked before it goes."""
    rows = connection.execute(
        f"SELECT DISTINCT measurement_id FROM panel.build WHERE {condition}", values
    ).fetchall()
    return [int(row[0]) for row in rows]


def _delete(
    connection: psycopg.Connection, tables: dict[str, str], values: dict[str, object]
) -> dict[str, int]:
    gone = {}
    for table, condition in tables.items():
        name = sql.Identifier(*table.split("."))
        statement = sql.SQL("DELETE FROM {} WHERE ").format(name) + sql.SQL(condition)
        gone[table] = connection.execute(statement, values).rowcount
    return gone


def _count(
    connection: psycopg.Connection, table: str, condition: str,
    values: Sequence[object] | Mapping[str, object],
) -> int:  # fmt: skip
    row = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}", values).fetchone()
    assert row is not None
    return int(row[0])


def _estimates(
    connection: psycopg.Connection, report: WithdrawReport, measurements: list[int]
) -> None:
    """Estimates of these measurements are stale; where no panel is left they rest on nothing."""
    no_panel: LiteralString = (
        "measurement_id = ANY(%s) AND NOT EXISTS (SELECT FROM panel.build AS b "
        "WHERE b.measurement_id = {0}.measurement_id AND b.country = {0}.options ->> 'country')"
    )
    connection.execute(
        f"DELETE FROM estimates.refusal WHERE {no_panel.format('refusal')}", (measurements,)
    )
    report.deleted_tables = _count(
        connection, "estimates.latest", no_panel.format("latest"), (measurements,)
    )
    results.retire(connection, "estimates.run", no_panel.format("run"), (measurements,))
    row = connection.execute(
        "SELECT count(*) FROM estimates.latest WHERE measurement_id = ANY(%s)", (measurements,)
    ).fetchone()
    assert row is not None
    report.stale_tables = int(row[0])
