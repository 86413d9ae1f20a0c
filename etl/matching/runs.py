"""What the matchers share: tables out of and into the data base, and what a run was made from."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql
from psycopg.types.json import Jsonb

from coagg import database
from coagg.database import locks
from coagg.database.fingerprint import MISSING, NEVER, Fingerprint, why
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


def why_of(
    connection: psycopg.Connection, kind: str, country: str, made_from: Fingerprint,
    there: Callable[[psycopg.Connection, str, Mapping[str, Any]], bool],
) -> str | None:  # fmt: skip
    """Why the run that stands is not this one; None when it is and `there` finds its rows.

    `there` is asked with the connection, the country and what the run counted.
    """
    row = connection.execute(
        "SELECT inputs, counts FROM ops.match_run WHERE kind = %s AND country = %s",
        (kind, country),
    ).fetchone()
    if row is None:
        return NEVER
    return why(row[0], made_from) or (None if there(connection, country, row[1]) else MISSING)


def counted(connection: psycopg.Connection, kind: str, country: str) -> dict[str, Any] | None:
    """What the run that stands counted; None without one."""
    row = connection.execute(
        "SELECT counts FROM ops.match_run WHERE kind = %s AND country = %s", (kind, country)
    ).fetchone()
    return row[0] if row else None


def record(connection: psycopg.Connection, kind: str, country: str, made_from: Fingerprint,
           counts: Mapping[str, Any], seconds: float) -> None:  # fmt: skip
    """Write what a run was made from and what it counted, in place of the run before."""
    connection.execute(
        "DELETE FROM ops.match_run WHERE kind = %s AND country = %s", (kind, country)
    )
    connection.execute(
        "INSERT INTO ops.match_run (kind, country, input_sha256, inputs, counts, seconds, "
        "code_version) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            kind, country, made_from.sha256, Jsonb(made_from.as_json()), Jsonb(dict(counts)),
            seconds, VERSION,
        ),
    )  # fmt: skip
