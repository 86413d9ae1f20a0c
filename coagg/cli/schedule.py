"""`coagg schedule`: a rebuild every night, by systemd or cron."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="A rebuild every night, by a systemd timer or by cron.", no_args_is_help=True
)

User = Annotated[
    bool, typer.Option("--user", help="For yourself alone (systemd's user services), without root.")
]


@app.command()
def install(
    at: Annotated[str, typer.Option(help="Time of day, by the machine's clock.")] = "02:30",
    inputs: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="List of input files, as in coagg rebuild --inputs."),
    ] = None,
    on_failure: Annotated[
        str | None, typer.Option(help="Command when a step failed, as in coagg rebuild.")
    ] = None,
    user: User = False,
    cron: Annotated[
        bool | None, typer.Option("--cron/--systemd", help="Which. Default: what there is.")
    ] = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Show what would be written. Write nothing.")
    ] = False,
) -> None:
    """Write the schedule in place of the one before. Safe to repeat."""
    from coagg.rebuild import schedule

    words = ["--log-format", "json"]
    if inputs is not None:
        words += ["--inputs", os.path.abspath(inputs)]
    if on_failure is not None:
        words += ["--on-failure", on_failure]
    plan = schedule.Plan(at, tuple(words), user)
    if not only_print:
        print("\n".join(schedule.install(plan, cron=cron)))
        return
    if cron is not True:
        for name, text in plan.unit_files().items():
            print(f"--- {name}\n{text}")
    if cron is not False:
        print(f"--- crontab\n{plan.cron_line()}", end="")


@app.command()
def show() -> None:
    """Say which schedules are installed."""
    from coagg.rebuild import schedule

    print("\n".join(schedule.installed()) or "no schedule is installed")


@app.command()
def remove(user: User = False) -> None:
    """Remove the schedule, exactly what was written."""
    from coagg.rebuild import schedule

    print("\n".join(schedule.remove(user)) or "no schedule was installed")
