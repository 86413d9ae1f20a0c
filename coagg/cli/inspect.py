"""`coagg inspect`: what a file of firms is, what a load would do with it, and a layout to edit."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coagg.cli.counts import Counted, rows_table
from coagg.cli.options import (
    FIRST_YEAR,
    LAST_YEAR,
    ColumnMap,
    Datum,
    Encoding,
    FileCountry,
    HeaderLine,
    InputFiles,
    Json,
    Layout,
    Sheet,
    can_be_written,
    column_map,
)
from coagg.console import Answer, prepared, progress

if TYPE_CHECKING:
    from coagg.etl.firms.gate import Measures, Verdict
    from coagg.etl.firms.inspect.report import Inspection

STOPPED = "nothing was changed"
_SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_SHOWN = 40  # letters of an example


def inspect(
    files: InputFiles,
    survey_year: Annotated[
        int | None,
        typer.Option(
            "--survey-year",
            min=FIRST_YEAR,
            max=LAST_YEAR,
            help="Survey year. With it the file is compared with the years beside it.",
        ),
    ] = None,
    layout: Layout = None,
    columns: ColumnMap = None,
    datum: Datum = None,
    country: FileCountry = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    header_line: HeaderLine = None,
    write_layout: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            callback=can_be_written,
            help="Write a layout for this file, to edit and to load it with.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a file of firms is before it is loaded. Keep nothing.

    Format, encoding, separator and header; each column, and what it seems to be; where the points
    fall; which classification knows the codes; how many rows would be refused, why, and an example
    of each. What is a guess is called one. With --survey-year also the file beside the year it
    would replace and its neighbours, and what coagg load firms would not take without --accept.
    """
    from coagg.etl.firms.inspect.file import inspect_file
    from coagg.etl.firms.inspect.report import Stated

    configured = prepared()
    stated = Stated(
        survey_year, layout, column_map(columns), datum, country,
        encoding, sheet, header_line,
    )  # fmt: skip
    with progress("opening", STOPPED) as bar:
        found = inspect_file(configured, files, stated, progress=bar.stage)
    if write_layout is not None:
        write_layout.write_text(found.layout_text, encoding="utf-8")
    with Answer(json) as answer:
        _tell_file(answer, found)
        _tell_columns(answer, found)
        _tell_places(answer, found)
        _tell_load(answer, found)
        _tell_how(answer, found, files, write_layout)


def _tell_file(answer: Answer, found: Inspection) -> None:
    sure = f", {found.encoding}" if found.encoding else ""
    if found.encoding_confidence is not None:
        sure += f" ({found.encoding_confidence:.0%} sure)"
    separator = _SEPARATORS.get(found.delimiter or "", found.delimiter)
    told = [
        f"{found.format}{sure}",
        f"separator {separator}" if separator else "",
        f"sheet {found.sheet}" if found.sheet else "",
        f"header in line {found.header_line}" if found.header_line else "",
        f"{found.rows:,} rows",
        f"{found.malformed:,} of them cannot be split" if found.malformed else "",
    ]
    answer.say(
        f"{found.file}: {', '.join(filter(None, told))}",
        file=found.file, format=found.format, encoding=found.encoding,
        encoding_confidence=found.encoding_confidence, delimiter=found.delimiter,
        header_line=found.header_line, sheet=found.sheet, rows_in_file=found.rows,
        rows_malformed=found.malformed,
    )  # fmt: skip
    for note in found.notes:
        answer.note(note)


def _tell_columns(answer: Answer, found: Inspection) -> None:
    fits = f"layout {found.layout} fits" if found.layout else "no layout fits: a guess"

    def seems(row: Any) -> str:
        if not row["columns"]:
            return f"({row['seems']})"
        return f"{row['seems']}{' (a guess)' if row['guess'] else ''}"

    def why(row: Any) -> str:
        if row["share"] is None:
            return ""
        return f"{row['why']}; {row['share']:.0%} of values can be"

    def shown(row: Any) -> str:
        values = (value.replace("\n", " ") for value in row["examples"])
        return " · ".join(v[:_SHOWN] + ("…" if len(v) > _SHOWN else "") for v in values)

    answer.table(
        "columns",
        f"Columns ({fits})",
        (
            ("header", "{header}"),
            ("filled", "{filled:.0%}"),
            ("seems to be", seems),
            ("by", why),
            ("examples", shown),
        ),
        [column.as_row() for column in found.columns],
    )


