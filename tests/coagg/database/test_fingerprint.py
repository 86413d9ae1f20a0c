"""The one rule of fingerprints: values, rows, SQL by what it says, and data bases of before."""

import pytest
from alembic import command

from coagg import database
from coagg.database import schema, sql_text
from coagg.database.fingerprint import (
    OLDER,
    canonical,
    difference,
    fingerprint,
    refreshed,
    rows_hash,
    together,
    why,
)
from coagg.etl.firms.inputs import stale_loads
from coagg.settings import SQL


def test_a_difference_is_named_whatever_its_kind():
    before = fingerprint({"file": "a", "datum": None, "gone": 1})
    after = fingerprint({"file": "b", "datum": None, "new": 1})
    assert difference(before.as_json(), after) == ["file", "gone", "new"]
    assert why(before.as_json(), after) == "changed: file, gone, new"
    assert why(before.as_json(), before) is None
    assert why(None, after) == OLDER
    assert before.sha256 != after.sha256


@pytest.mark.parametrize("value", [None, "", 0, False, [], {}, "None", [None], {"a": None}])
def test_nothing_is_like_something_else(value):
    others = [None, "", 0, False, [], {}, "None", [None], {"a": None}]
    same = [o for o in others if fingerprint({"x": o}) == fingerprint({"x": value})]
    assert len(same) == 1


def test_one_form_for_one_value():
    assert canonical({"b": 1, "a": (1, 2)}) == canonical({"a": [1, 2], "b": 1})
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    with pytest.raises(ValueError):
        canonical(float("nan"))
    with pytest.raises(TypeError):
        canonical(object())


def test_parts_that_are_not_asked_stay_as_they_were():
    before = fingerprint({"file": "a", "rules": 1}).as_json()
    assert why(before, refreshed(before, {"rules": 1})) is None
    assert why(before, refreshed(before, {"rules": 2})) == "changed: rules"


def test_reasons_of_many_are_one():
    told = together(["changed: b, a", OLDER, "changed: c", OLDER])
    assert told == f"{OLDER}; changed: a, b, c"
    assert together([]) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("VALUES (1, 'a')", "VALUES (1, NULL)"),
        ("VALUES (NULL, 'a')", "VALUES ('a', NULL)"),
        ("VALUES (1, ''), (2, NULL)", "VALUES (1, NULL), (2, '')"),
        ("SELECT 1 WHERE false", "SELECT NULL::integer"),
        ("VALUES (1), (1)", "VALUES (1)"),
    ],
)
def test_a_null_in_one_column_drops_no_row(db, one, other):
    assert rows_hash(db, one) != rows_hash(db, other)


def test_the_order_of_rows_does_not_count(db):
    assert rows_hash(db, "VALUES (1, 'a'), (2, 'b')") == rows_hash(db, "VALUES (2, 'b'), (1, 'a')")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("SELECT 1 -- why\n", "select\n  1"),
        ("SELECT /* a /* b */ c */ 1", "SELECT 1"),
        ("SELECT a=-1", "SELECT a = -1"),
        ("SELECT 1; COMMENT ON TABLE a IS 'x';\n", "SELECT 1;"),
        ("SELECT a::text,b", "SELECT a :: text , b"),
    ],
)
def test_how_sql_is_written_costs_nothing(text, same):
    assert sql_text.statements(text) == sql_text.statements(same)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("SELECT '-- a'", "SELECT '-- b'"),
        ("SELECT 'a  b'", "SELECT 'a b'"),
        ("SELECT '/* a'", "SELECT '/* b'"),
        ("SELECT 'it''s -- a'", "SELECT 'it''s -- b'"),
        ("SELECT E'\\'-- a'", "SELECT E'\\'-- b'"),
        ('SELECT "A"', 'SELECT "a"'),
        ("SELECT $$ -- a $$", "SELECT $$ -- b $$"),
        ("SELECT $x$ $$ a $x$", "SELECT $x$ $$ b $x$"),
        ("SELECT a - -1", "SELECT a --1"),
        ("SELECT 'A'", "SELECT 'a'"),
        ("SELECT 1; SELECT 2", "SELECT 1 SELECT 2"),
    ],
)
def test_what_sql_says_counts(text, other):
    assert sql_text.statements(text) != sql_text.statements(other)


