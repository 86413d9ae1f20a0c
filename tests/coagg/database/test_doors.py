"""Other users of the machine, and programs on loopback: let in when asked, and only then."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator

import geopandas
import psycopg
import pytest
import sqlalchemy

from coagg import database
from coagg.database import adoption, doors, roles, server
from coagg.errors import CoaggError
from coagg.settings import Settings

COLUMNS = "agglomeration_code, name, geom"


@pytest.fixture
def other_user() -> Iterator[str]:
    """A user of the machine who owns nothing; only root can make one."""
    if os.geteuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("a second user of the machine can only be made by root")
    name = f"visitor{os.getpid()}"
    subprocess.run(["useradd", "--system", "--shell", "/bin/sh", name], check=True)
    yield name
    subprocess.run(["userdel", name], check=True)


def run_as(user: str, *command: str) -> subprocess.CompletedProcess[str]:
    entry = pwd.getpwnam(user)
    return subprocess.run(
        command, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": "/tmp"}, capture_output=True, text=True,
    )  # fmt: skip


def read_as(user: str, target: str) -> str:
    """What GeoPandas reads in a process of the other user (who may not run our interpreter)."""
    processes = multiprocessing.get_context("fork")
    here, there = processes.Pipe()

    def read() -> None:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(target)
        )
        found = geopandas.read_postgis(f"SELECT {COLUMNS} FROM reference.agglomeration", engine)
        there.send(f"{len(found)} layer in {found.crs}")

    process = processes.Process(target=read)
    process.start()
    process.join(60)
    return here.recv() if here.poll() else f"exit code {process.exitcode}"


def put_agglomeration(settings: Settings) -> None:
    database.upgrade(settings)
    with database.connect(settings) as connection:
        connection.execute(
            "INSERT INTO reference.agglomeration (country, agglomeration_code, name, geom) VALUES "
            "('CN', 'CY', '成渝', 'SRID=4326;MULTIPOLYGON(((104 30, 105 30, 105 31, 104 30)))')"
        )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_second_user_comes_in_by_the_socket_when_it_is_opened(own: Settings, other_user: str):
    put_agglomeration(own)
    access = roles.grant(own, other_user)
    assert access.os_user == other_user
    place = server.private_server(own)
    target = f"host={place.socket_dir} port=5432 user={other_user} dbname=coagg"
    question = f"SELECT {COLUMNS.replace('geom', 'ST_NPoints(geom)')} FROM reference.agglomeration"
    psql = [str(server.binaries() / "psql"), "-Atqc"]
    shut = run_as(other_user, *psql, question, target)
    assert shut.returncode
    assert "Permission denied" in shut.stderr
    assert str(doors.open_socket(own)) == str(place.socket_dir)
    assert run_as(other_user, *psql, question, target).stdout == "CY|成渝|4\n"
    assert target in roles.described(own, access)
    # not as anybody else, and no further into the folder
    for role in ("coagg", "coagg_owner"):
        wrong = run_as(
            other_user, *psql, "SELECT 1", target.replace(f"user={other_user}", f"user={role}")
        )
        assert "Peer authentication failed" in wrong.stderr
    for folder in (place.home, place.cluster):
        assert run_as(other_user, "ls", str(folder)).returncode
    if shutil.which("ogr2ogr"):
        layer = run_as(
            other_user, "ogr2ogr", "-f", "GeoJSON", "/vsistdout/", f"PG:{target}",
            "reference.agglomeration",
        )  # fmt: skip
        assert (layer.returncode, '"agglomeration_code": "CY"' in layer.stdout) == (0, True), layer
    # read once as ourselves, so that all modules are there when the other user reads
    geopandas.read_postgis(f"SELECT {COLUMNS} FROM reference.agglomeration", database.engine(own))
    assert read_as(other_user, target) == "1 layer in EPSG:4326"
    # it stays open over a restart, and closes
    server.stop(own)
    server.start(own)
    assert run_as(other_user, *psql, question, target).returncode == 0
    # nor is it closed when the owner is made anew
    with database.administer(own, autocommit=True) as connection:
        connection.execute("ALTER ROLE coagg_owner NOLOGIN")
    server.start(own)
    assert run_as(other_user, *psql, question, target).returncode == 0
    doors.close(own)
    assert run_as(other_user, *psql, question, target).returncode
    assert stat.S_IMODE(place.home.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.socket_dir.stat().st_mode) == 0o700


def test_loopback_asks_for_a_password_and_knows_no_owner(own: Settings):
    put_agglomeration(own)
    roles.grant(own, "ana", password="correct horse")
    port = free_port()
    target = f"host=127.0.0.1 port={port} dbname=coagg connect_timeout=5"
    doors.open_loopback(own, port)
    with psycopg.connect(target, user="ana", password="correct horse") as connection:
        assert connection.execute("SELECT count(*) FROM reference.agglomeration").fetchone() == (1,)
        assert connection.pgconn.used_password
    for user, password in (
        ("ana", "wrong"), ("ana", ""), ("coagg", "x"), ("coagg_owner", "x"), ("postgres", "x")
    ):  # fmt: skip
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(target, user=user, password=password)
    with database.connect(own) as connection:  # the program itself still finds its socket
        assert connection.info.port == port
        listens = connection.execute("SHOW listen_addresses").fetchone()
        assert listens == ("127.0.0.1",)
        with pytest.raises(CoaggError, match=r"others are connected.*--restart"):
            doors.close(own)
    with database.administer(own) as connection:
        (stored,) = connection.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = 'ana'"
        ).fetchone()
        assert stored.startswith("SCRAM-SHA-256$")
    server.stop(own)
    assert doors.state(own) == {"socket": False, "loopback": True, "port": port}
    doors.close(own)
    assert doors.state(own) == {"socket": False, "loopback": False, "port": 5432}
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(target, user="ana", password="correct horse")


def test_a_port_that_is_taken_is_said(own: Settings):
    server.start(own)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CoaggError, match="cannot be had"):
            doors.open_loopback(own, int(taken.getsockname()[1]))
    with pytest.raises(CoaggError, match="1024"):
        doors.open_loopback(own, 80)
    assert server.private_server(own).answers()


def test_a_closed_folder_above_is_named(own: Settings):
    server.start(own)
    if os.geteuid() != 0:
        pytest.skip("the folder's owner needs to be another user than the server's")
    own.data_dir.chmod(0o700)
    os.chown(own.data_dir, pwd.getpwnam(server.private_server(own).owner).pw_uid, -1)
    with pytest.raises(CoaggError, match=f"may not enter {own.data_dir}"):
        doors.open_socket(own)


def test_a_server_of_an_older_release_is_given_to_the_owner(own: Settings):
    """As it was: everything the superuser's, no other role."""
    put_agglomeration(own)
    with database.administer(own, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.of_the_user AS SELECT 1 AS n")
        connection.execute("REASSIGN OWNED BY coagg_owner TO coagg")
        for name in adoption.GROUPS:
            connection.execute(f"DROP OWNED BY {name}")
        connection.execute("UPDATE ops.definitions SET sha256 = 'older'")
        for name in ("postgres", "template1"):
            connection.execute(f"REVOKE ALL ON DATABASE {name} FROM coagg_owner")
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO PUBLIC")
        adoption.write_identities(
            connection, {pair for pair in adoption.identities(connection) if pair[1] == "coagg"}
        )
        for name in adoption.GROUPS:
            connection.execute(f"DROP ROLE {name}")
    assert not server.private_server(own).answers(role=server.OWNER)
    done = database.upgrade(own)
    assert [line for line in done if "definition files applied" in line]
    with database.connect(own) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("coagg_owner",)
        assert connection.execute("SELECT count(*) FROM reference.agglomeration").fetchone() == (1,)
        connection.execute("INSERT INTO public.of_the_user VALUES (2)")
        owners = connection.execute(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace IN "
            "('ops'::regnamespace, 'clean'::regnamespace, 'reference'::regnamespace)"
        ).fetchall()
        assert owners == [("coagg_owner",)]
    assert database.upgrade(own) == []


def test_groups_are_made_as_soon_as_the_role_may_make_them(own: Settings):
    """On a server that is not ours an upgrade may lack the right, and a later one have it."""
    database.upgrade(own)
    target = database.conninfo(own)

    def as_(role: str) -> Settings:
        return Settings(own.data_dir, psycopg.conninfo.make_conninfo(target, user=role))

    owner, superuser = as_("coagg_owner"), as_("coagg")
    with database.connect(superuser) as connection:
        connection.execute("DROP OWNED BY coagg_analyst")
        connection.execute("DROP ROLE coagg_analyst")
    said = database.upgrade(owner)
    assert any(line.startswith("no roles for analysts: this role may not") for line in said)
    assert database.upgrade(owner) == database.pending(owner) == []
    assert database.pending(superuser) == ["roles for analysts would be made first"]
    assert database.upgrade(superuser)
    assert database.upgrade(superuser) == database.upgrade(owner) == []
    with database.connect(superuser) as connection:
        found = connection.execute(
            "SELECT has_table_privilege('coagg_analyst', 'publish.cell', 'SELECT')"
        ).fetchone()
    assert found == (True,)
