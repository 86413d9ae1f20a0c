"""Files beside an input-output matrix: the totals of its sectors, and their industries."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from coagg.errors import CoaggError
from coagg.etl.files.csv_tables import as_bool, read_table
from coagg.etl.reference import countries

WEIGHT_TOLERANCE = 1e-6
MAP_COLUMNS = ["industry", "sector_code", "weight", "doubtful", "basis"]
_SECTOR_HEADERS = {
    "code": ("io_code", "code", "sector_code"),
    "name": ("name_zh", "name", "name_en"),
    "total_input": ("total_input", "gross_output", "TI", "GO"),
    "value_added": ("value_added", "TVA"),
}
_SECTOR_HEADER = re.compile(r"sector_code|sector|io_code|io\d{4}_code")


@dataclass(frozen=True)
class SectorMap:
    """Industries by sector: `links` has MAP_COLUMNS, the weights of an industry add to one.

    `unmapped` are the sectors without an industry, by name.
    """

    classification: str
    links: pd.DataFrame
    unmapped: list[str]
    split: list[str] = field(default_factory=list)


def sectors_file_of(path: Path) -> Path | None:
    """The sectors' file that stands beside a matrix named ..._Z.csv, when it is there."""
    if not path.stem.endswith("_Z"):
        return None
    beside = path.with_name(f"{path.stem[:-2]}_sectors{path.suffix}")
    return beside if beside.is_file() else None


