"""Tables in long form: a row a flow, with its supplier, its user and what else it is told apart by.

Layouts (etl/data/input_output_layouts) say which columns these are, and which codes of suppliers
are margins. What else differs from row to row (country, year, unit, kind of flow) must be chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from coagg.errors import CoaggError
from coagg.etl.files import csv_tables, readers
from coagg.etl.files.table_file import TableFile
from coagg.etl.firms.headers import normalised
from coagg.etl.input_output.grid import Matrix

LAYOUT_DIR = Path(__file__).resolve().parents[1] / "data" / "input_output_layouts"
COLUMNS = ("supplier", "user", "value", "year", "unit", "supplier_name")
MARGINS = ("value_added", "other_input", "total_input")
SETTINGS = ("@about", "@sectors")
_NEEDED = ("supplier", "user", "value")
_PACKED = re.compile(r"(?P<dims>[\w]+(?:,[\w]+)+)\\(?P<time>\w+)")  # Eurostat's tsv
_FLAGGED = re.compile(r"(-?[0-9][0-9.eE+-]*)\s*[a-z]{0,3}")
_SHOWN = 8


@dataclass(frozen=True)
class LongLayout:
    """Headers of each column, codes of each margin, and the pattern of sectors."""

    name: str
    headers: dict[str, tuple[str, ...]]
    sectors: str

    def columns(self, headers: list[str]) -> dict[str, str | None]:
        """The file's header for each of COLUMNS, None where it has none."""
        forms = {normalised(header): header for header in reversed(headers)}
        return {
            column: next(
                (
                    forms[normalised(word)]
                    for word in self.headers.get(column, ())
                    if normalised(word) in forms
                ),
                None,
            )
            for column in COLUMNS
        }


@cache
def layouts() -> tuple[LongLayout, ...]:
    """The shipped layouts. Raises CoaggError for a row that is none of ours."""
    found = []
    for path in sorted(LAYOUT_DIR.glob("*.csv")):
        rows = csv_tables.read_table(path, ("column",), {"headers": ""})
        said = dict(zip(rows["column"], rows["headers"], strict=True))
        odd = set(said) - {*COLUMNS, *MARGINS, *SETTINGS}
        if odd:
            raise CoaggError(f"{path}: {min(odd)!r} is no row of ours")
        headers = {
            column: tuple(filter(None, map(str.strip, text.split("|"))))
            for column, text in said.items()
            if not column.startswith("@")
        }
        found.append(LongLayout(path.stem, headers, said.get("@sectors", "")))
    return tuple(found)


def picks(asked: Sequence[str]) -> dict[str, str]:
    """Values by column. Raises CoaggError for what is no COLUMN=VALUE.

    >>> picks(["geo=AT", "stk_flow = TOTAL"])
    {'geo': 'AT', 'stk_flow': 'TOTAL'}
    """
    pairs = {}
    for text in asked:
        column, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not column:
            raise CoaggError(f"--where {text}: write COLUMN=VALUE, geo=AT say")
        pairs[column] = value
    return pairs


def read_long(path: Path, year: int | None, where: Mapping[str, str]) -> Matrix | None:
    """The table of a file in long form; None where it is of another form.

    `where` picks rows by the value of a column, `year` by the column of years. Raises CoaggError
    naming a column of which several values are left, a row whose flow is no number, a flow that
    stands twice, and fewer than two sectors.
    """
    try:
        table = readers.open_table(path, fits=lambda headers: _layout_of(headers) is not None)
    except CoaggError:
        return None  # the reader of grids says what is wrong
    layout = _layout_of(table.headers)
    if layout is None:
        return None
    rows = _rows(table, path, year)
    columns = layout.columns(list(rows.columns))
    rows = _chosen(path, rows, columns, year, where)
    return _matrix(path, table, layout, columns, rows)


def _packed(headers: Sequence[str]) -> re.Match[str] | None:
    """The packed first column of Eurostat's tsv, whichever of its two separators was taken."""
    return _PACKED.match(",".join(headers))


def _layout_of(headers: Sequence[str]) -> LongLayout | None:
    names = list(headers)
    if packed := _packed(names):
        names = [*packed["dims"].split(","), packed["time"], "OBS_VALUE"]
    fitting = [
        layout
        for layout in layouts()
        if all(layout.columns(names)[column] is not None for column in _NEEDED)
    ]
    return fitting[0] if fitting else None


def _rows(table: TableFile, path: Path, year: int | None) -> pd.DataFrame:
    """All rows as text, numbered as in the file."""
    if packed := _packed(table.headers):
        return _unpacked(path, packed, year)
    parts = []
    for batch in table.batches():
        if batch.malformed:
            bad = batch.malformed[0]
            raise CoaggError(f"{path}: row {bad.row_number} {bad.detail or bad.reason}; correct it")
        part = batch.table.to_pandas().astype(object)
        parts.append(part.set_axis(batch.row_numbers(), axis=0))
    rows = pd.concat(parts).fillna("")
    return rows.apply(lambda column: column.astype(str).str.strip())


