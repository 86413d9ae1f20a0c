"""Published figures of the paper, to be set beside ours."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from coagg.analysis.tables.pages.layout import PaperColumn

FILE = Path(__file__).parent / "paper_values.toml"


@cache
def paper_values() -> dict[str, dict[int, PaperColumn]]:
    """Table -> column number -> published figures."""
    raw = tomllib.loads(FILE.read_text(encoding="utf-8"))
    found: dict[str, dict[int, PaperColumn]] = {}
    for name, columns in raw.items():
        for number, given in columns.items():
            values: dict[str, tuple[float, float | None]] = {
                regressor: (float(v[0]), float(v[1])) if isinstance(v, list) else (float(v), None)
                for regressor, v in given.get("coefficients", {}).items()
            }
            statistics = {k: float(v) for k, v in given.items() if k != "coefficients"}
            found.setdefault(name, {})[int(number)] = PaperColumn(values, statistics)
    return found
