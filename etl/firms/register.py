"""The register of a day: a whole register, and the files of firms added to it and deleted from it.

Registers give their changes as files of added and of deleted firms, each row with its day. What
happens to a firm is followed day by day, whatever order files and rows come in; of the events of
one day those come first that the firm's standing on that morning allows. Nothing is lost: rows of
the base + firms added - firms deleted = rows of the day, and what fits nowhere is told.
"""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from coagg import writing
from coagg.errors import CoaggError
from coagg.etl.files import dates
from coagg.etl.files import values as firm_values
from coagg.etl.firms import ids as firm_ids
from coagg.etl.firms.headers import nearest_header, normalised
from coagg.etl.firms.inspect import words
from coagg.etl.firms.inspect.sample import open_any

ADDED, DELETED = "added", "deleted"
ENDINGS = (".parquet", ".csv")
_DATES_SHARE = 0.9  # of a column, that days make it one of days
_DATES_TRIED = 1_000


class Told(NamedTuple):
    """How many rows something is true of, and an example of them."""

    rows: int
    example: str | None


NONE = Told(0, None)


@dataclass(frozen=True)
class Columns:
    """Headers of ids and of days, where they are named; `id_digits` as in a layout."""

    firm_id: str | None = None
    added_on: str | None = None
    deleted_on: str | None = None
    date_order: str | None = None
    id_digits: int | None = None
    encoding: str | None = None


FOUND_OUT = Columns()


@dataclass
class RegisterReport:
    """What became of a register; base + added - deleted = rows, always.

    `added_twice` are rows of firms that were there already (theirs stays), `unknown` deletions of
    firms that were not there, `later` events after the day, `base_malformed` rows of the base that
    could not be split and are left out. `files` holds name, kind and sha256 of each.
    """

    as_of: datetime.date
    base: int
    added: int = 0
    deleted: int = 0
    rows: int = 0
    added_twice: Told = NONE
    unknown: Told = NONE
    later: Told = NONE
    base_malformed: Told = NONE
    notes: list[str] = field(default_factory=list)
    files: list[dict[str, str]] = field(default_factory=list)


class _Held(NamedTuple):
    """A file held whole: its rows, the ids of n rows, their row numbers and days (None: a base)."""

    path: Path
    sha256: str
    table: pa.Table
    ids: list[str]
    numbers: np.ndarray
    days: list[datetime.date] | None
    day_header: str | None


class _Event(NamedTuple):
    day: datetime.date
    kind: str
    file: int
    row: int


def register_of_day(
    base: Path,
    added: Sequence[Path],
    deleted: Sequence[Path],
    as_of: datetime.date,
    columns: Columns = FOUND_OUT,
) -> tuple[pa.Table, RegisterReport]:
    """The rows of a register on the evening of a day, and what became of them.

    The table has the columns of the base, all text, the rows that stayed in their order and the
    added ones behind them. Raises CoaggError where an id is missing or stands twice in the base,
    where a day cannot be read, or where a column of ids or days is not found.
    """
    whole, malformed = _read(base, columns, None)
    report = RegisterReport(as_of, len(whole.ids), base_malformed=malformed)
    _require_unique(whole)
    held = [_read(path, columns, kind)[0] for kind, paths in ((ADDED, added), (DELETED, deleted))
            for path in paths]  # fmt: skip
    kinds = [ADDED] * len(added) + [DELETED] * len(deleted)
    report.files = [
        {"file": one.path.name, "kind": kind, "sha256": one.sha256}
        for kind, one in zip(["base", *kinds], [whole, *held], strict=True)
    ]
    by_id, report.later = _events(held, kinds, as_of)
    places = {one: place for place, one in enumerate(whole.ids) if one in by_id}
    gone: list[int] = []
    kept: list[tuple[int, int]] = []
    twice: list[tuple[int, int]] = []
    unknown: list[tuple[int, int]] = []
    for firm_id, events in by_id.items():
        source: tuple[int, int] | None = (-1, places[firm_id]) if firm_id in places else None
        for kind, place in _in_order(events, source is not None):
            if kind == ADDED and source is None:
                source = place
                report.added += 1
            elif kind == ADDED:
                twice.append(place)
            elif source is None:
                unknown.append(place)
            else:
                source = None
                report.deleted += 1
        if firm_id in places and source != (-1, places[firm_id]):
            gone.append(places[firm_id])
        if source is not None and source[0] >= 0:
            kept.append(source)
    report.added_twice, report.unknown = _told(held, twice), _told(held, unknown)
    stays = np.ones(len(whole.ids), dtype=bool)
    stays[gone] = False
    parts = [whole.table.filter(pa.array(stays))]
    for number, one in enumerate(held[: len(added)]):
        rows = sorted(row for file, row in kept if file == number)
        parts.append(_in_columns(one, whole.table.column_names, rows, report.notes))
    table = pa.concat_tables(parts)
    report.rows = table.num_rows
    assert report.base + report.added - report.deleted == report.rows
    return table, report


