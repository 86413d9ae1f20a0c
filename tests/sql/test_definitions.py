"""The schema keeps its promises: comments, dictionary, idempotence, queries, dump and restore."""

import re
import shutil
import subprocess

import pytest

from coagg import database
from coagg.database import dictionary
from coagg.settings import PROJECT, SQL

QUERIES = sorted((SQL / "queries").glob("*.sql"))


def test_every_table_and_column_has_a_comment(db):
    bare = [
        f"{schema}.{table}.{column}"
        for schema, table, comment, _, column, _, _, meaning in dictionary.columns(db)
        if not comment or not meaning
    ]
    assert bare == []


def test_the_data_dictionary_is_fresh(db):
    written = (PROJECT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert written == dictionary.markdown(db) + "\n", (
        "stale: ./run coagg db dictionary > docs/data-dictionary.md"
    )


def test_upgrade_twice_does_nothing(empty_settings):
    assert database.upgrade(empty_settings) == []


def test_a_changed_definition_is_applied_again(empty_settings, db):
    db.execute("UPDATE ops.definitions SET sha256 = 'older'")
    db.execute("DROP VIEW coagglomeration.pair_index CASCADE")
    db.commit()
    (done,) = database.upgrade(empty_settings)
    assert "definition files applied" in done
    assert db.execute("SELECT count(*) FROM coagglomeration.pair_index").fetchone() == (0,)


def test_no_file_touches_the_search_path():
    # a function of the owner's may have one of its own; no session gets one
    own = re.compile(r"alter function \S+\([a-z, ]*\) set search_path = pg_catalog;")
    found = [
        f.name for f in SQL.rglob("*.sql") if "search_path" in own.sub("", f.read_text().lower())
    ]
    assert found == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_query_runs(reference_db, query):
    assert database.run_file(reference_db, query) >= 0


def test_a_setting_that_is_missing_says_so(db):
    with pytest.raises(Exception, match=r"coagg\.survey_year is not set"):
        db.execute("SELECT ops.setting('survey_year')")


def test_dump_and_restore(reference_db, db_settings, databases, put_firms, tmp_path):
    if not shutil.which("pg_dump"):
        pytest.skip("no pg_dump on this machine")
    put_firms(reference_db, 2013, [104.0, 104.1], [30.5, 30.6], ["131", "132"])
    dump = tmp_path / "dump"
    subprocess.run(["pg_dump", "-Fc", "-f", str(dump), database.conninfo(db_settings)], check=True)
    copy = databases.empty()
    database.create(copy)
    subprocess.run(
        ["pg_restore", "--exit-on-error", "-d", database.conninfo(copy), str(dump)], check=True
    )
    with database.connect(copy) as restored:
        query = "SELECT agglomeration_code, count(*), max(lon) FROM clean.firm_located GROUP BY 1"
        assert restored.execute(query).fetchall() == reference_db.execute(query).fetchall()
    assert database.upgrade(copy) == []
