"""`coagg map`: firms on a map."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from coagg.cli.options import (
    Agglomeration,
    Country,
    Json,
    MaybeYear,
    Measurement,
    can_be_written,
)
from coagg.console import Answer, settings
from coagg.settings import COUNTRY


def map_(
    agglomeration: Agglomeration,
    industry: Annotated[
        list[str],
        typer.Option(help="Three-digit industry (coagg show industries). Repeat for more."),
    ],
    survey_year: MaybeYear = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=can_be_written,
            dir_okay=False,
            help="PNG file to write. Default: a name made of what is drawn.",
        ),
    ] = None,
    classification: Annotated[
        str | None,
        typer.Option(
            help="Classification of the codes, or own for those of the survey year. Default: that "
            "of the measurement."
        ),
    ] = None,
    measurement: Measurement = None,
    country: Country = COUNTRY,
    json: Json = False,
) -> None:
    """Draw an industry's firms on the prefectures of an agglomeration, as a PNG."""
    from coagg import database
    from coagg.analysis.show import maps

    with database.connect(settings()) as connection:
        drawn = maps.draw(
            connection, out, country, agglomeration, tuple(industry), survey_year,
            classification, measurement,
        )  # fmt: skip
    with Answer(json) as answer:
        answer.say(
            f"{drawn.file}: {drawn.firms:,} firms, {drawn.reading}", **dataclasses.asdict(drawn)
        )
