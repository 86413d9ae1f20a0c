"""Applicants whose name is nearly that of a firm in the same prefecture: slips, and what is not.

Two names of one place and trade that differ in a character may be one firm, mistyped, or two
firms. What tells: a slip makes a run of characters that names do not have (公可 for 公司, 料枓) out
of one that they often have, while another firm's word is as good a word as the first. So a link
is taken only where the applicant's spelling is far less likely than the firm's by the bigrams of
all firms' names (a noisy channel whose slips are all alike), and where the slip is in what many
names share, the trade or the legal form, not in the word that tells firms apart. The rest is kept
for review.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from coagg.etl.matching.names import markers
from coagg.etl.matching.settings import MatchSettings

CHUNK_CELLS = 20_000_000  # of one block of the score matrix, a byte each
SHORTEST = 6  # characters of a whole name that is searched for slips
FEWEST = 3
_EDGE = "\u0000"
LAST = "\U0010ffff"  # behind every character
ONE_FIRM = "not plainly a slip: perhaps another firm"
SEVERAL = "several firms are as much alike"
REPEATED = "the name is on too many patents for a slip"


class NameModel:
    """How likely a normalised name is, by pairs of neighbouring characters of known names.

    What was not seen gets the share of Witten and Bell (1991): as many chances as a character has
    different followers.
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        self.backward = sorted(name[::-1] for name in names)
        self.pairs: Counter[tuple[str, str]] = Counter()
        for name in names:
            text = _EDGE + name + _EDGE
            self.pairs.update(pairwise(text))
        self.first: Counter[str] = Counter()
        self.second: Counter[str] = Counter()
        self.followers: Counter[str] = Counter()  # how many characters follow one
        for (one, other), count in self.pairs.items():
            self.first[one] += count
            self.second[other] += count
            self.followers[one] += 1
        self.total = sum(self.second.values()) + len(self.second) + 1

    def log_likelihood(self, name: str) -> float:
        """Natural logarithm of the probability of `name`."""
        text, found = _EDGE + name + _EDGE, 0.0
        for one, other in pairwise(text):
            alone = (self.second[other] + 1) / self.total
            new = self.followers[one] or 1  # a character that many follow may have one more
            found += math.log((self.pairs[one, other] + new * alone) / (self.first[one] + new))
        return found

    def expected(self, own: str, firm: str) -> float:
        """Share of `firm`'s character where `own` first differs, in names that go on like `firm`.

        0 where fewer than FEWEST names show it: what few share is what tells firms apart.
        """
        at = 0
        while at < min(len(own), len(firm) - 1) and own[at] == firm[at]:
            at += 1
        shown = self._ending(firm[at:])
        return shown / self._ending(firm[at + 1 :]) if shown >= FEWEST else 0.0

    def _ending(self, text: str) -> int:
        turned = text[::-1]
        return bisect_right(self.backward, turned + LAST) - bisect_left(self.backward, turned)


def likely(
    asks: pd.DataFrame, known: pd.DataFrame, model: NameModel, settings: MatchSettings
) -> pd.DataFrame:
    """Firms of nearly the name of each key, in its prefecture.

    `asks`: key_id, norm, stem, head, place, repeats (applications under the name). `known`:
    panel_id, firm_name, norm, stem, head, place. Returns columns of both (those of `known` with
    _firm), score (0 to 1), odds (log likelihood of the firm's spelling less the applicant's),
    taken and reason; without rows where nothing is alike.
    """
    asks = asks[asks.place.notna() & (asks.norm.str.len() >= SHORTEST)]
    known = known[known.place.notna()].drop_duplicates(["place", "norm", "panel_id"])
    by_place = dict(list(known.groupby("place", sort=False)))
    found = [
        _in_one_place(group, by_place[place], settings)
        for place, group in asks.groupby("place", sort=True)
        if place in by_place
    ]
    found = [part for part in found if len(part)]
    if not found:
        return pd.DataFrame()
    hits = pd.concat(found, ignore_index=True)
    clash = hits["head"].notna() & hits.head_firm.notna() & (hits["head"] != hits.head_firm)
    same = [
        markers(a) == markers(b) and _letters(a) == _letters(b)
        for a, b in zip(hits.stem, hits.stem_firm, strict=True)
    ]
    hits = hits[~clash & np.array(same, dtype=bool)]
    hits = hits.sort_values("score", ascending=False, kind="stable")
    hits = hits.drop_duplicates(["key_id", "panel_id"]).reset_index(drop=True)
    hits["odds"] = [
        model.log_likelihood(firm) - model.log_likelihood(own)
        for own, firm in zip(hits.norm, hits.norm_firm, strict=True)
    ]
    hits["expected"] = [
        model.expected(own, firm) for own, firm in zip(hits.norm, hits.norm_firm, strict=True)
    ]
    return _judged(hits, settings)


