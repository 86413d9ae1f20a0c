"""A private server that cannot start says why at once; full disks and lost servers are told."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from coagg import database
from coagg.database import owner as hands
from coagg.database import server, server_log
from coagg.errors import CoaggError
from coagg.settings import Settings

SOON = 15  # seconds; a start that fails was waited for a whole minute


def shell(settings: Settings, script: str) -> None:
    """Do something to the cluster as the server's user."""
    found = server.private_server(settings)
    done = hands.run_as(found.owner, ["sh", "-c", f"cd {found.cluster} && {script}"])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("echo 'shared_bufers = 1' >> postgresql.conf", "shared_bufers.*mend that line"),
        ("echo 'work_mem = oops' >> postgresql.auto.conf", "work_mem.*mend that line"),
        ("chmod 755 .", "permissions.*chmod"),
        ("printf zz | dd of=global/pg_control seek=40 bs=1 conv=notrunc", "damaged: restore"),
        ("dd if=/dev/urandom of=global/pg_control bs=1k count=8", "damaged: .*restore|or damaged"),
        ("rm -r pg_wal/*", "damaged: restore"),
        ("echo 14 > PG_VERSION", "was made by PostgreSQL 14.*install that version"),
        ("echo 'include_dir = nowhere' >> postgresql.conf", "nowhere"),
    ],
)
def test_a_server_that_cannot_start_says_why_at_once(own: Settings, harm: str, words: str):
    server.start(own)
    server.stop(own)
    shell(own, harm)
    began = time.monotonic()
    with pytest.raises(CoaggError, match=words) as caught:
        server.start(own)
    assert time.monotonic() - began < SOON
    assert "\n" not in str(caught.value)


def test_a_socket_in_use_is_told(own: Settings):
    found = server.start(own)
    server.stop(own)
    lock = found.socket_dir / ".s.PGSQL.5432.lock"
    facts = found.cluster.stat()
    identity = {"user": facts.st_uid, "group": facts.st_gid} if os.geteuid() == 0 else {}
    sleeper = subprocess.Popen(["sleep", "60"], cwd="/", **identity)
    holder = subprocess.Popen(["sh", "-c", f"cd {found.cluster} && exec sleep 60"], **identity)
    try:  # a living process that works in the cluster keeps the lock
        hands.write(found.owner, lock, f"{sleeper.pid}\n{found.cluster}\n0\n5432\n\n\n")
        time.sleep(0.3)
        before = server.RECOVERY_SECONDS
        server.RECOVERY_SECONDS = 2
        try:
            with pytest.raises(CoaggError, match=r"lock file.*already exists.*old server still"):
                server.start(own)
        finally:
            server.RECOVERY_SECONDS = before
    finally:
        for process in (sleeper, holder):
            process.kill()
            process.wait()
    server.start(own)
    assert found.answers()


def test_kill_nine_leaves_a_pid_file_and_orphans_that_are_waited_for(own: Settings):
    server.start(own)
    database.create(own)
    with database.connect(own, autocommit=True) as connection:
        sleeper = subprocess.Popen(
            ["psql", connection.info.dsn, "-qc", "SELECT pg_sleep(30)"], stderr=subprocess.DEVNULL
        )
        time.sleep(0.5)
    pid_file = server.private_server(own).cluster / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    assert pid_file.exists()
    began = time.monotonic()
    server.start(own)
    assert time.monotonic() - began < 40
    sleeper.kill()
    sleeper.wait()


