"""Other indices of coagglomeration on the same frame of firms."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from coagg.analysis.comparison.pairs import COLOCATION, DURANTON_OVERMAN, EGK, comparison_pairs
from coagg.errors import CoaggError
from coagg.frames import checks
from coagg.frames.cells import cells_of, facts, read_sites
from coagg.version import VERSION

AREA, EMPLOYMENT = "area", "employment"


def colocation_quotient(
    firms: geopandas.GeoDataFrame,
    industry: str,
    *,
    by: str | Sequence[str] | None = None,
    industries: Sequence[str] | None = None,
    draws: int = 1000,
    seed: int = 0,
    min_firms: int = 1,
    pile_ups: str = "keep",
) -> pd.DataFrame:
    """Colocation quotient of all ordered pairs: whose nearest neighbours are whose.

    Above 1: among the nearest neighbours of firms of j there are more firms of k than under
    random labels. Tied neighbours share one vote.

    Parameters
    ----------
    firms, industry, by, industries, min_firms, pile_ups
        As of `coagg.coagglomeration`.
    draws : int
        Permutations of the labels.
    seed : int
        Same seed, same numbers (``coagg compare --seed``).

    Returns
    -------
    DataFrame
        The columns of `by`, ``from_industry`` (whose neighbours), ``to_industry``,
        ``colocation_quotient``, ``p_value`` (one-sided, small: nearer than by chance),
        ``verdict`` (near, apart, neither at 5%, untested), ``from_firms``, ``to_firms``.

    Raises
    ------
    CoaggError
        As `coagg.coagglomeration`.

    References
    ----------
    Leslie, T. F., & Kronenfeld, B. J. (2011). The colocation quotient. Geographical Analysis, 43,
    306-326.

    Examples
    --------
    >>> import coagg
    >>> firms = coagg.example("south_yorkshire")
    >>> found = coagg.colocation_quotient(firms, "sic3", draws=20, min_firms=200)
    >>> found.round(2).head(2)[["from_industry", "to_industry", "colocation_quotient"]]
      from_industry to_industry  colocation_quotient
    0           181         259                 0.34
    1           181         329                 1.32
    """
    return _compared(COLOCATION, firms, industry, by, industries, draws, seed, min_firms, pile_ups)


def duranton_overman(
    firms: geopandas.GeoDataFrame,
    industry: str,
    *,
    by: str | Sequence[str] | None = None,
    industries: Sequence[str] | None = None,
    draws: int = 1000,
    seed: int = 0,
    min_firms: int = 1,
    pile_ups: str = "keep",
) -> pd.DataFrame:
    """Colocalisation of all pairs by the density of distances between their firms.

    Symmetric: it stands in both orders. Above 0: the share of distances in excess of the upper
    global envelope; below 0: of the lower one; 0 within.

    Parameters
    ----------
    firms, industry, by, industries, min_firms, pile_ups
        As of `coagg.coagglomeration`.
    draws : int
        Counterfactual draws, sites for both industries.
    seed : int
        Same seed, same numbers (``coagg compare --seed``).

    Returns
    -------
    DataFrame
        As of `coagg.colocation_quotient`, with ``duranton_overman``.

    Raises
    ------
    CoaggError
        As `coagg.coagglomeration`.

    References
    ----------
    Duranton, G., & Overman, H. G. (2005). Testing for localization using micro-geographic data.
    Review of Economic Studies, 72, 1077-1106.

    Examples
    --------
    >>> import coagg
    >>> firms = coagg.example("south_yorkshire")
    >>> found = coagg.duranton_overman(firms, "sic3", draws=20, min_firms=200)
    >>> found["verdict"].value_counts().to_dict()
    {'near': 8, 'apart': 4}
    """
    return _compared(
        DURANTON_OVERMAN, firms, industry, by, industries, draws, seed, min_firms, pile_ups
    )


def ellison_glaeser_kerr(
    firms: geopandas.GeoDataFrame,
    industry: str,
    *,
    area: str,
    employment: str | None = None,
    by: str | Sequence[str] | None = None,
    industries: Sequence[str] | None = None,
    min_firms: int = 1,
    pile_ups: str = "keep",
    aggregate: str = "mean",
) -> pd.DataFrame:
    """Pairwise coagglomeration from employment by area, without distances.

    Parameters
    ----------
    firms, industry, by, industries, min_firms, pile_ups
        As of `coagg.coagglomeration`.
    area : str
        Column of the area a firm is in, a prefecture say.
    employment : str, optional
        Column of persons; without it each firm counts one.
    aggregate : {"mean", "share"}
        An area's size: mean of the industries' shares, or share of all employment.

    Returns
    -------
    DataFrame
        As of `coagg.colocation_quotient`, with ``ellison_glaeser_kerr``; it is symmetric and has
        no test, so ``p_value`` is NaN and ``verdict`` untested. NaN where it is undefined: one
        area only, or an industry without employment.

    Raises
    ------
    CoaggError
        As `coagg.coagglomeration`, and for a missing area or employment.

    References
    ----------
    Ellison, G., Glaeser, E. L., & Kerr, W. R. (2010). What causes industry agglomeration? American
    Economic Review, 100, 1195-1213 (equation 1).

    Examples
    --------
    >>> import coagg
    >>> firms = coagg.example("south_yorkshire")
    >>> firms["side"] = (firms.geometry.x > -1.4).map({True: "east", False: "west"})
    >>> found = coagg.ellison_glaeser_kerr(firms, "sic3", area="side", min_firms=200)
    >>> found.round(3).head(2)[["from_industry", "to_industry", "ellison_glaeser_kerr"]]
      from_industry to_industry  ellison_glaeser_kerr
    0           181         259                 0.002
    1           181         329                 0.001
    """
    checks.one_of("aggregate", aggregate, ("mean", "share"))
    return _compared(
        EGK, firms, industry, by, industries, 1, 0, min_firms, pile_ups, area, employment, aggregate
    )


def _compared(
    which: str,
    firms: geopandas.GeoDataFrame,
    industry: str,
    by: object,
    industries: Sequence[str] | None,
    draws: int,
    seed: int,
    min_firms: int,
    pile_ups: str,
    area: str | None = None,
    employment: str | None = None,
    aggregate: str = "mean",
) -> pd.DataFrame:
    draws, seed = checks.whole("draws", draws, 1), checks.whole("seed", seed, 0)
    names = {AREA: area, EMPLOYMENT: employment}
    sites = read_sites(firms, industry, by, None, industries)
    for what, name in names.items():
        if name is not None:
            values = checks.column(firms, name, what)
            sites.extra[what] = _area(values) if what == AREA else _employment(values)
    clash = set(sites.by.columns) & {*FIRST, which, *LAST}
    if clash:
        raise CoaggError(f"by: {', '.join(sorted(clash))} is a column of the answer; rename it")
    cells = cells_of(
        sites, None, min_firms=checks.whole("min_firms", min_firms, 1), pile_ups=pile_ups
    )
    parts = []
    for one in cells:
        with threadpool_limits(limits=1):  # the matrices are small, and sums must not vary
            found = comparison_pairs(
                one.cell.points_km, one.cell.industry, one.cell.industries,
                one.extra.get(EMPLOYMENT),
                one.extra.get(AREA, np.zeros(len(one.cell.points_km), np.int64)),
                draws=draws, seed=seed, which=(which,), aggregate=aggregate,  # type: ignore[arg-type]
            )  # fmt: skip
        part = pd.DataFrame(
            {
                "from_industry": found["fixed_industry"],
                "to_industry": found["redrawn_industry"],
                which: found["value"],
                "p_value": found["p_value"],
                "verdict": found["verdict"],
                "from_firms": found["fixed_firms"],
                "to_firms": found["redrawn_firms"],
            }
        ).sort_values(["from_industry", "to_industry"])
        for at, name in enumerate(sites.by.columns):
            part.insert(at, name, pd.Series(one.values[at], part.index, sites.by[name].dtype))
        parts.append(part)
    made = pd.concat(parts, ignore_index=True)
    made.attrs = {
        "comparison": which, "industry": industry, "draws": draws, "seed": seed,
        "min_firms": int(min_firms), "pile_ups": pile_ups, "area": area, "employment": employment,
        "coagg": VERSION, **facts(cells, sites.by),
    }  # fmt: skip
    return made


FIRST, LAST = ("from_industry", "to_industry"), ("p_value", "verdict", "from_firms", "to_firms")


def _area(values: pd.Series) -> np.ndarray:
    if values.isna().any():
        raise CoaggError(
            f"column {values.name!r} of firms: {int(values.isna().sum()):,} firms have no area; "
            "leave them out, or give them one"
        )
    return pd.factorize(values, sort=True)[0]


def _employment(values: pd.Series) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        raise CoaggError(f"column {values.name!r} of firms holds no numbers; give persons")
    persons = values.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(persons) | (persons < 0)
    if wrong.any():
        raise CoaggError(
            f"column {values.name!r} of firms: {int(wrong.sum()):,} values are missing or below 0; "
            "leave those firms out, or count firms (no employment)"
        )
    return persons
