"""A data base of the last release is upgraded, and answers with the numbers it had."""

from __future__ import annotations

import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.table_hashes import read_hashes, table_hashes

from coagg import database
from coagg.database import server
from coagg.errors import CoaggError
from coagg.prepare import prepare
from coagg.settings import Settings

DATA = Path(__file__).parents[2] / "data"
MAY_CHANGE = {
    "clean.firm_industry": "its rows are those of clean.cell_firm; a test of its own below",
    "clean.firm_located": "its key is unique over countries; a test of its own below",
    "ops.rebuild_step": "what was done last is in ops.run_step",
    "reference.flag": "every release may flag more",
    "reference.refusal_reason": "and have more reasons to refuse",
    "ops.checks": "every release may look for more",
    "reference.prefecture_piece": "piece_id counts on when boundaries are read again",
    "reference.load_report": "says by which reader reference data were loaded",
}


def pg_restore() -> str:
    """The program, of the binaries that make our servers or else of the path."""
    try:
        beside = server.binaries() / "pg_restore"
    except CoaggError:
        beside = Path("nowhere")
    found = str(beside) if beside.exists() else shutil.which("pg_restore")
    if found is None:
        pytest.skip("no pg_restore on this machine, so no data base of the last release")
    return found


@pytest.fixture(scope="module")
def released(databases) -> Settings:
    """The data base as release 0.1 left it, then upgraded as a user would."""
    settings = databases.empty()
    database.create(settings)
    done = subprocess.run(
        [pg_restore(), "--no-owner", "--exit-on-error", "--dbname", database.conninfo(settings)],
        input=lzma.decompress((DATA / "release_0_1.dump.xz").read_bytes()),
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    prepare(settings)
    return settings


def test_every_table_answers_the_same(released: Settings):
    before = read_hashes(DATA / "release_0_1.hashes")
    assert before["coagglomeration.pair_index"].rows == 1694
    with database.connect(released) as connection:
        after = table_hashes(connection, before)
    changed = [
        f"{name}: {one.rows} rows, now {after[name].rows}"
        for name, one in before.items()
        if after[name] != one and name not in MAY_CHANGE
    ]
    assert changed == []


def test_firms_keep_their_industry_in_every_classification(released: Settings):
    before = read_hashes(DATA / "release_0_1.hashes")["clean.firm_industry"].rows
    with database.connect(released) as connection:
        now = connection.execute(
            "SELECT count(*) FROM clean.cell_firm WHERE classification <> 'own'"
        ).fetchone()
    assert now == (before,)


def test_firms_keep_their_rows_under_a_key_unique_over_countries(released: Settings):
    before = read_hashes(DATA / "release_0_1.hashes")["clean.firm_located"].rows
    with database.connect(released) as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT firm_key), count(DISTINCT country), "
            "max(firm_key) < 2::numeric ^ 53 FROM clean.firm_located"
        ).fetchone()
    assert found == (before, before, 2, True)


def test_the_schema_is_that_of_a_new_data_base(released: Settings, empty_settings: Settings):
    def columns(settings: Settings) -> list[tuple[str, ...]]:
        with database.connect(settings) as connection:
            return connection.execute(
                "SELECT table_schema, table_name, column_name, data_type, is_nullable, "
                "column_default FROM information_schema.columns "
                "WHERE table_schema !~ '^pg_|^information' "
                "AND table_name !~ '^firm_(cn|gb)_' ORDER BY 1, 2, 3"
            ).fetchall()

    fresh = columns(empty_settings)
    assert len(fresh) > 400
    assert set(columns(released)) ^ set(fresh) == set()


def test_a_second_upgrade_has_nothing_to_do(released: Settings):
    assert prepare(released) == []


def test_the_commands_work_on_it(released: Settings, coagg_on: Callable[..., tuple[int, str, str]]):
    with database.connect(released) as connection:
        ((near, pairs),) = connection.execute(
            "SELECT count(*) FILTER (WHERE index >= 0.95), count(*) "
            "FROM coagglomeration.pair_index WHERE measurement_id = 4 AND agglomeration_code = 'CY'"
        ).fetchall()
    assert pairs == 132
    code, out, err = coagg_on(released, "show", "pairs", "--agglomeration", "CY")
    assert (code, err) == (0, "")
    assert f"{near} of 132 ordered pairs" in out
    code, out, err = coagg_on(released, "check")
    assert (code, err) == (1, ""), out
    assert "results older than their inputs" in out
    assert "made by an older version" in out
    code, out, err = coagg_on(released, "rebuild", "--dry-run")
    assert (code, err) == (0, ""), out
    assert "made by an older version" in out
