"""One md5 for each table and view, over what it says and not over when or by whom it was made.

    python tests/support/table_hashes.py CONNECTION_STRING > before.txt
    python tests/support/table_hashes.py CONNECTION_STRING --like before.txt > after.txt

Each line is `schema.table rows md5 columns`. With `--like` the tables and columns of that file are
read, so that two releases can be compared over what both have; what is gone says `gone`.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

LAYERS = ("reference", "clean", "coagglomeration", "panel", "estimates", "ops")
ROUNDED = ("estimates",)  # fits: equal up to the last bits of another linear algebra
DIGITS = 10

# What two runs of the same numbers may differ in: times, versions, hashes of inputs, serial keys of
# the bookkeeping, names of partitions.
VOLATILE = re.compile(
    r".*_at|seconds|.*_seconds|code_version|.*sha256|(input_)?load_id|partition_name|version_num"
    r"|parts|gate|(unit|build|set)_id|(from|until)_set"
)
# every version of the results and the books on them: what a set says is in the views
VERSIONS = re.compile(r".*_version|ops\.(result_set|result_job|active_results)")

COLUMNS = """
SELECT n.nspname || '.' || c.relname,
       array_agg(a.attname ORDER BY a.attnum),
       array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
 GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class TableHash:
    """Rows of a table or view, and the md5 of them over the columns named."""

    table: str
    rows: int
    md5: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table} {self.rows} {self.md5} {','.join(self.columns)}"


def table_hashes(
    connection: psycopg.Connection, like: dict[str, TableHash] | None = None
) -> dict[str, TableHash]:
    """Hash every table and view of the layers, partitions through their parents only.

    Parameters
    ----------
    connection
        To the data base that is read.
    like
        Hashes made before, here or elsewhere: their tables and columns are read. A table or a
        column that is no longer there gives rows -1 and the md5 `gone`.
    """
    found = {
        table: dict(zip(names, types, strict=True))
        for table, names, types in connection.execute(COLUMNS, [list(LAYERS)])
    }
    wanted = (
        {name: one.columns for name, one in like.items()}
        if like is not None
        else {
            table: tuple(c for c in columns if not VOLATILE.fullmatch(c))
            for table, columns in found.items()
            if not VERSIONS.fullmatch(table)
        }
    )
    hashes = {}
    for table, columns in wanted.items():
        if not columns:
            continue
        if set(columns) - set(found.get(table, {})):
            hashes[table] = TableHash(table, -1, "gone", columns)
            continue
        lines = sorted(_lines(connection, table, columns, found[table]))
        md5 = hashlib.md5("\n".join(lines).encode()).hexdigest()
        hashes[table] = TableHash(table, len(lines), md5, columns)
    return hashes


def read_hashes(path: Path) -> dict[str, TableHash]:
    """The hashes that a file of this tool's lines holds."""
    hashes = {}
    for line in path.read_text().splitlines():
        table, rows, md5, columns = line.split(" ")
        hashes[table] = TableHash(table, int(rows), md5, tuple(columns.split(",")))
    return hashes


def _lines(
    connection: psycopg.Connection, table: str, columns: tuple[str, ...], types: dict[str, str]
) -> list[str]:
    schema, name = table.split(".")
    digits = DIGITS if schema in ROUNDED else None
    parsed = ("jsonb", "double precision") if digits else ("jsonb",)
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(
            sql.Identifier(c)
            if types[c] in parsed
            else sql.SQL("{}::text").format(sql.Identifier(c))
            for c in columns
        ),
        sql.Identifier(schema, name),
    )
    return ["\t".join(_text(value, digits) for value in row) for row in connection.execute(query)]


def _text(value: Any, digits: int | None) -> str:
    if value is None:
        return "\\N"
    return value if isinstance(value, str) else repr(_plain(value, digits))


def _plain(value: Any, digits: int | None) -> Any:
    """The value in an order of its own, rounded if asked, without what is volatile."""
    if isinstance(value, float) and digits:
        return f"{value:.{digits - 1}e}"
    if isinstance(value, dict):
        kept = sorted(key for key in value if not VOLATILE.fullmatch(key))
        return {key: _plain(value[key], digits) for key in kept}
    if isinstance(value, list):
        return [_plain(one, digits) for one in value]
    return value


def main(target: str, *options: str) -> None:
    """Print the hashes of the data base behind a connection string."""
    like = read_hashes(Path(options[1])) if options[:1] == ("--like",) else None
    with psycopg.connect(target) as connection:
        for one in table_hashes(connection, like).values():
            print(one)


if __name__ == "__main__":
    main(*sys.argv[1:])
