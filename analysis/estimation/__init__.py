"""Estimation: arrays and frames in, coefficients and their errors out."""

from analysis.estimation.fit import fit
from analysis.estimation.model import Estimate, Model

__all__ = ["Estimate", "Model", "fit"]
