"""Which of our columns each header of a file seems to be: by its words and by its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from coagg.etl.firms import located, systems
from coagg.etl.firms import points as firm_points
from coagg.etl.firms.inspect import words
from coagg.etl.firms.inspect.evidence import Values, mapping_of
from coagg.etl.firms.inspect.sample import Profile, SampledRows

POINT = words.POINT
LEAST_WITH_WORD, LEAST_ALONE, LEAST_ID = 0.3, 0.9, 0.98
MOST_SURVEY_YEARS = 15  # different years of a column, above which they are founding years
_ALONE = ("firm_id", "industry_code", "place_code")  # told by values alone
_BY_WORD = ("industry_code", "country", "output", "employment")  # the word alone may do


@dataclass(frozen=True)
class Column:
    """A column of a file: what it holds and what it seems to be.

    `columns` are those of ours, two where it holds both coordinates, none where it is none of
    them; `seems` says it in words, `why` by which evidence and `share` how many of its values (0
    to 1) can be such. `guess` is False only where a layout names the header.
    """

    header: str
    filled: float
    seems: str
    columns: tuple[str, ...]
    guess: bool
    why: str
    share: float | None
    examples: tuple[str, ...]

    def as_row(self) -> dict[str, object]:
        """For a table."""
        return asdict(self)


def fitness(column: str, values: Values, country: str | None = None) -> float:
    """The share of a column's values that can be what `column` holds."""
    if values.stated == 0:
        return 0.0
    share = values.shares
    known = values.classification(country)
    few_years = share["different"] * values.stated <= MOST_SURVEY_YEARS
    return {
        "lon": max(share["degrees"], share["metres"]),
        "lat": max(share["latitude"], share["metres"]),
        POINT: share["both"],
        "firm_id": share["id"],
        "industry_code": known[2] if known else 0.0,
        "industry_division": known[2] if known else 0.0,
        "place_code": share["place"],
        "country": share["country"],
        "survey_year": share["year"] if few_years else 0.0,
        "established_year": share["year"],
        "output": share["number"],
        "employment": share["whole"],
        "postal_code": 1.0,
        "phone": 1.0 - share["letters"],
    }.get(column, share["letters"])


def guess(profile: Profile, values: Mapping[str, Values]) -> dict[str, str]:
    """Header by column of ours, the likeliest ones; both lon and lat where one column is both."""
    scores: list[tuple[float, str, str]] = []
    for header, value in values.items():
        spoken = words.spoken_of(header)
        scores += [
            (round((plain + fit) / 2, 6), column, header)
            for column, plain in spoken.items()
            if (fit := fitness(column, value)) >= LEAST_WITH_WORD
            or (column in _BY_WORD and plain == words.SAME and value.stated)
        ]
        scores += [
            (fitness(column, value) / 2, column, header)
            for column in _ALONE
            if column not in spoken and _alone(column, value)
        ]
    found: dict[str, str] = {}
    place = {header: number for number, header in enumerate(values)}
    for _, column, header in sorted(scores, key=lambda one: (-one[0], place[one[2]])):
        if column not in found and header not in found.values():
            found[column] = header
    return _with_points(found, profile.sample, values)


def _alone(column: str, value: Values) -> bool:
    """Whether values without any word say it: no other kind of column is like that."""
    if value.stated == 0 or value.shares["degrees"] > LEAST_WITH_WORD:
        return False
    share = value.shares
    if column == "firm_id":
        broken = share["number"] - share["whole"]  # decimals
        return fitness(column, value) >= LEAST_ID and broken == 0 and share["place"] < LEAST_ALONE
    if column == "industry_code" and share["number"] - share["whole"] > 0:
        return False
    return fitness(column, value) >= LEAST_ALONE


def _with_points(
    found: dict[str, str], sample: SampledRows, values: Mapping[str, Values]
) -> dict[str, str]:
    """The guess with both coordinates: by words, else one column of both, else by values alone."""
    point = found.pop(POINT, None)
    if "lon" in found and "lat" in found:
        return found
    alone = [h for h, v in values.items() if v.stated and v.shares["both"] >= LEAST_ALONE]
    both = point or (alone[0] if alone else None)
    if both:
        return {**found, "lon": both, "lat": both}
    free = [
        header
        for header, value in values.items()
        if value.stated and value.shares["degrees"] >= LEAST_ALONE and header not in found.values()
    ]
    for column in ("lon", "lat"):
        if column in found:
            free.insert(0 if column == "lon" else 1, found[column])
    if len(free) < 2:
        return found
    one, other = free[:2]
    if (
        "lon" not in found
        and "lat" not in found
        and _inside(sample, other, one) > _inside(sample, one, other)
    ):
        one, other = other, one
    return {**found, "lon": one, "lat": other}


def _inside(sample: SampledRows, lon: str, lat: str) -> float:
    """The greatest share of points that lie in a country as they stand, axes not exchanged."""
    (batch,) = sample.batches()
    shares = []
    for country in systems.countries():
        read = located.locate(batch, mapping_of({"lon": lon, "lat": lat}), country, None).points
        shares.append(float(np.mean((read.reason == firm_points.KEPT) & ~read.swapped)))
    return max(shares)


def described(
    profile: Profile,
    values: Mapping[str, Values],
    columns: Mapping[str, str],
    layout: str | None,
    country: str | None,
) -> list[Column]:
    """Each column of the file in words; `columns` are ours, by `layout` or by a guess.

    Industry codes are judged by the classifications of `country`, of all where it is None.
    """
    by_header: dict[str, list[str]] = {}
    for column, header in columns.items():
        by_header.setdefault(header, []).append(column)
    return [
        _described(profile, header, values[header], by_header.get(header, []), layout, country)
        for header in profile.filled
    ]


def _described(
    profile: Profile,
    header: str,
    value: Values,
    ours: Sequence[str],
    layout: str | None,
    country: str | None,
) -> Column:
    filled, examples = profile.filled[header], tuple(profile.examples[header])
    if not ours:
        return Column(header, filled, _kind(value), (), True, "", None, examples)
    both = len(ours) > 1
    column = POINT if both else ours[0]
    share = fitness(column, value, country)
    spoken = words.spoken_of(header).get(column, 0.0)
    word = {
        0.0: "values alone",
        words.SAME: "header word",
        words.PART: "word in the header",
        words.LIKE: "header like a word",
    }[spoken]
    seems = "lon and lat" if both else column
    if column == "industry_code":
        known = value.classification(country)
        seems += f", codes of {known[1]}" if known else ", no known codes"
    return Column(
        header, filled, seems, tuple(ours), layout is None,
        f"layout {layout}" if layout else word, share, examples,
    )  # fmt: skip


def _kind(value: Values) -> str:
    """What a column that is none of ours holds."""
    if value.stated == 0:
        return "empty"
    share = value.shares
    kinds = (
        ("both", "coordinates of both"), ("degrees", "degrees"), ("place", "place code"),
        ("day", "day"),
        ("year", "year"), ("whole", "whole number"), ("number", "number"),
    )  # fmt: skip
    return next((word for name, word in kinds if share[name] >= LEAST_ALONE), "text")
