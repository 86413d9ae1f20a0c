"""What is stored of the tables that somebody asks for: what is there, what is lacking, what is old.

Estimates are read here and nowhere judged: the pages are made from what this finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from coagg.analysis.tables.estimate import latest_measurement
from coagg.analysis.tables.options import Options
from coagg.analysis.tables.specification import Table, chosen
from coagg.analysis.tables.store import (
    StoredTable,
    command_words,
    read_latest,
    read_published,
    read_variants,
)
from coagg.errors import CoaggError


@dataclass
class Collected:
    """Stored tables, in order; by name their leave-one-out runs and all their stored variants.

    `suppressed`: descriptive statistics that the rule of disclosure leaves out of them.
    `lacking`: tables that are not estimated with these options. `stale`: tables estimated before
    their panel was built again. `remedy`: the command that estimates both.
    """

    tables: list[StoredTable] = field(default_factory=list)
    left_out: dict[str, list[StoredTable]] = field(default_factory=dict)
    variants: dict[str, list[StoredTable]] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    suppressed: int = 0
    remedy: str = ""


def collect(
    connection: psycopg.Connection,
    known: Mapping[str, Table],
    names: Sequence[str] = (),
    measurement_id: int | None = None,
    options: Options | None = None,
    leave_one_out: bool = False,
    variants: bool = False,
    published: bool = False,
) -> Collected:
    """The latest estimates of the named tables (default: all in `known`) with these options.

    With `published`, statistics that publish.descriptive does not hold are left out.

    A table that is asked for by name and is not estimated raises CoaggError, with the command to
    call; among all tables it is lacking. Raises CoaggError when nothing is estimated at all.
    """
    options = options or Options()
    if measurement_id is None:
        measurement_id = latest_measurement(connection, options.country)
    words = "".join(f" {word}" for word in command_words(options.as_json()))
    found = Collected(remedy=f"coagg estimate{words}")
    for one in chosen(known, list(names)):
        asked = (connection, one.name, measurement_id, options.country, options.as_json())
        try:
            found.tables += read_latest(*asked)
            if leave_one_out:
                found.left_out[one.name] = read_latest(*asked, leave_out=True)
        except CoaggError:
            if names:
                raise
            found.lacking.append(one.name)
        if variants:
            found.variants[one.name] = read_variants(connection, one.name, options.country)
    if not found.tables:
        raise CoaggError(f"nothing is estimated: {found.remedy}")
    if published:
        before = sum(len(table.described) for table in found.tables)
        found.tables = [read_published(connection, table) for table in found.tables]
        found.suppressed = before - sum(len(table.described) for table in found.tables)
    # by sets, not by a clock: it may have been set back
    built: dict[int, int] = dict(
        connection.execute(
            "SELECT measurement_id, max(from_set) FROM panel.build WHERE country = %s GROUP BY 1",
            (options.country,),
        ).fetchall()
    )
    found.stale = [
        table.name
        for table in found.tables
        if table.measurement_id in built and table.from_set < built[table.measurement_id]
    ]
    return found
