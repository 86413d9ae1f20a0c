"""The private PostgreSQL server: a socket in the data folder, no port, no root, no system cluster.

`start` is safe to call at any time by any number of processes: it makes the cluster if there is
none, mends what a `kill -9` left, and returns when the server itself answers.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import pwd
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from coagg.database import adoption, server_log
from coagg.database import owner as hands
from coagg.errors import CoaggError
from coagg.settings import MAIN_DATABASE, Settings

ADMINISTRATOR = "coagg"  # the superuser initdb makes: adds PostGIS and roles, nothing else
OWNER = "coagg_owner"  # whom the program is every day: owns the data bases, no superuser
PORT = 5432  # part of the socket's name only, until `doors` opens the server on loopback
SOCKET_PATH_LIMIT = 107  # sun_path of Linux
START_SECONDS = 60
RECOVERY_SECONDS = 600  # after a crash at most max_wal_size is read again

WAYS = (
    "three ways to have one: set COAGG_DATABASE_URL to a server with PostGIS; or install local "
    "binaries (Debian, Ubuntu: apt-get install postgresql postgis 'postgresql-*-postgis-3'); or "
    "docker compose -f docker/compose.yaml up"
)

CONFIGURATION = """
# written by coagg; the server of this data folder only
listen_addresses = ''
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
port = {port}
max_connections = 60
shared_buffers = 256MB
work_mem = 64MB
maintenance_work_mem = 256MB
effective_cache_size = 2GB
random_page_cost = 1.1
max_wal_size = 4GB
wal_level = minimal
max_wal_senders = 0
jit = off
client_connection_check_interval = 2000
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = 'log'
log_filename = 'server-%a.log'
log_rotation_size = 20MB
log_truncate_on_rotation = on
"""


@dataclass(frozen=True)
class Server:
    """Paths and owner of the private server of one data folder."""

    home: Path
    owner: str

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.home / "cluster"

    @property
    def socket_dir(self) -> Path:
        """Directory of the unix socket; a short one in /tmp where the path would be too long."""
        near = self.home / "socket"
        if len(f"{near}/.s.PGSQL.{PORT}".encode()) <= SOCKET_PATH_LIMIT:
            return near
        return Path("/tmp") / f"coagg-{hashlib.sha256(bytes(self.home)).hexdigest()[:12]}"

    @property
    def port(self) -> int:
        """Number in the name of the socket; `PORT` where there is none yet."""
        numbers = []
        with suppress(OSError):
            for name in os.listdir(self.socket_dir):
                ending = name.removeprefix(".s.PGSQL.")
                numbers += [int(ending)] if ending.isdigit() else []
        return numbers[0] if len(numbers) == 1 else PORT

    def conninfo(self, database: str = MAIN_DATABASE, role: str = OWNER) -> str:
        """Connection string of a data base of this server."""
        place = self.socket_dir
        parts: dict[str, str | int | None] = {
            "host": str(place),
            "port": self.port,
            "user": role,
            "dbname": database,
        }
        if os.geteuid() == 0 or place.parent == Path("/tmp"):
            parts["requirepeer"] = self.owner  # nobody else's server may answer there
        return psycopg.conninfo.make_conninfo("", **parts)

    def answers(self, timeout_seconds: int = 3, role: str = ADMINISTRATOR) -> bool:
        """Ask the server itself (a pid file can be fooled by a zombie or a reused pid)."""
        target = self.conninfo("postgres", role)
        try:
            psycopg.connect(target, connect_timeout=timeout_seconds).close()
        except psycopg.OperationalError:
            return False
        return True


def private_server(settings: Settings) -> Server:
    """The server of the data folder; root's is owned by an unprivileged user."""
    if os.geteuid() != 0:
        return Server(_home(settings.data_dir), _own_name())
    owner = settings.server_user or ("postgres" if _has_user("postgres") else "nobody")
    if not _has_user(owner):
        raise CoaggError(f"no user {owner!r} on this machine: name another in COAGG_SERVER_USER")
    if pwd.getpwnam(owner).pw_uid == 0:
        raise CoaggError("PostgreSQL refuses to run as root: name another in COAGG_SERVER_USER")
    home = _home(settings.data_dir)
    if not _reachable(settings.data_dir, owner):
        # a clone in root's home: its owner may not pass, so the server's files live where it may
        tag = hashlib.sha256(bytes(settings.data_dir)).hexdigest()[:12]
        home = Path("/var/lib/coagg") / tag
    return Server(home, owner)


