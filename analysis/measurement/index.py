"""Measure the index for a survey year: cells into units of work, each committed on its own.

A unit is a block of fixed industries of one cell. It is made from the firms' points, the settings,
the block and the code, so a unit whose inputs are unchanged is skipped, and a run that was killed
goes on where it stopped. Workers get arrays and return arrays; only the caller's process talks to
the data base.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.analysis.cells import OWN
from coagg.analysis.cells import points as firm_points
from coagg.analysis.cells.read import CellFirms, CellRules, read_cell
from coagg.analysis.coagglomeration import Cell, IndexSettings, PairResults
from coagg.analysis.measurement.code_version import CODE_VERSION, code_parts
from coagg.analysis.measurement.workers import Unit, run_units
from coagg.database import locks, results
from coagg.database.fingerprint import MISSING, fingerprint, why
from coagg.errors import CoaggError
from coagg.settings import COUNTRY, Settings

DIRECTIONS = ("from-fixed", "from-redrawn")
BLOCK_INDUSTRIES = (
    16  # of a unit: small enough to lose little to a kill, large enough to share work
)


@dataclass(frozen=True)
class IndexRequest:
    """What `coagg index` was asked for.

    Only `index`, min_firms, pile_ups, spread_km, direction and classification are settings of the
    result; the rest says where and how to run. `classification` None: each year's own.
    """

    survey_year: int
    index: IndexSettings
    country: str = COUNTRY
    agglomerations: Sequence[str] = ()
    min_firms: int = 1
    pile_ups: str = "keep"
    spread_km: float = 1.0
    direction: str = "from-fixed"
    classification: str | None = None
    workers: int = 1
    scheduler: str | None = None
    force: bool = False

    def result_settings(self) -> dict[str, object]:
        """Everything that changes a number."""
        chosen = {"index": asdict(self.index), "min_firms": self.min_firms}
        chosen |= {"pile_ups": self.pile_ups, "direction": self.direction}
        if self.pile_ups == "spread":
            chosen["spread_km"] = self.spread_km
        if self.classification is not None:
            chosen["classification"] = self.classification
        return chosen

    def cell_rules(self) -> CellRules:
        """Which firms of a cell count, and where."""
        return CellRules(self.min_firms, self.pile_ups, self.spread_km, self.classification)

    def settings_sha256(self) -> str:
        """The hash by which a measurement is known."""
        return hashlib.sha256(
            json.dumps(self.result_settings(), sort_keys=True).encode()
        ).hexdigest()


@dataclass
class MeasureReport:
    """What a run did: cells, units and pairs, done and skipped, and the time."""

    measurement_id: int
    cells: list[tuple[str, int, int]] = field(default_factory=list)  # code, firms, industries
    units_done: int = 0
    units_skipped: int = 0
    pairs_done: int = 0
    pairs_skipped: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    gone: list[str] = field(default_factory=list)  # agglomerations without firms by now, taken out
    results: str = ""  # what became of the set of results; empty: nothing changed


Progress = Callable[[int, int], None]  # pairs done, pairs in all


def measure(
    settings: Settings, request: IndexRequest, progress: Progress = lambda done, total: None
) -> MeasureReport:
    """Measure all ordered pairs of three-digit industries of the asked cells.

    Raises CoaggError for an unknown agglomeration, a year without firms, or impossible settings;
    units finished before a fault are kept.
    """
    check(request)
    started = time.monotonic()
    with database.snapshot(settings) as reader:
        cells = [
            (_cell(read, code, request), code, digest)
            for read, code, digest in firms_of(reader, request)
        ]
    with database.connect(settings, autocommit=True) as connection:
        number = _measurement(connection, request)
    year = (number, request.country, request.survey_year)
    with database.making(settings, "index", year) as work:
        report = _measure(work.settings, request, number, cells, progress)
        if report.pairs_done + report.pairs_skipped == 0:
            raise nothing_to_measure(request)
    report.results = work.said
    report.wall_seconds = time.monotonic() - started
    return report


def _measure(
    settings: Settings,
    request: IndexRequest,
    number: int,
    cells: list[tuple[Cell, str, str]],
    progress: Progress,
) -> MeasureReport:
    report = MeasureReport(number)
    with database.connect(settings, autocommit=True) as writer:  # a unit is a transaction
        pending: list[Unit] = []
        total = 0
        for cell, code, digest in cells:
            report.cells.append((code, len(cell.points_km), len(cell.industries)))
            units = units_of(cell.industries, code, digest, request)
            _forget_surplus(writer, number, request, code, len(units))
            known = finished(writer, number, request, code)
            for unit in units:
                total += unit.pairs
                if not request.force and unit_why(known, unit) is None:
                    report.units_skipped += 1
                    report.pairs_skipped += unit.pairs
                else:
                    pending.append(unit)
        report.gone = gone(writer, number, request, [code for code, *_ in report.cells])
        for code in report.gone:
            _forget_surplus(writer, number, request, code, 0)
        progress(report.pairs_skipped, total)
        by_code = {code: cell for cell, code, _ in cells}
        for unit, found, cpu_seconds in run_units(
            by_code, pending, request.index, request.workers, request.scheduler
        ):
            cell = by_code[unit.agglomeration_code]
            _write(writer, number, request, cell, unit, found, cpu_seconds)
            report.units_done += 1
            report.pairs_done += unit.pairs
            report.cpu_seconds += cpu_seconds
            progress(report.pairs_skipped + report.pairs_done, total)
    return report


def check(request: IndexRequest) -> None:
    """Raise CoaggError for settings that cannot be."""
    if request.index.draws < 1:
        raise CoaggError(f"{request.index.draws} draws: at least 1 is needed (1000 is usual)")
    if request.min_firms < 1:
        raise CoaggError(f"min-firms {request.min_firms}: at least 1 is needed")
    if request.workers < 1:
        raise CoaggError(f"{request.workers} workers: at least 1 is needed")
    if request.direction not in DIRECTIONS:
        raise CoaggError(f"direction {request.direction!r}: say one of {', '.join(DIRECTIONS)}")


def nothing_to_measure(request: IndexRequest) -> CoaggError:
    """The error of a year without a pair, whether it is asked for or measured."""
    return CoaggError(
        f"{request.country} {request.survey_year}: no agglomeration has two industries of "
        f"{request.min_firms} firms or more; lower --min-firms or load more firms"
    )


def firms_of(
    connection: psycopg.Connection, request: IndexRequest
) -> Iterator[tuple[CellFirms, str, str]]:
    """Firms of the cells asked for, each with its agglomeration code and the hash of its points."""
    if request.classification is not None:
        firm_points.check_classification(connection, request.classification)
    chosen = firm_points.chosen_agglomerations(
        connection, request.country, request.survey_year, request.agglomerations
    )
    for code in chosen:
        read = read_cell(
            connection, request.country, request.survey_year, code, request.cell_rules()
        )
        yield read, code, read.firms.sha256()


def _cell(read: CellFirms, code: str, request: IndexRequest) -> Cell:
    firms = read.firms
    return Cell(
        key=f"{request.country}/{request.survey_year}/{code}",
        points_km=read.points_km,
        industry=read.position,
        industries=read.industries,
        points_degrees=np.column_stack((firms.lon, firms.lat))[read.stays]
        if request.index.method == "published"
        else None,
    )


def units_of(
    industries: Sequence[str], code: str, points_sha256: str, request: IndexRequest
) -> list[Unit]:
    """The units of a cell of these industries, each with what it is made from."""
    count = len(industries)
    if count < 2:
        return []
    units = []
    for block, first in enumerate(range(0, count, BLOCK_INDUSTRIES)):
        fixed = tuple(range(first, min(first + BLOCK_INDUSTRIES, count)))
        parts = {
            "firms": points_sha256,
            "settings": request.result_settings(),
            "industries": [fixed, [industries[i] for i in fixed]],
        }
        inputs = fingerprint({**parts, **code_parts()})
        units.append(
            Unit(
                code,
                block,
                fixed,
                pairs=len(fixed) * (count - 1),
                points_sha256=points_sha256,
                input_sha256=inputs.sha256,
                inputs=inputs,
            )
        )
    return units


def measurement_of(connection: psycopg.Connection, request: IndexRequest) -> int | None:
    """Number of the measurement with these settings; None when there is none yet."""
    row = connection.execute(
        "SELECT measurement_id FROM coagglomeration.measurement WHERE settings_sha256 = %s",
        (request.settings_sha256(),),
    ).fetchone()
    return None if row is None else int(row[0])


def _measurement(connection: psycopg.Connection, request: IndexRequest) -> int:
    known = measurement_of(connection, request)
    if known is not None:
        return known  # an insert that conflicts would use up a number
    chosen = request.result_settings()
    digest = request.settings_sha256()
    connection.execute(
        "INSERT INTO coagglomeration.measurement (settings_sha256, method, cost, draws, seed, "
        "min_firms, pile_ups, direction, classification, settings) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (settings_sha256) DO NOTHING",
        (
            digest, request.index.method, request.index.cost, request.index.draws,
            request.index.seed, request.min_firms, request.pile_ups, request.direction,
            request.classification or OWN, Jsonb(chosen),
        ),
    )  # fmt: skip
    number = measurement_of(connection, request)
    assert number is not None
    return number


CELL_OF_UNIT = (
    "measurement_id = %s AND country = %s AND survey_year = %s AND agglomeration_code = %s"
)


Finished = dict[int, tuple[Mapping[str, str] | None, bool]]


def finished(
    connection: psycopg.Connection, measurement_id: int, request: IndexRequest, code: str
) -> Finished:
    """Of each stored block of a cell: what it was made from, whether all its pairs are there."""
    rows = connection.execute(
        "SELECT block, inputs, pairs = (SELECT count(*) FROM coagglomeration.pair_version AS r "
        f"WHERE r.unit_id = u.unit_id) FROM coagglomeration.unit AS u WHERE {CELL_OF_UNIT}",
        (measurement_id, request.country, request.survey_year, code),
    ).fetchall()
    return {block: (inputs, whole) for block, inputs, whole in rows}


def unit_why(known: Finished, unit: Unit) -> str | None:
    """Why a unit must be measured; None when it is stored as it would be now."""
    if unit.block not in known:
        return MISSING
    inputs, whole = known[unit.block]
    return why(inputs, unit.inputs) or (None if whole else MISSING)


def gone(
    connection: psycopg.Connection, measurement_id: int, request: IndexRequest, codes: list[str]
) -> list[str]:
    """Agglomerations that are stored and not in `codes`, where all of the year are asked for."""
    if request.agglomerations:
        return []
    rows = connection.execute(
        "SELECT DISTINCT agglomeration_code FROM coagglomeration.unit WHERE measurement_id = %s "
        "AND country = %s AND survey_year = %s AND agglomeration_code <> ALL(%s) ORDER BY 1",
        (measurement_id, request.country, request.survey_year, codes),
    ).fetchall()
    return [code for (code,) in rows]


def _forget_surplus(
    connection: psycopg.Connection,
    measurement_id: int,
    request: IndexRequest,
    code: str,
    blocks: int,
) -> None:
    """Blocks that the cell no longer has (it lost industries) would be stale for ever."""
    with connection.transaction():
        results.retire(
            connection, "coagglomeration.unit_version", f"{CELL_OF_UNIT} AND block >= %s",
            (measurement_id, request.country, request.survey_year, code, blocks),
        )  # fmt: skip


def _write(
    connection: psycopg.Connection,
    measurement_id: int,
    request: IndexRequest,
    cell: Cell,
    unit: Unit,
    found: PairResults,
    cpu_seconds: float,
) -> None:
    """Put one unit into the set of results that is being made, in one transaction."""
    key = (
        measurement_id, request.country, request.survey_year, unit.agglomeration_code, unit.block
    )  # fmt: skip
    with connection.transaction():
        # a run beside this one with the same settings waits here, then finds the same numbers
        locks.wait_for_unit(connection, key)
        names = cell.industries
        fixed = [names[i] for i in unit.fixed]
        # where the cell's industries changed, an older unit holds some of these in another block
        set_id = results.retire(
            connection, "coagglomeration.unit_version",
            f"{CELL_OF_UNIT} AND (block = %s OR fixed_industries && %s)", (*key, fixed),
        )  # fmt: skip
        row = connection.execute(
            "INSERT INTO coagglomeration.unit_version (measurement_id, country, survey_year, "
            "agglomeration_code, block, fixed_industries, firms, pairs, points_sha256, "
            "input_sha256, inputs, code_version, cpu_seconds, from_set) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING unit_id",
            (
                *key, fixed, len(cell.points_km), unit.pairs,
                unit.points_sha256, unit.input_sha256, Jsonb(unit.inputs.as_json()),
                CODE_VERSION, cpu_seconds, set_id,
            ),
        ).fetchone()  # fmt: skip
        assert row is not None
        (unit_id,) = row
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY coagglomeration.pair_version (measurement_id, country, survey_year, "
                "agglomeration_code, block, fixed_industry, redrawn_industry, fixed_firms, "
                "redrawn_firms, observed_cost, null_mean, null_sd, index, standard_error, "
                "exact_draws, unit_id) FROM STDIN"
            ) as copy,
        ):
            columns = [
                found.fixed_firms, found.redrawn_firms, found.observed_cost,
                found.null_mean, found.null_sd, found.index, found.standard_error,
                found.draws,
            ]  # fmt: skip
            for j, k, *numbers in zip(
                found.fixed, found.redrawn, *(c.tolist() for c in columns), strict=True
            ):
                copy.write_row((*key, names[j], names[k], *numbers, unit_id))
