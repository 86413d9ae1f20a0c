"""Compute the comparison indices of a survey year's cells and correlate them with the index.

A cell is computed on the points of the measurement it is compared with (same treatment of pile-ups,
same industries), and replaced in one transaction. Its input hash covers the points, the weights,
the year's totals, the settings and the code, so an unchanged cell is skipped.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
from threadpoolctl import threadpool_limits

from coagg import database
from coagg.analysis.cells import points as firm_points
from coagg.analysis.cells.projection import project_km
from coagg.analysis.comparison import employment as shares
from coagg.analysis.comparison.pairs import COMPARISONS, EGK, comparison_pairs, rank_correlations
from coagg.database import locks
from coagg.errors import CoaggError
from coagg.settings import Settings
from coagg.version import VERSION

EMPLOYMENT, FIRMS = "employment", "firms"

# Missing or negative employment is no weight; greatest() passes over nulls.
WEIGHTS = """
SELECT greatest(f.employment, 0), f.prefecture_code
FROM clean.firm AS f
JOIN reference.agglomeration_member AS m
    ON f.country = m.country AND f.prefecture_code = m.prefecture_code AND m.assigned
WHERE f.country = %s AND f.survey_year = %s AND m.agglomeration_code = %s
ORDER BY f.row_number
"""

TOTALS = """
SELECT m.agglomeration_code, f.industry, count(*), sum(greatest(f.employment, 0))
FROM clean.firm AS f
JOIN reference.agglomeration_member AS m
    ON f.country = m.country AND f.prefecture_code = m.prefecture_code AND m.assigned
WHERE f.country = %s AND f.survey_year = %s AND f.industry IS NOT NULL
    AND NOT (%s AND f.flags @> '{pile_up}')
GROUP BY m.agglomeration_code, f.industry
ORDER BY m.agglomeration_code, f.industry
"""

LATEST = """
SELECT
    u.measurement_id, m.min_firms, m.pile_ups, coalesce((m.settings ->> 'spread_km')::float8, 1),
    array_agg(DISTINCT u.points_sha256), sum(u.pairs)::integer
FROM coagglomeration.unit AS u
JOIN coagglomeration.measurement AS m USING (measurement_id)
WHERE u.country = %(country)s AND u.survey_year = %(survey_year)s
    AND u.agglomeration_code = %(agglomeration)s
    AND (%(measurement)s::integer IS NULL OR u.measurement_id = %(measurement)s)
GROUP BY u.measurement_id, m.measurement_id
ORDER BY max(u.finished_at) DESC
LIMIT 1
"""

CELL = "country = %s AND survey_year = %s AND agglomeration_code = %s"


@dataclass(frozen=True)
class CompareRequest:
    """What `coagg compare` was asked for; without agglomerations, all that are measured.

    `measurement`: number of the measurement to compare with, else each cell's latest.
    """

    survey_year: int
    country: str = "CN"
    agglomerations: Sequence[str] = ()
    draws: int = 1000
    seed: int = 0
    measurement: int | None = None


@dataclass(frozen=True)
class CellComparison:
    """One cell: what it was computed from, and its table of `rank_correlations`.

    A comparison that is undefined in the cell has NaN and 0 pairs.
    """

    agglomeration_code: str
    measurement_id: int
    firms: int
    industries: int
    areas: int
    without_employment: int
    skipped: bool
    cpu_seconds: float
    correlations: pd.DataFrame


@dataclass
class CompareReport:
    """All cells; `weights` is employment, or firms when no firm of the year has employment."""

    weights: str = EMPLOYMENT
    cells: list[CellComparison] = field(default_factory=list)
    not_measured: list[str] = field(default_factory=list)


Progress = Callable[[int, int], None]  # cells done, cells in all


@dataclass(frozen=True)
class _Input:
    """A cell as arrays: N firms of the pool, J industries, and the whole year's totals (C, K)."""

    code: str
    measurement_id: int
    min_firms: int
    pile_ups: str
    points_km: np.ndarray
    position: np.ndarray
    industries: list[str]
    weight: np.ndarray
    prefecture: np.ndarray
    without_employment: int
    totals: pd.DataFrame
    points_sha256: str
    input_sha256: str

    @property
    def areas(self) -> int:
        return len(np.unique(self.prefecture))


@cache
def code_version() -> str:
    """Version of the arithmetic of the comparison indices: changes with any of its source."""
    here = Path(__file__).parents[1]
    digest = hashlib.sha256(f"numpy {np.__version__}".encode())
    sources = [*sorted((here / "comparison").glob("*.py")), here / "cells" / "points.py"]
    for file in (*sources, here / "cells" / "projection.py", Path(__file__)):
        digest.update(file.name.encode() + file.read_bytes())
    return f"{VERSION}+{digest.hexdigest()[:12]}"