def read_sectors(path: Path, codes: list[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names of the sectors, and their margins total_input and value_added where the file has them.

    Both in the order of `codes`. Raises CoaggError for a sector that is missing, too many, or
    stands twice, and for a number that is none.
    """
    headers = _headers(path)
    found = {
        name: next((word for word in words if word in headers), None)
        for name, words in _SECTOR_HEADERS.items()
    }
    code, label = found["code"], found["name"]
    if code is None or label is None:
        raise CoaggError(
            f"{path}: the sectors need columns code and name, it has {', '.join(headers)}"
        )
    numbers = {n: found[n] for n in ("total_input", "value_added") if found[n] is not None}
    table = read_table(path, [code, label, *filter(None, numbers.values())])
    twice = table[table.duplicated(code)]
    if len(twice):
        raise CoaggError(
            f"{path} line {twice.index[0]}: sector {twice.iloc[0][code]} stands twice; remove one"
        )
    odd = set(table[code]) ^ set(codes)
    if odd:
        one = min(odd)
        where = "the matrix" if one in set(table[code]) else "the file of sectors"
        raise CoaggError(
            f"{path}: sector {one} is missing in {where}; do matrix and sectors belong together?"
        )
    margins = {}
    for name, header in numbers.items():
        values = pd.to_numeric(table[header], errors="coerce")
        wrong = table.index[~np.isfinite(values)]
        if len(wrong):
            raise CoaggError(
                f"{path} line {wrong[0]}: {header} is {table.at[wrong[0], header]!r}; "
                "a number is needed"
            )
        margins[name] = values.set_axis(table[code]).loc[codes].to_numpy(dtype=float)
    return table.set_index(code)[label].loc[codes].tolist(), margins


def read_sector_map(
    path: Path,
    classification: str | None,
    sectors: dict[str, str],
    industries: Mapping[str, Collection[str]],
) -> SectorMap:
    """Which sector a three-digit industry belongs to.

    The csv needs a column of industries (industry, gb2002_3 ...) and one of sectors (sector_code,
    io2007_code ...); weight (default: one over the industry's sectors), doubtful and basis are
    optional. Where the file says nothing of doubt, a link is doubtful when the file's name calls
    itself derived, or the industry is split over sectors without weights of its own.
    `sectors` maps code to name; `industries` holds the three-digit codes of each classification.

    Raises CoaggError for an unknown industry, sector or classification, a link that stands twice,
    weights only in part, and weights of an industry that do not add to one.
    """
    headers = _headers(path)
    spelt = {f"{word}_3" for word in _spellings()}
    industry = next((h for h in headers if h == "industry" or h in spelt), None)
    sector = next((h for h in headers if _SECTOR_HEADER.fullmatch(h)), None)
    if industry is None or sector is None:
        raise CoaggError(
            f"{path}: a sector map needs columns industry and sector_code, "
            f"it has {', '.join(headers)}"
        )
    name = classification or _classification(f"{industry} {path.stem}")
    if name is None or name not in industries:
        raise CoaggError(
            f"{path}: {name or 'the classification of its industries'} is not known; state "
            f"--classification, one of {', '.join(sorted(industries))}"
        )
    table = read_table(path, [industry, sector], {"weight": "", "doubtful": "", "basis": ""})
    table = table.rename(columns={industry: "industry", sector: "sector_code"})
    for column, known, what in (
        ("industry", industries[name], f"three-digit industry of {name}"),
        ("sector_code", sectors, "sector of the table"),
    ):
        unknown = table[~table[column].isin(set(known))]
        if len(unknown):
            raise CoaggError(
                f"{path} line {unknown.index[0]}: {unknown.iloc[0][column]!r} is no {what}; "
                "codes are text with their leading zeros"
            )
    twice = table[table.duplicated(["industry", "sector_code"])]
    if len(twice):
        row = twice.iloc[0]
        raise CoaggError(
            f"{path} line {twice.index[0]}: the link {row['industry']} to {row['sector_code']} "
            "stands twice; remove one"
        )
    given = (table["weight"] != "").any()
    count = table.groupby("industry")["sector_code"].transform("size")
    table["weight"] = _weights(path, table) if given else 1.0 / count
    derived = "derived" in path.stem.casefold()
    unsaid = table["doubtful"] == ""
    guess = derived | ((count > 1) & (not given))
    table["doubtful"] = table["doubtful"].where(~unsaid, guess.map({True: "true", False: "false"}))
    table["doubtful"] = as_bool(path, table["doubtful"])
    reason = "derived, not official" if derived else "as given"
    table["basis"] = table["basis"].where(
        table["basis"] != "", reason if given else f"{reason}; equal weights"
    )
    mapped = set(table["sector_code"])
    return SectorMap(
        classification=name,
        links=table[MAP_COLUMNS].reset_index(drop=True),
        unmapped=[f"{code} {label}" for code, label in sectors.items() if code not in mapped],
        split=sorted(set(table.loc[count > 1, "industry"])),
    )


def _weights(path: Path, table: pd.DataFrame) -> pd.Series:
    weights = pd.to_numeric(table["weight"], errors="coerce")
    wrong = table.index[~((weights > 0) & (weights <= 1 + WEIGHT_TOLERANCE))]
    if len(wrong):
        line = wrong[0]
        raise CoaggError(
            f"{path} line {line}: the weight of {table['industry'][line]} is "
            f"{table['weight'][line]!r}; a number above 0 up to 1 is needed in every row, or none"
        )
    total = weights.groupby(table["industry"]).transform("sum")
    off = table.index[(total - 1).abs() > WEIGHT_TOLERANCE]
    if len(off):
        raise CoaggError(
            f"{path} line {off[0]}: the weights of industry {table['industry'][off[0]]} add to "
            f"{total[off[0]]:.6g}, not to 1: correct them, or leave all out for equal ones"
        )
    return weights / total


def _classification(said: str) -> str | None:
    """The classification that a header or the name of a file says, by a name or a short one."""
    words = {word: name for word, name in _spellings().items() if not word.isdigit()}
    form = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    found = re.search(form, said)
    return words[found[0]] if found else None


def _spellings() -> dict[str, str]:
    """Names and short names of all classifications, each with the name it stands for."""
    known = [one for country in countries.every() for one in country.classifications]
    return {word: one.name for one in known for word in (one.name, *one.short)}


def _headers(path: Path) -> list[str]:
    if not path.is_file():
        raise CoaggError(f"{path}: no such file")
    try:
        line = path.read_text(encoding="utf-8-sig").split("\n", 1)[0]
    except UnicodeDecodeError:
        raise CoaggError(f"{path}: not UTF-8; save it as csv in UTF-8") from None
    return [header.strip().strip('"') for header in line.strip().split(",")]
