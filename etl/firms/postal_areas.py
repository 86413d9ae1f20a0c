"""Where the beginning of a postal code says a firm is, for countries that have a list of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from coagg.etl.files.csv_tables import read_table
from coagg.etl.reference import countries

_LETTERS = re.compile(r"\s*([A-Z]{1,2})[0-9]")


@cache
def areas(country: str) -> dict[str, tuple[float, float]]:
    """Longitude and latitude of the town of each area, to a tenth of a degree; empty where unknown.

    Examples
    --------
    >>> areas("GB")["S"], areas("CN")
    ((-1.5, 53.4), {})
    """
    path = countries.of(country).folder / "postcode_areas.csv"
    if not path.exists():
        return {}
    table = read_table(path, ["prefix", "name", "lon", "lat"], {})
    places = zip(table["lon"].astype(float), table["lat"].astype(float), strict=True)
    return dict(zip(table["prefix"], places, strict=True))


def places(codes: Sequence[str | None], country: str) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude (float64, n) of postal codes; NaN where their area is not known.

    Examples
    --------
    >>> [place.tolist() for place in places(["S1 2AB", "BB10 1AA", None, "100080"], "GB")]
    [[-1.5, -2.5, nan, nan], [53.4, 53.7, nan, nan]]
    """
    known = areas(country)
    found = [_LETTERS.match(code.upper()) if code and known else None for code in codes]
    at = [known.get(one[1], (np.nan, np.nan)) if one else (np.nan, np.nan) for one in found]
    both = np.array(at, dtype=np.float64).reshape(len(at), 2)
    return both[:, 0], both[:, 1]
