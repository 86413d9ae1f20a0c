"""Estimate tables from the panel and store every number; what is unchanged is skipped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from coagg import database
from coagg.analysis.tables import standing, store
from coagg.analysis.tables.columns import estimate_columns, estimate_tests
from coagg.analysis.tables.descriptives import describe
from coagg.analysis.tables.inputs import Panel, inputs
from coagg.analysis.tables.options import THRESHOLDS, Options, respecified
from coagg.analysis.tables.specification import Table, chosen, stored_table
from coagg.errors import CoaggError
from coagg.settings import COUNTRY, Settings


@dataclass(frozen=True)
class TableReport:
    """What became of a table: estimated, unchanged, or not possible and why."""

    name: str
    run_id: int | None
    skipped: bool
    columns: int
    reason: str = ""
    options: Options = field(default_factory=Options)
    measurement_id: int = 0


@dataclass
class EstimateReport:
    """All tables asked for, in order."""

    measurement_id: int
    tables: list[TableReport] = field(default_factory=list)
    results: str = ""  # what became of the set of results; empty: nothing changed


SENSITIVITY_FIRMS = (5, 10)
Progress = Callable[[int, int], None]  # tables done, tables in all


def latest_measurement(connection: psycopg.Connection, country: str) -> int:
    """The measurement whose panel was built last; CoaggError when there is no panel."""
    row = connection.execute(
        "SELECT measurement_id FROM panel.build WHERE country = %s ORDER BY build_id DESC LIMIT 1",
        (country,),
    ).fetchone()
    if row is None:
        more = "" if country == COUNTRY else f" --country {country}"
        raise CoaggError(f"no panel of {country} is built: coagg panel{more}")
    return int(row[0])


def measurements(connection: psycopg.Connection, country: str) -> list[int]:
    """Every measurement that has a panel."""
    rows = connection.execute(
        "SELECT DISTINCT measurement_id FROM panel.build WHERE country = %s ORDER BY 1", (country,)
    ).fetchall()
    return [int(row[0]) for row in rows]


def estimate_tables(
    settings: Settings,
    tables: Mapping[str, Table],
    names: Sequence[str] = (),
    measurement_id: int | None = None,
    options: Options | None = None,
    leave_one_out: bool = False,
    sensitivity: bool = False,
    survey_years: Sequence[int] = (),
    progress: Progress = lambda done, total: None,
) -> EstimateReport:
    """Estimate the named tables (default all) and store them, a transaction each.

    `survey_years` keeps only these of the panel, by default all.
    `leave_one_out`: each table without each agglomeration in turn, beside the whole.
    `sensitivity`: each table in every reading of direction, at every threshold, for every minimum
    of firms in `SENSITIVITY_FIRMS`, and from every measurement that has a panel.
    A table that is asked for by name and cannot be estimated raises CoaggError; among all tables
    and in variants of one it is reported with its reason and the others go on.
    """
    options = options or Options()
    options.check()
    wanted = chosen(tables, list(names))
    with database.making(settings, "estimate") as work:
        report = _estimate(
            work.settings, wanted, names, measurement_id, options, leave_one_out, sensitivity,
            survey_years, progress,
        )  # fmt: skip
    report.results = work.said
    return report


def _estimate(
    settings: Settings,
    wanted: Sequence[Table],
    names: Sequence[str],
    measurement_id: int | None,
    options: Options,
    leave_one_out: bool,
    sensitivity: bool,
    survey_years: Sequence[int],
    progress: Progress,
) -> EstimateReport:
    with database.connect(settings) as connection:
        number = (
            latest_measurement(connection, options.country)
            if measurement_id is None
            else measurement_id
        )
        report = EstimateReport(number)
        numbers = [number]
        if sensitivity and measurement_id is None:
            numbers += [n for n in measurements(connection, options.country) if n != number]
        panels: dict[tuple[int, bool], Panel] = {}

        def panel(one: int, turned: bool) -> Panel:
            if (one, turned) not in panels:
                panels[one, turned] = Panel(
                    settings, connection, one, options.country, turned, survey_years
                )
            return panels[one, turned]

        def variants(one: int) -> list[Options]:
            found = list(_sensitivity(options)) if sensitivity else [options]
            if options.leave_out is not None or leave_one_out:
                codes = panel(one, options.transposed).cells.codes("agglomeration_code")[1].tolist()
                if options.leave_out not in (None, *codes):
                    raise CoaggError(
                        f"no agglomeration {options.leave_out} in the panel to leave out; "
                        f"it has {', '.join(codes)}"
                    )
            if leave_one_out:
                if len(codes) < 2:
                    raise CoaggError(
                        f"the panel has one agglomeration, {codes[0]}: nothing is left without it; "
                        "measure more agglomerations (coagg index)"
                    )
                found += [dataclasses.replace(options, leave_out=code) for code in codes]
            return found

        todo = [(t, n, one) for n in numbers for t in wanted for one in variants(n)]
        for done, (table, one_number, one) in enumerate(todo):
            progress(done, len(todo))
            asked = one == options and one_number == number
            try:
                one_panel = panel(one_number, one.transposed)
                report.tables.append(_table(connection, one_panel, table, one))
            except CoaggError as fault:
                if names and asked:
                    raise
                report.tables.append(
                    TableReport(
                        table.name, None, False, len(table.columns), str(fault), one, one_number
                    )
                )
        progress(len(todo), len(todo))
    return report


def _sensitivity(options: Options) -> Iterator[Options]:
    yield options
    for transposed in (False, True):
        for threshold in (None, *THRESHOLDS):
            for least in (None, *SENSITIVITY_FIRMS):
                one = dataclasses.replace(
                    options, transposed=transposed, threshold=threshold, min_firms=least
                )
                if one != options:
                    yield one


def _table(
    connection: psycopg.Connection, panel: Panel, table: Table, options: Options
) -> TableReport:
    """Estimate one table, or find it unchanged, or as impossible as it was."""
    table = respecified(table, options)
    made_from, stored = inputs(panel, table, options), options.as_json()
    number = panel.measurement_id
    if standing.why_of(connection, number, table, stored, made_from) is None:
        run_id, reason = standing.standing(connection, number, table, stored)
        connection.commit()
        if reason:
            raise CoaggError(reason)
        return TableReport(table.name, run_id, True, len(table.columns), "", options, number)
    connection.commit()
    try:
        rows = panel.level(table.level) if table.columns else None
        fitted = [] if rows is None else estimate_columns(rows, table, options, panel.around)
        tests = [] if rows is None else list(estimate_tests(rows, table, options))
        statistics = [
            one
            for start, asked in enumerate(table.describes)
            for one in describe(
                panel.level(asked.level), asked, options.conditions(asked.level), 100 * start
            )
        ]
    except CoaggError as fault:
        standing.write_refusal(connection, number, table, stored, made_from, str(fault))
        connection.commit()
        raise
    run_id = store.write_run(
        connection, number, table, stored, made_from, fitted, tests, statistics,
        panel.survey_years,
    )  # fmt: skip
    connection.commit()
    return TableReport(table.name, run_id, False, len(table.columns), "", options, number)


def why_estimate(
    settings: Settings,
    connection: psycopg.Connection,
    tables: Mapping[str, Table],
    measurement_id: int,
    options: Options | None = None,
    survey_years: Sequence[int] = (),
) -> str | None:
    """Why `estimate_tables` would estimate a table; None when it would skip all.

    Raises CoaggError when the measurement has no panel; nothing is written.
    """
    options = options or Options()
    panel = Panel(
        settings, connection, measurement_id, options.country, options.transposed, survey_years
    )
    found: dict[str, list[str]] = {}
    for table in tables.values():
        asked = respecified(table, options)
        made_from = inputs(panel, asked, options)
        said = standing.why_of(connection, measurement_id, asked, options.as_json(), made_from)
        if said:
            found.setdefault(said, []).append(table.name)
    told = [
        said if len(names) == len(tables) else f"{said} in {', '.join(names)}"
        for said, names in found.items()
    ]
    return "; ".join(told) or None


def stale_tables(settings: Settings, connection: psycopg.Connection) -> dict[str, str]:
    """Stored tables that would be estimated anew from the panel as it is, by name, and why."""
    found = {}
    panels: dict[tuple[int, str, bool, tuple[int, ...]], Panel] = {}
    for number, stored, raw, years in standing.latest(connection):
        options, table = Options(**stored), stored_table(raw)
        key = (number, options.country, options.transposed, tuple(years))
        try:
            panel = panels.setdefault(key, Panel(settings, connection, *key))
            said = standing.why_of(connection, number, table, stored, inputs(panel, table, options))
        except CoaggError as fault:
            said = str(fault)
        if said:
            words = " ".join(store.command_words(stored))
            found[f"{table.name} {number} {words}".rstrip()] = said
    return found
