"""What stands of a table: its latest run or why it cannot be estimated, and what it rests on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import psycopg

from coagg.analysis.tables.specification import Table
from coagg.database.fingerprint import MISSING, NEVER, Fingerprint, why

SAME = "measurement_id = %s AND table_name = %s AND options = %s::jsonb"


def why_of(
    connection: psycopg.Connection,
    measurement_id: int,
    table: Table,
    options: Mapping[str, Any],
    made_from: Fingerprint,
) -> str | None:
    """Why the table must be estimated; None when its latest run, or its refusal, rests on the same.

    A run counts when all its columns and tests are in the tables.
    """
    key = (measurement_id, table.name, json.dumps(options))
    refused = connection.execute(
        f"SELECT inputs FROM estimates.refusal WHERE {SAME}", key
    ).fetchone()
    if refused is not None:
        return why(refused[0], made_from)
    row = connection.execute(
        "SELECT inputs, (SELECT count(*) FROM estimates.column_result AS c "
        "WHERE c.run_id = l.run_id AND EXISTS (SELECT FROM estimates.coefficient AS b "
        "WHERE b.run_id = c.run_id AND b.column_number = c.column_number)), "
        "(SELECT count(*) FROM estimates.equality AS e WHERE e.run_id = l.run_id), "
        "EXISTS (SELECT FROM estimates.descriptive AS d WHERE d.run_id = l.run_id) "
        f"FROM estimates.latest AS l WHERE {SAME}",
        key,
    ).fetchone()
    if row is None:
        return NEVER
    whole = row[1:] == (len(table.columns), len(table.tests), bool(table.describes))
    return why(row[0], made_from) or (None if whole else MISSING)


def standing(
    connection: psycopg.Connection, measurement_id: int, table: Table, options: Mapping[str, Any]
) -> tuple[int | None, str]:
    """Number of the latest run; or None and why the table could not be estimated."""
    key = (measurement_id, table.name, json.dumps(options))
    refused = connection.execute(
        f"SELECT reason FROM estimates.refusal WHERE {SAME}", key
    ).fetchone()
    if refused is not None:
        return None, refused[0]
    row = connection.execute(f"SELECT run_id FROM estimates.latest WHERE {SAME}", key).fetchone()
    assert row is not None
    return row[0], ""


def latest(
    connection: psycopg.Connection,
) -> list[tuple[int, dict[str, Any], dict[str, Any], list[int]]]:
    """Measurement, options, specification and years (none: all) of each table's latest run."""
    return connection.execute(
        "SELECT measurement_id, options, specification, survey_years FROM estimates.latest "
        "ORDER BY measurement_id, table_name, options"
    ).fetchall()


def write_refusal(
    connection: psycopg.Connection,
    measurement_id: int,
    table: Table,
    options: Mapping[str, Any],
    made_from: Fingerprint,
    reason: str,
) -> None:
    """Keep that a table cannot be estimated from these inputs, so that it is not tried again."""
    connection.execute(
        "INSERT INTO estimates.refusal (measurement_id, table_name, options, inputs, reason) "
        "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (measurement_id, table_name, options) "
        "DO UPDATE SET inputs = excluded.inputs, reason = excluded.reason, refused_at = now()",
        (
            measurement_id, table.name, json.dumps(options), json.dumps(made_from.as_json()),
            reason,
        ),
    )  # fmt: skip
