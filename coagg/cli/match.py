"""`coagg match`: firms over the years, patents to firms, review and evaluation."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from coagg.cli.options import Country, Json, MaxYears, can_be_written
from coagg.console import Answer, prepared, progress, settings
from coagg.errors import CoaggError
from coagg.etl.matching.settings import MatchSettings
from coagg.settings import COUNTRY

DEFAULTS = MatchSettings()
KEPT = "nothing was changed, the links are those of before; call again to match"

app = typer.Typer(
    help="Link firms over the years, and applicants of patents to firms.", no_args_is_help=True
)


@app.command("firms")
def match_firms(
    country: Country = COUNTRY,
    max_gap: Annotated[
        int, typer.Option(min=0, max=20, help="Years a firm may be missing in between.")
    ] = 2,
    json: Json = False,
) -> None:
    """Find the same firm in all survey years: by id, by name, then by both with other columns."""
    from coagg.etl.matching import firms

    prepared()
    with progress("match firms", KEPT):
        report = firms.match_firms(settings(), country, max_gap=max_gap)
    with Answer(json) as answer:
        if json or not report.unchanged:
            answer.table(
                "stages",
                "Links by stage",
                (
                    ("stage", "{stage}"), ("links", "{links:,}"),
                    ("keys not unique", "{ambiguous:,}"),
                ),
                [
                    {"stage": stage, "links": n, "ambiguous": report.ambiguous.get(stage, 0)}
                    for stage, n in report.links.items()
                ],
            )  # fmt: skip
        facts = dataclasses.asdict(report)
        del facts["links"], facts["ambiguous"]
        answer.say(report.line(), **facts)


@app.command("patents")
def match_patents(
    country: Country = COUNTRY,
    max_years: MaxYears = DEFAULTS.max_years,
    threshold: Annotated[
        float,
        typer.Option(
            min=0.5, max=1,
            help="Link two names from this likeness on. 1 is the same name.",
        ),
    ] = DEFAULTS.threshold,
    review_threshold: Annotated[
        float,
        typer.Option(
            min=0.5, max=1,
            help="Keep two names for review from this likeness on.",
        ),
    ] = DEFAULTS.review_threshold,
    slip_odds: Annotated[
        float,
        typer.Option(
            min=0, max=1000,
            help="How much likelier the firm's spelling must be than the applicant's (natural "
            "logarithm).",
        ),
    ] = DEFAULTS.slip_odds,
    json: Json = False,
) -> None:  # fmt: skip
    """Match applicants to firms: by code, name, name and place, then likeness. Nothing is guessed.

    What is ambiguous is kept for review: coagg match review.
    """
    from coagg.etl.matching import patents

    if review_threshold > threshold:
        raise CoaggError(
            f"--review-threshold {review_threshold} is above --threshold {threshold}: give a "
            "smaller one"
        )
    prepared()
    options = MatchSettings(
        threshold=threshold, review_threshold=review_threshold, max_years=max_years,
        slip_odds=slip_odds,
    )  # fmt: skip
    with progress("match patents", KEPT):
        report = patents.match_patents(settings(), country=country, options=options)
    with Answer(json) as answer:
        if json or not report.unchanged:
            answer.table(
                "stages",
                "Matches by stage",
                (("stage", "{stage}"), ("applicants", "{applicants:,}")),
                [{"stage": stage, "applicants": n} for stage, n in report.stages.items()],
            )
        facts = dataclasses.asdict(report)
        del facts["stages"]
        answer.say(report.line(), **facts)
        if report.candidates:
            answer.say(
                f"{report.candidates:,} candidates wait for review: coagg match review --export "
                "FILE"
            )


@app.command("review")
def review(
    export: Annotated[
        Path | None,
        typer.Option(
            callback=can_be_written,
            dir_okay=False,
            help="Write the candidates to this csv, to decide on.",
        ),
    ] = None,
    import_: Annotated[
        Path | None,
        typer.Option("--import", dir_okay=False, help="Read the decisions from this csv."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who decided. Default: your user name.")] = None,
    json: Json = False,
) -> None:
    """Export ambiguous matches, import decisions: yes beside a firm, or none."""
    from coagg.etl.matching import review as reviews

    if (export is None) == (import_ is None):
        raise CoaggError("either --export FILE or --import FILE")
    with Answer(json) as answer:
        if export is not None:
            names = reviews.export_review(settings(), export)
            answer.say(
                f"{export}: {names:,} applicants to decide on", file=export, applicants=names
            )
        if import_ is not None:
            counts = reviews.import_review(settings(), import_, by or _user())
            answer.say(
                f"{counts['firm']:,} given a firm, {counts['none']:,} given none, "
                f"{counts['open']:,} left open; coagg match patents uses them",
                decisions=counts,
            )


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        raise CoaggError("this user has no name: say who decided, --by NAME") from None


@app.command("evaluate")
def evaluate(
    truth: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="csv of the truth: patent_id, position, firm_number."),
    ] = None,
    firms: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="csv of survey_year, row_number, firm_number. Default: firms.csv beside --truth.",
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="csv of real names: applicant, applicant_cleaned."),
    ] = None,
    country: Country = COUNTRY,
    max_years: MaxYears = DEFAULTS.max_years,
    json: Json = False,
) -> None:
    """Compare the matches with a truth: precision and recall by stage.

    With --names: how many spellings of the same name each step of normalising brings together.
    """
    if truth is None and names is None:
        raise CoaggError("either --truth FILE or --names FILE")
    with Answer(json) as answer:
        if truth is not None:
            beside = firms or truth.with_name("firms.csv")
            _tell_truth(answer, truth, beside, country, max_years)
        if names is not None:
            _tell_names(answer, names)


def _tell_truth(answer: Answer, truth: Path, firms: Path, country: str, max_years: int) -> None:
    from coagg.etl.matching import evaluate as judge

    found = judge.evaluate(settings(), truth, firms, country=country, max_years=max_years)
    rows = [
        {"stage": stage, "matches": made, "precision": right, "recall": share}
        for stage, made, right, share in found.by_stage()
    ]
    rows.append(
        {"stage": "all", "matches": found.matches, "precision": found.precision,
         "recall": found.recall}
    )  # fmt: skip
    answer.table(
        "stages",
        "Matches against the truth",
        (
            ("stage", "{stage}"), ("matches", "{matches:,}"), ("precision", "{precision:.4f}"),
            ("recall", "{recall:.4f}"),
        ),
        rows,
    )  # fmt: skip
    if found.dirt:
        answer.table(
            "dirt",
            "By what the truth did to the name",
            (
                ("done to the name", "{dirt}"), ("applicants", "{applicants:,}"),
                ("found", "{found:,}"), ("recall", "{recall:.4f}"),
            ),
            [
                {"dirt": kind or "nothing", "applicants": n, "found": right, "recall": right / n}
                for kind, (n, right) in found.dirt.items()
            ],
        )  # fmt: skip
    answer.say(
        f"{found.applicants:,} applicants are firms; {found.reachable:,} of them are surveyed "
        f"within {max_years} years; {found.ambiguous:,} unmatched ones wait for review",
        applicants=found.applicants, reachable=found.reachable, ambiguous=found.ambiguous,
    )  # fmt: skip
    precision, recall = judge.evaluate_panel(settings(), firms, country)
    answer.say(
        f"firms over the years: precision {precision:.4f}, recall {recall:.4f}",
        firms_over_the_years={"precision": precision, "recall": recall},
    )


def _tell_names(answer: Answer, path: Path) -> None:
    from coagg.etl.matching import evaluate as judge

    pairs = judge.evaluate_names(path)
    answer.table(
        "steps",
        f"{pairs.variants:,} spellings of {pairs.distinct:,} names in {pairs.rows:,} rows",
        (
            ("step", "{step}"), ("brought together", "{together:,}"), ("share", "{share:.1%}"),
            ("different names merged", "{merged:,}"),
        ),
        [
            {"step": step, "together": count, "share": count / max(pairs.variants, 1),
             "merged": pairs.merged[step]}
            for step, count in pairs.together.items()
        ],
    )  # fmt: skip
