"""Readers with an open transaction: named, waited for, and never in the way of other readers."""

import threading
import time

import psycopg
import pytest

from coagg import database
from coagg.database import holders
from coagg.errors import CoaggError


def forget_definitions(settings):
    with database.connect(settings) as connection:
        connection.execute("DELETE FROM ops.definitions")
        connection.commit()


@pytest.fixture
def idle(empty_settings):
    """A notebook that read a view and left its transaction open."""
    with database.connect(empty_settings, application_name="notebook") as connection:
        connection.execute("SELECT count(*) FROM clean.firm_located")
        yield connection


def test_who_holds_a_table_is_named(empty_settings, idle):
    with database.connect(empty_settings) as connection:
        (found,) = holders.holders(connection, ["clean.firm"])
        assert found.pid == idle.info.backend_pid
        assert (found.application, found.state) == ("notebook", "idle in transaction")
        assert "clean.firm_located" in found.query
        assert found.since is not None
        assert holders.holders(connection, ["estimates"]) == []
        idle.rollback()
        assert holders.holders(connection, ["clean"]) == []


def test_definitions_held_up_by_a_reader_say_by_whom(empty_settings, idle, monkeypatch):
    monkeypatch.setattr(holders, "TRIES", 2)
    forget_definitions(empty_settings)
    with pytest.raises(CoaggError, match="the data base was not upgraded") as refused:
        database.upgrade(empty_settings)
    said = str(refused.value)
    assert f"process {idle.info.backend_pid} of" in said
    assert "(notebook), idle in transaction since" in said
    assert f"pg_terminate_backend({idle.info.backend_pid})" in said
    idle.rollback()
    (line,) = database.upgrade(empty_settings)
    assert line.endswith(" definition files applied")


def test_new_readers_do_not_hang_behind_an_upgrade_that_waits(empty_settings, idle):
    forget_definitions(empty_settings)
    done = []
    upgrade = threading.Thread(target=lambda: done.extend(database.upgrade(empty_settings)))
    upgrade.start()
    slowest = 0.0
    try:
        with database.connect(empty_settings, autocommit=True) as reader:
            end = time.monotonic() + 4
            while time.monotonic() < end:
                began = time.monotonic()
                reader.execute("SELECT count(*) FROM clean.firm_located")
                slowest = max(slowest, time.monotonic() - began)
        assert upgrade.is_alive()
    finally:
        idle.rollback()
        upgrade.join(60)
    assert slowest < 2.5  # a try waits half a second; the machine may be busy
    assert done


def test_a_migration_held_up_by_a_reader_is_tried_and_then_named(empty_settings, idle, monkeypatch):
    monkeypatch.setattr(holders, "TRIES", 2)
    calls = []

    def migrate(configuration, head):
        calls.append(head)
        connection = configuration.attributes["connection"]
        connection.exec_driver_sql("ALTER TABLE clean.firm ADD COLUMN made_up integer")

    monkeypatch.setattr("alembic.command.upgrade", migrate)
    with database.connect(empty_settings) as connection:  # of an older release
        connection.execute("UPDATE ops.alembic_version SET version_num = '0016'")
    with pytest.raises(CoaggError, match=f"process {idle.info.backend_pid} of"):
        database.upgrade(empty_settings)
    assert calls == ["head", "head"]


def test_other_faults_of_what_is_done_alone_are_raised(empty_settings):
    with database.connect(empty_settings) as connection, pytest.raises(psycopg.errors.SyntaxError):
        holders.alone(connection, lambda: connection.execute("SELEC 1"), ["clean"], "not done")
