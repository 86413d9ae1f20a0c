"""Links planted in the server's folder, which belongs to another user than root, reach nothing."""

import os
import pwd
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from coagg.database import owner as hands
from coagg.database import server
from coagg.errors import CoaggError
from coagg.settings import Settings

VALUABLE = "root's own, must not change\n"


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("links of another user matter to root: run these tests as root")


@pytest.fixture
def valuable(own: Settings, as_root: None) -> Path:
    """A file of root's that the server's user may neither write nor replace."""
    file = own.data_dir.parent / "valuable"
    file.write_text(VALUABLE)
    file.chmod(0o644)
    return file


def plant(settings: Settings, place: str, target: Path) -> None:
    """Put a link into the server's folder, as its owner would."""
    found = server.private_server(settings)
    link = found.home / place
    hands.run_as(found.owner, ["rm", "-rf", str(link)])
    assert hands.run_as(found.owner, ["ln", "-s", str(target), str(link)]).returncode == 0


def unharmed(file: Path) -> bool:
    facts = file.stat()
    return (file.read_text(), facts.st_uid, stat.S_IMODE(facts.st_mode)) == (VALUABLE, 0, 0o644)


@pytest.mark.parametrize(
    "place",
    [
        "start.lock",
        "start.log",
        "cluster/coagg.conf",
        "cluster/coagg.conf.new",
        "cluster/postmaster.pid",
        "cluster/log",
        "socket/.s.PGSQL.5432.lock",
    ],
)
def test_a_link_in_the_servers_folder_harms_no_file_of_root(
    own: Settings, valuable: Path, place: str
):
    server.start(own)
    server.stop(own)
    plant(own, place, valuable)
    with suppress(CoaggError):  # where PostgreSQL itself must write it may not start
        server.start(own)
    assert unharmed(valuable)


@pytest.mark.parametrize("place", ["cluster.new", "cluster"])
def test_a_link_in_place_of_the_cluster_harms_no_folder_of_root(
    own: Settings, as_root: None, place: str
):
    folder = own.data_dir.parent / "folder"
    folder.mkdir()
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf", "coagg.conf", "PG_VERSION"):
        (folder / name).write_text("15\n")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    found = server.private_server(own)
    hands.make_home(found.home, found.owner)
    plant(own, place, folder)
    if place == "cluster":
        with pytest.raises(CoaggError):
            server.start(own)
    else:
        server.start(own)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert folder.stat().st_uid == 0


def test_the_servers_folder_itself_may_be_no_link_of_another(own: Settings, as_root: None):
    target = own.data_dir.parent / "target"
    target.mkdir(mode=0o755)
    own.data_dir.mkdir(mode=0o777)
    own.data_dir.chmod(0o777)
    owner = server.private_server(own).owner
    done = hands.run_as(owner, ["ln", "-s", str(target), str(own.data_dir / "server")])
    assert done.returncode == 0
    with pytest.raises(CoaggError, match=f"is not a folder of the user {owner}.*COAGG_DATA_DIR"):
        server.start(own)
    assert (target.stat().st_uid, stat.S_IMODE(target.stat().st_mode)) == (0, 0o755)


@pytest.mark.parametrize("kind", ["link", "folder of another"])
def test_a_socket_folder_taken_in_tmp_is_refused(own: Settings, as_root: None, kind: str):
    far = Settings(own.data_dir.parent / ("x" * 90) / "data")
    found = server.private_server(far)
    assert found.socket_dir.parent == Path("/tmp")
    target = own.data_dir.parent / "target"
    target.mkdir(mode=0o755)
    try:
        if kind == "link":
            found.socket_dir.symlink_to(target)
        else:
            found.socket_dir.mkdir(mode=0o755)  # root's here: not the server's user's
        with pytest.raises(CoaggError, match="is not a folder of the user"):
            server.start(far)
        assert (target.stat().st_uid, stat.S_IMODE(target.stat().st_mode)) == (0, 0o755)
        assert found.socket_dir.lstat().st_uid == 0
    finally:
        subprocess.run(["rm", "-rf", str(found.socket_dir)], check=True)
        shutil.rmtree(found.home, ignore_errors=True)


def test_only_the_servers_user_may_answer_on_its_socket(own: Settings, as_root: None):
    found = server.start(own)
    assert f"requirepeer={found.owner}" in found.conninfo()
    another = server.Server(found.home, "daemon")
    assert not another.answers()  # a server of another user than expected is no answer


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_servers_files_are_its_users_alone_whatever_the_umask(own: Settings, umask: int):
    before = os.umask(umask)
    try:
        found = server.start(own)
    finally:
        os.umask(before)
    assert stat.S_IMODE(own.data_dir.stat().st_mode) == 0o711  # passed by the server's user
    uid = pwd.getpwnam(found.owner).pw_uid
    for path in [found.home, *found.home.rglob("*")]:
        facts = path.lstat()
        assert facts.st_uid == uid, path
        if not stat.S_ISSOCK(facts.st_mode):
            assert facts.st_mode & 0o077 == 0, path
