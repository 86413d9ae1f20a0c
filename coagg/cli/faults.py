"""How the command line ends: exit codes, and what goes wrong as one line.

| exit code | when |
|---|---|
| 0 | done |
| 1 | `coagg check` found something, `coagg db status` no server; the reader of a pipe is gone |
| 1 | a step of `coagg rebuild` failed; `coagg status` found something for a person to do |
| 2 | a fault that the user can mend: one line on standard error |
| 130 | stopped with Ctrl-C: one line that says what is kept |
"""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import typer

from coagg.console import Stopped, complain
from coagg.errors import CoaggError

# typer's own parser has no public name for what every wrong call raises
_Wrong: type[Any] = typer.BadParameter.__mro__[2]
_NOTHING_KEPT = "nothing that was not finished is kept; call again"
_FREE_WORDS = "psql"  # the words that follow are not ours to judge


def run(app: typer.Typer) -> NoReturn:
    """Run the command line and leave with its exit code."""
    code, stopped = 2, False
    try:
        _refuse_empty(sys.argv[1:])
        code = _code(app(prog_name="coagg", standalone_mode=False))
        stopped = code == 130
        if stopped:
            complain(f"stopped: {_NOTHING_KEPT}")
        sys.stdout.flush()
    except (Stopped, KeyboardInterrupt, typer.Abort) as stop:
        code, stopped = 130, True
        complain(f"stopped: {stop if isinstance(stop, Stopped) else _NOTHING_KEPT}")
    except CoaggError as fault:
        complain(str(fault))
    except BrokenPipeError:
        code = 1  # `coagg ... | head`: nobody reads on
        _silence()
    except _Wrong as fault:
        _complain_of_call(fault)
    except UnicodeEncodeError as fault:
        complain(f"{fault.object!r} is no UTF-8: write it in UTF-8")
    except Exception as fault:
        said = _explained(fault)
        if said is None:
            raise
        complain(said)
    if stopped:
        _leave_at_once(code)
    sys.exit(code)


def _code(returned: object) -> int:
    return returned if isinstance(returned, int) else 0


def _leave_at_once(code: int) -> NoReturn:
    """End without waiting for threads in the middle of their work."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue
    os._exit(code)


def _silence() -> None:
    """Keep Python from complaining of the closed pipe when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse_empty(words: list[str]) -> None:
    """An empty value is a slip, most often of a script whose variable is empty."""
    before = "coagg"
    for word in words:
        if word == _FREE_WORDS:
            return
        if not word or (word.startswith("--") and word.endswith("=")):
            name = word.removesuffix("=") or before
            raise CoaggError(f"an empty word after {name}: give a value, or leave the option out")
        before = word


def _complain_of_call(fault: Any) -> None:
    """A call with a wrong option or command, in one line; help where no command was named."""
    if type(fault).__name__ == "NoArgsIsHelpError":
        fault.show()
        return
    said = " ".join(fault.format_message().split()).rstrip(".")
    context = getattr(fault, "ctx", None)
    end = "" if said.endswith("?") else "."
    complain(f"{said}{end} Help: {context.command_path if context else 'coagg'} --help")


def _explained(fault: Exception) -> str | None:
    """What a fault of data base, disk or memory means to a user; None for one that is ours."""
    from coagg import database
    from coagg.settings import read_settings

    psycopg = sys.modules.get("psycopg")  # not loaded: it has raised nothing
    if psycopg is not None:
        said = " ".join(str(fault).split())
        errors = psycopg.errors
        older = errors.UndefinedTable | errors.UndefinedColumn | errors.InvalidSchemaName
        if isinstance(fault, older):
            return f"the data base is older than this program ({said}): coagg db upgrade"
        if isinstance(fault, psycopg.DataError):
            return f"the data base refuses a value: {said}"
    return database.explained(fault, read_settings())
