"""`coagg inspect`: a survey file beside its neighbouring years, and whether it would be taken."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coagg.cli.counts import Counted, rows_table
from coagg.cli.options import Encoding, FileCountry, InputFile, Json, Layout, Sheet, SurveyYear
from coagg.console import Answer, prepared, progress

if TYPE_CHECKING:
    from coagg.etl.firms.gate import Measures, Verdict

STOPPED = "nothing was changed"


def inspect(
    file: InputFile,
    survey_year: SurveyYear,
    layout: Layout = None,
    datum: Annotated[
        str | None, typer.Option(help="Datum of the coordinates. Default: the layout's.")
    ] = None,
    country: FileCountry = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    json: Json = False,
) -> None:
    """Compare a survey file with the year it would replace and with its neighbours. Keep nothing.

    The file is loaded whole and taken back. The table says its counts, totals, codes and places
    beside those of the other years, and what coagg load firms would not take without --accept.
    """
    from coagg.etl.firms import load as firms

    configured = prepared()
    with progress("opening", STOPPED) as bar:
        report = firms.load_firms(
            configured, file, survey_year, layout=layout, datum=datum,
            country=country, dry_run=True,
            encoding=encoding, sheet=sheet, progress=bar.stage,
        )  # fmt: skip
    assert report.verdict is not None
    with Answer(json) as answer:
        answer.say(
            f"{report.file} as {report.country} {report.survey_year}: nothing is kept "
            f"(layout {report.layout}, datum {report.datum}, "
            f"codes of {report.classification or 'no known classification'})",
            file=report.file, country=report.country, survey_year=report.survey_year,
            layout=report.layout, datum=report.datum, classification=report.classification,
            loaded_already=report.unchanged,
        )  # fmt: skip
        rows_table(answer, Counted.of(report))
        _tell(answer, report.verdict)


def _tell(answer: Answer, verdict: Verdict) -> None:
    from coagg.etl.firms import gate

    years: list[tuple[str, str, Measures]] = [("this_file", "this file", verdict.new)]
    if verdict.replaced is not None:
        head = f"{verdict.replaced.survey_year} as loaded"
        years.append(("replaced", head, verdict.replaced))
    for year in verdict.neighbours:
        years.append((f"year_{year.survey_year}", str(year.survey_year), year))
    names = [f.name for f in dataclasses.fields(gate.Measures) if f.name != "survey_year"]
    rows: list[dict[str, Any]] = [
        {"measure": name, **{key: getattr(year, name) for key, _, year in years}} for name in names
    ]
    for row in rows:
        found = [f for f in verdict.findings if f.measure == row["measure"]]
        row["verdict"] = f"{found[0].limit} against {found[0].against}" if found else None

    def column(key: str) -> Any:
        return lambda row: gate.told(row["measure"], row[key])

    answer.table(
        "measures",
        "This file beside what is loaded",
        (
            ("", lambda row: gate.label(row["measure"])),
            *((head, column(key)) for key, head, _ in years),
            ("too far", lambda row: row["verdict"] or ""),
        ),
        rows,
    )
    findings = [dataclasses.asdict(found) for found in verdict.findings]
    line = "would be taken" if not findings else 'would not be taken without --accept "why"'
    answer.say(line, taken=not findings, findings=findings)
