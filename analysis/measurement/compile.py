"""Compiles every kernel once, so that the first index of a machine need not: a step of set-up.

    python -m coagg.analysis.measurement.compile

It takes about half a minute, or two seconds where all is kept already.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np

from coagg.analysis.coagglomeration import (
    Cell,
    IndexSettings,
    index_block,
    observed_block,
    prepare_cell,
)
from coagg.analysis.coagglomeration.kernels import cache_folder
from coagg.analysis.coagglomeration.network_simplex import network_simplex
from coagg.analysis.comparison.pairs import comparison_pairs

METHODS = ("calibrated", "exact")  # the others have no kernels of their own
UNUSED_DAYS = 60


def compile_kernels() -> Path:
    """Measure a made cell of 300 firms in every way that has kernels; returns where they are kept.

    The place is that of numba's choice where the user's cache folder cannot be written.
    """
    draw = np.random.default_rng(1)
    points = draw.uniform(-50, 50, (300, 2))
    industry = draw.integers(-1, 6, 300).astype(np.int32)
    industries = tuple(f"{number:03d}" for number in range(6))
    cell = Cell("compiled", points, industry, industries)
    everyone = range(len(industries))
    for method in METHODS:
        settings = IndexSettings(draws=50, method=method, refine=1.0)
        prepared = prepare_cell(cell, settings)
        observed = observed_block(cell, prepared, settings, everyone)
        index_block(cell, prepared, settings, everyone, np.fmax(observed, observed.T))
    areas = (points[:, 0] > 0).astype(np.int64)
    comparison_pairs(points, industry, industries, None, areas, draws=19)
    return Path(network_simplex.stats.cache_path or "no folder")


def remove_unused(folder: Path, now: float) -> None:
    """Remove machine code of other sources beside `folder` that is older than two months."""
    for other in folder.parent.glob("kernels-*"):
        if other != folder and now - other.stat().st_mtime > UNUSED_DAYS * 86_400:
            shutil.rmtree(other, ignore_errors=True)


def main() -> None:
    """Compile, and say where the machine code is kept."""
    start = time.perf_counter()
    place = compile_kernels()
    print(f"kernels ready after {time.perf_counter() - start:.1f} s, kept in {place}")
    remove_unused(cache_folder(), time.time())


if __name__ == "__main__":
    main()
