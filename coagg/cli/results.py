"""`coagg results`: sets of results, what changed between two, and which one readers see."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from coagg.cli.options import LARGEST_INTEGER, Json
from coagg.console import Answer, Row, settings

app = typer.Typer(
    help="Sets of results: which there are, what changed and why, which one readers see.",
    no_args_is_help=True,
)
SetNumber = Annotated[int, typer.Argument(min=0, max=LARGEST_INTEGER, help="Number of a set.")]


def _when(name: str) -> str:
    return f"{{{name}:%Y-%m-%d %H:%M}}"


def _file(row: Row, side: str) -> str:
    """Name of a file and the beginning of its hash: a corrected file often keeps its name."""
    return f"{row[side]} ({row[f'{side}_sha256'][:8]})" if row[side] else "none"


@app.command("list")
def list_(json: Json = False) -> None:
    """List the sets of results that are kept, the newest first."""
    from coagg.results import result_sets

    rows = [dataclasses.asdict(one) for one in result_sets(settings())]
    with Answer(json) as answer:
        answer.table(
            "sets",
            "Results",
            (
                ("set", "{set_id:d}"), ("state", "{state}"), ("made by", "{made_by}"),
                ("begun", _when("opened_at")), ("complete", _when("completed_at")),
                ("new units", "{new_units:,}"), ("panel years", "{new_panel_years:,}"),
                ("tables", "{new_tables:,}"),
            ),
            rows,
        )  # fmt: skip
        for row in rows:
            for fault in row["unfinished"]:
                answer.say(f"{row['set_id']}: {fault}")


@app.command("show")
def show(number: SetNumber, json: Json = False) -> None:
    """Show one set: when and by what it was made, and from which files."""
    from coagg.errors import CoaggError
    from coagg.results import files_of, result_sets

    configured = settings()
    found = next((one for one in result_sets(configured) if one.set_id == number), None)
    if found is None:
        raise CoaggError(f"results {number} are not kept: coagg results list")
    files = files_of(configured, number)
    with Answer(json) as answer:
        ended = f"{found.completed_at:%Y-%m-%d %H:%M}" if found.completed_at else "not complete"
        answer.say(
            f"results {number}, {found.state}: made by {found.made_by}, {ended}; new in it: "
            f"{found.new_units:,} units of the index, {found.new_panel_years:,} years of the "
            f"panel, {found.new_tables:,} tables",
            **dataclasses.asdict(found),
        )
        if files is None:
            answer.note("its files were not kept: it is older than versions of results")
            return
        rows = [{"data": name, "file": file} for name, file in sorted(files.items())]
        answer.table("files", "Made from", (("data", "{data}"), ("file", "{file}")), rows)


@app.command("diff")
def diff(before: SetNumber, after: SetNumber, json: Json = False) -> None:
    """Say what changed from one set to another, and because of which file, setting or code."""
    from coagg.results import difference

    found = difference(settings(), before, after)
    with Answer(json) as answer:
        answer.document.update(before=before, after=after)
        if found.files is None:
            answer.note("one of the sets is older than versions of results: its files are unknown")
        if found.files:
            answer.table(
                "files",
                "Files",
                (
                    ("data", "{data}"),
                    (f"in {before}", lambda r: _file(r, "before")),
                    (f"in {after}", lambda r: _file(r, "after")),
                ),
                [dataclasses.asdict(one) for one in found.files],
            )
        if found.index:
            answer.table(
                "index",
                "Index",
                (
                    ("of", "{measurement_id:d}"), ("year", "{country} {survey_year}"),
                    ("agglomeration", "{agglomeration_code}"), ("pairs changed", "{changed:,}"),
                    ("new", "{new:,}"), ("gone", "{gone:,}"), ("now near", "{became_near:,}"),
                    ("no longer", "{no_longer_near:,}"), ("largest", "{largest_change:.3f}"),
                    ("why", "{why}"),
                ),
                [dataclasses.asdict(one) for one in found.index],
            )  # fmt: skip
        if found.panel:
            answer.table(
                "panel",
                "Panel",
                (
                    ("of", "{measurement_id:d}"), ("year", "{country} {survey_year}"),
                    ("cells before", "{cells_before:,}"), ("after", "{cells_after:,}"),
                    ("changed", "{cells_changed:,}"), ("why", "{why}"),
                ),
                [dataclasses.asdict(one) for one in found.panel],
            )  # fmt: skip
        if found.tables:
            from coagg.analysis.tables.store import command_words

            answer.table(
                "tables",
                "Tables",
                (
                    ("of", "{measurement_id:d}"), ("table", "{table}"),
                    ("options", lambda r: " ".join(command_words(r["options"]))),
                    ("numbers changed", "{numbers_changed:,}"),
                    ("largest, in s.e.", "{largest_change_in_se:.2g}"),
                    ("signs", "{signs_changed:,}"), ("stars at 5%", "{significance_changed:,}"),
                    ("why", "{why}"),
                ),
                [dataclasses.asdict(one) for one in found.tables],
            )  # fmt: skip
        if not (found.files or found.index or found.panel or found.tables):
            answer.say(f"results {before} and {after} are the same")


@app.command("activate")
def activate(
    number: Annotated[str, typer.Argument(help="Number of a set, or newest.")], json: Json = False
) -> None:
    """Let readers see a set, also when newer ones are made. newest: see those again.

    A set that a stopped rebuild left unfinished is completed as it is.
    """
    from coagg import results

    wanted = None
    if number != "newest":
        if not (number.isascii() and number.isdigit() and int(number) <= LARGEST_INTEGER):
            raise typer.BadParameter(f"{number!r}: write the number of a set, or newest")
        wanted = int(number)
    with Answer(json) as answer:
        line = results.activate(settings(), wanted)
        answer.say(line, said=line)


@app.command("prune")
def prune(
    keep: Annotated[
        int, typer.Option(min=1, max=LARGEST_INTEGER, help="How many complete sets to keep.")
    ],
    json: Json = False,
) -> None:
    """Forget old sets, and results that no set has any more. The active set is always kept."""
    from coagg import results

    gone = results.prune(settings(), keep)
    with Answer(json) as answer:
        words = ", ".join(map(str, gone)) or "none"
        answer.say(f"forgotten: {words}", forgotten=gone)
