"""Small cells: what is published, and what differences of it would give away."""

from __future__ import annotations

import itertools
import json

import psycopg
import pytest
from support.guarded import CELLS, NAMER, NAMES, NEAR, VIEWS, as_role

from coagg import database
from coagg.database import disclosure, roles
from coagg.errors import CoaggError
from coagg.settings import Settings


def rows(connection, query, values=None) -> list[dict]:
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    return cursor.execute(query, values).fetchall()


def test_small_and_dominated_cells_are_suppressed(analyst: psycopg.Connection):
    cells = {row["industry"]: row for row in rows(analyst, "SELECT * FROM publish.cell")}
    assert set(cells) == set(CELLS)
    numbers = {
        industry: (row["firms"], row["output_thousand_cny"], row["employment"])
        for industry, row in cells.items()
    }
    sums = {
        i: (len(s), sum(o for o, _ in s), float(sum(e for _, e in s))) for i, s in CELLS.items()
    }
    assert numbers["171"] == (None, None, None)  # two firms
    assert numbers["131"] == (4, None, sums["131"][2])  # 9,000 of 10,000 is one firm's
    assert numbers["134"] == (3, sums["134"][1], None)  # 900 of 911 are one firm's
    assert numbers["132"] == sums["132"]
    assert numbers["133"] == sums["133"]
    assert cells["171"]["suppressed"] == "few firms"
    assert cells["131"]["suppressed"].startswith("output: few firms, or one dominates")
    hidden = [k for k, v in cells["171"].items() if v is not None]
    assert set(hidden) <= {
        "cell_key", "measurement_id", "country", "survey_year", "agglomeration_code",
        "agglomeration_name", "classification", "industry", "industry_name", "industry_name_en",
        "suppressed",
    }  # fmt: skip


def test_a_pool_with_a_suppressed_cell_in_it_is_suppressed(analyst: psycopg.Connection, db_sums):
    cells = {row["industry"]: row for row in rows(analyst, "SELECT * FROM publish.cell")}
    published = 0
    for j in CELLS:
        for pool, column, near in (
            ("output_outward", "output_thousand_cny", {k for a, k in NEAR if a == j}),
            ("output_inward", "output_thousand_cny", {a for a, k in NEAR if k == j}),
            ("employment_outward", "employment", {k for a, k in NEAR if a == j}),
            ("employment_inward", "employment", {a for a, k in NEAR if k == j}),
        ):
            parts = [cells[k][column] for k in near]
            if None in parts or cells[j]["firms"] is None:
                assert cells[j][pool] is None, (j, pool)
            else:  # nothing but published numbers is in it, so it gives nothing away
                assert cells[j][pool] == pytest.approx(sum(parts)), (j, pool)
                published += 1
    assert cells["132"]["output_outward"] is None  # 132 -> 171, of two firms
    assert cells["134"]["output_outward"] == 905.0  # 134 -> 133
    assert published >= 6


@pytest.fixture
def db_sums(guarded: Settings) -> dict[str, float]:
    """True values of suppressed cells, which no view may show."""
    with database.connect(guarded) as connection:
        return dict(
            connection.execute(
                "SELECT industry, output_thousand_cny FROM panel.industry_cell "
                "WHERE industry IN ('171', '131')"
            ).fetchall()
        )


def test_no_number_of_a_suppressed_cell_stands_in_any_view(
    analyst: psycopg.Connection, db_sums: dict[str, float]
):
    assert db_sums == {"171": 999.0, "131": 10000.0}
    secret = {*db_sums.values(), 777.0, 222.0, 9000.0, 44.0, 911.0, 900.0}
    shown = {
        float(value)
        for view in VIEWS
        for row in rows(analyst, f"SELECT * FROM publish.{view}")
        for name, value in row.items()
        if isinstance(value, int | float) and not name.endswith(("_key", "_id", "year", "seed"))
    }
    assert len(shown) > 20
    assert shown.isdisjoint(secret)


