"""`coagg compare`: the index beside other indices of coagglomeration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coagg.analysis.comparison import scenarios as six
from coagg.analysis.comparison.correlation_figure import correlation_figure
from coagg.analysis.comparison.pairs import COLOCATION, DURANTON_OVERMAN, EGK
from coagg.analysis.measurement.comparison import FIRMS, CompareReport, CompareRequest
from coagg.analysis.measurement.comparison import compare as compare_cells
from coagg.cli.index import DEFAULT_SEED
from coagg.console import console, progress, settings, table
from coagg.errors import CoaggError


def compare(
    survey_year: Annotated[int | None, typer.Option(help="Survey year to compare.")] = None,
    agglomeration: Annotated[
        list[str] | None,
        typer.Option(help="Urban agglomeration, e.g. CY; repeat for more; default all measured."),
    ] = None,
    draws: Annotated[
        int, typer.Option(help="Draws of Duranton-Overman and the colocation quotient.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers.")] = DEFAULT_SEED,
    measurement: Annotated[
        int | None, typer.Option(help="Index to compare with. Default: each cell's latest.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="PNG of the rank correlations to write.")
    ] = None,
    scenarios: Annotated[
        Path | None,
        typer.Option(
            help="PNG to write of six simulated patterns, always the same, and what indices say."
        ),
    ] = None,
    country: Annotated[str, typer.Option(help="CN or GB.")] = "CN",
) -> None:
    """Compute other indices on the same points and correlate their ranks with the index.

    Ellison-Glaeser-Kerr, Duranton-Overman and the colocation quotient of every ordered pair, and
    location quotient, Ellison-Glaeser and diversification, all stored. Cells whose firms, settings
    and code are unchanged are skipped. With --scenarios alone, draws that figure and nothing else.
    """
    if survey_year is None and scenarios is None:
        raise CoaggError("say which year, --survey-year 2013, or --scenarios six.png")
    if scenarios is not None:
        try:
            six.scenarios_figure(scenarios, draws=draws, seed=0)
        except OSError as fault:
            raise CoaggError(f"{scenarios} cannot be written: {fault.strerror or fault}") from None
        console.print(f"{scenarios}: {len(six.SCENARIOS)} scenarios", soft_wrap=True)
    if survey_year is None:
        return
    request = CompareRequest(
        survey_year=survey_year,
        country=country,
        agglomerations=tuple(agglomeration or ()),
        draws=draws,
        seed=seed,
        measurement=measurement,
    )
    with progress() as bar:
        task = bar.add_task(f"compare {survey_year}", total=None, rate="")
        report = compare_cells(
            settings(),
            request,
            lambda done, total: bar.update(
                task, completed=done, total=total, rate=f"{done} of {total} agglomerations"
            ),
        )
    _print(request, report)
    if figure is not None:
        correlation_figure(
            figure,
            f"Other indices beside the directional one, {country} {survey_year}",
            {cell.agglomeration_code: cell.correlations for cell in report.cells},
        )
        console.print(f"{figure}: {len(report.cells)} agglomerations", soft_wrap=True)


def _number(value: float) -> str:
    return f"{value:.3f}" if value == value else "–"


def _print(request: CompareRequest, report: CompareReport) -> None:
    rows = []
    for cell in report.cells:
        found = cell.correlations.set_index("comparison")
        spearman, near = found["spearman"], found["near_given_near"]
        rows.append(
            (
                cell.agglomeration_code, cell.measurement_id, f"{found['pairs'].max():,}",
                _number(spearman[EGK]), _number(spearman[DURANTON_OVERMAN]),
                _number(spearman[COLOCATION]), _number(found["spearman_direction"][COLOCATION]),
                _number(near[DURANTON_OVERMAN]), _number(near[COLOCATION]),
            )
        )  # fmt: skip
    console.print(
        table(
            f"Spearman rank correlations with the index, {request.country} {request.survey_year}",
            ("", "index", "pairs", "EGK", "DO", "CLQ", "CLQ diff", "DO near", "CLQ near"),
            rows,
            right=range(1, 9),
        )
    )
    lines = [
        "index: the measurement compared with; EGK: Ellison-Glaeser-Kerr; DO: Duranton-Overman; "
        "CLQ: colocation quotient; –: undefined",
        "CLQ diff: correlation of the differences between A->B and B->A (EGK and DO have none)",
        "DO near, CLQ near: share of the pairs with an index of 0.95 or more that it calls near",
        f"{request.draws} draws, seed {request.seed}",
    ]
    if report.weights == FIRMS:
        lines.append(
            f"no firm of {request.country} {request.survey_year} has employment: "
            "shares are of firms, each counts 1"
        )
    else:
        lacking = sum(cell.without_employment for cell in report.cells)
        firms = sum(cell.firms for cell in report.cells)
        lines.append(
            f"shares are of employment; {lacking:,} of {firms:,} firms have none and weigh nothing"
        )
    if report.not_measured:
        lines.append(f"no index, left out: {', '.join(report.not_measured)}")
    done = [cell for cell in report.cells if not cell.skipped]
    lines.append(
        f"{len(done)} agglomerations computed, {sum(cell.cpu_seconds for cell in done):.1f} s of "
        f"CPU; {len(report.cells) - len(done)} unchanged, skipped"
    )
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
