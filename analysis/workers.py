"""Run units of work on this machine, in one thread or several.

Two stages a cell: observed costs, each pair once (W is symmetric), then the blocks of the index.
The answer to a unit depends on the unit alone, so order and number of workers change nothing. The
kernels are compiled and release the interpreter, so threads share a prepared cell and its memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from analysis.coagglomeration import (
    Cell,
    IndexSettings,
    PairResults,
    PreparedCell,
    index_block,
    observed_block,
    prepare_cell,
)


@dataclass(frozen=True)
class Unit:
    """A block of fixed industries of one cell, and what its answer depends on."""

    agglomeration_code: str
    block: int
    fixed: tuple[int, ...]
    pairs: int
    points_sha256: str
    input_sha256: str


@dataclass(frozen=True)
class _Rows:
    """First stage: the observed costs owned by some rows of a cell."""

    agglomeration_code: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class _Block:
    """Second stage: a unit, with the cell's observed costs."""

    unit: Unit
    observed: np.ndarray

    @property
    def agglomeration_code(self) -> str:
        return self.unit.agglomeration_code


Job = _Rows | _Block
Answer = tuple[Job, np.ndarray | PairResults, float]  # with CPU seconds
ROWS_A_JOB = 8


class Bench:
    """What a worker works with: one cell, prepared, shared by its threads."""

    def __init__(self, cell: Cell, settings: IndexSettings, threads: int = 1) -> None:
        started = time.process_time()
        self.cell = cell
        self.settings = settings
        self.prepared: PreparedCell = prepare_cell(cell, settings, threads)
        self.prepare_seconds = time.process_time() - started

    def work(self, job: Job) -> Answer:
        """Do one job."""
        started = time.thread_time()
        result: np.ndarray | PairResults
        if isinstance(job, _Rows):
            result = observed_block(self.cell, self.prepared, self.settings, job.rows)
        else:
            result = index_block(
                self.cell, self.prepared, self.settings, job.unit.fixed, job.observed
            )
        return job, result, time.thread_time() - started


class Plan:
    """Which jobs there are, and which come free when an answer arrives."""

    def __init__(self, cells: Mapping[str, Cell], units: Sequence[Unit]) -> None:
        self.units: dict[str, list[Unit]] = {}
        for unit in units:
            self.units.setdefault(unit.agglomeration_code, []).append(unit)
        # dearest cells first, so that none is left alone at the end
        self.codes = sorted(self.units, key=lambda code: (-len(cells[code].points_km), code))
        self.cpu = dict.fromkeys(self.codes, 0.0)
        self.missing: dict[str, int] = {}
        self.observed: dict[str, np.ndarray] = {}
        self.sizes = {code: len(cells[code].industries) for code in self.codes}

    def first(self, code: str) -> list[Job]:
        """The jobs of a cell that wait for nothing."""
        size = self.sizes[code]
        jobs: list[Job] = [
            _Rows(code, tuple(range(first, min(first + ROWS_A_JOB, size))))
            for first in range(0, size, ROWS_A_JOB)
        ]
        self.missing[code] = len(jobs)
        self.observed[code] = np.full((size, size), np.nan)
        return jobs

    def arrived(self, answer: Answer) -> list[Job]:
        """The jobs that come free with an answer."""
        job, result, cpu_seconds = answer
        if isinstance(job, _Block):
            return []
        code = job.agglomeration_code
        self.observed[code][list(job.rows)] = result
        self.cpu[code] += cpu_seconds
        self.missing[code] -= 1
        if self.missing[code]:
            return []
        observed = self.observed.pop(code)
        observed = np.fmax(observed, observed.T)
        self.cpu[code] /= len(self.units[code])  # of the first stage, booked on each unit
        return [_Block(unit, observed) for unit in self.units[code]]


def run_units(
    cells: Mapping[str, Cell],
    units: Sequence[Unit],
    settings: IndexSettings,
    workers: int = 1,
    scheduler: str | None = None,
) -> Iterator[tuple[Unit, PairResults, float]]:
    """Yield each unit with its results and CPU seconds, in the order they are finished.

    On `workers` threads of this machine, or on the Dask cluster of `scheduler`.
    """
    if not units:
        return
    plan = Plan(cells, units)
    if scheduler is not None:
        from analysis.cluster import run_on_cluster  # only then is Dask needed

        answers = run_on_cluster(plan, cells, settings, scheduler)
    else:
        answers = _here(plan, cells, settings, workers)
    for job, result, cpu_seconds in answers:
        if isinstance(job, _Block):
            assert isinstance(result, PairResults)
            yield job.unit, result, cpu_seconds + plan.cpu[job.agglomeration_code]


def _here(
    plan: Plan, cells: Mapping[str, Cell], settings: IndexSettings, workers: int
) -> Iterator[Answer]:
    """Cell by cell, so that one prepared cell is in memory at a time."""
    # more BLAS threads would cost more than they give, and vary sums
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        for code in plan.codes:
            bench = Bench(cells[code], settings, workers)
            plan.cpu[code] += bench.prepare_seconds
            blocks: list[Job] = []
            for answer in pool.map(bench.work, plan.first(code)):
                blocks += plan.arrived(answer)
            running = [pool.submit(bench.work, block) for block in blocks]
            try:
                for done in as_completed(running):
                    yield done.result()
            finally:
                for future in running:
                    future.cancel()
