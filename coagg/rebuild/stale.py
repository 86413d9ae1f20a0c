"""Results that stand in the tables and are older than what they are made from."""

from __future__ import annotations

from coagg import database
from coagg.analysis.measurement.stale import stale_cells, stale_comparisons
from coagg.analysis.panel.build import stale_builds
from coagg.analysis.tables.estimate import stale_tables
from coagg.etl import ledger
from coagg.etl.firms.inputs import stale_loads
from coagg.etl.input_output import load as input_output
from coagg.etl.matching.patents import stale_runs
from coagg.etl.patents import citations
from coagg.etl.patents import load as patents
from coagg.settings import Settings


def older_results(settings: Settings) -> dict[str, str]:
    """Everything stored that would be made anew from what is loaded, by name, and why.

    Asked of the same functions as the engines and `coagg rebuild`. Files of inputs are not opened:
    a load is asked for its rules, its reference data and whether its rows are there.
    """
    with database.snapshot(settings) as connection:
        return {
            **stale_loads(connection),
            **ledger.stale_loads(connection, patents.KIND, patents.rule_parts()),
            **ledger.stale_loads(connection, citations.KIND, citations.rule_parts(connection)),
            **ledger.stale_loads(connection, input_output.KIND, input_output.RULE_PARTS),
            **ledger.stale_loads(connection, input_output.MAP_KIND, input_output.RULE_PARTS),
            **stale_runs(connection),
            **stale_cells(connection),
            **stale_comparisons(connection),
            **stale_builds(connection),
            **stale_tables(settings, connection),
        }
