"""Firm points of a cell (urban agglomeration x survey year), read from PostGIS as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg

from coagg.analysis.cells import OWN
from coagg.errors import CoaggError

PILE_UPS = ("keep", "drop", "spread")
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))

# as one row of arrays, which costs next to nothing to read
CELL = """
SELECT
    array_agg(row_number),
    array_agg(lon),
    array_agg(lat),
    string_agg(industry, ''),
    array_agg(pile_up)
FROM (
    SELECT
        row_number, lon, lat, rpad(coalesce(industry, ''), 3) AS industry,
        pile_up::integer AS pile_up
    FROM clean.cell_firm
    WHERE country = %s AND survey_year = %s AND agglomeration_code = %s AND classification = %s
    ORDER BY row_number
) AS cell
"""

AGGLOMERATIONS = """
SELECT agglomeration_code, count(*) FROM clean.cell_firm
WHERE country = %s AND survey_year = %s AND classification = 'own'
    AND agglomeration_code IS NOT NULL
GROUP BY agglomeration_code ORDER BY agglomeration_code
"""


@dataclass(frozen=True)
class FirmPoints:
    """All located firms of a cell, ordered by row number.

    lon, lat: (N,) WGS-84 degrees; industry: (N,) three-digit codes, '' where unknown;
    pile_up: (N,) bool, True on a likely fall-back point.
    """

    row_number: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    industry: np.ndarray
    pile_up: np.ndarray

    def sha256(self) -> str:
        """Hash over everything the index depends on, in order.

        Not over row numbers: a row that is gone from a file moves those of all cells after it.
        """
        digest = hashlib.sha256()
        for part in (self.lon, self.lat, self.pile_up):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update("\n".join(self.industry.tolist()).encode())
        return digest.hexdigest()


def agglomerations(
    connection: psycopg.Connection, country: str, survey_year: int
) -> dict[str, int]:
    """Agglomerations with firms in the year, and how many.

    Raises CoaggError when the year holds no firms at all or none inside an agglomeration.
    """
    found: dict[str, int] = dict(
        connection.execute(AGGLOMERATIONS, (country, survey_year)).fetchall()
    )
    if not found:
        years = [
            str(year)
            for (year,) in connection.execute(
                "SELECT survey_year FROM ops.load WHERE country = %s AND superseded_at IS NULL "
                "ORDER BY survey_year",
                (country,),
            ).fetchall()
        ]
        raise CoaggError(
            f"no firms of {country} {survey_year} inside an urban agglomeration; years loaded: "
            f"{', '.join(years) or 'none'} (coagg load firms FILE --survey-year {survey_year})"
        )
    return found


def chosen_agglomerations(
    connection: psycopg.Connection, country: str, survey_year: int, asked: Sequence[str]
) -> list[str]:
    """The agglomerations asked for, each once, or all with firms in the year where none is.

    Raises CoaggError for one that has none, naming those that have.
    """
    there = agglomerations(connection, country, survey_year)
    unknown = [code for code in asked if code not in there]
    if unknown:
        raise CoaggError(
            f"agglomeration {', '.join(unknown)}: not one with firms in {country} "
            f"{survey_year}; those are {', '.join(there)}"
        )
    return list(dict.fromkeys(asked or there))


def check_classification(connection: psycopg.Connection, classification: str) -> None:
    """Raises CoaggError for a classification that is not loaded, naming those that are."""
    known = [
        name
        for (name,) in connection.execute(
            "SELECT DISTINCT classification FROM reference.industry ORDER BY 1"
        )
    ]
    if classification not in known:
        raise CoaggError(
            f"classification {classification!r}: not one that is loaded; those are "
            f"{', '.join(known) or 'none (coagg db upgrade)'}"
        )


def read_points(
    connection: psycopg.Connection,
    country: str,
    survey_year: int,
    agglomeration_code: str,
    classification: str | None = None,
) -> FirmPoints:
    """Points of one cell, with industries in a classification (None: the year's own).

    Firms whose code has no translation have industry ''. Raises CoaggError for a cell without
    firms.
    """
    with connection.cursor(binary=True) as cursor:
        for loader in (_Float8Array, _Int4Array):
            loader.register(cursor)
        key = (country, survey_year, agglomeration_code, classification or OWN)
        row = cursor.execute(CELL, key).fetchone()
    if row is None or row[0] is None:
        raise CoaggError(
            f"no firms of {country} {survey_year} in agglomeration {agglomeration_code}"
        )
    industry = np.char.rstrip(np.frombuffer(row[3].encode("ascii"), dtype="S3").astype("U3"))
    return FirmPoints(row[0], row[1], row[2], industry, row[4].astype(bool))


def staying(points: FirmPoints, pile_ups: str) -> np.ndarray:
    """Which firms stay under the pile-up setting, (N,) bool.

    Raises CoaggError for a setting that there is not.
    """
    if pile_ups not in PILE_UPS:
        raise CoaggError(f"pile-ups {pile_ups!r}: say one of {', '.join(PILE_UPS)}")
    return ~points.pile_up if pile_ups == "drop" else np.ones(len(points.lon), dtype=bool)


def treat_pile_ups(
    points: FirmPoints, points_km: np.ndarray, pile_ups: str, spread_km: float
) -> tuple[np.ndarray, np.ndarray]:
    """Apply the pile-up setting: which firms stay (N,) bool, and the points (N, 2) in km.

    keep: as they are. drop: flagged firms leave. spread: the firms of a pile are laid out on a
    sunflower spiral of radius `spread_km` about it, in row order: even, and the same every time.
    """
    stays = staying(points, pile_ups)
    if pile_ups != "spread" or not points.pile_up.any():
        return stays, points_km
    moved = points_km.copy()
    flagged = np.flatnonzero(points.pile_up)
    _, pile = np.unique(points_km[flagged], axis=0, return_inverse=True)
    pile = pile.ravel()
    for number in range(pile.max() + 1):
        members = flagged[pile == number]
        rank = np.arange(len(members))
        radius = spread_km * np.sqrt((rank + 0.5) / len(members))
        angle = rank * GOLDEN_ANGLE
        moved[members] += np.column_stack((radius * np.cos(angle), radius * np.sin(angle)))
    return stays, moved


class _ArrayLoader(psycopg.adapt.Loader):
    """Binary one-dimensional array without nulls, straight to numpy."""

    format = psycopg.pq.Format.BINARY
    type_name = ""
    record: np.dtype
    header = 20  # dimensions, null flag, element type, length, lower bound: 4 bytes each

    def load(self, data: psycopg.abc.Buffer) -> np.ndarray:
        values = np.frombuffer(data, dtype=self.record, offset=self.header)["value"]
        return values.astype(values.dtype.newbyteorder("="))

    @classmethod
    def register(cls, cursor: psycopg.Cursor) -> None:
        info = psycopg.adapters.types[cls.type_name]
        cursor.adapters.register_loader(info.array_oid, cls)


class _Float8Array(_ArrayLoader):
    type_name = "float8"
    record = np.dtype([("length", ">i4"), ("value", ">f8")])


class _Int4Array(_ArrayLoader):
    type_name = "int4"
    record = np.dtype([("length", ">i4"), ("value", ">i4")])
