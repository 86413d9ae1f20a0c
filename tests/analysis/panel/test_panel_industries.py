"""Industries translated to one classification, in the reference view and in the index."""

import pandas as pd
import pytest

from coagg import database
from coagg.analysis.cells.points import read_points
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.errors import CoaggError
from coagg.settings import PROJECT

COUNTRIES = PROJECT / "etl" / "data" / "countries"


def links(name):
    (path,) = COUNTRIES.glob(f"*/concordances/{name}.csv")
    table = pd.read_csv(path, dtype=str)
    table["links"] = table["links"].astype(float)
    table["weight"] = table["links"] / table.groupby("from_code")["links"].transform("sum")
    return table[["from_code", "to_code", "weight"]]


def heaviest(table):
    """{code: group} by the heaviest sum over three-digit groups, ties by code."""
    table = table.assign(group=table["to_code"].str[:3])
    sums = (
        table.groupby(["from_code", "group"], as_index=False)["weight"].sum().round({"weight": 9})
    )
    sums = sums.sort_values(["from_code", "weight", "group"], ascending=[True, False, True])
    return sums.drop_duplicates("from_code").set_index("from_code")["group"].to_dict()


def backwards(table):
    turned = table.rename(columns={"from_code": "to_code", "to_code": "from_code"})
    total = turned.groupby("from_code")["weight"].transform("sum")
    return turned.assign(weight=turned["weight"] / total)


def read(connection, source, target):
    return dict(
        connection.execute(
            "SELECT from_code, industry FROM reference.harmonised_industry "
            "WHERE from_classification = %s AND to_classification = %s",
            (source, target),
        ).fetchall()
    )


def test_forward_backward_and_two_steps(reference_db):
    first, second = links("gbt4754_2002_to_gbt4754_2011"), links("gbt4754_2011_to_gbt4754_2017")
    assert read(reference_db, "gbt4754_2002", "gbt4754_2011") == heaviest(first)
    assert read(reference_db, "gbt4754_2011", "gbt4754_2002") == heaviest(backwards(first))
    chain = backwards(second).merge(backwards(first), left_on="to_code", right_on="from_code")
    chain = pd.DataFrame(
        {
            "from_code": chain["from_code_x"],
            "to_code": chain["to_code_y"],
            "weight": chain["weight_x"] * chain["weight_y"],
        }
    )
    assert read(reference_db, "gbt4754_2017", "gbt4754_2002") == heaviest(chain)
    same = read(reference_db, "gbt4754_2002", "gbt4754_2002")
    assert same["1310"] == same["131"] == "131"


def test_weights_of_one_step_add_to_one_and_a_code_has_one_industry(reference_db):
    off = reference_db.execute(
        "SELECT count(*) FROM (SELECT FROM reference.industry_translation WHERE steps < 2 "
        "GROUP BY from_classification, from_code, to_classification, length(to_code) "
        "HAVING abs(sum(weight) - 1) > 1e-9) AS wrong"
    ).fetchone()
    twice = reference_db.execute(
        "SELECT count(*) - count(DISTINCT (from_classification, from_code, to_classification)) "
        "FROM reference.harmonised_industry"
    ).fetchone()
    assert (off, twice) == ((0,), (0,))


def test_doubtful_translations_are_marked(reference_db):
    found = reference_db.execute(
        "SELECT count(*) FILTER (WHERE doubtful), count(*) FILTER (WHERE NOT doubtful), "
        "bool_and(doubtful) FILTER (WHERE weight <= 0.5) FROM reference.harmonised_industry "
        "WHERE from_classification = 'gbt4754_2011' AND to_classification = 'gbt4754_2002'"
    ).fetchone()
    assert found[0] > 0
    assert found[1] > found[0]
    assert found[2]


APART = """
SELECT (SELECT count(*) FROM (
    SELECT from_classification, from_code, to_classification, to_code, round(weight::numeric, 9),
        doubtful, steps FROM reference.translation_now
    EXCEPT
    SELECT from_classification, from_code, to_classification, to_code, round(weight::numeric, 9),
        doubtful, steps FROM reference.industry_translation
) AS apart), (SELECT count(*) FROM reference.translation_now), (SELECT count(*) FROM
reference.industry_translation), (SELECT count(*) FROM reference.harmonised_now), (SELECT count(*)
FROM reference.harmonised_industry)
"""


@pytest.mark.parametrize(
    "change",
    [
        "SELECT 1",  # as load_reference left them
        "UPDATE reference.industry_concordance SET weight = weight / 2, doubtful = NOT doubtful",
        "DELETE FROM reference.industry_concordance WHERE from_classification = 'uksic2007'",
        "TRUNCATE reference.industry_concordance",
        "DELETE FROM reference.industry WHERE classification = 'gbt4754_2017'",
    ],
)
def test_translations_that_are_kept_are_those_of_now(reference_db, change):
    before = reference_db.execute(APART).fetchone()
    reference_db.execute(change)
    apart, now, kept, meant, kept_meant = reference_db.execute(APART).fetchone()
    assert (apart, kept, kept_meant) == (0, now, meant)
    assert now > 0
    assert (now == before[1]) == change.startswith(("SELECT", "UPDATE"))


@pytest.fixture
def moved(reference_db, put_firms, db_settings):
    """Firms of 2011 codes whose four digits say more than their three; one has no translation."""
    translated = read(reference_db, "gbt4754_2011", "gbt4754_2002")
    code = next(
        c for c, group in sorted(translated.items())
        if len(c) == 4 and group != c[:3] and translated.get(c[:3], group) != group
    )  # fmt: skip
    put_firms(
        reference_db, 2013, [104.0, 104.1, 104.2, 104.3], [30.6] * 4, [code[:3], "131", "999", None]
    )
    reference_db.execute("UPDATE clean.firm SET industry_code = %s WHERE row_number = 1", (code,))
    reference_db.commit()
    return db_settings, translated[code], translated["131"]


def test_points_in_another_classification(moved, reference_db):
    _, four, three = moved
    own = read_points(reference_db, "CN", 2013, "CY")
    points = read_points(reference_db, "CN", 2013, "CY", "gbt4754_2002")
    assert points.industry.tolist() == [four, three, "", ""]
    assert points.row_number.tolist() == own.row_number.tolist()
    assert points.sha256() != own.sha256()
    same = read_points(reference_db, "CN", 2013, "CY", "gbt4754_2011")
    assert same.sha256() == own.sha256()


def test_the_index_in_one_classification_is_another_measurement(moved):
    settings, four, three = moved
    exact = IndexSettings(draws=20, seed=7, method="exact")
    own = measure(settings, IndexRequest(2013, exact))
    one = measure(settings, IndexRequest(2013, exact, classification="gbt4754_2002"))
    assert one.measurement_id != own.measurement_id
    assert one.cells == [("CY", 4, 2)]  # firms without a translation stay in the pool
    with database.connect(settings) as connection:
        found = connection.execute(
            "SELECT fixed_industry, settings ->> 'classification' FROM coagglomeration.pair_result "
            "JOIN coagglomeration.measurement USING (measurement_id) WHERE measurement_id = %s",
            (one.measurement_id,),
        ).fetchall()
    assert sorted(found) == sorted((code, "gbt4754_2002") for code in (four, three))
    assert "classification" not in IndexRequest(2013, exact).result_settings()
    with pytest.raises(CoaggError, match=r"isic4.*gbt4754_2002"):
        measure(settings, IndexRequest(2013, exact, classification="isic4"))
