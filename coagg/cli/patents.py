"""`coagg load patents` and `coagg load citations`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from coagg import prepare
from coagg.console import console, errors, progress, settings, table
from coagg.etl.ledger import InputReport
from coagg.etl.patents import citations as citation_loader
from coagg.etl.patents import load as patent_loader

File = Annotated[
    Path,
    typer.Argument(help="csv, txt, tsv, xlsx, dta or parquet, or the patent office's raw text"),
]
Dataset = Annotated[
    str | None,
    typer.Option(help="Name of the part that this file replaces; else the file's name."),
]
Layout = Annotated[
    str | None,
    typer.Option(help="Column map: a name or a csv file; else found by the headers."),
]


def load_patents(file: File, dataset: Dataset = None, layout: Layout = None) -> None:
    """Load patents and their applicants, in place of what the dataset held before.

    Rows read = rows clean + rows refused. The same file twice changes nothing; other datasets are
    touched only where this one holds the grant of an application they hold without one.
    """
    _load(patent_loader.load_patents, file, dataset, layout)


def load_citations(file: File, dataset: Dataset = None, layout: Layout = None) -> None:
    """Load citations: citing, cited and date in rows, or a column of a patent file that lists them.

    Load the patents first: their publication numbers are told, and unknown patents counted.
    """
    _load(citation_loader.load_citations, file, dataset, layout)


def _load(loader, file: Path, dataset: str | None, layout: str | None) -> None:  # type: ignore[no-untyped-def]
    configured = settings()
    for line in prepare.prepare(configured):
        errors.print(line, markup=False, soft_wrap=True)
    with progress() as bar:
        task = bar.add_task("opening", total=None, rate="")

        def show(stage: str, rows: int) -> None:
            bar.update(task, description=stage, rate=f"{rows:,} rows" if rows else "")

        report = loader(configured, file, dataset=dataset, layout=layout, progress=show)
    print_input_report(report)


def print_input_report(report: InputReport) -> None:
    """The table of counts that ends a load."""
    state = "unchanged, nothing to do" if report.unchanged else "loaded"
    encoding = f", {report.encoding}" if report.encoding else ""
    console.print(
        escape(
            f"{report.file} as {report.kind} {report.dataset}: {state} "
            f"(layout {report.layout}, {report.format}{encoding})"
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
    console.print(escape("; ".join(_told(report.facts))), soft_wrap=True)
    for note in report.notes:
        errors.print(f"note: {note}", markup=False, soft_wrap=True)


def _told(facts: dict[str, object]) -> list[str]:
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            text = ", ".join(f"{key} {count:,}" for key, count in value.items())
        elif isinstance(value, list):
            text = " to ".join(str(part) for part in value)
        else:
            text = f"{value:,}"
        lines.append(f"{name.replace('_', ' ')} {text}")
    return lines
