"""A cell (urban agglomeration x survey year) as the index and the comparison indices see it.

The only way from `clean.cell_firm` to arrays: which firms stay, where they stand in kilometres,
and which industries enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import psycopg

from coagg.analysis.cells import OWN
from coagg.analysis.cells.make import entering
from coagg.analysis.cells.points import FirmPoints, read_points, staying, treat_pile_ups
from coagg.analysis.cells.projection import project_km

# Missing or negative employment is no weight; greatest() passes over nulls.
WEIGHTS = """
SELECT greatest(employment, 0), prefecture_code FROM clean.cell_firm
WHERE country = %s AND survey_year = %s AND agglomeration_code = %s AND classification = 'own'
ORDER BY row_number
"""

TOTALS = """
SELECT agglomeration_code, industry, count(*), sum(greatest(employment, 0))
FROM clean.cell_firm
WHERE country = %s AND survey_year = %s AND classification = %s
    AND agglomeration_code IS NOT NULL AND industry IS NOT NULL AND NOT (%s AND pile_up)
GROUP BY agglomeration_code, industry ORDER BY agglomeration_code, industry
"""


@dataclass(frozen=True)
class CellRules:
    """Settings of a measurement that say which firms of a cell count, and where.

    `classification` None: each year's own. `spread_km` is used by `pile_ups` spread alone.
    """

    min_firms: int = 1
    pile_ups: str = "keep"
    spread_km: float = 1.0
    classification: str | None = None


@dataclass(frozen=True)
class CellFirms:
    """A cell: `firms` as read (N of them); the rest is of the M that stay, in the same order.

    stays: (N,) bool. industries: codes of those with `min_firms` firms or more, sorted. position:
    (M,) int32 place in `industries`, -1 for none that enters.
    """

    firms: FirmPoints
    rules: CellRules
    stays: np.ndarray
    industries: tuple[str, ...]
    position: np.ndarray

    @cached_property
    def points_km(self) -> np.ndarray:
        """(M, 2) kilometres; projected when asked for, which an unchanged cell is not."""
        projected, _ = project_km(self.firms.lon, self.firms.lat)
        rules = self.rules
        stays, projected = treat_pile_ups(self.firms, projected, rules.pile_ups, rules.spread_km)
        return np.ascontiguousarray(projected[stays])


def read_cell(
    connection: psycopg.Connection,
    country: str,
    survey_year: int,
    agglomeration_code: str,
    rules: CellRules,
) -> CellFirms:
    """Read a cell under the rules of a measurement. Raises CoaggError for a cell without firms."""
    firms = read_points(connection, country, survey_year, agglomeration_code, rules.classification)
    stays = staying(firms, rules.pile_ups)
    industries, position = entering(firms.industry[stays], rules.min_firms)
    return CellFirms(firms, rules, stays, industries, position)


def read_weights(
    connection: psycopg.Connection, country: str, survey_year: int, agglomeration_code: str
) -> tuple[np.ndarray, np.ndarray]:
    """Persons employed (N,), 0 where missing, and prefecture codes (N,), as in `read_cell`."""
    rows = connection.execute(WEIGHTS, (country, survey_year, agglomeration_code)).fetchall()
    persons = np.array([employed for employed, _ in rows], dtype=float)
    return persons, np.array([code for _, code in rows])


def read_totals(
    connection: psycopg.Connection, country: str, survey_year: int, rules: CellRules
) -> list[tuple[str, str, int, float]]:
    """Firms and persons employed of each agglomeration and industry of the year."""
    return connection.execute(
        TOTALS,
        (country, survey_year, rules.classification or OWN, rules.pile_ups == "drop"),
    ).fetchall()
