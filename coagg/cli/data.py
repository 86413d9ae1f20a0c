"""`coagg load` and `coagg layouts`: files into the data base."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from coagg import prepare
from coagg.console import console, errors, progress, settings, table
from coagg.errors import CoaggError
from coagg.etl.firms import layouts as layout_files
from coagg.etl.firms import load as firms

app = typer.Typer(help="Load files: firms of a survey year, reference data.", no_args_is_help=True)


class Datum(StrEnum):
    """Datum of the coordinates in a file."""

    wgs84 = "wgs84"
    gcj02 = "gcj02"
    bd09 = "bd09"
    osgb36 = "osgb36"


class Country(StrEnum):
    """Country of the firms."""

    CN = "CN"
    GB = "GB"


@app.callback()
def _load() -> None:
    """Load files into the data base."""


@app.command("firms")
def load_firms(
    file: Annotated[
        Path, typer.Argument(help="csv, txt, tsv, xlsx, dta or parquet; text also .gz")
    ],
    survey_year: Annotated[int, typer.Option(help="The year this file is the survey of.")],
    layout: Annotated[
        str | None,
        typer.Option(
            help="Column map: a name (coagg layouts) or a file; else found by the headers."
        ),
    ] = None,
    datum: Annotated[
        Datum | None, typer.Option(help="Datum of the coordinates; else the layout's.")
    ] = None,
    country: Annotated[Country | None, typer.Option(help="Else the layout's, else CN.")] = None,
    pile_up_min: Annotated[
        int, typer.Option(help="Firms on one point that make a pile-up, at least.")
    ] = 10,
    pile_up_share: Annotated[
        float, typer.Option(help="... and at least this share of the prefecture's firms.")
    ] = 0.005,
) -> None:
    """Load the firms of one survey year, in place of what that year held before.

    Rows read = rows clean + rows refused. The same file twice changes nothing; other years are
    never touched; readers see the old year or the new one, never a mixture.
    """
    configured = settings()
    for line in prepare.prepare(configured):
        errors.print(line, markup=False, soft_wrap=True)
    with progress() as bar:
        task = bar.add_task("opening", total=None, rate="")

        def show(stage: str, rows: int) -> None:
            bar.update(task, description=stage, rate=f"{rows:,} rows" if rows else "")

        report = firms.load_firms(
            configured,
            file,
            survey_year,
            layout=layout,
            datum=datum.value if datum else None,
            country=country.value if country else None,
            cleaning=firms.CleaningSettings(pile_up_min, pile_up_share),
            progress=show,
        )
    print_report(report)


@app.command("reference")
def load_reference(
    agglomerations: Annotated[
        Path | None,
        typer.Option(help="Your urban agglomerations, in place of the shipped ones (csv)."),
    ] = None,
    classification: Annotated[
        list[str] | None,
        typer.Option(
            help="A classification of your own as NAME=FILE, csv of industry_code,name: "
            "gbt4754_1994 is not shipped, it is yours to give."
        ),
    ] = None,
    concordance: Annotated[
        list[Path] | None,
        typer.Option(help="A concordance named FROM_to_TO.csv; repeat for more."),
    ] = None,
) -> None:
    """Load reference data: the shipped ones, and your own in their place.

    The forms are those of the files in etl/data; a faulty file changes nothing. Firms that are
    loaded already keep their prefectures; agglomerations are looked up when the index is measured.
    """
    own: dict[str, Path] = {}
    for word in classification or ():
        name, equals, file = word.partition("=")
        if not equals:
            raise CoaggError(f"--classification {word}: write NAME=FILE, gbt4754_1994=codes.csv")
        own[name] = Path(file)
    done = prepare.prepare(
        settings(),
        agglomerations=agglomerations,
        own_classifications=own,
        own_concordances=concordance or (),
    )
    console.print("\n".join(done) if done else "up to date", markup=False, soft_wrap=True)


def print_report(report: firms.LoadReport) -> None:
    """The table of counts that ends a load."""
    state = "unchanged, nothing to do" if report.unchanged else "loaded"
    encoding = f", {report.encoding}" if report.encoding else ""
    console.print(
        escape(
            f"{report.file} as {report.country} {report.survey_year}: {state} "
            f"(layout {report.layout}, {report.format}{encoding}, datum {report.datum}, "
            f"codes of {report.classification or 'no known classification'})"
        ),
        soft_wrap=True,
    )
    rows: list[tuple[str, str, str]] = [("rows read", f"{report.rows_read:,}", "")]
    rows += [("  refused", f"{report.rows_refused:,}", "")]
    rows += [(f"    {reason}", f"{n:,}", "") for reason, n in report.reasons.items()]
    rows += [("  clean", f"{report.rows_clean:,}", "")]
    for flag, n in report.flags.items():
        rows.append((f"    flag {flag}", f"{n:,}", f"{n / max(report.rows_clean, 1):.2%}"))
    console.print(table("Rows", ("", "rows", "of clean"), rows, right=(1, 2)))
    shares = report.facts.get("datum_shares_inside") or {}
    if shares:
        console.print(
            table(
                "Read in each datum, the share of sampled points inside",
                ("datum", "any prefecture", "their own"),
                [
                    (d, f"{s['any']:.2%}", "" if s["own"] is None else f"{s['own']:.2%}")
                    for d, s in sorted(shares.items())
                ],
                right=(1, 2),
            )
        )
    notes = [report.facts.get("datum_note")]
    if report.classification is None:
        known = ", ".join(f"{k} {v:.0%}" for k, v in report.facts["classification_shares"].items())
        notes.append(
            f"the industry codes fit no known classification alone (share of rows known: {known}); "
            "industries are their first three digits, unchecked"
        )
    for note in filter(None, notes):
        errors.print(f"note: {note}", markup=False, soft_wrap=True)
    facts = report.facts
    console.print(
        f"{facts['firms_on_points_of_50']:,} firms on {facts['points_of_50']:,} points that hold "
        f"50 or more (largest {facts['largest_pile_up']:,}); {facts['pile_up_points']:,} points "
        f"flagged as pile-ups; {facts['industries']:,} industries",
        soft_wrap=True,
    )


def layouts() -> None:
    """Show the column maps there are, and how to write one."""
    last = ""
    for row in layout_files.describe_layouts():
        if row.layout != last:
            console.print(f"[bold]{row.layout}[/]  {escape(row.about)}")
            last = row.layout
        found = f"longitude {row.lon}, latitude {row.lat}, industry {row.industry_code}"
        said = ", ".join(filter(None, (row.country, row.datum)))
        console.print(escape(f"    {row.survey_years}: {found} ({said})"), soft_wrap=True)
    console.print()
    console.print(layout_files.HOW_TO, markup=False, soft_wrap=True)
