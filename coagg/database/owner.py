"""The hands of the private server's user.

Where root runs the program, the server's folder belongs to another user, who may put links into
it. So nothing in that folder is opened, written, renamed or removed by root: programs of the
system do it, with the rights of the folder's owner. A planted link reaches no further than that.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from coagg import writing
from coagg.errors import CoaggError, remedy

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# written aside and renamed, so that a full disk never leaves half a configuration
_WRITE = 'umask 077; cat >"$1.new" && mv -f "$1.new" "$1" || { rm -f "$1.new"; exit 1; }'


def run_as(
    owner: str, command: list[str], text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program as `owner`, with nothing of our environment; its output in `stdout`.

    `text` is what it reads. Only root can be another; for others `owner` is who they are.
    """
    identity: dict[str, object] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam(owner)
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command,
        cwd="/",
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": "/"},
        **({"stdin": subprocess.DEVNULL} if text is None else {"input": text}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        **identity,
    )


def write(owner: str, path: Path, text: str) -> None:
    """Write a file as its owner, whole or not at all. Raises CoaggError."""
    if read(owner, path) == text:
        return
    done = run_as(owner, ["/bin/sh", "-c", _WRITE, "sh", str(path)], text)
    if done.returncode:
        raise CoaggError(f"{path} cannot be written: {_said(done)}; {_advice(done)}")


def read(owner: str, path: Path, first_byte: int = 0) -> str | None:
    """The end of a file of at most 1 MB, from `first_byte` on; None where it cannot be read."""
    script = 'test -f "$1" && tail -c "+$2" -- "$1" | tail -c 1000000'
    done = run_as(owner, ["/bin/sh", "-c", script, "sh", str(path), str(first_byte + 1)])
    return None if done.returncode else done.stdout


def remove(owner: str, *paths: Path) -> None:
    """Remove files and folders with all that is in them, as their owner. Raises CoaggError."""
    done = run_as(owner, ["rm", "-rf", "--", *map(str, paths)])
    if done.returncode:
        raise CoaggError(f"{paths[0]} cannot be removed: {_said(done)}; {_advice(done)}")


def rename(owner: str, old: Path, new: Path) -> None:
    """Rename a folder as its owner; `new` must not be there. Raises CoaggError."""
    done = run_as(owner, ["mv", "-T", "-n", "--", str(old), str(new)])
    if done.returncode:
        raise CoaggError(f"{old} cannot be renamed: {_said(done)}; {_advice(done)}")


def make_home(path: Path, owner: str) -> None:
    """Make the server's folder, which its owner alone may enter. Raises CoaggError.

    One that is there must be a folder of that owner, no link: nothing is given to a user that was
    not made for him.
    """
    try:
        writing.passable_folder(path.parent)
        with suppress(FileExistsError):
            path.mkdir(mode=writing.PRIVATE_FOLDER)
        folder = os.open(path, _FOLDER)
        try:
            facts = os.fstat(folder)
            if facts.st_uid != _uid(owner):
                # root's own and empty: what the line above made, or what a kill left of it
                if os.geteuid() != 0 or facts.st_uid != 0 or os.listdir(folder):
                    raise _not_ours(path, owner)
                os.fchown(folder, _uid(owner), pwd.getpwnam(owner).pw_gid)
            os.fchmod(folder, writing.PRIVATE_FOLDER)
        finally:
            os.close(folder)
    except OSError as fault:
        if fault.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink():
            raise _not_ours(path, owner) from None
        raise CoaggError(
            f"cannot make {path}: {fault.strerror}; {remedy(fault)}; another data folder is named "
            "in COAGG_DATA_DIR"
        ) from None


def make_inside(path: Path, owner: str) -> None:
    """Make a folder as its owner, in his own folder or in /tmp. Raises CoaggError.

    In /tmp anybody may have put something in its place: a link, or a folder of his own.
    """
    run_as(owner, ["mkdir", "-m", "700", "--", str(path)])
    try:
        facts = path.lstat()
    except OSError as fault:
        raise CoaggError(f"cannot make {path}: {fault.strerror}; {remedy(fault)}") from None
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != _uid(owner):
        raise _not_ours(path, owner)
    run_as(owner, ["chmod", "700", "--", str(path)])


def open_to_pass(owner: str, home: Path, socket_dir: Path) -> None:
    """Let others pass through the server's folder to its socket, as their owner. Raises CoaggError.

    They may list the folder of the socket, and nothing else.
    """
    for mode, path in (("711", home), ("755", socket_dir)):
        done = run_as(owner, ["chmod", mode, "--", str(path)])
        if done.returncode:
            raise CoaggError(f"{path} cannot be opened: {_said(done)}; {_advice(done)}")


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Hold the server's folder: one process at a time starts or makes the server.

    The folder itself is locked, so no file is opened in it. Raises CoaggError.
    """
    with ExitStack() as held:
        try:
            folder = os.open(home, _FOLDER)
            held.callback(os.close, folder)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
            except OSError as fault:
                if fault.errno != errno.EBADF:
                    raise
                # a network file system locks only what is open for writing
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                file = os.open("start.lock", flags, writing.PRIVATE_FILE, dir_fd=folder)
                held.callback(os.close, file)
                fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as fault:
            raise CoaggError(
                f"{home} cannot be locked: {fault.strerror}; {remedy(fault)}"
            ) from None
        yield


def _uid(owner: str) -> int:
    return pwd.getpwnam(owner).pw_uid if os.geteuid() == 0 else os.geteuid()


def _not_ours(path: Path, owner: str) -> CoaggError:
    return CoaggError(
        f"{path} is not a folder of the user {owner}: see who put it there; remove it, give it to "
        f"{owner} (chown), or name another data folder in COAGG_DATA_DIR"
    )


def _said(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def _advice(done: subprocess.CompletedProcess[str]) -> str:
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO):
        if os.strerror(number) in done.stdout:
            return remedy(OSError(number, ""))
    return "see to that folder and call again"
