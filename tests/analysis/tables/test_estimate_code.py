"""Every table of the made panel, held by the number of the estimates' code."""

import json

import pytest
from support.golden import held
from support.made_panel import put_panel

from coagg import database
from coagg.analysis.tables import ESTIMATE_CODE
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.options import Options
from coagg.analysis.tables.specification import load_specifications, stored_table

RESULTS = (
    "SELECT table_name, column_number, stage, place, name, coefficient, standard_error "
    "FROM estimates.coefficient JOIN estimates.run USING (run_id) ORDER BY run_id, 2, 3, 4",
    "SELECT table_name, column_number, observations, r2, dropped FROM estimates.column_result "
    "JOIN estimates.run USING (run_id) ORDER BY run_id, 2",
    "SELECT table_name, test_number, difference, standard_error FROM estimates.equality "
    "JOIN estimates.run USING (run_id) ORDER BY run_id, 2",
    "SELECT table_name, place, statistic, value FROM estimates.descriptive "
    "JOIN estimates.run USING (run_id) ORDER BY run_id, 2, 3",
)


@pytest.fixture(scope="module")
def made(databases, schema_template):
    settings = databases.copy(schema_template)
    with database.connect(settings) as connection:
        put_panel(connection)
    estimate_tables(settings, load_specifications())
    estimate_tables(settings, load_specifications(), ["table1"], options=Options(poisson=True))
    return settings


def test_estimates(made):
    with database.connect(made) as connection:
        results = [connection.execute(query).fetchall() for query in RESULTS]
    assert min(map(len, results)) > 0
    # sums in floating point differ in the last places between libraries: six digits hold
    held(
        json.loads(json.dumps(results)),
        ESTIMATE_CODE,
        "ESTIMATE_CODE",
        (1, "7a5428efc2a65edd189c577a080a66de"),
        6,
    )


def test_a_stored_specification_is_read_back_as_it_was():
    for table in load_specifications().values():
        assert stored_table(table.as_json()) == table
