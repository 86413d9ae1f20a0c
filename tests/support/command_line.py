"""Calls of the command line, each a process of its own, that need not import libraries each time.

A server process imports them once (`support.libraries`) and is forked for every call: what is run
is `coagg.cli.main` with the words, the environment and the streams of that call, and its exit code
is that of the process. It takes 0.3 s where an interpreter of its own takes 3 s.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
LIBRARIES = "support.libraries"
SECONDS = 600
processes = multiprocessing.get_context("forkserver")


def start() -> None:
    """Start the server process, with the tests on its path (Python 3.11 gives it none)."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    try:
        processes.set_forkserver_preload([LIBRARIES])
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def run(words: Sequence[object], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run the command line; returns exit code, stdout, stderr."""
    told = [str(word) for word in words]
    changed = {name for name in environment if environment[name] != os.environ.get(name)}
    if any(name.startswith("PYTHON") for name in changed):  # read when an interpreter starts
        done = subprocess.run(
            [sys.executable, "-c", "from coagg.cli import main; main()", *told],
            capture_output=True,
            text=True,
            env=dict(environment),
        )
        return done.returncode, done.stdout, done.stderr
    return Call(told, environment).wait()


class Call:
    """A call that goes on by itself, in a process group of its own.

    `words` and `environment` as of `run`. `process` is the process, `pid` of which names the group.
    """

    def __init__(self, words: Sequence[object], environment: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._out, self._err = (Path(self._folder.name) / name for name in ("out", "err"))
        told = [str(word) for word in words]
        self.process: Any = processes.Process(
            target=_call, args=(told, dict(environment), os.getcwd(), self._out, self._err)
        )
        self.process.start()

    def wait(self) -> tuple[int, str, str]:
        """Exit code, stdout, stderr, when it has ended."""
        self.process.join(SECONDS)
        if self.process.exitcode is None:
            self.kill()
            raise TimeoutError(f"a call took more than {SECONDS} s")
        said = self._out.read_text("utf-8"), self._err.read_text("utf-8")
        self._folder.cleanup()
        return self.process.exitcode, *said

    def kill(self) -> None:
        """kill -9, its workers too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()


def _call(words: list[str], environment: dict[str, str], folder: str, out: Path, err: Path) -> None:
    """In the forked process: become the call."""
    os.setsid()
    for number, path in ((0, Path(os.devnull)), (1, out), (2, err)):
        handle = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    assert LIBRARIES in sys.modules, "the server process did not import its libraries"
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["coagg", *words]
    from coagg.cli import main

    main()
