"""Hostile nights whose disturbance needs no particular moment; see test_nights_slow.py."""

import os
import shutil
import subprocess
import time
from dataclasses import replace

import pytest
from support.nights import LOADED, RESULTS, Reader, at_work, differences, statuses, wait_for

from coagg import database, prepare
from coagg.database import server
from coagg.settings import Settings

pytestmark = pytest.mark.slow


def truncate(world, year):
    """Leave half of a year's file; returns the whole of it."""
    file = world.inputs.with_name(f"survey_{year}.csv")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    return file, whole


def step_states(world):
    """What became of each step of the last rebuild."""
    return dict(
        world.ask("SELECT step, state FROM ops.run_step WHERE run_id = "
                  "(SELECT max(run_id) FROM ops.run)")
    )  # fmt: skip


def test_server_restarted_in_the_middle(world, before, corrected, server_settings):
    if server_settings.database_url is not None:
        pytest.skip("the server under test is not ours to restart: unset COAGG_DATABASE_URL")
    world.correct()
    with Reader(world, before.published, corrected.published) as reader:
        call = world.night()
        wait_for(lambda: at_work(world, call) == "index CN 2013", call)
        server.stop(server_settings, mode="immediate")
        time.sleep(2)  # longer than a moment: it is waited for
        server.start(server_settings)
        code, out, err = call.wait()
    assert code == 0, out + err
    assert "waiting up to 120 s" in err
    assert reader.seen[-1] == 1
    assert not differences(world.state(), corrected.state)


def test_clock_set_back(world, before, corrected):
    with database.connect(world.settings) as connection:
        stamped = connection.execute(
            "SELECT format('UPDATE %I.%I SET %s', table_schema, table_name, "
            "string_agg(format('%1$I = %1$I + interval ''3 years''', column_name), ', ')) "
            "FROM information_schema.columns JOIN information_schema.tables "
            "USING (table_schema, table_name) WHERE table_type = 'BASE TABLE' "
            "AND data_type = 'timestamp with time zone' AND column_name <> 'backend_start' "
            "AND table_schema IN ('ops', 'coagglomeration', 'panel', 'estimates') "
            "GROUP BY table_schema, table_name"
        ).fetchall()
        assert len(stamped) > 8
        for (statement,) in stamped:  # all that was done till now was done in the future
            connection.execute(statement)
    code, status, _ = statuses(world)
    assert (code, status["fine"]) == (0, True)
    assert set(states_of(world.rebuild()).values()) == {"unchanged"}
    world.correct()
    with Reader(world, before.published, corrected.published) as reader:
        assert world.night().wait()[0] == 0
    assert reader.seen == [0, 1]
    assert not differences(world.state(), corrected.state)
    code, status, listed = statuses(world)
    assert (code, status["last_run"]["state"]) == (0, "done")
    assert listed["sets"][0]["state"] == "active"
    assert world.call("tables", "--out", world.inputs.with_name("tables")).wait()[0] == 0
    page = next(world.inputs.with_name("tables").glob("table1*.md")).read_text()
    assert "older than" not in page


def states_of(report):
    return {o.step: o.state for o in report.outcomes}


def test_truncated_file(world, before, corrected):
    loads = {name: row for name, *row in world.ask(LOADED)}
    file, whole = truncate(world, 2010)
    world.correct(2013)
    with Reader(world, before.published) as reader:
        code, _, err = world.night().wait()
        assert code == 1
        assert "first firms CN 2010: " in err
        assert "--accept" in err or "accept" in err
        seen = step_states(world)
        assert seen["firms CN 2010"] == "failed"
        assert seen["index CN 2010"] == "left out"
        assert seen["estimates"] == "left out"
        assert {seen[n] for n in ("firms CN 2013", "index CN 2013")} == {"done"}
        code, status, listed = statuses(world)
        assert code == 1
        assert [s["step"] for s in status["last_run"]["steps"] if s["state"] == "failed"] == [
            "firms CN 2010"
        ]
        assert listed["sets"][0]["state"] == "unfinished"
        assert "firms CN 2010" in listed["sets"][0]["unfinished"][0]
    assert reader.seen == [0]
    now = {name: row for name, *row in world.ask(LOADED)}
    assert now["CN 2010"] == loads["CN 2010"]
    assert now["CN 2013"] != loads["CN 2013"]
    file.write_bytes(whole)
    with Reader(world, before.published, corrected.published) as reader:
        assert world.night().wait()[0] == 0
    assert reader.seen[-1] == 1
    assert not differences(world.state(), corrected.state)
    assert statuses(world)[0] == 0


def test_idle_reader(world, before, corrected):
    world.correct()
    with database.connect(world.settings, application_name="notebook") as idle:
        for name in (*RESULTS, "estimates.latest", "publish.pair", "clean.firm", "clean.patent"):
            idle.execute(f"SELECT * FROM {name} LIMIT 1").fetchone()
        code, out, err = world.night().wait()
        assert code == 0, out + err
        assert not differences(world.published(), corrected.published)
        assert idle.info.transaction_status.name == "INTRANS"
    assert not differences(world.state(), corrected.state)
    assert set(states_of(world.rebuild()).values()) == {"unchanged"}


