"""Links of firms and of applicants, held by the number of the matchers."""

import json

from support.golden import held
from test_patent_match import loaded  # noqa: F401  (a fixture)

from coagg import database
from coagg.etl.matching import MATCH_CODE
from coagg.etl.matching.firms import match_firms
from coagg.etl.matching.patents import match_patents

RESULTS = (
    "SELECT country, survey_year, row_number, panel_id FROM clean.firm_panel ORDER BY 1, 2, 3",
    "SELECT * FROM clean.firm_panel_link ORDER BY 1, 2, 3, 4, 5",
    "SELECT * FROM clean.patent_match ORDER BY 1, 2",
    "SELECT * FROM clean.match_candidate ORDER BY 1, 2",
)


def test_links_are_those_of_the_number(loaded):  # noqa: F811
    match_firms(loaded)
    match_patents(loaded)
    with database.connect(loaded) as connection:
        results = [connection.execute(query).fetchall() for query in RESULTS]
    assert min(map(len, results)) > 0
    held(
        json.loads(json.dumps(results)),
        MATCH_CODE,
        "MATCH_CODE",
        (2, "12b29ff5d8b5f41143b31ca1cc1d6780"),
    )
