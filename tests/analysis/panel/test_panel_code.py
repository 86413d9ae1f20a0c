"""The panel of a small world, held by the number of its code (and by the text of its SQL)."""

import json

from support.golden import held
from support.panel_world import World

from coagg.analysis.panel import PANEL_CODE
from coagg.analysis.panel.build import PanelSettings, build_panel

CELLS = "SELECT to_jsonb(c) FROM panel.industry_cell AS c ORDER BY agglomeration_code, industry"
PAIRS = (
    "SELECT to_jsonb(p) FROM panel.industry_pair AS p "
    "ORDER BY agglomeration_code, from_industry, to_industry"
)


def test_panel(reference_db, db_settings):
    world = World(reference_db)
    results = []
    for chosen in (PanelSettings(), PanelSettings(2, "output", "same-agglomeration")):
        report = build_panel(db_settings, world.measurement_id, 2007, chosen=chosen)
        results.append([report.cells, report.pairs, report.facts])
        results += [reference_db.execute(query).fetchall() for query in (CELLS, PAIRS)]
        reference_db.commit()
    held(
        json.loads(json.dumps(results)),
        PANEL_CODE,
        "PANEL_CODE",
        (1, "cc7e6392768eb72a0c7b374ddf4e174e"),
    )
