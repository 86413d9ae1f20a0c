"""The panel that tables are estimated from, and what an estimate is made from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from importlib.metadata import version

import psycopg

from coagg.analysis.panel import read as panel_data
from coagg.analysis.panel.variables import CELL_COLUMNS
from coagg.analysis.tables import ESTIMATE_CODE
from coagg.analysis.tables.columns import Around, Positions
from coagg.analysis.tables.descriptives import described_names
from coagg.analysis.tables.level import Cells, Level, Pairs
from coagg.analysis.tables.options import Options
from coagg.analysis.tables.permutation import AMOUNTS, Network
from coagg.analysis.tables.specification import Table
from coagg.database.fingerprint import Fingerprint, fingerprint
from coagg.errors import CoaggError
from coagg.settings import Settings


class Panel:
    """The panel of a measurement in one reading of direction, each level read when wanted."""

    def __init__(
        self, settings: Settings, connection: psycopg.Connection, measurement_id: int,
        country: str, transposed: bool, survey_years: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self._settings, self._connection = settings, connection
        self.measurement_id, self._country = measurement_id, country
        self._transposed, self.survey_years = transposed, tuple(survey_years)
        self.around = Around(self._positions, lambda: self._network)

    @cached_property
    def cells(self) -> Cells:
        """Level of cells."""
        frame = panel_data.cell_frame(
            self._connection, self.measurement_id, self._country, self.survey_years
        )
        self._connection.commit()
        if frame.empty:
            raise CoaggError(
                f"the panel has no cell of {self._country}, measurement {self.measurement_id}: "
                "coagg panel"
            )
        return Cells(frame, self._transposed)

    @cached_property
    def pairs(self) -> Pairs:
        """Level of pairs."""
        file = panel_data.pair_parquet(
            self._settings, self.measurement_id, self._country, self.survey_years
        )
        return Pairs(file, self.cells)

    @cached_property
    def _network(self) -> Network:
        return Network(self.pairs)

    def _positions(self) -> Positions:
        rows = self._connection.execute(
            "SELECT agglomeration_code, ST_X(centre), ST_Y(centre) FROM (SELECT "
            "agglomeration_code, ST_Centroid(geom) AS centre FROM reference.agglomeration "
            "WHERE country = %s) AS a",
            (self._country,),
        ).fetchall()
        self._connection.commit()
        return {code: (x, y) for code, x, y in rows}

    def level(self, name: str) -> Level:
        """A level by name."""
        return self.pairs if name == "pair" else self.cells

    def built_from(self) -> list[tuple[int, str]]:
        """Years of the panel and what each was made from: what the pairs are."""
        return panel_data.built_from(
            self._connection, self.measurement_id, self._country, self.survey_years
        )


def inputs(panel: Panel, table: Table, options: Options) -> Fingerprint:
    """What the numbers of a table, as respecified by the options, are made from.

    Cells count by the columns that are used; pairs, which are many, by what they were built from.
    """
    needs = _needs(table, options)
    of_cells = set(CELL_COLUMNS) if "pair" in needs else needs.get("cell", set())
    parts: dict[str, object] = {"cells": panel.cells.sha256(of_cells)}
    if "pair" in needs:
        parts["pairs"] = panel.built_from()
    if options.conley is not None:
        parts["positions"] = panel.around.positions()
    parts |= {
        "specification": table.as_json(),
        "options": options.as_json(),
        "code": ESTIMATE_CODE,
        "pyfixest": _pyfixest(),
    }
    return fingerprint(parts)


@cache
def _pyfixest() -> str:
    return version("pyfixest")


def _needs(table: Table, options: Options) -> dict[str, set[str]]:
    """Variables that a table rests on, by level."""
    needs: dict[str, set[str]] = {}
    keys = set((Pairs if table.level == "pair" else Cells).keys)
    for column in table.columns:
        conditions = (*column.sample, *options.conditions(table.level))
        used = {c.column for c in conditions} - keys
        needs.setdefault(table.level, set()).update(column.variables, used)
    if table.columns and options.randomisation:
        needs.setdefault("pair", set())
        needs.setdefault("cell", set()).update(AMOUNTS.values())
    for described in table.describes:
        needs.setdefault(described.level, set()).update(described_names(described))
    return needs
