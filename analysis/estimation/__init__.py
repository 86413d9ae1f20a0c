"""Estimation: arrays and frames in, coefficients and their errors out."""

from analysis.estimation.equality import Difference, Equality, equality
from analysis.estimation.fit import fit
from analysis.estimation.model import Estimate, Model
from analysis.estimation.pairs import fit_pairs
from analysis.estimation.weak import weak_note

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