def write_register(table: pa.Table, report: RegisterReport, out: Path) -> None:
    """Write the register as .parquet, which says in itself what it was made from, or as .csv.

    Only its owner may read the file. Raises CoaggError for another ending.
    """
    if out.suffix not in ENDINGS:
        raise CoaggError(f"{out}: name a file that ends in {' or '.join(ENDINGS)}")
    made = {"as_of": str(report.as_of), "files": report.files}
    told = {"coagg_register": json.dumps(made, ensure_ascii=False)}
    try:
        with writing.open_private(out, "wb") as file:
            if out.suffix == ".csv":
                pyarrow.csv.write_csv(table, file)
            else:
                pyarrow.parquet.write_table(table.replace_schema_metadata(told), file)
    except OSError as fault:
        raise CoaggError(f"{out}: cannot be written: {fault.strerror or fault}") from None


def _read(path: Path, columns: Columns, kind: str | None) -> tuple[_Held, Told]:
    """A file, its ids and days, and the rows that could not be split (of the base alone)."""
    table = open_any(path, columns.encoding, None)
    batches = list(table.batches())
    malformed = [bad for batch in batches for bad in batch.malformed]
    bad = Told(len(malformed), f"row {malformed[0].row_number}, {malformed[0].detail}"
               if malformed else None)  # fmt: skip
    if malformed and kind is not None:
        raise CoaggError(
            f"{path}: {bad.rows} rows cannot be split into fields ({bad.example}); a change that "
            "is lost makes a wrong register: mend them"
        )
    rows = pa.concat_tables([batch.table for batch in batches]).combine_chunks()
    numbers = np.concatenate([batch.row_numbers() for batch in batches])
    header = _id_header(path, table.headers, columns.firm_id)
    received = firm_values.trimmed(rows[header].combine_chunks())
    judged = firm_ids.judge(received, width=columns.id_digits).ids
    missing = np.flatnonzero(firm_values.as_mask(judged.is_null()))
    if len(missing):
        raise CoaggError(
            f"{path}: {len(missing)} rows have no id under {header}, row {numbers[missing[0]]} has "
            f"{received[int(missing[0])].as_py()!r}; changes need an id in every row"
        )
    days = on = None
    if kind is not None:
        on = _date_header(path, rows, columns, kind)
        days = _days(path, rows[on], numbers, on, columns.date_order)
    return _Held(path, table.sha256, rows, judged.to_pylist(), numbers, days, on), bad


def _id_header(path: Path, headers: Sequence[str], stated: str | None) -> str:
    """The header of the ids: the one that is named, else the only one that speaks of ids."""
    named = {normalised(header): header for header in headers}
    if stated is not None and normalised(stated) in named:
        return named[normalised(stated)]
    found = [h for h in headers if words.spoken_of(h).get("firm_id", 0) >= words.SAME]
    if len(found) == 1:
        return found[0]
    if stated is not None:
        near = nearest_header([stated], headers)
        hint = f"; the nearest is {near!r}" if near else ""
        raise CoaggError(f"{path}: has no header {stated!r}{hint}")
    told = f"{', '.join(found)} are" if found else f"none of {', '.join(headers[:20])} is"
    raise CoaggError(f"{path}: {told} plainly the column of ids; name it with --id")


def _days(
    path: Path, column: pa.ChunkedArray, numbers: np.ndarray, header: str, order: str | None
) -> list[datetime.date]:
    """The day of each row. Raises CoaggError for the first that cannot be read."""
    text = firm_values.trimmed(column.combine_chunks())
    stated_words = [one for one in pc.unique(text).to_pylist() if one is not None]
    order = order or dates.order_of(stated_words)
    doubtful = None if order else dates.needs_order(stated_words)
    if doubtful is not None:
        raise CoaggError(
            f"{path}: {header} {doubtful!r} may be two days, and nothing tells which; say "
            "--date-order dmy or mdy"
        )
    days = firm_values.by_unique(text, lambda one: dates.day_of(one, order))
    bad = [place for place, day in enumerate(days) if day is None]
    if bad:
        raise CoaggError(
            f"{path}: {len(bad)} rows have no day under {header} that can be read, row "
            f"{numbers[bad[0]]} has {text[bad[0]].as_py()!r}; write 2013-12-31"
        )
    return [day for day in days if day is not None]


