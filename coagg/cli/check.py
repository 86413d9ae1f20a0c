"""`coagg check`: what is wrong with the data base."""

from __future__ import annotations

import typer

from coagg.cli.options import Json
from coagg.console import Answer, settings


def check(json: Json = False) -> None:
    """List what is wrong with the data base. Exit code 1 when anything is."""
    from coagg import database

    with database.connect(settings()) as connection:
        found = [
            {"check": title, "problems": problems, "hint": hint}
            for title, problems, hint in connection.execute(
                "SELECT title, problems, hint FROM ops.checks"
            )
        ]
    bad = [row for row in found if row["problems"]]
    with Answer(json) as answer:
        answer.table("checks", "Checks", (("count", "{problems:,}"), ("what", "{check}")), found)
        for row in bad:
            answer.say(f"{row['check']}: {row['hint']}")
        answer.say(f"{len(found) - len(bad)} of {len(found)} checks found nothing")
    if bad:
        raise typer.Exit(1)
