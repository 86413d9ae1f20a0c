"""What stands in the reference tables after the shipped data are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from coagg import database
from coagg.settings import Settings


@pytest.fixture(scope="module")
def loaded(databases: Any, reference_template: Settings) -> Iterator[psycopg.Connection]:
    """One data base for all the questions below: none of them changes it."""
    with database.connect(databases.copy(reference_template), autocommit=True) as connection:
        connection.read_only = True
        yield connection


def rows(connection: psycopg.Connection, query: str, values: tuple = ()) -> list[tuple]:
    return connection.execute(query.encode(), values or None).fetchall()


def test_everything_has_a_comment(loaded: psycopg.Connection) -> None:
    silent = rows(
        loaded,
        """
        SELECT c.relname, a.attname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'reference'::regnamespace AND c.relkind = 'r'
        AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
        """,
    )
    assert silent == []


def test_areas_by_country(loaded: psycopg.Connection) -> None:
    assert rows(
        loaded, "SELECT country, count(*) FROM reference.prefecture GROUP BY 1 ORDER BY 1"
    ) == [("CN", 375), ("GB", 179)]


def test_pieces_make_up_their_prefectures(loaded: psycopg.Connection) -> None:
    off = rows(
        loaded,
        """
        SELECT p.country, p.prefecture_code FROM reference.prefecture AS p
        LEFT JOIN reference.prefecture_piece AS piece USING (country, prefecture_code)
        GROUP BY p.country, p.prefecture_code
        HAVING coalesce(abs(sum(st_area(piece.geom)) / st_area(p.geom) - 1), 1) > 1e-9
        OR max(st_npoints(piece.geom)) > 257
        """,
    )
    assert off == []


@pytest.mark.parametrize(
    ("lon", "lat", "prefecture_code"),
    [
        (116.397, 39.909, "1100"),  # Tiananmen
        (104.066, 30.659, "5101"),  # Tianfu Square, Chengdu
        (106.577, 29.557, "5000"),  # Jiefangbei, Chongqing
        (113.325, 23.107, "4401"),  # Canton Tower
        (113.451, 30.362, "429004"),  # Xiantao
        (109.580, 19.521, "4604"),  # Danzhou
    ],
)
def test_known_places_lie_in_their_prefecture(
    loaded: psycopg.Connection, lon: float, lat: float, prefecture_code: str
) -> None:
    assert rows(
        loaded,
        "SELECT prefecture_code FROM reference.prefecture_piece "
        "WHERE st_covers(geom, st_setsrid(st_makepoint(%s, %s), 4326))",
        (lon, lat),
    ) == [(prefecture_code,)]


@pytest.mark.parametrize(
    ("survey_year", "place_code", "prefecture_code", "rule"),
    [
        (2013, "5101", "5101", "same"),
        (1998, "1101", "1100", "municipality"),
        (2013, "1102", "1100", "municipality"),
        (2005, "5003", "5000", "municipality"),
        (2013, "3712", "3701", "merged"),
        (2007, "3414", None, "divided"),
        (2007, "341422", "3402", "divided"),
        (1998, "5224", "5205", "recoded"),
        (2013, "5224", "5205", "recoded"),
        (2004, "6321", "6302", "recoded"),
        (2013, "6521", "6504", "recoded"),
        (2013, "6522", "6505", "recoded"),
        (1998, "5327", "5308", "recoded"),
        (2013, "4190", "419001", "directly administered"),
        (2013, "4290", None, "several"),
        (2013, "429004", "429004", "directly administered"),
        (1998, "460003", "4604", "directly administered"),
        (2013, "469003", "4604", "directly administered"),
        (2013, "659001", "659001", "directly administered"),
        (2007, "340823", "3407", "county moved"),
        (2007, "512081", "5101", "county moved"),
    ],
)
def test_place_codes_of_the_surveys(
    loaded: psycopg.Connection,
    survey_year: int,
    place_code: str,
    prefecture_code: str | None,
    rule: str,
) -> None:
    assert rows(
        loaded,
        "SELECT prefecture_code, rule FROM reference.prefecture_code "
        "WHERE country = 'CN' AND survey_year = %s AND place_code = %s",
        (survey_year, place_code),
    ) == [(prefecture_code, rule)]


def test_names_follow_the_year(loaded: psycopg.Connection) -> None:
    named = dict(
        rows(
            loaded,
            "SELECT survey_year, name FROM reference.prefecture_code WHERE place_code = '4206'",
        )
    )
    assert (named[1998], named[2009], named[2010]) == ("襄樊市", "襄樊市", "襄阳市")


def test_code_not_in_force_says_so(loaded: psycopg.Connection) -> None:
    assert rows(
        loaded,
        "SELECT survey_year, in_force FROM reference.prefecture_code "
        "WHERE place_code = '5224' AND survey_year IN (2010, 2011) ORDER BY 1",
    ) == [(2010, True), (2011, False)]


def test_every_candidate_is_a_prefecture(loaded: psycopg.Connection) -> None:
    assert (
        rows(
            loaded,
            "SELECT DISTINCT c FROM reference.prefecture_code AS k "
            "CROSS JOIN unnest(candidates) AS c "
            "WHERE NOT EXISTS (SELECT 1 FROM reference.prefecture AS p "
            "WHERE p.country = k.country AND p.prefecture_code = c)",
        )
        == []
    )


def test_every_place_code_stands_in_every_year(loaded: psycopg.Connection) -> None:
    assert rows(
        loaded,
        "SELECT min(n), max(n), min(first), max(last) FROM (SELECT count(*) AS n, "
        "min(survey_year) AS first, max(survey_year) AS last FROM reference.prefecture_code "
        "GROUP BY place_code) AS c",
    ) == [(27, 27, 1998, 2024)]


def test_agglomerations_are_valid_and_disjoint(loaded: psycopg.Connection) -> None:
    assert rows(
        loaded,
        "SELECT count(*), bool_and(st_isvalid(geom) AND NOT st_isempty(geom)), "
        "bool_and(name_en IS NOT NULL) FROM reference.agglomeration "
        "GROUP BY country ORDER BY country",
    ) == [(21, True, True), (1, True, True)]
    assert (
        rows(
            loaded,
            "SELECT a.agglomeration_code, b.agglomeration_code FROM reference.agglomeration AS a "
            "JOIN reference.agglomeration AS b ON a.agglomeration_code < b.agglomeration_code "
            "AND st_intersects(a.geom, b.geom) "
            "WHERE st_area(st_intersection(a.geom, b.geom)) > 1e-6",
        )
        == []
    )


def test_agglomeration_is_as_large_as_its_members(loaded: psycopg.Connection) -> None:
    assert (
        rows(
            loaded,
            "SELECT a.agglomeration_code FROM reference.agglomeration AS a "
            "JOIN reference.agglomeration_member AS m USING (country, agglomeration_code) "
            "JOIN reference.prefecture AS p USING (country, prefecture_code) WHERE m.assigned "
            "GROUP BY a.country, a.agglomeration_code "
            "HAVING abs(sum(st_area(p.geom)) / st_area(a.geom) - 1) > 1e-4",
        )
        == []
    )


def test_a_prefecture_cannot_be_assigned_twice(reference_db: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        reference_db.execute(
            "UPDATE reference.agglomeration_member SET assigned = true "
            "WHERE prefecture_code = '1408'"
        )


def test_industries_form_trees(loaded: psycopg.Connection) -> None:
    assert (
        rows(
            loaded,
            "SELECT i.* FROM reference.industry AS i LEFT JOIN reference.industry AS p "
            "ON p.classification = i.classification AND p.industry_code = i.parent_code "
            "WHERE (i.level = 1) <> (i.parent_code IS NULL) OR p.level >= i.level "
            "OR p.section <> i.section "
            "OR (i.level > 2 AND NOT starts_with(i.industry_code, p.industry_code))",
        )
        == []
    )


def test_industrial_groups_have_english_names(loaded: psycopg.Connection) -> None:
    counts = rows(
        loaded,
        "SELECT classification, count(*), count(name_en), count(DISTINCT name_en) "
        "FROM reference.industry WHERE starts_with(classification, 'gbt') AND level = 3 "
        "AND left(industry_code, 2) BETWEEN '06' AND '46' GROUP BY 1 ORDER BY 1",
    )
    assert counts == [
        ("gbt4754_2002", 191, 191, 191),
        ("gbt4754_2011", 201, 201, 201),
        ("gbt4754_2017", 207, 207, 207),
    ]
    assert rows(
        loaded,
        "SELECT name, name_en FROM reference.industry "
        "WHERE classification = 'gbt4754_2011' AND industry_code = '366'",
    ) == [("汽车零部件及配件制造", "Motor vehicle parts")]


def test_concordance_weights_add_to_one(loaded: psycopg.Connection) -> None:
    assert (
        rows(
            loaded,
            "SELECT from_classification, from_code FROM reference.industry_concordance "
            "GROUP BY from_classification, from_code, to_classification "
            "HAVING abs(sum(weight) - 1) > 1e-9",
        )
        == []
    )


@pytest.mark.parametrize(
    ("from_classification", "to_classification", "level"),
    [
        ("gbt4754_2002", "gbt4754_2011", 3),
        ("gbt4754_2002", "gbt4754_2011", 4),
        ("gbt4754_2011", "gbt4754_2017", 3),
        ("gbt4754_2011", "gbt4754_2017", 4),
    ],
)
def test_every_industrial_code_has_a_successor(
    loaded: psycopg.Connection, from_classification: str, to_classification: str, level: int
) -> None:
    assert (
        rows(
            loaded,
            "SELECT industry_code FROM reference.industry AS i WHERE classification = %s "
            "AND level = %s AND left(industry_code, 2) BETWEEN '06' AND '46' AND NOT EXISTS ("
            "SELECT 1 FROM reference.industry_concordance "
            "WHERE from_classification = i.classification "
            "AND to_classification = %s AND from_code = i.industry_code AND NOT doubtful)",
            (from_classification, level, to_classification),
        )
        == []
    )


@pytest.mark.parametrize(
    ("from_code", "to_codes"),
    [
        ("3731", ["3751"]),  # motorcycles: 3731 is ships in 2011
        ("2671", ["2681"]),  # soap: 2671 is explosives in 2011
        ("3940", ["3841", "3842", "3849"]),  # batteries
        ("372", ["361", "362", "363", "364", "365", "366", "801"]),  # motor vehicles
    ],
)
def test_known_successors(loaded: psycopg.Connection, from_code: str, to_codes: list[str]) -> None:
    assert [
        row[0]
        for row in rows(
            loaded,
            "SELECT to_code FROM reference.industry_concordance WHERE from_code = %s "
            "AND from_classification = 'gbt4754_2002' ORDER BY 1",
            (from_code,),
        )
    ] == to_codes


def test_nothing_shipped_claims_to_be_official(loaded: psycopg.Connection) -> None:
    assert rows(loaded, "SELECT DISTINCT official FROM reference.industry_concordance") == [
        (False,)
    ]
