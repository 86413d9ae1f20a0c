"""Measured pairs as a reader wants them: with names, the strongest first."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from coagg.errors import CoaggError


@dataclass(frozen=True)
class Pair:
    """An ordered pair j -> k; z is how many null sds the observed cost lies below the null mean."""

    from_industry: str
    from_name: str
    to_industry: str
    to_name: str
    from_firms: int
    to_firms: int
    index: float
    z: float
    reverse: float


@dataclass(frozen=True)
class TopPairs:
    """The strongest pairs of a cell, and how many of all are at 0.95 or more."""

    agglomeration: str
    survey_year: int
    measurement_id: int
    method: str
    draws: int
    pairs: list[Pair]
    significant: int
    all: int


LATEST = """
SELECT u.measurement_id, u.survey_year, m.method, m.draws
FROM coagglomeration.unit AS u
JOIN coagglomeration.measurement AS m USING (measurement_id)
WHERE u.country = %(country)s AND u.agglomeration_code = %(agglomeration)s
    AND (%(survey_year)s::int IS NULL OR u.survey_year = %(survey_year)s)
    AND (%(measurement)s::int IS NULL OR u.measurement_id = %(measurement)s)
ORDER BY u.survey_year DESC, u.finished_at DESC
LIMIT 1
"""

TOP = """
SELECT
    p.from_industry, coalesce(j.name_en, j.name, ''),
    p.to_industry, coalesce(k.name_en, k.name, ''),
    CASE WHEN p.from_industry = p.fixed_industry THEN p.fixed_firms ELSE p.redrawn_firms END,
    CASE WHEN p.from_industry = p.fixed_industry THEN p.redrawn_firms ELSE p.fixed_firms END,
    p.index,
    CASE WHEN p.null_sd > 0 THEN (p.null_mean - p.observed_cost) / p.null_sd ELSE 0 END AS z,
    coalesce(back.index, 'NaN')
FROM coagglomeration.pair_index AS p
LEFT JOIN coagglomeration.pair_result AS back
    ON back.measurement_id = p.measurement_id AND back.country = p.country
    AND back.survey_year = p.survey_year AND back.agglomeration_code = p.agglomeration_code
    AND back.fixed_industry = p.redrawn_industry AND back.redrawn_industry = p.fixed_industry
LEFT JOIN reference.industry AS j
    ON j.classification = %(classification)s AND j.industry_code = p.from_industry
LEFT JOIN reference.industry AS k
    ON k.classification = %(classification)s AND k.industry_code = p.to_industry
WHERE p.measurement_id = %(measurement)s AND p.country = %(country)s
    AND p.survey_year = %(survey_year)s AND p.agglomeration_code = %(agglomeration)s
    AND (%(industry)s::text IS NULL OR p.from_industry = %(industry)s)
ORDER BY p.index DESC, z DESC, p.from_industry, p.to_industry
LIMIT %(top)s
"""


def top_pairs(
    connection: psycopg.Connection,
    country: str,
    agglomeration: str,
    survey_year: int | None,
    measurement: int | None,
    industry: str | None,
    top: int,
) -> TopPairs:
    """The strongest ordered pairs of a cell; CoaggError when it was not measured."""
    asked: dict[str, object] = {
        "country": country,
        "agglomeration": agglomeration,
        "survey_year": survey_year,
        "measurement": measurement,
    }
    latest = connection.execute(LATEST, asked).fetchone()
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
    measurement_id, year, method, draws = latest
    classification = connection.execute(
        "SELECT classification FROM clean.firm WHERE country = %s AND survey_year = %s "
        "AND classification IS NOT NULL LIMIT 1",
        (country, year),
    ).fetchone()
    asked |= {
        "measurement": measurement_id,
        "survey_year": year,
        "industry": industry,
        "top": top,
        "classification": classification[0] if classification else None,
    }
    rows = connection.execute(TOP, asked).fetchall()
    counts = connection.execute(
        "SELECT count(*) FILTER (WHERE index >= 0.95), count(*) FROM coagglomeration.pair_result "
        "WHERE measurement_id = %(measurement)s AND country = %(country)s "
        "AND survey_year = %(survey_year)s AND agglomeration_code = %(agglomeration)s",
        asked,
    ).fetchone()
    assert counts is not None
    if not rows:
        raise CoaggError(
            f"industry {industry} has no pairs in {agglomeration} {year}: is the code three digits?"
        )
    return TopPairs(
        agglomeration, year, measurement_id, method, draws, [Pair(*row) for row in rows], *counts
    )
