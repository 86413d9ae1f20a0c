"""Which country and which coordinate system would put the points of a file where firms are?

The loader's own functions read the points and count those inside; here they are only asked for one
country and one system after the other. An answer is a guess, with its share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import psycopg

from coagg.etl import coordinates
from coagg.etl.files.table_file import TableFile
from coagg.etl.firms import datum_check, layouts
from coagg.etl.firms.scan import coordinate_sample
from coagg.etl.reference import countries as known_countries

POINTS = 2_000  # of a file, that degrees are judged by
METRE_POINTS = 200  # the same for metres: many systems are tried
LEAST = 0.5  # of the points, that a guess must put inside
NEAR_BEST = 0.02  # shares this near to the best one are as good


@dataclass(frozen=True)
class Fit:
    """A country and a datum, and the shares of the points that have any they put inside.

    `inside` is in any area of the country, `own` in the one that the row's place code names, None
    where no code does.
    """

    country: str
    datum: str
    inside: float
    own: float | None
    points: int

    def told(self) -> str:
        """The datum and its share, in words."""
        where = "their own area" if self.own is not None else "the country"
        return f"{self.datum} ({self.measure():.0%} of the points in {where})"

    def measure(self) -> float:
        """What it is judged by."""
        return self.inside if self.own is None else self.own

    def as_row(self) -> dict[str, object]:
        """For a table."""
        return asdict(self)


def countries() -> list[str]:
    """Countries that are known."""
    return list(known_countries.folders())


def degree_datums(country: str) -> tuple[str, ...]:
    """Datums that degrees of a country may be in."""
    stated = known_countries.of(country).datums
    return tuple(datum for datum in stated if not coordinates.in_metres(datum)) or ("wgs84",)


def fits(
    connection: psycopg.Connection,
    table: TableFile,
    mapping: layouts.Mapping,
    country: str,
    datums: Sequence[str],
    survey_year: int,
    rows: int,
    points: int = POINTS,
) -> list[Fit]:
    """How well each datum puts the file's points into the country; of `rows` with coordinates."""
    found = []
    degrees = [datum for datum in datums if not coordinates.in_metres(datum)]
    for group in (degrees, *([datum] for datum in datums if datum not in degrees)):
        if not group:
            continue
        stated = group[0] if coordinates.in_metres(group[0]) else None
        sample = coordinate_sample(table, mapping, country, points, datum=stated)
        kept = len(sample.lon)
        if kept == 0:
            found += [Fit(country, datum, 0.0, None, 0) for datum in group]
            continue
        shares = datum_check.shares_inside(connection, sample, country, survey_year, group)
        part = min(1.0, kept / max(min(rows, points), 1))
        for datum, share in shares.items():
            own = None if share["own"] is None else share["own"] * part
            found.append(Fit(country, datum, share["any"] * part, own, kept))
    return sorted(found, key=lambda fit: (-fit.measure(), datums.index(fit.datum)))


def best(found: Iterable[Fit]) -> list[Fit]:
    """The fits that are as good as the best one, none where that puts too few points inside."""
    ranked = sorted(found, key=lambda fit: -fit.measure())
    least = max(LEAST, ranked[0].measure() - NEAR_BEST) if ranked else 1.0
    return [fit for fit in ranked if fit.measure() >= least]


def told_metres(found: Sequence[Fit]) -> str:
    """What to do about metres whose system nobody named, by the systems that fit."""
    good = best(found)
    if not good:
        return "they are metres of a map projection: name it, --datum EPSG:32651 say; "
    if len(good) == 1:
        return f"they are metres, and {good[0].told()} fits: --datum {good[0].datum}; "
    shown = ", ".join(fit.told() for fit in good[:4]) + (" ..." if len(good) > 4 else "")
    return f"they are metres, and {len(good)} systems fit: {shown}; name yours with --datum; "
