"""`coagg sql`: one question to the data base, its answer as a table or a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from coagg.cli.options import LARGEST_INTEGER, can_be_written
from coagg.console import settings, stdout, table
from coagg.errors import CoaggError

ENDINGS = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".geojson": "geojson",
    ".gpkg": "gpkg",
}


def sql(
    statement: Annotated[
        str | None, typer.Argument(help="One SELECT, with %(name)s where a value goes.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", dir_okay=False, help="Read the SELECT from a file."),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="table, csv, json, parquet, geojson or gpkg. Default: by the ending of --out, "
            "else table.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=can_be_written, dir_okay=False, help="File to write. Default: the screen."
        ),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="A value: name=value. May be given several times.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, max=LARGEST_INTEGER, help="Rows at most; 0 for all.")
    ] = 10_000,
    timeout: Annotated[
        int, typer.Option(min=0, max=86_400, help="Seconds at most; 0 for no limit.")
    ] = 300,
) -> None:
    """Ask the data base one question. Nothing can be changed by it.

    Example: coagg sql "SELECT * FROM publish.cell WHERE survey_year = %(year)s" --param year=2013
    """
    from coagg.database import answers
    from coagg.database.ask import ask

    chosen = _format(format_, out)
    with ask(
        settings(), _statement(statement, file), _values(param), limit=limit,
        timeout_seconds=timeout,
    ) as result:  # fmt: skip
        if chosen == "table":
            rows = [
                [answers.shown(v, c.kind) for v, c in zip(row, result.columns, strict=True)]
                for row in result.rows
            ]
            right = [n for n, c in enumerate(result.columns) if c.kind in answers.NUMBERS]
            stdout().print(table("", [c.name for c in result.columns], rows, right))
        elif out is None:
            answers.write_text(result, chosen, sys.stdout)
        else:
            written = answers.write_file(result, chosen, out)
            print(f"{written:,} rows in {out}", file=sys.stderr)
        if result.more:
            print(f"note: the first {limit:,} rows; there are more (--limit 0)", file=sys.stderr)


def _statement(statement: str | None, file: Path | None) -> str:
    if (statement is None) == (file is None):
        raise CoaggError("say either a SELECT or a file of one (-f FILE)")
    if file is None:
        return str(statement)
    try:
        return file.read_text(encoding="utf-8")
    except OSError as fault:
        raise CoaggError(f"{file} cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError as fault:
        raise CoaggError(f"{file} is not UTF-8 at byte {fault.start}: save it as UTF-8") from None


def _values(param: list[str] | None) -> dict[str, str]:
    values = {}
    for one in param or []:
        name, equals, value = one.partition("=")
        if not equals or not name.isidentifier():
            raise CoaggError(f"--param {one}: write it as name=value")
        values[name] = value
    return values


def _format(asked: str | None, out: Path | None) -> str:
    from coagg.database.answers import FORMATS

    chosen = asked or (ENDINGS.get(out.suffix.lower(), "") if out else "table")
    if chosen not in FORMATS:
        told = f"--format {asked}" if asked else f"{out}: its ending tells no format; --format"
        raise CoaggError(f"{told}: say one of {', '.join(FORMATS)}")
    if out is None and chosen in ("parquet", "gpkg"):
        raise CoaggError(f"{chosen} goes to a file: name it in --out")
    if out is not None and chosen == "table":
        raise CoaggError("a table goes to the screen: choose csv for a file")
    return chosen
