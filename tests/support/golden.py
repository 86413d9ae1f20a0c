"""Golden results: they hold the numbers by which the code of a room counts in a fingerprint."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from coagg.database.fingerprint import digest


def rounded(value: Any, digits: int) -> Any:
    """A value with its floats to so many significant digits; a missing one as a word."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return float(f"{value:.{digits - 1}e}") + 0.0  # no negative zero
    if isinstance(value, Mapping):
        return {str(name): rounded(one, digits) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [rounded(one, digits) for one in value]
    return value


def held(results: Any, number: int, name: str, golden: tuple[int, str], digits: int = 9) -> None:
    """Fail when results are not the golden ones and the code number is still theirs.

    `golden`: the number of the code, and the hash of the results of that number.
    """
    found = digest(rounded(results, digits))
    before, expected = golden
    assert (found == expected) or number != before, (
        f"results changed: raise {name} to {before + 1} and write the new hash {found!r}"
    )
    assert number == before, f"{name} is {number}: write ({number}, {found!r}) in this test"
    assert found == expected
