"""Schema and reference data together: what every other command takes for granted."""

from __future__ import annotations

from coagg import database
from coagg.settings import Settings
from etl import reference


def prepare(settings: Settings) -> list[str]:
    """Upgrade the schema and load the shipped reference data; returns what was done."""
    done = database.upgrade(settings)
    with database.connect(settings) as connection:
        report = reference.load_reference(connection)
    return done + report.lines()
