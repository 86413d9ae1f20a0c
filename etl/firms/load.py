"""Load one survey year of firms: file in, `clean.firm` and `clean.refused` out, nothing lost.

Everything happens in one transaction: typed rows go by COPY into temporary tables, the rules of
sql/transforms/firms run, the year is written to a partition built aside, and the partition takes
the old one's place together with the ledger row. A kill leaves the data base as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from coagg import database
from coagg.database import holders
from coagg.database.fingerprint import Fingerprint
from coagg.errors import CoaggError
from coagg.etl import coordinates, ledger
from coagg.etl.files import readers
from coagg.etl.files.parts import PartsFile
from coagg.etl.firms import axes, crs_proposal, datum_check, gate, layouts, remedies, years
from coagg.etl.firms import rows as firm_rows
from coagg.etl.firms.inputs import (
    RULES,
    CleaningSettings,
    inputs,
    open_file,
    why_of,
    years_of,
)
from coagg.etl.reference import countries
from coagg.etl.reference import load as reference
from coagg.settings import Settings
from coagg.version import VERSION

SWAP_TRIES = 60
QUIET_TRIES = 10  # then rows take the place of rows
SWAP_TIMEOUT_MS = 500

Progress = Callable[[str, int], None]


@dataclass
class LoadReport:
    """What `coagg load firms` tells at its end."""

    file: str
    survey_year: int
    country: str
    layout: str
    datum: str
    classification: str | None
    format: str
    encoding: str | None
    rows_read: int
    rows_clean: int
    rows_refused: int
    reasons: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    unchanged: bool = False
    dry_run: bool = False
    verdict: gate.Verdict | None = None
    accepted: str | None = None


class NothingLeft(CoaggError):
    """Every row of a file would be refused; `report` says for which reasons."""

    def __init__(self, message: str, report: LoadReport) -> None:
        super().__init__(message)
        self.report = report


def load_firms(
    settings: Settings,
    path: Path | Sequence[Path],
    survey_year: int,
    *,
    layout: str | None = None,
    datum: str | None = None,
    country: str | None = None,
    cleaning: CleaningSettings | None = None,
    limits: gate.Limits | None = None,
    accept: str | None = None,
    dry_run: bool = False,
    encoding: str | None = None,
    sheet: str | None = None,
    columns: Mapping[str, str] | None = None,
    header_line: int | None = None,
    other_years: Collection[int] = (),
    progress: Progress = lambda stage, rows: None,
) -> LoadReport:
    """Load `path` as the firms of `survey_year`, replacing that year and no other.

    `path` may be several files, or a folder of files, that are parts of the year.

    `encoding` of its text: the layout's, or found out by what the text reads like; a toss-up is
    an error. `sheet` of a workbook, or layer of a map: the one that has the headers.
    `header_line`: the line of the headers, found by the layout by default. `columns` say which
    header is which of our columns, {"lon": "Longitude", "industry": "sic"}, in front of the layout.
    Rows that state one of `other_years` are left out, as they are loaded for themselves
    (`load_years`).

    Rows read = rows clean + rows refused, enforced by the data base. The same file with the same
    settings changes nothing. A year that moves further than `limits` allow is taken only with a
    reason, `accept`. With `dry_run` everything is done and nothing is kept, and what moves too far
    is in the report's `verdict` and stops nothing. Raises CoaggError in one line when the file
    cannot be taken; the data base is then as it was.
    """
    cleaning = cleaning or CleaningSettings()
    opened = open_file(
        path, survey_year, layout, datum, country, encoding, sheet, columns, header_line
    )
    table, mapping, country = opened.table, opened.mapping, opened.country
    described = countries.of(country)
    path = table.path
    if other_years and (header := mapping.columns["survey_year"]):
        table = years.OneYear(table, header, other_years)

    with database.connect(settings) as connection, YearLock(settings, country, survey_year):
        # a loader that was killed must not leave its backend working for nobody
        connection.execute("SET client_connection_check_interval = 2000")
        stated = opened.datum
        if country not in reference.held_countries(connection):
            progress("loading the country", 0)
            reference.load_reference(connection, only=[country])
            if not dry_run:
                connection.commit()  # a long load must not hold up those of other countries
        made_from = inputs(connection, opened, cleaning)
        if why_of(connection, country, survey_year, made_from) is None:
            done = _standing(connection, country, survey_year)
            if dry_run:
                done.dry_run = True
                done.verdict = _verdict(connection, done, sql.Identifier("clean", "firm"), limits)
            return done
        progress("looking at the points", 0)
        code_sets = reference.code_sets(connection)
        sample = firm_rows.coordinate_sample(table, mapping, country, datum=stated)
        if not coordinates.in_metres(stated) and mapping.spelling.form is None:
            datum_check.refuse_packed(path, sample)
        # degrees that may be in one of several datums are tried in each
        datums = tuple(d for d in described.datums if not coordinates.in_metres(d))
        if stated is not None and stated not in datums:
            datums = (stated,)
        shares = datum_check.shares_inside(connection, sample, country, survey_year, datums)
        datum, note = datum_check.choose(stated, shares)
        unsure = axes.check(
            connection, path, sample, shares.get(datum), country, survey_year, datum
        )
        if unsure and unsure not in table.notes:
            table.notes.append(unsure)
        scan = firm_rows.scan(
            table, mapping, survey_year, code_sets, country,
            names=lambda: reference.names_of_industries(connection),
        )  # fmt: skip
        table.notes += [told for told in scan.notes if told not in table.notes]
        values = {
            "country": country,
            "survey_year": survey_year,
            "classification": scan.classification,
            "pile_up_min": cleaning.pile_up_min,
            "pile_up_share": cleaning.pile_up_share,
            "establishments": cleaning.establishments,
            "place_code_digits": described.areas.place_code_digits,
        }
        database.run_file(connection, RULES / "10_incoming.sql", values)
        batches = firm_rows.firm_batches(
            table, mapping, survey_year, datum=datum, country=country, scan=scan
        )
        rows_read = _copy(connection, batches, progress)
        table.check_unchanged()
        if rows_read == 0:
            raise CoaggError(f"{path}: no data rows under the header")
        for rule in ("20_duplicates", "30_place", "40_own_prefecture", "50_pile_ups"):
            progress(rule[3:].replace("_", " "), 0)
            database.run_file(connection, RULES / f"{rule}.sql")
        _fill_received(connection, table, mapping)
        _name_parts(connection, opened.table)
        database.run_file(connection, RULES / "60_year.sql")
        progress("writing the year", 0)
        partition = _build_partition(connection, country, survey_year)
        report = LoadReport(
            file=table.name,
            survey_year=survey_year,
            country=country,
            layout=mapping.layout,
            datum=datum,
            classification=scan.classification,
            format=table.format,
            encoding=table.encoding,
            rows_read=rows_read,
            rows_clean=_count(connection, sql.Identifier("clean", partition)),
            rows_refused=_count(connection, sql.Identifier("incoming_refused")),
        )
        _summarise(connection, report, partition)
        report.facts |= {
            "datum_shares_inside": shares,
            "datum_note": note,
            "classification_shares": scan.shares,
            "encoding_confidence": table.encoding_confidence,
            "notes": table.notes,
            "columns_not_found": opened.not_found,
        }
        if report.rows_clean == 0:
            todo = crs_proposal.remedy(connection, table, mapping, country, survey_year)
            connection.rollback()
            raise NothingLeft(
                f"{path}: every one of its {rows_read} rows would be refused "
                f"({_with_examples(report)}); {todo or remedies.remedy(report.reasons)}"
                f"is it layout {mapping.layout}, datum {datum}, country {country}?",
                report,
            )
        progress("comparing with other years", 0)
        year = sql.Identifier("clean", partition)
        report.verdict = _verdict(connection, report, year, limits)
        if dry_run:
            connection.rollback()
            report.dry_run = True
            return report
        report.accepted = gate.enforce(
            connection, report.verdict, str(path), country, table.sha256, accept,
            scan.unknown_codes(code_sets),
        )  # fmt: skip
        for file, sha256 in table.received():
            ledger.keep_file(settings, file, sha256)
        progress("swapping the year in", 0)
        _publish(connection, report, partition, table, made_from)
        connection.commit()
    return report


def load_years(
    settings: Settings,
    path: Path | Sequence[Path],
    survey_years: Sequence[int] = (),
    **options: Any,
) -> Iterator[LoadReport]:
    """Load each year of a file of several, by default all that it holds; a load each.

    `options` are those of `load_firms`. Each year is loaded whole or not at all; an error says
    which years before it stand. Raises CoaggError.
    """
    said = {name: options.get(name) for name in (
        "layout", "encoding", "sheet", "header_line", "columns",
    )}  # fmt: skip
    held = years_of(path, **said)
    wanted = list(dict.fromkeys(survey_years)) or held
    done: list[str] = []
    for year in wanted:
        try:
            others = [other for other in held if other != year]
            yield load_firms(settings, path, year, other_years=others, **options)
        except CoaggError as error:
            if not done:
                raise
            raise CoaggError(
                f"{year}: {error}; loaded before it, and kept: {', '.join(done)}"
            ) from None
        done.append(str(year))


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


def _standing(connection: psycopg.Connection, country: str, survey_year: int) -> LoadReport:
    """The report of the load that stands."""
    row = connection.execute(
        "SELECT file_name, layout, datum, classification, file_format, file_encoding, rows_read, "
        "rows_clean, rows_refused, counts FROM ops.load WHERE country = %s AND survey_year = %s "
        "AND superseded_at IS NULL",
        (country, survey_year),
    ).fetchone()
    assert row is not None
    name, layout, datum, classification, format_, encoding, read, clean, refused, counts = row
    return LoadReport(
        name, survey_year, country, layout, datum, classification, format_, encoding,
        read, clean, refused, counts["reasons"], counts["flags"], counts["facts"], unchanged=True,
    )  # fmt: skip


def _with_examples(report: LoadReport) -> str:
    """Reasons of refused rows with their numbers, each with an example."""
    examples = report.facts["examples"]
    return ", ".join(f"{n} {reason}: {examples[reason]}" for reason, n in report.reasons.items())


def _verdict(
    connection: psycopg.Connection,
    report: LoadReport,
    table: sql.Composable,
    limits: gate.Limits | None,
) -> gate.Verdict:
    rows = (report.rows_read, report.rows_clean, report.rows_refused)
    new = gate.measure(
        connection, table, report.country, report.survey_year, rows,
        {"reasons": report.reasons, "facts": report.facts},
    )  # fmt: skip
    return gate.examine(connection, report.country, new, limits)


def _copy(
    connection: psycopg.Connection, batches: Iterator[firm_rows.FirmBatch], progress: Progress
) -> int:
    rows_read = 0
    for batch in batches:
        ledger.copy_table(connection, "incoming_firm", batch.clean)
        ledger.copy_table(connection, "incoming_refused", batch.refused)
        rows_read += batch.rows_read
        progress("reading and cleaning", rows_read)
    return rows_read


def _fill_received(
    connection: psycopg.Connection, table: readers.TableFile, mapping: layouts.Mapping
) -> None:
    """Rows refused by the rules in SQL are kept as received too: read them from the file again.

    Of a point outside the country the text in the file is told as well, which may have been mended.
    """
    wanted = connection.execute(
        "SELECT row_number FROM incoming_refused WHERE received IS NULL ORDER BY row_number"
    ).fetchall()
    if not wanted:
        return
    connection.execute(
        "CREATE TEMP TABLE received_row (row_number integer, received jsonb, point text) "
        "ON COMMIT DROP"
    )
    with connection.cursor() as cursor, cursor.copy("COPY received_row FROM STDIN") as copy:
        for number, received in firm_rows.rows_as_received(table, [n for (n,) in wanted]):
            copy.write_row((number, Jsonb(received), firm_rows.told_point(received, mapping)))
    connection.execute(
        "UPDATE incoming_refused AS refused SET received = found.received, detail = CASE "
        "WHEN reason = 'outside_country' THEN format('%s (WGS-84 %s)', found.point, detail) "
        "ELSE detail END "
        "FROM received_row AS found WHERE refused.row_number = found.row_number"
    )


def _name_parts(connection: psycopg.Connection, table: readers.TableFile) -> None:
    """Say of refused rows which file they are in, where a year is in several."""
    if not isinstance(table, PartsFile):
        return
    for part, before in zip(table.parts, table.begins, strict=True):
        connection.execute(
            "UPDATE incoming_refused SET detail = concat_ws(', ', nullif(detail, ''), "
            "format('row %%s of %%s', row_number - %(before)s, %(name)s::text)) "
            "WHERE row_number > %(before)s AND row_number <= %(last)s",
            {"before": before, "name": part.name, "last": before + table.rows_of(part)},
        )


def _build_partition(connection: psycopg.Connection, country: str, survey_year: int) -> str:
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


def _publish(
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


def _summarise(connection: psycopg.Connection, report: LoadReport, partition: str) -> None:
    year = sql.Identifier("clean", partition)
    report.reasons = dict(
        connection.execute(
            "SELECT reason, count(*) FROM incoming_refused GROUP BY reason ORDER BY 2 DESC, 1"
        ).fetchall()
    )
    report.facts["examples"] = dict(
        connection.execute(
            "SELECT DISTINCT ON (reason) reason, "
            "format('row %s, %s', row_number, left(detail, 150)) "
            "FROM incoming_refused ORDER BY reason, row_number"
        ).fetchall()
    )
    report.flags = dict(
        connection.execute(
            sql.SQL(
                "SELECT flag, count(*) FROM {}, unnest(flags) AS flag GROUP BY flag "
                "ORDER BY 2 DESC, 1"
            ).format(year)
        ).fetchall()
    )
    row = connection.execute(
        sql.SQL(
            "SELECT count(DISTINCT (lon, lat)) FILTER (WHERE 'pile_up' = ANY(flags)), "
            "count(DISTINCT (lon, lat)) FILTER (WHERE pile_up_size >= 50), "
            "count(*) FILTER (WHERE pile_up_size >= 50), max(pile_up_size), "
            "count(DISTINCT industry), "
            "percentile_cont(0.5) WITHIN GROUP (ORDER BY distance_to_own_km) "
            "FILTER (WHERE distance_to_own_km > 0) FROM {}"
        ).format(year)
    ).fetchone()
    assert row is not None
    names = ("pile_up_points", "points_of_50", "firms_on_points_of_50", "largest_pile_up")
    report.facts |= dict(zip((*names, "industries", "median_km_outside_own"), row, strict=True))


def _count(connection: psycopg.Connection, table: sql.Composable) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
    assert row is not None
    return int(row[0])
