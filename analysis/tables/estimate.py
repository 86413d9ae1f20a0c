"""Estimate tables from the panel and store every number; what is unchanged is skipped."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import psycopg
import pyfixest

from coagg import database
from coagg.analysis.panel import read as panel_data
from coagg.analysis.tables import store
from coagg.analysis.tables.columns import Around, Positions, estimate_columns, estimate_tests
from coagg.analysis.tables.descriptives import describe, described_names
from coagg.analysis.tables.level import Cells, Level, Pairs
from coagg.analysis.tables.options import THRESHOLDS, Options, respecified
from coagg.analysis.tables.permutation import AMOUNTS, Network
from coagg.analysis.tables.specification import Table, chosen
from coagg.errors import CoaggError
from coagg.settings import Settings
from coagg.version import VERSION


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


SENSITIVITY_FIRMS = (5, 10)
Progress = Callable[[int, int], None]  # tables done, tables in all


@cache
def code_version() -> str:
    """Version of the arithmetic of the estimates: changes with any of its source."""
    here = Path(__file__).parent
    digest = hashlib.sha256(f"numpy {np.__version__} pyfixest {pyfixest.__version__}".encode())
    sources = sorted((here.parent / "estimation").glob("*.py"))
    own = ("columns", "descriptives", "estimate", "level", "permutation", "options")
    sources += [here / f"{name}.py" for name in own]
    sources.append(here.parent / "panel" / "variables.py")
    for file in sources:
        digest.update(file.name.encode() + file.read_bytes())
    return f"{VERSION}+{digest.hexdigest()[:12]}"


class Panel:
    """The panel of a measurement in one reading of direction, each level read when wanted."""

    def __init__(
        self, settings: Settings, connection: psycopg.Connection, measurement_id: int,
        country: str, transposed: bool, survey_years: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self._settings, self._connection = settings, connection
        self.measurement_id, self._country = measurement_id, country
        self._transposed, self._years = transposed, tuple(survey_years)
        self.around = Around(self._positions, lambda: self._network)

    @cached_property
    def cells(self) -> Cells:
        """Level of cells."""
        frame = panel_data.cell_frame(
            self._connection, self.measurement_id, self._country, self._years
        )
        self._connection.commit()
        if frame.empty:
            raise CoaggError(
                f"the panel has no cell of {self._country}, measurement {self.measurement_id}: "
                "coagg panel"
            )
        return Cells(frame, self._transposed)

    @cached_property
    def pairs(self) -> Pairs:
        """Level of pairs."""
        file = panel_data.pair_parquet(
            self._settings, self.measurement_id, self._country, self._years
        )
        return Pairs(file, self.cells)

    @cached_property
    def _network(self) -> Network:
        return Network(self.pairs)

    def _positions(self) -> Positions:
        rows = self._connection.execute(
            "SELECT agglomeration_code, ST_X(centre), ST_Y(centre) FROM (SELECT "
            "agglomeration_code, ST_Centroid(geom) AS centre FROM reference.agglomeration "
            "WHERE country = %s) AS a",
            (self._country,),
        ).fetchall()
        self._connection.commit()
        return {code: (x, y) for code, x, y in rows}

    def level(self, name: str) -> Level:
        """A level by name."""
        return self.pairs if name == "pair" else self.cells


def latest_measurement(connection: psycopg.Connection, country: str) -> int:
    """The measurement whose panel was built last; CoaggError when there is no panel."""
    row = connection.execute(
        "SELECT measurement_id FROM panel.build WHERE country = %s ORDER BY built_at DESC LIMIT 1",
        (country,),
    ).fetchone()
    if row is None:
        more = "" if country == "CN" else f" --country {country}"
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
    """Estimate one table, or find it unchanged."""
    table = respecified(table, options)
    digest = hashlib.sha256()
    needs: dict[str, set[str]] = {}
    keys = set(panel.level(table.level).keys) if table.columns else set()
    for column in table.columns:
        conditions = (*column.sample, *options.conditions(table.level))
        used = {c.column for c in conditions} - keys
        needs.setdefault(table.level, set()).update(column.variables, used)
    if table.columns and options.randomisation:
        needs.setdefault("pair", set()).update(
            f"phi{back}_{mark}" for back in ("", "_back") for mark in (90, 95, 99)
        )
        needs.setdefault("cell", set()).update(AMOUNTS.values())
    for described in table.describes:
        needs.setdefault(described.level, set()).update(described_names(described))
    for level in sorted(needs):
        digest.update(panel.level(level).sha256(needs[level]).encode())
    if options.conley is not None:
        digest.update(repr(sorted(panel.around.positions().items())).encode())
    data, stored = digest.hexdigest(), options.as_json()
    version, number = code_version(), panel.measurement_id
    run_id = store.unchanged(connection, number, table, data, stored, version)
    connection.commit()
    skipped = run_id is not None
    if run_id is None:
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
        run_id = store.write_run(
            connection, number, table, data, stored, version, fitted, tests, statistics
        )
        connection.commit()
    return TableReport(table.name, run_id, skipped, len(table.columns), "", options, number)
