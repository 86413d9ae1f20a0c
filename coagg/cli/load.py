"""`coagg load firms` and `coagg load reference`; the other loads are in modules of their own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coagg.cli import input_output, patents
from coagg.cli.counts import KEPT, NOT_KEPT, Counted, rows_table, told_encoding
from coagg.cli.options import (
    LARGEST_INTEGER,
    Accept,
    ColumnMap,
    Countries,
    Datum,
    DryRun,
    Encoding,
    FileCountry,
    FileYears,
    HeaderLine,
    InputFiles,
    Json,
    Layout,
    Sheet,
    column_map,
    file_years,
    known_country,
)
from coagg.console import Answer, prepared, progress
from coagg.errors import CoaggError

if TYPE_CHECKING:
    from coagg.etl.firms.load_report import LoadReport


app = typer.Typer(
    help="Load files: firms, reference data, patents, citations, input-output tables.",
    no_args_is_help=True,
)
app.command("patents")(patents.load_patents)
app.command("citations")(patents.load_citations)
app.command("input-output")(input_output.load_input_output)


class Establishments(StrEnum):
    """What further rows of a firm at other points are."""

    plants = "plants"
    repeats = "repeats"


@app.command("firms")
def load_firms(
    files: InputFiles,
    survey_year: FileYears,
    layout: Layout = None,
    columns: ColumnMap = None,
    datum: Datum = None,
    country: FileCountry = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    header_line: HeaderLine = None,
    pile_up_min: Annotated[
        int,
        typer.Option(
            min=1, max=LARGEST_INTEGER, help="A pile-up has at least this many firms on one point"
        ),
    ] = 10,
    pile_up_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="and at least this share of its prefecture's firms."),
    ] = 0.005,
    establishments: Annotated[
        Establishments,
        typer.Option(
            help="Further rows of a firm at other points: plants, kept, or repeats, refused."
        ),
    ] = Establishments.plants,
    accept: Accept = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Load the firms of one survey year, in place of what that year held before.

    Every row is counted: rows read = rows clean + rows refused. Loading the same file again changes
    nothing. Other years stay as they are. Readers see the old year or the new one, never a mixture.
    A year that moves too far from the one it replaces, or from its neighbours, is not taken without
    --accept (docs/rebuild.md has the limits; coagg inspect shows the numbers).
    """
    from coagg.etl.firms import load as firms

    configured = prepared()
    years = file_years(survey_year)
    single = len(years) == 1
    reports: list[LoadReport] = []
    with progress("opening", KEPT) as bar:
        options: dict[str, Any] = {
            "layout": layout,
            "datum": datum,
            "country": country,
            "cleaning": firms.CleaningSettings(pile_up_min, pile_up_share, establishments.value),
            "accept": accept,
            "dry_run": dry_run,
            "encoding": encoding,
            "sheet": sheet,
            "header_line": header_line,
            "columns": column_map(columns),
            "progress": bar.stage,
        }
        if single:
            reports.append(firms.load_firms(configured, files, years[0], **options))
        else:
            reports += firms.load_years(configured, files, years, **options)
    with Answer(json) as answer:
        for report in reports:
            one = answer if single else Answer(json)
            _tell(one, report)
            if not single:
                answer.document.setdefault("loads", []).append(one.document)


