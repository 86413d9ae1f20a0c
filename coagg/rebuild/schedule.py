"""A nightly rebuild by systemd or cron: files and lines of our own, written and removed exactly.

systemd is taken where it runs the machine, cron elsewhere. The service runs the same program that
installs it, in the same environment of `COAGG_...` variables. A password is not written down: a
connection string that holds one is refused.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from coagg.errors import CoaggError
from coagg.settings import CHECKOUT, PROJECT

NAME = "coagg-rebuild"
MARK = "# coagg-rebuild: written by coagg schedule install; removed by coagg schedule remove"
SYSTEM = Path("/etc/systemd/system")
VARIABLES = ("COAGG_DATABASE_URL", "COAGG_DATA_DIR", "COAGG_SERVER_USER")


@dataclass(frozen=True)
class Plan:
    """When and how the rebuild is called.

    Parameters
    ----------
    at
        Time of day, as 02:30, of the machine's own clock.
    words
        Options of `coagg rebuild`.
    user
        For this user alone (systemd's user services), not for the machine.
    environment
        Variables of the service; default: those of `COAGG_...` that are set now.
    """

    at: str = "02:30"
    words: tuple[str, ...] = ()
    user: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: _environment())

    def __post_init__(self) -> None:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.at):
            raise CoaggError(f"--at {self.at}: write hours and minutes, as 02:30")
        for word in (*self.words, *self.environment.values()):
            if "\n" in word or "\r" in word:
                raise CoaggError(f"{word!r} holds a line break: a schedule is made of lines")
        url = self.environment.get("COAGG_DATABASE_URL", "")
        try:
            secret = psycopg.conninfo.conninfo_to_dict(url).get("password")
        except psycopg.ProgrammingError:
            raise CoaggError("COAGG_DATABASE_URL cannot be read: mend it first") from None
        if secret:
            raise CoaggError(
                "COAGG_DATABASE_URL holds a password, which a schedule would show to others: put "
                "it into ~/.pgpass of the user who runs it, and leave it out of the URL"
            )

    @property
    def call(self) -> tuple[str, ...]:
        """The program and its words."""
        return (*program(), "rebuild", *self.words)

    def unit_files(self) -> dict[str, str]:
        """systemd's files, by name."""
        variables = "".join(
            f"Environment={_quoted(f'{name}={value}')}\n"
            for name, value in self.environment.items()
        )
        owner = "" if self.user else f"User={getpass.getuser()}\n"
        command = " ".join(map(_quoted, self.call))
        service = (
            f"{MARK}\n[Unit]\nDescription=coagg: bring tables up to date\n\n"
            f"[Service]\nType=oneshot\n{owner}{variables}"
            # one step failed is 1; the unit is shown as failed then, as it should be
            f"ExecStart={command}\nNice=10\n"
        )
        timer = (
            f"{MARK}\n[Unit]\nDescription=coagg: nightly rebuild\n\n"
            f"[Timer]\nOnCalendar=*-*-* {self.at}:00\nPersistent=true\n\n"
            "[Install]\nWantedBy=timers.target\n"
        )
        return {f"{NAME}.service": service, f"{NAME}.timer": timer}

    def cron_line(self) -> str:
        """cron's line, its mark at the end, where the shell takes it for a comment.

        A percent sign would end the command there.
        """
        hour, minute = self.at.split(":")
        variables = "".join(
            f"{name}={shlex.quote(value)} " for name, value in self.environment.items()
        )
        command = f"{variables}{shlex.join(self.call)}".replace("%", r"\%")
        return f"{int(minute)} {int(hour)} * * * {command} {MARK}\n"


def install(plan: Plan, *, cron: bool | None = None, folder: Path | None = None) -> list[str]:
    """Write the schedule in place of the one before; says what was written.

    `cron` chooses cron or systemd, None whichever the machine has. `folder` writes systemd's files
    there and starts nothing.
    """
    if folder is None and (cron or (cron is None and not _has_systemd())):
        # one schedule and not two
        done = remove_units(plan.user) if _has_systemd() else []
        before = _crontab()
        _write_crontab(_without(before) + plan.cron_line())
        return [*done, f"crontab of {getpass.getuser()}: every day at {plan.at}"]
    place = folder or _folder(plan.user)
    for name, text in plan.unit_files().items():
        _write(place / name, text)
    done = [f"wrote {place / name}" for name in plan.unit_files()]
    if folder is None:
        _systemctl(plan.user, "daemon-reload")
        _systemctl(plan.user, "enable", "--now", f"{NAME}.timer")
        if shutil.which("crontab"):
            done += _remove_cron()
    return done


def remove(user: bool = False, folder: Path | None = None) -> list[str]:
    """Remove what `install` wrote, by systemd and by cron; says what was removed."""
    if folder is not None:
        return _remove_files(folder)
    done = remove_units(user)
    return done + (_remove_cron() if shutil.which("crontab") else [])


def remove_units(user: bool) -> list[str]:
    """Remove systemd's files, the timer stopped first."""
    place = _folder(user)
    if not any(_ours(place / f"{NAME}.{kind}") for kind in ("timer", "service")):
        return []
    if _has_systemd():
        _systemctl(user, "disable", "--now", f"{NAME}.timer")
    done = _remove_files(place)
    if _has_systemd():
        _systemctl(user, "daemon-reload")
    return done


def installed() -> list[str]:
    """Schedules that are installed, each in a line; empty when there is none.

    In containers the scheduler service has the time, which compose tells all of them.
    """
    at = os.environ.get("COAGG_SCHEDULE")
    found = [f"every day at {at} (scheduler service)"] if at else []
    for user in (False, True):
        timer = _folder(user) / f"{NAME}.timer"
        if _ours(timer):
            when = re.search(r"OnCalendar=\*-\*-\* (\d\d:\d\d)", timer.read_text())
            found.append(f"every day at {when[1] if when else 'a time of its own'} ({timer})")
    if shutil.which("crontab"):
        try:
            lines = _crontab().splitlines()
        except CoaggError as fault:  # no right to see one's own
            return [*found, str(fault)]
        for line in lines:
            if line.endswith(MARK):
                minute, hour = line.split()[:2]
                found.append(f"every day at {int(hour):02}:{int(minute):02} (crontab)")
    return found


def program() -> tuple[str, ...]:
    """How this program is called again from anywhere."""
    if CHECKOUT:
        return (str(PROJECT / "run"), "coagg")
    beside = Path(sys.executable).with_name("coagg")
    found = str(beside) if beside.exists() else shutil.which("coagg")
    if not found:
        raise CoaggError(f"no program coagg beside {sys.executable}: install coagg there")
    return (found,)


def _environment() -> dict[str, str]:
    found = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    if "COAGG_DATA_DIR" in found:  # a schedule runs in another folder
        found["COAGG_DATA_DIR"] = os.path.abspath(found["COAGG_DATA_DIR"])
    return found


def _quoted(word: str) -> str:
    """A word as systemd reads it: quotes, and no specifiers or variables."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[^\w@%+=:,./-]", word) or not word else escaped


def _has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _folder(user: bool) -> Path:
    if not user:
        return SYSTEM
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "systemd" / "user"


def _ours(path: Path) -> bool:
    try:
        return path.read_text().startswith(MARK)
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    if path.exists() and not _ours(path):
        raise CoaggError(f"{path} was not written by coagg: move it away, or edit it yourself")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as fault:
        raise CoaggError(
            f"{path}: {fault.strerror}; call it as root, or with --user for yourself alone"
        ) from None


def _remove_files(folder: Path) -> list[str]:
    done = []
    for name in (f"{NAME}.timer", f"{NAME}.service"):
        if _ours(folder / name):
            try:
                (folder / name).unlink()
            except OSError as fault:
                raise CoaggError(f"{folder / name}: {fault.strerror}; call it as root") from None
            done.append(f"removed {folder / name}")
    return done


def _systemctl(user: bool, *words: str) -> None:
    command = ["systemctl", *(["--user"] if user else []), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CoaggError(f"{shlex.join(command)}: {' '.join(done.stderr.split())}")


def _crontab() -> str:
    try:
        done = subprocess.run(["crontab", "-l"], capture_output=True, text=True)
    except FileNotFoundError:
        raise CoaggError(
            "neither systemd nor cron is on this machine: call `coagg rebuild` by another "
            "scheduler (coagg schedule install --print shows how)"
        ) from None
    if done.returncode and "no crontab" not in done.stderr:
        raise CoaggError(f"crontab -l: {' '.join(done.stderr.split())}")
    return "" if done.returncode else done.stdout


def _write_crontab(text: str) -> None:
    done = subprocess.run(["crontab", "-"], input=text, capture_output=True, text=True)
    if done.returncode:
        raise CoaggError(f"crontab: {' '.join(done.stderr.split())}")


def _remove_cron() -> list[str]:
    before = _crontab()
    after = _without(before)
    if after == before:
        return []
    _write_crontab(after)
    return ["removed from the crontab"]


def _without(text: str) -> str:
    """A crontab without our line; everything else as it was, its last line ended."""
    kept = [line for line in text.splitlines(keepends=True) if not line.rstrip().endswith(MARK)]
    whole = "".join(kept)
    return whole if not whole or whole.endswith("\n") else whole + "\n"
