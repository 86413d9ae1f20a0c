"""What is refused before estimating, and which regressors are left out by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from coagg.analysis.estimation.model import Model
from coagg.errors import CoaggError

COLLINEAR = 1e-9
"""A column is collinear when less than this share of its variation is its own (as pyfixest)."""

NONE_LEFT = "no variation left after the fixed effects"


def require_columns(present: Iterable[str], model: Model) -> None:
    """Refuse a model that names a column which is not there."""
    there = set(present)
    for name in (*model.numeric, *model.effects, *model.cluster):
        if name not in there:
            raise CoaggError(
                f"column {name} of the specification of {model.dependent} is not in the data; "
                "correct the name"
            )


def require_finite(name: str, values: np.ndarray) -> None:
    """Refuse NaN and infinite values: a row must not vanish unseen."""
    bad = ~np.isfinite(values)
    if bad.any():
        kinds = "NaN" if np.isnan(values[bad]).all() else "NaN or infinite"
        raise CoaggError(
            f"column {name}: {int(bad.sum())} of {len(values)} values are {kinds}, the first in "
            f"row {int(np.argmax(bad))}; restrict the sample or mend the column"
        )


def numeric(name: str, values: object) -> np.ndarray:
    """A column as float64, finite."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CoaggError(f"column {name} is not numeric ({error}); give numbers") from None
    require_finite(name, array)
    return array


def codes(name: str, values: object) -> tuple[np.ndarray, np.ndarray]:
    """Codes 0.. of a grouping column in sorted order of its levels, and the levels."""
    found, levels = pd.factorize(values, sort=True)  # type: ignore[call-overload]
    if (found < 0).any():
        raise CoaggError(
            f"column {name}: {int((found < 0).sum())} empty values; "
            "fill them or leave those rows out"
        )
    return found, np.asarray(levels)


def require_clusters(counts: Mapping[str, int]) -> None:
    """Refuse errors clustered on fewer than two groups."""
    for name, count in counts.items():
        if count < 2:
            raise CoaggError(
                f"column {name} has {count} cluster: clustered errors need at least two; "
                "cluster on another column or widen the sample"
            )


def independent(
    names: Sequence[str],
    cross: np.ndarray,
    totals: np.ndarray,
    given: Sequence[str] = (),
) -> tuple[list[int], list[tuple[str, str]]]:
    """Which columns to keep, in order; the others with the reason.

    `cross` (P, P) are cross-products after the fixed effects, `totals` (P,) the sums of squares
    about the mean before them. `given` says how many leading names must be kept (kept first).
    """
    kept: list[int] = []
    dropped: list[tuple[str, str]] = []
    for i, name in enumerate(names):
        total = totals[i]
        if not total > 0:
            dropped.append((name, "constant"))
            continue
        if cross[i, i] <= COLLINEAR * total:
            dropped.append((name, NONE_LEFT))
            continue
        if kept:
            scale = np.sqrt(np.diag(cross)[kept])
            inner = cross[np.ix_(kept, kept)] / np.outer(scale, scale)
            share = np.linalg.solve(inner, cross[kept, i] / scale)
            left = cross[i, i] - share @ (cross[kept, i] / scale)
            if left <= COLLINEAR * cross[i, i]:
                size = np.abs(share) / np.sqrt(cross[i, i])
                others = [names[k] for k, s in zip(kept, size, strict=True) if s > 1e-6]
                dropped.append((name, f"collinear with {', '.join(others)}"))
                continue
        kept.append(i)
    for name, reason in dropped:
        if name in given:
            raise CoaggError(f"column {name}: {reason}; it cannot be left out, change the model")
    return kept, dropped