@pytest.fixture
def small_disk(own: Settings) -> Iterator[Settings]:
    """Settings whose data folder is a disk of 150 MB of its own."""
    own.data_dir.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root only: run these tests as root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=150m,mode=711", "tmpfs", str(own.data_dir)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield own
    finally:
        server.stop(own, mode="immediate")
        subprocess.run(["umount", "-l", str(own.data_dir)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to the last byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        block = 1 << 20
        while block:
            try:
                file.write(b"x" * block)
            except OSError:
                block //= 2
    assert shutil.disk_usage(folder).free < 4096
    return filler


def test_a_disk_that_fills_under_a_statement_is_told_and_nothing_lost(small_disk: Settings):
    server.start(small_disk)
    database.create(small_disk)
    with database.connect(small_disk) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    with pytest.raises(psycopg.Error) as caught, database.connect(small_disk) as connection:
        connection.execute(
            "CREATE TABLE huge AS SELECT repeat(md5(n::text), 20) FROM "
            "generate_series(1, 1000000) AS n"
        )
    said = database.explained(caught.value, small_disk)
    home = server.private_server(small_disk).home
    assert said is not None
    assert "No space left" in said or "full" in said
    assert f"make room on {home}" in said or "make room on it" in said
    assert "coagg db start" not in said
    with database.connect(small_disk) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_a_disk_without_a_byte_left_is_told(small_disk: Settings):
    found = server.start(small_disk)
    server.stop(small_disk)
    filler = fill(small_disk.data_dir)
    began = time.monotonic()
    with pytest.raises(
        CoaggError, match=r"disk of .* (is full|has \d+ bytes free).*room"
    ) as caught:
        server.start(small_disk)
    assert time.monotonic() - began < SOON
    assert "\n" not in str(caught.value)
    filler.unlink()
    server.start(small_disk)
    assert found.answers()  # its configuration was not half written
    with database.connect(small_disk.for_database("postgres")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_server_that_dies_of_a_full_disk_is_told(small_disk: Settings):
    server.start(small_disk)
    database.create(small_disk)
    with database.connect(small_disk, autocommit=True) as connection:
        connection.execute("CREATE TABLE fat (n text)")
        filler = fill(small_disk.data_dir)
        statement = "INSERT INTO fat SELECT repeat('x', 1000) FROM generate_series(1, 9999)"
        with pytest.raises(psycopg.Error) as caught:  # noqa: PT012
            for _ in range(60):  # until the write-ahead log has no room
                connection.execute(statement)
    said = database.explained(caught.value, small_disk)
    assert said is not None
    assert "full" in said
    assert "room" in said
    assert "coagg db start" not in said
    filler.unlink()
    with database.connect(small_disk) as connection:
        assert connection.execute("SELECT count(*) >= 0 FROM fat").fetchone() == (True,)


def test_the_command_line_says_that_the_disk_is_full(small_disk: Settings):
    fill(small_disk.data_dir)
    done = subprocess.run(
        [sys.executable, "-c", "from coagg.cli import main; main()", "db", "upgrade"],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "COAGG_DATABASE_URL"}
        | {"COAGG_DATA_DIR": str(small_disk.data_dir)},
    )
    assert done.returncode == 2
    assert "make room" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_line_of_a_log_that_matters_is_found():
    log = (
        "2024-01-01 00:00:00.000 UTC [7] LOG:  starting PostgreSQL\n"
        '2024-01-01 00:00:00.000 UTC [7] LOG:  could not bind Unix address "/x": in use\n'
        "2024-01-01 00:00:00.000 UTC [7] FATAL:  could not create any Unix-domain sockets\n"
        "2024-01-01 00:00:00.000 UTC [7] LOG:  database system is shut down\n"
    )
    line = server_log.telling_line(log)
    assert line is not None
    assert line.endswith("FATAL:  could not create any Unix-domain sockets")
    assert "could not bind Unix address" in line
    assert server_log.telling_line("all well\n") is None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SET statement_timeout = 50; SELECT pg_sleep(5)", "statement_timeout"),
        ("SET transaction_read_only = on; CREATE TABLE a (n int)", "for reading only"),
        ("SET ROLE pg_monitor; CREATE TABLE pg_catalog.a (n int)", "ask the owner"),
    ],
)
def test_what_a_person_can_mend_has_its_remedy(
    db: psycopg.Connection, empty_settings: Settings, statement: str, words: str
):
    with pytest.raises(psycopg.Error) as caught:
        db.execute(statement)
    assert words in (database.explained(caught.value, empty_settings) or "")


def test_a_fault_of_the_program_is_not_explained_away(db: psycopg.Connection):
    with pytest.raises(psycopg.errors.UndefinedTable) as caught:
        db.execute("SELECT * FROM nowhere")
    assert database.explained(caught.value) is None
    assert database.explained(KeyError("x")) is None


def test_a_backend_that_was_ended_is_told(db: psycopg.Connection, empty_settings: Settings):
    with database.connect(empty_settings, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (db.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError) as caught:
        db.execute("SELECT 1")
    said = database.explained(caught.value, empty_settings)
    assert said is not None
    assert "call again" in said