def _letters(text: str) -> str:
    """Latin letters and figures in a Chinese name (TCL, 3H): a name of their own, never a slip."""
    return "" if text.isascii() else "".join(c for c in text if c.isascii() and c.isalnum())


def _judged(hits: pd.DataFrame, settings: MatchSettings) -> pd.DataFrame:
    """Taken: the one firm of the key of which its name is a slip. Else the most alike ones."""
    slip = hits.one_slip & (hits.odds >= settings.slip_odds) & (hits.score >= settings.threshold)
    slip &= hits.expected >= settings.expected
    few = hits.repeats <= settings.most_repeats
    alone = slip.groupby(hits.key_id).transform("sum") == 1
    hits["taken"] = slip & few & alone
    hits["reason"] = np.select(
        [~slip, ~alone], [ONE_FIRM, SEVERAL], REPEATED
    )  # of a taken one, never shown
    settled = hits.taken.groupby(hits.key_id).transform("any")
    best = hits.groupby("key_id").score.transform("max")
    open_ = ~settled & (hits.score >= best - settings.margin)
    open_ &= hits.groupby("key_id").cumcount() < settings.most_candidates
    return hits[hits.taken | open_]


def _in_one_place(asks: pd.DataFrame, known: pd.DataFrame, settings: MatchSettings) -> pd.DataFrame:
    long = asks[asks.stem.str.len() >= settings.min_stem]
    others = known[known.stem.str.len() >= settings.min_stem - 1]
    hits = alike(long, others, settings.review_threshold)
    slips = pd.DataFrame(
        list(one_slip(asks.norm.unique().tolist(), known.norm.unique().tolist())),
        columns=["norm", "norm_firm"],
    )
    if slips.empty:
        return hits.assign(one_slip=False) if len(hits) else hits
    other = known.rename(columns={c: f"{c}_firm" for c in ("norm", "stem", "head", "place", "code")
                                  if c in known})  # fmt: skip
    slips = asks.merge(slips, on="norm").merge(other, on="norm_firm")
    slips["score"] = [
        fuzz.ratio(a, b) / 100 for a, b in zip(slips.norm, slips.norm_firm, strict=True)
    ]
    slips["one_slip"] = True
    if hits.empty:
        return slips
    pairs = pd.MultiIndex.from_frame(slips[["key_id", "panel_id"]])
    again = pd.MultiIndex.from_frame(hits[["key_id", "panel_id"]]).isin(pairs)
    return pd.concat([slips, hits[~again].assign(one_slip=False)], ignore_index=True)


def one_slip(asked: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of unlike names that one character more, less, other, or exchanged makes alike.

    Such names share a form with one character left out, so none is compared with all others.
    """
    forms: defaultdict[str, list[str]] = defaultdict(list)
    for name in known:
        for form in _shortened(name):
            forms[form].append(name)
    for name in asked:
        near = {other for form in _shortened(name) for other in forms.get(form, ())}
        near.discard(name)
        for other in sorted(near):
            if OSA.distance(name, other, score_cutoff=1) == 1:
                yield name, other


def _shortened(name: str) -> set[str]:
    return {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}


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
