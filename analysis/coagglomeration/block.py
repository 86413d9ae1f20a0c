"""The interface to the index: prepare a cell once, then compute blocks of fixed industries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coagg.analysis.coagglomeration.calibrated import EXACT_SITES, calibrated_block
from coagg.analysis.coagglomeration.cell import Cell, IndexSettings, PairResults, Sites, find_sites
from coagg.analysis.coagglomeration.costs import observed_costs
from coagg.analysis.coagglomeration.entropic import entropic_block
from coagg.analysis.coagglomeration.exact import exact_block
from coagg.analysis.coagglomeration.surrogate import SurrogatePool, prepare_surrogate
from coagg.errors import CoaggError


@dataclass(frozen=True)
class PreparedCell:
    """What all blocks of a cell share; picklable.

    Memory is near 4 bytes x draws x (5 x firms of the largest industry) for the draws of the
    calibrated method, and 1 kB x draws for each of its sizes (some 35).
    """

    key: str
    settings: IndexSettings
    sites: Sites
    surrogate: SurrogatePool | None


def prepare_cell(cell: Cell, settings: IndexSettings, threads: int = 1) -> PreparedCell:
    """Compute what the blocks of a cell share; the result does not depend on `threads`.

    >>> cell = Cell(
    ...     "here",
    ...     np.random.default_rng(1).uniform(0, 9, (40, 2)),
    ...     np.arange(40) % 2,
    ...     ("131", "132"),
    ... )
    >>> prepare_cell(cell, IndexSettings(draws=9, method="exact")).surrogate is None
    True
    """
    sites = find_sites(cell)
    surrogate = None
    if settings.method == "calibrated" and len(sites.x) > EXACT_SITES:
        surrogate = prepare_surrogate(cell, sites, settings, threads)
    return PreparedCell(cell.key, settings, sites, surrogate)


def observed_block(
    cell: Cell, prepared: PreparedCell, settings: IndexSettings, fixed: Sequence[int]
) -> np.ndarray:
    """Observed costs owned by some rows, (len(fixed), J), NaN where another row owns the pair.

    The rows of all industries stacked in order and merged with ``np.fmax(W, W.T)`` make the matrix
    `observed` of :func:`index_block`, each pair solved once. Raises CoaggError as that does.

    >>> cell = Cell(
    ...     "here", np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([0, 1]), ("131", "132")
    ... )
    >>> settings = IndexSettings(draws=9, method="exact")
    >>> observed_block(cell, prepare_cell(cell, settings), settings, [0, 1]).tolist()
    [[0.0, 9.0], [nan, 0.0]]
    """
    _check(cell, prepared, settings, fixed)
    return observed_costs(cell, prepared.sites, settings, fixed, owned_only=True)


def index_block(
    cell: Cell,
    prepared: PreparedCell,
    settings: IndexSettings,
    fixed: Sequence[int],
    observed: np.ndarray | None = None,
) -> PairResults:
    """Index of some fixed industries x all other industries as redrawn.

    Parameters
    ----------
    cell, prepared, settings
        The cell, and what :func:`prepare_cell` made of it under the same settings.
    fixed
        Indices of the fixed industries; the order of the results follows them.
    observed
        (J, J) exact observed costs, km^2 or km; the rows needed are computed here when None. The
        comparison methods 'sinkhorn' and 'published' measure their own and take none.

    Raises
    ------
    CoaggError
        The cell was prepared under other settings, an index is out of range, or a comparison
        method cannot be computed on these points.

    Examples
    --------
    >>> near = np.array([[0.0, 0.0], [1.0, 0.0], [0.2, 0.0], [1.2, 0.0]])  # two firms of each
    >>> pool = np.random.default_rng(1).uniform(20, 60, (30, 2))  # and thirty far away
    >>> cell = Cell(
    ...     "here", np.vstack([near, pool]), np.array([0, 0, 1, 1] + [-1] * 30), ("131", "132")
    ... )
    >>> settings = IndexSettings(draws=99, seed=1, method="exact")
    >>> found = index_block(cell, prepare_cell(cell, settings), settings, [0])
    >>> found.observed_cost.round(3).tolist(), found.index.tolist()
    ([0.04], [1.0])
    """
    _check(cell, prepared, settings, fixed)
    if settings.method in ("sinkhorn", "published"):
        return entropic_block(cell, prepared.sites, settings, fixed)
    if observed is None:
        rows = observed_costs(cell, prepared.sites, settings, fixed)
    else:
        rows = observed[np.asarray(fixed, np.int64)]
    if prepared.surrogate is None:
        return exact_block(cell, prepared.sites, settings, fixed, rows)
    return calibrated_block(cell, prepared.sites, prepared.surrogate, settings, fixed, rows)


def _check(
    cell: Cell, prepared: PreparedCell, settings: IndexSettings, fixed: Sequence[int]
) -> None:
    if prepared.key != cell.key or prepared.settings != settings:
        raise CoaggError(
            f"cell {cell.key}: prepared as {prepared.key} or under other settings; prepare it again"
        )
    wrong = [j for j in fixed if not 0 <= j < len(cell.industries)]
    if wrong:
        raise CoaggError(f"cell {cell.key}: there is no industry number {wrong[0]}")
