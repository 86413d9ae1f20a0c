"""Ctrl-C says what is kept and how to go on; a closed pipe is quiet."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from coagg import database

PROGRAM = [sys.executable, "-c", "from coagg.cli import main; main()"]
FIRMS = 60_000


@pytest.fixture
def start(db_settings):
    """Start the command line on the test's data base."""
    environment = {
        **os.environ,
        "COAGG_DATABASE_URL": database.conninfo(db_settings),
        "COAGG_DATA_DIR": str(db_settings.data_dir),
    }

    def call(*words):
        return subprocess.Popen(
            [*PROGRAM, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    return call


@pytest.fixture
def watch(db_settings):
    """Wait until a statement is true while a process runs."""

    def wait(process, statement, seconds=120):
        with database.connect(db_settings, autocommit=True) as connection:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and process.poll() is None:
                with contextlib.suppress(Exception):
                    if connection.execute(statement).fetchone()[0]:
                        return
                time.sleep(0.01)
        raise AssertionError(f"never true: {statement}; {process.communicate()}")

    return wait


def stopped(process):
    """Send what Ctrl-C sends; the one line that is said."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err.startswith("coagg: stopped: ")
    assert err.count("\n") == 1
    return err


@pytest.fixture
def many_firms(reference_db, put_firms):
    """A year whose index takes long: 4,000 firms of 60 industries in CY."""
    rng = np.random.default_rng(5)
    industry = [f"{code:03d}" for code in rng.integers(131, 191, 4000)]
    lon, lat = 104 + rng.normal(0, 0.3, 4000), 30.6 + rng.normal(0, 0.3, 4000)
    put_firms(reference_db, 2013, lon, lat, industry)


def test_index_stopped_keeps_what_is_finished(start, watch, many_firms, reference_db):
    process = start("index", "--survey-year", "2013", "--draws", "3000", "--method", "exact",
                    "--workers", "2")  # fmt: skip
    watch(process, "SELECT count(*) > 0 FROM coagglomeration.measurement")
    time.sleep(2)  # at work on its first units, of many seconds each
    assert "finished units are kept; call again to go on" in stopped(process)
    reference_db.execute("SET coagg.results = 'latest'")  # readers see nothing half done
    row = reference_db.execute(
        "SELECT coalesce(sum(pairs), 0) = (SELECT count(*) FROM coagglomeration.pair_result) "
        "FROM coagglomeration.unit"
    ).fetchone()
    assert row == (True,)


def test_load_stopped_changes_nothing(start, watch, tmp_path, reference_db):
    file = tmp_path / "firms.csv"
    rng = np.random.default_rng(1)
    lon, lat = 104 + rng.normal(0, 0.2, FIRMS), 30.6 + rng.normal(0, 0.2, FIRMS)
    with file.open("w") as out:
        out.write("firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\n")
        for n in range(FIRMS):
            out.write(f"{n:09d},firm {n},5101,3610,100,10,{lon[n]:.6f},{lat[n]:.6f}\n")
    process = start("load", "firms", file, "--survey-year", "2013", "--layout", "demo",
                    "--datum", "wgs84")  # fmt: skip
    watch(process, "SELECT count(*) > 0 FROM pg_stat_progress_copy")
    assert "nothing was changed" in stopped(process)
    query = "SELECT (SELECT count(*) FROM clean.firm), (SELECT count(*) FROM ops.load)"
    assert reference_db.execute(query).fetchone() == (0, 0)


def test_rebuild_stopped_keeps_its_steps(start, watch, many_firms, reference_db):
    reference_db.execute(
        "INSERT INTO ops.load (country, survey_year, file_name, file_sha256, file_bytes, layout, "
        "datum, file_format, settings_sha256, rows_read, rows_clean, rows_refused, counts, "
        "partition_name, code_version) VALUES ('CN', 2013, 'f', 'f', 1, 'demo', 'wgs84', 'csv', "
        "'s', 4000, 4000, 0, '{}', 'p', '0')"
    )
    reference_db.commit()
    process = start("rebuild", "--workers", "1")
    watch(
        process,
        "SELECT count(*) > 0 FROM ops.run_step WHERE step = 'match firms' AND state = 'done'",
    )
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "coagg: stopped: finished steps are kept; call again to go on\n"
    done = "SELECT step FROM ops.run_step WHERE state = 'done'"
    assert reference_db.execute(done).fetchall() == [("match firms",)]


def test_a_closed_pipe_is_quiet(start):
    process = start("show", "industries", "--classification", "uksic2007", "--digits", "5")
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(30) in (0, 1)


def test_a_pipe_closed_before_anything_is_said_is_quiet(start):
    process = start("check")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(30) in (0, 1)