def test_every_file_of_the_house_is_read_to_its_end():
    for file in SQL.rglob("*.sql"):
        text = file.read_text(encoding="utf-8")
        tokens = list(sql_text.tokens(text))
        assert list(sql_text.tokens(" ".join(tokens))) == tokens, file


@pytest.fixture
def older(databases):
    """A data base of the release before fingerprints were kept, with a load in its ledger."""
    settings = databases.empty()
    database.create(settings)
    with database.connect(settings) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    configuration = schema._configuration()
    with database.engine(settings).connect() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0011")
    with database.connect(settings) as connection:
        connection.execute(
            "INSERT INTO ops.load (country, survey_year, file_name, file_sha256, file_bytes, "
            "file_format, layout, datum, settings_sha256, rows_read, rows_clean, rows_refused, "
            "counts, partition_name, code_version) VALUES ('CN', 2010, 'f', 's', 1, 'csv', 'demo', "
            "'wgs84', 'old', 0, 0, 0, '{}', 'p', '0')"
        )
    return settings


def test_a_data_base_of_before_is_upgraded_and_not_believed(older):
    (said,) = database.pending(older)
    assert said.startswith("schema 0011 would be upgraded to ")
    database.upgrade(older)
    assert database.pending(older) == []
    with database.connect(older) as connection:
        assert stale_loads(connection) == {"firms CN 2010": OLDER}


def test_a_dry_run_on_an_older_schema_or_none_says_so_and_writes_nothing(
    older, databases, tmp_path, monkeypatch, capsys
):
    from coagg.cli import rebuild as cli

    (tmp_path / "f.csv").write_text("firm_id,industry_code,lon,lat\n1,1310,104,30\n")
    inputs = tmp_path / "inputs.toml"
    inputs.write_text('[[firms]]\nfile = "f.csv"\nsurvey_year = 2010\n')
    monkeypatch.setattr(cli, "settings", lambda: older)
    cli.rebuild(inputs, None, dry_run=True, force=False, workers=1)
    said = capsys.readouterr()
    assert "schema 0011 would be upgraded to" in said.err
    assert "may be done match firms the schema would be upgraded first" in " ".join(
        said.out.split()
    )
    with database.connect(older) as connection:
        row = connection.execute("SELECT version_num FROM ops.alembic_version").fetchone()
        assert row == ("0011",)
    absent = databases.empty()
    monkeypatch.setattr(cli, "settings", lambda: absent)
    cli.rebuild(inputs, None, dry_run=True, force=False, workers=1)
    said = capsys.readouterr()
    assert "would be made first" in said.err
    assert "would be done firms CN 2010 never done" in " ".join(said.out.split())
    assert not database.exists(absent)


def test_a_hash_of_rows_is_asked_once_of_one_state_of_the_data_base(db, empty_settings):
    query = "SELECT a FROM ops.kept_rows"
    db.execute("CREATE TABLE ops.kept_rows AS SELECT 1 AS a")
    db.commit()
    with database.snapshot(empty_settings) as reader:
        one = rows_hash(reader, query)
        db.execute("UPDATE ops.kept_rows SET a = 2")
        db.commit()
        assert rows_hash(reader, query) == one
        assert rows_hash(reader, "SELECT a FROM ops.kept_rows WHERE a = %s", (1,)) == one
        assert rows_hash(reader, "SELECT a FROM ops.kept_rows WHERE a = %s", (2,)) != one
        reader.rollback()
        two = rows_hash(reader, query)
        assert two != one
    # a connection that writes sees its own rows
    assert rows_hash(db, query) == two
    db.execute("UPDATE ops.kept_rows SET a = 1")
    assert rows_hash(db, query) == one
