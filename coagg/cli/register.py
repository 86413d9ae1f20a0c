"""`coagg register`: the register of a day, from a whole one and files of changes."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.options import Encoding, Json, can_be_written
from coagg.console import Answer, progress
from coagg.errors import CoaggError

if TYPE_CHECKING:
    from coagg.etl.firms.register import RegisterReport


class DateOrder(StrEnum):
    """What comes first in a day written with its year at the end."""

    dmy = "dmy"
    mdy = "mdy"


def register(
    base: Annotated[
        Path, typer.Option(dir_okay=False, help="The whole register, in any format that is read.")
    ],
    as_of: Annotated[
        str, typer.Option(metavar="DAY", help="The day whose evening is meant, 2013-12-31.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            dir_okay=False, callback=can_be_written, help="File to write: .parquet or .csv."
        ),
    ],
    added: Annotated[
        list[Path] | None,
        typer.Option(dir_okay=False, help="Firms added, each with its day. Repeat for more."),
    ] = None,
    deleted: Annotated[
        list[Path] | None,
        typer.Option(dir_okay=False, help="Firms deleted, each with its day. Repeat for more."),
    ] = None,
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="HEADER", help="Column of ids. Default: found by its name."),
    ] = None,
    id_digits: Annotated[
        int | None,
        typer.Option(min=1, max=99, help="Digits of a whole id: shorter numbers lost zeros."),
    ] = None,
    added_on: Annotated[
        str | None,
        typer.Option(
            metavar="HEADER", help="Day of addition. Default: the only column that holds days."
        ),
    ] = None,
    deleted_on: Annotated[
        str | None,
        typer.Option(
            metavar="HEADER", help="Day of deletion. Default: the only column that holds days."
        ),
    ] = None,
    date_order: Annotated[
        DateOrder | None,
        typer.Option(help="Whether 03/04/2012 has the day or the month first."),
    ] = None,
    encoding: Encoding = None,
    json: Json = False,
) -> None:
    """Make the register of a day from a whole one and files of firms added and deleted.

    Rows of the base + added - deleted = rows of the day. What was added twice, or deleted without
    being there, is told with an example. Load the file as any other: coagg load firms.
    """
    from coagg.etl.files.dates import day_of
    from coagg.etl.firms import register as registers

    day = day_of(as_of)
    if day is None:
        raise CoaggError(f"--as-of {as_of}: write a day, 2013-12-31")
    if not added and not deleted:
        raise CoaggError("nothing changes the base: name files with --added or --deleted")
    columns = registers.Columns(
        id_, added_on, deleted_on, date_order.value if date_order else None, id_digits, encoding
    )
    with progress("reading", "nothing was written"):
        table, report = registers.register_of_day(base, added or (), deleted or (), day, columns)
        registers.write_register(table, report, out)
    with Answer(json) as answer:
        _tell(answer, report, out)


def _tell(answer: Answer, report: RegisterReport, out: Path) -> None:
    for note in report.notes:
        answer.note(note)
    rows = [
        {"what": "base", "rows": report.base, "example": None},
        {"what": "added", "rows": report.added, "example": None},
        {"what": "deleted", "rows": report.deleted, "example": None},
        {"what": "in the register of the day", "rows": report.rows, "example": None},
    ]
    odd = {
        "added, though there already: its row stays": report.added_twice,
        "deleted, though not there": report.unknown,
        "later than the day: not used": report.later,
        "of the base, cannot be split: left out": report.base_malformed,
    }
    rows += [{"what": what, **told._asdict()} for what, told in odd.items() if told.rows]
    answer.table(
        "rows",
        f"Register of {report.as_of}",
        (("", "{what}"), ("rows", "{rows:,}"), ("an example", "{example}")),
        rows,
    )
    facts = dataclasses.asdict(report)
    for name in ("added_twice", "unknown", "later", "base_malformed"):
        facts[name] = getattr(report, name)._asdict()
    facts.pop("notes")
    facts["register_rows"] = facts.pop("rows")
    answer.say(
        f"{out}: {report.base:,} + {report.added:,} - {report.deleted:,} = {report.rows:,} rows; "
        f"load it with coagg load firms {out} --survey-year {report.as_of.year}",
        out=out, **facts,
    )  # fmt: skip