def _tell(answer: Answer, report: LoadReport) -> None:
    facts = report.facts
    state = (
        "unchanged, nothing to do"
        if report.unchanged
        else "would be loaded, nothing is kept"
        if report.dry_run
        else "loaded"
    )
    encoding = told_encoding(report.encoding, facts)
    answer.say(
        f"{report.file} as {report.country} {report.survey_year}: {state} "
        f"(layout {report.layout}, {report.format}{encoding}, datum {report.datum}, "
        f"codes of {report.classification or 'no known classification'})",
        file=report.file, country=report.country, survey_year=report.survey_year,
        unchanged=report.unchanged, dry_run=report.dry_run, accepted=report.accepted,
        layout=report.layout, format=report.format,
        encoding=report.encoding, encoding_confidence=facts.get("encoding_confidence"),
        columns_not_found=facts.get("columns_not_found", {}),
        datum=report.datum, classification=report.classification,
    )  # fmt: skip
    rows_table(answer, Counted.of(report))
    if examples := facts.get("examples"):
        answer.table(
            "examples",
            "An example of each reason",
            (("reason", "{reason}"), ("row and value", "{example}")),
            [{"reason": reason, "example": example} for reason, example in examples.items()],
        )
    for finding in report.verdict.findings if report.verdict else ():
        taken = f"taken: {report.accepted}" if report.accepted else "needs --accept"
        answer.note(f"{taken}: {finding.line()}")
    shares = facts.get("datum_shares_inside") or {}
    if shares:
        answer.table(
            "datum_shares",
            "Read in each datum, the share of sampled points inside",
            (("datum", "{datum}"), ("any prefecture", "{any:.2%}"), ("their own", "{own:.2%}")),
            [{"datum": datum, **found} for datum, found in sorted(shares.items())],
        )
    _tell_notes(answer, report)
    if facts.get("datum_note"):
        answer.note(facts["datum_note"])
    if report.classification is None:
        known = ", ".join(f"{k} {v:.0%}" for k, v in facts["classification_shares"].items())
        answer.note(
            f"the industry codes fit no known classification alone (share of rows known: {known}); "
            "industries are their first three digits, unchecked"
        )
    told = (
        "firms_on_points_of_50", "points_of_50", "largest_pile_up", "pile_up_points", "industries",
    )  # fmt: skip
    answer.say(
        f"{facts['firms_on_points_of_50']:,} firms on {facts['points_of_50']:,} points that hold "
        f"50 or more (largest {facts['largest_pile_up']:,}); {facts['pile_up_points']:,} points "
        f"flagged as pile-ups; {facts['industries']:,} industries",
        **{name: facts[name] for name in told},
    )


def _tell_notes(answer: Answer, report: LoadReport) -> None:
    from coagg.etl.firms.headers import told_not_found

    for note in report.facts.get("notes", ()):
        answer.note(note)
    if not_found := report.facts.get("columns_not_found"):
        answer.note(told_not_found(report.layout, not_found))


@app.command("reference")
def load_reference(
    country: Countries = None,
    agglomerations: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Your urban agglomerations, in place of those of the countries it names: a csv of "
            "member prefectures, or areas (gpkg, geojson, shp, zip, fgb, parquet; docs/areas.md).",
        ),
    ] = None,
    area_code: Annotated[
        str | None, typer.Option(help="Column of the areas' codes. Default: by usual names.")
    ] = None,
    area_name: Annotated[
        str | None, typer.Option(help="Column of the areas' names. Default: by usual names.")
    ] = None,
    area_country: Annotated[
        str | None,
        typer.Option(
            callback=known_country,
            metavar="XX",
            help="Country of the areas; of several in the file, the one to take. Default: the "
            "file's column, or where they lie.",
        ),
    ] = None,
    area_layer: Annotated[
        str | None, typer.Option(help="Layer of a file that has several with areas.")
    ] = None,
    classification: Annotated[
        list[str] | None,
        typer.Option(
            help="A classification of your own as NAME=FILE, a csv of industry_code,name. "
            "A country's folder names it (coagg country show)."
        ),
    ] = None,
    concordance: Annotated[
        list[Path] | None,
        typer.Option(
            dir_okay=False, help="A concordance, in a file named FROM_to_TO.csv. Repeat for more."
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Load countries: areas, place codes, agglomerations, classifications from their folders.

    Your own files, in the place of some, have the same columns. A faulty file changes nothing.
    docs/country.md says how to add a country. Firms that are already loaded keep their
    prefectures. Agglomerations are read when the index is measured; with areas of your own
    (docs/areas.md) a firm belongs by its point, not by its prefecture.
    """
    from coagg import prepare
    from coagg.console import settings
    from coagg.etl.reference import countries
    from coagg.etl.reference.areas import AreaChoices

    files = [*filter(None, [agglomerations, *(classification or ()), *(concordance or ())])]
    own: dict[str, Path] = {}
    for word in classification or ():
        name, equals, file = word.partition("=")
        if not (name and equals and file):
            raise CoaggError(f"--classification {word}: write NAME=FILE, nace2=codes.csv")
        own[name] = Path(file)
    with progress("reference data", KEPT):
        done = prepare.prepare(
            settings(),
            dry_run=dry_run,
            only=country or (None if files else [one.code for one in countries.every()]),
            agglomerations=agglomerations,
            area_choices=AreaChoices(area_code, area_name, area_country, area_layer),
            own_classifications=own,
            own_concordances=concordance or (),
        )
    with Answer(json) as answer:
        if dry_run:
            answer.note(NOT_KEPT)
        answer.say("\n".join(done) if done else "up to date", done=done)
