"""Compute the comparison indices of a survey year's cells and correlate them with the index.

A cell is computed on the points of the measurement it is compared with (same treatment of pile-ups,
same industries), and replaced in one transaction. It is made from the points, the weights, the
year's totals, the settings and the code, so an unchanged cell is skipped.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
import psycopg
from psycopg.types.json import Jsonb
from threadpoolctl import threadpool_limits

from coagg import database
from coagg.analysis.cells import OWN
from coagg.analysis.cells import points as firm_points
from coagg.analysis.cells.read import CellRules, read_cell, read_totals, read_weights
from coagg.analysis.comparison import employment as shares
from coagg.analysis.comparison.pairs import COMPARISONS, EGK, comparison_pairs, rank_correlations
from coagg.analysis.measurement import COMPARISON_CODE
from coagg.database import locks
from coagg.database.fingerprint import MISSING, NEVER, Fingerprint, fingerprint, why
from coagg.errors import CoaggError
from coagg.settings import COUNTRY, Settings
from coagg.version import VERSION

EMPLOYMENT, FIRMS = "employment", "firms"

LATEST = """
SELECT
    u.measurement_id, m.min_firms, m.pile_ups, coalesce((m.settings ->> 'spread_km')::float8, 1),
    nullif(m.classification, 'own'),
    array_agg(DISTINCT u.points_sha256), sum(u.pairs)::integer
FROM coagglomeration.unit AS u
JOIN coagglomeration.measurement AS m USING (measurement_id)
WHERE u.country = %(country)s AND u.survey_year = %(survey_year)s
    AND u.agglomeration_code = %(agglomeration)s
    AND (%(measurement)s::integer IS NULL OR u.measurement_id = %(measurement)s)
GROUP BY u.measurement_id, m.measurement_id
ORDER BY max(u.unit_id) DESC
LIMIT 1
"""

CELL = "country = %s AND survey_year = %s AND agglomeration_code = %s"


@dataclass(frozen=True)
class CompareRequest:
    """What `coagg compare` was asked for; without agglomerations, all that are measured.

    `measurement`: number of the measurement to compare with, else each cell's latest.
    """

    survey_year: int
    country: str = COUNTRY
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
class CellInput:
    """A cell as arrays: N firms of the pool, J industries, and the whole year's totals (C, K)."""

    code: str
    measurement_id: int
    rules: CellRules
    points_km: np.ndarray
    position: np.ndarray
    industries: list[str]
    weight: np.ndarray
    prefecture: np.ndarray
    without_employment: int
    totals: pd.DataFrame
    points_sha256: str
    inputs: Fingerprint

    @property
    def areas(self) -> int:
        """Prefectures with firms."""
        return len(np.unique(self.prefecture))


