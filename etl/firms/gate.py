"""The gate of a survey year: one that moves more than it may is not taken unasked.

A file cut short in transfer, columns exchanged, a unit changed: such a year loads without a fault
and every number after it is wrong. So a year is measured before it is swapped in, and compared
with the year it would replace or, where there is none, with its nearest neighbours in time.

How the limits were chosen. A corrected file differs from the first by some per cent, so one that
loses a fifth of its firms is no correction. Between survey years the real survey jumps: below 0.2
million firms before the census of 2004 and above 0.4 million in 2008, then a higher threshold of
sales took a third away in 2011; up to 40% is history. So a neighbour stops a year at 60% fewer or
two and a half times as many, and only when every neighbour at hand does. Totals move with prices
and growth besides, over several years where some are missing. Small numbers move by chance: below
`Limits.least_rows` firms only the codes are judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from coagg.errors import CoaggError

CURRENT = """
SELECT survey_year, rows_read, rows_clean, rows_refused, counts FROM ops.load
WHERE country = %s AND superseded_at IS NULL ORDER BY survey_year
"""
TOTALS = """
SELECT count(DISTINCT industry), sum(output_thousand_cny), sum(employment) FROM {}
WHERE country = %s AND survey_year = %s
"""
# by member prefectures, or by areas of the country's own: one of the two counts is 0
AGGLOMERATIONS = """
SELECT (
    SELECT count(DISTINCT agglomeration_code) FROM reference.agglomeration_member
    WHERE assigned AND country = %(country)s AND prefecture_code IN (
        SELECT prefecture_code FROM {0} WHERE country = %(country)s AND survey_year = %(year)s
    )
) + (
    SELECT count(*) FROM reference.agglomeration AS a
    JOIN reference.area_country AS c USING (country)
    WHERE a.country = %(country)s AND EXISTS (
        SELECT FROM {0} AS f WHERE f.country = %(country)s AND f.survey_year = %(year)s
            AND public.st_covers(a.geom, f.geom)
    )
)
"""

NAMES = {"rows_clean": "clean rows", "located_share": "rows with a point in the country"}


@dataclass(frozen=True)
class Limit:
    """How far a measure may fall and rise: relative for counts and totals, points for shares."""

    fall: float
    rise: float


REPLACED = {
    "rows_clean": Limit(0.20, 1.0),
    "located_share": Limit(0.05, 1.0),
    "known_codes_share": Limit(0.05, 1.0),
    "industries": Limit(0.20, 1.0),
    "output": Limit(0.30, 1.0),
    "employment": Limit(0.30, 1.0),
    "refused_share": Limit(1.0, 0.10),
    "agglomerations": Limit(0.10, 1.0),
}
NEIGHBOURS = {
    "rows_clean": Limit(0.60, 1.5),
    "located_share": Limit(0.20, 1.0),
    "known_codes_share": Limit(0.50, 1.0),
    "industries": Limit(0.40, 1.0),
    "output": Limit(0.80, 4.0),
    "employment": Limit(0.70, 2.5),
    "refused_share": Limit(1.0, 0.25),
    "agglomerations": Limit(0.25, 1.0),
}


@dataclass(frozen=True)
class Limits:
    """How far a year may move, by name of measure.

    A year of fewer than `least_rows` firms is no measure of another. A year with less than
    `usable_codes` of its industry codes known never replaces one that has more, and is no first
    load of a year either. Where no classification is there to know any, nothing is asked.
    """

    replaced: Mapping[str, Limit] = field(default_factory=lambda: dict(REPLACED))
    neighbours: Mapping[str, Limit] = field(default_factory=lambda: dict(NEIGHBOURS))
    least_rows: int = 100
    usable_codes: float = 0.5


@dataclass(frozen=True)
class Measures:
    """A survey year in numbers; None: the year does not say it. Shares are of rows read.

    `output` is in thousand CNY as received, `known_codes_share` that of the classification which
    knows most, `agglomerations` counts those with at least one firm.
    """

    survey_year: int
    rows_read: int
    rows_clean: int
    located_share: float
    known_codes_share: float | None
    industries: int
    output: float | None
    employment: int | None
    refused_share: float
    agglomerations: int


@dataclass(frozen=True)
class Finding:
    """A measure that moved further than it may."""

    measure: str
    against: str
    before: float | None
    after: float | None
    limit: str

    def line(self) -> str:
        """The measure, before, after, and the limit, for an error message."""
        name = label(self.measure)
        before, after = told(self.measure, self.before), told(self.measure, self.after)
        if self.before is None:
            return f"{name} {after} ({self.limit} in {self.against})"
        return f"{name} {before} before, {after} now ({self.limit} against {self.against})"


@dataclass(frozen=True)
class Verdict:
    """The new year, what it was compared with, and what is too far off; none: it may pass."""

    new: Measures
    replaced: Measures | None
    neighbours: tuple[Measures, ...]
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """For the ledger."""
        return asdict(self)


def label(measure: str) -> str:
    """The name of a measure as it is written."""
    return NAMES.get(measure, measure.replace("_", " "))


def told(measure: str, value: float | None) -> str:
    """A value as it is written: shares in per cent, counts in full."""
    if value is None:
        return "none"
    return f"{value:.1%}" if measure.endswith("_share") else f"{value:,.0f}"


def measure(
    connection: psycopg.Connection,
    table: sql.Composable,
    country: str,
    survey_year: int,
    rows: tuple[int, int, int],
    counts: Mapping[str, Any],
) -> Measures:
    """Measure the year in `table`; `rows` are read, clean and refused, `counts` as in ops.load."""
    read, clean, refused = rows
    industries, output, employment = _row(
        connection, sql.SQL(TOTALS).format(table), (country, survey_year)
    )
    (agglomerations,) = _row(
        connection,
        sql.SQL(AGGLOMERATIONS).format(table),
        {"country": country, "year": survey_year},
    )
    reasons = counts["reasons"]
    lost = sum(n for r, n in reasons.items() if r.startswith("coordinates_"))
    lost += reasons.get("outside_country", 0)
    shares = counts["facts"].get("classification_shares") or {}
    return Measures(
        survey_year, read, clean, 1 - lost / max(read, 1), max(shares.values(), default=None),
        industries, output, employment, refused / max(read, 1), agglomerations,
    )  # fmt: skip


def examine(
    connection: psycopg.Connection,
    country: str,
    new: Measures,
    limits: Limits | None = None,
) -> Verdict:
    """Compare a year with what is loaded: the same year, and the nearest on either side."""
    held = {row[0]: row[1:] for row in connection.execute(CURRENT, (country,)).fetchall()}

    def loaded(year: int) -> Measures:
        *rows, counts = held[year]
        table = sql.Identifier("clean", "firm")
        return measure(connection, table, country, year, (rows[0], rows[1], rows[2]), counts)

    before = [year for year in held if year < new.survey_year][-1:]
    after = [year for year in held if year > new.survey_year][:1]
    replaced = loaded(new.survey_year) if new.survey_year in held else None
    neighbours = tuple(loaded(year) for year in (*before, *after))
    found = judge(new, replaced, neighbours, limits or Limits())
    return Verdict(new, replaced, neighbours, found)


def judge(
    new: Measures, replaced: Measures | None, neighbours: Sequence[Measures], limits: Limits
) -> tuple[Finding, ...]:
    """What moved further than it may. Neighbours judge only where no year worth it is replaced.

    Examples
    --------
    >>> whole = Measures(2013, 1000, 1000, 1.0, 1.0, 90, 5e6, 9000, 0.0, 20)
    >>> cut = Measures(2013, 50, 50, 1.0, 1.0, 90, 5e6, 9000, 0.0, 20)
    >>> [found.line() for found in judge(cut, whole, (), Limits())]
    ['clean rows 1,000 before, 50 now (at most -20% against the year it replaces)']
    """
    findings: list[Finding] = []
    if replaced is not None and replaced.rows_clean >= limits.least_rows:
        against = "the year it replaces"
        for name, limit in limits.replaced.items():
            crossed = _crossed(name, getattr(replaced, name), getattr(new, name), limit)
            if crossed:
                findings.append(
                    Finding(name, against, getattr(replaced, name), getattr(new, name), crossed)
                )
    else:
        judges = [year for year in neighbours if year.rows_clean >= limits.least_rows]
        for name, limit in limits.neighbours.items():
            after = getattr(new, name)
            found = [(y, _crossed(name, getattr(y, name), after, limit)) for y in judges]
            if found and all(crossed for _, crossed in found):
                year, crossed = found[0]
                findings.append(
                    Finding(name, str(year.survey_year), getattr(year, name), after, str(crossed))
                )
    better = replaced is None or not _hardly_known(replaced, limits)
    asked = replaced is not None or new.known_codes_share is not None
    if better and asked and _hardly_known(new, limits):
        findings = [found for found in findings if found.measure != "known_codes_share"]
        findings.insert(
            0,
            Finding(
                "known_codes_share", "a year that can be used",
                replaced.known_codes_share if replaced else None,
                new.known_codes_share, f"at least {limits.usable_codes:.0%}",
            ),
        )  # fmt: skip
    return tuple(findings)


def enforce(
    connection: psycopg.Connection,
    verdict: Verdict,
    what: str,
    country: str,
    sha256: str,
    accept: str | None,
    unknown: str = "",
) -> str | None:
    """The reason for which the year is taken; None where none is needed.

    `unknown` tells the codes that no classification knows, for a year that has too many.

    A reason speaks of one file: it is refused for another file of the year, so that one written
    into the list of a nightly rebuild does not open the gate for ever. Raises CoaggError.
    """
    if accept is not None and not accept.strip():
        raise CoaggError("--accept needs a reason: it is kept with the load")
    if not verdict.findings:
        return None
    first, *more = verdict.findings
    year = f"{what}: not taken as {country} {verdict.new.survey_year}"
    if unknown and first.measure == "known_codes_share":
        year += f", {unknown}"
    if accept is None:
        also = f"; also {', '.join(label(f.measure) for f in more)}" if more else ""
        raise CoaggError(
            f"{year}: {first.line()}{also}; see all with coagg inspect; "
            'if the file is right: --accept "why" (in a list of inputs: accept = "why")'
        )
    used = connection.execute(
        "SELECT file_name FROM ops.load WHERE country = %s AND survey_year = %s "
        "AND accepted_reason = %s AND file_sha256 <> %s LIMIT 1",
        (country, verdict.new.survey_year, accept.strip(), sha256),
    ).fetchone()
    if used:
        raise CoaggError(
            f"{year}: {first.line()}; the reason {accept.strip()!r} was given for another file, "
            f"{used[0]}: give this file a reason of its own"
        )
    return accept.strip()


def _hardly_known(year: Measures, limits: Limits) -> bool:
    return (year.known_codes_share or 0.0) < limits.usable_codes


def _crossed(name: str, before: float | None, after: float | None, limit: Limit) -> str | None:
    """The limit that is crossed, in words; None when none is."""
    if before is None:
        return None  # what was not known cannot be lost
    share = name.endswith("_share")
    if after is None:
        return "must be known"
    if not share and before == 0:
        return None
    moved = after - before if share else after / before - 1
    unit = " points" if share else "%"
    if moved < -limit.fall:
        return f"at most -{limit.fall * 100:.0f}{unit}"
    if moved > limit.rise:
        return f"at most +{limit.rise * 100:.0f}{unit}"
    return None


def _row(
    connection: psycopg.Connection, query: sql.Composed, values: tuple[Any, ...] | Mapping[str, Any]
) -> Any:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row
