"""The panel as it is estimated from: cells as a frame, pairs as a Parquet file.

Pairs are read once, year by year, from PostGIS through ADBC (`panel_pairs`) and written to Parquet
in row groups, so memory does not grow with the panel. The file's name holds a hash of the ledger
panel.build, so a panel that was built again is read again. Cells are few and are read each time.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import adbc_driver_postgresql.dbapi as adbc
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from coagg import database, writing
from coagg.analysis.estimation.pair_rows import CHUNK
from coagg.analysis.panel import read_pairs as panel_pairs
from coagg.analysis.panel.variables import CELL_COLUMNS, CELL_KEYS, PAIR_KEYS
from coagg.errors import CoaggError, remedy
from coagg.settings import Settings

TEXT_KEYS = ("agglomeration_code", "from_industry", "to_industry")
_FILE = re.compile(r"(pairs-.+-)[^-]+-\d+-[0-9a-f]+\.parquet")
FORMAT = "4"  # raise when the columns of the file change

CELLS = sql.SQL(
    "SELECT {} FROM panel.industry_cell WHERE measurement_id = %s AND country = %s "
    "AND survey_year = ANY(%s) ORDER BY survey_year, agglomeration_code, industry"
).format(sql.SQL(", ").join(map(sql.Identifier, (*CELL_KEYS, *CELL_COLUMNS))))
BUILDS = """
SELECT survey_year, input_sha256, built_at::text FROM panel.build
WHERE measurement_id = %s AND country = %s ORDER BY survey_year
"""


def cell_frame(
    connection: psycopg.Connection,
    measurement_id: int,
    country: str,
    survey_years: Sequence[int] = (),
) -> pd.DataFrame:
    """All cells: keys and columns of panel.industry_cell, ordered by year, agglomeration, industry.

    Missing numbers are NaN; `survey_years` keeps only these. Raises CoaggError when the panel was
    not built.
    """
    years = [b[0] for b in _builds(connection, measurement_id, country, survey_years)]
    cursor = connection.cursor(binary=True)  # text would take twice the time
    rows = cursor.execute(CELLS, (measurement_id, country, years)).fetchall()
    frame = pd.DataFrame(rows, columns=[*CELL_KEYS, *CELL_COLUMNS])
    return frame.astype(dict.fromkeys(CELL_COLUMNS, "float64"))


def pair_parquet(
    settings: Settings, measurement_id: int, country: str, survey_years: Sequence[int] = ()
) -> Path:
    """The Parquet file of all ordered pairs, made when there is none of the panel as it is now.

    `survey_years` keeps only these.

    Columns: the keys and numbers of panel.industry_pair without measurement and country, ordered
    by year, agglomeration, j, k. Raises CoaggError when the panel was not built.
    """
    folder = settings.cache_dir
    # the data base's name keeps the demo's panel apart from the real one's
    stem = f"{_stem(database.database_name(settings))}{country}-{measurement_id}-"
    with database.connect(settings) as connection:
        builds = _builds(connection, measurement_id, country, survey_years)
    place = folder / f"{stem}{_key(builds)}.parquet"
    if not place.exists():
        try:
            writing.private_folder(folder)
            _remove_stale(settings, folder)
            with writing.aside(place) as part:
                _write(settings, measurement_id, country, [int(b[0]) for b in builds], part)
                with database.connect(settings) as connection:
                    if _builds(connection, measurement_id, country, survey_years) != builds:
                        raise CoaggError(
                            f"the panel of measurement {measurement_id} was built again while it "
                            "was being read: call again"
                        )
                for old in folder.glob(f"{glob.escape(stem)}*.parquet"):
                    old.unlink(missing_ok=True)
        except OSError as fault:
            raise CoaggError(
                f"{folder} cannot be written: {fault.strerror or fault}; {remedy(fault)}"
            ) from None
    os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))  # in use
    return place


def _stem(name: str) -> str:
    return f"pairs-{quote(name, safe='')}-"  # a data base's name may hold a slash


def _remove_stale(settings: Settings, folder: Path) -> None:
    """Remove files of data bases that are gone, and of panels that are.

    Of other data bases only those that nobody used for a day: they may be on another server.
    """
    with database.connect(settings) as connection:
        names = connection.execute("SELECT datname FROM pg_database").fetchall()
        panels = connection.execute("SELECT DISTINCT country, measurement_id FROM panel.build")
        living = tuple(_stem(name) for (name,) in names)
        own = _stem(database.database_name(settings))
        kept = tuple(f"{own}{country}-{number}-" for country, number in panels)
    for file in folder.glob("pairs-*.parquet"):
        found = _FILE.fullmatch(file.name)
        stem = found[1] if found else ""
        if stem == own:
            gone = not file.name.startswith(kept)
        else:
            unused = time.time() - max(file.stat().st_atime, file.stat().st_mtime)
            gone = stem not in living and unused > writing.ABANDONED_SECONDS
        if gone:
            file.unlink(missing_ok=True)


def pair_table(
    settings: Settings, measurement_id: int, country: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """Ordered pairs in memory, all columns or those asked for; text keys dictionary-encoded."""
    place = pair_parquet(settings, measurement_id, country)
    asked = None if columns is None else list(columns)
    return pq.read_table(place, columns=asked, read_dictionary=list(TEXT_KEYS), memory_map=True)


def built_from(
    connection: psycopg.Connection,
    measurement_id: int,
    country: str,
    survey_years: Sequence[int] = (),
) -> list[tuple[int, str]]:
    """Survey years of the panel, all or these, and the hash of what each was made from."""
    builds = _builds(connection, measurement_id, country, survey_years)
    return [(year, sha256) for year, sha256, _ in builds]


def _builds(
    connection: psycopg.Connection,
    measurement_id: int,
    country: str,
    survey_years: Sequence[int] = (),
) -> list[tuple[int, str, str]]:
    builds = connection.execute(BUILDS, (measurement_id, country)).fetchall()
    if not builds:
        raise CoaggError(
            f"measurement {measurement_id} has no panel of {country}: "
            f"coagg panel --measurement {measurement_id} --country {country}"
        )
    kept = [build for build in builds if not survey_years or build[0] in survey_years]
    if not kept:
        raise CoaggError(
            f"measurement {measurement_id} has no panel of {', '.join(map(str, survey_years))}, "
            f"only of {', '.join(str(build[0]) for build in builds)}"
        )
    return kept


def _key(builds: list[tuple[int, str, str]]) -> str:
    return hashlib.sha256(repr((FORMAT, panel_pairs.QUERY, builds)).encode()).hexdigest()[:16]


def _write(
    settings: Settings, measurement_id: int, country: str, years: list[int], place: Path
) -> None:
    """Row groups are as long as the pieces of an estimation, so that each is read once."""
    left: pa.Table | None = None
    writer: pq.ParquetWriter | None = None
    with adbc.connect(database.conninfo(settings)) as connection, connection.cursor() as cursor:
        for year in years:
            table = panel_pairs.year_pairs(cursor, measurement_id, country, year)
            if left is not None:
                table = pa.concat_tables([left, table]).unify_dictionaries()
            if writer is None:
                # numbers hardly repeat: a dictionary of them is slower to write and to read
                writer = pq.ParquetWriter(
                    place,
                    table.schema,
                    compression="lz4",
                    use_dictionary=list(PAIR_KEYS),
                    write_statistics=False,
                )
            whole = len(table) - len(table) % CHUNK
            writer.write_table(table.slice(0, whole), row_group_size=CHUNK)
            left = table.slice(whole)
    if writer is not None and left is not None:
        writer.write_table(left)
        writer.close()
