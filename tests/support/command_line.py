"""Calls of the command line, each a process of its own, that need not import libraries each time.

A server process imports them once (`support.libraries`) and is forked for every call: what is run
is `coagg.cli.main` with the words, the environment and the streams of that call, and its exit code
is that of the process. It takes 0.3 s where an interpreter of its own takes 3 s.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path

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
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = processes.Process(
            target=_call, args=(told, dict(environment), os.getcwd(), out, err)
        )
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"coagg {' '.join(told)}: more than {SECONDS} s")
        return process.exitcode, out.read_text("utf-8"), err.read_text("utf-8")


def _call(words: list[str], environment: dict[str, str], folder: str, out: Path, err: Path) -> None:
    """In the forked process: become the call."""
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
