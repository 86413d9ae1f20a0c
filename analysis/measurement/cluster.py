"""Run units of work on a Dask cluster.

Workers need the points, not the data base: each job carries its cell. A worker that dies has its
jobs given to another; answers do not depend on who gave them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any

from threadpoolctl import threadpool_limits

from coagg.analysis.coagglomeration import Cell, IndexSettings
from coagg.analysis.measurement.code_version import CODE_VERSION
from coagg.analysis.measurement.jobs import Answer, Bench, Job, Plan
from coagg.errors import CoaggError

CONNECT_SECONDS = 15
RETRIES = 3

_bench: Bench | None = None


def _work(cell: Cell, settings: IndexSettings, job: Job) -> Answer:
    """One job on a worker, which keeps the cell it prepared last."""
    global _bench
    with threadpool_limits(limits=1):
        if _bench is None or _bench.cell.key != cell.key or _bench.settings != settings:
            _bench = Bench(cell, settings)
        return _bench.work(job)


def _version() -> str:
    return CODE_VERSION


def run_on_cluster(
    plan: Plan, cells: Mapping[str, Cell], settings: IndexSettings, scheduler: str
) -> Iterator[Answer]:
    """Answers of all jobs of the plan, as they come.

    Raises CoaggError when the scheduler cannot be reached or goes away, or when its workers run
    another version of the code; what was yielded before stays good.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise CoaggError("--scheduler needs dask.distributed: pip install distributed") from None
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as fault:
        raise CoaggError(
            f"no Dask scheduler answers at {scheduler} ({_one_line(fault)}): start one with "
            "dask scheduler, or leave --scheduler out"
        ) from None
    try:
        _check_versions(client, scheduler)

        def submit(job: Job) -> Any:
            cell = cells[job.agglomeration_code]
            return client.submit(_work, cell, settings, job, pure=False, retries=RETRIES)

        first = [submit(job) for code in plan.codes for job in plan.first(code)]
        arriving = as_completed(first, loop=client.loop)
        for future in arriving:
            answer = future.result()
            future.release()
            for job in plan.arrived(answer):
                arriving.add(submit(job))
            yield answer
    except (OSError, CancelledError) as fault:
        raise CoaggError(
            f"the Dask scheduler at {scheduler} went away ({_one_line(fault)}); finished units are "
            "kept: start it and call again to go on"
        ) from None
    finally:
        client.close(timeout=2)


def _check_versions(client: Any, scheduler: str) -> None:
    versions = client.run(_version)
    if not versions:
        raise CoaggError(
            f"the Dask scheduler at {scheduler} has no workers: dask worker {scheduler} starts one"
        )
    for worker, version in versions.items():
        if version != CODE_VERSION:
            raise CoaggError(
                f"worker {worker} runs coagg {version}, this is {CODE_VERSION}: "
                "install the same version there"
            )


def _one_line(fault: BaseException) -> str:
    return " ".join(str(fault).split()) or type(fault).__name__
