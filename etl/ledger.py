"""The ledger of inputs beside the firms, and what every loader does alike: keep, copy, record.

A loader opens its file, says what a load of it is made from, asks `why_of` whether that is what
stands, writes its rows and calls `record`, all in one transaction that it holds alone for its kind
of file (`hold`).
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg import sql
from psycopg.types.json import Jsonb

from coagg import writing
from coagg.database import locks
from coagg.database.fingerprint import MISSING, NEVER, Fingerprint, refreshed, why
from coagg.errors import CoaggError, remedy
from coagg.settings import Settings
from coagg.version import VERSION

MAY_LOSE = 0.20  # of its rows, when a file replaces another: more is a file cut short
LEAST_ROWS = 100  # fewer rows move by chance


@dataclass
class InputReport:
    """What a load of an input tells at its end; rows_read = rows_clean + rows_refused.

    `reasons` counts refused rows, `flags` what is doubtful among the clean ones, `facts` holds
    further findings of the kind of file; `notes` are lines for the user.
    """

    kind: str
    dataset: str
    file: str
    layout: str
    format: str
    encoding: str | None
    rows_read: int = 0
    rows_clean: int = 0
    rows_refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unchanged: bool = False
    dry_run: bool = False
    accepted: str | None = None


# rows of a dataset in the tables; those of rows taken over by another are booked as refused
_HELD = {
    # rows that only name a further applicant are no patents of their own
    "patents": "SELECT count(*) + coalesce((SELECT (counts #>> "
    "'{facts,further_applicant_rows}')::integer FROM ops.input_load WHERE kind = 'patents' "
    "AND dataset = %(dataset)s AND superseded_at IS NULL), 0) "
    "FROM clean.patent WHERE dataset = %(dataset)s",
    "citations": "SELECT count(*) FROM clean.citation WHERE dataset = %(dataset)s",
    "input-output": "SELECT sectors FROM reference.io_table WHERE io_table = %(dataset)s AND "
    "sectors = (SELECT count(*) FROM reference.io_sector AS s "
    "WHERE s.io_table = io_table.io_table) AND sectors * sectors = "
    "(SELECT count(*) FROM reference.io_flow AS f WHERE f.io_table = io_table.io_table)",
    "sector-map": "SELECT count(*) FROM reference.io_sector_industry "
    "WHERE io_table || ' ' || classification = %(dataset)s",
}


def hold(connection: psycopg.Connection, kind: str) -> None:
    """Hold loads of a kind of file until the transaction ends. Raises CoaggError when held."""
    if not locks.take(connection, f"load {kind}"):
        raise CoaggError(f"another load of {kind} is running: wait for it, or stop it")


def why_of(
    connection: psycopg.Connection, kind: str, dataset: str, made_from: Fingerprint
) -> str | None:
    """Why the load of the dataset that stands is not this one; None when it is."""
    row = connection.execute(
        "SELECT inputs, rows_clean, rows_refused FROM ops.input_load "
        "WHERE kind = %s AND dataset = %s AND superseded_at IS NULL",
        (kind, dataset),
    ).fetchone()
    if row is None:
        return NEVER
    if said := why(row[0], made_from):
        return said
    return None if _is_there(connection, kind, dataset, row[1], row[2]) else MISSING


def stale_loads(
    connection: psycopg.Connection, kind: str, parts: Mapping[str, object]
) -> dict[str, str]:
    """Loads of a kind that their rules and codes (`parts`) have left behind, by name, and why."""
    found = {}
    for dataset, made_from, clean, refused in connection.execute(
        "SELECT dataset, inputs, rows_clean, rows_refused FROM ops.input_load "
        "WHERE kind = %s AND superseded_at IS NULL ORDER BY dataset",
        (kind,),
    ).fetchall():
        said = why(made_from, refreshed(made_from, parts))
        if said is None and not _is_there(connection, kind, dataset, clean, refused):
            said = MISSING
        if said:
            found[f"{kind} {dataset}"] = said
    return found


def current(connection: psycopg.Connection, *kinds: str) -> list[list[str]]:
    """Kind, dataset and fingerprint of each load that stands; for what is made from them."""
    rows = connection.execute(
        "SELECT kind, dataset, file_sha256, settings_sha256 FROM ops.input_load "
        "WHERE kind = ANY(%s) AND superseded_at IS NULL ORDER BY kind, dataset",
        (list(kinds),),
    ).fetchall()
    return [list(row) for row in rows]


def _is_there(
    connection: psycopg.Connection, kind: str, dataset: str, clean: int, refused: int
) -> bool:
    """Whether the rows of a load are all in the tables."""
    held = connection.execute(_HELD[kind], {"dataset": dataset}).fetchone()
    left_out = connection.execute(
        "SELECT count(*) FROM clean.refused_input WHERE kind = %s AND dataset = %s",
        (kind, dataset),
    ).fetchone()
    return held == (clean,) and left_out == (refused,)


def standing(connection: psycopg.Connection, kind: str, dataset: str) -> InputReport:
    """The report of the load that stands."""
    row = connection.execute(
        "SELECT file_name, layout, file_format, file_encoding, rows_read, rows_clean, "
        "rows_refused, counts FROM ops.input_load WHERE kind = %s AND dataset = %s "
        "AND superseded_at IS NULL",
        (kind, dataset),
    ).fetchone()
    assert row is not None
    *told, counts = row
    name, layout, format_, encoding, read, clean, refused = told
    return InputReport(
        kind, dataset, name, layout, format_, encoding, read, clean, refused,
        counts["reasons"], counts["flags"], counts["facts"], unchanged=True,
    )  # fmt: skip


def record(
    connection: psycopg.Connection,
    report: InputReport,
    *,
    sha256: str,
    file_bytes: int,
    made_from: Fingerprint,
) -> None:
    """Write the load into ops.input_load in place of the one its dataset had."""
    connection.execute(
        "UPDATE ops.input_load SET superseded_at = now() "
        "WHERE kind = %s AND dataset = %s AND superseded_at IS NULL",
        (report.kind, report.dataset),
    )
    counts = {"reasons": report.reasons, "flags": report.flags, "facts": report.facts}
    connection.execute(
        "INSERT INTO ops.input_load (kind, dataset, file_name, file_sha256, file_bytes, "
        "file_format, file_encoding, layout, settings_sha256, inputs, rows_read, "
        "rows_clean, rows_refused, counts, code_version, accepted_reason) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            report.kind, report.dataset, report.file, sha256, file_bytes, report.format,
            report.encoding, report.layout, made_from.sha256, Jsonb(made_from.as_json()),
            report.rows_read, report.rows_clean, report.rows_refused, Jsonb(counts), VERSION,
            report.accepted,
        ),
    )  # fmt: skip


def finish(
    settings: Settings,
    connection: psycopg.Connection,
    report: InputReport,
    path: Path,
    *,
    sha256: str,
    file_bytes: int,
    made_from: Fingerprint,
    accept: str | None,
    dry_run: bool,
) -> None:
    """End a load: keep the file, record and commit; with `dry_run` take everything back.

    Raises CoaggError, with nothing kept, when the data set would lose more than `MAY_LOSE` of its
    rows and `accept` does not say why that is right. A reason speaks of one file.
    """
    lost = _lost(connection, report, path, sha256, accept)
    if dry_run:
        connection.rollback()
        report.dry_run = True
        report.notes += [lost] if lost else []
        return
    if lost:
        raise CoaggError(lost)
    keep_file(settings, path, sha256)
    record(connection, report, sha256=sha256, file_bytes=file_bytes, made_from=made_from)
    connection.commit()


def _lost(
    connection: psycopg.Connection,
    report: InputReport,
    path: Path,
    sha256: str,
    accept: str | None,
) -> str | None:
    if accept is not None and not accept.strip():
        raise CoaggError("--accept needs a reason: it is kept with the load")
    row = connection.execute(
        "SELECT rows_clean FROM ops.input_load "
        "WHERE kind = %s AND dataset = %s AND superseded_at IS NULL",
        (report.kind, report.dataset),
    ).fetchone()
    if row is None or row[0] < LEAST_ROWS or report.rows_clean >= (1 - MAY_LOSE) * row[0]:
        return None
    line = (
        f"{path}: not taken as {report.kind} {report.dataset}: clean rows {row[0]:,} before, "
        f"{report.rows_clean:,} now (at most -{MAY_LOSE:.0%} against what it replaces); "
    )
    if accept is None:
        return line + 'if the file is right: --accept "why"'
    used = connection.execute(
        "SELECT file_name FROM ops.input_load WHERE kind = %s AND dataset = %s "
        "AND accepted_reason = %s AND file_sha256 <> %s LIMIT 1",
        (report.kind, report.dataset, accept.strip(), sha256),
    ).fetchone()
    if used:
        return line + f"the reason was given for another file, {used[0]}: give one of its own"
    report.accepted = accept.strip()
    return None


def keep_file(settings: Settings, path: Path, sha256: str) -> None:
    """Keep the file as received under its hash; written aside and renamed, so never half there.

    Only its owner may read it, and nobody who could not read the source. Raises CoaggError.
    """
    folder = settings.received_dir
    target = folder / f"{sha256}{''.join(path.suffixes[-2:])}"
    try:
        writing.private_folder(folder)
        mode = path.stat().st_mode & writing.PRIVATE_FILE
        if target.exists():
            if target.stat().st_mode & 0o777 & ~mode:  # of an older version, or of a wider source
                target.chmod(mode)
            return
        with writing.aside(target, mode) as part:
            shutil.copyfile(path, part)
    except OSError as fault:
        raise CoaggError(
            f"{path} cannot be kept in {folder}: {fault.strerror}; {remedy(fault)}"
        ) from None


def copy_table(connection: psycopg.Connection, name: str, rows: pa.Table) -> None:
    """COPY an Arrow table; by CSV, which Arrow writes natively and COPY reads natively."""
    if rows.num_rows == 0:
        return
    arrays, names = [], []
    for column, label in zip(rows.columns, rows.column_names, strict=True):
        if pa.types.is_list(column.type):
            inner = pc.binary_join(column, ",")
            column = pc.binary_join_element_wise("{", inner, "}", "")
        arrays.append(column)
        names.append(label)
    buffer = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    pyarrow.csv.write_csv(pa.table(arrays, names=names), buffer, options)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(buffer.getbuffer())
