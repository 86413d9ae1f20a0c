"""What reference data the data base holds, for those who read firms, patents and sectors by it."""

from __future__ import annotations

import psycopg

from coagg.database.fingerprint import rows_hash
from coagg.etl.reference import (
    countries,
)


def code_sets(connection: psycopg.Connection) -> dict[str, set[str]]:
    """All codes (divisions and below) of every classification that is loaded."""
    rows = connection.execute(
        "SELECT classification, array_agg(industry_code) FROM reference.industry "
        "WHERE level > 1 GROUP BY classification ORDER BY classification"
    ).fetchall()
    return {classification: set(codes) for classification, codes in rows}


def names_of_industries(connection: psycopg.Connection) -> dict[str, list[tuple[str, str]]]:
    """(code, name) of divisions and below of every classification, English names too."""
    found: dict[str, list[tuple[str, str]]] = {}
    for classification, code, *names in connection.execute(
        "SELECT classification, industry_code, name, name_en FROM reference.industry "
        "WHERE level > 1 ORDER BY 1, 2"
    ).fetchall():
        found.setdefault(classification, []).extend((code, name) for name in names if name)
    return found


def cleaning_inputs(
    connection: psycopg.Connection, country: str, survey_year: int
) -> dict[str, object]:
    """What cleaning a year of firms rests on: areas and place codes of the country, industry codes.

    By name, as `coagg.database.fingerprint.fingerprint` takes them.
    """
    return {
        "places": rows_hash(
            connection,
            "SELECT prefecture_code, md5(public.st_asbinary(geom)) "
            "FROM reference.prefecture_piece WHERE country = %s",
            (country,),
        ),
        # a year after the last with codes reads that last one's, as the rule does
        "place codes": rows_hash(
            connection,
            "SELECT place_code, prefecture_code, candidates FROM reference.prefecture_code "
            "WHERE country = %s AND survey_year = (SELECT coalesce("
            "max(survey_year) FILTER (WHERE survey_year <= %s), min(survey_year)) "
            "FROM reference.prefecture_code WHERE country = %s)",
            (country, survey_year, country),
        ),
        # those of other countries are not asked
        "industry codes": rows_hash(
            connection,
            "SELECT classification, industry_code FROM reference.industry "
            "WHERE level > 1 AND classification = ANY(string_to_array(%s, ' '))",
            (" ".join(countries.of(country).classification_names),),
        ),
    }


def held_countries(connection: psycopg.Connection) -> list[str]:
    """Codes of the countries whose areas are loaded; none where there is no schema yet."""
    try:
        rows = connection.execute("SELECT country FROM reference.country ORDER BY 1").fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        connection.rollback()
        return []
    return [code for (code,) in rows]
