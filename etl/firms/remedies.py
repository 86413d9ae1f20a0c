"""What to do where every row would be refused, by the reason that most rows have."""

from __future__ import annotations

from collections.abc import Mapping

_REMEDIES = {
    "coordinates_missing": "are lon and lat the right columns? coagg inspect says what each seems "
    "to be, --map lon=HEADER names another",
    "coordinates_unreadable": "write degrees as 104.0647, 104,0647 or 104°3'53\", or both in one "
    "column as POINT (104.06 30.72); --map lon=HEADER names another column",
    "coordinates_zero": "its points are not known yet; geocode the addresses first",
    "coordinates_impossible": "they are no degrees: is it --map lon=HEADER of another column?",
    "outside_country": "is it another --country or --datum?",
    "other_country": "name the country of its rows with --country",
    "row_malformed": "is a delimiter or a quote broken, or does the header lack a column?",
    "row_undecodable": "name the encoding of its text, --encoding cp1252 say",
}


def remedy(reasons: Mapping[str, int]) -> str:
    """What to do about the commonest reason, empty where nothing is known.

    Examples
    --------
    >>> remedy({"row_undecodable": 3, "outside_country": 1})
    'name the encoding of its text, --encoding cp1252 say; '
    """
    common = max(reasons, key=lambda reason: reasons[reason], default="")
    return f"{_REMEDIES[common]}; " if common in _REMEDIES else ""
