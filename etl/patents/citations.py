"""Load citations between patents: pairs in rows, or a column of a patent file that lists them.

In a list every citation is a row of its own, numbered through the file; a blank list is none.
Numbers stand for patents as in `clean.patent`; publication numbers of loaded patents are told.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from coagg import database
from coagg.database import sql_text
from coagg.database.fingerprint import Fingerprint, fingerprint
from coagg.etl import ledger
from coagg.etl.files import FILE_READER_CODE
from coagg.etl.files.table_file import TableFile
from coagg.etl.patents import CITATION_READER_CODE
from coagg.etl.patents import applicants as patent_applicants
from coagg.etl.patents import columns as patent_columns
from coagg.etl.patents import dates as patent_dates
from coagg.etl.patents import load as patents
from coagg.etl.patents import rows as patent_rows
from coagg.etl.patents import values as patent_values
from coagg.etl.patents.joined import JoinedFile
from coagg.etl.patents.layouts import PatentLayout
from coagg.settings import SQL, Settings

RULES = SQL / "transforms" / "citations"
KIND = "citations"


class _Pairs(NamedTuple):
    """Citations as received (n): number of the row, both patents, date; and the refused rows."""

    numbers: np.ndarray
    citing: pa.Array
    cited: pa.Array
    date: pa.Array
    received: pa.Table
    malformed: list[patent_rows.Malformed]


def load_citations(
    settings: Settings,
    path: Path,
    *,
    dataset: str | None = None,
    layout: str | None = None,
    accept: str | None = None,
    dry_run: bool = False,
    encoding: str | None = None,
    sheet: str | None = None,
    progress: patents.Progress = lambda stage, rows: None,
) -> ledger.InputReport:
    """Load the citations of `path` as `dataset` (by default its name), in place of its old ones.

    A citation of or by a patent that is not loaded is kept and counted. The same file with the
    same settings and the same patents changes nothing. A file that loses many rows is taken only
    with a reason, `accept`; with `dry_run` everything is done and nothing kept. Raises CoaggError
    in one line when the file cannot be taken; the data base is then as it was.
    """
    opened = patents.open_file(path, layout, KIND, encoding, sheet)
    table, chosen, columns = opened
    dataset = dataset or patents.dataset_name(path)
    with database.connect(settings) as connection:
        connection.execute("SET client_connection_check_interval = 2000")
        ledger.hold(connection, patents.KIND)  # the patents that are looked up must stay
        ledger.hold(connection, KIND)
        made_from = inputs(connection, opened)
        if ledger.why_of(connection, KIND, dataset, made_from) is None:
            return ledger.standing(connection, KIND, dataset)
        values = {"dataset": dataset, "cited": chosen.settings["@cited"]}
        database.run_file(connection, RULES / "10_incoming.sql", values)
        report = ledger.InputReport(
            KIND, dataset, path.name, chosen.name, table.format, table.encoding
        )
        report.facts = {"encoding_confidence": table.encoding_confidence}
        unreadable = impossible = 0
        found = patent_columns.scan(table, columns, chosen, ("citation_date",))
        order = found.orders.get("citation_date", "")
        for pairs in _pairs(table, columns, chosen):
            clean, refused, bad = _cleaned(pairs, columns, chosen, order)
            ledger.copy_table(connection, "incoming_citation", clean)
            ledger.copy_table(connection, "incoming_refused", refused)
            unreadable, impossible = unreadable + bad[0], impossible + bad[1]
            report.rows_read += len(pairs.numbers) + len(pairs.malformed)
            progress("reading and cleaning", report.rows_read)
        table.check_unchanged()
        if isinstance(table, JoinedFile):
            table.tell()
        progress("looking up patents", 0)
        for rule in ("20_resolve", "30_refuse"):
            database.run_file(connection, RULES / f"{rule}.sql")
        if chosen.settings["@citation_list"]:
            _fill_received(connection, table, columns, chosen)
        else:
            patents.fill_received(connection, table)
        progress("writing the citations", 0)
        database.run_file(connection, RULES / "40_publish.sql")
        flags = {
            "citation_date_unreadable": unreadable,
            "citation_date_impossible": impossible,
        }
        report.flags = {flag: count for flag, count in flags.items() if count}
        _summarise(connection, report)
        patents.refuse_empty(report, path)
        report.notes += [*table.notes, *chosen.not_found(table.headers, KIND)]
        ledger.finish(
            settings, connection, report, path, sha256=table.sha256, file_bytes=table.bytes,
            made_from=made_from, accept=accept, dry_run=dry_run,
        )  # fmt: skip
    return report


def rule_parts(connection: psycopg.Connection) -> dict[str, object]:
    """What a load of citations rests on beside its file: rules, and which patents are known."""
    return {
        "rules": sql_text.rules(RULES),
        "reader": [FILE_READER_CODE, CITATION_READER_CODE],
        "patents": ledger.current(connection, patents.KIND),
    }


def inputs(connection: psycopg.Connection, opened: patents.Opened) -> Fingerprint:
    """What a load of the file would be made from."""
    return fingerprint({**opened.parts(), **rule_parts(connection)})


def why_load(
    connection: psycopg.Connection,
    path: Path,
    *,
    dataset: str | None = None,
    layout: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> str | None:
    """Why `load_citations` would load the file; None when it would find it unchanged."""
    made_from = inputs(connection, patents.open_file(path, layout, KIND, encoding, sheet))
    return ledger.why_of(connection, KIND, dataset or patents.dataset_name(path), made_from)


def _pairs(
    table: TableFile, columns: Mapping[str, str | None], layout: PatentLayout
) -> Iterator[_Pairs]:
    """The citations of a file in batches; `received` has one row for each of them."""
    separators = layout.settings["@citation_list"]
    headers = [header for name in ("citing", "cited", "citation_date") if (header := columns[name])]
    wanted = headers if separators else table.headers
    first = 1
    for batch in table.batches(20_000 if separators else 50_000, wanted):
        citing, cited, date = (
            patent_columns.mapped_text(batch, columns, name)
            for name in ("citing", "cited", "citation_date")
        )
        if not separators:
            yield _Pairs(
                batch.row_numbers(), citing, cited, date, batch.table, list(batch.malformed)
            )
            continue
        place, _, parts = patent_columns.split_parts(
            patent_applicants.as_parts(cited), f"[{separators}{patent_applicants.PARTED}]"
        )
        held = parts.is_valid()
        place, cited = place[held.to_numpy(zero_copy_only=False)], parts.filter(held)
        rows = pa.array(place)
        numbers = first + np.arange(len(place), dtype=np.int32)
        first += len(place)
        malformed = [
            bad._replace(row_number=first + i, detail=f"row {bad.row_number}: {bad.detail}")
            for i, bad in enumerate(batch.malformed)
        ]
        first += len(malformed)
        citing, date = citing.take(rows), date.take(rows)
        received = pa.table({str(columns["citing"]): citing, str(columns["cited"]): cited})
        yield _Pairs(numbers, citing, cited, date, received, malformed)


def _cleaned(
    pairs: _Pairs, columns: Mapping[str, str | None], layout: PatentLayout, order: str
) -> tuple[pa.Table, pa.Table, tuple[int, int]]:
    """Citations with numbers in one form, the refused ones, and dates unreadable and impossible.

    `order` of the dates is as in `dates.dates`.
    """
    chinese, country = layout.settings["@numbers"] == "cn", layout.settings["@country"]
    numbers = {
        name: patent_values.patent_numbers(text, chinese=chinese, country=country)
        for name, text in (("citing", pairs.citing), ("cited", pairs.cited))
    }
    reason = np.full(len(pairs.numbers), "", dtype=object)
    for name, ids in numbers.items():
        missing = ids.is_null().to_numpy(zero_copy_only=False)
        readable = pc.and_(
            pc.match_substring_regex(ids, "[0-9]"),
            pc.invert(pc.match_substring(ids, patent_rows.DAMAGE)),
        )
        damaged = pc.invert(pc.fill_null(readable, True)).to_numpy(zero_copy_only=False)
        reason[missing & (reason == "")] = f"{name}_missing"
        reason[damaged & (reason == "")] = f"{name}_unreadable"
    days, unreadable = patent_dates.dates(pairs.date, order)
    impossible = (days < np.datetime64(layout.earliest)) | (
        days > np.datetime64(datetime.date.today())
    )
    days = np.where(impossible, np.datetime64("NaT"), days)
    kept = reason == ""
    clean = pa.table(
        {
            "row_number": pa.array(pairs.numbers),
            "citing_id": numbers["citing"],
            "cited_id": numbers["cited"],
            "citation_date": pa.array(days.astype("datetime64[D]")),
        }
    ).filter(pa.array(kept))
    places = np.flatnonzero(~kept)
    received = pairs.received.take(pa.array(places)).to_pylist()
    rows: list[tuple[int, str, str | None, str]] = []
    for place, row in zip(places.tolist(), received, strict=True):
        header = columns[str(reason[place]).partition("_")[0]]
        detail = f"{header} {patent_rows.shown(row.get(header))}"
        told = json.dumps(row, ensure_ascii=False)
        rows.append((int(pairs.numbers[place]), str(reason[place]), detail, told))
    refused = patent_rows.refused_rows(rows, pairs.malformed)
    return clean, refused, (int((unreadable & kept).sum()), int((impossible & kept).sum()))


def _fill_received(
    connection: psycopg.Connection,
    table: TableFile,
    columns: Mapping[str, str | None],
    layout: PatentLayout,
) -> None:
    """Citations of a list that SQL refused, as received: the lists are read again."""
    wanted = np.array(
        [
            number
            for (number,) in connection.execute(
                "SELECT row_number FROM incoming_refused WHERE received IS NULL"
            ).fetchall()
        ],
        dtype=np.int64,
    )
    if not len(wanted):
        return
    for pairs in _pairs(table, columns, layout):
        places = np.flatnonzero(np.isin(pairs.numbers, wanted))
        rows = pairs.received.take(pa.array(places)).to_pylist()
        connection.cursor().executemany(
            "UPDATE incoming_refused SET received = %s WHERE row_number = %s",
            [
                (json.dumps(row, ensure_ascii=False), int(pairs.numbers[place]))
                for place, row in zip(places, rows, strict=True)
            ],
        )


def _summarise(connection: psycopg.Connection, report: ledger.InputReport) -> None:
    report.reasons = patents.reasons(connection)
    report.rows_refused = sum(report.reasons.values())
    report.rows_clean, internal, citing_unknown, cited_unknown = patents.one(
        connection,
        "SELECT count(*), "
        "count(*) FILTER (WHERE citing.patent_id IS NOT NULL AND cited.patent_id IS NOT NULL), "
        "count(*) FILTER (WHERE citing.patent_id IS NULL), "
        "count(*) FILTER (WHERE cited.patent_id IS NULL) "
        "FROM resolved_citation "
        "LEFT JOIN clean.patent AS citing ON citing.patent_id = resolved_citation.citing_id "
        "LEFT JOIN clean.patent AS cited ON cited.patent_id = resolved_citation.cited_id",
    )
    (own,) = patents.one(
        connection,
        "SELECT count(*) FROM incoming_refused INNER JOIN clean.patent "
        "ON patent.patent_id = incoming_refused.detail WHERE reason = 'self_citation'",
    )
    (by_number,) = patents.one(connection, "SELECT count(*) FROM resolved_citation WHERE by_number")
    if by_number:
        report.notes.append(
            f"{by_number:,} citations name their patent by its number without the kind of "
            "publication that is loaded (US7000001, US7000001B1 for US7000001B2), or without its "
            "country; they are taken as meaning it"
        )
    report.facts |= {
        "internal": internal,
        "internal_to_itself": own,
        "citing_unknown": citing_unknown,
        "cited_unknown": cited_unknown,
    }
    if not internal:
        report.notes.append(
            "none of these citations joins two loaded patents: load the patents (coagg load "
            "patents), then this file again"
        )
