"""`coagg status`: the last night, read in the morning."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coagg.cli.check import older_than_inputs, say_older
from coagg.cli.options import Json
from coagg.console import Answer, settings
from coagg.settings import LATEST

if TYPE_CHECKING:
    import psycopg

    from coagg.rebuild.status import Run
    from coagg.settings import Settings


def status(
    runs: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="List so many of the last rebuilds.")
    ] = None,
    json: Json = False,
) -> None:
    """Say how the last rebuild ended, what failed or is stale and why, and how much room there is.

    What is stale is made anew by the next rebuild. The exit code is 0 when all is well and 1 when
    something needs a person.
    """
    from coagg import database
    from coagg.database import space
    from coagg.rebuild import schedule
    from coagg.rebuild import status as history

    configured = replace(settings(), results=LATEST)  # what the next rebuild starts from
    with Answer(json) as answer:
        with database.connect(configured) as connection:
            found = history.runs(connection, runs or 1)
            size = space.database_bytes(connection)
            free = space.free_bytes(configured, connection)
            busy = bool(found) and found[0].state in ("running", "waiting")
            older = {} if busy else _older(configured, connection)
        if runs is not None:
            _list(answer, found)
        else:
            _last(answer, found[0] if found else None)
        if older:
            answer.say(f"stale, older than what they are made from: {len(older):,} (coagg rebuild)")
        say_older(answer, older)
        kept = next(p for p in (configured.data_dir, *configured.data_dir.parents) if p.exists())
        room = shutil.disk_usage(kept).free
        seen = "cannot be seen from here" if free is None else f"{space.readable(free)} free"
        answer.say(
            f"disk: data base {space.readable(size)}, its disk {seen}; data folder "
            f"{configured.data_dir}: {space.readable(room)} free",
            database_bytes=size, disk_free_bytes=free, data_folder=str(configured.data_dir),
            data_folder_free_bytes=room,
        )  # fmt: skip
        planned = schedule.installed()
        answer.say(
            "next run: " + ("; ".join(planned) or "no schedule (coagg schedule install)"),
            schedule=planned,
        )
        fine = not (found and found[0].needs_a_person)
        answer.document["fine"] = fine
    if not fine:
        raise typer.Exit(1)


def _older(configured: Settings, connection: psycopg.Connection) -> dict[str, str]:
    """As the last rebuild found it, where nothing changed since; else looked for now."""
    from coagg.rebuild.memory import remembered

    known = remembered(connection)
    return older_than_inputs(configured, connection) if known is None else known


def _last(answer: Answer, run: Run | None) -> None:
    from coagg.rebuild.status import STATES

    if run is None:
        answer.say("no rebuild has run on this data base yet (coagg rebuild)", last_run=None)
        return
    facts = run.facts
    answer.say(
        f"rebuild {facts['run_id']} of {facts['started_at']:%Y-%m-%d %H:%M} on {facts['host']}, "
        f"{_took(facts['seconds'])}: {STATES[run.state]}",
        last_run={**facts, "state": run.state, "steps": run.steps},
    )
    if facts["error"]:
        answer.say(f"ended early: {facts['error']}")
    for step in run.failed:
        said = step["said"] if step["state"] == "failed" else "the run was killed in it"
        answer.say(f"failed: {step['step']}: {said}")
    left = [step["step"] for step in run.steps if step["state"] == "left out"]
    if left:
        answer.say(f"left out, older than what they rest on: {', '.join(left)}", left_out=left)
    for step in run.steps:
        if step["state"] == "running" and run.state in ("running", "waiting"):
            answer.say(f"at work: {step['step']}, since {step['started_at']:%H:%M:%S}")
    for step in run.slow:
        answer.say(
            f"slow: {step['step']} took {_took(step['seconds'])}, usually "
            f"{_took(step['usual_seconds'])}"
        )
    worked = [step for step in run.steps if step["state"] == "done"]
    if worked and not answer.as_json:
        answer.table("steps", "What was done", STEP_COLUMNS, worked)


def _list(answer: Answer, runs: list[Run]) -> None:
    answer.table("runs", "Rebuilds, newest first", RUN_COLUMNS, [_row(run) for run in runs])


def _row(run: Run) -> dict[str, Any]:
    states = [step["state"] for step in run.steps]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    first = [f"{step['step']}: {step['said']}" for step in run.failed[:1]]
    return {
        **run.facts,
        "state": run.state,
        "steps": counts,
        "failed": run.facts["error"] or "".join(first) or None,
    }


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "unknown time"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


STEP_COLUMNS = (
    ("step", "{step}"),
    ("seconds", "{seconds:,.1f}"),
    ("usually", "{usual_seconds:,.1f}"),
    ("memory", lambda row: _size(row["peak_memory_bytes"])),
    ("data base grew", lambda row: _size(row["database_grew_bytes"])),
    ("said", "{said}"),
)
RUN_COLUMNS = (
    ("run", "{run_id:}"),
    ("began", lambda row: f"{row['started_at']:%Y-%m-%d %H:%M}"),
    ("state", "{state}"),
    ("took", lambda row: _took(row["seconds"])),
    ("steps", lambda row: ", ".join(f"{n} {state}" for state, n in row["steps"].items())),
    ("failed", "{failed}"),
)


def _size(count: int | None) -> str:
    from coagg.database.space import readable

    return "" if count is None else readable(count)
