"""Short nights of three small years, files to index: the long ones are in the files named slow."""

import json
import os
import signal
import time

import numpy as np
import pytest
from support.nights import Reader, World, at_work, differences, end_backends, statuses, wait_for

from coagg import database
from coagg.database import locks
from coagg.settings import DEMO_SUFFIX

TOWNS = {"5101": (104.07, 30.65), "4401": (113.30, 23.15)}
HEAD = b"firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\n"
YEARS = (2010, 2011, 2012)
CODES = (1370, 1510, 1540, 1730, 2040, 2210)  # of one edition of the classification alone


def write_year(path, year):
    """A file of firms around two towns."""
    rng = np.random.default_rng(year)
    with path.open("wb") as file:
        file.write(HEAD)
        for n in range(240):
            place, centre = list(TOWNS.items())[n % 2]
            lon, lat = centre + rng.normal(0, 0.1, 2)
            line = f"{n:09d},firm {n},{place},{CODES[n // 2 % 6]},100,10,{lon:.6f},{lat:.6f}\n"
            file.write(line.encode())


def listed(years):
    """A list of inputs of these years."""
    files = "".join(
        f'[[firms]]\nfile = "survey_{year}.csv"\nsurvey_year = {year}\n'
        f'layout = "demo"\ndatum = "wgs84"\naccept = "small on purpose"\n\n'
        for year in years
    )
    return (
        files + '[index]\ndraws = 20\nseed = 1\nmethod = "exact"\nclassification = "gbt4754_2002"\n'
    )


@pytest.fixture(scope="module")
def small(databases, reference_template, tmp_path_factory, away):
    """The world of these nights, and what its tables say."""
    folder = tmp_path_factory.mktemp("small") / "files"
    folder.mkdir()
    for year in YEARS:
        write_year(folder / f"survey_{year}.csv", year)
    (folder / "inputs.toml").write_text(listed(YEARS))
    name = databases.copy(reference_template, DEMO_SUFFIX).database_name
    world = World(away.for_database(name), folder / "inputs.toml")
    world.rebuild()
    return world, world.state(), world.published()


@pytest.fixture
def world(small, databases, tmp_path):
    """A copy of it."""
    name = databases.copy(small[0].settings, DEMO_SUFFIX).database_name
    made = small[0].beside(tmp_path / "files", small[0].settings.for_database(name))
    yield made
    database.drop(made.settings)


@pytest.fixture(scope="module")
def corrected(small, databases, tmp_path_factory):
    """What an undisturbed rebuild makes of a corrected 2012."""
    name = databases.copy(small[0].settings, DEMO_SUFFIX).database_name
    folder = tmp_path_factory.mktemp("corrected") / "files"
    world = small[0].beside(folder, small[0].settings.for_database(name))
    world.correct(2012)
    world.rebuild()
    return world.state(), world.published()


def test_killed_then_ended_by_the_server_then_whole(world, small, corrected):
    world.correct(2012)
    with Reader(world, small[2], corrected[1]) as reader:
        call = world.night()
        wait_for(lambda: at_work(world, call) == "index CN 2012", call)
        call.kill()
        code, status, listed_ = statuses(world)
        assert (code, status["last_run"]["state"]) == (1, "killed")
        assert listed_["sets"][0]["unfinished"] == ["rebuild: it was stopped"]
        assert reader.seen == [0]
        call = world.night()
        wait_for(lambda: at_work(world, call), call)
        assert end_backends(world) > 1
        code, out, err = call.wait()
        assert code == 0, out + err
    assert reader.seen == [0, 1]
    assert not differences(world.state(), corrected[0])
    assert statuses(world)[0] == 0