def _date_header(path: Path, rows: pa.Table, columns: Columns, kind: str) -> str:
    """The header of the days: the one that is named, else the only one that holds days."""
    option, headers = f"--{kind}-on", rows.column_names
    stated = columns.added_on if kind == ADDED else columns.deleted_on
    if stated is not None:
        named = {normalised(header): header for header in headers}
        if normalised(stated) in named:
            return named[normalised(stated)]
        near = nearest_header([stated], headers)
        hint = f"; the nearest is {near!r}" if near else ""
        raise CoaggError(f"{path}: {option} {stated}: no header {stated!r}{hint}")
    found = [header for header in headers if _holds_days(rows[header])]
    if len(found) == 1:
        return found[0]
    told = f"{', '.join(found)} all hold days" if found else "no column holds days"
    raise CoaggError(f"{path}: {told}; name the one of the change with {option} HEADER")


def _holds_days(column: pa.ChunkedArray) -> bool:
    some = firm_values.trimmed(column.combine_chunks()).drop_null().slice(0, _DATES_TRIED)
    days = firm_values.by_unique(
        some, lambda one: dates.day_of(one, "dmy") or dates.day_of(one, "mdy")
    )
    return len(days) > 0 and sum(day is not None for day in days) >= _DATES_SHARE * len(days)


def _require_unique(base: _Held) -> None:
    """Raise CoaggError when an id stands in the base twice."""
    first: dict[str, int] = {}
    for place, one in enumerate(base.ids):
        if one in first:
            raise CoaggError(
                f"{base.path}: id {one} stands in row {base.numbers[first[one]]} and in row "
                f"{base.numbers[place]}; a register has a row a firm"
            )
        first[one] = place


def _events(
    held: Sequence[_Held], kinds: Sequence[str], as_of: datetime.date
) -> tuple[dict[str, list[_Event]], Told]:
    """What happens to each firm until the day, and what happens later."""
    by_id: dict[str, list[_Event]] = defaultdict(list)
    later: list[tuple[int, int]] = []
    for number, (one, kind) in enumerate(zip(held, kinds, strict=True)):
        assert one.days is not None
        for row, (firm_id, day) in enumerate(zip(one.ids, one.days, strict=True)):
            if day > as_of:
                later.append((number, row))
            else:
                by_id[firm_id].append(_Event(day, kind, number, row))
    return by_id, _told(held, later)


def _in_order(events: Iterable[_Event], there: bool) -> Iterable[tuple[str, tuple[int, int]]]:
    """Events of one firm by day; of a day first the one that its standing allows."""
    by_day: dict[datetime.date, list[_Event]] = defaultdict(list)
    for event in events:
        by_day[event.day].append(event)
    for day in sorted(by_day):
        first = DELETED if there else ADDED
        todays = sorted(by_day[day], key=lambda event: (event.kind != first, event.file, event.row))
        for event in todays:
            yield event.kind, (event.file, event.row)
        there = todays[-1].kind == ADDED


def _told(held: Sequence[_Held], places: Sequence[tuple[int, int]]) -> Told:
    """How many, with the first as an example."""
    if not places:
        return NONE
    file, row = min(places)
    one = held[file]
    assert one.days is not None
    return Told(
        len(places), f"{one.path.name} row {one.numbers[row]}, id {one.ids[row]}, {one.days[row]}"
    )


def _in_columns(
    one: _Held, headers: Sequence[str], rows: Sequence[int], notes: list[str]
) -> pa.Table:
    """Rows of a file of added firms in the columns of the base; says which of them it lacks."""
    by_form = {normalised(header): header for header in one.table.column_names}
    found = {header: by_form.get(normalised(header)) for header in headers}
    taken = one.table.take(pa.array(rows, pa.int64()))
    lacks = [header for header, own in found.items() if own is None]
    known = [*found.values(), one.day_header]
    more = [header for header in one.table.column_names if header not in known]
    if lacks:
        notes.append(f"{one.path.name} lacks {', '.join(lacks)}: empty in the firms it adds")
    if more:
        notes.append(f"{one.path.name} has {', '.join(more)}, which the base lacks: left out")
    return pa.table(
        {
            header: taken[own] if own is not None else pa.nulls(len(rows), pa.string())
            for header, own in found.items()
        }
    )
