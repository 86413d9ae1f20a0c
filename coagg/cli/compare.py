"""`coagg compare`: the index beside other indices of coagglomeration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coagg.cli.options import (
    DEFAULT_SEED,
    Agglomerations,
    Country,
    Draws,
    Json,
    MaybeYear,
    Measurement,
    Seed,
    can_be_written,
)
from coagg.console import Answer, progress, settings
from coagg.errors import CoaggError
from coagg.settings import COUNTRY

if TYPE_CHECKING:
    from coagg.analysis.measurement.comparison import CompareReport, CompareRequest


def compare(
    survey_year: MaybeYear = None,
    agglomeration: Agglomerations = None,
    draws: Draws = 1000,
    seed: Seed = DEFAULT_SEED,
    measurement: Measurement = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            callback=can_be_written,
            dir_okay=False,
            help="Draw the rank correlations: PNG file to write.",
        ),
    ] = None,
    scenarios: Annotated[
        Path | None,
        typer.Option(
            callback=can_be_written,
            dir_okay=False,
            help="Draw six simulated patterns and what the indices say of them: PNG file to "
            "write. The patterns are always the same.",
        ),
    ] = None,
    country: Country = COUNTRY,
    json: Json = False,
) -> None:
    """Compute other indices on the same points and correlate their ranks with the index.

    For every ordered pair: Ellison-Glaeser-Kerr, Duranton-Overman and the colocation quotient.
    Besides: location quotient, Ellison-Glaeser and diversification. All are stored. Cells whose
    firms, settings and code are unchanged are skipped. With --scenarios and no --survey-year, only
    that figure is drawn.
    """
    if survey_year is None and scenarios is None:
        raise CoaggError("say which year, --survey-year 2013, or --scenarios six.png")
    with Answer(json) as answer:
        if scenarios is not None:
            from coagg.analysis.comparison import scenarios as six

            with progress("scenarios", "nothing was changed; call again"):
                six.scenarios_figure(scenarios, draws=draws, seed=0)
            answer.say(f"{scenarios}: {len(six.SCENARIOS)} scenarios", scenarios=str(scenarios))
        if survey_year is None:
            return
        from coagg.analysis.measurement import comparison

        request = comparison.CompareRequest(
            survey_year=survey_year,
            country=country,
            agglomerations=tuple(agglomeration or ()),
            draws=draws,
            seed=seed,
            measurement=measurement,
        )
        with progress(
            f"compare {survey_year}", "finished agglomerations are kept; call again to go on"
        ) as bar:
            report = comparison.compare(settings(), request, bar.count("agglomerations"))
        _tell(answer, request, report)
        if figure is not None:
            from coagg.analysis.comparison.correlation_figure import correlation_figure

            correlation_figure(
                figure,
                f"Other indices beside the directional one, {country} {survey_year}",
                {cell.agglomeration_code: cell.correlations for cell in report.cells},
            )
            answer.say(f"{figure}: {len(report.cells)} agglomerations", figure=str(figure))


def _tell(answer: Answer, request: CompareRequest, report: CompareReport) -> None:
    from coagg.analysis.comparison.pairs import COLOCATION, DURANTON_OVERMAN, EGK
    from coagg.analysis.measurement.comparison import FIRMS

    rows: list[dict[str, Any]] = []
    for cell in report.cells:
        found = cell.correlations.set_index("comparison")
        spearman, near = found["spearman"], found["near_given_near"]
        rows.append(
            {
                "agglomeration_code": cell.agglomeration_code,
                "measurement_id": cell.measurement_id,
                "pairs": int(found["pairs"].max()),
                "egk": spearman[EGK],
                "duranton_overman": spearman[DURANTON_OVERMAN],
                "colocation_quotient": spearman[COLOCATION],
                "colocation_quotient_direction": found["spearman_direction"][COLOCATION],
                "duranton_overman_near": near[DURANTON_OVERMAN],
                "colocation_quotient_near": near[COLOCATION],
                "unchanged": cell.skipped,
            }
        )
    answer.table(
        "correlations",
        f"Spearman rank correlations with the index, {request.country} {request.survey_year}",
        (
            ("", "{agglomeration_code}"), ("index", "{measurement_id:d}"), ("pairs", "{pairs:,}"),
            ("EGK", "{egk:.3f}"), ("DO", "{duranton_overman:.3f}"),
            ("CLQ", "{colocation_quotient:.3f}"),
            ("CLQ diff", "{colocation_quotient_direction:.3f}"),
            ("DO near", "{duranton_overman_near:.3f}"),
            ("CLQ near", "{colocation_quotient_near:.3f}"),
        ),
        rows,
    )  # fmt: skip
    lacking = sum(cell.without_employment for cell in report.cells)
    firms = sum(cell.firms for cell in report.cells)
    done = [cell for cell in report.cells if not cell.skipped]
    seconds = sum(cell.cpu_seconds for cell in done)
    answer.say(
        "index: the measurement compared with; EGK: Ellison-Glaeser-Kerr; DO: Duranton-Overman; "
        "CLQ: colocation quotient; –: undefined"
    )
    answer.say(
        "CLQ diff: correlation of the differences between A->B and B->A (EGK and DO have none)"
    )
    answer.say(
        "DO near, CLQ near: share of the pairs with an index of 0.95 or more that it calls near"
    )
    answer.say(
        f"{request.draws} draws, seed {request.seed}",
        survey_year=request.survey_year, country=request.country, draws=request.draws,
        seed=request.seed,
    )  # fmt: skip
    if report.weights == FIRMS:
        answer.say(
            f"no firm of {request.country} {request.survey_year} has employment: "
            "shares are of firms, each counts 1"
        )
    else:
        answer.say(
            f"shares are of employment; {lacking:,} of {firms:,} firms have none and weigh nothing"
        )
    if report.not_measured:
        answer.say(f"no index, left out: {', '.join(report.not_measured)}")
    answer.say(
        f"{len(done)} agglomerations computed, {seconds:.1f} s of CPU; "
        f"{len(report.cells) - len(done)} unchanged, skipped",
        weights=report.weights, firms=firms, firms_without_employment=lacking,
        not_measured=report.not_measured, cpu_seconds=seconds,
    )  # fmt: skip