def test_two_rebuilds_at_once(world, before, corrected):
    world.correct()
    with Reader(world, before.published, corrected.published) as reader:
        calls = [world.night() for _ in range(2)]
        ended = [call.wait() for call in calls]
    assert sorted(code for code, _, _ in ended) == [0, 2]
    refused = next(err for code, _, err in ended if code == 2)
    assert refused.splitlines()[-1].startswith("coagg: another rebuild or withdrawal")
    assert reader.seen == [0, 1]
    assert not differences(world.state(), corrected.state)


def test_withdrawn_year(world, before, databases, reference_template):
    listed = world.inputs.read_text()
    blocks = listed.split("\n\n")
    less = [b for b in blocks if "survey_2013" not in b]
    without = "\n\n".join(less).replace("years = [2010, 2013]\n", "years = [2010]\n")
    assert without.count("2013") == listed.count("2013") - 3
    world.inputs.write_text(without)
    never = replace(world, settings=world.settings.for_database(
        databases.copy(reference_template, "_never_demo").database_name))  # fmt: skip
    never.rebuild()
    truth = never.state(), never.published()
    with Reader(world, before.published, truth[1]) as reader:
        assert world.night("--prune").wait()[0] == 0
    assert not differences(world.state(), truth[0])
    assert reader.seen[-1] == 1
    world.inputs.write_text(listed)
    with Reader(world, truth[1], before.published) as reader:
        assert world.night().wait()[0] == 0
    assert reader.seen == [0, 1]
    assert not differences(world.state(), before.state)
    # by hand, and with nothing but what is loaded
    assert (
        world.call("unload", "firms", "--survey-year", "2013", "--why", "withdrawn").wait()[0] == 0
    )
    world.inputs.write_text("[index]" + without.split("[index]")[1])
    assert world.night().wait()[0] == 0
    assert not differences(world.state(), truth[0])


def test_corrected_and_back(world, before, corrected):
    file = world.inputs.with_name("survey_2013.csv")
    first = file.read_bytes()
    world.correct()
    second = file.read_bytes()
    for content, truth in ((second, corrected), (first, before), (second, corrected)):
        file.write_bytes(content)
        assert world.night().wait()[0] == 0
        assert not differences(world.state(), truth.state)
        assert not differences(world.published(), truth.published)


@pytest.fixture
def tight(server_settings):
    """The folder of a small disk that is mounted for this test."""
    if os.geteuid() != 0 or server_settings.database_url is not None:
        pytest.skip("a small disk needs root and a private server")
    folder = server_settings.data_dir / "tight"
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "coagg-test", folder], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def resize(folder, free_bytes):
    """Give the small disk so much room above what is used."""
    facts = os.statvfs(folder)
    used = (facts.f_blocks - facts.f_bfree) * facts.f_frsize
    subprocess.run(["mount", "-o", f"remount,size={used + free_bytes}", folder], check=True)


def test_disk_full_and_freed(base, before, corrected, tight, server_settings, tmp_path):
    owner = server.private_server(server_settings).owner
    shutil.chown(tight, owner)
    name = "coagg_test_tight_demo"
    there = replace(base[0].settings, database_name=None).for_database("postgres")
    with database.administer(server_settings.for_database("postgres"), autocommit=True) as boss:
        boss.execute(f"CREATE TABLESPACE tight OWNER {server.OWNER} LOCATION '{tight}'")
        with database.connect(there, autocommit=True) as connection:
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE {base[0].settings.database_name} "
                "TABLESPACE tight STRATEGY FILE_COPY"
            )
        world = base[0].beside(tmp_path / "economy", base[0].settings.for_database(name))
        try:
            world.correct()
            failed = []
            with Reader(world, before.published, corrected.published) as reader:
                for room in (100_000, 600_000, 1_500_000, 3_000_000):
                    resize(tight, room)
                    code, _, err = world.night().wait()
                    if code == 0:
                        break
                    assert code == 1, err
                    assert "make room" in err
                    assert "Traceback" not in err
                    failed += [s for s, state in step_states(world).items() if state == "failed"]
                    assert statuses(world)[0] == 1
                    assert reader.seen == [0]
                assert failed
                resize(tight, 300_000_000)
                assert world.night().wait()[0] == 0
            assert reader.seen == [0, 1]
            assert not differences(world.state(), corrected.state)
        finally:
            database.drop(world.settings)
            boss.execute("DROP TABLESPACE tight")
    print("failed for want of room:", failed)


def test_disk_of_the_whole_server_full_and_freed(base, before, corrected, tight, tmp_path):
    """Its log of changes does not find room either."""
    resize(tight, 1_000_000_000)
    tight.chmod(0o755)
    world = base[0].beside(tmp_path / "economy", Settings(data_dir=tight / "data"))
    prepare.prepare(world.settings)
    try:
        world.rebuild()
        assert not differences(world.state(), before.state)
        world.correct()
        codes = []
        for room in (0, 200_000, 2_000_000):
            resize(tight, max(room, 1))
            code, out, err = world.night().wait()
            assert "Traceback" not in out + err
            assert code in (1, 2), out + err
            codes.append((code, err.splitlines()[-1]))
        print(codes)
        resize(tight, 1_000_000_000)
        assert not differences(world.published(), before.published)
        assert world.night().wait()[0] == 0
        assert not differences(world.state(), corrected.state)
    finally:
        server.stop(world.settings, mode="immediate")
