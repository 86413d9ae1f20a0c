"""`coagg.connect`: frames of a real PostGIS, and the typed tables beside the SQL."""

from dataclasses import replace

import geopandas
import pandas as pd
import pytest
import sqlalchemy as sa
from support.made_panel import put_panel

import coagg
from coagg import CoaggError, database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.specification import load_specifications
from coagg.database.dictionary import columns as dictionary_columns
from coagg.database.tables import LAYERS, METADATA, SCHEMA

SQL_NAMES = {"double": "double precision", "timestamp": "timestamp with time zone"}
SQL_NAMES |= {
    "point": "geometry(Point,4326)",
    "line": "geometry(LineString,4326)",
    "polygon": "geometry(Polygon,4326)",
    "multipolygon": "geometry(MultiPolygon,4326)",
}


@pytest.fixture
def filled(reference_db, put_firms, db_settings):
    """40 firms of four industries, measured."""
    put_firms(
        reference_db, 2013, [104 + n / 100 for n in range(40)], [30.6] * 40,
        (["131", "132", "133", None] * 10),
    )  # fmt: skip
    measure(db_settings, IndexRequest(2013, IndexSettings(draws=10, seed=1, method="exact")))
    return db_settings


@pytest.fixture
def db(filled):
    with coagg.Database(filled) as opened:
        yield opened


def test_typed_tables_are_those_of_the_data_base(db):
    """Every table and view of the layers, every column, its type and whether it may be null."""
    with database.connect(db.settings) as connection:
        found = dictionary_columns(connection)
    inside, described = {}, {}
    for schema, table, _, kind, column, type_, null, _ in found:
        if schema in LAYERS:
            mark = "?" if null and kind == "table" else ""
            inside.setdefault((schema, table, kind), []).append(f"{column} {type_}{mark}")
    for schema, tables in LAYERS.items():
        for heading, words in tables.items():
            name, *view = heading.split()
            known = described.setdefault((schema, name, "view" if view else "table"), [])
            for word in words.split(","):
                column, type_ = word.split()
                bare = type_.removesuffix("?")
                known.append(f"{column} {SQL_NAMES.get(bare, bare)}{type_[len(bare) :]}")
    wrong = [
        f"{' '.join(one)} is {', '.join(inside.get(one, ['not there']))}"
        for one in sorted({*inside, *described})
        if inside.get(one) != described.get(one)
    ]
    assert not wrong, "coagg/database/tables.py differs from the SQL:\n" + "\n".join(wrong)


def test_every_typed_table_can_be_asked(db):
    """SQLAlchemy's own reflection and a SELECT agree with what is described."""
    inspector = sa.inspect(db.engine)
    assert len(METADATA.tables) > 40
    for table in METADATA.tables.values():
        found = {c["name"]: c for c in inspector.get_columns(table.name, schema=table.schema)}
        assert list(found) == [c.name for c in table.columns]
        if not table.info["view"]:
            assert {n: c["nullable"] for n, c in found.items()} == {
                c.name: c.nullable for c in table.columns
            }
        assert list(db.sql(sa.select(table).limit(0)).columns) == list(found)


def test_firms_are_points_with_their_codes(db):
    firms = db.firms(2013)
    assert isinstance(firms, geopandas.GeoDataFrame)
    assert firms.crs.to_epsg() == 4326
    assert len(firms) == 40
    assert firms["row_number"].tolist() == list(range(1, 41))
    assert firms["industry"].isna().sum() == 10
    assert not firms["pile_up"].any()
    assert firms.geometry.x.tolist() == firms["lon"].tolist()
    assert len(db.firms()) == 40
    assert len(db.firms(agglomeration=firms["agglomeration_code"].iloc[0])) == 40


def test_firms_in_another_classification(db):
    """Codes are translated as the index translates them; names of the old one are not beside."""
    plain = db.firms(2013)
    other = db.firms(2013, classification="gbt4754_2002")
    assert set(other["classification"]) == {"gbt4754_2002"}
    assert "industry_name" not in other
    stored = db.sql(
        "SELECT industry FROM clean.cell_firm WHERE classification = :name ORDER BY row_number",
        {"name": "gbt4754_2002"},
    )
    assert other["industry"].fillna("").tolist() == stored["industry"].fillna("").tolist()
    assert len(other) == len(plain)
    with pytest.raises(CoaggError, match="classification 'sic': not one that is loaded"):
        db.firms(2013, classification="sic")


def test_pairs_name_their_measurement(db, filled):
    pairs = db.pairs(2013)
    assert len(pairs) == 6
    assert pairs.attrs["method"] == "exact"
    assert pairs.attrs["draws"] == 10
    first = pairs.attrs["measurement_id"]
    report = measure(filled, IndexRequest(2013, IndexSettings(draws=20, cost="euclidean")))
    assert db.pairs().attrs["measurement_id"] == report.measurement_id != first
    assert "observed_cost_km" in db.pairs().columns
    assert db.pairs(measurement=first).attrs["draws"] == 10
    near = coagg.near_pairs(pairs, 0.0)  # knows its cells by itself
    assert len(near) == 6


