"""Load a file of patents: file in, `clean.patent` and `clean.refused_input` out, nothing lost.

One transaction a dataset: typed rows go by COPY into temporary tables, the rules of
sql/transforms/patents run, the dataset's old rows give way to the new ones together with the
ledger row. A kill leaves the data base as it was.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.database import sql_text
from coagg.database.fingerprint import Fingerprint, fingerprint
from coagg.errors import CoaggError
from coagg.etl import ledger
from coagg.etl.files import FILE_READER_CODE
from coagg.etl.files.table_file import TableFile
from coagg.etl.firms import rows as firm_rows
from coagg.etl.patents import PATENT_READER_CODE
from coagg.etl.patents import layouts as patent_layouts
from coagg.etl.patents import rows as patent_rows
from coagg.etl.patents import trs as patent_trs
from coagg.etl.patents.joined import JoinedFile
from coagg.settings import SQL, Settings

RULES = SQL / "transforms" / "patents"
KIND = "patents"

Progress = Callable[[str, int], None]


def load_patents(
    settings: Settings,
    path: Path,
    *,
    dataset: str | None = None,
    layout: str | None = None,
    accept: str | None = None,
    dry_run: bool = False,
    encoding: str | None = None,
    sheet: str | None = None,
    progress: Progress = lambda stage, rows: None,
) -> ledger.InputReport:
    """Load `path` as the patents of `dataset` (by default its name), in place of what that held.

    Rows read = clean + refused, enforced by the data base. The same file with the same settings
    changes nothing. A file that loses many rows is taken only with a reason, `accept`; with
    `dry_run` everything is done and nothing kept. Raises CoaggError in one line when the file
    cannot be taken; the data base is then as it was.
    """
    opened = open_file(path, layout, KIND, encoding, sheet)
    table, chosen, columns = opened
    dataset = dataset or dataset_name(path)
    with database.connect(settings) as connection:
        connection.execute("SET client_connection_check_interval = 2000")
        ledger.hold(connection, KIND)
        made_from = inputs(opened)
        if ledger.why_of(connection, KIND, dataset, made_from) is None:
            return ledger.standing(connection, KIND, dataset)
        database.run_file(connection, RULES / "10_incoming.sql", {"dataset": dataset})
        report = ledger.InputReport(
            KIND, dataset, path.name, chosen.name, table.format, table.encoding
        )
        report.facts = {"encoding_confidence": table.encoding_confidence}
        today = datetime.date.today()
        for batch in patent_rows.patent_batches(table, columns, chosen, today):
            ledger.copy_table(connection, "incoming_patent", batch.clean)
            ledger.copy_table(connection, "incoming_applicant", batch.applicants)
            ledger.copy_table(connection, "incoming_refused", batch.refused)
            report.rows_read += batch.rows_read
            progress("reading and cleaning", report.rows_read)
        table.check_unchanged()
        if isinstance(table, JoinedFile):
            table.tell()
        for rule in ("15_further_applicants", "20_duplicates", "30_other_datasets", "35_refuse"):
            progress(rule[3:].replace("_", " "), 0)
            database.run_file(connection, RULES / f"{rule}.sql")
        fill_received(connection, table)
        progress("writing the patents", 0)
        database.run_file(connection, RULES / "40_publish.sql")
        _summarise(connection, report)
        refuse_empty(report, path)
        report.notes += [*table.notes, *chosen.not_found(table.headers, KIND)]
        ledger.finish(
            settings, connection, report, path, sha256=table.sha256, file_bytes=table.bytes,
            made_from=made_from, accept=accept, dry_run=dry_run,
        )  # fmt: skip
    return report


def dataset_name(path: Path) -> str:
    """The dataset a file is loaded as when none is named: its name without suffixes."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name


class Opened(NamedTuple):
    """A file of patents or citations, its layout, and its header of each of our columns."""

    table: TableFile
    layout: patent_layouts.PatentLayout
    columns: dict[str, str | None]

    def parts(self) -> dict[str, object]:
        """What of it a load is made from: its bytes, and what its layout says."""
        said = [self.columns, self.layout.settings]
        read: dict[str, object] = {
            "file": self.table.sha256,
            "encoding": self.table.encoding,
            "sheet": self.table.sheet,
        }
        if isinstance(self.table, JoinedFile):
            read["joined"] = self.table.joined
        return {**read, "layout": said}


