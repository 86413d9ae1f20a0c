"""`coagg panel`: from index, firms, patents and tables to the panel."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.options import (
    LARGEST_INTEGER,
    Country,
    InstrumentAgglomeration,
    InstrumentCountry,
    Json,
    Measurement,
    SurveyYears,
)
from coagg.console import Answer, progress, settings
from coagg.settings import COUNTRY, INSTRUMENT_AGGLOMERATION, INSTRUMENT_COUNTRY

if TYPE_CHECKING:
    from coagg.analysis.panel.build import PanelReport


class Tech(StrEnum):
    """Amounts whose revealed advantage makes the technological dependence."""

    patents = "patents"
    output = "output"


class Cited(StrEnum):
    """Where the firms of cited patents may be."""

    anywhere = "anywhere"
    same = "same-agglomeration"


def panel(
    survey_year: SurveyYears = None,
    measurement: Measurement = None,
    uk_measurement: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LARGEST_INTEGER,
            help="Number of the measurement of the instrument's country. Default: the latest, if "
            "there is one.",
        ),
    ] = None,
    window: Annotated[
        int,
        typer.Option(
            min=1, max=50, help="Count patents applied for in so many years, from the survey year."
        ),
    ] = 1,
    tech: Annotated[
        Tech, typer.Option(help="Technological dependence is computed from patents or output.")
    ] = Tech.patents,
    cited: Annotated[
        Cited, typer.Option(help="Where the firms that own cited patents may be.")
    ] = Cited.anywhere,
    io_table: Annotated[
        str | None,
        typer.Option(help="Name of the input-output table. Default: that of the nearest year."),
    ] = None,
    country: Country = COUNTRY,
    instrument_country: InstrumentCountry = INSTRUMENT_COUNTRY,
    instrument_agglomeration: InstrumentAgglomeration = INSTRUMENT_AGGLOMERATION,
    force: Annotated[
        bool, typer.Option("--force", help="Build again what is unchanged, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Build the panel: industry x agglomeration x year, and all ordered industry pairs in it.

    Each year is replaced as a whole. Years whose inputs and settings are unchanged are skipped.
    Read the panel in SQL: panel.industry_cell and panel.industry_pair.
    """
    from coagg.analysis.panel.build import PanelSettings, build_panels

    with progress("panel", "finished years are kept; call again to go on"):
        reports = build_panels(
            settings(),
            tuple(survey_year or ()),
            measurement_id=measurement,
            uk_measurement_id=uk_measurement,
            country=country,
            chosen=PanelSettings(
                window,
                tech.value,
                cited.value,
                io_table,
                instrument_country,
                instrument_agglomeration,
            ),
            force=force,
        )
    with Answer(json) as answer:
        _tell(answer, reports)


def _tell(answer: Answer, reports: list[PanelReport]) -> None:
    """A row a year: what is in it, and whether it was built or skipped."""
    rows = []
    for report in reports:
        row = dataclasses.asdict(report)
        facts, unchanged = row.pop("facts"), row.pop("skipped")
        del row["results"]
        rows.append({**row, "unchanged": unchanged, **facts})
    answer.table(
        "years",
        f"Panel of measurement {reports[0].measurement_id}",
        (
            ("year", "{survey_year}"), ("cells", "{cells:,}"), ("pairs", "{pairs:,}"),
            ("patents", "{patents_granted:,.0f}"), ("in cells", "{patents_in_cells:,.0f}"),
            ("citations", "{citations:,.0f}"),
            ("", lambda r: "unchanged, skipped" if r["unchanged"]
                else f"built in {r['seconds']:.1f} s"),
        ),
        rows,
    )  # fmt: skip
    newest = reports[-1].facts
    for count, words in (
        (newest["industry_pairs_without_uk"], "have no index of the instrument (null)"),
        (newest["industry_pairs_without_io"], "are in no input-output table (null)"),
    ):
        if count:
            answer.say(f"{count:,} of {newest['industry_pairs']:,} industry pairs {words}")
    if reports[-1].results:
        answer.say(reports[-1].results, results=reports[-1].results)
