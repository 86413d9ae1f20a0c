"""Sets of results as people ask for them: which there are, what changed and why, which is read."""

from coagg.results.difference import Difference, difference
from coagg.results.sets import ResultSet, activate, files_of, prune, result_sets

__all__ = [
    "Difference", "ResultSet", "activate", "difference", "files_of", "prune", "result_sets",
]  # fmt: skip
