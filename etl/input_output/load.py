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
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.database.fingerprint import Fingerprint, fingerprint
from coagg.errors import CoaggError
from coagg.etl import ledger
from coagg.etl.files import FILE_READER_CODE, csv_tables
from coagg.etl.firms.industry_codes import INDUSTRY_DIGITS
from coagg.etl.input_output import INPUT_OUTPUT_CODE
from coagg.etl.input_output import grid as io_grid
from coagg.etl.input_output import long as io_long
from coagg.etl.input_output import sectors as io_sectors
from coagg.etl.input_output.check import Table, check_table
from coagg.etl.reference import held
from coagg.settings import Settings

KIND = "input-output"
MAP_KIND = "sector-map"
RULE_PARTS: dict[str, object] = {"reader": [FILE_READER_CODE, INPUT_OUTPUT_CODE]}
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
    where: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> TableReport:
    """Load the table in `path` as `table`, and its sector maps.

    By default a grid is called by its year, cn2007, a table in long form by its file.

    `sectors` is the csv of the sectors' totals, for a matrix without them (found beside a file
    named ..._Z.csv); `coefficients` a workbook or csv of published direct coefficients to agree
    with; `where` picks the rows of a table in long form, by the value of a column;
    `classification` that of the maps' industries where their files do not say it. A table
    already there under that name is replaced; the maps stay while the sectors are the same. With
    `dry_run` everything is done and nothing is kept.

    Raises CoaggError in one line when a file is faulty, the table does not balance (unless
    allowed), or the coefficients are not the published ones; the data base is then as it was.
    """
    opened = _open(path, table, year, sectors, coefficients, allow_unbalanced, where)
    name, year, sectors, matrix, made_from = opened
    with database.connect(settings) as connection:
        ledger.hold(connection, KIND)
        if ledger.why_of(connection, KIND, name, made_from) is None:
            report = _standing(connection, name)
        else:
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
            ledger.record(
                connection,
                told,
                sha256=matrix.sha256,
                file_bytes=matrix.bytes,
                made_from=made_from,
            )
        for file in sector_maps:
            kept = None if dry_run else settings
            report.maps.append(_load_map(kept, connection, file, name, classification))
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
    return report


class _Opened(NamedTuple):
    """A table with its name, year and file of sectors settled, and what a load is made from."""

    name: str
    year: int
    sectors: Path | None
    matrix: io_grid.Matrix
    made_from: Fingerprint


def _open(
    path: Path,
    table: str | None,
    year: int | None,
    sectors: Path | None,
    coefficients: Path | None,
    allow_unbalanced: bool,
    where: Mapping[str, str] | None = None,
) -> _Opened:
    sectors = sectors or io_sectors.sectors_file_of(path)
    matrix = io_long.read_long(path, year or _year_in_name(path), where or {})
    year = year or _year_of(path)
    if matrix is None:
        if where:
            raise CoaggError(
                f"{path}: has no columns of supplier, user and flow: --where is for such tables"
            )
        matrix = io_grid.read_matrix(path)
    made_from = fingerprint(
        {
            "file": matrix.sha256,
            "other files": _file_hashes({"sectors": sectors, "coefficients": coefficients}),
            "settings": [year, allow_unbalanced, *sorted((where or {}).items())],
            **RULE_PARTS,
        }
    )
    # a table in long form is one of several of its file, of any country
    name = table or (f"cn{year}" if matrix.form == "grid" else path.name.partition(".")[0])
    return _Opened(name, year, sectors, matrix, made_from)


def why_load(
    connection: psycopg.Connection,
    path: Path,
    *,
    table: str | None = None,
    year: int | None = None,
    sectors: Path | None = None,
    coefficients: Path | None = None,
    sector_maps: Sequence[Path] = (),
    classification: str | None = None,
    allow_unbalanced: bool = False,
    where: Mapping[str, str] | None = None,
) -> str | None:
    """Why `load_input_output` would load the table or a map; None when all is unchanged.

    Arguments and errors are those of `load_input_output`; nothing is written.
    """
    opened = _open(path, table, year, sectors, coefficients, allow_unbalanced, where)
    said = ledger.why_of(connection, KIND, opened.name, opened.made_from)
    for file in sector_maps:
        if said:
            return said
        read = _open_map(connection, file, opened.name, classification)
        said = ledger.why_of(connection, MAP_KIND, read.dataset, read.made_from)
    return said


def _year_of(path: Path) -> int:
    year = _year_in_name(path)
    if year is None:
        raise CoaggError(f"{path}: the year of the table is not in the file's name: state --year")
    return year


def _year_in_name(path: Path) -> int | None:
    years = set(_YEAR.findall(path.name))
    return int(years.pop()) if len(years) == 1 else None


def _file_hashes(files: Mapping[str, Path | None]) -> dict[str, str]:
    return {
        name: hashlib.sha256(csv_tables.read_bytes(file)).hexdigest()
        for name, file in files.items()
        if file is not None
    }


def _standing(connection: psycopg.Connection, name: str) -> TableReport:
    """The report of the table that stands."""
    done = ledger.standing(connection, KIND, name)
    row = connection.execute(
        "SELECT year, unit, sectors, facts FROM reference.io_table WHERE io_table = %s", (name,)
    ).fetchone()
    assert row is not None
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


class _OpenedMap(NamedTuple):
    """A sector map as read, the dataset it is loaded as, and what a load of it is made from."""

    read: io_sectors.SectorMap
    dataset: str
    data: bytes
    made_from: Fingerprint


def _open_map(
    connection: psycopg.Connection, path: Path, name: str, classification: str | None
) -> _OpenedMap:
    sectors: dict[str, str] = dict(
        connection.execute(
            "SELECT sector_code, name FROM reference.io_sector WHERE io_table = %s "
            "ORDER BY sector_code",
            (name,),
        ).fetchall()
    )
    industries = {
        known: {code for code in codes if len(code) == INDUSTRY_DIGITS}
        for known, codes in held.code_sets(connection).items()
    }
    read = io_sectors.read_sector_map(path, classification, sectors, industries)
    data = csv_tables.read_bytes(path)
    made_from = fingerprint(
        {
            "file": hashlib.sha256(data).hexdigest(),
            "sectors": sectors,
            "industry codes": industries.get(read.classification),
            **RULE_PARTS,
        }
    )
    return _OpenedMap(read, f"{name} {read.classification}", data, made_from)


def _load_map(
    settings: Settings | None,
    connection: psycopg.Connection,
    path: Path,
    name: str,
    classification: str | None,
) -> MapReport:
    read, dataset, data, made_from = _open_map(connection, path, name, classification)
    links = read.links
    report = MapReport(
        file=path.name,
        classification=read.classification,
        links=len(links),
        industries=links["industry"].nunique(),
        split=read.split,
        doubtful=int(links["doubtful"].sum()),
        unmapped=read.unmapped,
    )
    if ledger.why_of(connection, MAP_KIND, dataset, made_from) is None:
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
    sha256 = hashlib.sha256(data).hexdigest()
    if settings is not None:
        ledger.keep_file(settings, path, sha256)
    told = ledger.InputReport(
        MAP_KIND, dataset, path.name, "sector map", "csv", "utf-8", len(links), len(links),
        flags={"doubtful": report.doubtful},
        facts={"sectors_without_industries": read.unmapped, "split_industries": read.split},
    )  # fmt: skip
    ledger.record(connection, told, sha256=sha256, file_bytes=len(data), made_from=made_from)
    return report