def compare(
    settings: Settings, request: CompareRequest, progress: Progress = lambda done, total: None
) -> CompareReport:
    """Comparison indices of the asked cells, stored, and their rank correlations with the index.

    Raises CoaggError for an unknown agglomeration, a year without firms, a cell without an index,
    one whose index is of other firms or unfinished, or impossible settings. Cells finished before a
    fault are kept.
    """
    if request.draws < 1:
        raise CoaggError(f"{request.draws} draws: at least 1 is needed (1000 is usual)")
    if request.seed < 0:
        raise CoaggError(f"seed {request.seed}: at least 0 is needed")
    report = CompareReport()
    with database.snapshot(settings) as reader:
        cells = list(_inputs(reader, request, report))
    with database.connect(settings, autocommit=True) as writer:  # a cell is a transaction
        for done, cell in enumerate(cells):
            progress(done, len(cells))
            key = (request.country, request.survey_year, cell.code)
            known = writer.execute(
                f"SELECT input_sha256, cpu_seconds FROM coagglomeration.comparison_cell "
                f"WHERE {CELL}",
                key,
            ).fetchone()
            skipped = known is not None and known[0] == cell.input_sha256
            cpu_seconds = (
                float(known[1])
                if skipped and known
                else _compute(writer, key, cell, request, report.weights)
            )
            report.cells.append(
                CellComparison(
                    cell.code, cell.measurement_id, len(cell.points_km), len(cell.industries),
                    cell.areas, cell.without_employment, skipped, cpu_seconds,
                    _correlations(writer, key, cell.measurement_id),
                )
            )  # fmt: skip
        progress(len(cells), len(cells))
    return report


def _inputs(
    connection: psycopg.Connection, request: CompareRequest, report: CompareReport
) -> Iterator[_Input]:
    """Cells to compare; sets `weights` and `not_measured` of the report."""
    chosen = firm_points.chosen_agglomerations(
        connection, request.country, request.survey_year, request.agglomerations
    )
    found = {
        code: connection.execute(
            LATEST,
            {
                "country": request.country,
                "survey_year": request.survey_year,
                "agglomeration": code,
                "measurement": request.measurement,
            },
        ).fetchone()
        for code in chosen
    }
    report.not_measured = [code for code, row in found.items() if row is None]
    if report.not_measured and (request.agglomerations or len(report.not_measured) == len(found)):
        number = "" if request.measurement is None else f" in measurement {request.measurement}"
        raise CoaggError(
            f"no index of {', '.join(report.not_measured)} {request.survey_year}{number} to "
            f"compare with: measure first (coagg index --survey-year {request.survey_year})"
        )
    totals = {
        drop: pd.DataFrame(
            connection.execute(TOTALS, (request.country, request.survey_year, drop)).fetchall(),
            columns=["agglomeration", "industry", FIRMS, EMPLOYMENT],
        ).astype({FIRMS: float, EMPLOYMENT: float})
        for drop in {row[2] == "drop" for row in found.values() if row}
    }
    if not any(table[EMPLOYMENT].sum() > 0 for table in totals.values()):
        report.weights = FIRMS
    for code, row in found.items():
        if row:
            yield _input(connection, request, code, row, totals[row[2] == "drop"], report.weights)


def _input(
    connection: psycopg.Connection,
    request: CompareRequest,
    code: str,
    measurement: tuple,
    totals: pd.DataFrame,
    weights: str,
) -> _Input:
    """One cell, with the pile-ups and industries of the measurement (a row of LATEST)."""
    measurement_id, min_firms, pile_ups, spread_km, measured_sha256, measured_pairs = measurement
    what = f"measurement {measurement_id} of {code} {request.survey_year}"
    again = f"(coagg index --survey-year {request.survey_year} --agglomeration {code})"
    firms = firm_points.read_points(connection, request.country, request.survey_year, code)
    points_sha256 = firms.sha256()
    if measured_sha256 != [points_sha256]:
        raise CoaggError(f"{what} is of other firms than those loaded now: measure again {again}")
    rows = connection.execute(WEIGHTS, (request.country, request.survey_year, code)).fetchall()
    projected, _ = project_km(firms.lon, firms.lat)
    stays, projected = firm_points.treat_pile_ups(firms, projected, pile_ups, spread_km)
    industry = firms.industry[stays]
    names, counts = np.unique(industry, return_counts=True)
    industries = names[(counts >= min_firms) & (names != "")].tolist()
    pairs = len(industries) * (len(industries) - 1)
    if measured_pairs != pairs:
        raise CoaggError(
            f"{what} is unfinished, {measured_pairs:,} of {pairs:,} pairs: let it finish {again}"
        )
    number = {name: position for position, name in enumerate(industries)}
    persons = np.array([employed for employed, _ in rows], dtype=float)[stays]
    weight = persons if weights == EMPLOYMENT else np.ones(len(persons))
    prefecture = np.array([prefecture_code for _, prefecture_code in rows])[stays]
    by_cell = totals.pivot(index="agglomeration", columns="industry", values=weights).fillna(0.0)
    chosen = [request.draws, request.seed, min_firms, pile_ups, spread_km, weights]
    digest = hashlib.sha256(json.dumps([code_version(), points_sha256, *chosen]).encode())
    for part in (weight.tobytes(), "\n".join(prefecture).encode(), by_cell.to_csv().encode()):
        digest.update(part)
    return _Input(
        code=code,
        measurement_id=measurement_id,
        min_firms=min_firms,
        pile_ups=pile_ups,
        points_km=np.ascontiguousarray(projected[stays]),
        position=np.array([number.get(name, -1) for name in industry], dtype=np.int64),
        industries=industries,
        weight=weight,
        prefecture=prefecture,
        without_employment=int((persons <= 0).sum()),
        totals=by_cell,
        points_sha256=points_sha256,
        input_sha256=digest.hexdigest(),
    )


