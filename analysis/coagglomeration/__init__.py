"""Directional coagglomeration index of all ordered industry pairs of a cell (METHOD, section 2).

``prepare_cell`` computes what the blocks of a cell share; ``index_block`` computes the pairs of
some fixed industries. Results are bit for bit the same however a cell is split into blocks.
"""

from coagg.analysis.coagglomeration.block import (
    PreparedCell,
    index_block,
    observed_block,
    prepare_cell,
)
from coagg.analysis.coagglomeration.cell import (
    METHODS,
    THRESHOLDS,
    Cell,
    IndexSettings,
    PairResults,
)

__all__ = [
    "METHODS",
    "THRESHOLDS",
    "Cell",
    "IndexSettings",
    "PairResults",
    "PreparedCell",
    "index_block",
    "observed_block",
    "prepare_cell",
]