def test_differences_of_published_numbers_give_no_suppressed_one(
    analyst: psycopg.Connection, db_sums: dict[str, float]
):
    """Sums and pools less any published cells: the suppressed values never come out."""
    cells = rows(analyst, "SELECT * FROM publish.cell")
    (whole,) = rows(analyst, "SELECT * FROM publish.agglomeration_map")
    outputs = [c["output_thousand_cny"] for c in cells if c["output_thousand_cny"] is not None]
    staff = [c["employment"] for c in cells if c["employment"] is not None]
    totals = [whole["output_thousand_cny"]] + [
        c[pool]
        for c in cells
        for pool in ("output_outward", "output_inward")
        if c[pool] is not None
    ]
    staff_totals = [whole["employment"]] + [
        c[pool]
        for c in cells
        for pool in ("employment_outward", "employment_inward")
        if c[pool] is not None
    ]
    secret = {*db_sums.values(), 44.0, 911.0}
    for sums, parts in ((totals, outputs), (staff_totals, staff)):
        for size in range(len(parts) + 1):
            for some in itertools.combinations(parts, size):
                for total in sums:
                    assert total - sum(some) not in secret
    assert whole["industries"] == 5
    assert whole["published"] == 4


def test_pairs_of_small_cells_are_suppressed_in_every_view(analyst: psycopg.Connection):
    for view in ("pair", "panel_pair", "pair_map"):
        found = rows(analyst, f"SELECT * FROM publish.{view}")
        assert len(found) == 20
        for row in found:
            small = "171" in (row["from_industry"], row["to_industry"])
            assert (row["suppressed"] == "few firms") is small
            assert (row["index"] is None) is small
            for column in ("from_firms", "observed_cost", "null_mean", "geom", "citations"):
                if column in row:
                    assert (row[column] is None) is small, (view, column)


def test_a_cell_that_was_not_counted_is_suppressed(guarded: Settings, analyst: psycopg.Connection):
    with database.connect(guarded) as connection:
        kept = connection.execute(
            "DELETE FROM panel.cell_guard WHERE industry = '132' RETURNING *"
        ).fetchone()
        connection.commit()
        try:
            (row,) = rows(analyst, "SELECT * FROM publish.cell WHERE industry = '132'")
            assert (row["firms"], row["output_thousand_cny"]) == (None, None)
            assert row["suppressed"] == "not counted: coagg panel"
        finally:
            holes = ", ".join(["%s"] * len(kept))
            connection.execute(f"INSERT INTO panel.cell_guard VALUES ({holes})", kept)
            connection.commit()


def test_the_rule_is_the_owners(guarded: Settings, analyst: psycopg.Connection):
    assert disclosure.rule(guarded) == disclosure.Rule(3, 0.75, True)
    try:
        assert disclosure.rule(guarded, min_firms=4, dominance=0.95).min_firms == 4
        found = dict(analyst.execute("SELECT industry, firms FROM publish.cell").fetchall())
        assert found == {"131": 4, "132": 5, "133": None, "134": None, "171": None}
        outputs = dict(
            analyst.execute("SELECT industry, output_thousand_cny FROM publish.cell").fetchall()
        )
        assert outputs["131"] == 10000.0
    finally:
        disclosure.rule(guarded, min_firms=3, dominance=0.75)
    for wrong in ({"min_firms": 0}, {"dominance": 0.0}, {"dominance": 1.5}):
        with pytest.raises(CoaggError):
            disclosure.rule(guarded, **wrong)


def test_a_session_may_ask_for_more_firms_and_never_for_fewer(analyst: psycopg.Connection):
    query = "SELECT industry FROM publish.cell WHERE firms IS NOT NULL ORDER BY 1"
    usual = analyst.execute(query).fetchall()
    for asked in ("1", "0", "-5", "3", ""):
        analyst.execute("SELECT set_config('coagg.disclosure', %s, false)", (asked,))
        assert analyst.execute(query).fetchall() == usual
    analyst.execute("SET coagg.disclosure = 5")
    assert analyst.execute(query).fetchall() == [("132",)]


