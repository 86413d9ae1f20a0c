"""Stages of matching applicants to firms, on unique names: code, name, stem with place, fuzzy.

Frames in, frames out; no files, no SQL. A stage that finds several firms keeps them all: whether
they are one firm in the years that count is settled by the caller, and never guessed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from coagg.etl.matching.likeness import NameModel, likely
from coagg.etl.matching.names import PlaceWords, normalise, stem
from coagg.etl.matching.settings import MatchSettings

PICKS = ("key_id", "panel_id", "firm_name", "stage", "score", "evidence", "taken", "reason")


@dataclass
class Names:
    """Forms of unique names: `norm`, `stem`, `head` (prefecture named at its head, or None)."""

    norm: np.ndarray
    stem: np.ndarray
    head: np.ndarray


@dataclass
class Outcome:
    """`picks`: columns PICKS, one row an applicant key and firm. `counts`: of keys, by outcome."""

    picks: pd.DataFrame
    counts: dict[str, int] = field(default_factory=dict)


def forms(names: pd.Series, places: PlaceWords) -> Names:
    """Forms of each name of `names`, shape (n,); computed once for each distinct name."""
    code, distinct = pd.factorize(names.fillna("").to_numpy(dtype=object))
    norm = [normalise(name) for name in distinct]
    split = [stem(name, places) for name in norm]
    made = (norm, [s for s, _ in split], [p for _, p in split])
    arrays = [np.array([*part, None], dtype=object)[:-1][code] for part in made]
    return Names(*arrays)


def clean_code(code: pd.Series) -> pd.Series:
    """Organisation code in nine characters: without hyphens, out of an 18-character credit code."""
    text = code.fillna("").str.upper().str.replace(r"[\s\-]", "", regex=True)
    return text.where(text.str.len() != 18, text.str.slice(8, 17))


def match(applicants: pd.DataFrame, firms: pd.DataFrame, places: PlaceWords,
          settings: MatchSettings) -> Outcome:  # fmt: skip
    """Firms of each applicant key, by the first stage that finds any.

    `applicants`: key_id, name, organisation_code, place (prefecture or None), applicants (rows
    that it stands for). `firms`: panel_id, firm_name, firm_id, place; one row for each distinct
    combination.
    """
    applicants = applicants.reset_index(drop=True)
    a = forms(applicants.name, places)
    f = forms(firms.firm_name, places)
    left = pd.DataFrame(
        {
            "key_id": applicants.key_id, "code": clean_code(applicants.organisation_code),
            "norm": a.norm, "stem": a.stem, "head": a.head,
            "repeats": applicants.applicants.groupby(a.norm).transform("sum"),
            "place": applicants.place.astype(object).where(applicants.place.notna(), a.head),
        }
    )  # fmt: skip
    right = pd.DataFrame(
        {
            "panel_id": firms.panel_id.to_numpy(), "firm_name": firms.firm_name.to_numpy(),
            "code": clean_code(firms.firm_id).to_numpy(), "norm": f.norm, "stem": f.stem,
            "head": f.head, "place": firms.place.to_numpy(dtype=object),
        }
    )  # fmt: skip
    named = right[right["head"].notna() & (right["head"] != right.place)]
    right = pd.concat([right, named.assign(place=named["head"])], ignore_index=True)
    outcome = Outcome(pd.DataFrame(columns=list(PICKS)))
    found: list[pd.DataFrame] = []
    for stage in (_by_code, _by_name, _by_stem, _by_likeness):
        picks = stage(left, right, settings)
        found.append(picks)
        name = stage.__name__
        outcome.counts[f"keys{name}"] = int(picks.key_id.nunique())
        # what is kept for review only may still be told apart by no later stage: it stays there
        left = left[~left.key_id.isin(picks.key_id)]
    outcome.counts["keys_unmatched"] = len(left)
    outcome.counts["keys_without_place"] = int(left.place.isna().sum())
    found = [part for part in found if len(part)]
    if found:
        outcome.picks = pd.concat(found, ignore_index=True)
    return outcome


def _picks(hits: pd.DataFrame, stage: str, evidence: pd.Series, score: Any = 1.0,
           taken: Any = True, reason: Any = "several firms fit") -> pd.DataFrame:  # fmt: skip
    made = hits[["key_id", "panel_id", "firm_name"]].assign(
        stage=stage, score=score, evidence=evidence, taken=taken, reason=reason
    )
    return made.sort_values("score", ascending=False, kind="stable").drop_duplicates(
        ["key_id", "panel_id"]
    )


def _narrow(hits: pd.DataFrame, better: pd.Series) -> pd.DataFrame:
    """Only the `better` hits of those keys that have any."""
    has = better.groupby(hits.key_id).transform("any")
    return hits[better | ~has]


def _by_code(left: pd.DataFrame, right: pd.DataFrame, _: MatchSettings) -> pd.DataFrame:
    known = right[right.code != ""].drop_duplicates(["code", "panel_id", "norm"])
    hits = left[left.code != ""].merge(known, on="code", suffixes=("", "_firm"))
    hits = _narrow(hits, hits.norm == hits.norm_firm)  # a shared code: the name tells which
    return _picks(hits, "code", "code " + hits.code)


def _by_name(left: pd.DataFrame, right: pd.DataFrame, _: MatchSettings) -> pd.DataFrame:
    known = right[right.norm != ""].drop_duplicates(["norm", "panel_id", "place"])
    hits = left[left.norm != ""].merge(known, on="norm", suffixes=("", "_firm"))
    same = hits.place.notna() & (hits.place == hits.place_firm)
    narrowed = _narrow(hits, same)
    return _picks(narrowed, "name", "name " + narrowed.norm)


def _by_stem(left: pd.DataFrame, right: pd.DataFrame, settings: MatchSettings) -> pd.DataFrame:
    known = right[right.stem != ""].drop_duplicates(["stem", "panel_id", "place", "head"])
    crowd = known.stem.map(known.groupby("stem").panel_id.nunique())
    hits = left[left.stem.str.len() >= 3].merge(known, on="stem", suffixes=("", "_firm"))
    hits = hits[_heads_agree(hits)]
    placed = hits[(hits.place == hits.place_firm) & hits.place.notna()]
    taken = _picks(placed, "stem_place", "stem " + placed.stem + ", place " + placed.place)
    few = set(known.stem[crowd <= settings.most_candidates])
    loose = hits[hits.place.isna() & hits.stem.isin(few) & (hits.stem.str.len() >= 4)]
    kept = _picks(
        loose, "stem_place", "stem " + loose.stem, taken=False,
        reason="place of the applicant unknown",
    )  # fmt: skip
    return pd.concat([taken, kept]) if len(kept) else taken


def _heads_agree(hits: pd.DataFrame) -> pd.Series:
    """Names that begin with two different prefectures are two firms."""
    return hits["head"].isna() | hits.head_firm.isna() | (hits["head"] == hits.head_firm)


def _by_likeness(left: pd.DataFrame, right: pd.DataFrame, settings: MatchSettings) -> pd.DataFrame:
    """Names that are a slip of a firm's name in the same prefecture; like ones for review."""
    model = NameModel(right.norm.drop_duplicates())
    near = likely(left, right, model, settings)
    if near.empty:
        return pd.DataFrame(columns=list(PICKS))
    evidence = near.norm + " ~ " + near.norm_firm + ", place " + near.place
    return _picks(near, "fuzzy", evidence, near.score, near.taken, near.reason)
