"""Which prefectures make up which urban agglomeration, and what the place codes of surveys mean.

Where plans claim a prefecture twice, the explicit column `assigned` says which of them has it. A
country that is measured as a whole is one agglomeration of all its areas.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from coagg.errors import CoaggError
from coagg.etl.files.csv_tables import as_bool, read_table
from coagg.settings import COUNTRY

KEY = ["country", "agglomeration_code"]
NAMES = ["name", "name_en", "basis", "confidence"]
COLUMNS = [*KEY, *NAMES, "prefecture_code", "core", "coverage", "assigned", "rule"]


def read_agglomerations(
    path: Path, prefectures: set[tuple[str, str]], country: str = COUNTRY
) -> pd.DataFrame:
    """Members of urban agglomerations, columns `COLUMNS`, one row a member prefecture.

    The csv needs agglomeration_code, name and prefecture_code; country (`country`), name_en,
    basis, confidence, core (false), coverage (whole), assigned (true) and rule are optional.
    `prefectures` are the known (country, prefecture_code).

    Raises CoaggError naming line and value for an unknown prefecture, one that is listed twice or
    assigned twice, an agglomeration with two names or with nothing assigned to it, and a coverage
    other than whole or part.
    """
    table = read_table(
        path,
        ["agglomeration_code", "name", "prefecture_code"],
        {
            "country": country,
            "name_en": "",
            "basis": "",
            "confidence": "",
            "core": "false",
            "coverage": "whole",
            "assigned": "true",
            "rule": "as listed",
        },
    )[COLUMNS]
    for name in ("core", "assigned"):
        table[name] = as_bool(path, table[name])
    for line, coverage in table["coverage"].items():
        if coverage not in ("whole", "part"):
            raise CoaggError(f"{path} line {line}: coverage is {coverage!r}; write whole or part")
    for line, where, code in table[["country", "prefecture_code"]].itertuples():
        if (where, code) not in prefectures:
            known = sorted(known for of, known in prefectures if of == where)[:3]
            raise CoaggError(
                f"{path} line {line}: {code} is no prefecture of {where}; codes are those of "
                f"reference.prefecture ({', '.join(known) or 'none is loaded'} ...)"
            )
    _refuse_repeats(path, table)
    return table


def read_place_codes(path: Path) -> pd.DataFrame:
    """Place codes, one row a code and span of years.

    Columns place_code, name, first_year, last_year, candidates, rule, prefecture_code; candidates
    are all prefectures of today the code may mean, joined by ';'.
    """
    return read_table(
        path,
        ["place_code", "name", "first_year", "last_year", "candidates", "rule"],
        {"prefecture_code": ""},
    )


def _refuse_repeats(path: Path, table: pd.DataFrame) -> None:
    twice = table[table.duplicated([*KEY, "prefecture_code"])]
    if len(twice):
        row = twice.iloc[0]
        raise CoaggError(
            f"{path} line {twice.index[0]}: {row['agglomeration_code']} lists "
            f"{row['prefecture_code']} twice"
        )
    assigned = table[table["assigned"]]
    again = assigned[assigned.duplicated(["country", "prefecture_code"])]
    if len(again):
        row = again.iloc[0]
        same = assigned[
            (assigned["prefecture_code"] == row["prefecture_code"])
            & (assigned["country"] == row["country"])
        ]
        raise CoaggError(
            f"{path} line {again.index[0]}: {row['prefecture_code']} is assigned to "
            f"{' and '.join(same['agglomeration_code'])}; set assigned to false in all but one"
        )
    named = table.drop_duplicates([*KEY, *NAMES])
    twice_named = named[named.duplicated(KEY)]
    if len(twice_named):
        raise CoaggError(
            f"{path} line {twice_named.index[0]}: {twice_named.iloc[0]['agglomeration_code']} has "
            "another name, name_en, basis or confidence than in its first line"
        )
    empty = set(table["agglomeration_code"]) - set(assigned["agglomeration_code"])
    if empty:
        raise CoaggError(f"{path}: no prefecture is assigned to {', '.join(sorted(empty))}")
