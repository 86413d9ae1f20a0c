"""`coagg panel`: from index, firms, patents and tables to the panel."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from coagg.analysis.panel.build import PanelReport, PanelSettings, build_panels
from coagg.console import console, settings, table


class Tech(StrEnum):
    """Amounts whose revealed advantage makes the technological dependence."""

    patents = "patents"
    output = "output"


class Cited(StrEnum):
    """Where the firms of cited patents may be."""

    anywhere = "anywhere"
    same = "same-agglomeration"


def panel(
    survey_year: Annotated[
        list[int] | None,
        typer.Option(help="Survey year; repeat for more; default all the index has."),
    ] = None,
    measurement: Annotated[int | None, typer.Option(help="Index. Default: the newest.")] = None,
    uk_measurement: Annotated[
        int | None, typer.Option(help="UK index, the instrument. Default: the newest, if any.")
    ] = None,
    window: Annotated[
        int, typer.Option(help="Years of application that count, from the survey year on.")
    ] = 1,
    tech: Annotated[
        Tech, typer.Option(help="What technological dependence rests on.")
    ] = Tech.patents,
    cited: Annotated[
        Cited, typer.Option(help="Where firms of cited patents may be.")
    ] = Cited.anywhere,
    io_table: Annotated[
        str | None, typer.Option(help="Input-output table. Default: that of the nearest year.")
    ] = None,
    country: Annotated[str, typer.Option(help="CN or GB.")] = "CN",
    force: Annotated[bool, typer.Option(help="Build again even if unchanged.")] = False,
) -> None:
    """Build the panel: industry x agglomeration x year, and all ordered industry pairs in it.

    Each year is replaced whole, in one transaction; years whose inputs and settings are unchanged
    are skipped. Read it in SQL: panel.industry_cell, panel.industry_pair.
    """
    reports = build_panels(
        settings(),
        tuple(survey_year or ()),
        measurement_id=measurement,
        uk_measurement_id=uk_measurement,
        country=country,
        chosen=PanelSettings(window, tech.value, cited.value, io_table),
        force=force,
    )
    print_reports(reports)


def print_reports(reports: list[PanelReport]) -> None:
    """A row a year: what is in it, and whether it was built or skipped."""
    console.print(
        table(
            f"Panel of measurement {reports[0].measurement_id}",
            ("year", "cells", "pairs", "patents", "in cells", "citations", ""),
            [
                (
                    r.survey_year, f"{r.cells:,}", f"{r.pairs:,}",
                    f"{r.facts['patents_granted']:,.0f}", f"{r.facts['patents_in_cells']:,.0f}",
                    f"{r.facts['citations']:,.0f}",
                    "unchanged, skipped" if r.skipped else f"built in {r.seconds:.1f} s",
                )
                for r in reports
            ],
            right=(1, 2, 3, 4, 5),
        )
    )  # fmt: skip
    newest = reports[-1].facts
    for count, words in (
        (newest["industry_pairs_without_uk"], "have no UK index (null)"),
        (newest["industry_pairs_without_io"], "are in no input-output table (null)"),
    ):
        if count:
            console.print(
                f"{count:,} of {newest['industry_pairs']:,} industry pairs {words}", soft_wrap=True
            )
