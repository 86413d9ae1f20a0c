"""Schema and reference data together: what every other command takes for granted."""

from __future__ import annotations

from typing import Any

from coagg import database
from coagg.etl.reference import load as reference
from coagg.settings import Settings


def pending(settings: Settings) -> list[str]:
    """What `prepare` would do, in words; nothing is written."""
    if not database.exists(settings):
        return [f"data base {database.database_name(settings)} would be made first"]
    found = database.pending(settings)
    with database.snapshot(settings) as connection:
        names = reference.pending(connection)
    if names:
        found.append(f"reference data would be loaded first: {', '.join(names)}")
    return found


def prepare(settings: Settings, *, dry_run: bool = False, **own: Any) -> list[str]:
    """Upgrade the schema and load the reference data; returns what was done.

    With `dry_run` the reference data are loaded and taken back; the schema is upgraded
    all the same. `own` are the user's own files, passed on to
    `coagg.etl.reference.load.load_reference`.
    """
    done = database.upgrade(settings)
    with database.connect(settings) as connection:
        if dry_run:
            connection.execute("SELECT 1")  # in a transaction already, so that nothing is committed
        report = reference.load_reference(connection, **own)
        if dry_run:
            connection.rollback()
    return done + report.lines()
