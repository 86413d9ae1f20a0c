"""Hostile nights: whatever disturbs a rebuild, the next one ends with what an undisturbed one says.

A reader looks all the time. It sees the results of before or those of after, never a mixture.
"""

import time

import pytest
from support.nights import Reader, at_work, differences, end_backends, statuses, wait_for

KINDS = ("firms CN 2013", "match firms", "match patents", "index CN 2013", "panel 2013",
         "estimates")  # fmt: skip
pytestmark = pytest.mark.slow


def reach(world, call, step, seconds):
    """Wait until a step is well at work: a part of the time that a long one takes longer."""
    wait_for(lambda: at_work(world, call) == step, call)
    time.sleep(0.2 * seconds if seconds > 2 else 0)


def test_client_killed_in_each_kind_of_step(world, before, corrected):
    world.correct()
    with Reader(world, before.published, corrected.published) as reader:
        for step in KINDS:
            call = world.night()
            reach(world, call, step, corrected.seconds[step])
            call.kill()
            code, status, listed = statuses(world)
            assert code == 1
            assert status["last_run"]["state"] == "killed"
            assert [s["step"] for s in status["last_run"]["steps"] if s["state"] == "running"] == [
                step
            ]
            newest = listed["sets"][0]
            assert (newest["state"], newest["unfinished"]) == (
                "unfinished",
                ["rebuild: it was stopped"],
            )
            assert reader.seen == [0]
        assert world.night().wait()[0] == 0
    assert reader.seen == [0, 1]
    assert not differences(world.state(), corrected.state)
    code, status, listed = statuses(world)
    assert (code, status["fine"]) == (0, True)
    assert [s["state"] for s in listed["sets"]][:2] == ["active", "complete"]


def test_server_ends_all_connections_in_each_kind_of_step(world, before, corrected):
    world.correct()
    with Reader(world, before.published, corrected.published) as reader:
        call = world.night()
        for step in KINDS:
            reach(world, call, step, corrected.seconds[step])
            assert end_backends(world) > 0
        code, out, err = call.wait()
        assert code == 0, out + err
    assert reader.seen == [0, 1]
    tries = dict(
        world.ask("SELECT step, tries FROM ops.run_step WHERE run_id = (SELECT max(run_id) "
                  "FROM ops.run) AND state = 'done'")
    )  # fmt: skip
    assert {step: tries[step] for step in KINDS} == dict.fromkeys(KINDS, 2)
    assert not differences(world.state(), corrected.state)
    world.rebuild()
    assert not differences(world.state(), corrected.state)
