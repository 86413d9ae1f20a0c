"""Estimate tables from the panel and store every number; what is unchanged is skipped."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyfixest

from analysis.estimation.equality import Equality as Stacked
from analysis.estimation.equality import equality
from analysis.estimation.fit import fit
from analysis.estimation.model import CONVENTIONS, Estimate, Model
from analysis.estimation.pairs import fit_pairs
from analysis.tables import read, store
from analysis.tables.descriptives import describe, described_names
from analysis.tables.level import Cells, Level, Pairs
from analysis.tables.specification import Column, Condition, Table, chosen
from analysis.tables.store import Equality, Fitted
from coagg import database
from coagg.errors import CoaggError
from coagg.settings import Settings
from coagg.version import VERSION


@dataclass(frozen=True)
class Options:
    """What changes a number beside specification and data.

    `convention`: small-sample convention in place of the default (reghdfe; ppmlhdfe for Poisson).
    `min_firms`: only cells (pairs: both industries) of so many firms; pools stay as built.
    `transposed`: the other reading of direction. `two_way`: errors clustered on agglomeration
    (pairs: on k) as well. `leave_out`: agglomeration left out.
    """

    country: str = "CN"
    convention: str | None = None
    min_firms: int | None = None
    transposed: bool = False
    two_way: bool = False
    leave_out: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Only what was asked for; the country always."""
        given = dataclasses.asdict(self)
        return {k: v for k, v in given.items() if k == "country" or v not in (None, False)}


@dataclass(frozen=True)
class TableReport:
    """What became of a table: estimated, unchanged, or not possible and why."""

    name: str
    run_id: int | None
    skipped: bool
    columns: int
    reason: str = ""
    leave_out: str | None = None


@dataclass
class EstimateReport:
    """All tables asked for, in order."""

    measurement_id: int
    tables: list[TableReport] = field(default_factory=list)


Progress = Callable[[int, int], None]  # tables done, tables in all


@cache
def code_version() -> str:
    """Version of the arithmetic of the estimates: changes with any of its source."""
    here = Path(__file__).parent
    digest = hashlib.sha256(f"numpy {np.__version__} pyfixest {pyfixest.__version__}".encode())
    sources = sorted((here.parent / "estimation").glob("*.py"))
    sources += [here / name for name in ("estimate.py", "level.py", "variables.py")]
    for file in sources:
        digest.update(file.name.encode() + file.read_bytes())
    return f"{VERSION}+{digest.hexdigest()[:12]}"


class Panel:
    """The panel of a measurement, each level read when it is first wanted."""

    def __init__(
        self, settings: Settings, connection: psycopg.Connection, measurement_id: int,
        country: str, transposed: bool,
    ) -> None:  # fmt: skip
        self._settings, self._connection = settings, connection
        self._measurement_id, self._country = measurement_id, country
        self._transposed = transposed

    @cached_property
    def cells(self) -> Cells:
        """Level of cells."""
        frame = read.cell_frame(self._connection, self._measurement_id, self._country)
        self._connection.commit()
        if frame.empty:
            raise CoaggError(
                f"the panel has no cell of {self._country}, measurement {self._measurement_id}: "
                "coagg panel"
            )
        return Cells(frame, self._transposed)

    @cached_property
    def pairs(self) -> Pairs:
        """Level of pairs."""
        table = read.pair_table(self._settings, self._measurement_id, self._country)
        return Pairs(table, self.cells)

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
        raise CoaggError(f"no panel of {country} is built: coagg panel")
    return int(row[0])


