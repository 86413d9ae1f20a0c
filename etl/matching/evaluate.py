"""How good matching is: against the truth of a made economy, and on pairs of real names."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.matching.names import markers, normalise, stem
from coagg.etl.matching.stages import MatchSettings
from coagg.settings import COUNTRY, Settings

_PATENT_COLUMNS = ("patent_id", "position", "firm_number")


@dataclass
class Evaluation:
    """Matches against the truth.

    `stages`: stage -> (matches, right). `applicants`: of the truth that have a firm. `reachable`:
    of those, with a row of the firm loaded within `max_years` of the application. `dirt`: what was
    done to the name ("" for nothing) -> (applicants, found), of the reachable ones, where the
    truth tells.
    """

    stages: dict[str, tuple[int, int]] = field(default_factory=dict)
    dirt: dict[str, tuple[int, int]] = field(default_factory=dict)
    applicants: int = 0
    reachable: int = 0
    found: int = 0
    ambiguous: int = 0

    @property
    def matches(self) -> int:
        """All matches that were made."""
        return sum(n for n, _ in self.stages.values())

    @property
    def precision(self) -> float:
        """Right matches over matches; 1 when nothing is matched."""
        return self.found / self.matches if self.matches else 1.0

    @property
    def recall(self) -> float:
        """Right matches over applicants whose firm could be matched."""
        return self.found / self.reachable if self.reachable else 1.0

    def by_stage(self) -> list[tuple[str, int, float, float]]:
        """Stage, matches, precision, and right matches over applicants that could be matched."""
        return [
            (stage, made, right / made, right / max(self.reachable, 1))
            for stage, (made, right) in self.stages.items()
        ]


def evaluate(
    settings: Settings, patents: Path, firms: Path, *, country: str = COUNTRY, max_years: int = 3
) -> Evaluation:
    """Compare `clean.patent_match` with the truth.

    `patents`: csv patent_id, position, firm_number (empty: no firm) and, if known, name_dirt.
    `firms`: csv survey_year, row_number, firm_number. Raises CoaggError when a file lacks a column.
    """
    truth = _truth(patents, _PATENT_COLUMNS).astype({"position": "int64"})
    truth = truth[[c for c in (*_PATENT_COLUMNS, "name_dirt") if c in truth]]
    truth["patent_id"] = _plain_id(truth.patent_id)
    true_firm = _truth(firms, ("survey_year", "row_number", "firm_number"))
    if "country" in true_firm:
        true_firm = true_firm[true_firm.country == country]
    true_firm = true_firm[["survey_year", "row_number", "firm_number"]].astype(
        {"survey_year": "int64", "row_number": "int64"}
    )
    with database.connect(settings) as connection:
        made = pd.DataFrame(
            connection.execute(
                "SELECT patent_id, position, survey_year, row_number, stage "
                "FROM clean.patent_match WHERE country = %s",
                (country,),
            ).fetchall(),
            columns=["patent_id", "position", "survey_year", "row_number", "stage"],
        ).astype({"position": "int64", "survey_year": "int64", "row_number": "int64"})
        years = pd.DataFrame(
            connection.execute(
                "SELECT a.patent_id, a.position, p.application_year, a.name IN "
                "(SELECT applicant_name FROM clean.match_candidate) FROM clean.patent_applicant "
                "AS a JOIN clean.patent AS p USING (patent_id)"
            ).fetchall(),
            columns=["patent_id", "position", "application_year", "candidate"],
        ).astype({"position": "int64", "application_year": "int64", "candidate": bool})
        loaded = pd.DataFrame(
            connection.execute(
                "SELECT survey_year, row_number FROM clean.firm WHERE country = %s", (country,)
            ).fetchall(),
            columns=["survey_year", "row_number"],
        ).astype("int64")
    made["patent_id"], years["patent_id"] = _plain_id(made.patent_id), _plain_id(years.patent_id)
    here = loaded.merge(true_firm, on=["survey_year", "row_number"])
    made = made.merge(
        here.rename(columns={"firm_number": "found"}), how="left", on=["survey_year", "row_number"]
    ).merge(truth, how="left", on=["patent_id", "position"])
    made["right"] = made.found.notna() & (made.found == made.firm_number)
    result = Evaluation(
        {str(stage): (len(group), int(group.right.sum())) for stage, group in made.groupby("stage")}
    )
    wanted = truth[truth.firm_number != ""].merge(years, on=["patent_id", "position"])
    result.applicants = len(wanted)
    spans = {n: set(g) for n, g in here.groupby("firm_number").survey_year}
    near = [
        any(abs(year - year_of) <= max_years for year in spans.get(number, ()))
        for number, year_of in zip(wanted.firm_number, wanted.application_year, strict=True)
    ]
    result.reachable = int(np.sum(near))
    result.found = int(made.right.sum())
    matched = made.set_index(["patent_id", "position"]).index
    left = wanted[~wanted.set_index(["patent_id", "position"]).index.isin(matched)]
    result.ambiguous = int(left.candidate.sum())
    if "name_dirt" in wanted:
        right = made[made.right].set_index(["patent_id", "position"]).index
        wanted["found"] = wanted.set_index(["patent_id", "position"]).index.isin(right)
        groups = wanted[np.array(near, dtype=bool)].groupby("name_dirt").found
        result.dirt = {str(kind): (len(g), int(g.sum())) for kind, g in groups}
    return result


def evaluate_panel(settings: Settings, firms: Path, country: str = COUNTRY) -> tuple[float, float]:
    """(precision, recall) over pairs of rows that follow each other in one firm.

    Precision: of the pairs in `clean.firm_panel`, in one true firm. Recall: of the loaded pairs of
    a true firm not more than three years apart, in one firm of the panel.
    """
    truth = _truth(firms, ("survey_year", "row_number", "firm_number"))
    truth = truth.astype({"survey_year": "int64", "row_number": "int64"})
    with database.connect(settings) as connection:
        rows = pd.DataFrame(
            connection.execute(
                "SELECT survey_year, row_number, panel_id FROM clean.firm_panel WHERE country = %s",
                (country,),
            ).fetchall(),
            columns=["survey_year", "row_number", "panel_id"],
        ).astype("int64")
    both = rows.merge(truth, on=["survey_year", "row_number"])

    def agreement(group: str, other: str, most: int) -> float:
        ordered = both.sort_values([group, "survey_year", "row_number"])
        follows = (ordered[group] == ordered[group].shift()) & (
            ordered.survey_year - ordered.survey_year.shift() <= most
        )
        same = ordered[other] == ordered[other].shift()
        return float(same[follows].mean()) if follows.any() else 1.0

    return agreement("panel_id", "firm_number", 100), agreement("firm_number", "panel_id", 3)


@dataclass(frozen=True)
class NamePairs:
    """Real names and their cleaned form: which come together, which cleaned ones fall together.

    `variants`: distinct raw names that are none of the cleaned names of their row. `together`: of
    those, by step. `distinct`: cleaned names. `merged`: pairs of different cleaned names that the
    step takes for one, beyond the steps before.
    """

    rows: int
    variants: int
    together: dict[str, int]
    distinct: int
    merged: dict[str, int]
    examples: tuple[tuple[str, str, str], ...]


def evaluate_names(path: Path, options: MatchSettings | None = None) -> NamePairs:
    """Names of the csv `applicant`, `applicant_cleaned`, each a list parted by semicolons."""
    options = options or MatchSettings()
    table = _truth(path, ("applicant", "applicant_cleaned"))
    together = {"normalise": 0, "stem": 0, "fuzzy": 0}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    cleaned_names: set[str] = set()
    for raw, cleaned in zip(table.applicant, table.applicant_cleaned, strict=True):
        targets = _parts(cleaned)
        cleaned_names.update(targets)
        for name in _parts(raw):
            if name in targets or (name, targets) in seen:
                continue
            seen.add((name, targets))
            step = _step(name, targets, options.threshold)
            if step:
                together[step] += 1
    merged, examples = _false_merges(sorted(cleaned_names), options.threshold)
    return NamePairs(len(table), len(seen), together, len(cleaned_names), merged, examples)


def _step(name: str, targets: tuple[str, ...], threshold: float) -> str | None:
    norm, norms = normalise(name), [normalise(t) for t in targets]
    if norm in norms:
        return "normalise"
    own, stems = stem(norm)[0], [stem(t)[0] for t in norms]
    if own in stems:
        return "stem"
    for other in stems:
        if fuzz.ratio(own, other) >= 100 * threshold and markers(own) == markers(other):
            return "fuzzy"
    return None


def _false_merges(
    names: list[str], threshold: float
) -> tuple[dict[str, int], tuple[tuple[str, str, str], ...]]:
    norms = [normalise(name) for name in names]
    stems = [stem(norm)[0] for norm in norms]
    counts = {"normalise": 0, "stem": 0, "fuzzy": 0}
    examples: list[tuple[str, str, str]] = []
    scores = process.cdist(stems, stems, score_cutoff=100 * threshold, dtype=np.uint8)
    for i, j in zip(*np.nonzero(np.triu(scores, 1)), strict=True):
        if norms[i] == norms[j]:
            step = "normalise"
        elif stems[i] == stems[j]:
            step = "stem"
        elif markers(stems[i]) == markers(stems[j]):
            step = "fuzzy"
        else:
            continue
        counts[step] += 1
        examples.append((step, names[i], names[j]))
    return counts, tuple(examples)


def _plain_id(ids: pd.Series) -> pd.Series:
    """Numbers as the truth and the office may write them: without dots, blanks and leading CN."""
    return ids.astype(str).str.upper().str.replace(r"[\s.]|^CN", "", regex=True)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _truth(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, csv.Error):
        raise CoaggError(f"{path}: not a csv in UTF-8") from None
    missing = [name for name in columns if name not in table]
    if missing:
        raise CoaggError(f"{path}: no column {', '.join(missing)}")
    return table
