"""`coagg load patents` and `coagg load citations`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.counts import KEPT, Counted, rows_table, told_encoding
from coagg.cli.options import Accept, Dataset, DryRun, Encoding, Json, Layout, Sheet
from coagg.console import Answer, prepared, progress

if TYPE_CHECKING:
    from coagg.etl.ledger import InputReport

File = Annotated[
    Path,
    typer.Argument(
        dir_okay=False,
        help="csv, txt, tsv, xlsx, dta or parquet, or the patent office's raw text.",
    ),
]


def load_patents(
    file: File,
    dataset: Dataset = None,
    layout: Layout = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    accept: Accept = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Load patents and their applicants, in place of what the data set held before.

    Every row is counted: rows read = rows clean + rows refused. Loading the same file again changes
    nothing. Other data sets change in one case only: this file has the grant of an application
    that they hold without one.
    """
    from coagg.etl.patents.load import load_patents as load

    _load(
        load,
        file,
        json,
        dataset=dataset,
        layout=layout,
        encoding=encoding,
        sheet=sheet,
        accept=accept,
        dry_run=dry_run,
    )


def load_citations(
    file: File,
    dataset: Dataset = None,
    layout: Layout = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    accept: Accept = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Load citations: rows of citing, cited and date, or a column of a patent file that lists them.

    Load the patents first. Citations are matched to their publication numbers, and citations of
    unknown patents are counted.
    """
    from coagg.etl.patents.citations import load_citations as load

    _load(
        load,
        file,
        json,
        dataset=dataset,
        layout=layout,
        encoding=encoding,
        sheet=sheet,
        accept=accept,
        dry_run=dry_run,
    )


def _load(
    loader: Callable[..., InputReport], file: Path, json: bool, **asked: str | bool | None
) -> None:
    configured = prepared()
    with progress("opening", KEPT) as bar:
        report = loader(configured, file, progress=bar.stage, **asked)
    with Answer(json) as answer:
        _tell(answer, report)


def _tell(answer: Answer, report: InputReport) -> None:
    state = (
        "unchanged, nothing to do"
        if report.unchanged
        else "would be loaded, nothing is kept"
        if report.dry_run
        else "loaded"
    )
    encoding = told_encoding(report.encoding, report.facts)
    answer.say(
        f"{report.file} as {report.kind} {report.dataset}: {state} "
        f"(layout {report.layout}, {report.format}{encoding})",
        file=report.file, kind=report.kind, dataset=report.dataset, unchanged=report.unchanged,
        dry_run=report.dry_run, accepted=report.accepted, layout=report.layout,
        format=report.format, encoding=report.encoding,
    )  # fmt: skip
    rows_table(answer, Counted.of(report))
    answer.say("; ".join(_told(report.facts)), facts=report.facts)
    for note in report.notes:
        answer.note(note)


def _told(facts: dict[str, object]) -> list[str]:
    lines = []
    for name, value in facts.items():
        if name == "encoding_confidence":
            continue
        if isinstance(value, dict):
            text = ", ".join(f"{key} {count:,}" for key, count in value.items())
        elif isinstance(value, list):
            text = " to ".join(str(part) for part in value)
        else:
            text = f"{value:,}"
        lines.append(f"{name.replace('_', ' ')} {text}")
    return lines