def _unpacked(path: Path, packed: re.Match[str], year: int | None) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, pd.errors.ParserError, OSError) as fault:
        raise CoaggError(f"{path}: no tsv table: {' '.join(str(fault).split())}") from None
    rows.index = pd.RangeIndex(1, len(rows) + 1)
    dims = packed["dims"].split(",")
    years = {column.strip(): column for column in rows.columns[1:]}
    wanted = str(year) if year is not None else next(iter(years))
    if wanted not in years or (year is None and len(years) > 1):
        raise CoaggError(f"{path}: has the years {_few(list(years))}: choose one with --year")
    split = rows[rows.columns[0]].str.split(",", expand=True).set_axis(dims, axis=1)
    split[str(packed["time"])] = wanted
    split["OBS_VALUE"] = rows[years[wanted]].str.strip()
    return split


def _chosen(
    path: Path,
    rows: pd.DataFrame,
    columns: Mapping[str, str | None],
    year: int | None,
    where: Mapping[str, str],
) -> pd.DataFrame:
    """The rows of one table: of one year, country, unit, kind of flow."""
    picked = dict(where)
    if columns["year"] and year is not None:
        picked.setdefault(columns["year"], str(year))
    for column, value in picked.items():
        if column not in rows:
            raise CoaggError(f"{path}: has no column {column!r}; it has {_few(list(rows.columns))}")
        left = rows[rows[column] == value]
        if left.empty:
            raise CoaggError(
                f"{path}: {column} is nowhere {value!r}; it is {_few(list(rows[column].unique()))}"
            )
        rows = left
    told = {columns[name] for name in ("supplier", "user", "value", "supplier_name")}
    keys = [str(columns["supplier"]), str(columns["user"])]
    twice = rows.duplicated(keys, keep=False)
    if twice.any():
        pair = rows[twice].iloc[0]
        same = rows[(rows[keys[0]] == pair[keys[0]]) & (rows[keys[1]] == pair[keys[1]])]
        for column in rows.columns:
            if column not in told and same[column].nunique() > 1:
                way = "--year" if column == columns["year"] else f"--where {column}=VALUE"
                raise CoaggError(
                    f"{path}: holds several tables: {column} is {_few(list(rows[column].unique()))}"
                    f"; choose one with {way}"
                )
        raise CoaggError(
            f"{path}: the flow of supplier {pair[keys[0]]} and user {pair[keys[1]]} stands twice "
            f"(rows {same.index[0]} and {same.index[1]}); remove one"
        )
    return rows


def _matrix(
    path: Path,
    table: TableFile,
    layout: LongLayout,
    columns: Mapping[str, str | None],
    rows: pd.DataFrame,
) -> Matrix:
    supplier, user, value = (str(columns[name]) for name in _NEEDED)
    margin_of = {code: name for name in MARGINS for code in layout.headers.get(name, ())}
    users = set(rows[user])
    pattern = re.compile(layout.sectors or ".+")
    codes = [
        code
        for code in dict.fromkeys(rows[supplier])
        if code in users and code not in margin_of and pattern.fullmatch(code)
    ]
    if len(codes) < 2:
        raise CoaggError(
            f"{path}: fewer than two codes both supply ({supplier}) and use ({user}); is it an "
            "input-output table?"
        )
    supplies = rows[supplier].isin([*codes, *margin_of])
    wanted = rows[rows[user].isin(codes) & supplies]
    numbers = wanted[value].map(_number)
    if numbers.isna().any():
        at = numbers.index[numbers.isna()][0]
        bad = {str(name): str(cell) for name, cell in wanted.loc[at].items()}
        raise CoaggError(
            f"{path}: row {at}, supplier {bad[supplier]} and user {bad[user]}, holds "
            f"{bad[value][:40]!r}, no number: what is not known is not zero; correct it"
        )
    place = {code: i for i, code in enumerate(codes)}
    values = np.full((len(codes), len(codes)), np.nan)
    margins: dict[str, np.ndarray] = {}
    for code, to, number in zip(wanted[supplier], wanted[user], numbers, strict=True):
        if code in place:
            values[place[code], place[to]] = number
            continue
        held = margins.setdefault(margin_of[code], np.zeros(len(codes)))
        held[place[to]] += number
    blanks = int(np.isnan(values).sum())
    return Matrix(
        codes=codes,
        names=_names(rows, supplier, columns["supplier_name"], codes),
        values=np.nan_to_num(values),
        margins=margins,
        unit=_unit(rows, columns["unit"]),
        blanks=blanks,
        format=table.format,
        encoding=table.encoding,
        sha256=table.sha256,
        bytes=table.bytes,
        form="long",
    )


def _number(text: str) -> float:
    found = _FLAGGED.fullmatch(text)
    try:
        return float(found[1]) if found else float("nan")
    except ValueError:
        return float("nan")


def _names(rows: pd.DataFrame, supplier: str, name: str | None, codes: list[str]) -> list[str]:
    if name is None:
        return list(codes)
    said = rows.drop_duplicates(supplier).set_index(supplier)[name]
    return [said[code] or code for code in codes]


def _unit(rows: pd.DataFrame, column: str | None) -> str | None:
    units = list(rows[column].unique()) if column else []
    return units[0] if len(units) == 1 and units[0] else None


def _few(values: list[str]) -> str:
    more = len(values) - _SHOWN
    return ", ".join(values[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
