"""About how many bytes a step will take on the data base's disk, said before it begins.

Measured on made economies: rows with their indices take 2.5 to 4 times the bytes of a text file.
The rest is for the temporary tables of a load, which go again at its end.
"""

from __future__ import annotations

from pathlib import Path

import psycopg

TEXT, PACKED = 6, 30  # times the bytes of the file
PACKED_KINDS = (".gz", ".xlsx", ".parquet", ".zip")
AGAIN = 1.5  # times what is there: the new is built aside while the old stays

PARTITION = """
SELECT coalesce(sum(pg_total_relation_size(
           to_regclass('clean.' || quote_ident(partition_name)))), 0)
  FROM ops.load WHERE country = %s AND survey_year = %s AND superseded_at IS NULL
"""
# a panel of one year, from those there are
PANEL = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)
       / greatest((SELECT count(*) FROM panel.build), 1)
  FROM pg_class c WHERE c.relnamespace = 'panel'::regnamespace AND c.relkind = 'r'
"""


def of_file(file: Path) -> int:
    """Bytes that the rows of a file will take.

    >>> of_file(Path("gone.csv"))
    0
    """
    if not file.is_file():
        return 0  # the step itself says that
    return file.stat().st_size * (PACKED if file.suffix.lower() in PACKED_KINDS else TEXT)


def of_year(connection: psycopg.Connection, file: Path, country: str, year: int) -> int:
    """Bytes to build a survey year beside the one it replaces."""
    row = connection.execute(PARTITION, (country, year)).fetchone()
    return max(of_file(file), int(AGAIN * float(row[0])) if row else 0)


def of_panel(connection: psycopg.Connection) -> int:
    """Bytes to build a year of the panel."""
    row = connection.execute(PANEL).fetchone()
    return int(AGAIN * float(row[0])) if row else 0