def test_sql_gives_frames_and_geometries(db):
    plain = db.sql("SELECT count(*) AS firms, avg(row_number) AS mean FROM clean.firm")
    assert type(plain) is pd.DataFrame
    assert plain.to_dict("records") == [{"firms": 40, "mean": 20.5}]
    text = db.sql("SELECT geom, industry FROM clean.firm WHERE industry = :code", {"code": "131"})
    firm = db.schema.clean.firm
    typed = db.sql(sa.select(firm.c.geom, firm.c.industry).where(firm.c.industry == "131"))
    for found in (text, typed):
        assert isinstance(found, geopandas.GeoDataFrame)
        assert len(found) == 10
        assert found.crs.to_epsg() == 4326
        assert found.geometry.name == "geom"
    assert (text.geometry.x == typed.geometry.x).all()


def test_the_panel_and_the_tables(reference_db, db_settings):
    number = put_panel(reference_db)
    reference_db.commit()
    estimate_tables(db_settings, load_specifications(), ["table1"])
    with coagg.Database(db_settings) as db:
        cells = db.panel()
        assert len(cells) == 120
        assert db.panel(measurement=number).equals(cells)
        listed = db.tables()
        assert listed["table_name"].tolist() == ["table1"]
        table = db.tables("table1")
        main = table[(table["part"] == "main") & (table["column"] == "1")]
        # the same model of the same cells through the face
        model = {
            "dependent": "ln_innovation_scale", "effects": ["industry", "survey_year",
            "agglomeration_code"], "cluster": ["industry"], "regressors": main["name"].tolist(),
        }  # fmt: skip
        mine = coagg.estimate(cells, model)
        assert mine["coefficient"].tolist() == pytest.approx(main["estimate"].tolist(), rel=1e-9)
        assert mine["standard_error"].tolist() == pytest.approx(
            main["standard_error"].tolist(), rel=1e-9
        )
        with pytest.raises(CoaggError, match="table2 is not estimated: coagg estimate table2"):
            db.tables("table2")
        with pytest.raises(CoaggError, match="level='row': give cell or pair"):
            db.panel("row")


def test_what_is_not_there_is_one_line(db):
    for call, words in (
        (lambda: db.firms(1998), "no firms of CN 1998"),
        (lambda: db.firms(2013, agglomeration="XX"), "no firms of CN XX 2013"),
        (lambda: db.pairs(1998), "no index of CN 1998: coagg index"),
        (lambda: db.pairs(measurement=99), "no index of CN in measurement 99"),
        (lambda: db.panel(), "no panel of CN is built"),
        (lambda: db.sql("SELECT nothing FROM clean.firm"), 'SQL: column "nothing" does not exist'),
        (lambda: db.sql("DELETE FROM clean.firm"), "read-only transaction"),
        (lambda: db.sql("SELECT :year"), "SQL: .*year"),
        (lambda: db.sql("SET work_mem = '64MB'"), "gives no rows; ask by SELECT"),
    ):
        with pytest.raises(CoaggError, match=rf"\A[^\n]*{words}[^\n]*\Z"):
            call()
    assert len(db.firms()) == 40


def test_it_closes_and_leaves_nobody_behind(filled):
    db = coagg.Database(filled)
    db.firms()
    db.sql("SELECT 1 AS one")
    with database.connect(filled.for_database("postgres")) as connection:
        there = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (filled.database_name,)
        ).fetchone()
    assert there == (1,)  # the fixture's own
    db.close()
    assert "closed" in repr(db)
    for call in (db.firms, db.pairs, db.panel, db.tables, lambda: db.sql("SELECT 1")):
        with pytest.raises(CoaggError, match="was closed"):
            call()


def test_connect_says_what_is_wrong(databases, filled, monkeypatch):
    target = database.conninfo(filled)
    monkeypatch.setenv("COAGG_DATABASE_URL", target)
    with coagg.connect() as db:
        assert len(db.firms()) == 40
    with coagg.connect(target) as db:
        assert len(db.firms()) == 40
    with pytest.raises(CoaggError, match="coagg db upgrade makes it"):
        coagg.connect(demo=True)
    empty = databases.empty()
    database.create(empty)
    with pytest.raises(CoaggError, match="has no tables of coagg: coagg db upgrade"):
        coagg.Database(empty)
    with pytest.raises(CoaggError, match="COAGG_DATABASE_URL cannot be read"):
        coagg.Database(replace(empty, database_url="postgresql://[", database_name=None))


def test_schema_is_by_layer_and_name():
    assert SCHEMA.clean.firm.c.geom.type.geometry_type == "POINT"
    assert coagg.Database.schema.panel.industry_cell.c.firms.type.python_type is int
