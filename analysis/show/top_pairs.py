"""Measured pairs as a reader wants them: with names, the strongest first."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from coagg.analysis.show.names import latest_measured, named_classification, unknown_industry
from coagg.errors import CoaggError


@dataclass(frozen=True)
class Pair:
    """An ordered pair j -> k.

    `z`: how many null sds the observed cost lies below the null mean; None without spread.
    `reverse`: the index of k -> j; None where it is not measured.
    """

    from_industry: str
    from_name: str
    to_industry: str
    to_name: str
    from_firms: int
    to_firms: int
    index: float
    z: float | None
    reverse: float | None


@dataclass(frozen=True)
class TopPairs:
    """The strongest pairs of a cell, and how many of all are at 0.95 or more.

    `suppressed`: pairs that the rule of disclosure leaves out, also of `significant` and `all`.
    """

    agglomeration: str
    survey_year: int
    measurement_id: int
    method: str
    draws: int
    classification: str | None
    pairs: list[Pair]
    significant: int
    all: int
    suppressed: int


TOP = """
SELECT
    from_industry, coalesce(from_name_en, from_name, ''),
    to_industry, coalesce(to_name_en, to_name, ''),
    from_firms, to_firms, index, sd_below_chance, reverse_index
FROM {pairs}
WHERE index IS NOT NULL AND measurement_id = %(measurement)s AND country = %(country)s
    AND survey_year = %(survey_year)s AND agglomeration_code = %(agglomeration)s
    AND (%(industry)s::text IS NULL OR from_industry = %(industry)s)
ORDER BY index DESC, sd_below_chance DESC NULLS LAST, from_industry, to_industry
LIMIT %(top)s
"""
COUNTS = """
SELECT count(*) FILTER (WHERE index >= 0.95), count(index), count(*) FILTER (WHERE index IS NULL)
FROM {pairs}
WHERE measurement_id = %(measurement)s AND country = %(country)s
    AND survey_year = %(survey_year)s AND agglomeration_code = %(agglomeration)s
"""


def top_pairs(
    connection: psycopg.Connection,
    country: str,
    agglomeration: str,
    survey_year: int | None,
    measurement: int | None,
    industry: str | None,
    top: int,
    published: bool = False,
) -> TopPairs:
    """The strongest ordered pairs of a cell; CoaggError when it was not measured.

    With `published`, those alone that publish.pair does not suppress.
    """
    if top < 1:
        raise CoaggError(f"top {top}: ask for at least 1 pair")
    latest = latest_measured(connection, country, agglomeration, survey_year, measurement)
    if latest is None:
        measured = connection.execute(
            "SELECT DISTINCT agglomeration_code, survey_year FROM coagglomeration.unit "
            "WHERE country = %s ORDER BY 1, 2",
            (country,),
        ).fetchall()
        raise CoaggError(
            f"no index of {agglomeration} {survey_year or ''}".rstrip()
            + f"; measured: {', '.join(f'{code} {year}' for code, year in measured) or 'none'} "
            "(coagg index --survey-year ... measures)"
        )
    year = latest.survey_year
    asked: dict[str, object] = {
        "country": country,
        "agglomeration": agglomeration,
        "measurement": latest.measurement_id,
        "survey_year": year,
        "industry": industry,
        "top": top,
    }
    everything, suppressing = (
        sql.SQL(TOP).format(pairs=sql.Identifier(*view))
        for view in (("coagglomeration", "pair_named"), ("publish", "pair"))
    )
    rows = connection.execute(suppressing if published else everything, asked).fetchall()
    counted = ("publish", "pair") if published else ("coagglomeration", "pair_result")
    counts = connection.execute(
        sql.SQL(COUNTS).format(pairs=sql.Identifier(*counted)), asked
    ).fetchone()
    assert counts is not None
    named = named_classification(connection, country, year, latest.classification)
    if not rows and not (published and connection.execute(everything, asked).fetchone()):
        raise unknown_industry(connection, named, industry or "", f"{agglomeration} {year}")
    return TopPairs(
        agglomeration, year, latest.measurement_id, latest.method, latest.draws, named,
        [Pair(*row) for row in rows], *counts,
    )  # fmt: skip
