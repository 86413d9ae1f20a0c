"""kill -9 of the loader, of an index run and of the server, each mid-way: nothing half is left."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from coagg import database, prepare
from coagg.database import server
from coagg.settings import LATEST

ROWS = 60_000
INDEX = ("index", "--survey-year", "2013", "--draws", "100", "--seed", "5", "--workers", "1",
         "--method", "exact")  # fmt: skip
RESULT = (
    "SELECT fixed_industry, redrawn_industry, observed_cost, null_mean, null_sd, index "
    "FROM coagglomeration.pair_result ORDER BY 1, 2"
)
STATE = (
    "SELECT (SELECT count(*) FROM clean.firm), (SELECT count(*) FROM clean.refused), "
    "(SELECT count(*) FROM ops.load), "
    "(SELECT count(*) FROM pg_class WHERE relname LIKE 'firm_cn_2013%' AND relkind = 'r')"
)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """A file of firms around Chengdu, long enough to be killed in."""
    path = tmp_path_factory.mktemp("survey") / "made.csv"
    rng = np.random.default_rng(1)
    lon, lat = 104 + rng.normal(0, 0.3, ROWS), 30.6 + rng.normal(0, 0.3, ROWS)
    lon[::100] = 0
    codes = rng.integers(131, 171, ROWS)
    with path.open("w") as file:
        file.write("firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\n")
        for n in range(ROWS):
            file.write(f"{n:09d},firm {n},5101,{codes[n]}0,100,10,{lon[n]:.6f},{lat[n]:.6f}\n")
    return path


@pytest.fixture
def ready(own):
    """A private server of this test alone, with schema and reference data."""
    prepare.prepare(own)
    return own


def coagg(settings, *words):
    environment = {**os.environ, "COAGG_DATA_DIR": str(settings.data_dir)}
    environment.pop("COAGG_DATABASE_URL", None)
    return subprocess.Popen(
        [sys.executable, "-c", "from coagg.cli import main; main()", *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def load(settings, survey):
    return coagg(
        settings, "load", "firms", survey, "--survey-year", "2013", "--layout", "demo",
        "--datum", "wgs84", "--accept", "industries of no classification, made for this test",
    )  # fmt: skip


def query(settings, statement):
    with database.connect(settings) as connection:
        return connection.execute(statement).fetchall()


def wait_for(settings, condition, process, seconds=60):
    """Wait until a statement gives true; False when the process ended before."""
    with database.connect(settings, autocommit=True) as connection:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(Exception):
                if connection.execute(condition).fetchone()[0]:
                    return True
            time.sleep(0.01)
    return False


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


COPYING = "SELECT count(*) > 0 FROM pg_stat_progress_copy"


def finish(process):
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out


def test_loader_killed_leaves_nothing_and_the_rerun_is_whole(ready, survey):
    process = load(ready, survey)
    assert wait_for(ready, COPYING, process)
    kill(process)
    assert query(ready, STATE) == [(0, 0, 0, 0)]
    finish(load(ready, survey))
    ((clean, refused, loads, partitions),) = query(ready, STATE)
    assert (refused, loads, partitions) == (ROWS // 100, 1, 1)
    assert clean == ROWS - refused

    # and a reload that is killed leaves the year as it was
    corrected = survey.with_name("corrected.csv")
    corrected.write_text("".join(survey.read_text().splitlines(keepends=True)[: ROWS // 2]))
    process = load(ready, corrected)
    assert wait_for(ready, COPYING, process)
    kill(process)
    assert query(ready, STATE) == [(clean, refused, loads, partitions)]


def test_server_killed_during_a_load_is_one_line_and_the_rerun_is_whole(ready, survey):
    process = load(ready, survey)
    assert wait_for(ready, COPYING, process)
    pid_file = server.private_server(ready).cluster / "postmaster.pid"
    os.kill(int(pid_file.read_text().split("\n", 1)[0]), signal.SIGKILL)
    for backend in _backends(ready):
        with contextlib.suppress(ProcessLookupError):
            os.kill(backend, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    last = err.strip().splitlines()[-1]
    assert last.startswith("coagg: the data base: ")
    assert last.endswith("nothing half-written was kept: call again")
    assert query(ready, STATE) == [(0, 0, 0, 0)]  # starts the server again
    finish(load(ready, survey))
    assert query(ready, STATE)[0][0] == ROWS - ROWS // 100


def test_index_killed_goes_on_and_ends_with_the_same_numbers(ready, survey):
    few = survey.with_name("few.csv")
    few.write_text("".join(survey.read_text().splitlines(keepends=True)[:1500]))
    finish(load(ready, few))
    finish(coagg(ready, *INDEX))
    expected = query(ready, RESULT)
    assert len(expected) == 40 * 39
    with database.connect(ready) as connection:
        connection.execute("DELETE FROM coagglomeration.unit")
    process = coagg(ready, *INDEX)
    newest = replace(ready, results=LATEST)  # readers see nothing of it before it is complete
    assert wait_for(newest, "SELECT count(*) BETWEEN 1 AND 2 FROM coagglomeration.unit", process)
    kill(process)
    (done,) = query(newest, "SELECT sum(pairs), (SELECT count(*) FROM coagglomeration.pair_result)"
                    " FROM coagglomeration.unit")  # fmt: skip
    assert done[0] == done[1] < len(expected)
    assert query(ready, "SELECT count(*) FROM coagglomeration.unit") == [(0,)]
    out = finish(coagg(ready, *INDEX))
    assert "unchanged, skipped" in out
    assert query(ready, RESULT) == expected


def _backends(settings):
    cluster = server.private_server(settings).cluster
    for process in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if process.isdigit() and os.readlink(f"/proc/{process}/cwd") == str(cluster):
                yield int(process)
