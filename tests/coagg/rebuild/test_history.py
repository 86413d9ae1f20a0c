"""Runs and their steps are recorded as they go, and lost servers are waited for."""

import os

import psycopg
import pytest

from coagg import database
from coagg.database import locks, space, waiting
from coagg.database.fingerprint import NEVER
from coagg.errors import CoaggError
from coagg.rebuild.engine import Step, rebuild
from coagg.rebuild.guard import Guard

RUN = "SELECT outcome, error, finished_at IS NOT NULL, pid, database_bytes_after FROM ops.run"
STEPS = "SELECT step, state, why, said, tries FROM ops.run_step ORDER BY run_id, number"


def query(settings, statement, *values):
    with database.connect(settings) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def step(name, run, *needs):
    """A step that is up to date once it is done."""
    done = []

    def run_once():
        said = run()
        done.append(name)
        return said

    return Step(name, lambda connection: None if done else NEVER, run_once, needs)


def raises(fault):
    def run():
        raise fault

    return run


def test_every_step_is_recorded_with_its_outcome(empty_settings):
    good = step("good", lambda: "3 rows")
    steps = [
        good,
        step("bad", raises(CoaggError("the file is wrong"))),
        step("after", lambda: "never", "bad"),
        step("beside", lambda: "done too"),
    ]
    report = rebuild(empty_settings, steps)
    assert query(empty_settings, STEPS) == [
        ("good", "done", "never done", "3 rows", 1),
        ("bad", "failed", "never done", "the file is wrong", 1),
        ("after", "left out", "bad is not done", "", 1),
        ("beside", "done", "never done", "done too", 1),
    ]
    ((outcome, error, ended, pid, size),) = query(empty_settings, RUN)
    assert (outcome, error, ended, pid) == ("failed", None, True, os.getpid())
    assert size > 1_000_000
    assert query(empty_settings, "SELECT run_id FROM ops.run") == [(report.run_id,)]
    peaks = query(empty_settings, "SELECT peak_memory_bytes FROM ops.run_step WHERE step = 'good'")
    assert peaks[0][0] > 10_000_000
    rebuild(empty_settings, [good])
    assert query(empty_settings, STEPS)[-1] == ("good", "unchanged", "", "", 1)
    assert query(empty_settings, RUN + " ORDER BY run_id DESC LIMIT 1")[0][0] == "done"


def test_a_step_is_written_when_it_begins(empty_settings):
    seen = []
    rebuild(empty_settings, [step("one", lambda: seen.append(query(empty_settings, STEPS)) or "")])
    assert seen == [[("one", "running", "never done", "", 1)]]


def test_what_is_recorded_of_a_step_says_all_of_it(empty_settings):
    def grow():
        query(empty_settings, "CREATE TABLE ops.grown AS SELECT generate_series(1, 200000) AS n")
        return "200,000 rows"

    steps = [
        step("good", grow),
        step("bad", raises(CoaggError("the file is wrong"))),
        step("broken", raises(KeyError("x"))),
        step("after", lambda: "", "bad"),
    ]
    with database.connect(empty_settings) as connection:
        seen = space.free_bytes(empty_settings, connection) is not None
    rebuild(empty_settings, steps)
    names = (
        "state", "why", "said", "traceback IS NOT NULL", "seconds >= 0",
        "peak_memory_bytes > 10000000", "database_bytes_after - database_bytes_before",
        "disk_free_before > 0 AND disk_free_after > 0", "finished_at >= started_at",
    )  # fmt: skip
    good, bad, broken, after = query(
        empty_settings, f"SELECT {', '.join(names)} FROM ops.run_step ORDER BY number"
    )
    assert good[:6] == ("done", NEVER, "200,000 rows", False, True, True)
    assert good[6] > 200_000 * 24
    assert bad[:6] == ("failed", NEVER, "the file is wrong", False, True, True)
    assert broken[:2] + broken[3:6] == ("failed", NEVER, True, True, True)
    assert after[:4] == ("left out", "bad is not done", "", False)
    for one in (good, bad, broken):
        assert one[7:] == (True if seen else None, True)
        assert one[6] >= 0


def test_one_rebuild_right_after_another_finds_the_lock_free(empty_settings):
    with database.connect(empty_settings, autocommit=True) as watching:
        for _ in range(50):
            with Guard(empty_settings):
                assert locks.rebuild_at_work(watching)
            assert not locks.rebuild_at_work(watching)


def test_a_dry_run_leaves_no_record(empty_settings):
    rebuild(empty_settings, [step("one", lambda: "")], dry_run=True)
    assert query(empty_settings, RUN) == []


