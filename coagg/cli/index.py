"""`coagg index`: measure directional coagglomeration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.index_file import index_file
from coagg.cli.options import (
    CORES,
    DEFAULT_SEED,
    FIRST_YEAR,
    LAST_YEAR,
    MOST_FIRMS,
    Agglomerations,
    Country,
    Draws,
    Json,
    Seed,
    Workers,
    can_be_written,
)
from coagg.console import Answer, Progress, progress, settings
from coagg.errors import CoaggError
from coagg.settings import COUNTRY

if TYPE_CHECKING:
    from coagg.analysis.measurement.index import MeasureReport


class Method(StrEnum):
    """How the null distribution of a pair is computed."""

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


FILE = "A file of firms instead of the data base"


def index(
    file: Annotated[
        Path | None,
        typer.Argument(
            dir_okay=False,
            help="File of firms to measure without a data base.",
            show_default=False,
        ),
    ] = None,
    survey_year: Annotated[
        int | None,
        typer.Option(
            min=FIRST_YEAR, max=LAST_YEAR, help="Survey year to measure. [required without FILE]"
        ),
    ] = None,
    industry: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of codes, text.", rich_help_panel=FILE),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=can_be_written,
            dir_okay=False,
            help="File to write: .parquet or .csv.",
            rich_help_panel=FILE,
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Column that tells cells apart. Repeat.", rich_help_panel=FILE
        ),
    ] = None,
    lon: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of a table: column of x.", rich_help_panel=FILE),
    ] = None,
    lat: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of a table: column of y.", rich_help_panel=FILE),
    ] = None,
    crs: Annotated[
        str | None,
        typer.Option(help="CRS of x and y. Default: EPSG:4326.", rich_help_panel=FILE),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Name of the cell. It enters the seed: country/year/agglomeration, such as "
            f"{COUNTRY}/2013/CY, gives the draws of the data base.",
            rich_help_panel=FILE,
        ),
    ] = None,
    agglomeration: Agglomerations = None,
    draws: Draws = 1000,
    method: Annotated[
        Method,
        typer.Option(
            help="How the null distributions are computed. calibrated: fast draws, corrected by "
            "some exact solutions. exact: every draw is solved. For comparison only: sinkhorn "
            "(entropic transport) and published (the authors' arithmetic)."
        ),
    ] = Method.calibrated,
    refine: Annotated[
        float,
        typer.Option(
            min=0,
            max=1000,
            help="Extra exact solutions for pairs near 0.90, 0.95 and 0.99: so many times the "
            "number of pairs.",
        ),
    ] = 0.0,
    cost: Annotated[
        Cost, typer.Option(help="Squared distance in km2 (the paper's), or distance in km.")
    ] = Cost.sqeuclidean,
    seed: Seed = DEFAULT_SEED,
    min_firms: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_FIRMS, help="Leave out industries with fewer firms than this in a cell."
        ),
    ] = 1,
    pile_ups: Annotated[
        PileUps,
        typer.Option(
            help="Firms on points where a geocoder likely put what it did not find: keep them, "
            "drop them, or spread them over a disc."
        ),
    ] = PileUps.keep,
    direction: Annotated[
        Direction,
        typer.Option(
            help="from-fixed: j -> k holds j fixed and draws new sites for k. from-redrawn: the "
            "other way."
        ),
    ] = Direction.fixed,
    classification: Annotated[
        str | None,
        typer.Option(
            help="Translate industries to this classification, such as nace2. Default: the "
            "year's own."
        ),
    ] = None,
    workers: Workers = CORES,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Work on a cluster: address of the Dask scheduler, tcp://HOST:PORT."),
    ] = None,
    country: Country = COUNTRY,
    force: Annotated[
        bool, typer.Option("--force", help="Measure again what is unchanged, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure the index of all ordered pairs of three-digit industries.

    The work is done in units, and each is kept when it is finished. A run that was stopped goes on
    where it stopped. Units whose firms, settings and code are unchanged are skipped.

    With FILE the firms are those of a file, and their pairs are written to another: coagg index
    firms.gpkg --industry sic3 --out pairs.parquet. No data base is needed.
    """
    of_file = {"--industry": industry, "--out": out, "--by": by, "--lon": lon, "--lat": lat}
    of_file |= {"--crs": crs, "--key": key}
    if file is not None:
        of_database: dict[str, object] = {
            "--survey-year": survey_year,
            "--agglomeration": agglomeration,
            "--classification": classification,
            "--scheduler": scheduler,
            "--force": force,
        }
        _refuse(of_database, f"is of the data base, not of {file}")
        index_file(
            file, out, industry, lon, lat, crs, by or (), key, json,
            draws=draws, seed=seed, method=method.value, cost=cost.value, refine=refine,
            min_firms=min_firms, pile_ups=pile_ups.value, direction=direction.value,
            workers=workers,
        )  # fmt: skip
        return
    _refuse(of_file, "is of a file: name it, coagg index FILE")
    if survey_year is None:
        raise CoaggError("index: name a year of the data base (--survey-year 2013) or a FILE")
    from coagg.analysis.coagglomeration import IndexSettings
    from coagg.analysis.measurement.index import IndexRequest, measure

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
    with progress(
        f"index {survey_year}", "finished units are kept; call again to go on where it stopped"
    ) as bar:
        report = measure(settings(), request, _rate(bar))
    with Answer(json) as answer:
        _tell(answer, report)


def _refuse(options: Mapping[str, object], why: str) -> None:
    for name, value in options.items():
        if value:
            raise CoaggError(f"{name} {why}")


def _rate(bar: Progress) -> Callable[[int, int], None]:
    began: list[tuple[float, int]] = []

    def show(done: int, total: int) -> None:
        now = time.monotonic()
        began.append((now, done)) if not began else None
        seconds = now - began[0][0]
        rate = f"{(done - began[0][1]) / seconds:,.0f} pairs/s" if seconds > 0 else ""
        bar.show(done, total, rate=rate)

    return show


def _tell(answer: Answer, report: MeasureReport) -> None:
    """What was measured and what it cost."""
    if report.gone:
        answer.note(f"no firms any more, taken out: {', '.join(report.gone)}")
    answer.table(
        "cells",
        f"Measurement {report.measurement_id}",
        (
            ("agglomeration", "{agglomeration_code}"), ("firms", "{firms:,}"),
            ("industries", "{industries:,}"), ("ordered pairs", "{pairs:,}"),
        ),
        [
            {"agglomeration_code": code, "firms": n, "industries": k, "pairs": k * max(k - 1, 0)}
            for code, n, k in report.cells
        ],
    )  # fmt: skip
    answer.say(
        f"{report.pairs_done:,} ordered pairs measured in {report.units_done} units, "
        f"{report.cpu_seconds:.1f} s of CPU, {report.wall_seconds:.1f} s; "
        f"{report.pairs_skipped:,} pairs in {report.units_skipped} units unchanged, skipped",
        measurement_id=report.measurement_id, pairs_done=report.pairs_done,
        units_done=report.units_done, pairs_skipped=report.pairs_skipped,
        units_skipped=report.units_skipped, cpu_seconds=report.cpu_seconds,
        wall_seconds=report.wall_seconds, results=report.results,
    )  # fmt: skip
    if report.results:
        answer.say(report.results)
