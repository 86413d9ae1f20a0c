"""Country and datum of a file, by where its points fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from coagg.etl import coordinates
from coagg.etl.firms import crs_proposal, datum_check, layouts, systems
from coagg.etl.firms.inspect.evidence import Values, mapping_of
from coagg.etl.firms.inspect.sample import SampledRows
from coagg.etl.reference import held


@dataclass(frozen=True)
class Located:
    """Countries and datums that were tried, best first; the country and the datum taken, None
    where the points do not tell; and where the country is known from."""

    tried: list[systems.Fit]
    country: str | None
    country_from: str
    datum: str | None

    def remark(self) -> str | None:
        """What is to be said of metres that several systems fit; None for other points."""
        good = [fit for fit in systems.best(self.tried) if fit.country == self.country]
        if len(good) < 2 or not coordinates.in_metres(good[0].datum):
            return None
        return systems.told_metres(good).strip().rstrip(";")


def locate(
    connection: psycopg.Connection,
    sample: SampledRows,
    values: Mapping[str, Values],
    columns: Mapping[str, str],
    survey_year: int,
    *,
    country: str | None,
    datum: str | None,
    said: layouts.Mapping | None,
) -> Located:
    """Where the sampled points fall. `country` and `datum` are stated, `said` is by a layout."""
    among = [country] if country else _loaded(connection)
    tried = _tried(connection, sample, values, columns, survey_year, among, datum)
    known_from = "stated"
    if country is None:
        country, known_from = _country(tried, said, among)
    return Located(tried, country, known_from, datum or _datum(tried, country, said))


def _tried(
    connection: psycopg.Connection,
    sample: SampledRows,
    values: Mapping[str, Values],
    columns: Mapping[str, str],
    survey_year: int,
    among: Sequence[str],
    datum: str | None,
) -> list[systems.Fit]:
    if not {"lon", "lat"} <= columns.keys():
        return []
    lon, lat = columns["lon"], columns["lat"]
    rows = min(values[lon].stated, values[lat].stated)
    if rows == 0:
        return []
    shares = values[lon].shares
    metres = shares["metres"] > shares["degrees"] and lon != lat
    mapping = mapping_of({name: columns.get(name) for name in ("lon", "lat", "place_code")})
    found: list[systems.Fit] = []
    for one in among:
        datums: Sequence[str] = systems.degree_datums(one)
        if metres and not datum:
            datums = crs_proposal.fitting(sample, mapping, one)
        found += systems.fits(
            connection, sample, mapping, one, (datum,) if datum else datums, survey_year, rows,
            systems.METRE_POINTS if metres else systems.POINTS,
        )  # fmt: skip
    found.sort(key=lambda fit: -fit.measure())
    return [fit for fit in found if fit.inside > 0] or found[:1]


def _loaded(connection: psycopg.Connection) -> list[str]:
    """Countries that the data base holds: points are held against their areas."""
    loaded = held.held_countries(connection)
    return [code for code in systems.countries() if code in loaded]


def _country(
    tried: list[systems.Fit], said: layouts.Mapping | None, loaded: Sequence[str]
) -> tuple[str | None, str]:
    good = systems.best(tried)
    if good:
        return good[0].country, f"a guess: {good[0].inside:.0%} of the points lie in it"
    if said is not None and said.country:
        return said.country, f"by layout {said.layout}"
    others = [code for code in systems.countries() if code not in loaded]
    more = f"; {', '.join(others)} could be loaded (coagg load reference)" if others else ""
    return None, f"the points lie in none of {', '.join(loaded)}{more}"


def _datum(
    tried: list[systems.Fit], country: str | None, said: layouts.Mapping | None
) -> str | None:
    """The layout's datum where it fits, else the one that fits best, if one alone does."""
    good = [fit for fit in systems.best(tried) if fit.country == country]
    own = said.datum if said is not None else None
    if not good or any(fit.datum == own for fit in good):
        return own
    if coordinates.in_metres(good[0].datum):
        return good[0].datum if len(good) == 1 else None
    lead = good[0].measure() - max((fit.measure() for fit in good[1:]), default=0.0)
    told = lead > datum_check.MARGIN and good[0].points >= datum_check.FEWEST
    return good[0].datum if told else "wgs84"
