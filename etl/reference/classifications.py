"""Industry classifications and the concordances between them, read from csv files and checked."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from coagg.errors import CoaggError
from coagg.etl.files.csv_tables import as_bool, read_table
from coagg.etl.reference import countries

INDUSTRY_COLUMNS = [
    "classification",
    "industry_code",
    "level",
    "parent_code",
    "section",
    "name",
    "name_en",
]
CONCORDANCE_COLUMNS = [
    "from_classification",
    "from_code",
    "to_classification",
    "to_code",
    "weight",
    "official",
    "doubtful",
    "basis",
    "source",
]
CODE = "[A-Z]|[0-9]{2,6}"
WEIGHT_TOLERANCE = 1e-6


def read_classification(path: Path, classification: str | countries.Classification) -> pd.DataFrame:
    """Codes of one classification, columns `INDUSTRY_COLUMNS`.

    The csv needs industry_code and name; section and name_en are optional. A code is a section (the
    code that its own column section names, a letter), or two to six digits; a description may state
    other forms. The level is the length of the code, of a section 1; the parent is the longest
    shorter code it starts with, of a division its section.

    Raises CoaggError for a name that no country has, a code that is none (a lost leading zero,
    say) or stands twice.
    """
    if isinstance(classification, str):
        try:
            classification = countries.classification(classification)
        except CoaggError as fault:
            raise CoaggError(f"{path}: {fault}") from None
    table = read_table(path, ["industry_code", "name"], {"section": "", "name_en": ""})
    form = re.compile(classification.code or CODE)
    section = table["industry_code"] == table["section"]
    lengths = {1, *(classification.digits or range(1, 100))}
    for line, code in table.loc[~section, "industry_code"].items():
        if not form.fullmatch(code) or len(code) not in lengths:
            known = ", ".join(map(str, classification.digits)) or "two to six"
            raise CoaggError(
                f"{path} line {line}: {code!r} is no industry code; "
                f"codes are text of {known} digits with leading zeros, or a section letter"
                if classification.code is None
                else f"{path} line {line}: {code!r} is no industry code: {classification.name} has "
                f"codes of the form {classification.code}"
            )
    twice = table[table.duplicated("industry_code")]
    if len(twice):
        raise CoaggError(
            f"{path} line {twice.index[0]}: code {twice.iloc[0]['industry_code']} stands twice"
        )
    known_codes = set(table["industry_code"])
    table["classification"] = classification.name
    table["level"] = table["industry_code"].str.len().where(~section, 1)
    table["parent_code"] = [
        _parent(code, section, known_codes)
        for code, section in zip(table["industry_code"], table["section"], strict=True)
    ]
    return table[INDUSTRY_COLUMNS].sort_values("level", kind="stable", ignore_index=True)


def read_concordance(path: Path, codes: dict[str, set[str]]) -> pd.DataFrame:
    """Links of a concordance, columns `CONCORDANCE_COLUMNS`; weights of a from_code add to one.

    The file is named <from>_to_<to>.csv. The csv needs from_code and to_code; links (a positive
    count, default 1) are divided by the sum over the from_code; where a column weight is given
    instead, its weights must add to one. basis, doubtful and official are optional. `codes` holds
    the codes of every classification that is loaded.

    Raises CoaggError for another file name, a classification translated to itself, an unknown
    code, a link that stands twice, links that are no positive numbers, and weights that do not add
    to one.
    """
    from_classification, _, to_classification = path.stem.partition("_to_")
    known = [name for one in countries.every() for name in one.classification_names]
    for name in (from_classification, to_classification):
        if name not in known:
            raise CoaggError(
                f"{path}: a concordance is named FROM_to_TO.csv, with two of {', '.join(known)}"
            )
        if name not in codes:
            raise CoaggError(f"{path}: {name} is not loaded; load that classification first")
    if from_classification == to_classification:
        raise CoaggError(
            f"{path}: leads from {from_classification} to itself, a translation without an end; "
            "a concordance joins two classifications"
        )
    table = read_table(
        path,
        ["from_code", "to_code"],
        {"links": "", "weight": "", "basis": "as given", "doubtful": "false", "official": "false"},
    )
    for side, name in (("from_code", from_classification), ("to_code", to_classification)):
        unknown = table[~table[side].isin(codes[name])]
        if len(unknown):
            raise CoaggError(
                f"{path} line {unknown.index[0]}: {unknown.iloc[0][side]} is no code of {name}"
            )
    twice = table[table.duplicated(["from_code", "to_code"])]
    if len(twice):
        row = twice.iloc[0]
        raise CoaggError(
            f"{path} line {twice.index[0]}: the link {row['from_code']} to {row['to_code']} "
            "stands twice"
        )
    table["weight"] = _weights(path, table)
    for name in ("doubtful", "official"):
        table[name] = as_bool(path, table[name])
    table["from_classification"] = from_classification
    table["to_classification"] = to_classification
    table["source"] = path.name
    return table[CONCORDANCE_COLUMNS]


def _parent(code: str, section: str, known: set[str]) -> str | None:
    shorter = [code[:length] for length in range(len(code) - 1, 1, -1)]
    above = [*shorter, section] if code != section else []
    return next((parent for parent in above if parent in known), None)


def _weights(path: Path, table: pd.DataFrame) -> pd.Series:
    given = "weight" if (table["weight"] != "").any() else "links"
    text = table[given] if given == "weight" else table["links"].replace("", "1")
    number = pd.to_numeric(text, errors="coerce")
    wrong = table.index[~(np.isfinite(number) & (number > 0))]
    if len(wrong):
        raise CoaggError(
            f"{path} line {wrong[0]}: {given} is {text[wrong[0]]!r}; a positive number is needed"
        )
    total = number.groupby(table["from_code"]).transform("sum")
    if given == "weight":
        off = table.index[(total - 1).abs() > WEIGHT_TOLERANCE]
        if len(off):
            raise CoaggError(
                f"{path} line {off[0]}: the weights of {table['from_code'][off[0]]} add to "
                f"{total[off[0]]:.6g}, not to 1"
            )
    return number / total
