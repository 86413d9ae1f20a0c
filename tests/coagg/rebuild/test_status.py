"""A night read in the morning: killed runs, failed steps, a restarted server, the hook, the log."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from coagg import database, prepare
from coagg.database import locks, server
from coagg.database.fingerprint import NEVER
from coagg.errors import CoaggError
from coagg.rebuild import status
from coagg.rebuild.engine import Step, rebuild

SLEEPER = """
import sys, time
from coagg.rebuild.engine import Step, rebuild
from coagg.settings import read_settings
steps = [Step("first", lambda c: "never done", lambda: "did"),
         Step("long", lambda c: "never done", lambda: time.sleep(300) or "")]
rebuild(read_settings(), steps)
"""


def step(name, run, *needs):
    """A step that is up to date once it is done."""
    done = []

    def run_once():
        said = run()
        done.append(name)
        return said

    return Step(name, lambda connection: None if done else NEVER, run_once, needs)


def refuse():
    raise CoaggError("the file is wrong")


def latest(settings, count=1):
    with database.connect(settings) as connection:
        return status.runs(connection, count)


def test_a_run_killed_by_sigkill_is_seen_as_such(db_settings, coagg_on):
    environment = {**os.environ, "COAGG_DATABASE_URL": database.conninfo(db_settings)}
    process = subprocess.Popen([sys.executable, "-c", SLEEPER], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not (found := latest(db_settings)) or len(found[0].steps) < 2:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        assert found[0].state == "running"
        code, out, _ = coagg_on(db_settings, "status")
        assert code == 0
        assert "running now" in out
        assert "at work: long" in out
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    while True:  # until the server has seen it
        with database.connect(db_settings) as connection:
            if not locks.rebuild_at_work(connection):
                break
    code, out, _ = coagg_on(db_settings, "status")
    assert code == 1
    assert "killed: it has no end" in out
    assert "failed: long: the run was killed in it" in out
    code, out, _ = coagg_on(db_settings, "status", "--json")
    told = json.loads(out)
    assert (code, told["fine"], told["last_run"]["state"]) == (1, False, "killed")
    rebuild(db_settings, [step("first", lambda: "did")])
    now, before = latest(db_settings, 2)
    assert (now.state, before.state) == ("done", "killed")
    assert coagg_on(db_settings, "status")[0] == 0
    code, out, _ = coagg_on(db_settings, "status", "--runs", "5")
    assert code == 0
    assert "killed" in out


def test_a_server_restarted_in_a_step_is_waited_for(own):
    prepare.prepare(own)
    calls = []

    def run():
        calls.append(1)
        with database.connect(own) as connection:
            if len(calls) == 1:
                server.stop(own, mode="immediate")
            connection.execute("SELECT 1")
        return "did"

    report = rebuild(own, [step("one", run), step("two", lambda: "did")])
    assert [(o.state, o.tries) for o in report.outcomes] == [("done", 2), ("done", 1)]
    assert latest(own)[0].state == "done"


def test_a_server_of_somebody_else_that_is_away_for_seconds_is_waited_for(own):
    prepare.prepare(own)
    theirs = replace(own, database_url=database.conninfo(own))
    notes, calls = [], []

    def run():
        calls.append(1)
        if len(calls) == 1:
            server.stop(own, mode="immediate")  # nothing of the rebuild starts it again
            threading.Timer(2, server.start, [own]).start()
        return str(query_one(theirs))

    report = rebuild(theirs, [step("one", run), step("two", lambda: "did")], note=notes.append)
    assert [(o.state, o.tries) for o in report.outcomes] == [("done", 2), ("done", 1)]
    assert len(notes) == 1
    assert notes[0].startswith("waiting up to 120 s: no connection")
    assert [s["tries"] for s in latest(theirs)[0].steps] == [2, 1]


def query_one(settings):
    with database.connect(settings) as connection:
        return connection.execute("SELECT 1").fetchone()[0]


def test_what_failed_is_said_with_its_reason(db_settings, coagg_on):
    rebuild(db_settings, [step("bad", refuse), step("after", lambda: "", "bad")])
    code, out, _ = coagg_on(db_settings, "status")
    assert code == 1
    assert "failed: bad: the file is wrong" in out
    assert "left out, older than what they rest on: after" in out
    assert "next run:" in out
    assert "disk: data base" in out


def test_a_step_slower_than_usual_is_said(db_settings):
    for _ in range(3):
        rebuild(db_settings, [step("one", lambda: "")], force=True)
    with database.connect(db_settings) as connection:
        connection.execute("UPDATE ops.run_step SET seconds = 100 WHERE run_id < 3")
        connection.execute("UPDATE ops.run_step SET seconds = 300 WHERE run_id = 3")
        connection.commit()
    now, before = latest(db_settings, 2)
    assert [(s["seconds"], s["usual_seconds"]) for s in now.slow] == [(300, 100)]
    assert before.slow == []


def test_a_rebuild_that_cannot_begin_leaves_a_trace(db_settings, coagg_on, tmp_path):
    bad = tmp_path / "inputs.toml"
    bad.write_text("[[firm]]\n")
    told = tmp_path / "told"
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\necho "$COAGG_FAILED_STEPS|$COAGG_ERRORS" > {told}\n')
    hook.chmod(0o755)
    code, _, err = coagg_on(db_settings, "rebuild", "--inputs", bad, "--on-failure", hook)
    assert (code, err.count("\n")) == (2, 1)
    assert told.read_text().startswith("rebuild|rebuild: ")
    code, out, _ = coagg_on(db_settings, "status")
    assert code == 1
    assert "unknown entry firm" in out


@pytest.fixture
def failing(tmp_path):
    """A list of inputs whose two files are missing."""
    path = tmp_path / "inputs.toml"
    path.write_text(
        '[[patents]]\nfile = "gone.csv"\n[[firms]]\nfile = "away.csv"\nsurvey_year = 2013\n'
    )
    return path


def test_the_log_is_json_and_the_hook_is_told(db_settings, coagg_on, failing, tmp_path):
    told = tmp_path / "told"
    hook = f"sh -c 'echo $COAGG_RUN_ID > {told}; echo \"$COAGG_FAILED_STEPS\" >> {told}; exit 3'"
    code, _, err = coagg_on(
        db_settings, "rebuild", "--inputs", failing, "--log-format", "json", "--on-failure", hook
    )
    assert code == 1
    lines = err.splitlines()
    assert lines[-1].startswith("coagg: 2 steps failed; first firms CN 2013: ")
    events = [json.loads(line) for line in lines[:-1] if line.startswith("{")]
    assert {"time", "step", "state", "why"} <= set(events[0])
    states = {event["step"]: event["state"] for event in events if event["step"]}
    assert states["firms CN 2013"] == states["patents gone"] == "failed"
    assert states["match firms"] == "left out"
    assert "exit code 3" in events[-1]["why"]
    run, *steps = told.read_text().splitlines()
    assert run.isdigit()
    assert steps == ["firms CN 2013", "patents gone"]


@pytest.mark.parametrize("hook", ["/no/such/program", "'", " "])
def test_a_hook_that_fails_is_said_and_not_fatal(db_settings, coagg_on, failing, hook):
    code, _, err = coagg_on(
        db_settings, "rebuild", "--inputs", failing, "--on-failure", hook or " "
    )
    assert code == 1
    assert "--on-failure" in err
    assert "Traceback" not in err


def test_a_refused_second_rebuild_does_not_hide_the_first(db_settings, coagg_on, failing):
    with database.connect(db_settings) as other:
        assert locks.take_rebuild(other)
        code, _, err = coagg_on(db_settings, "rebuild", "--inputs", failing)
        assert code == 2
        assert "another rebuild" in err
    assert latest(db_settings) == []
