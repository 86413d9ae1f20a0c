"""`coagg check`: what is wrong with the data base."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from coagg.cli.options import Json
from coagg.console import Answer, settings
from coagg.settings import LATEST

if TYPE_CHECKING:
    import psycopg

    from coagg.settings import Settings

OLDER = "results older than their inputs"
OLDER_SHOWN = 5  # with their reasons


def check(json: Json = False) -> None:
    """List what is wrong with the data base. Exit code 1 when anything is."""
    from coagg import database

    newest = replace(settings(), results=LATEST)  # what the next rebuild starts from
    with database.connect(newest) as connection:
        found = [
            {"check": title, "problems": problems, "hint": hint}
            for title, problems, hint in connection.execute(
                "SELECT title, problems, hint FROM ops.checks"
            )
        ]
        older = older_than_inputs(newest, connection)
    hint = "coagg rebuild --dry-run says which and why; coagg rebuild makes them anew"
    found.append({"check": OLDER, "problems": len(older), "hint": hint})
    bad = [row for row in found if row["problems"]]
    with Answer(json) as answer:
        answer.table("checks", "Checks", (("count", "{problems:,}"), ("what", "{check}")), found)
        for row in bad:
            answer.say(f"{row['check']}: {row['hint']}")
        say_older(answer, older)
        answer.say(f"{len(found) - len(bad)} of {len(found)} checks found nothing")
    if bad:
        raise typer.Exit(1)


def older_than_inputs(configured: Settings, connection: psycopg.Connection) -> dict[str, str]:
    """Results that are older than what they are made from, by name, and why."""
    loaded = connection.execute(
        "SELECT EXISTS (SELECT FROM ops.load) OR EXISTS (SELECT FROM ops.input_load)"
    ).fetchone()
    if loaded != (True,):  # engines say what results are made from; without any none is imported
        return {}
    from coagg.rebuild.stale import older_results

    return older_results(configured)


def say_older(answer: Answer, older: dict[str, str]) -> None:
    """The first of them with their reasons; all in the JSON document."""
    answer.document["older"] = older
    for name in list(older)[:OLDER_SHOWN]:
        answer.say(f"  {name}: {older[name]}")
    if len(older) > OLDER_SHOWN:
        answer.say(f"  and {len(older) - OLDER_SHOWN:,} more")
