"""Countries: what is known of each, from its folder of data.

A country is a folder named by its code, with one description (`country.toml`) beside its files:
boundaries, place codes, agglomerations, classifications, concordances, layouts. Shipped ones are in
etl/data/countries; a user's own are in the folder that COAGG_COUNTRIES names, else in `countries/`
of the data folder. A user's own folder stands in the place of a shipped one of the same code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from coagg.errors import CoaggError
from coagg.etl.reference.country import (
    CODE,
    DESCRIPTION,
    SHIPPED,
    Areas,
    Box,
    Classification,
    Country,
    plain,
)
from coagg.etl.reference.country_file import read_country
from coagg.etl.reference.features import read_features
from coagg.settings import COUNTRY, INSTRUMENT_COUNTRY, read_settings

__all__ = ["SHIPPED", "Classification", "Country", "at", "every", "names", "of", "plain"]
_ELSEWHERE: dict[str, Path] = {}
MARGIN = 0.5  # degrees round the areas of a country, room for any datum


def own_folder() -> Path:
    """Where a user's own countries are: COAGG_COUNTRIES, else `countries/` of the data folder."""
    return read_settings().countries_dir


def folders() -> dict[str, Path]:
    """Folders of countries by code; a user's own before a shipped one of the same code.

    Examples
    --------
    >>> {"CN", "GB"} <= set(folders())
    True
    """
    found = {}
    for place in (SHIPPED, own_folder()):
        if place.is_dir():
            for file in sorted(place.glob(f"*/{DESCRIPTION}")):
                found[file.parent.name.upper()] = file.parent
    return dict(sorted({**found, **_ELSEWHERE}.items()))


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """Take a folder that is elsewhere for that of its country, as a check of it does."""
    before = dict(_ELSEWHERE)
    _ELSEWHERE[folder.name.upper()] = folder
    try:
        yield
    finally:
        _ELSEWHERE.clear()
        _ELSEWHERE.update(before)


def of(code: str) -> Country:
    """What is known of a country.

    Raises CoaggError for a code without a folder, and for the first fault of its description.

    Examples
    --------
    >>> of("GB").name, of("GB").classification_names
    ('United Kingdom', ('uksic2007',))
    """
    known = folders()
    if code not in known:
        raise CoaggError(
            f"country {code!r} is not known: use one of {', '.join(known)}, or make a folder for "
            f"it in {own_folder()} (coagg country new {code if CODE.fullmatch(code) else 'XX'})"
        )
    return at(known[code])


def at(folder: Path) -> Country:
    """The country of a folder. Raises CoaggError for the first fault of its description."""
    file = folder / DESCRIPTION
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        raise CoaggError(
            f"{folder}: has no {DESCRIPTION}; coagg country new makes a folder with one"
        ) from None
    return _read(file, changed)


@cache
def _read(file: Path, changed: int) -> Country:
    country, faults = read_country(file)
    if country is None:
        raise CoaggError(faults[0])
    return country


def every() -> list[Country]:
    """All countries that have a folder, by code; a user's own with faults is left out.

    Whoever asks for that one (`of`) gets its fault; the others are none the worse for it.
    """
    found = []
    for folder in folders().values():
        try:
            found.append(at(folder))
        except CoaggError:
            if folder.parent == SHIPPED:
                raise
    return found


def at_once() -> list[str]:
    """Codes of the countries that every data base holds: the default one and the instrument's."""
    return sorted({COUNTRY, INSTRUMENT_COUNTRY})


def classification(name: str) -> Classification:
    """A classification of any country by name. Raises CoaggError for an unknown one."""
    known = {one.name: one for country in every() for one in country.classifications}
    if name not in known:
        raise CoaggError(f"{name!r} is no classification; known are {', '.join(sorted(known))}")
    return known[name]


def default_classification(country: str | None = None) -> str | None:
    """The classification that results of a country speak."""
    return of(country or COUNTRY).classification


def names(country: str) -> frozenset[str]:
    """Codes and names of a country in files, in the form that `plain` gives.

    Examples
    --------
    >>> "chn" in names("CN"), "rus" in names("CN")
    (True, False)
    """
    return of(country).names


def box(code: str) -> Box:
    """West, south, east and north round a country in degrees, with room for any datum.

    As its description states, else that of its areas with a margin of half a degree.

    Examples
    --------
    >>> box("GB")
    (-9.0, 49.0, 2.5, 61.5)
    """
    areas = of(code).areas
    if areas.box is not None:
        return areas.box
    try:
        changed = areas.file.stat().st_mtime_ns
    except OSError:
        raise CoaggError(f"{areas.file}: no such file (areas.file of {code})") from None
    return _bounds(areas, changed)


@cache
def _bounds(areas: Areas, changed: int) -> Box:
    west, south, east, north = read_features(areas).to_crs(4326).total_bounds
    return (
        max(float(west) - MARGIN, -180.0), max(float(south) - MARGIN, -90.0),
        min(float(east) + MARGIN, 180.0), min(float(north) + MARGIN, 90.0),
    )  # fmt: skip
