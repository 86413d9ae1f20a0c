"""What an analyst may read, and twenty ways in which one tries to get more."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack, nullcontext

import psycopg
import pytest
from support.guarded import ANALYST, VIEWS, YEAR, as_role

from coagg import database
from coagg.database import activity, adoption, disclosure, locks, roles
from coagg.errors import CoaggError
from coagg.rebuild import engine
from coagg.settings import Settings


def test_the_program_is_no_superuser(guarded: Settings):
    with database.connect(guarded, autocommit=True) as connection:
        facts = connection.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolreplication, rolbypassrls "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert facts == ("coagg_owner", False, False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY (SELECT 1) TO PROGRAM 'cat'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("ALTER ROLE coagg_owner SUPERUSER")


def test_limits_are_set(analyst: psycopg.Connection):
    assert analyst.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
    assert analyst.execute("SHOW statement_timeout").fetchone() == ("5min",)
    assert analyst.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("5min",)
    assert analyst.execute("SHOW temp_file_limit").fetchone() == ("2GB",)
    found = analyst.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user")
    assert found.fetchone() == (5,)


def test_what_an_analyst_may_read_is_what_was_meant(analyst: psycopg.Connection):
    found = analyst.execute(
        "SELECT n.nspname, c.relname FROM pg_class AS c "
        "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm') "
        "AND n.nspname !~ '^pg_|^information_schema$|^public$' "
        "AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
    ).fetchall()
    schemas = {schema for schema, _ in found}
    assert schemas == {"reference", "estimates", "publish"}
    assert {view for schema, view in found if schema == "publish"} == set(VIEWS)
    assert ("estimates", "descriptive") not in found
    for schema, view in found:
        analyst.execute(f"SELECT * FROM {schema}.{view} LIMIT 1").fetchall()


def test_a_pool_may_let_go_of_locks(analyst: psycopg.Connection):
    """Drivers with pools, asyncpg say, call it whenever a connection comes back."""
    analyst.execute("SELECT pg_advisory_unlock_all()")


WAYS = {
    "insert": "INSERT INTO reference.flag VALUES ('x', 'y')",
    "update through a view": "UPDATE publish.measurement SET seed = 1",
    "delete": "DELETE FROM estimates.run",
    "truncate": "TRUNCATE estimates.run CASCADE",
    "lock a table": "LOCK TABLE reference.flag IN ACCESS EXCLUSIVE MODE",
    "create a table": "CREATE TABLE public.mine (n int)",
    "create a table beside ours": "CREATE TABLE publish.mine (n int)",
    "create a schema": "CREATE SCHEMA mine",
    "temporary table": "CREATE TEMP TABLE mine (n int)",
    "temporary view": "CREATE TEMP VIEW mine AS SELECT 1",
    "drop": "DROP VIEW publish.cell",
    "a function": "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a function in a temporary schema": (
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    ),
    "security definer": (
        "CREATE FUNCTION public.f() RETURNS text LANGUAGE sql SECURITY DEFINER "
        "AS 'SELECT max(firm_name) FROM clean.firm'"
    ),
    "a block of code": "DO $$ BEGIN RAISE NOTICE 'x'; END $$",
    "an untrusted language": "CREATE EXTENSION plpython3u",
    "dblink": "CREATE EXTENSION dblink",
    "foreign data": "CREATE EXTENSION postgres_fdw",
    "firms": "SELECT * FROM clean.firm",
    "firms by the year's table": f"SELECT * FROM clean.firm_cn_{YEAR}_test",
    "names": "SELECT firm_name FROM clean.firm_located",
    "names on the map": "SELECT firm_name FROM publish.firm_map",
    "refused rows as received": "SELECT received FROM clean.refused",
    "patents' firms": "SELECT * FROM clean.patent_match",
    "cells as they are": "SELECT * FROM panel.industry_cell",
    "what is safe": "SELECT * FROM panel.cell_status",
    "who stands in a cell": "SELECT * FROM clean.cell_firm",
    "the largest firm's share": "SELECT * FROM panel.cell_guard",
    "pairs with names": "SELECT * FROM coagglomeration.pair_named",
    "dominated industries": "SELECT plant_herfindahl FROM coagglomeration.industry_comparison",
    "small cells below a view": (
        "SELECT s.* FROM publish.cell AS c JOIN panel.cell_status AS s USING (industry)"
    ),
    "pairs as they are": "SELECT * FROM coagglomeration.pair_result",
    "smallest and largest": "SELECT * FROM estimates.descriptive",
    "the ledger": "SELECT * FROM ops.load",
    "who has access": "SELECT * FROM ops.access",
    "copy out": "COPY clean.firm TO STDOUT",
    "copy to a program": "COPY (SELECT 1) TO PROGRAM 'id'",
    "copy to a file": "COPY (SELECT 1) TO '/tmp/coagg_mine'",
    "copy from a file": "COPY reference.flag FROM '/etc/passwd'",
    "read a file": "SELECT pg_read_file('/etc/passwd')",
    "read a file in bytes": "SELECT pg_read_binary_file('postgresql.conf')",
    "list a folder": "SELECT pg_ls_dir('.')",
    "lo_import": "SELECT lo_import('/etc/passwd')",
    "lo_export": "SELECT lo_export(1, '/tmp/coagg_mine')",
    "a large object": "SELECT lo_from_bytea(0, 'x')",
    "an empty large object": "SELECT lo_creat(-1)",
    "messages into the log of writes": "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "be the owner": "SET ROLE coagg_owner",
    "be a loader": "SET ROLE coagg_loader",
    "be the superuser": "SET ROLE coagg",
    "be the server": "SET SESSION AUTHORIZATION coagg",
    "read passwords": "SELECT rolpassword FROM pg_authid",
    "read passwords elsewhere": "SELECT passwd FROM pg_shadow",
    "become more": f"ALTER ROLE {ANALYST} CREATEDB",
    "more connections": f"ALTER ROLE {ANALYST} CONNECTION LIMIT 100",
    "more room": "SET temp_file_limit = -1",
    "let a friend in": f"GRANT coagg_names TO {ANALYST}",
    "a new role": "CREATE ROLE friend LOGIN",
    "the rule": "UPDATE ops.disclosure SET min_firms = 1",
    "a setting of the server": "ALTER SYSTEM SET log_statement = 'all'",
    "read settings of access": "SELECT * FROM pg_hba_file_rules",
    "statistics of hidden columns": (
        "SELECT stavalues1 FROM pg_statistic WHERE starelid = 'clean.firm'::regclass"
    ),
    "a lock by number": "SELECT pg_advisory_lock(7234092)",
    "many locks": "SELECT pg_try_advisory_lock(n) FROM generate_series(1, 9) AS n",
    "change a year": f"SELECT clean.publish_year('CN', {YEAR}, 'x')",
    "change its rows": f"SELECT clean.publish_rows('CN', {YEAR}, 'x')",
    "write with a query": "WITH x AS (DELETE FROM estimates.run RETURNING 1) SELECT * FROM x",
    "a row lock": "SELECT * FROM reference.flag FOR SHARE",
    "a publication": "CREATE PUBLICATION p FOR ALL TABLES",
    "a trigger": "CREATE EVENT TRIGGER t ON sql_drop EXECUTE FUNCTION ops.setting()",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way(free: psycopg.Connection, way: str):
    together = free.transaction() if "LOCK TABLE" in WAYS[way] else nullcontext()
    with pytest.raises(psycopg.Error) as caught, together:
        free.execute(WAYS[way]).fetchall()
    allowed = (
        psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue,
        psycopg.errors.ObjectNotInPrerequisiteState,
    )  # fmt: skip
    refused = isinstance(caught.value, allowed)
    absent = isinstance(caught.value, psycopg.errors.FeatureNotSupported)  # not installed here
    assert refused or (absent and "CREATE EXTENSION" in WAYS[way]), caught.value


def test_the_ways_reach_all_that_is_guarded():
    """Twenty ways at least, and each kind of harm among them."""
    tried = " ".join(WAYS.values())
    kinds = {
        "write": ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE TABLE", "DROP"),
        "names": ("firm_name", "clean.firm ", "clean.refused"),
        "limits": ("CONNECTION LIMIT", "temp_file_limit", "pg_advisory_lock"),
        "files": ("TO PROGRAM", "TO '/tmp", "FROM '/etc", "pg_read_file", "lo_import", "pg_ls_dir"),
        "small cells": ("panel.industry_cell", "panel.cell_guard", "pair_result", "pair_named"),
    }
    missing = [words for kind in kinds.values() for words in kind if words not in tried]
    assert missing == []
    assert len(set(WAYS.values())) >= 60


def test_statistics_the_planner_shows_are_of_readable_columns(free: psycopg.Connection):
    found = free.execute(
        "SELECT schemaname FROM pg_stats WHERE schemaname IN ('clean', 'panel', 'ops')"
    ).fetchall()
    assert found == []


def test_other_data_bases_are_closed(guarded: Settings, databases, reference_template):
    other = databases.copy(reference_template)
    disclosure.rule(other)
    with database.administer(other) as connection:
        connection.autocommit = True
        adoption.harden(connection)
    for closed in (other, guarded.for_database("postgres"), guarded.for_database("template1")):
        with (
            pytest.raises(psycopg.OperationalError, match="permission denied for database"),
            as_role(closed, ANALYST),
        ):
            pass


def test_no_more_connections_than_granted(guarded: Settings):
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(as_role(guarded, ANALYST))
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            held.enter_context(as_role(guarded, ANALYST))


def test_a_sort_that_needs_too_much_disk_is_stopped(guarded: Settings):
    roles.grant(guarded, ANALYST, limits=roles.Limits(temp_file_mb=1))
    try:
        with as_role(guarded, ANALYST) as connection:
            connection.execute("SET work_mem = '64kB'")
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
                connection.execute(
                    "SELECT n FROM generate_series(1, 1000000) AS n ORDER BY md5(n::text)"
                )
    finally:
        roles.grant(guarded, ANALYST)


# Our own exclusion, and what a reader can do against it.


def hold_keys(connection: psycopg.Connection) -> None:
    for key in (7_234_091, 7_234_092, 7_234_093):
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (key,))
        except psycopg.errors.InsufficientPrivilege:
            continue


def test_a_reader_with_the_old_keys_stops_no_work(guarded: Settings, db_settings: Settings):
    # even a role that may take advisory locks: here the owner of another session
    with database.connect(guarded, autocommit=True) as nuisance:
        hold_keys(nuisance)
        nuisance.execute("SELECT pg_advisory_lock(hashtext('coagg load patents'))")
        assert engine.rebuild(guarded, []).outcomes == []
        assert database.upgrade(guarded) == []
        with database.connect(guarded) as connection:
            for name in ("match", "load patents"):
                assert locks.take(connection, name)


def test_two_rebuilds_still_cannot_meet(guarded: Settings):
    with database.connect(guarded) as first:
        assert locks.take_rebuild(first)
        with pytest.raises(CoaggError, match="another rebuild"):
            engine.rebuild(guarded, [])
        with database.connect(guarded) as second:
            assert locks.take(second, "match")  # a rebuild's own matcher is not in its way
            with database.connect(guarded) as third:
                assert not locks.take(third, "match")
    assert engine.rebuild(guarded, []).outcomes == []


def test_an_unknown_lock_is_a_fault(guarded: Settings):
    with (
        database.connect(guarded) as connection,
        pytest.raises(CoaggError, match="load nothing"),
    ):
        locks.take(connection, "load nothing")


def test_a_reader_over_its_limit_is_ended_though_it_switched_limits_off(
    guarded: Settings, free: psycopg.Connection
):
    free.autocommit = False
    free.execute("SELECT 1")
    assert activity.end_over_limit(guarded) == []
    with database.connect(guarded) as connection:
        connection.execute(
            "UPDATE ops.access SET idle_seconds = 0 WHERE role_name = %s", (ANALYST,)
        )
    try:
        (ended,) = activity.end_over_limit(guarded)
        assert (ended.user, ended.state) == (ANALYST, "idle in transaction")
        with pytest.raises(psycopg.OperationalError):
            free.execute("SELECT 1")
    finally:
        roles.grant(guarded, ANALYST)


def test_revoked_is_out(guarded: Settings):
    name = f"gone_{os.getpid()}"
    roles.grant(guarded, name)
    with as_role(guarded, name, autocommit=True) as connection:
        assert roles.revoke(guarded, name)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with database.administer(guarded) as connection:
        assert connection.execute("SELECT to_regrole(%s)", (name,)).fetchone() == (None,)
    with pytest.raises(CoaggError, match="no access"):
        roles.revoke(guarded, name)


def test_access_is_answered_to_programs_too(guarded: Settings, analyst, coagg_as):
    def said(*words: str) -> dict:
        code, out, err = coagg_as(guarded, "coagg", "db", *words, "--json")
        assert code == 0, err
        return json.loads(out)

    name = f"json_{os.getpid()}"
    granted = said("grant", name, "--names", "--seconds", "60")
    assert (granted["role"], granted["kind"], granted["names"]) == (name, "analyst", True)
    found = said("who")
    assert {"role": name, "kind": "analyst", "names": True} in found["let_in"]
    (mine,) = [one for one in found["connections"] if one["pid"] == analyst.info.backend_pid]
    assert (mine["user"], mine["over_limit"], mine["waits_for"]) == (ANALYST, False, [])
    assert said("who", "--end-over-limit") == {"ended": []}
    assert said("revoke", name) == {"role": name, "gone": True}
    assert said("disclosure") == {"min_firms": 3, "dominance": 0.75, "confidential": True}
    (ended,) = said("who", "--end", str(analyst.info.backend_pid))["ended"]
    assert ended["user"] == ANALYST
    with pytest.raises(psycopg.OperationalError):
        analyst.execute("SELECT 1")


@pytest.mark.parametrize("name", ["coagg", "coagg_owner", "pg_monitor", "postgres", "A b", "x;y"])
def test_names_that_are_no_persons_are_refused(guarded: Settings, name: str):
    with pytest.raises(CoaggError, match="cannot be the name"):
        roles.grant(guarded, name)


def test_a_role_with_rights_of_its_own_is_not_taken_over(guarded: Settings):
    name = f"boss_{os.getpid()}"
    with database.administer(guarded, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN CREATEDB")
    with pytest.raises(CoaggError, match="rights of its own"):
        roles.grant(guarded, name)


def test_a_loader_loads_and_an_owner_upgrades(
    guarded: Settings, tmp_path, coagg_as: Callable[..., tuple[int, str, str]]
):
    loader = f"load_{os.getpid()}"
    roles.grant(guarded, loader, "loader")
    with as_role(guarded, loader) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("coagg_loader",)
    file = tmp_path / "firms.csv"
    file.write_text(
        "firm_id,firm_name,industry_code,lon,lat,place_code\n"
        "1,a,1310,104.06,30.66,5101\n2,b,1320,104.07,30.67,5101\n"
    )
    year, other = ("load", "firms", file, "--survey-year", 2009), ("--datum", "gcj02")
    for role, words in (
        ("coagg_owner", year),
        (loader, (*year, *other)),  # takes the place of the owner's
        (loader, year),  # and of its own
        ("coagg_owner", (*year, *other)),
    ):
        code, out, err = coagg_as(guarded, role, *words)
        assert code == 0, out + err
    with database.connect(guarded) as idle:  # rows take the place of rows
        idle.execute("SELECT FROM clean.firm LIMIT 1")
        for role, words in ((loader, year), ("coagg_owner", (*year, *other))):
            code, out, err = coagg_as(guarded, role, *words)
            assert code == 0, out + err
    with as_role(guarded, loader, autocommit=True) as connection:
        for statement in (
            "UPDATE ops.disclosure SET min_firms = 1", "DELETE FROM ops.access",
            "DROP VIEW publish.cell", "COPY (SELECT 1) TO PROGRAM 'id'", "SET ROLE coagg",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_who_may_not_make_roles_is_told_in_a_line(guarded: Settings, coagg_as):
    for role, words in (
        ("coagg_owner", ("db", "grant", "somebody")),
        ("coagg_owner", ("db", "grant", "somebody", "--role", "king")),
        ("coagg_owner", ("db", "grant", "somebody", "--os-user", "root")),
        ("coagg_owner", ("db", "open", "--socket")),
        ("coagg_owner", ("db", "who", "--end", "1")),
        ("coagg_owner", ("db", "revoke", "somebody")),
        ("coagg_owner", ("db", "disclosure", "--dominance", "7")),
        (ANALYST, ("db", "disclosure", "--min-firms", "1")),
        (ANALYST, ("db", "who")),
        (ANALYST, ("sql", "SELECT * FROM clean.firm")),
    ):
        code, out, err = coagg_as(guarded, role, *words)
        assert (code, out, err.count("\n")) == (2, "", 1), (words, err)
        assert err.startswith("coagg: ")
