"""Estimates in the data base: written in one transaction a table, read back for the pages."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from coagg.analysis.estimation.model import Estimate
from coagg.analysis.tables import ESTIMATE_CODE
from coagg.analysis.tables.specification import Table
from coagg.analysis.tables.standing import SAME
from coagg.database import results
from coagg.database.fingerprint import Fingerprint
from coagg.errors import CoaggError
from coagg.settings import COUNTRY
from coagg.version import VERSION

CODE_VERSION = f"{VERSION}+estimate.{ESTIMATE_CODE}"
DATA = ("cells", "pairs", "positions")  # parts of the inputs that data_sha256 is of


@dataclass(frozen=True)
class Fitted:
    """An estimated column with what the table says beside it.

    `standardised` maps regressor to b sd(x)/sd(y); `missing` counts rows left out because a
    variable is not known, by variable; `tests`: kind (wild, randomisation) -> regressor -> t, p,
    draws.
    """

    estimate: Estimate
    standardised: dict[str, float]
    missing: dict[str, int]
    tests: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Equality:
    """A test between two columns: difference, its standard error and p; raw and standardised."""

    raw: tuple[float, float, float]
    standardised: tuple[float, float, float]


@dataclass(frozen=True)
class Described:
    """A descriptive statistic."""

    place: int
    level: str
    name: str
    statistic: str
    value: float


@dataclass(frozen=True)
class Coefficient:
    """A stored coefficient; what is undefined is NaN."""

    name: str
    coefficient: float
    standard_error: float
    t: float
    p: float
    standardised: float


@dataclass(frozen=True)
class StoredColumn:
    """A stored column: coefficients of the main equation and of the first stage."""

    number: int
    heading: str
    dependent: str
    estimator: str
    observations: int
    r2: float
    r2_within: float
    convention: str
    effects: tuple[str, ...]
    clusters: dict[str, int]
    dropped: tuple[str, ...]
    diagnostics: dict[str, Any]
    main: tuple[Coefficient, ...]
    first: tuple[Coefficient, ...]

    def get(self, name: str) -> Coefficient | None:
        """The coefficient of a regressor."""
        return next((one for one in self.main if one.name == name), None)


@dataclass(frozen=True)
class StoredTest:
    """A stored test of equal coefficients."""

    label: str
    columns: tuple[int, int]
    names: tuple[str, str]
    raw: tuple[float, float, float]
    standardised: tuple[float, float, float]


@dataclass(frozen=True)
class StoredTable:
    """A table as stored: enough to render it without the panel."""

    run_id: int
    measurement_id: int
    name: str
    specification: dict[str, Any]
    data_sha256: str
    options: dict[str, Any]
    code_version: str
    estimated_at: datetime
    results: int  # the set of results it was read from
    from_set: int  # the first set it is in
    columns: tuple[StoredColumn, ...] = ()
    tests: tuple[StoredTest, ...] = ()
    described: tuple[Described, ...] = field(default=())


def _known(value: float | None) -> float | None:
    """NaN and infinity are null in the data base."""
    return None if value is None or not math.isfinite(value) else float(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def write_run(
    connection: psycopg.Connection,
    measurement_id: int,
    table: Table,
    options: Mapping[str, Any],
    made_from: Fingerprint,
    fitted: Sequence[Fitted],
    tests: Sequence[Equality],
    described: Iterable[Described],
    survey_years: Sequence[int] = (),
) -> int:
    """Write a table's numbers in one transaction; returns the run's number.

    `survey_years`: the years it was restricted to; none for all of the panel.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM estimates.refusal WHERE {SAME}",
            (measurement_id, table.name, json.dumps(options)),
        )
        set_id = results.retire(
            connection, "estimates.run", SAME, (measurement_id, table.name, json.dumps(options))
        )
        row = cursor.execute(
            "INSERT INTO estimates.run (measurement_id, table_name, specification, "
            "specification_sha256, data_sha256, options, inputs, code_version, survey_years, "
            "from_set) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING run_id",
            (
                measurement_id, table.name, json.dumps(table.as_json(), ensure_ascii=False),
                table.sha256(), made_from.only(*DATA).sha256, json.dumps(options),
                json.dumps(made_from.as_json()), CODE_VERSION, list(survey_years), set_id,
            ),
        ).fetchone()  # fmt: skip
        assert row is not None
        run_id = int(row[0])
        for number, one in enumerate(fitted, 1):
            _write_column(cursor, run_id, number, table.columns[number - 1].heading, one)
        cursor.executemany(
            "INSERT INTO estimates.equality VALUES "
            "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    run_id, number, test.label, test.columns[0], test.regressors[0],
                    test.columns[1], test.regressors[1],
                    *map(_known, found.raw), *map(_known, found.standardised),
                )
                for number, (test, found) in enumerate(zip(table.tests, tests, strict=True), 1)
            ],
        )  # fmt: skip
        cursor.executemany(
            "INSERT INTO estimates.descriptive VALUES (%s, %s, %s, %s, %s, %s)",
            [(run_id, d.place, d.level, d.name, d.statistic, _known(d.value)) for d in described],
        )
    return run_id


