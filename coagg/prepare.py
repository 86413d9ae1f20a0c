"""Schema and reference data together: what every other command takes for granted."""

from __future__ import annotations

from typing import Any

from coagg import database
from coagg.etl.reference import load as reference
from coagg.settings import Settings


def prepare(settings: Settings, **own: Any) -> list[str]:
    """Upgrade the schema and load the reference data; returns what was done.

    `own` are the user's own files, passed on to `coagg.etl.reference.load.load_reference`.
    """
    done = database.upgrade(settings)
    with database.connect(settings) as connection:
        report = reference.load_reference(connection, **own)
    return done + report.lines()
