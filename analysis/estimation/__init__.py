"""Estimation: arrays and frames in, coefficients and their errors out."""

from coagg.analysis.estimation.equality import Difference, Equality, equality
from coagg.analysis.estimation.fit import fit
from coagg.analysis.estimation.model import Estimate, Model
from coagg.analysis.estimation.pairs import fit_pairs
from coagg.analysis.estimation.weak import weak_note

__all__ = [
    "Difference",
    "Equality",
    "Estimate",
    "Model",
    "equality",
    "fit",
    "fit_pairs",
    "weak_note",
]
