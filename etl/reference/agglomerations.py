"""Which prefectures make up which urban agglomeration, and what the place codes of surveys mean.

The shipped list holds 19 official clusters and two city regions; the paper's own list of 21 is not
public. The United Kingdom is one agglomeration of all its regions, since a pair of industries is
measured there in the country as a whole. Eight Chinese prefectures are claimed twice: the explicit
column `assigned` gives each to the claimant with a core city in the prefecture's own province,
else to the one that claims it whole.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from coagg.errors import CoaggError
from coagg.etl.files.csv_tables import as_bool, read_table
from coagg.etl.reference.boundaries import DATA

UNITED_KINGDOM = DATA / "agglomerations" / "united_kingdom.csv"
SHIPPED = DATA / "agglomerations" / "agglomerations.csv"
PLACE_CODES = DATA / "codes" / "cn_place_codes.csv"

KEY = ["country", "agglomeration_code"]
NAMES = ["name", "name_en", "basis", "confidence"]
COLUMNS = [*KEY, *NAMES, "prefecture_code", "core", "coverage", "assigned", "rule"]


def read_agglomerations(path: Path, prefectures: set[tuple[str, str]]) -> pd.DataFrame:
    """Members of urban agglomerations, columns `COLUMNS`, one row a member prefecture.

    The csv needs agglomeration_code, name and prefecture_code; country (CN), name_en, basis,
    confidence, core (false), coverage (whole), assigned (true) and rule are optional.
    `prefectures` are the known (country, prefecture_code).

    Raises CoaggError naming line and value for an unknown prefecture, one that is listed twice or
    assigned twice, an agglomeration with two names or with nothing assigned to it, and a coverage
    other than whole or part.
    """
    table = read_table(
        path,
        ["agglomeration_code", "name", "prefecture_code"],
        {
            "country": "CN",
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
    for line, country, code in table[["country", "prefecture_code"]].itertuples():
        if (country, code) not in prefectures:
            raise CoaggError(
                f"{path} line {line}: {code} is no prefecture of {country}; "
                "codes are those of reference.prefecture (1100 for Beijing, 429004 for Xiantao)"
            )
    _refuse_repeats(path, table)
    return table


def read_place_codes() -> pd.DataFrame:
    """Place codes 1998-2024, one row a code and span of years.

    Columns place_code, name, first_year, last_year, candidates, rule, prefecture_code; candidates
    are all prefectures of today the code may mean, joined by ';'.
    """
    return read_table(
        PLACE_CODES,
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
