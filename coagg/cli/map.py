"""`coagg map`: firms on a map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coagg.cli.options import Agglomeration, Country, CountryCode, Json, MaybeYear, can_be_written
from coagg.console import Answer, settings


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
    country: Country = CountryCode.CN,
    json: Json = False,
) -> None:
    """Draw an industry's firms on the prefectures of an agglomeration, as a PNG."""
    from coagg import database
    from coagg.analysis.show import maps

    with database.connect(settings()) as connection:
        year = survey_year or maps.latest_year(connection, country.value)
        target = out or Path(f"map_{agglomeration}_{'_'.join(industry)}_{year}.png")
        drawn = maps.draw_map(
            connection, target, country.value, agglomeration, tuple(industry), year
        )
    with Answer(json) as answer:
        answer.say(f"{target}: {drawn:,} firms", file=target, firms=drawn, survey_year=year)
