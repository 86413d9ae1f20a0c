"""Read the panel of a measurement: cells as a frame, pairs as an Arrow table."""

from __future__ import annotations

import adbc_driver_postgresql.dbapi
import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql

from analysis.tables.variables import CELL_COLUMNS, CELL_KEYS, PAIR_COLUMNS, PAIR_KEYS
from coagg import database
from coagg.settings import Settings


def _select(table: str, keys: tuple[str, ...], columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(
        "SELECT {} FROM {} WHERE measurement_id = {} AND country = {} ORDER BY {}"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, (*keys, *columns))),
        sql.Identifier("panel", table),
        sql.Placeholder(),
        sql.Placeholder(),
        sql.SQL(", ").join(map(sql.Identifier, keys)),
    )


def cell_frame(connection: psycopg.Connection, measurement_id: int, country: str) -> pd.DataFrame:
    """Cells of panel.industry_cell in the order of their keys."""
    query = _select("industry_cell", CELL_KEYS, CELL_COLUMNS)
    rows = connection.execute(query, (measurement_id, country)).fetchall()
    return pd.DataFrame(rows, columns=[*CELL_KEYS, *CELL_COLUMNS])


def pair_table(settings: Settings, measurement_id: int, country: str) -> pa.Table:
    """Pairs of panel.industry_pair in the order of their keys."""
    query = _select("industry_pair", PAIR_KEYS, PAIR_COLUMNS).as_string(None)
    query = query.replace("%s", "$1", 1).replace("%s", "$2", 1)
    with (
        adbc_driver_postgresql.dbapi.connect(database.conninfo(settings)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query, parameters=(measurement_id, country))
        return cursor.fetch_arrow_table()
