"""`coagg tables`: from stored numbers to pages."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.options import (
    Conley,
    Convention,
    Country,
    Disclosure,
    Dyadic,
    Json,
    LeaveOneOut,
    Measurement,
    MinFirms,
    Poisson,
    Randomisation,
    Specifications,
    Tables,
    Threshold,
    Transposed,
    TwoWay,
    Wild,
    can_be_written,
    estimation_options,
)
from coagg.console import Answer, settings, stdout, truth_table
from coagg.errors import CoaggError
from coagg.settings import COUNTRY

if TYPE_CHECKING:
    from coagg.analysis.tables.collect import Collected
    from coagg.analysis.tables.pages.truth import Verdict


def tables_(
    tables: Tables = None,
    format_: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help="md, tex, html, docx, csv or all. Repeat for more. Default: md."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=can_be_written,
            file_okay=False,
            help="Folder to write. Default: Markdown on the terminal.",
        ),
    ] = None,
    beside_paper: Annotated[
        bool, typer.Option("--beside-paper", help="Show the paper's published figures beside ours.")
    ] = False,
    plot: Annotated[
        list[str] | None,
        typer.Option(help="Draw the coefficients: png, svg or pdf. Repeat for more."),
    ] = None,
    curve: Annotated[
        list[str] | None,
        typer.Option(
            help="Draw a specification curve of all that is stored of a table: png, svg or pdf. "
            "Repeat for more."
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="truth/coefficients.json of a made economy. Shows the truth beside the estimates.",
        ),
    ] = None,
    measurement: Measurement = None,
    country: Country = COUNTRY,
    specifications: Specifications = None,
    convention: Convention = None,
    min_firms: MinFirms = None,
    direction_transposed: Transposed = False,
    threshold: Threshold = None,
    poisson: Poisson = False,
    cluster_two_way: TwoWay = False,
    dyadic: Dyadic = False,
    conley: Conley = None,
    wild_bootstrap: Wild = None,
    randomisation: Randomisation = None,
    leave_one_out: LeaveOneOut = False,
    disclosure: Disclosure = None,
    json: Json = False,
) -> None:
    """Make tables of stored estimates, laid out like the paper's.

    Without TABLE, all that are estimated. The numbers are those of the latest estimation with the
    same options. Without options: the paper's. Where firms are confidential, what tells of a single
    cell is left out (--disclosure).
    """
    from coagg import database
    from coagg.analysis.tables.collect import collect
    from coagg.analysis.tables.pages import make
    from coagg.analysis.tables.specification import load_specifications
    from coagg.database.disclosure import guard

    options = estimation_options(
        country=country, convention=convention, min_firms=min_firms,
        direction_transposed=direction_transposed, threshold=threshold, poisson=poisson,
        cluster_two_way=cluster_two_way, dyadic=dyadic, conley=conley,
        wild_bootstrap=wild_bootstrap, randomisation=randomisation,
    )  # fmt: skip
    pages = make.wanted(out, format_ or (), plot or (), curve or (), beside_paper)
    known = load_specifications(*(specifications or ()))
    newest = database.pinned(settings())  # pages of one set, whatever is completed meanwhile
    with database.connect(newest) as connection, Answer(json) as answer:
        found = collect(
            connection, known, tables or (), measurement, options, leave_one_out, bool(curve),
            published=guard(connection, disclosure) is not None,
        )  # fmt: skip
        if out is not None:
            files = make.write_pages(connection, found, pages, country)
            answer.say(f"{out}: {len(files)} files of {len(found.tables)} tables", files=files)
        elif not json:
            print(make.as_markdown(found, pages))
        _tell(answer, found)
        if truth is not None:
            _tell_truth(answer, found, truth)


def _tell(answer: Answer, found: Collected) -> None:
    if found.lacking:
        answer.say(f"not estimated, left out: {', '.join(found.lacking)}: {found.remedy}")
    if found.stale:
        answer.say(
            f"estimated before the panel was built again: {', '.join(found.stale)}: {found.remedy}"
        )
    if found.suppressed:
        answer.note(
            f"{found.suppressed} smallest and largest values are suppressed: each is one cell's "
            "(coagg db disclosure)"
        )
    answer.document |= {
        "suppressed": found.suppressed,
        "tables": [dataclasses.asdict(table) for table in found.tables],
        "lacking": found.lacking,
        "stale": found.stale,
    }


def _tell_truth(answer: Answer, found: Collected, file: Path) -> None:
    from coagg.analysis.tables.pages.truth import read_truth, truth_grid, verdicts

    values = read_truth(file)
    judged: list[Verdict] = [v for table in found.tables for v in verdicts(table, values)]
    if not judged:
        raise CoaggError(f"{file} says nothing of a regressor of these tables")
    answer.document["truth"] = [
        {**dataclasses.asdict(verdict), "holds": verdict.covered} for verdict in judged
    ]
    if not answer.as_json:
        grid = truth_grid(judged)
        stdout().print(truth_table(grid))
        answer.say(grid.notes[0])
