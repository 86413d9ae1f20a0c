"""A rebuild as readers see it: all its steps are one set of results."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg

from coagg import database
from coagg.database.results import REBUILD
from coagg.errors import CoaggError
from coagg.rebuild import engine
from coagg.rebuild.guard import Guard
from coagg.rebuild.memory import remember
from coagg.rebuild.report import RebuildReport
from coagg.rebuild.steps import Chain
from coagg.settings import LATEST


def rebuild_all(
    chain: Chain, years: tuple[int, ...] = (), *, dry_run: bool = False, **options: Any
) -> RebuildReport:
    """Do the steps of a chain; readers see the results when all are done.

    Parameters
    ----------
    chain
        The data base, the list of inputs and the number of workers.
    years
        Only survey files and index years of these; default all.
    dry_run
        Write nothing and say what would be done.
    options
        Others of `coagg.rebuild.engine.rebuild`.

    Returns
    -------
    RebuildReport
        `results` says what became of the set of results; it is empty where nothing changed.

    Raises
    ------
    CoaggError
        There is nothing to start from, or another rebuild is at work. A fault within a step
        becomes its outcome; what was made before it is kept, and readers see it when a later
        rebuild has done the rest.

    Examples
    --------
    >>> from coagg.rebuild.manifest import read_manifest
    >>> chain = Chain(settings, read_manifest(Path("inputs.toml")), 2)  # doctest: +SKIP
    >>> rebuild_all(chain).results  # doctest: +SKIP
    'results 8 are complete: readers see them'
    """
    if dry_run:
        newest = replace(chain, settings=replace(chain.settings, results=LATEST))
        return engine.rebuild(newest.settings, newest.steps(years), dry_run=True, **options)
    job = f"{REBUILD} of {', '.join(map(str, years))}" if years else REBUILD
    # the lock before the set: a rebuild that is refused has no part in what is being made
    with (
        Guard(chain.settings, options.get("note")) as guard,
        database.making(chain.settings, job) as work,
    ):
        inner = replace(chain, settings=work.settings)
        report = engine.rebuild(work.settings, inner.steps(years), guard=guard, **options)
        if report.unfinished:
            first = report.unfinished[0]
            work.fail(f"{first.step}: {first.said or first.why}")
        else:
            work.whole += inner.whole(years)
    report.results = work.said
    if report.run_id is not None:
        with suppress(CoaggError, psycopg.Error):  # the work is done; status asks again then
            remember(chain.settings, report.run_id)
    return report