def binaries() -> Path:
    """Directory of the newest local PostgreSQL that has PostGIS.

    Raises CoaggError naming the three ways to get one where there is none.
    """
    candidates = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -_number(p.parent.name)
    )
    on_path = shutil.which("postgres")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for directory in candidates:
        if (directory / "initdb").exists() and _has_postgis(directory):
            return directory
    raise CoaggError(f"no PostgreSQL with PostGIS found; {WAYS}")


def start(settings: Settings) -> Server:
    """Start the private server (making it first if need be) and return when it answers."""
    server = private_server(settings)
    if server.answers(role=OWNER):
        return server
    bin_dir = binaries()
    hands.make_home(server.home, server.owner)
    with hands.exclusive(server.home):
        if server.answers():
            _make_owner(server)
            _let_through(server)  # the folder was closed above
            return server
        if hands.read(server.owner, server.cluster / "PG_VERSION") is None:
            _initialise(server, bin_dir)
        _check_version(server, bin_dir)
        hands.make_inside(server.socket_dir, server.owner)
        configuration = CONFIGURATION.format(socket_dir=server.socket_dir, port=PORT)
        hands.write(server.owner, server.cluster / "coagg.conf", configuration)
        _remove_stale_locks(server)
        _launch(server, bin_dir)
        _make_owner(server)
        _let_through(server)
    return server


def stop(settings: Settings, mode: str = "fast") -> bool:
    """Stop the private server; False when it was not running.

    `mode`: fast writes everything out first; immediate leaves that to the next start.
    """
    server = private_server(settings)
    if not server.answers():
        return False
    command = [str(binaries() / "pg_ctl"), "-D", str(server.cluster), "-w"]
    command += ["-t", str(START_SECONDS), "-m", mode, "stop"]
    done = hands.run_as(server.owner, command)
    if done.returncode:
        raise CoaggError(
            f"the server did not stop: {server_log.telling_line(done.stdout) or done.returncode}"
        )
    return True


def status(settings: Settings) -> dict[str, str]:
    """What a person asks about the private server, as label and value."""
    server = private_server(settings)
    facts = {
        "state": "running" if server.answers() else "stopped",
        "data folder": str(server.home),
        "socket": str(server.socket_dir),
        "runs as": server.owner,
    }
    version = hands.read(server.owner, server.cluster / "PG_VERSION")
    if version is not None:
        facts["PostgreSQL"] = version.strip()
    else:
        facts["state"] = "not made yet (coagg db start makes it)"
    return facts


def _initialise(server: Server, bin_dir: Path) -> None:
    _end_servers_of_removed(server)
    new = server.home / "cluster.new"  # renamed when whole, so a kill leaves no half cluster
    hands.remove(server.owner, new)
    command = [str(bin_dir / "initdb"), "-D", str(new), "--username", ADMINISTRATOR]
    command += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "peer", "--no-instructions"]
    done = hands.run_as(server.owner, command)
    if done.returncode:
        hands.remove(server.owner, new)
        line = server_log.telling_line(done.stdout) or f"exit code {done.returncode}"
        advice = server_log.remedy(line, server.owner, server.home)
        raise CoaggError(f"initdb failed in {new}: {line}; {advice}")
    identities = "".join(f"coagg {user} {ADMINISTRATOR}\n" for user in _users(server))
    hands.write(server.owner, new / "pg_hba.conf", "local all all peer map=coagg\n")
    hands.write(server.owner, new / "pg_ident.conf", identities)
    configuration = hands.read(server.owner, new / "postgresql.conf") or ""
    configuration += "include 'coagg.conf'\n"  # written anew at every start
    hands.write(server.owner, new / "postgresql.conf", configuration)
    hands.write(server.owner, new / "coagg.conf", "")
    hands.rename(server.owner, new, server.cluster)


def _make_owner(server: Server) -> None:
    """Make the role that the program is every day; data bases of older releases become its own."""

    def administrator(name: str) -> psycopg.Connection:
        return psycopg.connect(server.conninfo(name, ADMINISTRATOR), autocommit=True)

    adoption.make_owner(administrator, OWNER, _users(server))


def _let_through(server: Server) -> None:
    """Let other users pass to the socket of a server that was opened to them (`doors`)."""
    with psycopg.connect(server.conninfo("postgres", ADMINISTRATOR)) as connection:
        row = connection.execute("SHOW unix_socket_permissions").fetchone()
    if row == ("0777",):
        hands.open_to_pass(server.owner, server.home, server.socket_dir)