def _write_column(
    cursor: psycopg.Cursor, run_id: int, number: int, heading: str, fitted: Fitted
) -> None:
    found = fitted.estimate
    diagnostics: dict[str, Any] = {k: _known(v) for k, v in found.diagnostics.items()}
    if fitted.missing:
        diagnostics["missing"] = fitted.missing
    for kind, tested in fitted.tests.items():
        diagnostics[kind] = {
            name: {key: _known(value) for key, value in one.items()} for name, one in tested.items()
        }
    if found.first_stage is not None:
        diagnostics["first_stage_r2_within"] = _known(found.first_stage.r2_within)
    cursor.execute(
        "INSERT INTO estimates.column_result VALUES "
        "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            run_id, number, heading, found.model.dependent, found.model.estimator,
            found.observations, _known(found.r2), _known(found.r2_within),
            found.model.convention, list(found.model.effects), json.dumps(found.clusters),
            [f"{name}: {reason}" for name, reason in found.dropped], json.dumps(diagnostics),
        ),
    )  # fmt: skip
    stages = [("main", found)] + ([("first", found.first_stage)] if found.first_stage else [])
    cursor.executemany(
        "INSERT INTO estimates.coefficient VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                run_id, number, stage, place, name, float(one.coefficients[place - 1]),
                _known(one.standard_errors[place - 1]), _known(one.t[place - 1]),
                _known(one.p[place - 1]),
                _known(fitted.standardised.get(name)) if stage == "main" else None,
            )
            for stage, one in stages
            for place, name in enumerate(one.names, 1)
        ],
    )  # fmt: skip


RUNS = (
    "SELECT run_id, measurement_id, table_name, specification, data_sha256, options, "
    "code_version, estimated_at, results, from_set FROM estimates.latest "
    "WHERE table_name = %(name)s AND country = %(country)s "
    "AND (%(number)s::integer IS NULL OR measurement_id = %(number)s) "
)


def read_latest(
    connection: psycopg.Connection,
    name: str,
    measurement_id: int | None,
    country: str,
    options: Mapping[str, Any] | None = None,
    leave_out: bool = False,
) -> list[StoredTable]:
    """The latest run of a table with just these options (default: none), in a list.

    With `leave_out` its leave-one-out runs, of the measurement estimated last. Raises CoaggError,
    with the command to call, when there is none.
    """
    options = {"country": country, **(options or {})}
    match = "options - 'leave_out'" if leave_out else "options"
    rows = connection.execute(
        RUNS + f"AND {match} = %(options)s::jsonb AND (options ? 'leave_out') = %(left)s "
        "ORDER BY run_id DESC",
        {
            "name": name, "country": country, "number": measurement_id,
            "options": json.dumps(options), "left": leave_out or "leave_out" in options,
        },
    ).fetchall()  # fmt: skip
    if not rows:
        which = "" if measurement_id is None else f" --measurement {measurement_id}"
        asked = "".join(f" {word}" for word in command_words(options))
        more = " --leave-one-out" if leave_out else ""
        raise CoaggError(f"{name} is not estimated: coagg estimate {name}{which}{asked}{more}")
    rows = [row for row in rows if row[1] == rows[0][1]] if leave_out else rows[:1]
    return [_read(connection, row) for row in rows]


