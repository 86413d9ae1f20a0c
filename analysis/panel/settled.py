"""Settings of a year of the panel: what was asked for, and what is settled from what is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from coagg.errors import CoaggError
from coagg.settings import INSTRUMENT_AGGLOMERATION, INSTRUMENT_COUNTRY

TECH = ("patents", "output")
CITED = ("anywhere", "same-agglomeration")
YEARS = """
SELECT survey_year FROM coagglomeration.unit
WHERE measurement_id = %s AND country = %s
GROUP BY survey_year ORDER BY survey_year
"""
LATEST = """
SELECT measurement_id FROM coagglomeration.unit
WHERE country = %s AND (%s::text IS NULL OR agglomeration_code = %s)
GROUP BY measurement_id
ORDER BY max(unit_id) DESC LIMIT 1
"""
UNFINISHED = """
SELECT agglomeration_code FROM coagglomeration.pair_result
WHERE measurement_id = %s AND country = %s AND survey_year = %s
GROUP BY agglomeration_code
HAVING count(DISTINCT fixed_industry) <> count(DISTINCT redrawn_industry)
ORDER BY agglomeration_code
"""
# what most firms of the year are coded in, where the index was measured in the year's own
OWN_CLASSIFICATION = """
SELECT classification FROM clean.firm
WHERE country = %s AND survey_year = %s AND classification IS NOT NULL
GROUP BY classification ORDER BY count(*) DESC, classification LIMIT 1
"""
# what the instrument's index is coded in: what was asked for, else the year's own, else what its
# country speaks
INSTRUMENT_CLASSIFICATION = """
SELECT coalesce(
    (SELECT settings ->> 'classification' FROM coagglomeration.measurement
    WHERE measurement_id = %s),
    (SELECT classification FROM ops.load
    WHERE country = %s AND survey_year = %s AND superseded_at IS NULL),
    (SELECT classification FROM reference.country WHERE country = %s)
)
"""


@dataclass(frozen=True)
class PanelSettings:
    """What changes a number of the panel, beside its inputs.

    window_years: patents applied for in t to t + window_years - 1 count. tech: amounts whose
    revealed advantage makes Tech, patents or output. cited: where cited patents' firms may be,
    anywhere or same-agglomeration. io_table: name, None for the nearest year (the older on a tie).
    instrument_country, instrument_agglomeration: whose index fills the columns uk_index and uk_phi.
    """

    window_years: int = 1
    tech: str = "patents"
    cited: str = "anywhere"
    io_table: str | None = None
    instrument_country: str = INSTRUMENT_COUNTRY
    instrument_agglomeration: str = INSTRUMENT_AGGLOMERATION


def latest_measurement(
    connection: psycopg.Connection, country: str, agglomeration: str | None = None
) -> int | None:
    """The measurement with the newest unit of the country; None without any."""
    row = connection.execute(LATEST, (country, agglomeration, agglomeration)).fetchone()
    return None if row is None else int(row[0])


def index_years(connection: psycopg.Connection, measurement_id: int, country: str) -> list[int]:
    """Survey years the measurement has.

    Raises CoaggError naming the command for a measurement that does not exist or has no index of
    the country.
    """
    found = [int(year) for (year,) in connection.execute(YEARS, (measurement_id, country))]
    if not found:
        known = [
            str(number)
            for (number,) in connection.execute(
                "SELECT DISTINCT measurement_id FROM coagglomeration.unit WHERE country = %s "
                "ORDER BY 1",
                (country,),
            )
        ]
        raise CoaggError(
            f"measurement {measurement_id} has no index of {country}; those that have: "
            f"{', '.join(known) or 'none'} (coagg index --survey-year YEAR)"
        )
    return found


def check(chosen: PanelSettings) -> None:
    """Raise CoaggError for settings that cannot be."""
    if chosen.window_years < 1:
        raise CoaggError(f"window {chosen.window_years}: at least 1 year is needed")
    if chosen.tech not in TECH:
        raise CoaggError(f"tech {chosen.tech!r}: say one of {', '.join(TECH)}")
    if chosen.cited not in CITED:
        raise CoaggError(f"cited {chosen.cited!r}: say one of {', '.join(CITED)}")


def no_index(number: int, country: str, year: int, years: Sequence[int]) -> CoaggError:
    """The error of a year that the measurement does not have, with the command that makes it."""
    return CoaggError(
        f"measurement {number} has no index of {country} {year}, only of "
        f"{', '.join(map(str, years))}: coagg index --survey-year {year}, same settings, first"
    )


def check_index(
    connection: psycopg.Connection, measurement_id: int, country: str, survey_year: int
) -> None:
    """Raise CoaggError for a year without an index, or with an unfinished one."""
    years = index_years(connection, measurement_id, country)
    if survey_year not in years:
        raise no_index(measurement_id, country, survey_year, years)
    _check_finished(connection, measurement_id, country, survey_year)


def _check_finished(
    connection: psycopg.Connection, measurement_id: int, country: str, survey_year: int
) -> None:
    unfinished = connection.execute(UNFINISHED, (measurement_id, country, survey_year)).fetchall()
    if unfinished:
        raise CoaggError(
            f"measurement {measurement_id}, {country} {survey_year}: the index of "
            f"{', '.join(code for (code,) in unfinished)} is unfinished: "
            f"coagg index --survey-year {survey_year} goes on where it stopped"
        )


def settled(
    connection: psycopg.Connection,
    key: tuple[int, str, int],
    chosen: PanelSettings,
    uk_measurement_id: int | None,
) -> dict[str, Any]:
    """All settings of the transforms, those left open settled from what is loaded."""
    measurement_id, country, survey_year = key
    row = connection.execute(
        "SELECT settings ->> 'classification' FROM coagglomeration.measurement "
        "WHERE measurement_id = %s",
        (measurement_id,),
    ).fetchone()
    classification = row[0] if row else None
    if classification is None:
        own = connection.execute(OWN_CLASSIFICATION, (country, survey_year)).fetchone()
        if own is None:
            raise CoaggError(
                f"{country} {survey_year} has no firm with a classification: load the year again "
                f"(coagg load firms FILE --survey-year {survey_year})"
            )
        classification = own[0]
    uk_measurement_id, uk_year, uk_classification = _instrument(
        connection, chosen, uk_measurement_id
    )
    return {
        "measurement_id": measurement_id,
        "country": country,
        "survey_year": survey_year,
        "classification": classification,
        **asdict(chosen),
        "io_table": _io_table(connection, chosen.io_table, survey_year),
        "uk_measurement_id": uk_measurement_id,
        "uk_survey_year": uk_year,
        "instrument_classification": uk_classification,
    }


def _instrument(
    connection: psycopg.Connection, chosen: PanelSettings, measurement_id: int | None
) -> tuple[int | None, int | None, str | None]:
    """Measurement of the instrument's index, its newest survey year, its classification."""
    country, code = chosen.instrument_country, chosen.instrument_agglomeration
    number = measurement_id or latest_measurement(connection, country, code)
    if number is None:
        return None, None, None
    row = connection.execute(
        "SELECT max(survey_year) FROM coagglomeration.unit WHERE measurement_id = %s "
        "AND country = %s AND agglomeration_code = %s",
        (number, country, code),
    ).fetchone()
    if row is None or row[0] is None:
        raise CoaggError(
            f"measurement {number} has no index of agglomeration {code}: "
            f"coagg index --country {country} --agglomeration {code} --survey-year YEAR"
        )
    _check_finished(connection, number, country, int(row[0]))
    found = connection.execute(INSTRUMENT_CLASSIFICATION, (number, country, row[0], country))
    spoken = found.fetchone()
    return number, int(row[0]), None if spoken is None else spoken[0]


def _io_table(connection: psycopg.Connection, asked: str | None, survey_year: int) -> str | None:
    tables = connection.execute(
        "SELECT io_table FROM reference.io_table ORDER BY abs(year - %s), year, io_table",
        (survey_year,),
    ).fetchall()
    names = [str(name) for (name,) in tables]
    if asked is None:
        return names[0] if names else None
    if asked not in names:
        raise CoaggError(
            f"input-output table {asked!r} is not loaded; those are {', '.join(names) or 'none'}"
        )
    return asked
