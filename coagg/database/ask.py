"""One SELECT, asked read-only, row by row from the server, within a limit of rows and of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from coagg.database.connection import connect
from coagg.errors import CoaggError
from coagg.settings import Settings

ROW_LIMIT = 10_000
BATCH = 2_000
KINDS = {
    "bool": "boolean", "int2": "integer", "int4": "integer", "int8": "integer",
    "float4": "float", "float8": "float", "numeric": "decimal", "date": "date",
    "timestamp": "timestamp", "timestamptz": "timestamp with zone", "json": "json",
    "jsonb": "json",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a result: its name, and what kind of thing it holds.

    `kind` is text (codes are), boolean, integer, float, decimal, date, timestamp, timestamp with
    zone, json, list or geometry (EWKB in hexadecimal).
    """

    name: str
    kind: str


@dataclass
class Result:
    """Columns, and the rows still to come; `more` is known when the rows are read."""

    columns: list[Column]
    rows: Iterator[tuple[Any, ...]]
    more: bool = field(default=False)


@contextmanager
def ask(
    settings: Settings,
    statement: str,
    values: Mapping[str, str] | None = None,
    *,
    limit: int = ROW_LIMIT,
    timeout_seconds: int = 300,
) -> Iterator[Result]:
    """Ask the data base one question.

    Parameters
    ----------
    settings
        The data base.
    statement : str
        One SELECT (or WITH, VALUES, TABLE), with ``%(name)s`` where a value goes. With values, a
        percent sign is written ``%%``.
    values : mapping, optional
        The values, as text; PostgreSQL reads each as what stands beside it. They never become a
        part of the statement.
    limit : int
        Rows at most; 0 for all.
    timeout_seconds : int
        0 for no limit.

    Raises
    ------
    CoaggError
        For a statement that cannot be read or is no question, a value that is missing or not asked
        for, what this role may not read, and when the time is up.

    Examples
    --------
    >>> question = "SELECT name FROM reference.agglomeration WHERE agglomeration_code = %(code)s"
    >>> with ask(read_settings(), question, {"code": "CY"}) as result:  # doctest: +SKIP
    ...     print(list(result.rows))
    """
    statement = statement.strip().removesuffix(";")
    if not statement:
        raise CoaggError("no question was asked: write a SELECT")
    for name in values or {}:
        if f"%({name})s" not in statement:
            raise CoaggError(f"value {name} is not asked for: write %({name})s in the statement")
    if limit < 0 or timeout_seconds < 0:
        raise CoaggError("limits of rows and time are 0 (none) or more")
    connection = connect(settings, application_name="coagg sql")
    try:
        connection.read_only = True
        connection.execute(
            "SELECT set_config('statement_timeout', %s, true), "
            "set_config('cursor_tuple_fraction', %s, true)",
            (f"{timeout_seconds}s", "0.1" if limit else "1"),
        )
        kinds = _kinds(connection)
        with _faults(timeout_seconds), connection.cursor("coagg_sql") as cursor:
            # the statement is the user's own, and one only: DECLARE takes no other
            cursor.execute(statement.encode(), values or None)
            described = cursor.description or []
            columns = [Column(c.name, kinds.get(c.type_code, "text")) for c in described]
            result = Result(columns, iter(()))
            result.rows = _rows(cursor, result, limit)
            yield result
    except KeyboardInterrupt:
        connection.cancel_safe(timeout=2)
        raise
    finally:
        connection.close()


def _rows(
    cursor: psycopg.ServerCursor[Any], result: Result, limit: int
) -> Iterator[tuple[Any, ...]]:
    given = 0
    while batch := cursor.fetchmany(min(BATCH, limit + 1 - given) if limit else BATCH):
        for row in batch:
            if limit and given == limit:
                result.more = True
                return
            given += 1
            yield row


def _kinds(connection: psycopg.Connection) -> dict[int, str]:
    """Kind by number of type; whatever is not known is text, as PostgreSQL writes it."""
    found = connection.execute(
        "SELECT oid, typname, typcategory FROM pg_type WHERE typcategory = 'A' "
        "OR typname = ANY(%s) OR typname IN ('geometry', 'geography')",
        (list(KINDS),),
    ).fetchall()
    kinds = {}
    for oid, name, category in found:
        if name in ("geometry", "geography"):
            kinds[oid] = "geometry"
        elif category == "A":
            kinds[oid] = "list"
        else:
            kinds[oid] = KINDS[name]
    return kinds


@contextmanager
def _faults(timeout_seconds: int) -> Iterator[None]:
    """What PostgreSQL says of the user's statement, in a line with the remedy."""
    try:
        yield
    except psycopg.errors.QueryCanceled:
        raise CoaggError(
            f"stopped after {timeout_seconds} s: ask for less, or give more time (--timeout)"
        ) from None
    except psycopg.errors.InsufficientPrivilege as fault:
        raise CoaggError(
            f"{_said(fault)}: this role may not read that; analysts read the views of schema "
            "publish, and schemas reference and estimates"
        ) from None
    except psycopg.errors.SyntaxError as fault:
        raise CoaggError(
            f"{_said(fault)}; one SELECT (or WITH, VALUES, TABLE) is asked at a time; for anything "
            "else there is coagg db psql"
        ) from None
    except psycopg.OperationalError:
        raise  # the server went away
    except psycopg.Error as fault:
        raise CoaggError(_said(fault)) from None


def _said(fault: psycopg.Error) -> str:
    said = fault.diag.message_primary or " ".join(str(fault).split())
    hint = fault.diag.message_hint
    return f"{said} ({hint})" if hint else said