def read_variants(connection: psycopg.Connection, name: str, country: str) -> list[StoredTable]:
    """The latest run of a table with every set of options and of every measurement, as stored."""
    rows = connection.execute(
        RUNS + "ORDER BY run_id", {"name": name, "country": country, "number": None}
    ).fetchall()
    return [_read(connection, row) for row in rows]


def command_words(options: Mapping[str, Any]) -> list[str]:
    """Stored options as they are written on the command line."""
    words = []
    for key, value in options.items():
        if key == "country":
            words += [] if value == COUNTRY else ["--country", str(value)]
        elif key == "leave_out":
            words.append("--leave-one-out")
        else:
            flag = "--" + {
                "transposed": "direction-transposed", "two_way": "cluster-two-way",
            }.get(key, key.replace("_", "-"))  # fmt: skip
            words += (
                [flag]
                if value is True
                else [flag, f"{value:g}" if isinstance(value, float) else str(value)]
            )
    return words


def read_published(connection: psycopg.Connection, table: StoredTable) -> StoredTable:
    """The table with those of its descriptive statistics that may be published."""
    return replace(table, described=_described(connection, table.run_id, "publish"))


def _described(connection: psycopg.Connection, run_id: int, schema: str) -> tuple[Described, ...]:
    found = connection.execute(
        sql.SQL(
            "SELECT place, level, name, statistic, value FROM {}.descriptive "
            "WHERE run_id = %s ORDER BY place, statistic"
        ).format(sql.Identifier(schema)),
        (run_id,),
    )
    return tuple(
        Described(place, level, name, statistic, _number(value))
        for place, level, name, statistic, value in found
    )


def _read(connection: psycopg.Connection, row: Sequence[Any]) -> StoredTable:
    run_id = row[0]
    coefficients: dict[tuple[int, str], list[Coefficient]] = {}
    for number, stage, name, *values in connection.execute(
        "SELECT column_number, stage, name, coefficient, standard_error, t, p, standardised "
        "FROM estimates.coefficient WHERE run_id = %s ORDER BY column_number, stage, place",
        (run_id,),
    ):
        coefficients.setdefault((number, stage), []).append(
            Coefficient(name, *(_number(value) for value in values))
        )
    columns = [
        StoredColumn(
            number, heading, dependent, estimator, observations, _number(r2), _number(within),
            convention, tuple(effects), clusters, tuple(dropped), diagnostics,
            tuple(coefficients.get((number, "main"), ())),
            tuple(coefficients.get((number, "first"), ())),
        )
        for (number, heading, dependent, estimator, observations, r2, within, convention,
             effects, clusters, dropped, diagnostics) in connection.execute(
            "SELECT column_number, label, dependent, estimator, observations, r2, r2_within, "
            "convention, effects, clusters, dropped, diagnostics FROM estimates.column_result "
            "WHERE run_id = %s ORDER BY column_number", (run_id,),
        )
    ]  # fmt: skip
    tests = [
        StoredTest(
            text, (a, b), (name_a, name_b),
            (_number(v[0]), _number(v[1]), _number(v[2])),
            (_number(v[3]), _number(v[4]), _number(v[5])),
        )
        for text, a, name_a, b, name_b, *v in connection.execute(
            "SELECT label, first_column, first_name, second_column, second_name, difference, "
            "standard_error, p, standardised_difference, standardised_standard_error, "
            "standardised_p FROM estimates.equality WHERE run_id = %s ORDER BY test_number",
            (run_id,),
        )
    ]  # fmt: skip
    table = StoredTable(*row)  # the fields of RUNS
    return replace(
        table, columns=tuple(columns), tests=tuple(tests),
        described=_described(connection, run_id, "estimates"),
    )  # fmt: skip
