"""The private server: made, started by many, killed, started again."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from coagg import database
from coagg.database import server
from coagg.errors import CoaggError
from coagg.settings import Settings


def postmaster(settings: Settings) -> int:
    found = server.private_server(settings).cluster / "postmaster.pid"
    return int(found.read_text().split("\n", 1)[0])


def test_four_parallel_starts_give_one_server(own: Settings):
    faults = []

    def start():
        try:
            server.start(own)
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    pid = postmaster(own)
    server.start(own)
    assert postmaster(own) == pid


def test_listens_on_its_socket_only_and_not_as_root(own: Settings):
    server.start(own)
    with database.connect(own.for_database("postgres")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.info.host == str(server.private_server(own).socket_dir)
    assert Path(f"/proc/{postmaster(own)}").stat().st_uid != 0
    assert server.private_server(own).socket_dir.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_was_removed_under_its_server_is_made_anew(own: Settings):
    server.start(own)
    old = postmaster(own)
    shutil.rmtree(server.private_server(own).home)
    server.start(own)
    status = Path(f"/proc/{old}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()
    with database.connect(own.for_database("postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_survives_kill_nine_with_its_data(own: Settings):
    server.start(own)
    database.create(own)
    with database.connect(own) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    os.kill(postmaster(own), signal.SIGKILL)
    with database.connect(own) as connection:  # starts it again
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_pid_file_of_another_program_does_not_keep_it_down(own: Settings):
    server.start(own)
    server.stop(own)
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        home = server.private_server(own)
        (home.cluster / "postmaster.pid").write_text(f"{sleeper.pid}\n{home.cluster}\n")
        server.start(own)
        assert home.answers()
    finally:
        sleeper.kill()
        sleeper.wait()


def test_long_paths_get_a_short_socket(tmp_path: Path):
    far = tmp_path / ("x" * 120)
    place = server.Server(far, "nobody").socket_dir
    assert len(f"{place}/.s.PGSQL.5432") <= server.SOCKET_PATH_LIMIT


def test_a_data_folder_that_cannot_be_made_is_named(own: Settings):
    blocked = own.data_dir.parent / "file"
    blocked.write_text("")
    with pytest.raises(CoaggError, match="COAGG_DATA_DIR"):
        server.start(Settings(data_dir=blocked / "data"))


def test_no_postgis_names_three_ways(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "_has_postgis", lambda directory: False)
    with pytest.raises(CoaggError, match=r"COAGG_DATABASE_URL.*apt-get.*docker") as caught:
        server.binaries()
    assert "\n" not in str(caught.value)


def test_unreachable_server_is_one_line():
    settings = Settings(Path("/nonexistent"), "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(CoaggError, match="no connection to none at") as caught:
        database.connect(settings)
    assert "\n" not in str(caught.value)