def estimate_tables(
    settings: Settings,
    tables: Mapping[str, Table],
    names: Sequence[str] = (),
    measurement_id: int | None = None,
    options: Options | None = None,
    leave_one_out: bool = False,
    progress: Progress = lambda done, total: None,
) -> EstimateReport:
    """Estimate the named tables (default all) and store them, a transaction each.

    A table that is asked for by name and cannot be estimated raises CoaggError; among all tables
    it is reported with its reason and the others go on.
    """
    options = options or Options()
    if options.convention is not None and options.convention not in CONVENTIONS:
        raise CoaggError(
            f"unknown convention {options.convention}: one of {', '.join(CONVENTIONS)}"
        )
    wanted = chosen(tables, list(names))
    with database.connect(settings) as connection:
        number = (
            latest_measurement(connection, options.country)
            if measurement_id is None
            else measurement_id
        )
        report = EstimateReport(number)
        panel = Panel(settings, connection, number, options.country, options.transposed)
        known = set(panel.cells.codes("agglomeration_code")[1].tolist())
        if options.leave_out is not None and options.leave_out not in known:
            raise CoaggError(f"no agglomeration {options.leave_out} in the panel to leave out")
        left = sorted(known) if leave_one_out else [options.leave_out]
        todo = [(t, dataclasses.replace(options, leave_out=code)) for t in wanted for code in left]
        for done, (table, one) in enumerate(todo):
            progress(done, len(todo))
            try:
                report.tables.append(_table(connection, panel, number, table, one))
            except CoaggError as fault:
                if names:
                    raise
                count = len(table.columns)
                report.tables.append(
                    TableReport(table.name, None, False, count, str(fault), one.leave_out)
                )
        progress(len(todo), len(todo))
    return report


def _table(
    connection: psycopg.Connection, panel: Panel, number: int, table: Table, options: Options
) -> TableReport:
    """Estimate one table, or find it unchanged."""
    extra = _conditions(table.level, options)
    digest = hashlib.sha256()
    needs: dict[str, set[str]] = {}
    for column in table.columns:
        conditions = (*column.sample, *extra)
        used = {c.column for c in conditions} - set(panel.level(table.level).keys)
        needs.setdefault(table.level, set()).update(column.variables, used)
    for described in table.describes:
        needs.setdefault(described.level, set()).update(described_names(described))
    for level in sorted(needs):
        digest.update(panel.level(level).sha256(needs[level]).encode())
    data, stored = digest.hexdigest(), options.as_json()
    version = code_version()
    run_id = store.unchanged(connection, number, table, data, stored, version)
    connection.commit()
    skipped = run_id is not None
    if run_id is None:
        rows = panel.level(table.level) if table.columns else None
        fitted = _columns(rows, table, options) if rows is not None else []
        tests = list(_tests(rows, table, options)) if rows is not None else []
        statistics = [
            one
            for start, asked in enumerate(table.describes)
            for one in describe(
                panel.level(asked.level), asked, _conditions(asked.level, options), 100 * start
            )
        ]
        run_id = store.write_run(
            connection, number, table, data, stored, version, fitted, tests, statistics
        )
        connection.commit()
    return TableReport(table.name, run_id, skipped, len(table.columns), leave_out=options.leave_out)


def _conditions(level: str, options: Options) -> tuple[Condition, ...]:
    found = []
    if options.min_firms is not None:
        names = ("firms_j", "firms_k") if level == "pair" else ("firms",)
        found += [Condition(name, ">=", float(options.min_firms)) for name in names]
    if options.leave_out is not None:
        found.append(Condition("agglomeration_code", "!=", options.leave_out))
    return tuple(found)


def _model(column: Column, level: str, options: Options) -> Model:
    second = "to_industry" if level == "pair" else "agglomeration_code"
    cluster = column.cluster
    if options.two_way and second not in cluster:
        cluster = (*cluster[:1], second)
    default = "ppmlhdfe" if column.estimator == "ppml" else "reghdfe"
    return Model(
        column.dependent, column.regressors, column.endogenous, column.instruments,
        column.effects, cluster, options.convention or default, column.estimator,
    )  # fmt: skip


def _rows(level: Level, column: Column, options: Options, name: str) -> tuple[np.ndarray, dict]:
    """Rows of a column (N,) bool, and how many were left out for want of which variable."""
    keep = level.mask((*column.sample, *_conditions(_name(level), options)))
    if not keep.any():
        raise CoaggError(f"{name}: no row meets the sample; widen it")
    missing = {}
    known = keep.copy()
    for variable in column.variables:
        lacks = keep & np.isnan(level.variable(variable))
        if lacks.any():
            missing[variable] = int(lacks.sum())
            known &= ~lacks
    if not known.any():
        worst = max(missing, key=lambda v: missing[v])
        remedy = (
            "measure the UK index and build the panel again (coagg panel)"
            if "uk" in worst.split("_")
            else "load what it rests on and build the panel again (coagg panel)"
        )
        raise CoaggError(f"{name}: {worst} is missing in {missing[worst]:,} rows; {remedy}")
    return known, missing


