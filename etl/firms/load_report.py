"""What a load of firms tells at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from coagg.errors import CoaggError
from coagg.etl.firms import gate


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


def standing(connection: psycopg.Connection, country: str, survey_year: int) -> LoadReport:
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


def with_examples(report: LoadReport) -> str:
    """Reasons of refused rows with their numbers, each with an example."""
    examples = report.facts["examples"]
    return ", ".join(f"{n} {reason}: {examples[reason]}" for reason, n in report.reasons.items())


def summarise(connection: psycopg.Connection, report: LoadReport, partition: str) -> None:
    """Count reasons, flags and pile-ups of a year that is written aside into its report."""
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


def count_rows(connection: psycopg.Connection, table: sql.Composable) -> int:
    """Rows of a table."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
    assert row is not None
    return int(row[0])
