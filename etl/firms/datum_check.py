"""Which datum are the coordinates in? The one that puts most points where they say they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from coagg import database
from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.firms import degrees
from coagg.etl.firms.rows import CoordinateSample
from coagg.etl.reference import countries
from coagg.settings import SQL

MARGIN = 0.0005  # share of points by which another datum must be better to be worth a word
FEWEST = 200  # points below which the shares say nothing


def shares_inside(
    connection: psycopg.Connection,
    sample: CoordinateSample,
    country: str,
    survey_year: int,
    datums: Sequence[str] = coordinates.DATUMS,
) -> dict[str, dict[str, Any]]:
    """For each datum the shares of sampled points inside any prefecture and inside their own.

    Returns {datum: {"any": share, "own": share, "points": n}}; `own` is over the points whose
    place code names a prefecture, None where no code does.
    """
    with connection.transaction(force_rollback=True):
        connection.execute(
            "CREATE TEMP TABLE datum_sample "
            "(sample_id integer, datum text, lon float8, lat float8, place_code text)"
        )
        with connection.cursor() as cursor, cursor.copy("COPY datum_sample FROM STDIN") as copy:
            for datum in datums:
                lon, lat = sample.wgs84(datum)
                points = zip(lon.tolist(), lat.tolist(), sample.place_code, strict=True)
                for number, point in enumerate(points):
                    copy.write_row((number, datum, *point))
        rows = database.query_file(
            connection,
            SQL / "transforms" / "firms" / "datum_shares.sql",
            {
                "country": country,
                "survey_year": survey_year,
                "place_code_digits": countries.of(country).areas.place_code_digits,
            },
        )
    return {
        datum: {
            "points": points,
            "any": inside / points,
            "own": inside_own / with_place if with_place else None,
        }
        for datum, points, inside, with_place, inside_own in rows
    }


def choose(stated: str | None, shares: dict[str, dict[str, Any]]) -> tuple[str, str | None]:
    """The datum to read the file in, and a remark when the points speak against it.

    A stated datum is obeyed. Where none is stated the best one is taken, said aloud. Raises
    CoaggError when none is stated and there are too few points to tell.
    """
    enough = bool(shares) and min(s["points"] for s in shares.values()) >= FEWEST
    # by the own prefecture, where place codes tell it; the outer border alone moves few points
    measure = "own" if enough and all(s["own"] is not None for s in shares.values()) else "any"
    best = max(shares, key=lambda datum: shares[datum][measure]) if enough else None
    if stated is None:
        if best is None:
            raise CoaggError(
                f"fewer than {FEWEST} usable points, too few to tell the datum: "
                "state it, --datum wgs84, gcj02 or bd09"
            )
        return best, f"no datum stated; {best} puts most points inside their prefecture, taken"
    if best is None or best == stated:
        return stated, None
    gain = shares[best][measure] - shares[stated][measure]
    if gain <= MARGIN:
        return stated, None
    return stated, (
        f"read as {stated}, but {best} would put {gain:.2%} more of the points inside "
        f"{'their' if measure == 'own' else 'a'} prefecture: is it --datum {best}?"
    )


def refuse_packed(path: Path, sample: CoordinateSample) -> None:
    """Raise CoaggError when the sampled decimals are minutes: points up to 25 km off, unseen."""
    form = degrees.packed(sample.lon, sample.lat)
    if form is None:
        return
    lon, lat = float(sample.lon[0]), float(sample.lat[0])
    raise CoaggError(
        f"{path}: the coordinates look like {form}, not decimal degrees: in {2 * len(sample.lon)} "
        f"numbers the digits behind the point never say 60 to 99. Row {sample.row_number[0]} has "
        f"{lon:.4f} {lat:.4f}: write it as {as_text(lon, form)} {as_text(lat, form)}, "
        f"or put the row @coordinates,,{form} into a copy of the layout"
    )


def as_text(packed: float, form: str) -> str:
    """A packed number in degrees, minutes and seconds.

    Examples
    --------
    >>> print(as_text(120.0742, "degrees.minutes-seconds"))
    120°07'42"
    >>> print(as_text(120.0742, "degrees.minutes"))
    120°07.42'
    """
    whole, behind = f"{packed:.4f}".split(".")
    if form == "degrees.minutes":
        return f"{whole}°{behind[:2]}.{behind[2:]}'"
    return f"{whole}°{behind[:2]}'{behind[2:]}\""
