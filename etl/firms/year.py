"""A year of firms written aside and put in the place of the one that stands."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from coagg import database
from coagg.database import holders
from coagg.database.fingerprint import Fingerprint
from coagg.errors import CoaggError
from coagg.etl.files import readers
from coagg.etl.firms.load_report import LoadReport
from coagg.settings import Settings
from coagg.version import VERSION

SWAP_TRIES = 60
QUIET_TRIES = 10  # then rows take the place of rows
SWAP_TIMEOUT_MS = 500


class YearLock:
    """Holds the year's row lock on a connection of its own, so that it outlives savepoints."""

    def __init__(self, settings: Settings, country: str, survey_year: int) -> None:
        self.key = (country, survey_year)
        self.connection = database.connect(settings)

    def __enter__(self) -> None:
        country, survey_year = self.key
        self.connection.execute(
            "INSERT INTO ops.year_lock VALUES (%s, %s) ON CONFLICT DO NOTHING", self.key
        )
        self.connection.commit()
        try:
            self.connection.execute(
                "SELECT 1 FROM ops.year_lock WHERE country = %s AND survey_year = %s "
                "FOR UPDATE NOWAIT",
                self.key,
            )
        except psycopg.errors.LockNotAvailable:
            self.connection.close()
            raise CoaggError(
                f"another load of {country} {survey_year} is running: wait for it, or stop it"
            ) from None

    def __exit__(self, *_: object) -> None:
        with suppress(psycopg.Error):  # a closed connection keeps its lock until the server sees it
            self.connection.rollback()
        self.connection.close()


def build_partition(connection: psycopg.Connection, country: str, survey_year: int) -> str:
    """Write the year to a new table with all its indices; nobody reads it yet."""
    row = connection.execute("SELECT txid_current()").fetchone()
    assert row is not None
    name = f"firm_{country.lower()}_{survey_year}_{row[0]}"
    table = sql.Identifier("clean", name)
    columns = sql.SQL(", ").join(
        sql.Identifier(label)
        for (label,) in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'clean.firm'::regclass "
            "AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
        ).fetchall()
    )
    connection.execute(
        sql.SQL("CREATE TABLE {} (LIKE clean.firm INCLUDING DEFAULTS INCLUDING GENERATED)").format(
            table
        )
    )
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM cleaned_firm").format(table, columns, columns)
    )
    connection.execute(
        sql.SQL(
            "ALTER TABLE {table} ADD PRIMARY KEY (country, survey_year, row_number), "
            "ADD CHECK (country = {country} AND survey_year = {year})"
        ).format(table=table, country=sql.Literal(country), year=sql.Literal(survey_year))
    )
    for index in ("(prefecture_code, industry)", "(firm_id)", "USING gist (geom)"):
        connection.execute(sql.SQL("CREATE INDEX ON {} ").format(table) + sql.SQL(index))
    connection.execute(sql.SQL("ANALYZE {}").format(table))
    return name


def publish(
    connection: psycopg.Connection,
    report: LoadReport,
    partition: str,
    table: readers.TableFile,
    made_from: Fingerprint,
) -> None:
    """Swap partition, refused rows and ledger row, all in the caller's transaction."""
    year = (report.country, report.survey_year)
    # before the swap, whose lock nobody should wait for; readers see both at once
    connection.execute(
        "SELECT clean.place_in_areas(%s, %s, %s::regclass)", (*year, f"clean.{partition}")
    )
    try:
        in_a_quiet_moment(
            connection, "SELECT clean.publish_year(%s, %s, %s)", (*year, partition), "replaced",
            QUIET_TRIES,
        )  # fmt: skip
    except holders.Held:  # one idle notebook does not stop a night
        row = connection.execute(
            "SELECT clean.publish_rows(%s, %s, %s)", (*year, partition)
        ).fetchone()
        assert row is not None
        partition = row[0]
    connection.execute("DELETE FROM clean.refused WHERE country = %s AND survey_year = %s", year)
    connection.execute(
        "INSERT INTO clean.refused SELECT %s, %s, row_number, reason, detail, received "
        "FROM incoming_refused",
        year,
    )
    connection.execute(
        "INSERT INTO ops.load (country, survey_year, file_name, file_sha256, file_bytes, "
        "file_format, file_encoding, layout, datum, classification, settings_sha256, inputs, "
        "rows_read, rows_clean, rows_refused, counts, partition_name, code_version, gate, "
        "accepted_reason) VALUES "
        "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *year, report.file, table.sha256, table.bytes, report.format, report.encoding,
            report.layout, report.datum, report.classification, made_from.sha256,
            Jsonb(made_from.as_json()), report.rows_read, report.rows_clean, report.rows_refused,
            Jsonb({"reasons": report.reasons, "flags": report.flags, "facts": report.facts}),
            partition, VERSION, Jsonb(report.verdict.as_json() if report.verdict else None),
            report.accepted,
        ),
    )  # fmt: skip


def in_a_quiet_moment(
    connection: psycopg.Connection, statement: LiteralString, values: tuple[Any, ...], what: str,
    tries: int = SWAP_TRIES,
) -> None:  # fmt: skip
    """Execute a statement that takes a year out of clean.firm, when nobody reads the table.

    `what`: replaced or withdrawn, for the `Held` that names who read it all the time; `tries` of
    half a second each.
    """
    holders.alone(
        connection, lambda: connection.execute(statement, values), ["clean.firm"],
        f"the year was not {what}", tries=tries, timeout_ms=SWAP_TIMEOUT_MS,
    )  # fmt: skip
