"""From a frame of firms to cells: one for each value of `by`, with its possible sites."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import pandas as pd

from coagg.analysis.cells.make import make_cell
from coagg.analysis.cells.points import PILE_UPS, FirmPoints, treat_pile_ups
from coagg.analysis.cells.projection import ProjectionInfo, project_km
from coagg.analysis.coagglomeration import Cell
from coagg.errors import CoaggError
from coagg.frames import checks
from coagg.settings import COUNTRY

ALONE = "firms"
"""Key of the only cell of a frame when no other is given."""
PILE_UP = "pile_up"
"""Column that says which firms stand on a likely fall-back point."""
SPREAD_KM = 1.0
WARN_ERROR, WORST_ERROR = 0.001, 0.05
"""Relative errors of a projected distance at which a caller is warned, and refused."""


@dataclass(frozen=True)
class Sites:
    """Rows of a frame as arrays, (N,) each.

    `by` has the columns that tell cells apart, `key` the name of each row's cell: `lead`, if there
    is one, and the values of `by`, joined by /.
    """

    by: pd.DataFrame
    lead: str | None
    key: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    industry: np.ndarray
    pile_up: np.ndarray | None
    extra: dict[str, np.ndarray]

    def part(self, rows: np.ndarray) -> Sites:
        """Some rows, by position."""
        return Sites(
            self.by.iloc[rows], self.lead, self.key[rows], self.lon[rows], self.lat[rows],
            self.industry[rows], None if self.pile_up is None else self.pile_up[rows],
            {name: values[rows] for name, values in self.extra.items()},
        )  # fmt: skip


@dataclass(frozen=True)
class FrameCell:
    """A cell with what is said of it beside the numbers.

    `values` are those of the `by` columns; `extra` the further columns of the firms that stayed.
    """

    values: tuple[object, ...]
    cell: Cell
    projection: ProjectionInfo
    extra: dict[str, np.ndarray]
    without_industry: int


def read_sites(
    firms: geopandas.GeoDataFrame,
    industry: str,
    by: object,
    key: str | None,
    industries: Sequence[str] | None,
    extra: Sequence[str] = (),
) -> Sites:
    """A frame of firms as arrays, checked. Raises CoaggError for what the call got wrong."""
    lon, lat = checks.degrees(firms)
    code = checks.codes(checks.column(firms, industry, "industry"), industry)
    if industries is not None:
        code = np.where(np.isin(code, _chosen(industries, code)), code, "")
    cells = checks.keys(firms, checks.names("by", by))
    if key is not None and (not isinstance(key, str) or not key):
        raise CoaggError(f"key={key!r}: give text, {COUNTRY}/2013/CY say")
    return Sites(
        cells, key, _keys(cells, key), lon, lat, code, _pile_up(firms),
        {name: checks.column(firms, name, "column").to_numpy() for name in extra},
    )  # fmt: skip


def cells_of(
    sites: Sites,
    reference: geopandas.GeoDataFrame | geopandas.GeoSeries | None,
    *,
    min_firms: int,
    pile_ups: str = "keep",
    degrees: bool = False,
) -> list[FrameCell]:
    """The cells with two industries or more, in the order of their keys.

    Warns of cells that have no pair and of distances that no projection holds; raises CoaggError
    when no cell has a pair.
    """
    checks.one_of("pile_ups", pile_ups, PILE_UPS)
    if pile_ups != "keep" and reference is not None:
        _check_pile_ups(sites, reference)
    made = [
        _cell(own, part, min_firms, pile_ups, degrees) for own, part in _groups(sites, reference)
    ]
    whole = [one for one in made if len(one.cell.industries) > 1]
    if not whole:
        most = max(len(one.cell.industries) for one in made)
        where = "the frame has" if len(made) == 1 else f"none of {len(made):,} cells has more than"
        raise CoaggError(
            f"{where} {most} industr{'y' if most == 1 else 'ies'} of {min_firms} firms or more, "
            "and a pair needs two; lower min_firms or give more firms"
        )
    if len(whole) < len(made):
        lost = [one.cell.key for one in made if len(one.cell.industries) < 2]
        warnings.warn(
            f"{len(lost):,} of {len(made):,} cells have fewer than two industries of {min_firms} "
            f"firms and so no pair, the first {lost[0]}",
            stacklevel=3,
        )
    return whole


def facts(cells: Sequence[FrameCell], by: pd.DataFrame) -> dict[Any, Any]:
    """What `.attrs` says of the cells; plain values, so that every file format keeps them."""
    return {
        "by": list(by.columns),
        "cells": {
            one.cell.key: {
                "firms": len(one.cell.points_km),
                "industries": len(one.cell.industries),
                "firms_without_industry": one.without_industry,
                "centre": list(one.projection.centre),
                "worst_relative_error": one.projection.worst_relative_error,
            }
            for one in cells
        },
    }


def _chosen(industries: Sequence[str], code: np.ndarray) -> list[str]:
    if isinstance(industries, str) or not all(isinstance(one, str) for one in industries):
        raise CoaggError(f"industries={industries!r}: give a list of codes, each of them text")
    chosen = list(industries)
    there = set(code.tolist()) - {""}
    unknown = [one for one in chosen if one not in there]
    if unknown:
        raise CoaggError(
            f"industries: {', '.join(unknown[:5])} not among the {len(there):,} of the firms, "
            f"{', '.join(sorted(there)[:5])} and so on"
        )
    if len(set(chosen)) < 2:
        raise CoaggError(f"industries={industries!r}: a pair needs two of them")
    return chosen


def _keys(cells: pd.DataFrame, key: str | None) -> np.ndarray:
    words = [] if key is None else [np.full(len(cells), key, dtype=object)]
    words += [cells[name].astype(str).to_numpy(dtype=object) for name in cells]
    if not words:
        return np.full(len(cells), ALONE, dtype=object)
    made = words[0]
    for more in words[1:]:
        made = made + "/" + more
    return made


def _pile_up(firms: geopandas.GeoDataFrame) -> np.ndarray | None:
    if not isinstance(firms, geopandas.GeoDataFrame) or PILE_UP not in firms.columns:
        return None
    values = firms[PILE_UP]
    if not pd.api.types.is_bool_dtype(values) or values.isna().any():
        raise CoaggError(
            f"column {PILE_UP!r}, where there is one, says of each firm whether it stands on a "
            "fall-back point: make it True and False, or rename it"
        )
    return values.to_numpy(dtype=bool)


def _check_pile_ups(sites: Sites, reference: geopandas.GeoDataFrame | geopandas.GeoSeries) -> None:
    if (sites.pile_up is None) != (_pile_up(reference) is None):
        raise CoaggError(
            f"column {PILE_UP!r} stands in one of firms and reference only; give it in both, or in "
            "neither, and points are judged by their numbers"
        )


def _groups(
    sites: Sites, reference: geopandas.GeoDataFrame | geopandas.GeoSeries | None
) -> Iterator[tuple[tuple[object, ...], Sites]]:
    """Values of `by` and the rows of each cell, its other possible sites among them."""
    others = None if reference is None else _reference(sites, reference)
    code, order = pd.factorize(sites.key, sort=True)
    for number in range(len(order)):
        rows = np.flatnonzero(code == number)
        values = tuple(sites.by.iloc[rows[0]].tolist())
        own = sites.part(rows)
        if others is not None:
            there = others.part(np.flatnonzero(others.key == order[number]))
            own = _with_reference(own, there)
        yield values, own


def _reference(sites: Sites, reference: geopandas.GeoDataFrame | geopandas.GeoSeries) -> Sites:
    lon, lat = checks.degrees(reference, "reference")
    if sites.extra:
        raise AssertionError("columns of firms are not known of other sites")
    if len(sites.by.columns) and not isinstance(reference, geopandas.GeoDataFrame):
        raise CoaggError(
            f"reference: with by={list(sites.by.columns)} it is a GeoDataFrame with those columns"
        )
    by = checks.keys(pd.DataFrame(reference), sites.by.columns, "reference")
    return Sites(
        by, sites.lead, _keys(by, sites.lead), lon, lat, np.full(len(lon), ""),
        _pile_up(reference), {},
    )  # fmt: skip


def _with_reference(own: Sites, others: Sites) -> Sites:
    """Firms put onto the sites of the reference: one that stands on none adds its own."""
    firms = own.part(np.flatnonzero(own.industry != ""))
    free: dict[tuple[float, float], list[int]] = {}
    for row in range(len(others.lon) - 1, -1, -1):  # so that pop() gives the first
        free.setdefault((float(others.lon[row]), float(others.lat[row])), []).append(row)
    industry = others.industry.astype(object)
    added = []
    for row in range(len(firms.lon)):
        at = free.get((float(firms.lon[row]), float(firms.lat[row])))
        if at:
            industry[at.pop()] = firms.industry[row]
        else:
            added.append(row)
    more = firms.part(np.array(added, dtype=np.int64))
    both = [] if others.pile_up is None or more.pile_up is None else [others.pile_up, more.pile_up]
    return Sites(
        pd.concat([others.by, more.by]), own.lead, np.concatenate([others.key, more.key]),
        np.concatenate([others.lon, more.lon]), np.concatenate([others.lat, more.lat]),
        np.concatenate([industry.astype(str), more.industry]),
        np.concatenate(both) if both else None, {},
    )  # fmt: skip


def _cell(
    values: tuple[object, ...], sites: Sites, min_firms: int, pile_ups: str, degrees: bool
) -> FrameCell:
    key = str(sites.key[0])
    projected, projection = project_km(sites.lon, sites.lat)
    _check_reach(key, projection)
    flagged = np.zeros(len(sites.lon), dtype=bool)
    if pile_ups != "keep":
        flagged = _flagged(sites) if sites.pile_up is None else sites.pile_up
    points = FirmPoints(np.arange(len(flagged)), sites.lon, sites.lat, sites.industry, flagged)
    stays, projected = treat_pile_ups(points, projected, pile_ups, SPREAD_KM)
    industry = sites.industry[stays]
    return FrameCell(
        values,
        make_cell(
            key,
            projected[stays],
            industry,
            min_firms,
            np.column_stack((sites.lon, sites.lat))[stays] if degrees else None,
        ),
        projection,
        {name: values[stays] for name, values in sites.extra.items()},
        int((industry == "").sum()),
    )


def _flagged(sites: Sites) -> np.ndarray:
    """The rule of a load (sql/transforms/firms/50_pile_ups.sql), with the cell as the place."""
    from coagg.etl.firms.load import CleaningSettings  # only then is the loader needed

    rule = CleaningSettings()
    _, point, size = np.unique(
        np.column_stack((sites.lon, sites.lat)), axis=0, return_inverse=True, return_counts=True
    )
    large = (size >= rule.pile_up_min) & (size >= rule.pile_up_share * len(sites.lon))
    return large[point.ravel()]


def _check_reach(key: str, projection: ProjectionInfo) -> None:
    worst, radius = projection.worst_relative_error, projection.radius_km
    if worst > WORST_ERROR:
        raise CoaggError(
            f"cell {key}: firms lie up to {radius:,.0f} km from their middle, so distances in a "
            f"plane are wrong by up to {worst:.0%} (or they stand on both sides of longitude "
            "180); measure regions apart with by="
        )
    if worst > WARN_ERROR:
        warnings.warn(
            f"cell {key}: firms lie up to {radius:,.0f} km from their middle, so distances are "
            f"wrong by up to {worst:.2%}; by= measures regions apart",
            stacklevel=5,
        )