def _users(server: Server) -> list[str]:
    """Users of the machine who are administrator and owner of the server."""
    return sorted({server.owner, "root", _own_name()})


def _launch(server: Server, bin_dir: Path) -> None:
    """Start the server and wait while it lives; CoaggError with its last words when it ends."""
    log = server.home / "start.log"
    command = [str(bin_dir / "pg_ctl"), "-D", str(server.cluster), "-w"]
    command += ["-t", str(START_SECONDS), "-l", str(log)]
    command += ["-o", f"-c unix_socket_directories='{server.socket_dir}'", "start"]
    began = time.monotonic()
    while True:
        before = server_log.sizes(log, server.cluster / "log")
        done = hands.run_as(server.owner, command)
        if server.answers():
            return
        line = server_log.since(server.owner, before) or server_log.telling_line(done.stdout)
        ended = "could not start server" in done.stdout
        if ended and line is not None and not server_log.passes(line):
            patience = 0
        elif ended and not _processes_in(str(server.cluster)):
            patience = START_SECONDS if line is not None else 5
        else:  # it recovers; or, after kill -9, orphans hold the old shared memory for a moment
            patience = RECOVERY_SECONDS
        if time.monotonic() - began >= patience:
            line = line or "its log says nothing"
            advice = server_log.remedy(line, server.owner, server.home)
            raise CoaggError(f"the private server does not start: {line}; {advice} (log: {log})")
        time.sleep(0.5)
        _remove_stale_locks(server)


def _remove_stale_locks(server: Server) -> None:
    """Remove pid files whose pid is a zombie or was given to another program.

    PostgreSQL itself sees to a pid that is gone. Nothing is removed while any process still works
    in the cluster: its pid file is what keeps a second server off the orphans' shared memory.
    """
    if _processes_in(str(server.cluster)):
        return
    sockets = server.socket_dir.glob(".s.PGSQL.*")
    hands.remove(server.owner, server.cluster / "postmaster.pid", *sockets)


def _end_servers_of_removed(server: Server) -> None:
    """End a server whose data folder was removed under it.

    Left alone it would notice within a minute, and take the new server's socket with it.
    """
    deadline = time.monotonic() + START_SECONDS
    while (orphans := _processes_in(f"{server.cluster} (deleted)")) and time.monotonic() < deadline:
        pids = map(str, orphans)
        # as their owner: anybody can name a folder of his own like that
        hands.run_as(server.owner, ["/bin/sh", "-c", 'kill -QUIT "$@"', "sh", *pids])
        time.sleep(0.2)


def _processes_in(folder: str) -> list[int]:
    """Living processes that have the folder as working directory, as all servers have theirs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == folder:
                found.append(int(process.name))
        except OSError:  # gone meanwhile, a zombie, or another user's
            continue
    return found


def _reachable(path: Path, user: str) -> bool:
    entry = pwd.getpwnam(user)
    for parent in [path, *path.parents]:
        if not parent.is_dir():
            continue
        facts = parent.stat()
        if facts.st_uid == entry.pw_uid:
            passes = facts.st_mode & 0o100
        elif facts.st_gid == entry.pw_gid:
            passes = facts.st_mode & 0o010
        else:
            passes = facts.st_mode & 0o001
        if not passes:
            return False
    return True


def _check_version(server: Server, bin_dir: Path) -> None:
    made = (hands.read(server.owner, server.cluster / "PG_VERSION") or "").strip()
    have = hands.run_as(server.owner, [str(bin_dir / "postgres"), "--version"]).stdout
    if not re.search(rf"\b{re.escape(made)}[.\d]*\b", have):
        raise CoaggError(
            f"{server.cluster} was made by PostgreSQL {made}, found {have.strip()}: install that "
            "version, or dump with it and load again into a new COAGG_DATA_DIR"
        )


def _has_postgis(bin_dir: Path) -> bool:
    version = bin_dir.parent.name
    shares = [Path(f"/usr/share/postgresql/{version}"), bin_dir.parent / "share/postgresql"]
    shares.append(bin_dir.parent / "share")
    return any((share / "extension/postgis.control").exists() for share in shares)


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _number(text: str) -> float:
    found = re.match(r"\d+(\.\d+)?", text)
    return float(found.group()) if found else -1.0


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without a name
        return getpass.getuser()


def _home(data_dir: Path) -> Path:
    """The server's folder; through a link where this user or root moved it to another place."""
    home = data_dir / "server"
    if home.is_symlink() and home.lstat().st_uid in (0, os.geteuid()):
        return home.resolve()
    return home
