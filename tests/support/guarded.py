"""A data base with small, dominated and plain cells, and people let into it by their own roles."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psycopg
from support import panel_world

from coagg import database
from coagg.analysis.panel.build import build_panel
from coagg.database import adoption, server
from coagg.settings import Settings

YEAR = 2007
PLACE = panel_world.PLACES[0]
# output and staff of each firm; 171 has two firms, 131 one that dominates, 134 one that employs
CELLS = {
    "131": [(9000.0, 10), (400.0, 12), (350.0, 11), (250.0, 9)],
    "132": [(500.0, 20), (450.0, 25), (400.0, 22), (300.0, 21), (200.0, 18)],
    "133": [(310.0, 8), (290.0, 9), (305.0, 7)],
    "134": [(100.0, 900), (120.0, 5), (90.0, 6)],
    "171": [(777.0, 33), (222.0, 11)],
}
# j -> k; a pool that holds 171 or 131 may not be published
NEAR = {("132", "133"), ("133", "132"), ("132", "171"), ("133", "131"), ("134", "133")}
NAMES = "Confidential Works"
ANALYST = f"ana_{os.getpid()}"
NAMER = f"nam_{os.getpid()}"
VIEWS = (
    "agglomeration_map", "cell", "cell_map", "comparison", "descriptive", "disclosure",
    "industry_comparison", "measurement", "pair", "pair_map", "panel_pair", "suppression",
    "survey_year",
)  # fmt: skip


def put_world(settings: Settings) -> int:
    """Write firms and an index, build the panel; returns the measurement."""
    with database.connect(settings) as connection:
        rows = [
            (number, None, industry, "gbt4754_2002", PLACE, *size)
            for number, (industry, size) in enumerate(
                ((industry, size) for industry, sizes in CELLS.items() for size in sizes), 1
            )
        ]
        panel_world.put_rows(connection, "CN", YEAR, rows)
        # a second country with the same row numbers
        panel_world.put_rows(
            connection, "GB", YEAR, [(1, None, None, "uksic2007", "TLC11", 5.0, 1)]
        )
        rng = np.random.default_rng(3)
        connection.execute(
            "UPDATE clean.firm SET firm_name = %s || row_number, firm_id = 'ID' || row_number, "
            "lon = lon + row_number * 0.01",
            (NAMES,),
        )
        measurement = panel_world.put_measurement(connection, "guarded")
        (code,) = {
            c
            for (c,) in connection.execute(
                "SELECT agglomeration_code FROM reference.agglomeration_member "
                "WHERE prefecture_code = %s AND assigned",
                (PLACE,),
            )
        }
        index = {
            (j, k): 0.97 if (j, k) in NEAR else float(rng.uniform(0.1, 0.8))
            for j in CELLS
            for k in CELLS
            if j != k
        }
        panel_world.put_index(connection, measurement, "CN", YEAR, code, index)
        for industry, sizes in CELLS.items():
            for side in ("fixed", "redrawn"):
                connection.execute(
                    f"UPDATE coagglomeration.pair_result SET {side}_firms = %s "
                    f"WHERE {side}_industry = %s",
                    (len(sizes), industry),
                )
        connection.commit()
    build_panel(settings, measurement, YEAR)
    return measurement


@contextmanager
def as_role(settings: Settings, name: str, **options: object) -> Iterator[psycopg.Connection]:
    """A connection of this process as another role, through the socket of the private server."""
    with database.administer(settings) as connection:
        known = adoption.identities(connection)
        adoption.write_identities(connection, known | {(getpass.getuser(), name)})
    target = server.private_server(settings).conninfo(database.database_name(settings), name)
    for _ in range(50):  # the server reads its files again in its own time
        try:
            connection = psycopg.connect(target, **options)
            break
        except psycopg.OperationalError as fault:
            if "peer" not in str(fault).lower():
                raise
    with connection:
        yield connection
