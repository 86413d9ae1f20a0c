"""Run units of work: on threads of this machine, or on a Dask cluster.

The answer to a unit depends on the unit alone, so order and number of workers change nothing. The
kernels are compiled and release the interpreter, so threads share a prepared cell and its memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from coagg.analysis.coagglomeration import Cell, IndexSettings, PairResults
from coagg.analysis.measurement.jobs import Answer, Bench, BlockJob, Job, Plan, Unit


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
        from coagg.analysis.measurement.cluster import run_on_cluster  # only then is Dask needed

        answers = run_on_cluster(plan, cells, settings, scheduler)
    else:
        answers = _here(plan, cells, settings, workers)
    for job, result, cpu_seconds in answers:
        if isinstance(job, BlockJob):
            assert isinstance(result, PairResults)
            yield job.unit, result, cpu_seconds + plan.cpu[job.agglomeration_code]


def _here(
    plan: Plan, cells: Mapping[str, Cell], settings: IndexSettings, workers: int
) -> Iterator[Answer]:
    """Cell by cell, so that one prepared cell is in memory at a time."""
    # more BLAS threads would cost more than they give, and vary sums
    with threadpool_limits(limits=1), _pool(workers) as pool:
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


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that nobody waits for when the work is stopped: a unit can take minutes."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