def open_file(
    path: Path,
    layout: str | None,
    kind: str,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Opened:
    """Open a file with the named layout, or the one that fits. Raises CoaggError in one line."""
    stated = patent_layouts.load_layout(layout).settings["@encoding"] if layout else None
    known = [layout] if layout else patent_layouts.list_layouts()
    table = patent_trs.open_patents(
        path,
        encoding or stated,
        sheet=sheet,
        fits=lambda headers: any(
            patent_layouts.load_layout(name).fits(headers, kind) for name in known
        ),
    )
    chosen = patent_layouts.choose(layout, table.headers, kind, path)
    if chosen.can_join(table.headers, kind):
        table = JoinedFile(table, chosen)
    return Opened(table, chosen, chosen.map(table.headers, kind, path))


def rule_parts() -> dict[str, object]:
    """What a load of patents rests on beside its file."""
    return {"rules": sql_text.rules(RULES), "reader": [FILE_READER_CODE, PATENT_READER_CODE]}


def inputs(opened: Opened) -> Fingerprint:
    """What a load of the file would be made from."""
    return fingerprint({**opened.parts(), **rule_parts()})


def why_load(
    connection: psycopg.Connection,
    path: Path,
    *,
    dataset: str | None = None,
    layout: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> str | None:
    """Why `load_patents` would load the file; None when it would find it unchanged."""
    made_from = inputs(open_file(path, layout, KIND, encoding, sheet))
    return ledger.why_of(connection, KIND, dataset or dataset_name(path), made_from)


def refuse_empty(report: ledger.InputReport, path: Path) -> None:
    """Raise CoaggError when no row of the file can be taken."""
    if report.rows_clean == 0:
        reasons = ", ".join(f"{n} {reason}" for reason, n in report.reasons.items())
        raise CoaggError(
            f"{path}: every one of its {report.rows_read} rows would be refused ({reasons}); is it "
            f"layout {report.layout}, and not loaded already as another dataset?"
        )


def fill_received(connection: psycopg.Connection, table: TableFile) -> None:
    """Rows refused by the rules in SQL are kept as received too: read them from the file again."""
    wanted = connection.execute(
        "SELECT row_number FROM incoming_refused WHERE received IS NULL ORDER BY row_number"
    ).fetchall()
    if not wanted:
        return
    rows = firm_rows.rows_as_received(table, [number for (number,) in wanted])
    connection.cursor().executemany(
        "UPDATE incoming_refused SET received = %s WHERE row_number = %s",
        ((Jsonb(received), number) for number, received in rows),
    )


def reasons(connection: psycopg.Connection) -> dict[str, int]:
    """Refused rows by reason, the most frequent first."""
    return dict(
        connection.execute(
            "SELECT reason, count(*) FROM incoming_refused GROUP BY reason ORDER BY 2 DESC, 1"
        ).fetchall()
    )


def one(connection: psycopg.Connection, query: str, *values: object) -> tuple[int, ...]:
    """The one row of a query of counts."""
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return tuple(row)


def _summarise(connection: psycopg.Connection, report: ledger.InputReport) -> None:
    report.reasons = reasons(connection)
    report.rows_refused = sum(report.reasons.values())
    report.flags = dict(
        connection.execute(
            "SELECT flag, count(*) FROM incoming_patent, unnest(flags) AS flag GROUP BY flag "
            "ORDER BY 2 DESC, 1"
        ).fetchall()
    )
    (further,) = one(connection, "SELECT count(*) FROM further_applicant")
    held, granted, first, last = one(
        connection,
        "SELECT count(*), count(*) FILTER (WHERE granted), "
        "min(extract(YEAR FROM application_date))::integer, "
        "max(extract(YEAR FROM application_date))::integer FROM incoming_patent",
    )
    report.rows_clean = held + further
    if further:
        report.facts |= {"patents": held, "further_applicant_rows": further}
        report.notes.append(
            f"{further:,} rows name a further applicant of an application, and say else the same: "
            f"{report.rows_clean:,} rows are {held:,} patents"
        )
    applicants, names = one(
        connection,
        "SELECT count(*), count(DISTINCT name) FROM incoming_applicant "
        "INNER JOIN incoming_patent USING (row_number)",
    )
    kinds = connection.execute(
        "SELECT coalesce(kind, 'unknown'), count(*) FROM incoming_patent GROUP BY kind "
        "ORDER BY 2 DESC"
    ).fetchall()
    (taken,) = one(connection, "SELECT count(*) FROM held_elsewhere WHERE takes_over")
    report.facts |= {
        "granted": granted,
        "kinds": dict(kinds),
        "applicants": applicants,
        "applicant_names": names,
        "years": [first, last],
        "taken_over": taken,
    }
    if taken:
        report.notes.append(f"{taken} grants took the place of rows without one in other datasets")
    (citations,) = one(
        connection,
        "SELECT count(*) FROM ops.input_load WHERE kind = 'citations' AND superseded_at IS NULL",
    )
    if citations:
        report.notes.append(
            "citations are loaded already, told by the patents there were: load their files again "
            "(coagg load citations) to have these patents recognised"
        )
