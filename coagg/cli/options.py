"""Options that several commands share, each written once.

Every number has its least and its greatest value here or at its command: what lies outside, or is
no number, is one line and exit code 2 (a test tries them all). Nothing heavy is imported.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.settings import COUNTRY

if TYPE_CHECKING:
    from coagg.analysis.tables.options import Options

DEFAULT_SEED = 1998
FIRST_YEAR, LAST_YEAR = 1900, 2100
LARGEST_INTEGER = 2**31 - 1  # of an SQL integer
MOST_DRAWS = 1_000_000
MOST_FIRMS = 10_000_000
MOST_WORKERS = 1024
CORES = os.cpu_count() or 1


def known_country(code: str | None) -> str | None:
    """The code of a country that has a folder, or that the data base of a server holds."""
    if code is None or code == COUNTRY:
        return code
    from coagg.etl.reference import countries

    code = code.strip().upper()
    known = list(countries.folders())
    if code in known or code in _loaded_countries():
        return code
    raise typer.BadParameter(
        f"{code!r} is not one of {', '.join(known)}; coagg country new XX makes another"
    )


def known_countries(codes: list[str] | None) -> list[str] | None:
    """As `known_country`, for several."""
    return [str(known_country(code)) for code in codes] if codes else None


def _loaded_countries() -> list[str]:
    """Countries of a server that others have filled; their folders need not be here."""
    from coagg import database
    from coagg.console import settings
    from coagg.etl.reference.held import held_countries

    configured = settings()
    if configured.database_url is None:
        return []
    try:
        with database.connect(configured) as connection:
            return held_countries(connection)
    except Exception:  # the command itself says what is wrong with the server
        return []


def column_map(words: list[str] | None) -> dict[str, str] | None:
    """The words of --map by column."""
    if not words:
        return None
    from coagg.etl.firms.column_map import from_words

    return from_words(words)


def can_be_written(out: Path | None) -> Path | None:
    """The place to write to, refused before the work and not after it."""
    if out is None:
        return None
    there = next(parent for parent in (out, *out.absolute().parents) if parent.exists())
    if there != out and not there.is_dir():
        raise typer.BadParameter(f"{out} cannot be written: {there} is no folder")
    if not os.access(there, os.W_OK):
        raise typer.BadParameter(f"{out} cannot be written: {there} does not allow it")
    return out


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Do everything and keep nothing: say what would be.")
]
Accept = Annotated[
    str | None,
    typer.Option(
        metavar="WHY", help="Take the file although it moves too far. The reason is kept."
    ),
]
Country = Annotated[
    str,
    typer.Option(
        callback=known_country,
        metavar="XX",
        help="Country of the firms (coagg country show lists them).",
    ),
]
NewCountry = Annotated[
    str, typer.Argument(metavar="XX", help="Code of the country, two letters of ISO 3166.")
]
NewFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        file_okay=False,
        callback=can_be_written,
        help="Where to make it. Default: among your countries.",
    ),
]
OnlyFolder = Annotated[
    bool, typer.Option("--folder", help="Only where it is; without XX, where yours are.")
]
CountryFolder = Annotated[
    str, typer.Argument(metavar="DIR", help="Folder of a country, or the code of a known one.")
]
ExampleFile = Annotated[
    Path | None,
    typer.Option("--example", exists=True, dir_okay=False, help="A file of firms to try."),
]
ExampleYear = Annotated[
    int | None,
    typer.Option(
        "--survey-year", min=FIRST_YEAR, max=LAST_YEAR, help="The year of the example's firms."
    ),
]
CountryArgument = Annotated[
    str | None, typer.Argument(metavar="[XX]", help="Code of a country. Default: all.")
]
Countries = Annotated[
    list[str] | None,
    typer.Option(
        "--country",
        callback=known_countries,
        metavar="XX",
        help="Only this country; repeat for more. Default: all that have a folder.",
    ),
]
InstrumentCountry = Annotated[
    str,
    typer.Option(
        callback=known_country,
        metavar="XX",
        help="Country whose index is the instrument (columns uk_index, uk_phi).",
    ),
]
InstrumentAgglomeration = Annotated[
    str, typer.Option(help="Agglomeration of that country that is measured for it.")
]
Datum = Annotated[
    str | None,
    typer.Option(
        "--datum",
        "--crs",
        help="Datum of the coordinates: wgs84, gcj02, bd09, osgb36, or the code of a coordinate "
        "system, EPSG:32651 say. Default: the layout's, or what the file itself says.",
    ),
]
FileCountry = Annotated[
    str | None,
    typer.Option(
        callback=known_country,
        metavar="XX",
        help=f"Country of the firms (coagg country show). Default: the layout's, or {COUNTRY}.",
    ),
]
Agglomeration = Annotated[
    str, typer.Option(help="Urban agglomeration, such as CY (coagg show agglomerations).")
]
Agglomerations = Annotated[
    list[str] | None,
    typer.Option(
        "--agglomeration", help="Urban agglomeration, such as CY. Repeat for more. Default: all."
    ),
]
SurveyYear = Annotated[int, typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="Survey year.")]
FileYears = Annotated[
    list[str],
    typer.Option(
        "--survey-year",
        metavar="YEAR|all",
        help="Survey year. Of a file of several: repeat for more, or all; each is a load.",
    ),
]


def file_years(stated: list[str]) -> list[int]:
    """Survey years as stated; none stands for all that a file holds."""
    if stated == ["all"]:
        return []
    for text in stated:
        if not (text.isdecimal() and FIRST_YEAR <= int(text) <= LAST_YEAR):
            raise typer.BadParameter(
                f"{text!r} is not a year from {FIRST_YEAR} to {LAST_YEAR}, or all",
                param_hint="--survey-year",
            )
    return [int(text) for text in stated]


MaybeYear = Annotated[
    int | None,
    typer.Option(
        "--survey-year", min=FIRST_YEAR, max=LAST_YEAR, help="Survey year. Default: the latest."
    ),
]
SurveyYears = Annotated[
    list[int] | None,
    typer.Option(
        "--survey-year",
        min=FIRST_YEAR,
        max=LAST_YEAR,
        help="Survey year. Repeat for more. Default: all.",
    ),
]
Measurement = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=LARGEST_INTEGER,
        help="Number of the measurement of the index (coagg show measurements). "
        "Default: the latest.",
    ),
]
Disclosure = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST_FIRMS,
        help="Suppress what rests on fewer firms than this; 0: suppress nothing. Default: the rule "
        "of coagg db disclosure, where firms are confidential.",
    ),
]
Draws = Annotated[
    int, typer.Option(min=1, max=MOST_DRAWS, help="Random draws for each null distribution.")
]
Seed = Annotated[
    int,
    typer.Option(min=0, max=LARGEST_INTEGER, help="The same seed gives the same numbers."),
]
Workers = Annotated[
    int,
    typer.Option(
        min=1, max=MOST_WORKERS, help="Number of threads. It changes the time, never a number."
    ),
]
MaxYears = Annotated[
    int,
    typer.Option(
        min=0, max=100, help="Years between a patent's application and the survey, at most."
    ),
]
Classification = Annotated[
    str | None, typer.Option(help="Classification of industries, such as nace2.")
]
FORMATS = (
    "csv, xlsx, ods, xls, dta, sav, parquet, gpkg, geojson, shp, json and others (docs/files.md), "
    "also in a zip or gz; archive.zip/member.csv names a file in a zip."
)
InputFile = Annotated[Path, typer.Argument(dir_okay=False, help=FORMATS)]
InputFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...", help=f"Several files, or a folder of files, are one table. {FORMATS}"
    ),
]
HeaderLine = Annotated[
    int | None,
    typer.Option(
        min=1, max=1_000_000, help="Line of the headers. Default: the layout's, or found by them."
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(help="Name of the data set that this file replaces. Default: the file's name."),
]
Layout = Annotated[
    str | None,
    typer.Option(
        help="Which column is which: the name of a layout (coagg layouts) or a csv file. "
        "Default: found by the headers."
    ),
]
ColumnMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=HEADER",
        help="Which header is which column of ours: lon=Longitude, industry=sic. "
        "Repeat for more. It stands in front of the layout.",
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(help="Sheet of a workbook, layer of a map. Default: the one with the headers."),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoding of the file's text: utf-8, gbk, big5, cp1252, utf-16 and so on. "
        "Default: the layout's, or found out.",
    ),
]

# --- estimations: coagg estimate and coagg tables

Tables = Annotated[
    list[str] | None, typer.Argument(metavar="[TABLE]...", help="Such as table1. Default: all.")
]
Specifications = Annotated[
    list[Path] | None,
    typer.Option(
        file_okay=False,
        help="Folder with table descriptions of your own (*.toml), used beside the shipped ones. "
        "Repeat for more.",
    ),
]

REFEREE = "What a referee asks for"
Convention = Annotated[
    str | None,
    typer.Option(
        help="Small-sample correction: reghdfe (default), ivreghdfe or fixest.",
        rich_help_panel=REFEREE,
    ),
]
MinFirms = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_FIRMS,
        help="Use only industries with at least this many firms in the cell.",
        rich_help_panel=REFEREE,
    ),
]
Transposed = Annotated[
    bool,
    typer.Option(
        "--direction-transposed",
        help="Read every direction the other way: k to j in place of j to k.",
        rich_help_panel=REFEREE,
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option(
        help="What counts as near: 0.90, 0.99, or one-way (0.95, without pairs that are near in "
        "both directions). Default: 0.95.",
        rich_help_panel=REFEREE,
    ),
]
Poisson = Annotated[
    bool,
    typer.Option(
        "--poisson",
        help="Poisson pseudo-maximum likelihood of y, in place of OLS of ln(1+y).",
        rich_help_panel=REFEREE,
    ),
]
TwoWay = Annotated[
    bool,
    typer.Option(
        "--cluster-two-way",
        help="Cluster the errors on the agglomeration too (tables of pairs: on k too).",
        rich_help_panel=REFEREE,
    ),
]
Dyadic = Annotated[
    bool,
    typer.Option(
        "--dyadic",
        help="Tables of pairs: errors are correlated between any two pairs that share an industry.",
        rich_help_panel=REFEREE,
    ),
]
Conley = Annotated[
    float | None,
    typer.Option(
        metavar="KM",
        min=0.001,
        max=25_000,
        help="Tables of cells: Conley's spatial errors, with Bartlett weights up to this distance.",
        rich_help_panel=REFEREE,
    ),
]
Wild = Annotated[
    int | None,
    typer.Option(
        "--wild-bootstrap",
        metavar="DRAWS",
        min=99,
        max=MOST_DRAWS,
        help="Wild cluster bootstrap of each main regressor, with this many draws, such as 9999.",
        rich_help_panel=REFEREE,
    ),
]
Randomisation = Annotated[
    int | None,
    typer.Option(
        metavar="DRAWS",
        min=99,
        max=MOST_DRAWS,
        help="Randomisation inference: permute φ this many times, such as 999.",
        rich_help_panel=REFEREE,
    ),
]
LeaveOneOut = Annotated[
    bool,
    typer.Option(
        "--leave-one-out",
        help="Also each table without each agglomeration in turn.",
        rich_help_panel=REFEREE,
    ),
]


def estimation_options(
    *,
    country: str,
    convention: str | None,
    min_firms: int | None,
    direction_transposed: bool,
    threshold: str | None,
    poisson: bool,
    cluster_two_way: bool,
    dyadic: bool,
    conley: float | None,
    wild_bootstrap: int | None,
    randomisation: int | None,
) -> Options:
    """The options of the command line as the engine's, checked."""
    from coagg.analysis.tables.options import Options

    options = Options(
        country=str(country),
        convention=convention,
        min_firms=min_firms,
        transposed=direction_transposed,
        threshold=threshold,
        poisson=poisson,
        two_way=cluster_two_way,
        dyadic=dyadic,
        conley=conley,
        wild_bootstrap=wild_bootstrap,
        randomisation=randomisation,
    )
    options.check()
    return options
