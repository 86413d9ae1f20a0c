"""Stored tables as csv: one line a number, in full precision, for other programs."""

from __future__ import annotations

import io
import math

from coagg import writing
from coagg.analysis.tables.pages.layout import HEAD_BREAK
from coagg.analysis.tables.pages.notes import TEST_WORDS
from coagg.analysis.tables.store import StoredTable

FIELDS = (
    "table", "column", "heading", "dependent", "estimator", "part", "name", "estimate",
    "standard_error", "t", "p", "standardised", "run_id",
)  # fmt: skip


def table_csv(table: StoredTable) -> str:
    """Every stored number of a table: `part` says what it is."""
    made = io.StringIO()
    out = writing.CsvWriter(made, lineterminator="\n")
    out.writerow(FIELDS)

    def number(value: object) -> object:
        if isinstance(value, float):
            return "" if not math.isfinite(value) else repr(value)
        return "" if value is None else value

    for column in table.columns:
        heading = column.heading.replace(HEAD_BREAK, ", ")
        head = (table.name, column.number, heading, column.dependent, column.estimator)
        for part, found in (("main", column.main), ("first", column.first)):
            for one in found:
                values = (one.coefficient, one.standard_error, one.t, one.p, one.standardised)
                out.writerow((*head, part, one.name, *map(number, values), table.run_id))
        statistics = {
            "n": column.observations, "r2": column.r2, "r2_within": column.r2_within,
            **{k: v for k, v in column.diagnostics.items() if not isinstance(v, dict)},
        }  # fmt: skip
        for name, value in statistics.items():
            out.writerow((*head, "statistic", name, number(value), *[""] * 4, table.run_id))
        for kind in TEST_WORDS:
            for name, one in column.diagnostics.get(kind, {}).items():
                tested = ("", "", number(one["t"]), number(one["p"]), "")
                out.writerow(
                    (*head, f"{kind}, {one['draws']:.0f} draws", name, *tested, table.run_id)
                )
        for name, count in column.diagnostics.get("missing", {}).items():
            out.writerow((*head, "missing rows", name, count, *[""] * 4, table.run_id))
        for name, count in column.clusters.items():
            out.writerow((*head, "clusters", name, count, *[""] * 4, table.run_id))
        for text in column.dropped:
            out.writerow((*head, "dropped", text, *[""] * 5, table.run_id))
    for test in table.tests:
        tested = (table.name, f"{test.columns[0]} {test.columns[1]}", test.label, "", "")
        name = " ".join(test.names)
        for part, three in (("test", test.raw), ("test standardised", test.standardised)):
            difference, error, p = map(number, three)
            out.writerow((*tested, part, name, difference, error, "", p, "", table.run_id))
    for said in table.described:
        place = (table.name, "", said.name, "", "")
        out.writerow(
            (*place, said.level, said.statistic, number(said.value), *[""] * 4, table.run_id)
        )
    return made.getvalue()
