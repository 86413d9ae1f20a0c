"""Stages of matching applicants to firms, on unique names: code, name, stem with place, fuzzy.

Frames in, frames out; no files, no SQL. A stage that finds several firms keeps them all: whether
they are one firm in the years that count is settled by the caller, and never guessed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from etl.firm_names import PlaceWords, markers, normalise, stem

PICKS = ("key_id", "panel_id", "firm_name", "stage", "score", "evidence", "taken", "reason")
CHUNK_CELLS = 20_000_000  # of one block of the score matrix, a byte each


@dataclass(frozen=True)
class MatchSettings:
    """What may be set; part of what makes a run the same run.

    `threshold`: likeness of stems (0 to 1, rapidfuzz ratio) from which a link is taken, and
    `review_threshold` from which it is kept for review. `margin`: other firms that come as near
    to the best make it ambiguous. `min_stem`: shorter stems are never compared. `max_years`:
    between application and survey year.
    """

    threshold: float = 0.90
    review_threshold: float = 0.85
    margin: float = 0.04
    min_stem: int = 5
    max_years: int = 3
    most_candidates: int = 5


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

    `applicants`: key_id, name, organisation_code, place (prefecture or None). `firms`: panel_id,
    firm_name, firm_id, place; one row for each distinct combination.
    """
    applicants = applicants.reset_index(drop=True)
    a = forms(applicants.name, places)
    f = forms(firms.firm_name, places)
    left = pd.DataFrame(
        {
            "key_id": applicants.key_id, "code": clean_code(applicants.organisation_code),
            "norm": a.norm, "stem": a.stem, "head": a.head,
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
    """Likeness of stems inside a prefecture; numbers and branch words must be the same."""
    asks = left[left.place.notna() & (left.stem.str.len() >= settings.min_stem)]
    known = right[right.place.notna() & (right.stem.str.len() >= settings.min_stem - 1)]
    known = known.drop_duplicates(["place", "stem", "panel_id", "head"])
    by_place = dict(list(known.groupby("place", sort=False)))
    found = []
    for place, group in asks.groupby("place", sort=True):
        if place in by_place:
            found.append(alike(group, by_place[place], settings.review_threshold))
    if not any(len(part) for part in found):
        return pd.DataFrame(columns=list(PICKS))
    hits = pd.concat([part for part in found if len(part)], ignore_index=True)
    hits = hits[_heads_agree(hits)]
    told = zip(hits.stem, hits.stem_firm, strict=True)
    hits = hits[[markers(one) == markers(other) for one, other in told]]
    best = hits.groupby("key_id").score.transform("max")
    near = hits[hits.score >= best - settings.margin]
    near = near.sort_values("score", ascending=False, kind="stable")
    near = near.drop_duplicates(["key_id", "panel_id"])
    alone = near.groupby("key_id").panel_id.transform("nunique") == 1
    taken = alone & (near.score >= settings.threshold)
    near = near[near.groupby("key_id").cumcount() < settings.most_candidates]
    taken = taken[near.index]
    reason = np.where(alone[near.index], "not alike enough", "several firms are as much alike")
    return _picks(
        near, "fuzzy", near.stem + " ~ " + near.stem_firm + ", place " + near.place,
        near.score, taken, reason,
    )  # fmt: skip


def alike(asks: pd.DataFrame, known: pd.DataFrame, least: float) -> pd.DataFrame:
    """Pairs whose stems are alike by `least` or more: columns of both sides and score (0 to 1).

    Distinct stems are compared with distinct stems, all with all, in blocks of bounded memory.
    """
    one, asked = pd.factorize(asks.stem.to_numpy(dtype=object))
    other, stems = pd.factorize(known.stem.to_numpy(dtype=object))
    rows, columns = [], []
    step = max(1, CHUNK_CELLS // max(len(stems), 1))
    for start in range(0, len(asked), step):
        block = process.cdist(
            asked[start : start + step], stems, scorer=fuzz.ratio,
            score_cutoff=100 * least, dtype=np.uint8, workers=1,
        )  # fmt: skip
        at = np.nonzero(block)
        rows.append(at[0] + start)
        columns.append(at[1])
    if not rows:
        return pd.DataFrame()
    pairs = pd.DataFrame({"one": np.concatenate(rows), "other": np.concatenate(columns)})
    scores = [
        fuzz.ratio(asked[i], stems[j]) / 100 for i, j in zip(pairs.one, pairs.other, strict=True)
    ]
    pairs["score"] = np.array(scores, dtype=float)
    return (
        pairs.merge(asks.assign(one=one), on="one")
        .merge(known.assign(other=other), on="other", suffixes=("", "_firm"))
        .drop(columns=["one", "other"])
    )
