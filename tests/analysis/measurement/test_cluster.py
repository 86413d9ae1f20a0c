"""The index on a real Dask cluster: the same bytes, also when a worker is killed half-way."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from coagg.analysis.coagglomeration import Cell, IndexSettings
from coagg.analysis.measurement.workers import Unit, run_units
from coagg.errors import CoaggError

pytest.importorskip("distributed")
SETTINGS = IndexSettings(draws=60, seed=3, method="exact")
LOCAL = "tcp://127.0.0.1"


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


@pytest.fixture
def cluster():
    """Address of a scheduler, and its two worker processes."""
    scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = None
    for line in scheduler.stderr:
        found = re.search(r"Scheduler at:\s+(tcp://\S+)", line)
        if found:
            address = found.group(1)
            break
    workers = [
        start("dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        for _ in range(2)
    ]
    from distributed import Client

    with Client(address) as client:
        client.wait_for_workers(2, timeout=60)
    yield address, scheduler, workers
    for process in [*workers, scheduler]:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def work():
    """Two cells, their units."""
    cells, units = {}, []
    for number, code in enumerate(("AA", "BB")):
        rng = np.random.default_rng(number)
        industry = np.arange(240, dtype=np.int32) % 12
        names = tuple(f"{130 + i}" for i in range(12))
        cells[code] = Cell(f"CN/2013/{code}", rng.normal(0, 20, (240, 2)), industry, names)
        units += [
            Unit(code, block, tuple(range(block * 3, block * 3 + 3)), 33, "", "")
            for block in range(4)
        ]
    return cells, units


def answers(found):
    return {
        (unit.agglomeration_code, unit.block): [c.tobytes() for c in results.columns().values()]
        for unit, results, _ in found
    }


def test_same_bytes_from_one_worker_two_and_dask_with_one_killed(cluster, work):
    address, _, workers = cluster
    expected = answers(run_units(*work, SETTINGS))
    assert len(expected) == 8
    assert answers(run_units(*work, SETTINGS, workers=2)) == expected
    arriving = run_units(*work, SETTINGS, scheduler=address)
    first = next(arriving)
    os.kill(workers[0].pid, signal.SIGKILL)
    assert answers([first, *arriving]) == expected


def test_scheduler_gone_is_one_line(cluster, work):
    address, scheduler, _ = cluster
    slow = IndexSettings(draws=4000, seed=3, method="exact")
    arriving = run_units(*work, slow, scheduler=address)
    time.sleep(0.1)
    next(arriving)
    scheduler.kill()
    with pytest.raises(CoaggError, match=r"went away .* finished units are kept") as caught:
        list(arriving)
    assert "\n" not in str(caught.value)


def test_no_scheduler_is_one_line(work, monkeypatch):
    monkeypatch.setattr("coagg.analysis.measurement.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(CoaggError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(run_units(*work, SETTINGS, scheduler=f"{LOCAL}:9"))
