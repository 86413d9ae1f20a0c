"""What is said of a file before it is loaded, and what the caller says of it himself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coagg.etl.firms.inspect.columns import Column
from coagg.etl.firms.inspect.place import Located
from coagg.etl.firms.load_report import LoadReport


@dataclass(frozen=True)
class Inspection:
    """What a file seems to be. Shares are 0 to 1.

    `layout` is the one that fits, None where none does and `columns` are a guess. `classification`
    is the one that knows most codes, with its share. `missing` are required columns that nothing
    seems to be. `layout_text` is a layout to edit, `words` the same as words of --map. `load` is
    what a load would do, None where it cannot be tried; `refused` why the file would not be taken.
    """

    file: str
    format: str
    encoding: str | None
    encoding_confidence: float | None
    delimiter: str | None
    header_line: int | None
    sheet: str | None
    rows: int
    malformed: int
    columns: list[Column]
    layout: str | None
    survey_year: int | None
    year_from: str
    place: Located
    classification: tuple[str, float] | None
    missing: list[str]
    layout_text: str
    words: list[str]
    notes: list[str] = field(default_factory=list)
    load: LoadReport | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Stated:
    """What the caller says of a file, as to `load_firms`; None: to be found out."""

    survey_year: int | None = None
    layout: str | None = None
    columns: Mapping[str, str] | None = None
    datum: str | None = None
    country: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_line: int | None = None
