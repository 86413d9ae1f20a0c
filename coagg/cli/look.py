"""`coagg show`, `coagg map`, `coagg check`, `coagg demo`: looking at what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coagg import database
from coagg.analysis.show import maps
from coagg.analysis.show import top_pairs as pairs
from coagg.console import console, settings, table
from coagg.demo import run as demo_run
from coagg.rebuild.stale import older_results

OLDER_TITLE = "results older than their inputs"
OLDER_SHOWN = 5  # with their reasons

show = typer.Typer(help="Show results.", no_args_is_help=True)


@show.callback()
def _show() -> None:
    """Show results."""


@show.command("pairs")
def show_pairs(
    agglomeration: Annotated[str, typer.Option(help="Urban agglomeration, e.g. CY.")],
    survey_year: Annotated[int | None, typer.Option(help="Default: the latest measured.")] = None,
    top: Annotated[int, typer.Option(help="How many pairs.")] = 20,
    industry: Annotated[str | None, typer.Option(help="Only pairs from this industry.")] = None,
    measurement: Annotated[int | None, typer.Option(help="Default: the latest.")] = None,
    country: Annotated[str, typer.Option(help="CN or GB.")] = "CN",
) -> None:
    """Show the pairs that seek each other's neighbourhood most, with names."""
    with database.connect(settings()) as connection:
        found = pairs.top_pairs(
            connection, country, agglomeration, survey_year, measurement, industry, top
        )
    rows = [
        (
            f"{p.from_industry} {p.from_name}", f"{p.from_firms:,}",
            f"{p.to_industry} {p.to_name}", f"{p.to_firms:,}",
            f"{p.index:.3f}", f"{p.z:.1f}", f"{p.reverse:.3f}",
        )
        for p in found.pairs
    ]  # fmt: skip
    console.print(
        table(
            f"{found.agglomeration} {found.survey_year}, measurement {found.measurement_id} "
            f"({found.method}, {found.draws} draws): by index, then by distance from chance",
            ("from", "firms", "to", "firms", "index", "sd below", "reverse"),
            rows,
            right=(1, 3, 4, 5, 6),
        )
    )
    console.print(
        f"{found.significant:,} of {found.all:,} ordered pairs have an index of 0.95 or more "
        f"({found.significant / max(found.all, 1):.1%})"
    )


def map_(
    agglomeration: Annotated[str, typer.Option(help="Urban agglomeration, e.g. CY.")],
    industry: Annotated[list[str], typer.Option(help="Three-digit industry; repeat for more.")],
    survey_year: Annotated[int | None, typer.Option(help="Default: the latest loaded.")] = None,
    out: Annotated[Path | None, typer.Option(help="PNG to write.")] = None,
    country: Annotated[str, typer.Option(help="CN or GB.")] = "CN",
) -> None:
    """Draw an industry's firms on the prefectures of an agglomeration, as a PNG."""
    with database.connect(settings()) as connection:
        year = survey_year or maps.latest_year(connection, country)
        target = out or Path(f"map_{agglomeration}_{'_'.join(industry)}_{year}.png")
        drawn = maps.draw_map(connection, target, country, agglomeration, tuple(industry), year)
    console.print(f"{target}: {drawn:,} firms", soft_wrap=True)


def check() -> None:
    """List what is wrong with the data base. Exit code 1 when anything is."""
    with database.connect(settings()) as connection:
        found = connection.execute("SELECT title, problems, hint FROM ops.checks").fetchall()
    older = older_results(settings())
    hint = "coagg rebuild --dry-run says which and why; coagg rebuild makes them anew"
    found.append((OLDER_TITLE, len(older), hint))
    bad = [row for row in found if row[1]]
    rows = [(f"{problems:,}", title) for title, problems, _ in found]
    console.print(table("Checks", ("count", "what"), rows, right=(0,)))
    for title, _, hint in bad:
        console.print(f"{title}: {hint}", markup=False, soft_wrap=True)
        for name in list(older)[:OLDER_SHOWN] if title == OLDER_TITLE else ():
            console.print(f"  {name}: {older[name]}", markup=False, soft_wrap=True)
    if len(older) > OLDER_SHOWN:
        console.print(f"  and {len(older) - OLDER_SHOWN:,} more")
    console.print(f"{len(found) - len(bad)} of {len(found)} checks found nothing")
    if bad:
        raise typer.Exit(1)


def demo(
    out: Annotated[Path | None, typer.Option(help="Folder for the economy and the report.")] = None,
    draws: Annotated[int, typer.Option(help="Counterfactual draws.")] = 1000,
) -> None:
    """Do the main job on a made economy: from raw files to tables, and what of the truth is found.

    Works in a data base of its own, beside the real one; look into it with coagg --demo ...
    """
    demo_run.run(settings(), out, draws, console)
