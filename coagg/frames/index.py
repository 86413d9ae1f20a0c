"""`coagg.coagglomeration`: the index of every ordered pair of industries of a frame of firms."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import geopandas
import numpy as np
import pandas as pd

from coagg.analysis.coagglomeration import METHODS, IndexSettings, PairResults
from coagg.analysis.coagglomeration.transport import COSTS
from coagg.analysis.measurement.index import BLOCK_INDUSTRIES, DIRECTIONS
from coagg.analysis.measurement.jobs import Unit
from coagg.analysis.measurement.workers import run_units
from coagg.errors import CoaggError
from coagg.frames import checks
from coagg.frames.cells import FrameCell, cells_of, facts, read_sites
from coagg.version import VERSION

UNIT_OF_COST = {"sqeuclidean": "km2", "euclidean": "km"}
LARGEST_SEED = 2**63 - 1


def cost_columns(cost: str) -> tuple[str, str, str]:
    """Names of observed cost and of the mean and sd of the null, with their unit."""
    unit = UNIT_OF_COST[cost]
    return f"observed_cost_{unit}", f"null_mean_{unit}", f"null_sd_{unit}"


def pair_columns(cost: str) -> tuple[str, ...]:
    """Columns of a frame of pairs after those of `by`, in order."""
    return (
        "from_industry", "to_industry", "index", "standard_error", *cost_columns(cost),
        "from_firms", "to_firms", "draws",
    )  # fmt: skip


def coagglomeration(
    firms: geopandas.GeoDataFrame,
    industry: str,
    *,
    by: str | Sequence[str] | None = None,
    key: str | None = None,
    reference: geopandas.GeoDataFrame | geopandas.GeoSeries | None = None,
    industries: Sequence[str] | None = None,
    draws: int = 1000,
    seed: int = 1998,
    method: str = "calibrated",
    cost: str = "sqeuclidean",
    min_firms: int = 1,
    pile_ups: str = "keep",
    direction: str = "from-fixed",
    refine: float = 0.0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Directional coagglomeration index of all ordered pairs of industries.

    ``index`` of j -> k is the share of `draws` random choices of k's sites, out of all possible
    sites, that lie at least as far from j as k does: 0.97 means nearer to j than 97% of random
    choices. j is held fixed and k redrawn; distance is the exact optimal-transport cost between
    the two sets of firms.

    Parameters
    ----------
    firms : GeoDataFrame of N points
        Firms in any CRS. Points in EPSG:4326 are used to the bit; others are brought there first.
        Each cell is then projected to kilometres about its own middle.
    industry : str
        Column of codes, text. A firm whose code is missing is a possible site and no more.
    by : str or list of str, optional
        Columns that tell cells apart (agglomeration, year); each is measured by itself.
    key : str, optional
        Name of the cell, or, with `by`, what its name begins with. A cell's name is
        ``key/value of by/...`` (without either: ``firms``) and enters the seed, so that cells get
        draws of their own. ``coagg index`` names its cells COUNTRY/YEAR/CODE: the same firms in
        the same order with ``by=["country", "survey_year", "agglomeration_code"]``, or with
        ``key="CN/2013/CY"``, give the same bytes here and there.
    reference : GeoDataFrame or GeoSeries of points, optional
        Possible sites; by default those of all firms, of firms without an industry too. A measured
        firm that stands on a site of the reference takes it up; one that stands on none adds its
        own. With `by` it needs those columns.
    industries : list of str, optional
        Codes to measure; the firms of others are possible sites only. Default all.
    draws : int
        Counterfactual draws of a null distribution.
    seed : int
        Same seed, same numbers.
    method : {"calibrated", "exact", "sinkhorn", "published"}
        As ``coagg index --method``.
    cost : {"sqeuclidean", "euclidean"}
        Squared distance, km2, or distance, km.
    min_firms : int
        Firms that an industry needs in a cell.
    pile_ups : {"keep", "drop", "spread"}
        What to do with firms on likely fall-back points: those of which the column ``pile_up`` of
        `firms` says so; without that column, points with 10 firms and 0.5% of the cell's or more.
    direction : {"from-fixed", "from-redrawn"}
        Reading of j -> k; the second is the transpose.
    refine : float
        Exact solves for pairs near 0.90, 0.95 and 0.99, as a multiple of pairs.
    workers : int, optional
        Threads; they change the time, never a number. Default all.
    progress : callable, optional
        Called with pairs done and pairs in all.

    Returns
    -------
    DataFrame
        A row for each ordered pair, sorted: the columns of `by`, ``from_industry``,
        ``to_industry``, ``index``, ``standard_error``, ``observed_cost_km2``, ``null_mean_km2``,
        ``null_sd_km2`` (``_km`` for the euclidean cost), ``from_firms``, ``to_firms``, ``draws``.
        Settings, and what was measured in each cell, are in ``.attrs``.

    Raises
    ------
    CoaggError
        In one line, for anything that cannot be measured as asked.

    Warns
    -----
    UserWarning
        Cells without a pair, and cells too wide for a plane, with the error of distances.

    References
    ----------
    Billings, S. B., & Johnson, E. B. (2016). Agglomeration within an urban area. Journal of Urban
    Economics, 91, 13-25.

    Examples
    --------
    >>> import coagg
    >>> firms = coagg.example("south_yorkshire")
    >>> pairs = coagg.coagglomeration(firms, "sic3", draws=100, min_firms=100)
    >>> near = pairs[pairs["from_industry"] == "251"].nlargest(2, "index")
    >>> near[["from_industry", "to_industry", "index", "from_firms", "to_firms"]].round(1)
       from_industry to_industry  index  from_firms  to_firms
    64           251         329    0.9         189       417
    58           251         181    0.8         189       208
    """
    settings = IndexSettings(
        draws=checks.whole("draws", draws, 1),
        seed=_seed(seed),
        method=checks.one_of("method", method, METHODS),
        cost=checks.one_of("cost", cost, COSTS),
        refine=checks.number("refine", refine, 0.0, 1e6),
    )
    checks.one_of("direction", direction, DIRECTIONS)
    threads = checks.whole("workers", (os.cpu_count() or 1) if workers is None else workers, 1)
    if progress is not None and not callable(progress):
        raise CoaggError(f"progress={progress!r}: give a function of pairs done and pairs in all")
    sites = read_sites(firms, industry, by, key, industries)
    clash = set(sites.by.columns) & set(pair_columns(cost))
    if clash:
        raise CoaggError(f"by: {', '.join(sorted(clash))} is a column of the answer; rename it")
    cells = cells_of(
        sites,
        reference,
        min_firms=checks.whole("min_firms", min_firms, 1),
        pile_ups=pile_ups,
        degrees=method == "published",
    )
    parts = list(_measured(cells, settings, direction, threads, progress))
    found = pd.concat(parts, ignore_index=True)
    for at, name in enumerate(sites.by.columns):
        values = pd.Series([one.values[at] for one in cells], dtype=sites.by[name].dtype)
        lengths = [len(part) for part in parts]
        found.insert(at, name, values.repeat(lengths).reset_index(drop=True))
    found.attrs = {
        "industry": industry, "draws": settings.draws, "seed": settings.seed, "method": method,
        "cost": cost, "min_firms": int(min_firms), "pile_ups": pile_ups, "direction": direction,
        "refine": settings.refine, "coagg": VERSION, **facts(cells, sites.by),
    }  # fmt: skip
    return found