def test_pairs_that_are_shown_obey_the_rule_of_the_views(guarded: Settings, coagg_as):
    with database.connect(guarded) as connection:
        ((place,),) = connection.execute(
            "SELECT DISTINCT agglomeration_code FROM panel.industry_cell"
        ).fetchall()
    show = ("show", "pairs", "--agglomeration", place)

    def shown(*words: str) -> tuple[set[tuple[str, str]], dict]:
        code, out, err = coagg_as(guarded, "coagg_owner", *show, *words, "--json")
        assert code == 0, err
        found = json.loads(out)
        assert bool(found["suppressed"]) == ("note: " in err) == ("notes" in found)
        return {(p["from_industry"], p["to_industry"]) for p in found["pairs"]}, found

    everything, found = shown("--disclosure", "0")
    assert (len(everything), found["all"], found["suppressed"]) == (20, 20, 0)
    assert found["significant"] == len(NEAR)
    published, found = shown()
    assert published == {pair for pair in everything if "171" not in pair}
    assert (found["all"], found["suppressed"], found["significant"]) == (12, 8, len(NEAR) - 1)
    assert shown("--disclosure", "4")[0] == {("131", "132"), ("132", "131")}
    none, found = shown("--industry", "171")
    assert (none, found["suppressed"]) == (set(), 8)
    code, _, err = coagg_as(guarded, "coagg_owner", *show, "--industry", "998")
    assert (code, "998" in err) == (2, True)
    code, _, err = coagg_as(guarded, "coagg_owner", *show, "--disclosure", "2")
    assert (code, err.count("\n")) == (2, 1)
    assert "the rule of this data base is 3 firms" in err
    disclosure.rule(guarded, confidential=False)
    try:
        assert shown()[0] == everything
        assert shown("--disclosure", "3")[0] == published
    finally:
        disclosure.rule(guarded, confidential=True)


def test_names_are_read_only_by_whom_they_are_granted(guarded: Settings):
    with as_role(guarded, NAMER, autocommit=True) as connection:
        found = rows(connection, "SELECT * FROM publish.firm_map")
        assert {row["firm_name"].startswith(NAMES) for row in found} == {True}
        keys = [row["firm_key"] for row in found]
        assert len(set(keys)) == len(keys) == 18  # row 1 of CN and of GB are two
        assert max(keys) < 2**53
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM clean.firm")
    roles.grant(guarded, NAMER)  # taken back
    try:
        with (
            as_role(guarded, NAMER) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("SELECT * FROM publish.firm_map")
    finally:
        roles.grant(guarded, NAMER, names=True)


def test_map_layers_have_an_integer_key_one_geometry_type_and_an_srid(analyst: psycopg.Connection):
    layers = {
        row["f_table_name"]: (row["type"], row["srid"])
        for row in rows(analyst, "SELECT * FROM geometry_columns WHERE f_table_schema = 'publish'")
    }
    assert layers == {
        "cell_map": ("MULTIPOLYGON", 4326),
        "pair_map": ("LINESTRING", 4326),
        "agglomeration_map": ("MULTIPOLYGON", 4326),
    }
    for layer in layers:
        found = rows(analyst, f"SELECT * FROM publish.{layer}")
        first = [next(iter(row.values())) for row in found]
        assert all(isinstance(key, int) and key > 0 for key in first)
        assert len(set(first)) == len(first) > 0
    listed = rows(analyst, "SELECT * FROM geometry_columns WHERE f_table_schema = 'clean'")
    readable = [
        row for row in listed
        if analyst.execute(
            "SELECT has_schema_privilege('clean', 'USAGE')"
        ).fetchone() == (True,)
    ]  # fmt: skip
    assert readable == []  # QGIS lists what may be read: no partition of firms
