"""`coagg country`: make, check and show the folders of countries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from coagg.cli.options import (
    CountryArgument,
    CountryFolder,
    ExampleFile,
    ExampleYear,
    Json,
    NewCountry,
    NewFolder,
    OnlyFolder,
)
from coagg.console import Answer, settings
from coagg.errors import CoaggError
from coagg.settings import PROGRAM

app = typer.Typer(
    help="Countries: each is a folder of data (docs/country.md).", no_args_is_help=True
)


@app.command("new")
def new(code: NewCountry, out: NewFolder = None, json: Json = False) -> None:
    """Make the folder of a country, with notes that say what to fill in."""
    from coagg.etl.reference.country_new import new_country

    files = new_country(code, out)
    folder = next(file.parent for file in files if file.name == "country.toml")
    with Answer(json) as answer:
        answer.say(f"{folder}", folder=str(folder), files=[str(file) for file in files])
        for file in files:
            answer.say(f"    {file.relative_to(folder)}")
        answer.say(f"Fill in country.toml first; then: {PROGRAM} country check {folder}")


@app.command("check")
def check(
    folder: CountryFolder,
    example: ExampleFile = None,
    survey_year: ExampleYear = None,
    json: Json = False,
) -> None:
    """Say all that is wrong with a country's folder; nothing is loaded.

    With --example, how many points of a file of its firms lie in the areas, and whether a
    classification knows their codes. Exit code 2 when something must be mended.
    """
    from coagg.etl.firms.country_check import check_country

    found = check_country(_folder(folder), example, survey_year)
    with Answer(json) as answer:
        for fault in found.faults:
            answer.say(f"fault: {fault}")
        for warning in found.warnings:
            answer.say(f"warning: {warning}")
        told = ", ".join(f"{name} {number}" for name, number in found.counts.items())
        answer.say(
            f"{found.folder}: {told or 'nothing could be read'}",
            folder=str(found.folder), faults=found.faults, warnings=found.warnings,
            counts=found.counts,
        )  # fmt: skip
    if found.faults:
        raise CoaggError(f"{found.folder}: {len(found.faults)} faults to mend, see above")


def _folder(named: str) -> Path:
    """A folder by its path, or that of a known country by its code."""
    from coagg.etl.reference import countries

    path = Path(named)
    if path.is_dir():
        return path.resolve()
    known = countries.folders()
    if named.upper() in known:
        return known[named.upper()]
    raise CoaggError(
        f"{named}: is no folder, and no country; those are {', '.join(known)} "
        f"(coagg country new {named.upper() if len(named) == 2 else 'XX'} makes one)"
    )


@app.command("show")
def show(code: CountryArgument = None, folder: OnlyFolder = False, json: Json = False) -> None:
    """Show the countries that are known, or what one of them is made of."""
    from coagg.etl.reference import countries

    with Answer(json) as answer:
        if folder:
            place = countries.of(code.upper()).folder if code else countries.own_folder()
            answer.say(str(place), folder=str(place))
            return
        if code is not None:
            _show_one(answer, countries.of(code.upper()))
            return
        loaded = _loaded()
        rows = []
        for name, place in countries.folders().items():
            try:
                country = countries.at(place)
            except CoaggError as fault:
                answer.note(str(fault))
                continue
            rows.append(
                {
                    "country": name, "name": country.name,
                    "from": "shipped" if country.shipped else str(place),
                    "loaded": name in loaded, "classifications": country.classification_names,
                    "layouts": [path.stem for path in country.layouts],
                }
            )  # fmt: skip
        answer.table(
            "countries",
            "Countries",
            (
                ("country", "{country}"), ("name", "{name}"),
                ("loaded", lambda row: "yes" if row["loaded"] else "no"),
                ("classifications", lambda row: ", ".join(row["classifications"])),
                ("layouts", lambda row: ", ".join(row["layouts"])),
                ("folder", "{from}"),
            ),
            rows,
            whole=(0, 1),
        )  # fmt: skip
        answer.say(f"your own countries go to {countries.own_folder()}")


def _loaded() -> list[str]:
    from coagg import database
    from coagg.etl.reference.held import held_countries

    configured = settings()
    try:
        if not database.exists(configured):
            return []
        with database.connect(configured) as connection:
            return held_countries(connection)
    except CoaggError:
        return []


def _show_one(answer: Answer, country: Any) -> None:
    from coagg.etl.reference import countries

    west, south, east, north = countries.box(country.code)
    facts = {
        "folder": str(country.folder),
        "areas": f"{country.areas.file.name} ({country.areas.source})",
        "box": f"{west:.2f} {south:.2f} {east:.2f} {north:.2f}",
        "datums": ", ".join(country.datums) + (f"; {country.datum} where none is named"
            if country.datum else "; the points decide where none is named"),
        "classifications": ", ".join(
            one.name + ("" if one.file.is_file() else " (not in the folder)")
            for one in country.classifications
        ),
        "results speak": country.classification or "none",
        "concordances": ", ".join(path.stem for path in country.concordances) or "none",
        "layouts": ", ".join(path.stem for path in country.layouts) or "none",
        "agglomerations": country.agglomerations.name
            if country.agglomerations.is_file() else "none",
        "examples": ", ".join(
            path.name for path in sorted((country.folder / "examples").glob("*.csv"))
        ) or "none",
        "place codes": country.place_codes.name if country.place_codes.is_file()
            else "the codes of the areas" if country.areas.place_codes else "none",
    }  # fmt: skip
    answer.say(f"{country.code} {country.name}", country=country.code, name=country.name)
    for name, value in facts.items():
        answer.say(f"    {name}: {value}")
        answer.document[name.replace(" ", "_")] = value
