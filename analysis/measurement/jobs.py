"""Jobs of a run: which there are, what a worker does with one, what comes free with an answer.

Two stages a cell: observed costs, each pair once (W is symmetric), then the blocks of the index.
The answer to a unit depends on the unit alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coagg.analysis.coagglomeration import (
    Cell,
    IndexSettings,
    PairResults,
    PreparedCell,
    index_block,
    observed_block,
    prepare_cell,
)
from coagg.database.fingerprint import Fingerprint

NOTHING = Fingerprint(())


@dataclass(frozen=True)
class Unit:
    """A block of fixed industries of one cell, and what its answer depends on."""

    agglomeration_code: str
    block: int
    fixed: tuple[int, ...]
    pairs: int
    points_sha256: str
    input_sha256: str
    inputs: Fingerprint = NOTHING


@dataclass(frozen=True)
class RowsJob:
    """First stage: the observed costs owned by some rows of a cell."""

    agglomeration_code: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class BlockJob:
    """Second stage: a unit, with the cell's observed costs."""

    unit: Unit
    observed: np.ndarray

    @property
    def agglomeration_code(self) -> str:
        """Cell of the unit."""
        return self.unit.agglomeration_code


Job = RowsJob | BlockJob
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
        if isinstance(job, RowsJob):
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
            RowsJob(code, tuple(range(first, min(first + ROWS_A_JOB, size))))
            for first in range(0, size, ROWS_A_JOB)
        ]
        self.missing[code] = len(jobs)
        self.observed[code] = np.full((size, size), np.nan)
        return jobs

    def arrived(self, answer: Answer) -> list[Job]:
        """The jobs that come free with an answer."""
        job, result, cpu_seconds = answer
        if isinstance(job, BlockJob):
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
        return [BlockJob(unit, observed) for unit in self.units[code]]
