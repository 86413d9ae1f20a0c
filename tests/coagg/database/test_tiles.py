"""The login of docker's tile server: three layers, and functions in its temporary schema."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from support.guarded import as_role

from coagg import database
from coagg.settings import Settings

TILES = "coagg_tiles"
LAYERS = {"agglomeration_map", "cell_map", "pair_map"}


@pytest.fixture(scope="module")
def tiles(guarded: Settings) -> Iterator[psycopg.Connection]:
    with database.administer(
        guarded, autocommit=True
    ) as connection:  # as docker/start-postgis does
        connection.execute(f"CREATE ROLE {TILES} LOGIN")
        connection.execute(f"GRANT USAGE ON LANGUAGE plpgsql TO {TILES}")
        connection.execute("DELETE FROM ops.definitions")
    database.upgrade(guarded)
    with as_role(guarded, TILES, autocommit=True) as connection:
        yield connection
    with database.administer(guarded, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {TILES}")
        connection.execute(f"DROP ROLE {TILES}")


def test_it_may_read_the_three_layers_and_nothing_else(tiles: psycopg.Connection):
    found = tiles.execute(
        "SELECT n.nspname, c.relname FROM pg_class AS c "
        "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm') "
        "AND n.nspname !~ '^pg_|^information_schema$|^public$' "
        "AND has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')"
    ).fetchall()
    assert set(found) == {("publish", layer) for layer in LAYERS}
    for layer in LAYERS:
        assert tiles.execute(f"SELECT count(*) FROM publish.{layer}").fetchone() != (0,)


def test_each_layer_has_a_key_that_compose_names(tiles: psycopg.Connection):
    for layer, key in (
        ("agglomeration_map", "agglomeration_key"),
        ("cell_map", "cell_key"),
        ("pair_map", "pair_key"),
    ):
        rows, keys = tiles.execute(
            f"SELECT count(*), count(DISTINCT {key}) FROM publish.{layer}"
        ).fetchone()
        assert rows == keys > 0


def test_it_may_write_its_catalogue_into_its_temporary_schema(tiles: psycopg.Connection):
    tiles.execute(
        "CREATE OR REPLACE FUNCTION pg_temp.tipg_f() RETURNS bigint LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN (SELECT count(*) FROM publish.cell_map); END $$"
    )
    assert tiles.execute("SELECT pg_temp.tipg_f() > 0").fetchone() == (True,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT firm_name FROM clean.firm",
        "SELECT * FROM publish.firm_map",
        "SELECT * FROM publish.cell",
        "SELECT * FROM panel.industry_cell",
        "SELECT * FROM reference.prefecture",
        "SELECT * FROM estimates.run",
        "SELECT * FROM ops.access",
        "DELETE FROM reference.flag",
        "CREATE TABLE public.mine (n int)",
        "CREATE TABLE publish.mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY publish.cell_map TO '/tmp/cells'",
    ],
)
def test_it_may_do_nothing_else(tiles: psycopg.Connection, statement: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        tiles.execute(statement)
