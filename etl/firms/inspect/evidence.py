"""What the values of a column can be: shares of the stated ones, by the loader's own readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl.files import values as firm_values
from coagg.etl.files.dates import day_of
from coagg.etl.firms import degrees as firm_degrees
from coagg.etl.firms import ids as firm_ids
from coagg.etl.firms import layouts, scan, systems
from coagg.etl.firms.inspect.sample import SampledRows
from coagg.etl.reference import countries as known_countries

FOUNDED = (1800, 2100)
FINE = 3  # decimals of degrees that are a point
METRES = (1e3, 3e7)
_BOTH_TRIED = 500


@dataclass(frozen=True)
class Values:
    """Shares (0 to 1) of the stated values of a column that can be each thing; 0 where none is.

    `shares` has number, whole, degrees, latitude, metres, both, year, day, id, letters, different,
    country, place. `industries` is the share of codes each classification knows, by country.
    """

    stated: int
    shares: Mapping[str, float]
    industries: Mapping[str, Mapping[str, float]]

    def classification(self, of: str | None = None) -> tuple[str, str, float] | None:
        """Country, classification and share of the one that knows most; None: none knows any.

        Of all countries, or of one.
        """
        every = [
            (share, country, name)
            for country, known in self.industries.items()
            if of is None or country == of
            for name, share in known.items()
        ]
        if not every or max(every)[0] == 0:
            return None
        most = max(share for share, _, _ in every)
        share, country, name = next(one for one in every if one[0] == most)
        return country, name, share


def values_of(
    sample: SampledRows,
    header: str,
    code_sets: Mapping[str, set[str]],
    place_codes: frozenset[str],
    country_names: frozenset[str],
) -> Values:
    """The evidence of one column."""
    text = sample.text(header).drop_null()
    stated = len(text)
    if stated == 0:
        return Values(0, {}, {})
    read = firm_values.numbers(firm_values.half_width(text))
    commas = firm_values.numbers(firm_values.with_points(text, thousands=True))
    number = np.isfinite(read.values) | np.isfinite(commas.values)
    whole = number & (
        np.floor(np.where(number, read.values, 0)) == np.where(number, read.values, 0)
    )
    degrees = firm_degrees.degrees(text)
    fine = ~degrees.unreadable & (np.abs(degrees.values) <= 180)
    fine &= (degrees.decimals >= FINE) | (degrees.axis != firm_degrees.ANY) | ~number
    large = number & (np.abs(read.values) >= METRES[0]) & (np.abs(read.values) <= METRES[1])
    both = _both(text) if number.mean() < 0.5 else 0.0
    words = pc.match_substring_regex(text, r"\pL")
    years = firm_values.by_unique(text, _founding)
    days = firm_values.by_unique(text, lambda one: day_of(one, "dmy") or day_of(one, "mdy"))
    judged = firm_ids.judge(text)
    blank = firm_values.as_mask(pc.match_substring_regex(text, r"\s|\pL{12}"))
    different = pc.count_distinct(text).as_py() / stated
    countries = firm_values.by_unique(text, lambda one: known_countries.plain(one) in country_names)
    places = firm_values.by_unique(text, lambda one: _is_place(one, place_codes))
    shares = {
        "number": number.mean(),
        "whole": whole.mean(),
        "degrees": 0.0 if both else fine.mean(),
        "latitude": 0.0 if both else (fine & (np.abs(degrees.values) <= 90)).mean(),
        "metres": large.mean(),
        "both": both,
        "day": sum(one is not None for one in days) / stated,
        "year": sum(year is not None for year in years) / stated,
        "id": different * float((~blank & firm_values.as_mask(judged.ids.is_valid())).mean()),
        "letters": firm_values.as_mask(words).mean(),
        "different": different,
        "country": sum(map(bool, countries)) / stated,
        "place": sum(map(bool, places)) / stated,
    }
    return Values(
        stated,
        {name: float(share) for name, share in shares.items()},
        {country: _known(sample, header, country, code_sets) for country in systems.countries()},
    )


def _both(text: pa.Array) -> float:
    """Share of texts that hold two coordinates, one of them fine enough for a point."""
    some = text.slice(0, _BOTH_TRIED)
    lon, lat = (firm_degrees.degrees(one) for one in firm_degrees.both_of_one(some)[:2])
    found = ~lon.unreadable & ~lat.unreadable & np.isfinite(lon.values) & np.isfinite(lat.values)
    return float((found & (np.maximum(lon.decimals, lat.decimals) >= FINE)).mean())


def _founding(text: str) -> int | None:
    year = firm_values.year_of(text)
    return year if year and FOUNDED[0] <= year <= FOUNDED[1] else None


def _is_place(text: str, known: frozenset[str]) -> bool:
    code = firm_values.place_code_of(text)
    return code is not None and len(code) >= 4 and (code in known or code[:4] in known)


def _known(
    sample: SampledRows, header: str, country: str, code_sets: Mapping[str, set[str]]
) -> dict[str, float]:
    """Share of the column's codes each classification of a country knows, as a load finds it."""
    mapping = mapping_of({"industry_code": header})
    try:
        return dict(scan.scan(sample, mapping, 0, code_sets, country).shares)
    except CoaggError:
        return {}


def mapping_of(columns: Mapping[str, str | None]) -> layouts.Mapping:
    """A mapping of these headers alone."""
    every: dict[str, str | None] = dict.fromkeys(layouts.COLUMNS)
    return layouts.Mapping("inspect", 0, every | dict(columns), None, None, None, None)


def place_codes(connection: psycopg.Connection) -> frozenset[str]:
    """Place codes of all countries that are known."""
    rows = connection.execute("SELECT DISTINCT place_code FROM reference.prefecture_code")
    return frozenset(code for (code,) in rows.fetchall())


@cache
def country_names() -> frozenset[str]:
    """Words for the countries that are known, in lower case."""
    return frozenset(name for one in known_countries.every() for name in one.names)
