"""What the matchers share: tables out of and into the data base, and what a run was made from."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql
from psycopg.types.json import Jsonb

from coagg import database
from coagg.database import locks
from coagg.errors import CoaggError
from coagg.settings import Settings
from coagg.version import VERSION


def open_run(settings: Settings) -> psycopg.Connection:
    """A connection whose one transaction sees one state, and that no other matcher shares.

    Raises CoaggError when another one is at work.
    """
    connection = database.connect(settings)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute("SET client_connection_check_interval = 2000")
    connection.commit()
    if not locks.take(connection, "match"):
        connection.close()
        raise CoaggError("another coagg match is at work on this data base: wait for it")
    return connection


def read(connection: psycopg.Connection, query: LiteralString, names: Mapping[str, pa.DataType],
         values: Sequence[object] = ()) -> pa.Table:  # fmt: skip
    """The rows of a query as an Arrow table with columns `names`; by COPY, so millions are few."""
    buffer = io.BytesIO()
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(
        sql.SQL(query).format(*map(sql.Literal, values))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            buffer.write(block)
    if buffer.tell() == 0:
        return pa.table({name: pa.array([], kind) for name, kind in names.items()})
    buffer.seek(0)
    return pyarrow.csv.read_csv(
        buffer,
        read_options=pyarrow.csv.ReadOptions(column_names=list(names), block_size=1 << 24),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict(names), strings_can_be_null=True, quoted_strings_can_be_null=False,
            null_values=[""], true_values=["t"], false_values=["f"],
        ),
    )  # fmt: skip


def write(connection: psycopg.Connection, table: sql.Composable, rows: pd.DataFrame) -> None:
    """COPY a frame into a table; the columns by name, missing values as null."""
    if rows.empty:
        return
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(rows), 500_000):
            buffer = io.BytesIO()
            part = pa.Table.from_pandas(rows.iloc[start : start + 500_000], preserve_index=False)
            pyarrow.csv.write_csv(part, buffer, options)
            copy.write(buffer.getbuffer())


def key(
    connection: psycopg.Connection, country: str, kinds: Sequence[str], files: Sequence[str],
    *parts: object,
) -> str:  # fmt: skip
    """Hash over current loads of firms and inputs `kinds`, places, code `files` and `parts`."""
    loads = connection.execute(
        "SELECT survey_year, file_sha256, settings_sha256 FROM ops.load "
        "WHERE country = %s AND superseded_at IS NULL ORDER BY 1",
        (country,),
    ).fetchall()
    inputs = connection.execute(
        "SELECT kind, dataset, file_sha256, settings_sha256 FROM ops.input_load "
        "WHERE kind = ANY(%s) AND superseded_at IS NULL ORDER BY 1, 2",
        (list(kinds),),
    ).fetchall()
    places = connection.execute(
        "SELECT source, detail FROM reference.load_report WHERE item = 'sha256' ORDER BY 1, 2"
    ).fetchall()
    code = [
        hashlib.sha256((Path(__file__).with_name(f"{name}.py")).read_bytes()).hexdigest()
        for name in files
    ]
    told = json.dumps([loads, inputs, places, code, parts], default=str, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def unchanged(connection: psycopg.Connection, kind: str, country: str, sha256: str
              ) -> dict[str, Any] | None:  # fmt: skip
    """Counts of the run that stands, when it was made from just this."""
    row = connection.execute(
        "SELECT counts FROM ops.match_run WHERE kind = %s AND country = %s AND input_sha256 = %s",
        (kind, country, sha256),
    ).fetchone()
    return row[0] if row else None


def record(connection: psycopg.Connection, kind: str, country: str, sha256: str,
           counts: Mapping[str, Any], seconds: float) -> None:  # fmt: skip
    """Write what a run was made from and what it counted, in place of the run before."""
    connection.execute(
        "DELETE FROM ops.match_run WHERE kind = %s AND country = %s", (kind, country)
    )
    connection.execute(
        "INSERT INTO ops.match_run (kind, country, input_sha256, counts, seconds, code_version) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (kind, country, sha256, Jsonb(dict(counts)), seconds, VERSION),
    )