CODE_VERSION = f"{VERSION}+comparison.{COMPARISON_CODE}"


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
        cells = list(inputs_of(reader, request, report))
    with database.connect(settings, autocommit=True) as writer:  # a cell is a transaction
        for done, cell in enumerate(cells):
            progress(done, len(cells))
            key = (request.country, request.survey_year, cell.code)
            said, known_seconds = cell_why(writer, key, cell)
            skipped = said is None
            cpu_seconds = (
                known_seconds if skipped else _compute(writer, key, cell, request, report.weights)
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


def cell_why(
    connection: psycopg.Connection, key: tuple[str, int, str], cell: CellInput
) -> tuple[str | None, float]:
    """Why a cell must be computed, None when it is stored in full as it would be; CPU seconds."""
    row = connection.execute(
        f"SELECT inputs, cpu_seconds, "
        f"(SELECT count(*) FROM coagglomeration.comparison WHERE {CELL}), "
        f"(SELECT count(*) FROM coagglomeration.industry_comparison WHERE {CELL}) "
        f"FROM coagglomeration.comparison_cell WHERE {CELL}",
        (*key, *key, *key),
    ).fetchone()
    if row is None:
        return NEVER, 0.0
    before, seconds, of_pairs, of_industries = row
    number = len(cell.industries)
    pairs = number * (number - 1)
    kinds = len(COMPARISONS) if cell.weight.any() else len(COMPARISONS) - 1
    whole = of_industries == number and of_pairs == pairs * kinds
    return why(before, cell.inputs) or (None if whole else MISSING), float(seconds)


def inputs_of(
    connection: psycopg.Connection, request: CompareRequest, report: CompareReport
) -> Iterator[CellInput]:
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
    rules = {code: CellRules(*row[1:5]) for code, row in found.items() if row}
    totals = {
        rule: pd.DataFrame(
            read_totals(connection, request.country, request.survey_year, rule),
            columns=["agglomeration", "industry", FIRMS, EMPLOYMENT],
        ).astype({FIRMS: float, EMPLOYMENT: float})
        for rule in set(rules.values())
    }
    if not any(table[EMPLOYMENT].sum() > 0 for table in totals.values()):
        report.weights = FIRMS
    for code, row in found.items():
        if row:
            rule = rules[code]
            yield _input(connection, request, code, row, rule, totals[rule], report.weights)


def _input(
    connection: psycopg.Connection,
    request: CompareRequest,
    code: str,
    measurement: tuple,
    rules: CellRules,
    totals: pd.DataFrame,
    weights: str,
) -> CellInput:
    """One cell, with the firms and industries of the measurement (a row of LATEST)."""
    measurement_id, *_, measured_sha256, measured_pairs = measurement
    what = f"measurement {measurement_id} of {code} {request.survey_year}"
    again = f"(coagg index --survey-year {request.survey_year} --agglomeration {code})"
    cell = read_cell(connection, request.country, request.survey_year, code, rules)
    points_sha256 = cell.firms.sha256()
    if measured_sha256 != [points_sha256]:
        raise CoaggError(f"{what} is of other firms than those loaded now: measure again {again}")
    industries = list(cell.industries)
    pairs = len(industries) * (len(industries) - 1)
    if measured_pairs != pairs:
        raise CoaggError(
            f"{what} is unfinished, {measured_pairs:,} of {pairs:,} pairs: let it finish {again}"
        )
    persons, prefecture = read_weights(connection, request.country, request.survey_year, code)
    persons, prefecture = persons[cell.stays], prefecture[cell.stays]
    weight = persons if weights == EMPLOYMENT else np.ones(len(persons))
    by_cell = totals.pivot(index="agglomeration", columns="industry", values=weights).fillna(0.0)
    inputs = fingerprint(
        {
            "firms": points_sha256,
            "weights": [weights, hashlib.sha256(weight.tobytes()).hexdigest()],
            "areas": prefecture.tolist(),
            "totals": by_cell.to_csv(),
            "settings": [request.draws, request.seed, asdict(rules)],
            "code": COMPARISON_CODE,
        }
    )
    return CellInput(
        code=code,
        measurement_id=measurement_id,
        rules=rules,
        points_km=cell.points_km,
        position=cell.position.astype(np.int64),
        industries=industries,
        weight=weight,
        prefecture=prefecture,
        without_employment=int((persons <= 0).sum()),
        totals=by_cell,
        points_sha256=points_sha256,
        inputs=inputs,
    )


def _compute(
    connection: psycopg.Connection,
    key: tuple[str, int, str],
    cell: CellInput,
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
            "agglomeration_code, draws, seed, min_firms, pile_ups, classification, firms, weights, "
            "without_employment, areas, diversification, points_sha256, input_sha256, "
            "inputs, code_version, cpu_seconds) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *key, request.draws, request.seed, cell.rules.min_firms, cell.rules.pile_ups,
                cell.rules.classification or OWN,
                len(cell.points_km), weights, cell.without_employment, cell.areas,
                _null(float(diversification)), cell.points_sha256, cell.inputs.sha256,
                Jsonb(cell.inputs.as_json()), CODE_VERSION, cpu_seconds,
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
