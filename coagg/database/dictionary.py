"""The data dictionary, generated from the COMMENTs in the data base."""

from __future__ import annotations

import psycopg

LAYERS = ["reference", "clean", "panel", "coagglomeration", "estimates", "publish", "ops"]

COLUMNS = """
SELECT
    n.nspname,
    c.relname,
    obj_description(c.oid, 'pg_class'),
    CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END,
    a.attname,
    format_type(a.atttypid, a.atttypmod),
    NOT a.attnotnull,
    col_description(c.oid, a.attnum)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = ANY(%(layers)s)
    AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
    AND c.relname <> 'alembic_version'
ORDER BY
    array_position(%(layers)s, n.nspname::text),
    c.relname, a.attnum
"""


def columns(connection: psycopg.Connection) -> list[tuple]:
    """Schema, table, its comment, kind, column, type, nullable, comment; in print order."""
    return connection.execute(COLUMNS, {"layers": LAYERS}).fetchall()


def markdown(connection: psycopg.Connection) -> str:
    """The dictionary as Markdown: a section a table, a row a column."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from the comments in the data base by `./run coagg db dictionary`.",
    ]
    last = None
    for schema, table, comment, kind, column, type_, nullable, meaning in columns(connection):
        if (schema, table) != last:
            last = (schema, table)
            lines += ["", f"## {schema}.{table}", "", f"*{kind}* {comment or ''}".rstrip(), ""]
            lines += ["| column | type | null | meaning |", "|---|---|---|---|"]
        null = "yes" if nullable and kind == "table" else ""
        lines.append(f"| {column} | {type_} | {null} | {meaning or ''} |")
    return "\n".join(lines)
