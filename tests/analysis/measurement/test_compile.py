"""Kernels: compiled by set-up for all that comes, and kept in a place that fits their sources."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba import config

from coagg.analysis.coagglomeration import kernels

AFTER_SET_UP = """
import sys
import numpy as np
from numba.core.dispatcher import Dispatcher
from coagg.analysis.coagglomeration import Cell, IndexSettings
from coagg.analysis.comparison.pairs import comparison_pairs
from coagg.analysis.measurement.compile import compile_kernels
from coagg.analysis.measurement.jobs import Bench, BlockJob, RowsJob, Unit

def compiled():
    return {
        f"{module}.{name}": len(found.signatures)
        for module in sorted(sys.modules) if module.startswith("coagg.analysis.co")
        for name, found in vars(sys.modules[module]).items() if isinstance(found, Dispatcher)
    }

compile_kernels()
before = compiled()
draw = np.random.default_rng(7)
points = np.round(draw.normal(0, 9, (150, 2)), 0)  # many firms share their point
industry = draw.integers(-1, 5, 150).astype(np.int32)
codes = tuple("abcde")
for method in ("calibrated", "exact"):
    for cost in ("sqeuclidean", "euclidean"):
        for more in ({}, {"enumerate_up_to": 150}):
            settings = IndexSettings(draws=20, method=method, cost=cost, **more)
            bench = Bench(Cell("other", points, industry, codes), settings)
            rows = bench.work(RowsJob("other", tuple(range(5))))[1]
            unit = Unit("other", 0, tuple(range(5)), 20, "", "")
            bench.work(BlockJob(unit, np.fmax(rows, rows.T)))
comparison_pairs(points, industry, codes, draw.uniform(1, 9, 150), industry, draws=19)
for name, number in compiled().items():
    print(name, before[name], number)
"""


def test_set_up_compiles_all_that_a_measurement_needs():
    done = subprocess.run([sys.executable, "-c", AFTER_SET_UP], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts = {name: (int(a), int(b)) for name, a, b in map(str.split, done.stdout.splitlines())}
    assert len(counts) >= 25
    assert {name: pair for name, pair in counts.items() if pair[0] != pair[1]} == {}
    called = {name.rsplit(".", 1)[1] for name, pair in counts.items() if pair[0]}
    assert called >= {"solve_and_cut", "regress", "read_null", "_draw_costs", "_add_rows", "_count"}


def place_of(monkeypatch, rooms: Path) -> Path:
    monkeypatch.setattr(kernels, "__file__", str(rooms / "coagglomeration" / "kernels.py"))
    kernels.cache_folder.cache_clear()
    return kernels.cache_folder()


@pytest.fixture(autouse=True)
def _forget():
    yield
    kernels.cache_folder.cache_clear()
    kernels._warn_once.cache_clear()


def test_the_place_changes_with_any_kernel_and_with_nothing_else(monkeypatch, tmp_path):
    source = Path(kernels.__file__).parents[1]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for room in (*kernels.ROOMS, "panel"):
        shutil.copytree(source / room, tmp_path / room, ignore=shutil.ignore_patterns("__py*"))
    first = place_of(monkeypatch, tmp_path)
    assert first.parent == tmp_path / "cache" / "coagg"
    with (tmp_path / "panel" / "build.py").open("a") as file:
        file.write("# more\n")
    assert place_of(monkeypatch, tmp_path) == first
    with (tmp_path / "coagglomeration" / "network_simplex.py").open("a") as file:
        file.write("# another callee\n")
    assert place_of(monkeypatch, tmp_path) != first


def doubled(x):
    return 2 * x


def test_kept_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(config, "CACHE_DIR", "")
    kernels.cache_folder.cache_clear()
    assert kernels.compiled(doubled)(21) == 42
    assert [file.suffix for file in sorted(tmp_path.rglob("*doubled*"))] == [".nbc", ".nbi"]
    assert config.CACHE_DIR == ""  # other libraries' kernels stay where they are
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "chosen"))
    assert kernels.compiled(doubled)(21) == 42
    assert list((tmp_path / "chosen").rglob("*doubled*.nbc"))


def test_where_nothing_can_be_kept_kernels_work_and_it_is_said_once(monkeypatch, recwarn):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    monkeypatch.setattr(config, "CACHE_DIR", "")
    kernels.cache_folder.cache_clear()
    assert kernels.compiled(doubled)(21) == 42  # numba's own places are tried next
    assert not recwarn.list
    monkeypatch.setattr(config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    assert [kernels.compiled(doubled)(21) for _ in range(2)] == [42, 42]
    (said,) = recwarn.list
    assert "name a folder in NUMBA_CACHE_DIR" in str(said.message)
