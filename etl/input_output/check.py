"""A table against itself: total inputs, balance, direct coefficients against published ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coagg.errors import CoaggError
from coagg.etl.input_output import grid as io_grid
from coagg.etl.input_output import sectors as io_sectors

# Published tables balance to the rounding of their last digit; a wrong cell does not.
BALANCE_TOLERANCE = 1e-5  # of the sector's total input
EXACT = 1e-12
PRINTED = 6e-10  # half a unit of the ninth decimal, the printed precision, and its own rounding


@dataclass(frozen=True)
class Table:
    """A checked table: codes, names, total_input (n); flows and direct coefficients (n, n)."""

    codes: list[str]
    names: list[str]
    flows: np.ndarray
    coefficients: np.ndarray
    total_input: np.ndarray
    unit: str
    facts: dict[str, Any]


def check_table(
    path: Path,
    matrix: io_grid.Matrix,
    sectors: Path | None,
    coefficients: Path | None,
    *,
    allow_unbalanced: bool = False,
) -> Table:
    """Total inputs, balance and direct coefficients of a matrix. Raises CoaggError, see above."""
    names, margins = matrix.names, dict(matrix.margins)
    if sectors is not None:
        names, more = io_sectors.read_sectors(sectors, matrix.codes)
        margins |= more
    total = margins.get("total_input")
    if total is None:
        raise CoaggError(
            f"{path}: states no total input of its sectors (a line TI); "
            "give a csv of code, name, total_input, value_added as --sectors"
        )
    if np.allclose(total, 1.0):
        raise CoaggError(
            f"{path}: holds coefficients, not flows: load the table of flows, and give this file "
            "as --coefficients"
        )
    idle = (total <= 0) & (matrix.values != 0).any(axis=0)
    if (total < 0).any() or idle.any():
        code = matrix.codes[int(np.argmax((total < 0) | idle))]
        raise CoaggError(f"{path}: total input of sector {code} is not positive; correct it")
    facts: dict[str, Any] = {"blank_cells": matrix.blanks}
    facts |= _balance(path, matrix, names, margins, allow_unbalanced=allow_unbalanced)
    direct = np.divide(
        matrix.values, total, out=np.zeros_like(matrix.values), where=total[None, :] > 0
    )
    if coefficients is not None:
        facts |= _agreement(coefficients, matrix.codes, direct)
    unit = matrix.unit or "as in the file"
    return Table(matrix.codes, names, matrix.values, direct, total, unit, facts)


def _balance(
    path: Path,
    matrix: io_grid.Matrix,
    names: list[str],
    margins: dict[str, np.ndarray],
    *,
    allow_unbalanced: bool,
) -> dict[str, Any]:
    """Largest relative imbalance of each identity that the margins allow to check."""
    total = margins["total_input"]
    used, supplied = matrix.values.sum(axis=0), matrix.values.sum(axis=1)
    checks = {}
    if "value_added" in margins:
        other = margins.get("other_input", 0.0)
        checks["intermediate inputs and value added"] = (
            used + margins["value_added"] + other, total,
        )  # fmt: skip
    if "intermediate_input" in margins:
        checks["intermediate inputs"] = (used, margins["intermediate_input"])
    if "intermediate_use" in margins:
        checks["intermediate uses"] = (supplied, margins["intermediate_use"])
    if "total_output" in margins:
        checks["total input, against total output,"] = (total, margins["total_output"])
    scale = np.where(total > 0, total, 1.0)
    told: dict[str, float] = {}
    off: set[str] = set()
    for what, (found, stated) in checks.items():
        gap = np.abs(found - stated) / scale
        worst = int(np.argmax(gap))
        told[what] = float(gap[worst])
        off |= {matrix.codes[i] for i in np.flatnonzero(gap > BALANCE_TOLERANCE)}
        if gap[worst] > BALANCE_TOLERANCE and not allow_unbalanced:
            raise CoaggError(
                f"{path}: does not balance: {what} of sector {matrix.codes[worst]} "
                f"{names[worst]} add to {found[worst]:,.6g} where the table says "
                f"{stated[worst]:,.6g}: correct it, or load it with --allow-unbalanced"
            )
    return {
        "largest_imbalance": told,
        "balance_checked": "value_added" in margins,
        "unbalanced_sectors": sorted(off),
    }


def _agreement(path: Path, codes: list[str], direct: np.ndarray) -> dict[str, Any]:
    published = io_grid.read_matrix(path)
    if published.codes != codes:
        raise CoaggError(f"{path}: its sectors are not those of the table; is it the same year's?")
    gap = np.abs(published.values - direct)
    i, j = np.unravel_index(int(np.argmax(gap)), gap.shape)
    worst = float(gap[i, j])
    if worst > PRINTED:
        raise CoaggError(
            f"{path}: the published coefficient of supplier {codes[i]} and user {codes[j]} is "
            f"{published.values[i, j]:.9g}, the flows give {direct[i, j]:.9g}: "
            "do the two files belong together?"
        )
    return {
        "published_coefficients": path.name,
        "published_sha256": published.sha256,
        "largest_difference": worst,
        "agrees_to": "1e-12" if worst <= EXACT else "nine printed decimals",
    }