def test_a_fault_of_the_program_is_one_line_and_the_others_go_on(empty_settings):
    report = rebuild(
        empty_settings, [step("broken", raises(KeyError("x"))), step("next", lambda: "did")]
    )
    broken, after = report.outcomes
    assert broken.state == "failed"
    assert "\n" not in broken.said
    assert "please report it: KeyError: 'x'" in broken.said
    assert after.state == "done"
    (told,) = query(empty_settings, "SELECT traceback FROM ops.run_step WHERE state = 'failed'")
    assert "test_history.py" in told[0]


def test_a_stopped_run_says_so(empty_settings):
    with pytest.raises(KeyboardInterrupt):
        rebuild(empty_settings, [step("one", raises(KeyboardInterrupt()))])
    assert query(empty_settings, RUN)[0][0] == "stopped"


def test_a_killed_backend_is_tried_again_and_the_lock_is_held_again(empty_settings):
    calls = []

    def run():
        calls.append(1)
        with database.connect(empty_settings) as connection:
            if len(calls) == 1:  # ends this one and the guard's own
                query(
                    empty_settings,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
            connection.execute("SELECT 1")
        with pytest.raises(CoaggError, match="another rebuild"):
            rebuild(empty_settings, [])
        return "did"

    notes = []
    steps = [step("one", run), step("two", lambda: "did")]
    report = rebuild(empty_settings, steps, note=notes.append)
    assert [(o.state, o.tries) for o in report.outcomes] == [("done", 2), ("done", 1)]
    assert notes == []
    assert [row[1:] for row in query(empty_settings, STEPS)] == [
        ("done", "never done", "did", 2),
        ("done", "never done", "did", 1),
    ]
    assert query(empty_settings, RUN)[0][0] == "done"


def test_a_server_that_is_lost_each_time_fails_the_step_in_one_line(empty_settings):
    def run():
        with database.connect(empty_settings) as connection:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    report = rebuild(empty_settings, [step("one", run), step("two", lambda: "did")])
    one, two = report.outcomes
    assert (one.state, one.tries, two.state) == ("failed", 4, "done")
    assert one.said.startswith("the data base went away: ")
    assert "\n" not in one.said


@pytest.mark.parametrize(
    ("fault", "again"),
    [
        (psycopg.errors.AdminShutdown("x"), True),
        (psycopg.errors.CrashShutdown("x"), True),
        (psycopg.errors.CannotConnectNow("x"), True),
        (psycopg.errors.ConnectionFailure("x"), True),
        (psycopg.OperationalError("FATAL: the database system is starting up"), True),
        (psycopg.OperationalError("connection failed: Connection refused"), True),
        (psycopg.OperationalError("FATAL: password authentication failed for user"), False),
        (psycopg.OperationalError('FATAL: database "x" does not exist'), False),
        (psycopg.errors.DiskFull("x"), False),
        (psycopg.errors.QueryCanceled("x"), False),
        (psycopg.errors.LockNotAvailable("x"), False),
        (CoaggError("x"), False),
        (ValueError("Connection refused"), False),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(fault, again):
    assert waiting.is_temporary(fault) is again


def test_waiting_is_bounded_and_said_once():
    lines, calls = [], []

    def attempt():
        calls.append(1)
        raise waiting.ServerAway("no answer", True)

    with pytest.raises(waiting.ServerAway):
        waiting.patiently(attempt, seconds=1.0, say=lines.append)
    assert len(calls) > 1
    assert lines == ["waiting up to 1 s: no answer"]


def test_a_step_without_room_is_not_begun(empty_settings):
    with database.connect(empty_settings) as connection:
        free = space.free_bytes(empty_settings, connection)
    if free is None:
        pytest.skip("the disk of the server cannot be seen from here")
    done = []
    greedy = Step(
        "greedy", lambda connection: NEVER, lambda: done.append(1) or "", (), lambda c: 10**17
    )
    (outcome,) = rebuild(empty_settings, [greedy]).outcomes
    assert (outcome.state, done) == ("failed", [])
    assert "100000.0 TB are needed" in outcome.said
    assert "make room" in outcome.said


def test_old_runs_are_forgotten_and_unended_ones_are_killed(empty_settings):
    rebuild(empty_settings, [step("one", lambda: "")])
    query(empty_settings, "UPDATE ops.run SET started_at = now() - interval '399 days'")
    rebuild(empty_settings, [])
    assert len(query(empty_settings, RUN)) == 2
    query(
        empty_settings,
        "UPDATE ops.run SET outcome = NULL WHERE started_at > now() - '1 day'::interval",
    )
    rebuild(empty_settings, [], keep_days=300)
    assert [r[0] for r in query(empty_settings, RUN + " ORDER BY run_id")] == ["killed", "done"]
    assert query(empty_settings, STEPS) == []
