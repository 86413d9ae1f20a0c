"""`coagg sql`: one question, read-only, within limits, in six formats."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time

import geopandas
import pyarrow.parquet as pq
import pytest

from coagg import database
from coagg.database.ask import ask
from coagg.errors import CoaggError

TYPES = """
SELECT
    '0131'::text AS code,
    NULL::integer AS nothing,
    7::bigint AS whole,
    0.1::float8 AS share,
    12345678901234567890.123::numeric AS exact,
    true AS yes,
    '2013-05-06'::date AS day,
    '2013-05-06 07:08:09+00'::timestamptz AS moment,
    '{"a": [1, null]}'::jsonb AS facts,
    ARRAY['x', 'y'] AS words
"""
PLACE = (
    "SELECT agglomeration_code, '0131' AS code, survey_year, geom FROM reference.agglomeration "
    "CROSS JOIN (VALUES (2013), (NULL)) AS y (survey_year) WHERE agglomeration_code = %(place)s"
)


def answer(settings, statement, values=None, **limits):
    with ask(settings, statement, values, **limits) as result:
        return list(result.rows), result.columns, result.more


def test_values_are_bound_and_never_become_part_of_the_statement(db_settings):
    nasty = "'; DROP TABLE reference.flag; --"
    found, _, _ = answer(db_settings, "SELECT %(v)s::text, 1 WHERE 100 %% 7 = 2", {"v": nasty})
    assert found == [(nasty, 1)]
    found, _, _ = answer(
        db_settings,
        "SELECT name FROM reference.agglomeration WHERE agglomeration_code = %(c)s;",
        {"c": "CY"},
    )
    assert len(found) == 1
    found, _, _ = answer(db_settings, "SELECT 1 WHERE 'a' LIKE '%a'")  # no values: % is itself
    assert found == [(1,)]


@pytest.mark.parametrize(
    ("statement", "values", "told"),
    [
        ("DELETE FROM reference.flag", None, "syntax error.*coagg db psql"),
        ("SELECT 1; DROP TABLE reference.flag", None, "."),
        ("WITH x AS (DELETE FROM reference.flag RETURNING 1) SELECT * FROM x", None, "."),
        ("SELECT set_config('transaction_read_only', 'off', false), lo_creat(-1)", None, "."),
        ("SELECT nextval('ops.load_load_id_seq')", None, "read-only"),
        ("SELECT * FROM nowhere.at_all", None, "nowhere"),
        ("SELECT %(a)s", {}, "."),
        ("SELECT %(a)s::int", {"a": "x"}, "invalid input syntax"),
        ("SELECT 1", {"a": "x"}, "value a is not asked for"),
        ("  ;", None, "no question"),
    ],
)
def test_what_is_no_question_is_refused_in_one_line(db_settings, statement, values, told):
    with pytest.raises(CoaggError, match=told) as caught:
        answer(db_settings, statement, values)
    assert "\n" not in str(caught.value)
    with database.connect(db_settings) as connection:
        assert connection.execute("SELECT count(*) > 5 FROM reference.flag").fetchone() == (True,)


def test_rows_are_limited_and_it_is_said(db_settings):
    series = "SELECT n FROM generate_series(1, 10) AS n"
    assert answer(db_settings, series, limit=4)[0::2] == ([(1,), (2,), (3,), (4,)], True)
    assert answer(db_settings, series, limit=10)[2] is False
    assert len(answer(db_settings, series, limit=0)[0]) == 10


def test_time_is_limited(db_settings):
    with pytest.raises(CoaggError, match=r"stopped after 1 s.*--timeout"):
        answer(db_settings, "SELECT pg_sleep(30)", timeout_seconds=1)


def test_csv_json_and_parquet_keep_what_each_column_is(run_coagg, tmp_path):
    code, out, err = run_coagg("sql", TYPES, "--format", "csv")
    assert (code, err) == (0, "")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["code"], row["nothing"], row["exact"]) == ("0131", "", "12345678901234567890.123")
    assert (row["facts"], row["yes"]) == ('{"a": [1, null]}', "true")
    code, out, err = run_coagg("sql", TYPES, "--format", "json")
    (row,) = json.loads(out)
    assert (row["code"], row["nothing"], row["whole"]) == ("0131", None, 7)
    assert (row["facts"], row["words"], row["day"]) == ({"a": [1, None]}, ["x", "y"], "2013-05-06")
    file = tmp_path / "types.parquet"
    code, out, err = run_coagg("sql", TYPES, "--out", file)
    assert (code, out) == (0, "")
    table = pq.read_table(file)
    assert {f.name: str(f.type) for f in table.schema} == {
        "code": "string", "nothing": "int64", "whole": "int64", "share": "double",
        "exact": "double", "yes": "bool", "day": "date32[day]",
        "moment": "timestamp[us, tz=UTC]", "facts": "string", "words": "string",
    }  # fmt: skip
    assert table.to_pylist()[0]["nothing"] is None


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "parquet"])
def test_geometries_come_out_as_layers(run_coagg, tmp_path, ending):
    file = tmp_path / f"places.{ending}"
    code, out, err = run_coagg("sql", PLACE, "--param", "place=CY", "--out", file)
    assert (code, out) == (0, ""), err
    read = geopandas.read_parquet if ending == "parquet" else geopandas.read_file
    layer = read(file)
    assert layer.crs.to_epsg() == 4326
    assert len(layer) == 2
    assert set(layer.geom_type) == {"MultiPolygon"}
    assert list(layer["code"]) == ["0131", "0131"]
    assert sorted(map(str, layer["survey_year"].astype("Int64"))) == ["2013", "<NA>"]
    assert 100 < layer.geometry.iloc[0].centroid.x < 110


def test_a_file_is_its_owners_alone_and_holds_no_formula(run_coagg, tmp_path):
    """Single firms may be in it, under names that a spreadsheet would reckon."""
    said = "SELECT '=1+1' AS name, -1.5::float8 AS share, '-inf'::float8 AS least"
    for ending in ("csv", "json", "parquet"):
        file = tmp_path / f"names.{ending}"
        file.write_text("before")
        file.chmod(0o644)
        code, out, err = run_coagg("sql", said, "--out", file)
        assert (code, out) == (0, ""), err
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (tmp_path / "names.csv").read_text() == "name,share,least\n'=1+1,-1.5,-inf\n"
    assert len(list(tmp_path.iterdir())) == 3
    code, out, err = run_coagg("sql", said, "--format", "csv", "--out", "/dev/null")
    assert (code, out) == (2, "")
    assert "no file" in err


def test_a_file_of_the_queries_runs_and_a_table_is_shown(run_coagg, tmp_path):
    code, out, err = run_coagg("sql", "SELECT '0131' AS code, 12 AS firms", "--limit", "5")
    assert (code, err) == (0, "")
    assert "0131" in out
    file = tmp_path / "question.sql"
    file.write_text("-- why\nSELECT '汽车' AS name;\n", encoding="utf-8")
    code, out, err = run_coagg("sql", "-f", file, "--format", "csv")
    assert (code, out) == (0, "name\n汽车\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("SELECT 1", "--format", "xlsx"), "say one of table, csv"),
        (("SELECT 1", "--format", "gpkg"), "--out"),
        (("SELECT 1 AS n", "--out", "n.gpkg"), "holds one geometry, the result has none"),
        (("SELECT 1 AS n", "--out", "n.what"), "--format"),
        (("SELECT 1", "--param", "a"), "name=value"),
        (("SELECT 1 AS n, 2 AS n", "--format", "json"), "two columns are called n"),
        ((), "either a SELECT or a file"),
        (("-f", "/nonexistent.sql"), "cannot be read"),
        (("SELECT 1", "--out", "/nonexistent/n.csv"), "cannot be written"),
        (("SELECT 1", "--limit", "-1"), "--limit"),
    ],
)
def test_bad_words_are_one_line(run_coagg, words, told):
    code, out, err = run_coagg("sql", *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert told in err


def test_ctrl_c_ends_the_query_on_the_server_too(db_settings):
    target = database.conninfo(db_settings)
    process = subprocess.Popen(
        [sys.executable, "-c", "from coagg.cli import main; main()", "sql", "SELECT pg_sleep(99)"],
        env={**os.environ, "COAGG_DATABASE_URL": target},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    asleep = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coagg sql' "
        "AND datname = current_database() AND state = 'active'"
    )
    with database.connect(db_settings, autocommit=True) as connection:

        def count() -> int:
            return connection.execute(asleep).fetchone()[0]

        deadline = time.monotonic() + 60
        while not count() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert count() == 1
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode != 0
        deadline = time.monotonic() + 5
        while count() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert count() == 0
