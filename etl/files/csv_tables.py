"""Small UTF-8 csv files of codes and names, read as text and checked.

Fields are separated by commas, or by semicolons or tabs where the header line has no comma, as
spreadsheets of many countries write csv.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from coagg.errors import CoaggError
from coagg.etl.files import limits


def read_bytes(path: Path) -> bytes:
    """The file's bytes; CoaggError when it is missing, no file, or may not be read."""
    if not path.is_file():
        raise CoaggError(f"{path}: no such file")
    limits.check_held(path, path.stat().st_size)
    try:
        return path.read_bytes()
    except PermissionError:
        raise CoaggError(f"{path}: may not be read; check its permissions") from None


def read_table(
    path: Path, needed: Collection[str], optional: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read a csv file; every column comes as text, blanks as ''.

    `needed` are the columns the file must have; `optional` maps further columns to the value they
    take where the file has no such column or leaves it blank. Other columns are left out. The
    index counts lines of the file: the first row after the header is line 2.

    Raises CoaggError when the file is missing, no UTF-8 csv, empty, or lacks a needed column or
    a needed value.
    """
    optional = optional or {}
    content = read_bytes(path)
    try:
        table = pd.read_csv(
            io.BytesIO(content),
            sep=_separator(content),
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            skip_blank_lines=False,
        )
    except UnicodeDecodeError:
        raise CoaggError(f"{path}: not UTF-8; save it as csv in UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as fault:
        raise CoaggError(f"{path}: no csv table: {' '.join(str(fault).split())}") from None
    table.columns = table.columns.str.strip()
    missing = [name for name in needed if name not in table]
    if missing:
        raise CoaggError(
            f"{path}: column {', '.join(missing)} is missing; it has {', '.join(table.columns)}"
        )
    table.index = pd.RangeIndex(2, len(table) + 2)
    table = table.fillna("").apply(lambda column: column.str.strip())
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise CoaggError(f"{path}: no rows after the header")
    for name in needed:
        blank = table.index[table[name] == ""]
        if len(blank):
            raise CoaggError(f"{path} line {blank[0]}: {name} is blank")
    for name, value in optional.items():
        table[name] = table[name].where(table[name] != "", value) if name in table else value
    return table[[*needed, *optional]]


def _separator(content: bytes) -> str:
    header = content.partition(b"\n")[0].decode(errors="replace")
    # of equals the first: a comma where there is none of them
    return "," if "," in header else max(",;\t", key=header.count)


def as_bool(path: Path, column: pd.Series) -> pd.Series:
    """The column's 'true' and 'false' as booleans; CoaggError on anything else."""
    lower = column.str.lower()
    wrong = column[~lower.isin(["true", "false"])]
    if len(wrong):
        raise CoaggError(
            f"{path} line {wrong.index[0]}: {column.name} is {wrong.iloc[0]!r}; write true or false"
        )
    return lower == "true"