def _compute(
    connection: psycopg.Connection,
    key: tuple[str, int, str],
    cell: _Input,
    request: CompareRequest,
    weights: str,
) -> float:
    """Compute one cell and replace it in one transaction; returns the CPU seconds."""
    started = time.process_time()
    # without any weight Ellison-Glaeser-Kerr is undefined throughout
    which = [name for name in COMPARISONS if name != EGK or cell.weight.any()]
    with threadpool_limits(limits=1):  # the matrices are small: more threads only wait
        pairs = comparison_pairs(
            cell.points_km, cell.position, cell.industries, cell.weight, cell.prefecture,
            draws=request.draws, seed=request.seed, which=which,
        )  # fmt: skip
    number = len(cell.industries)
    herfindahl = shares.plant_herfindahl(cell.weight, cell.position, number)
    table = shares.employment_table(cell.weight, cell.prefecture, cell.position, number)
    agglomeration = shares.ellison_glaeser(table, herfindahl)
    here = cell.totals.index.get_loc(cell.code)
    quotient = pd.Series(
        shares.location_quotient(cell.totals.to_numpy())[here], index=cell.totals.columns
    )
    diversification = shares.diversification(cell.totals.to_numpy())[here]
    cpu_seconds = time.process_time() - started
    firms = np.bincount(cell.position[cell.position >= 0], minlength=number)
    with connection.transaction():
        # a run beside this one waits here, then replaces the cell by its own
        locks.wait_for_unit(connection, ("comparison", *key))
        connection.execute(f"DELETE FROM coagglomeration.comparison_cell WHERE {CELL}", key)
        connection.execute(
            "INSERT INTO coagglomeration.comparison_cell (country, survey_year, "
            "agglomeration_code, draws, seed, min_firms, pile_ups, firms, weights, "
            "without_employment, areas, diversification, points_sha256, input_sha256, "
            "code_version, cpu_seconds) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *key, request.draws, request.seed, cell.min_firms, cell.pile_ups,
                len(cell.points_km), weights, cell.without_employment, cell.areas,
                _null(float(diversification)), cell.points_sha256, cell.input_sha256,
                code_version(), cpu_seconds,
            ),
        )  # fmt: skip
        _copy(connection, "comparison", key, pairs)
        _copy(
            connection,
            "industry_comparison",
            key,
            {
                "industry": np.array(cell.industries),
                "firms": firms,
                "location_quotient": quotient[cell.industries].to_numpy(),
                "ellison_glaeser": agglomeration,
                "plant_herfindahl": herfindahl,
            },
        )
    return cpu_seconds


def _null(value: object) -> object:
    """NaN, which no aggregate of SQL survives, as NULL."""
    return None if isinstance(value, float) and np.isnan(value) else value


def _copy(
    connection: psycopg.Connection,
    table: str,
    key: tuple[str, int, str],
    columns: dict[str, np.ndarray],
) -> None:
    names = ", ".join(("country", "survey_year", "agglomeration_code", *columns))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY coagglomeration.{table} ({names}) FROM STDIN") as copy,
    ):
        for row in zip(*(column.tolist() for column in columns.values()), strict=True):
            copy.write_row((*key, *map(_null, row)))


def _correlations(
    connection: psycopg.Connection, key: tuple[str, int, str], measurement_id: int
) -> pd.DataFrame:
    pair = ["fixed_industry", "redrawn_industry"]
    index = pd.DataFrame(
        connection.execute(
            "SELECT fixed_industry, redrawn_industry, index FROM coagglomeration.pair_result "
            f"WHERE measurement_id = %s AND {CELL}",
            (measurement_id, *key),
        ).fetchall(),
        columns=[*pair, "index"],
    )
    comparisons = pd.DataFrame(
        connection.execute(
            "SELECT fixed_industry, redrawn_industry, comparison, value, verdict "
            f"FROM coagglomeration.comparison WHERE {CELL}",
            key,
        ).fetchall(),
        columns=[*pair, "comparison", "value", "verdict"],
    ).astype({"value": float})
    table = rank_correlations(index, comparisons).set_index("comparison").reindex(COMPARISONS)
    return table.fillna({"pairs": 0}).astype({"pairs": int}).reset_index()
