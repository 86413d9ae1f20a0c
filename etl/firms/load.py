"""Load one survey year of firms: file in, `clean.firm` and `clean.refused` out, nothing lost.

Everything happens in one transaction: typed rows go by COPY into temporary tables, the rules of
sql/transforms/firms run, the year is written to a partition built aside, and the partition takes
the old one's place together with the ledger row. A kill leaves the data base as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from coagg import database
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
from coagg.etl.firms.load_report import (
    LoadReport,
    NothingLeft,
    count_rows,
    standing,
    summarise,
    with_examples,
)
from coagg.etl.firms.year import YearLock, build_partition, publish
from coagg.etl.reference import countries, held
from coagg.etl.reference import load as reference
from coagg.settings import Settings

Progress = Callable[[str, int], None]


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
        if country not in held.held_countries(connection):
            progress("loading the country", 0)
            reference.load_reference(connection, only=[country])
            if not dry_run:
                connection.commit()  # a long load must not hold up those of other countries
        made_from = inputs(connection, opened, cleaning)
        if why_of(connection, country, survey_year, made_from) is None:
            done = standing(connection, country, survey_year)
            if dry_run:
                done.dry_run = True
                done.verdict = _verdict(connection, done, sql.Identifier("clean", "firm"), limits)
            return done
        progress("looking at the points", 0)
        code_sets = held.code_sets(connection)
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
            names=lambda: held.names_of_industries(connection),
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
        partition = build_partition(connection, country, survey_year)
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
            rows_clean=count_rows(connection, sql.Identifier("clean", partition)),
            rows_refused=count_rows(connection, sql.Identifier("incoming_refused")),
        )
        summarise(connection, report, partition)
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
                f"({with_examples(report)}); {todo or remedies.remedy(report.reasons)}"
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
        publish(connection, report, partition, table, made_from)
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