def _seed(seed: object) -> int:
    value = checks.whole("seed", seed, 0)
    if value > LARGEST_SEED:
        raise CoaggError(f"seed={value}: give at most 2^63 - 1")
    return value


def _measured(
    cells: Sequence[FrameCell],
    settings: IndexSettings,
    direction: str,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> Iterator[pd.DataFrame]:
    """The pairs of each cell, in order: the same units and kernels as of a measurement."""
    by_key = {one.cell.key: one.cell for one in cells}
    units = [unit for one in cells for unit in _units(one.cell.key, len(one.cell.industries))]
    total, done = sum(unit.pairs for unit in units), 0
    if progress is not None:
        progress(0, total)
    results: dict[str, list[PairResults]] = {key: [] for key in by_key}
    for unit, found, _ in run_units(by_key, units, settings, workers):
        results[unit.agglomeration_code].append(found)
        done += unit.pairs
        if progress is not None:
            progress(done, total)
    for key, cell in by_key.items():
        yield _pairs(cell.industries, results[key], settings, direction)


def _units(key: str, count: int) -> Iterator[Unit]:
    for block, first in enumerate(range(0, count, BLOCK_INDUSTRIES)):
        fixed = tuple(range(first, min(first + BLOCK_INDUSTRIES, count)))
        yield Unit(key, block, fixed, len(fixed) * (count - 1), points_sha256="", input_sha256="")


def _pairs(
    industries: Sequence[str],
    results: Sequence[PairResults],
    settings: IndexSettings,
    direction: str,
) -> pd.DataFrame:
    code = np.array(industries, dtype=object)

    def whole(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in results])

    start, end = ("fixed", "redrawn") if direction == "from-fixed" else ("redrawn", "fixed")
    observed, mean, sd = cost_columns(settings.cost)
    found = pd.DataFrame(
        {
            "from_industry": code[whole(start)],
            "to_industry": code[whole(end)],
            "index": whole("index"),
            "standard_error": whole("standard_error"),
            observed: whole("observed_cost"),
            mean: whole("null_mean"),
            sd: whole("null_sd"),
            "from_firms": whole(f"{start}_firms"),
            "to_firms": whole(f"{end}_firms"),
            "draws": settings.draws,
        }
    )
    return found.sort_values(["from_industry", "to_industry"], ignore_index=True)