def _tell_places(answer: Answer, found: Inspection) -> None:
    place = found.place
    if place.tried:
        answer.table(
            "places",
            "Where its points fall, read in each datum",
            (
                ("country", "{country}"),
                ("datum", "{datum}"),
                ("in the country", "{inside:.1%}"),
                ("in their own area", "{own:.1%}"),
            ),
            [fit.as_row() for fit in place.tried[:8]],
        )
    known = found.classification
    codes = f"codes of {known[0]} (a guess: it knows {known[1]:.0%})" if known else "no known codes"
    answer.say(
        f"country {place.country or 'not known'} ({place.country_from}), "
        f"datum {place.datum or 'not known'}, "
        f"survey year {found.survey_year or 'not known'} ({found.year_from}), "
        f"{codes}",
        country=place.country, country_from=place.country_from, datum=place.datum,
        survey_year=found.survey_year, year_from=found.year_from, layout=found.layout,
        classification=known[0] if known else None,
        classification_share=known[1] if known else None,
        columns_missing=found.missing,
    )  # fmt: skip


def _tell_load(answer: Answer, found: Inspection) -> None:
    report = found.load
    if report is not None:
        rows_table(answer, Counted.of(report))
        if examples := report.facts.get("examples"):
            answer.table(
                "examples",
                "Rows that would be refused: an example of each reason",
                (("reason", "{reason}"), ("row and value", "{example}")),
                [{"reason": reason, "example": example} for reason, example in examples.items()],
            )
        for note in report.facts.get("notes", ()):
            if note not in found.notes:
                answer.note(note)
        if report.verdict is not None:
            tell_verdict(answer, report.verdict, found.year_from == "stated")
    if found.refused:
        answer.say(f"would not be loaded: {found.refused}", refused=found.refused, taken=False)


def _tell_how(answer: Answer, found: Inspection, files: list[Path], written: Path | None) -> None:
    year = found.survey_year or "YEAR"
    command = ["coagg", "load", "firms", *map(str, files), "--survey-year", str(year)]
    by = ["--layout", str(written)] if written else _words(found)
    line = shlex.join([*command, *by])
    before = f"layout to edit: {written}; then" if written else "to load it, --write-layout or"
    answer.say(
        f"{before}: {line}",
        command=line, layout_text=found.layout_text, layout_written=str(written or "") or None,
    )  # fmt: skip


def _words(found: Inspection) -> list[str]:
    if found.layout and not found.layout.startswith("--map"):
        return ["--layout", found.layout]
    return [word for one in found.words for word in ("--map", one)]


def tell_verdict(answer: Answer, verdict: Verdict, beside: bool) -> None:
    """Whether the year would be taken; `beside` those that are loaded, where it is known which."""
    if beside:
        _beside(answer, verdict)
    for found in verdict.findings:
        answer.note(f"needs --accept: {found.line()}")
    findings = [dataclasses.asdict(found) for found in verdict.findings]
    line = "would be taken" if not findings else 'would not be taken without --accept "why"'
    answer.say(line, taken=not findings, findings=findings)


def _beside(answer: Answer, verdict: Verdict) -> None:
    from coagg.etl.firms import gate

    years: list[tuple[str, str, Measures]] = [("this_file", "this file", verdict.new)]
    if verdict.replaced is not None:
        head = f"{verdict.replaced.survey_year} as loaded"
        years.append(("replaced", head, verdict.replaced))
    for year in verdict.neighbours:
        years.append((f"year_{year.survey_year}", str(year.survey_year), year))
    names = [f.name for f in dataclasses.fields(gate.Measures) if f.name != "survey_year"]
    rows: list[dict[str, Any]] = [
        {"measure": name, **{key: getattr(year, name) for key, _, year in years}} for name in names
    ]
    for row in rows:
        found = [f for f in verdict.findings if f.measure == row["measure"]]
        row["verdict"] = f"{found[0].limit} against {found[0].against}" if found else None

    def column(key: str) -> Any:
        return lambda row: gate.told(row["measure"], row[key])

    answer.table(
        "measures",
        "This file beside what is loaded",
        (
            ("", lambda row: gate.label(row["measure"])),
            *((head, column(key)) for key, head, _ in years),
            ("too far", lambda row: row["verdict"] or ""),
        ),
        rows,
    )
