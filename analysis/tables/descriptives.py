"""Descriptive statistics of the panel: moments, shares, correlations.

Shares are nested: of (a, b), among rows with a = 1, how many have b = 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from coagg.analysis.tables.level import Level
from coagg.analysis.tables.specification import Condition, Describe
from coagg.analysis.tables.store import Described


def described_names(wanted: Describe) -> list[str]:
    """Every variable that descriptive statistics need."""
    groups = (*wanted.shares.values(), *wanted.correlations.values())
    return [*wanted.variables, *(name for names in groups for name in names)]


def describe(
    level: Level, wanted: Describe, conditions: Sequence[Condition], start: int
) -> Iterator[Described]:
    """Descriptive statistics of a level; what is undefined is NaN."""
    keep = level.mask(conditions)
    place = start
    for place, name in enumerate(wanted.variables, start + 1):
        values = level.variable(name)[keep]
        values = values[~np.isnan(values)]
        some = len(values) > 0
        numbers = {
            "observations": float(len(values)),
            "mean": float(values.mean()) if some else np.nan,
            "sd": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
            "min": float(values.min()) if some else np.nan,
            "max": float(values.max()) if some else np.nan,
        }
        for statistic, value in numbers.items():
            yield Described(place, wanted.level, name, statistic, value)
    for place, (text, names) in enumerate(wanted.shares.items(), place + 1):  # noqa: B020
        among = keep.copy()
        for name in names[:-1]:
            among &= level.variable(name) == 1
        last = level.variable(names[-1])[among]
        last = last[~np.isnan(last)]
        share = float((last == 1).mean()) if len(last) else np.nan
        yield Described(place, wanted.level, text, "share", share)
    for place, (text, names) in enumerate(wanted.correlations.items(), place + 1):  # noqa: B020
        a, b = (level.variable(name)[keep] for name in names)
        both = ~np.isnan(a) & ~np.isnan(b)
        a, b = a[both], b[both]
        varied = len(a) > 1 and float(np.ptp(a)) > 0 and float(np.ptp(b)) > 0
        value = float(np.corrcoef(a, b)[0, 1]) if varied else np.nan
        yield Described(place, wanted.level, text, "correlation", value)
