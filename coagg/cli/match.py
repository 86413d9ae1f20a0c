"""`coagg match`: firms over the years, patents to firms, review and evaluation."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from coagg import prepare
from coagg.console import console, errors, settings, table
from coagg.errors import CoaggError
from coagg.etl.matching import evaluate as patent_match_evaluate
from coagg.etl.matching import firms as firm_panel
from coagg.etl.matching import patents as patent_match
from coagg.etl.matching import review as patent_match_review
from coagg.etl.matching.stages import MatchSettings

app = typer.Typer(
    help="Link firms over the years, and applicants of patents to firms.", no_args_is_help=True
)
DEFAULTS = MatchSettings()
CountryOption = Annotated[str, typer.Option(help="CN or GB.")]


@app.callback()
def _match() -> None:
    """Link firms over the years, and applicants of patents to firms."""


def _prepared() -> None:
    for line in prepare.prepare(settings()):
        errors.print(line, markup=False, soft_wrap=True)


@app.command("firms")
def match_firms(
    country: CountryOption = "CN",
    max_gap: Annotated[int, typer.Option(help="Years a firm may be missing in between.")] = 2,
) -> None:
    """Find the same firm in all survey years: by id, name, then combinations."""
    if not 0 <= max_gap <= 20:
        raise CoaggError(f"--max-gap {max_gap}: 0 to 20 years")
    _prepared()
    report = firm_panel.match_firms(settings(), country, max_gap=max_gap)
    if not report.unchanged:
        rows = [
            (stage, f"{count:,}", f"{report.ambiguous.get(stage, 0):,}")
            for stage, count in report.links.items()
        ]
        console.print(
            table("Links by stage", ("stage", "links", "keys not unique"), rows, right=(1, 2))
        )
    console.print(report.line(), markup=False, soft_wrap=True)


@app.command("patents")
def match_patents(
    country: CountryOption = "CN",
    max_years: Annotated[
        int, typer.Option(help="Years between application and survey, at most.")
    ] = DEFAULTS.max_years,
    threshold: Annotated[
        float, typer.Option(help="Likeness of names from which a link may be taken, 0 to 1.")
    ] = DEFAULTS.threshold,
    review_threshold: Annotated[
        float, typer.Option(help="Likeness from which it is kept for review.")
    ] = DEFAULTS.review_threshold,
    slip_odds: Annotated[
        float,
        typer.Option(help="How much likelier (ln) a firm's spelling must be than the applicant's."),
    ] = DEFAULTS.slip_odds,
) -> None:
    """Match applicants to firms: by code, name, stem with place, likeness; never by a guess."""
    if not 0.5 <= review_threshold <= threshold <= 1:
        raise CoaggError(
            f"--review-threshold {review_threshold} and --threshold {threshold}: from 0.5 to 1, "
            "the first not above the second"
        )
    if max_years < 0:
        raise CoaggError(f"--max-years {max_years}: 0 or more")
    if not slip_odds >= 0:
        raise CoaggError(f"--slip-odds {slip_odds}: 0 or more")
    _prepared()
    options = MatchSettings(
        threshold=threshold, review_threshold=review_threshold, max_years=max_years,
        slip_odds=slip_odds,
    )  # fmt: skip
    report = patent_match.match_patents(settings(), country=country, options=options)
    if not report.unchanged:
        rows = [(stage, f"{count:,}") for stage, count in report.stages.items()]
        console.print(table("Matches by stage", ("stage", "applicants"), rows, right=(1,)))
    console.print(report.line(), markup=False, soft_wrap=True)
    if report.candidates:
        console.print(
            f"{report.candidates:,} candidates wait for review: coagg match review --export FILE",
            soft_wrap=True,
        )


@app.command("review")
def review(
    export: Annotated[Path | None, typer.Option(help="csv to write the candidates to.")] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="csv to take the decisions from.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who decided; default: who calls.")] = None,
) -> None:
    """Ambiguous matches out for review, decisions in: yes beside a firm, or none."""
    if (export is None) == (import_ is None):
        raise CoaggError("either --export FILE or --import FILE")
    if export is not None:
        names = patent_match_review.export_review(settings(), export)
        console.print(f"{export}: {names:,} applicants to decide on", soft_wrap=True)
    if import_ is not None:
        counts = patent_match_review.import_review(settings(), import_, by or getpass.getuser())
        console.print(
            f"{counts['firm']:,} given a firm, {counts['none']:,} given none, {counts['open']:,} "
            "left open; coagg match patents uses them",
            soft_wrap=True,
        )


@app.command("evaluate")
def evaluate(
    truth: Annotated[
        Path | None, typer.Option(help="csv: patent_id, position, firm_number.")
    ] = None,
    firms: Annotated[
        Path | None,
        typer.Option(
            help="csv: survey_year, row_number, firm_number; default firms.csv beside --truth."
        ),
    ] = None,
    names: Annotated[
        Path | None, typer.Option(help="csv of real names: applicant, applicant_cleaned.")
    ] = None,
    country: CountryOption = "CN",
    max_years: Annotated[int, typer.Option(help="As in coagg match patents.")] = 3,
) -> None:
    """Precision and recall, by stage, against a truth; or how real names come together."""
    if truth is None and names is None:
        raise CoaggError("either --truth FILE or --names FILE")
    if truth is not None:
        _show_truth(truth, firms or truth.with_name("firms.csv"), country, max_years)
    if names is not None:
        _show_names(names)


def _show_truth(truth: Path, firms: Path, country: str, max_years: int) -> None:
    found = patent_match_evaluate.evaluate(
        settings(), truth, firms, country=country, max_years=max_years
    )
    rows = [
        (stage, f"{made:,}", f"{right:.4f}", f"{share:.4f}")
        for stage, made, right, share in found.by_stage()
    ]
    rows.append(("all", f"{found.matches:,}", f"{found.precision:.4f}", f"{found.recall:.4f}"))
    columns = ("stage", "matches", "precision", "recall")
    console.print(table("Matches against the truth", columns, rows, right=(1, 2, 3)))
    if found.dirt:
        rows = [
            (kind or "nothing", f"{n:,}", f"{right:,}", f"{right / n:.4f}")
            for kind, (n, right) in found.dirt.items()
        ]
        columns = ("done to the name", "applicants", "found", "recall")
        console.print(table("By what the truth did to the name", columns, rows, right=(1, 2, 3)))
    console.print(
        f"{found.applicants:,} applicants are firms; {found.reachable:,} of them are surveyed "
        f"within {max_years} years; {found.ambiguous:,} unmatched ones wait for review",
        soft_wrap=True,
    )
    precision, recall = patent_match_evaluate.evaluate_panel(settings(), firms, country)
    console.print(
        f"firms over the years: precision {precision:.4f}, recall {recall:.4f}", soft_wrap=True
    )


def _show_names(path: Path) -> None:
    pairs = patent_match_evaluate.evaluate_names(path)
    rows = [
        (step, f"{count:,}", f"{count / max(pairs.variants, 1):.1%}", f"{pairs.merged[step]:,}")
        for step, count in pairs.together.items()
    ]
    console.print(
        table(
            f"{pairs.variants:,} spellings of {pairs.distinct:,} names in {pairs.rows:,} rows",
            ("step", "brought together", "share", "different names merged"),
            rows,
            right=(1, 2, 3),
        )
    )
