"""How files name a country in a column of their own."""

from __future__ import annotations

import unicodedata
from functools import cache

from coagg.etl.files.csv_tables import read_table
from coagg.etl.reference.boundaries import DATA

NAMES = DATA / "codes" / "country_names.csv"


@cache
def names(country: str) -> frozenset[str]:
    """Codes and names of a country, in the form that `plain` gives.

    Examples
    --------
    >>> "chn" in names("CN"), "rus" in names("CN")
    (True, False)
    """
    table = read_table(NAMES, ["country", "name"], {})
    return frozenset(map(plain, table.loc[table["country"] == country, "name"]))


def plain(name: str) -> str:
    """A name for comparison: half-width, lower case, one blank between words, no ".0".

    Examples
    --------
    >>> plain(" UNITED  Kingdom "), plain("156.0")
    ('united kingdom', '156')
    """
    text = unicodedata.normalize("NFKC", name).casefold().removesuffix(".0")
    return " ".join(text.split())
