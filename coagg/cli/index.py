"""`coagg index`: measure directional coagglomeration."""

from __future__ import annotations

import os
import time
from enum import StrEnum
from typing import Annotated

import typer

from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, MeasureReport, measure
from coagg.console import console, errors, progress, settings, table

DEFAULT_SEED = 1998


class Method(StrEnum):
    """How the null distributions are had."""

    calibrated = "calibrated"
    exact = "exact"
    sinkhorn = "sinkhorn"
    published = "published"


class Cost(StrEnum):
    """Cost of moving mass over a distance."""

    sqeuclidean = "sqeuclidean"
    euclidean = "euclidean"


class PileUps(StrEnum):
    """What to do with firms at likely fall-back points."""

    keep = "keep"
    drop = "drop"
    spread = "spread"


class Direction(StrEnum):
    """Reading of j -> k."""

    fixed = "from-fixed"
    redrawn = "from-redrawn"


def index(
    survey_year: Annotated[int, typer.Option(help="Survey year to measure.")],
    agglomeration: Annotated[
        list[str] | None,
        typer.Option(help="Urban agglomeration, e.g. CY; repeat for more; default all."),
    ] = None,
    draws: Annotated[int, typer.Option(help="Counterfactual draws a null distribution.")] = 1000,
    method: Annotated[
        Method,
        typer.Option(
            help="calibrated: draws by a surrogate that exact solves correct, observed costs "
            "exact. exact: every draw solved. For comparison only: sinkhorn, entropic; "
            "published, the authors' arithmetic."
        ),
    ] = Method.calibrated,
    refine: Annotated[
        float,
        typer.Option(
            help="Exact solves spent on pairs near 0.90, 0.95 and 0.99, as a multiple of pairs."
        ),
    ] = 0.0,
    cost: Annotated[
        Cost, typer.Option(help="Squared distance in km2 (the paper's), or distance in km.")
    ] = Cost.sqeuclidean,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers.")] = DEFAULT_SEED,
    min_firms: Annotated[int, typer.Option(help="Firms an industry needs in a cell.")] = 1,
    pile_ups: Annotated[
        PileUps, typer.Option(help="Firms at likely fall-back points: keep, drop, or spread.")
    ] = PileUps.keep,
    direction: Annotated[
        Direction,
        typer.Option(
            help="from-fixed: j -> k holds j fixed and redraws k; from-redrawn: transpose."
        ),
    ] = Direction.fixed,
    classification: Annotated[
        str | None,
        typer.Option(
            help="Translate industries to one classification, gbt4754_2002 say; default the year's."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Threads; changes the time, never a number.")
    ] = os.cpu_count() or 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler, tcp://HOST:PORT, to work on a cluster.")
    ] = None,
    country: Annotated[str, typer.Option(help="CN or GB.")] = "CN",
    force: Annotated[bool, typer.Option(help="Measure units again even if unchanged.")] = False,
) -> None:
    """Measure the index of all ordered pairs of three-digit industries.

    Work is done in units that are committed one by one: a run that was stopped goes on where it
    stopped, and units whose firms, settings and code are unchanged are skipped.
    """
    request = IndexRequest(
        survey_year=survey_year,
        index=IndexSettings(
            draws=draws, seed=seed, method=method.value, cost=cost.value, refine=refine
        ),
        country=country,
        agglomerations=tuple(agglomeration or ()),
        min_firms=min_firms,
        pile_ups=pile_ups.value,
        direction=direction.value,
        classification=classification,
        workers=workers,
        scheduler=scheduler,
        force=force,
    )
    print_report(run(request))


def run(request: IndexRequest) -> MeasureReport:
    """Measure with a progress bar: pairs done, rate, time left."""
    with progress() as bar:
        task = bar.add_task(f"index {request.survey_year}", total=None, rate="")
        began: list[tuple[float, int]] = []

        def show(done: int, total: int) -> None:
            now = time.monotonic()
            began.append((now, done)) if not began else None
            seconds = now - began[0][0]
            rate = f"{(done - began[0][1]) / seconds:,.0f} pairs/s" if seconds > 0 else ""
            bar.update(task, completed=done, total=total, rate=rate)

        return measure(settings(), request, show)


def print_report(report: MeasureReport) -> None:
    """What was measured and what it cost."""
    if report.gone:
        errors.print(f"no firms any more, taken out: {', '.join(report.gone)}", markup=False)
    console.print(
        table(
            f"Measurement {report.measurement_id}",
            ("agglomeration", "firms", "industries", "ordered pairs"),
            [
                (code, f"{firms:,}", f"{k:,}", f"{k * max(k - 1, 0):,}")
                for code, firms, k in report.cells
            ],
            right=(1, 2, 3),
        )
    )
    console.print(
        f"{report.pairs_done:,} ordered pairs measured in {report.units_done} units, "
        f"{report.cpu_seconds:.1f} s of CPU, {report.wall_seconds:.1f} s; "
        f"{report.pairs_skipped:,} pairs in {report.units_skipped} units unchanged, skipped",
        soft_wrap=True,
    )
