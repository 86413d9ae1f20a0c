"""The panel as arrays for estimation: cells as a frame, pairs as Arrow through a Parquet cache.

Pairs are read once, year by year, from PostGIS through ADBC and written to Parquet in batches, so
memory does not grow with the panel; the file's name holds a hash of the ledger panel.build, so a
panel that was built again is read again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from coagg import database
from coagg.errors import CoaggError
from coagg.settings import Settings

KEYS = ("agglomeration_code", "from_industry", "to_industry")
FORMAT = "1"  # raise when the columns below change

CELLS = """
SELECT * FROM panel.industry_cell WHERE measurement_id = %s AND country = %s
ORDER BY survey_year, agglomeration_code, industry
"""
BUILDS = """
SELECT survey_year, input_sha256, built_at::text FROM panel.build
WHERE measurement_id = %s AND country = %s ORDER BY survey_year
"""
PAIRS = """
SELECT p.survey_year, p.agglomeration_code, p.from_industry, p.to_industry, p.index, p.index_back,
    p.phi_90, p.phi_95, p.phi_99, p.phi_back_90, p.phi_back_95, p.phi_back_99,
    p.uk_index, p.uk_index_back, p.uk_phi, p.uk_phi_back, p.citations, p.citations_back,
    p.io, p.io_back, p.tech, p.tech_back, p.same_division,
    j.innovation_scale AS innovation_scale_j, j.innovation_quality AS innovation_quality_j,
    k.innovation_scale AS innovation_scale_k, k.innovation_quality AS innovation_quality_k,
    j.location_quotient AS location_quotient_j, j.output_thousand_cny AS output_j,
    j.employment AS employment_j
FROM panel.industry_pair AS p
JOIN panel.industry_cell AS j
    ON j.measurement_id = p.measurement_id AND j.country = p.country
    AND j.survey_year = p.survey_year AND j.agglomeration_code = p.agglomeration_code
    AND j.industry = p.from_industry
JOIN panel.industry_cell AS k
    ON k.measurement_id = p.measurement_id AND k.country = p.country
    AND k.survey_year = p.survey_year AND k.agglomeration_code = p.agglomeration_code
    AND k.industry = p.to_industry
WHERE p.measurement_id = $1 AND p.country = $2 AND p.survey_year = $3
ORDER BY p.agglomeration_code, p.from_industry, p.to_industry
"""


def cell_frame(connection: psycopg.Connection, measurement_id: int, country: str) -> pd.DataFrame:
    """All cells, columns of panel.industry_cell, ordered by year, agglomeration, industry.

    Missing numbers are NaN. Raises CoaggError when the panel was not built.
    """
    _builds(connection, measurement_id, country)
    cursor = connection.execute(CELLS, (measurement_id, country))
    columns = [column.name for column in cursor.description or ()]
    frame = pd.DataFrame(cursor.fetchall(), columns=columns)
    numbers = [name for name in columns if name not in ("country", *KEYS, "industry")]
    return frame.astype({name: "float64" for name in numbers if frame[name].dtype == object})


def pair_parquet(settings: Settings, measurement_id: int, country: str) -> Path:
    """The Parquet file of all ordered pairs, made when there is none of the panel as it is now."""
    folder = settings.data_dir / "cache"
    # the data base's name keeps the demo's panel apart from the real one's
    stem = f"pairs-{database.database_name(settings)}-{country}-{measurement_id}-"
    with database.connect(settings) as connection:
        builds = _builds(connection, measurement_id, country)
    place = folder / f"{stem}{_key(builds)}.parquet"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
        os.close(handle)
        try:
            _write(settings, measurement_id, country, [int(b[0]) for b in builds], Path(name))
            with database.connect(settings) as connection:
                if _builds(connection, measurement_id, country) != builds:
                    raise CoaggError(
                        f"the panel of measurement {measurement_id} was built again while it was "
                        "being read: call again"
                    )
            for old in folder.glob(f"{stem}*.parquet"):
                old.unlink(missing_ok=True)
            os.replace(name, place)
        finally:
            Path(name).unlink(missing_ok=True)
    return place


def pair_table(
    settings: Settings, measurement_id: int, country: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """Ordered pairs, all columns or those asked for; the keys dictionary-encoded.

    Columns of panel.industry_pair without measurement and country, and from the cells
    innovation_scale and _quality of j and k, location_quotient_j, output_j, employment_j.
    Ordered by year, agglomeration, j, k. Raises CoaggError when the panel was not built.
    """
    place = pair_parquet(settings, measurement_id, country)
    asked = None if columns is None else list(columns)
    return pq.read_table(place, columns=asked, read_dictionary=list(KEYS), memory_map=True)


def data_sha256(data: pd.DataFrame | pa.Table) -> str:
    """Hash over column names and values, in order; independent of chunks and of encoding."""
    digest = hashlib.sha256()
    names = list(data.columns) if isinstance(data, pd.DataFrame) else data.column_names
    for name in names:
        digest.update(f"\n{name}\n".encode())
        if isinstance(data, pd.DataFrame):
            _update(digest, data[name])
        else:
            for chunk in data[name].chunks:
                _update(digest, chunk.to_pandas())
    return digest.hexdigest()


def _update(digest: hashlib._Hash, values: pd.Series) -> None:
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        digest.update(np.ascontiguousarray(values.to_numpy(dtype=np.float64)).tobytes())
    else:
        digest.update("".join(f"{value}\n" for value in values).encode())


def _builds(
    connection: psycopg.Connection, measurement_id: int, country: str
) -> list[tuple[int, str, str]]:
    builds = connection.execute(BUILDS, (measurement_id, country)).fetchall()
    if not builds:
        raise CoaggError(
            f"measurement {measurement_id} has no panel of {country}: "
            f"coagg panel --measurement {measurement_id} --country {country}"
        )
    return builds


def _key(builds: list[tuple[int, str, str]]) -> str:
    return hashlib.sha256(repr((FORMAT, PAIRS, builds)).encode()).hexdigest()[:16]


def _write(
    settings: Settings, measurement_id: int, country: str, years: list[int], place: Path
) -> None:
    writer: pq.ParquetWriter | None = None
    with adbc.connect(database.conninfo(settings)) as connection, connection.cursor() as cursor:
        for year in years:
            cursor.execute(PAIRS, parameters=(measurement_id, country, year))
            for batch in cursor.fetch_record_batch():
                if writer is None:
                    writer = pq.ParquetWriter(place, batch.schema, compression="zstd")
                writer.write_batch(batch)
    if writer is not None:
        writer.close()
