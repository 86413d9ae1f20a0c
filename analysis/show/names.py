"""What a code of an industry means: in the classification of a measurement, not of a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from coagg.analysis.cells import OWN
from coagg.errors import CoaggError

LATEST = """
SELECT u.measurement_id, u.survey_year, m.method, m.draws, m.classification
FROM coagglomeration.unit AS u
JOIN coagglomeration.measurement AS m USING (measurement_id)
WHERE u.country = %s AND u.agglomeration_code = %s
    AND (%s::int IS NULL OR u.survey_year = %s) AND (%s::int IS NULL OR u.measurement_id = %s)
ORDER BY u.survey_year DESC, u.unit_id DESC
LIMIT 1
"""


@dataclass(frozen=True)
class Measured:
    """The measurement of a cell; `classification` is own where each year keeps its codes."""

    measurement_id: int
    survey_year: int
    method: str
    draws: int
    classification: str


def latest_measured(
    connection: psycopg.Connection,
    country: str,
    agglomeration: str,
    survey_year: int | None,
    measurement: int | None,
) -> Measured | None:
    """The latest year and measurement of a cell among those asked for; None: not measured."""
    row = connection.execute(
        LATEST,
        (country, agglomeration, survey_year, survey_year, measurement, measurement),
    ).fetchone()
    return None if row is None else Measured(*row)


def named_classification(
    connection: psycopg.Connection, country: str, survey_year: int, classification: str
) -> str | None:
    """The classification that names the codes of a reading; None where a year's codes fit none."""
    if classification != OWN:
        return classification
    row = connection.execute(
        "SELECT classification FROM clean.firm WHERE country = %s AND survey_year = %s "
        "AND classification IS NOT NULL LIMIT 1",
        (country, survey_year),
    ).fetchone()
    return None if row is None else row[0]


def industry_names(
    connection: psycopg.Connection, classification: str | None, codes: Sequence[str]
) -> dict[str, str]:
    """Names of three-digit industries in a classification, English where there is one."""
    return dict(
        connection.execute(
            "SELECT industry_code, coalesce(name_en, name) FROM reference.industry "
            "WHERE classification = %s AND industry_code = ANY(%s)",
            (classification, list(codes)),
        ).fetchall()
    )


def unknown_industry(
    connection: psycopg.Connection, classification: str | None, code: str, where: str
) -> CoaggError:
    """Why an industry is not there: no firms, or a code of another classification."""
    others = [
        name
        for (name,) in connection.execute(
            "SELECT classification FROM reference.industry WHERE industry_code = %s ORDER BY 1",
            (code,),
        )
    ]
    reading = f"codes are of {classification}" if classification else "its codes fit none"
    if classification in others:
        return CoaggError(f"industry {code} has no firms in {where} ({reading})")
    hint = f"; it is a code of {', '.join(others)}" if others else "; no classification has it"
    return CoaggError(f"industry {code} is not in {where}: {reading}{hint}")
