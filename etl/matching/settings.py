"""What may be set of a match."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MatchSettings:
    """What may be set; part of what makes a run the same run.

    `threshold`: likeness of whole names (0 to 1, rapidfuzz ratio) that a slip must leave for a
    link to be taken; `slip_odds`: how much likelier (natural logarithm) the firm's spelling must
    be; `expected`: share of names that must have the firm's character, of those that go on like
    its name; `most_repeats`: how many applications may bear the applicant's. `review_threshold`:
    likeness of stems from which a pair is kept for review, with those within `margin` of the
    best; shorter stems than `min_stem` are not compared. `max_years`: between application and
    survey year.
    """

    threshold: float = 0.90
    review_threshold: float = 0.85
    margin: float = 0.04
    min_stem: int = 5
    slip_odds: float = 8.0
    expected: float = 0.3
    most_repeats: int = 3
    max_years: int = 3
    most_candidates: int = 5