def _name(level: Level) -> str:
    return "pair" if isinstance(level, Pairs) else "cell"


def _columns(level: Level, table: Table, options: Options) -> list[Fitted]:
    """Every column of a table, in order."""
    rows, missing = [], []
    for number, column in enumerate(table.columns, 1):
        known, lacking = _rows(level, column, options, f"{table.name}, column {number}")
        rows.append(known)
        missing.append(lacking)
    found: dict[int, Estimate] = {}
    deviations: dict[int, dict[str, float]] = {}
    groups: dict[object, list[int]] = {}
    for at, known in enumerate(rows):
        # pairs: columns with the same rows are estimated in one pass; cells: one by one
        key = (
            hashlib.sha256(np.packbits(known).tobytes()).digest()
            if isinstance(level, Pairs)
            else bytes(at)
        )
        groups.setdefault(key, []).append(at)
    for members in groups.values():
        columns = [table.columns[at] for at in members]
        models = [_model(column, _name(level), options) for column in columns]
        frame = _frame(level, columns, models, rows[members[0]])
        where = f"{table.name}, column {', '.join(str(at + 1) for at in members)}"
        try:
            estimates = (
                fit_pairs(frame, models)
                if isinstance(level, Pairs)
                else [fit(pd.DataFrame(frame), model) for model in models]
            )
        except CoaggError as fault:
            raise CoaggError(f"{where}: {fault}") from None
        sd = {name: float(np.std(frame[name], ddof=1)) for c in columns for name in c.variables}
        for at, one in zip(members, estimates, strict=True):
            found[at], deviations[at] = one, sd
    return [
        Fitted(found[at], _standardised(found[at], deviations[at]), missing[at])
        for at in range(len(rows))
    ]


def _frame(
    level: Level, columns: Sequence[Column], models: Sequence[Model], rows: np.ndarray
) -> dict[str, np.ndarray]:
    """Ready columns of the rows: variables as float64, keys as codes."""
    frame = {}
    for name in dict.fromkeys(name for column in columns for name in column.variables):
        frame[name] = level.variable(name)[rows]
    for key in dict.fromkeys(key for model in models for key in (*model.effects, *model.cluster)):
        frame[key] = level.codes(key)[0][rows]
    return frame


def _standardised(found: Estimate, sd: Mapping[str, float]) -> dict[str, float]:
    of_y = sd[found.model.dependent]
    return {
        name: float(value) * sd[name] / of_y if of_y else float("nan")
        for name, value in zip(found.names, found.coefficients, strict=True)
    }


def _tests(level: Level, table: Table, options: Options) -> Iterator[Equality]:
    """Every test of a table; each column keeps its own rows."""
    done: dict[tuple[int, int], Stacked] = {}
    for number, test in enumerate(table.tests, 1):
        where = f"{table.name}, test {number}"
        if test.columns not in done:
            sides = []
            for at in test.columns:
                column = table.columns[at - 1]
                model = _model(column, _name(level), options)
                rows, _ = _rows(level, column, options, where)
                sides.append((pd.DataFrame(_frame(level, [column], [model], rows)), model))
            try:
                done[test.columns] = equality(sides[0], sides[1])
            except CoaggError as fault:
                raise CoaggError(f"{where}: {fault}") from None
        yield _difference(done[test.columns], test.regressors, where)


def _difference(found: Stacked, names: tuple[str, str], where: str) -> Equality:
    for one in found.differences:
        if (one.name, one.name_second) == names:
            return Equality(
                (one.difference, one.standard_error, one.p),
                (
                    one.standardised_difference, one.standardised_standard_error,
                    one.standardised_p,
                ),
            )  # fmt: skip
    reasons = "; ".join(f"{name} was left out: {reason}" for name, reason in found.dropped)
    raise CoaggError(
        f"{where}: {' and '.join(names)} cannot be compared: "
        + (reasons or "name them at the same place among the regressors of both columns")
    )
