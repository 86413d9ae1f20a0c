"""Run units of work on this machine, in this process or in several.

Two stages a cell: observed costs, each pair once (W is symmetric), then the blocks of the index.
The answer to a unit depends on the unit alone, so order and number of workers change nothing.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
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
from coagg.errors import CoaggError


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
    """A worker's state: the cells, and the one cell it has prepared."""

    def __init__(self, cells: Mapping[str, Cell], settings: IndexSettings) -> None:
        self.cells = cells
        self.settings = settings
        self.code: str | None = None
        self.prepared: PreparedCell | None = None

    def work(self, job: Job) -> Answer:
        """Do one job."""
        started = time.process_time()
        cell = self.cells[job.agglomeration_code]
        result: np.ndarray | PairResults
        with threadpool_limits(limits=1):  # threads would cost more than they give, and vary sums
            if self.code != job.agglomeration_code or self.prepared is None:
                self.prepared = prepare_cell(cell, self.settings)
                self.code = job.agglomeration_code
            if isinstance(job, _Rows):
                result = observed_block(cell, self.prepared, self.settings, job.rows)
            else:
                result = index_block(
                    cell, self.prepared, self.settings, job.unit.fixed, job.observed
                )
        return job, result, time.process_time() - started


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

    def first(self) -> Iterator[Job]:
        """The jobs that wait for nothing."""
        for code in self.codes:
            size = self.sizes[code]
            jobs = [
                _Rows(code, tuple(range(first, min(first + ROWS_A_JOB, size))))
                for first in range(0, size, ROWS_A_JOB)
            ]
            self.missing[code] = len(jobs)
            self.observed[code] = np.full((size, size), np.nan)
            yield from jobs

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

    In this process (workers = 1), in several, or on the Dask cluster of `scheduler`. Raises
    CoaggError when a worker process is killed; what was yielded before stays good.
    """
    if not units:
        return
    plan = Plan(cells, units)
    if scheduler is not None:
        from analysis.cluster import run_on_cluster  # only then is Dask needed

        answers = run_on_cluster(plan, cells, settings, scheduler)
    elif workers == 1:
        answers = _alone(plan, cells, settings)
    else:
        answers = _pool(plan, cells, settings, workers)
    for job, result, cpu_seconds in answers:
        if isinstance(job, _Block):
            assert isinstance(result, PairResults)
            yield job.unit, result, cpu_seconds + plan.cpu[job.agglomeration_code]


def _alone(plan: Plan, cells: Mapping[str, Cell], settings: IndexSettings) -> Iterator[Answer]:
    bench = Bench(cells, settings)
    for first in plan.first():
        for job in plan.arrived(bench.work(first)):
            yield bench.work(job)


_bench: Bench | None = None


def _open_bench(cells: Mapping[str, Cell], settings: IndexSettings) -> None:
    global _bench
    _bench = Bench(cells, settings)


def _work(job: Job) -> Answer:
    assert _bench is not None
    return _bench.work(job)


def _pool(
    plan: Plan, cells: Mapping[str, Cell], settings: IndexSettings, workers: int
) -> Iterator[Answer]:
    context = multiprocessing.get_context("spawn")  # fork would copy the data base connection
    with ProcessPoolExecutor(
        workers, context, initializer=_open_bench, initargs=(dict(cells), settings)
    ) as pool:
        waiting: set[Future[Answer]] = set()
        try:
            waiting |= {pool.submit(_work, job) for job in plan.first()}
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    answer = future.result()
                    waiting |= {pool.submit(_work, job) for job in plan.arrived(answer)}
                    yield answer
        except BrokenProcessPool:
            raise CoaggError(
                "a worker process was killed (out of memory?); finished units are kept: call "
                "again to go on, with fewer --workers if memory was short"
            ) from None
        finally:
            for future in waiting:
                future.cancel()
