"""Load an input-output table, and which industry belongs to which of its sectors.

Direct coefficients are flow over the user's total input, computed here and compared with the
published ones where these are given. One transaction: table, maps and ledger rows, or nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.errors import CoaggError
from coagg.etl import ledger
from coagg.etl.files import csv_tables
from coagg.etl.firms.industry_codes import INDUSTRY_DIGITS
from coagg.etl.input_output import grid as io_grid
from coagg.etl.input_output import sectors as io_sectors
from coagg.etl.reference import load as reference
from coagg.settings import Settings

KIND = "input-output"
MAP_KIND = "sector-map"
# Published tables balance to the rounding of their last digit; a wrong cell does not.
BALANCE_TOLERANCE = 1e-5  # of the sector's total input
EXACT = 1e-12
PRINTED = 6e-10  # half a unit of the ninth decimal, the printed precision, and its own rounding
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


@dataclass
class MapReport:
    """What loading a sector map tells."""

    file: str
    classification: str
    links: int
    industries: int
    split: list[str]
    doubtful: int
    unmapped: list[str]
    unchanged: bool = False


@dataclass
class TableReport:
    """What loading a table tells; `facts` is that of reference.io_table."""

    file: str
    io_table: str
    year: int
    unit: str
    sectors: int
    facts: dict[str, Any]
    unchanged: bool = False
    maps: list[MapReport] = field(default_factory=list)
    dropped_maps: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """A checked table: codes, names, total_input (n); flows and direct coefficients (n, n)."""

    codes: list[str]
    names: list[str]
    flows: np.ndarray
    coefficients: np.ndarray
    total_input: np.ndarray
    unit: str
    facts: dict[str, Any]


def load_input_output(
    settings: Settings,
    path: Path,
    *,
    table: str | None = None,
    year: int | None = None,
    sectors: Path | None = None,
    coefficients: Path | None = None,
    sector_maps: Sequence[Path] = (),
    classification: str | None = None,
    allow_unbalanced: bool = False,
    dry_run: bool = False,
) -> TableReport:
    """Load the table in `path` as `table` (cn2007, by its year, by default), and its sector maps.

    `sectors` is the csv of the sectors' totals, for a matrix without them (found beside a file
    named ..._Z.csv); `coefficients` a workbook or csv of published direct coefficients to agree
    with; `classification` that of the maps' industries where their files do not say it. A table
    already there under that name is replaced; the maps stay while the sectors are the same. With
    `dry_run` everything is done and nothing is kept.

    Raises CoaggError in one line when a file is faulty, the table does not balance (unless
    allowed), or the coefficients are not the published ones; the data base is then as it was.
    """
    year = year or _year_of(path)
    name = table or f"cn{year}"
    sectors = sectors or io_sectors.sectors_file_of(path)
    matrix = io_grid.read_matrix(path)
    key = ledger.settings_key(
        {
            "table": name,
            "year": year,
            "allow_unbalanced": allow_unbalanced,
            "files": _file_hashes({"sectors": sectors, "coefficients": coefficients}),
        }
    )
    with database.connect(settings) as connection:
        ledger.hold(connection, KIND)
        report = _unchanged(connection, name, matrix.sha256, key)
        if report is None:
            checked = check_table(
                path, matrix, sectors, coefficients, allow_unbalanced=allow_unbalanced
            )
            if not dry_run:
                ledger.keep_file(settings, path, matrix.sha256)
            report = _write_table(connection, path.name, name, year, checked)
            told = ledger.InputReport(
                KIND, name, path.name, "sector matrix", matrix.format, matrix.encoding,
                report.sectors, report.sectors, facts=report.facts,
            )  # fmt: skip
            ledger.record(connection, told, sha256=matrix.sha256, file_bytes=matrix.bytes, key=key)
        for file in sector_maps:
            kept = None if dry_run else settings
            report.maps.append(_load_map(kept, connection, file, name, classification))
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
    return report


def check_table(
    path: Path,
    matrix: io_grid.Matrix,
    sectors: Path | None,
    coefficients: Path | None,
    *,
    allow_unbalanced: bool = False,
) -> Table:
    """Total inputs, balance and direct coefficients of a matrix. Raises CoaggError, see above."""
    names, margins = matrix.names, dict(matrix.margins)
    if sectors is not None:
        names, more = io_sectors.read_sectors(sectors, matrix.codes)
        margins |= more
    total = margins.get("total_input")
    if total is None:
        raise CoaggError(
            f"{path}: states no total input of its sectors (a line TI); "
            "give a csv of code, name, total_input, value_added as --sectors"
        )
    if np.allclose(total, 1.0):
        raise CoaggError(
            f"{path}: holds coefficients, not flows: load the table of flows, and give this file "
            "as --coefficients"
        )
    idle = (total <= 0) & (matrix.values != 0).any(axis=0)
    if (total < 0).any() or idle.any():
        code = matrix.codes[int(np.argmax((total < 0) | idle))]
        raise CoaggError(f"{path}: total input of sector {code} is not positive; correct it")
    facts: dict[str, Any] = {"blank_cells": matrix.blanks}
    facts |= _balance(path, matrix, names, margins, allow_unbalanced=allow_unbalanced)
    direct = np.divide(
        matrix.values, total, out=np.zeros_like(matrix.values), where=total[None, :] > 0
    )
    if coefficients is not None:
        facts |= _agreement(coefficients, matrix.codes, direct)
    unit = matrix.unit or "as in the file"
    return Table(matrix.codes, names, matrix.values, direct, total, unit, facts)


def _balance(
    path: Path,
    matrix: io_grid.Matrix,
    names: list[str],
    margins: dict[str, np.ndarray],
    *,
    allow_unbalanced: bool,
) -> dict[str, Any]:
    """Largest relative imbalance of each identity that the margins allow to check."""
    total = margins["total_input"]
    used, supplied = matrix.values.sum(axis=0), matrix.values.sum(axis=1)
    checks = {}
    if "value_added" in margins:
        checks["intermediate inputs and value added"] = (used + margins["value_added"], total)
    if "intermediate_input" in margins:
        checks["intermediate inputs"] = (used, margins["intermediate_input"])
    if "intermediate_use" in margins:
        checks["intermediate uses"] = (supplied, margins["intermediate_use"])
    if "total_output" in margins:
        checks["total input, against total output,"] = (total, margins["total_output"])
    scale = np.where(total > 0, total, 1.0)
    told: dict[str, float] = {}
    off: set[str] = set()
    for what, (found, stated) in checks.items():
        gap = np.abs(found - stated) / scale
        worst = int(np.argmax(gap))
        told[what] = float(gap[worst])
        off |= {matrix.codes[i] for i in np.flatnonzero(gap > BALANCE_TOLERANCE)}
        if gap[worst] > BALANCE_TOLERANCE and not allow_unbalanced:
            raise CoaggError(
                f"{path}: does not balance: {what} of sector {matrix.codes[worst]} "
                f"{names[worst]} add to {found[worst]:,.6g} where the table says "
                f"{stated[worst]:,.6g}: correct it, or load it with --allow-unbalanced"
            )
    return {
        "largest_imbalance": told,
        "balance_checked": "value_added" in margins,
        "unbalanced_sectors": sorted(off),
    }


def _agreement(path: Path, codes: list[str], direct: np.ndarray) -> dict[str, Any]:
    published = io_grid.read_matrix(path)
    if published.codes != codes:
        raise CoaggError(f"{path}: its sectors are not those of the table; is it the same year's?")
    gap = np.abs(published.values - direct)
    i, j = np.unravel_index(int(np.argmax(gap)), gap.shape)
    worst = float(gap[i, j])
    if worst > PRINTED:
        raise CoaggError(
            f"{path}: the published coefficient of supplier {codes[i]} and user {codes[j]} is "
            f"{published.values[i, j]:.9g}, the flows give {direct[i, j]:.9g}: "
            "do the two files belong together?"
        )
    return {
        "published_coefficients": path.name,
        "published_sha256": published.sha256,
        "largest_difference": worst,
        "agrees_to": "1e-12" if worst <= EXACT else "nine printed decimals",
    }


def _year_of(path: Path) -> int:
    years = set(_YEAR.findall(path.name))
    if len(years) != 1:
        raise CoaggError(f"{path}: the year of the table is not in the file's name: state --year")
    return int(years.pop())


def _file_hashes(files: Mapping[str, Path | None]) -> dict[str, str]:
    return {
        name: hashlib.sha256(csv_tables.read_bytes(file)).hexdigest()
        for name, file in files.items()
        if file is not None
    }


def _unchanged(
    connection: psycopg.Connection, name: str, sha256: str, key: str
) -> TableReport | None:
    done = ledger.unchanged(connection, KIND, name, sha256, key)
    row = connection.execute(
        "SELECT year, unit, sectors, facts FROM reference.io_table WHERE io_table = %s", (name,)
    ).fetchone()
    if done is None or row is None:
        return None
    year, unit, sectors, facts = row
    return TableReport(done.file, name, year, unit, sectors, facts, unchanged=True)


def _write_table(
    connection: psycopg.Connection, file: str, name: str, year: int, checked: Table
) -> TableReport:
    """Replace the table; its sector maps stay when its sectors are the same, else they go."""
    held = connection.execute(
        "SELECT sector_code FROM reference.io_sector WHERE io_table = %s", (name,)
    ).fetchall()
    dropped: list[str] = []
    if {code for (code,) in held} != set(checked.codes):
        dropped = _drop_maps(connection, name)
        connection.execute("DELETE FROM reference.io_table WHERE io_table = %s", (name,))
    connection.execute("DELETE FROM reference.io_flow WHERE io_table = %s", (name,))
    connection.execute(
        "INSERT INTO reference.io_table (io_table, year, unit, sectors, facts) "
        "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (io_table) DO UPDATE SET year = excluded.year, "
        "unit = excluded.unit, sectors = excluded.sectors, facts = excluded.facts",
        (name, year, checked.unit, len(checked.codes), Jsonb(checked.facts)),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO reference.io_sector (io_table, sector_code, name, total_input) "
            "VALUES (%s, %s, %s, %s) ON CONFLICT (io_table, sector_code) DO UPDATE SET "
            "name = excluded.name, total_input = excluded.total_input",
            [
                (name, code, label, total)
                for code, label, total in zip(
                    checked.codes, checked.names, checked.total_input.tolist(), strict=True
                )
            ],
        )
        with cursor.copy(
            "COPY reference.io_flow (io_table, supplier, user_sector, flow, direct_coefficient) "
            "FROM STDIN"
        ) as copy:
            for i, supplier in enumerate(checked.codes):
                for j, user in enumerate(checked.codes):
                    flow, direct = float(checked.flows[i, j]), float(checked.coefficients[i, j])
                    copy.write_row((name, supplier, user, flow, direct))
    return TableReport(
        file, name, year, checked.unit, len(checked.codes), checked.facts, dropped_maps=dropped
    )


def _drop_maps(connection: psycopg.Connection, name: str) -> list[str]:
    """Maps of a table whose sectors change: taken out of the ledger too; returns their names."""
    return [
        classification
        for (classification,) in connection.execute(
            "UPDATE ops.input_load SET superseded_at = now() WHERE kind = %s AND dataset IN "
            "(SELECT io_table || ' ' || classification FROM reference.io_sector_industry "
            "WHERE io_table = %s) AND superseded_at IS NULL RETURNING split_part(dataset, ' ', 2)",
            (MAP_KIND, name),
        ).fetchall()
    ]


def _load_map(
    settings: Settings | None,
    connection: psycopg.Connection,
    path: Path,
    name: str,
    classification: str | None,
) -> MapReport:
    sectors: dict[str, str] = dict(
        connection.execute(
            "SELECT sector_code, name FROM reference.io_sector WHERE io_table = %s "
            "ORDER BY sector_code",
            (name,),
        ).fetchall()
    )
    industries = {
        known: {code for code in codes if len(code) == INDUSTRY_DIGITS}
        for known, codes in reference.code_sets(connection).items()
    }
    read = io_sectors.read_sector_map(path, classification, sectors, industries)
    links = read.links
    data = csv_tables.read_bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    dataset = f"{name} {read.classification}"
    key = ledger.settings_key({"table": name, "classification": read.classification})
    report = MapReport(
        file=path.name,
        classification=read.classification,
        links=len(links),
        industries=links["industry"].nunique(),
        split=read.split,
        doubtful=int(links["doubtful"].sum()),
        unmapped=read.unmapped,
    )
    if ledger.unchanged(connection, MAP_KIND, dataset, sha256, key) is not None:
        report.unchanged = True
        return report
    connection.execute(
        "DELETE FROM reference.io_sector_industry WHERE io_table = %s AND classification = %s",
        (name, read.classification),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO reference.io_sector_industry (io_table, classification, industry, "
            "sector_code, weight, doubtful, basis) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                (name, read.classification, *row)
                for row in links.astype(object).itertuples(index=False, name=None)
            ],
        )
    if settings is not None:
        ledger.keep_file(settings, path, sha256)
    told = ledger.InputReport(
        MAP_KIND, dataset, path.name, "sector map", "csv", "utf-8", len(links), len(links),
        flags={"doubtful": report.doubtful},
        facts={"sectors_without_industries": read.unmapped, "split_industries": read.split},
    )  # fmt: skip
    ledger.record(connection, told, sha256=sha256, file_bytes=len(data), key=key)
    return report
