"""What of the program counts in an index: the number of its rules, and pot, which solves parts."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from coagg.analysis.measurement import INDEX_CODE
from coagg.version import VERSION

CODE_VERSION = f"{VERSION}+index.{INDEX_CODE}"


@cache
def code_parts() -> dict[str, object]:
    """Parts of the fingerprint of an index, by name."""
    return {"code": INDEX_CODE, "pot": version("pot")}
