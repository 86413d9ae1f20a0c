"""`coagg check`: what is wrong with the data base."""

from __future__ import annotations

import dataclasses

import typer

from coagg.cli.options import Json
from coagg.console import Answer, settings
from coagg.settings import LATEST

OLDER = "results older than their inputs"
OLDER_SHOWN = 5  # with their reasons


def check(json: Json = False) -> None:
    """List what is wrong with the data base. Exit code 1 when anything is."""
    from coagg import database

    newest = dataclasses.replace(settings(), results=LATEST)  # what the next rebuild starts from
    with database.connect(newest) as connection:
        found = [
            {"check": title, "problems": problems, "hint": hint}
            for title, problems, hint in connection.execute(
                "SELECT title, problems, hint FROM ops.checks"
            )
        ]
        loaded = connection.execute(
            "SELECT EXISTS (SELECT FROM ops.load) OR EXISTS (SELECT FROM ops.input_load)"
        ).fetchone() == (True,)
    older: dict[str, str] = {}
    if loaded:  # engines say what their results are made from; without any none is imported
        from coagg.rebuild.stale import older_results

        older = older_results(newest)
    hint = "coagg rebuild --dry-run says which and why; coagg rebuild makes them anew"
    found.append({"check": OLDER, "problems": len(older), "hint": hint})
    bad = [row for row in found if row["problems"]]
    with Answer(json) as answer:
        answer.table("checks", "Checks", (("count", "{problems:,}"), ("what", "{check}")), found)
        for row in bad:
            answer.say(f"{row['check']}: {row['hint']}")
        answer.document["older"] = older
        for name in list(older)[:OLDER_SHOWN]:
            answer.say(f"  {name}: {older[name]}")
        if len(older) > OLDER_SHOWN:
            answer.say(f"  and {len(older) - OLDER_SHOWN:,} more")
        answer.say(f"{len(found) - len(bad)} of {len(found)} checks found nothing")
    if bad:
        raise typer.Exit(1)
