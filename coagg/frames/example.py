"""`coagg.example`: small real data that come with the program."""

from __future__ import annotations

from pathlib import Path

import geopandas

from coagg.errors import CoaggError

FOLDER = Path(__file__).parents[1] / "data" / "examples"


def example(name: str = "south_yorkshire") -> geopandas.GeoDataFrame:
    """A real example as a GeoDataFrame.

    Parameters
    ----------
    name : {"south_yorkshire"}
        The manufacturing companies of South Yorkshire in 2024: codes of UK SIC 2007 (``sic3``,
        three digits, and ``sic5``) and the point of the postcode. Its notice lies beside the file.

    Raises
    ------
    CoaggError
        For a name that is none of them.

    Examples
    --------
    >>> import coagg
    >>> coagg.example("south_yorkshire").head(2)
      sic3   sic5                   geometry
    0  329  32990    POINT (-1.747 53.53774)
    1  161  16100  POINT (-1.72876 53.53823)
    """
    known = sorted(file.stem for file in FOLDER.glob("*.parquet"))
    if name not in known:
        raise CoaggError(f"example {name!r}: there are {', '.join(known) or 'none'}")
    return geopandas.read_parquet(FOLDER / f"{name}.parquet")