def test_a_refused_year_leaves_the_set_unfinished_until_it_is_mended(world, small, corrected):
    world.correct(2012)
    file = world.inputs.with_name("survey_2011.csv")
    whole = file.read_bytes()
    file.write_bytes(b"")
    with Reader(world, small[2]):
        for _ in range(2):  # and a second night says it once
            code, _, err = world.night().wait()
            assert (code, "1 steps failed; first firms CN 2011" in err) == (1, True)
            code, _, said = statuses(world)
            assert code == 1
            assert said["sets"][0]["state"] == "unfinished"
            assert len(said["sets"][0]["unfinished"]) == 1
            assert "firms CN 2011" in said["sets"][0]["unfinished"][0]
    file.write_bytes(whole)
    assert world.night().wait()[0] == 0
    assert not differences(world.state(), corrected[0])


def test_corrected_and_back_in_another_order(world, small, corrected):
    file = world.inputs.with_name("survey_2012.csv")
    first = file.read_bytes()
    world.correct(2012)
    world.rebuild()
    assert not differences(world.state(), corrected[0])
    file.write_bytes(first)
    world.inputs.write_text(listed(YEARS[::-1]))
    world.rebuild()
    assert not differences(world.state(), small[1])
    world.inputs.write_text(listed((2012, 2010)))
    world.rebuild(prune=True)
    assert differences(world.state(), small[1])
    world.inputs.write_text(listed(YEARS))
    world.rebuild()
    assert not differences(world.state(), small[1])
    units = world.ask(
        "SELECT survey_year, agglomeration_code FROM coagglomeration.unit_version "
        "WHERE from_set = (SELECT max(set_id) FROM ops.result_set) ORDER BY 1, 2"
    )
    assert units == [(2011, "CY"), (2011, "PRD")]


def test_a_rebuild_that_lost_its_lock_alone_ends_when_another_has_it(world, small, corrected):
    """Nothing but the connection that holds the lock is lost: no step fails of it."""
    world.correct(2012)
    call = world.night()
    try:
        wait_for(lambda: at_work(world, call) == "firms CN 2012", call)
        os.kill(call.process.pid, signal.SIGSTOP)
        holds = (
            "FROM pg_locks WHERE relation = 'ops.lock'::regclass "
            "AND mode = 'ShareUpdateExclusiveLock'"
        )
        ((ended,),) = world.ask(f"SELECT count(pg_terminate_backend(pid)) {holds}")
        assert ended == 1
        while world.ask(f"SELECT {holds}"):
            time.sleep(0.01)
        with database.connect(world.settings) as other:
            assert locks.take_rebuild(other)
            os.kill(call.process.pid, signal.SIGCONT)
            code, _, err = call.wait()
        assert code == 2
        assert "another rebuild of this data base began" in err
    finally:
        if call.process.is_alive():
            call.kill()
    assert world.night().wait()[0] == 0
    assert not differences(world.state(), corrected[0])


def test_a_rebuild_that_is_refused_leaves_no_trace_in_the_results(world):
    with database.connect(world.settings) as other:
        assert locks.take_rebuild(other)
        world.correct(2012)
        code, _, err = world.night().wait()
        assert (code, "another rebuild or withdrawal" in err) == (2, True)
        rows = other.execute("SELECT FROM ops.result_job").fetchall()
        assert rows == []


def test_the_newest_measurement_is_not_found_by_a_clock(world):
    """The clock was ahead when the first was measured, and has been set back since."""
    with database.connect(world.settings) as connection:
        connection.execute(
            "UPDATE coagglomeration.unit_version SET finished_at = finished_at + interval '1 year'"
        )
    code, _, err = world.call(
        "index", "--survey-year", 2012, "--draws", 30, "--seed", 1, "--method", "exact",
        "--workers", 1,
    ).wait()  # fmt: skip
    assert code == 0, err
    code, out, err = world.call("show", "pairs", "--agglomeration", "CY", "--json").wait()
    assert code == 0, err
    ((newest,),) = world.ask("SELECT max(measurement_id) FROM coagglomeration.measurement")
    assert json.loads(out)["measurement_id"] == newest
