"""Ordered pairs of a panel year from PostGIS to Arrow, a block of an industry at a time.

A row of the answer is one industry j of one agglomeration with arrays over its k, so that the
server, the wire and ADBC handle some thousand rows a year instead of half a million. Only what
cannot be had from the rest is read: `x_back` of (j, k) is `x` of (k, j), and phi is the index at a
threshold, as the panel's SQL defines them.
"""

from __future__ import annotations

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.analysis.panel.variables import PAIR_COLUMNS, PAIR_KEYS
from coagg.errors import CoaggError

BACK = "_back"
SIDES = ("from", "to")
PHI = {
    f"phi{side}_{mark}": (f"index{side}", int(mark) / 100)
    for side in ("", BACK)
    for mark in ("90", "95", "99")
}
DIVISION = "same_division"
READ = tuple(
    name
    for name in PAIR_COLUMNS
    if name not in PHI and name != DIVISION and not name.endswith(BACK)
)
QUERY = (
    "SELECT agglomeration_code, from_industry, string_agg(to_industry, ',') AS to_industry, "
    f"{', '.join(f'array_agg({name}) AS {name}' for name in READ)} FROM ("
    f"SELECT agglomeration_code, from_industry, to_industry, {', '.join(READ)} "
    "FROM panel.industry_pair "
    "WHERE measurement_id = $1 AND country = $2 AND survey_year = $3 "
    "ORDER BY measurement_id, country, survey_year, agglomeration_code, from_industry, to_industry"
    ") AS p GROUP BY agglomeration_code, from_industry ORDER BY agglomeration_code, from_industry"
)


def year_pairs(
    cursor: adbc.Cursor, measurement_id: int, country: str, survey_year: int
) -> pa.Table:
    """`PAIR_KEYS` and `PAIR_COLUMNS` of a year, by agglomeration, j, k; text keys as dictionaries.

    Raises CoaggError for a pair (j, k) whose (k, j) is not in the panel.
    """
    cursor.execute(QUERY, parameters=(measurement_id, country, survey_year))
    blocks = cursor.fetch_arrow_table()
    found = {name: _flat(blocks[name]) for name in READ}
    lists = pc.split_pattern(blocks["to_industry"], ",")
    to = _flat(lists).dictionary_encode()
    lengths = pc.list_value_length(lists).to_numpy()
    keys = {
        name: _repeat(blocks[name].combine_chunks().dictionary_encode(), lengths)
        for name in ("agglomeration_code", "from_industry")
    } | {"to_industry": to}
    industries, j, k = _codes(keys)
    back = _ways_back(keys["agglomeration_code"], j, k, len(industries))
    if back is None:
        raise CoaggError(
            f"panel of measurement {measurement_id}, {country} {survey_year}: a pair stands in it "
            "one way only; build it again (coagg panel --force)"
        )
    columns: dict[str, pa.Array] = {
        "survey_year": pa.array(np.full(len(to), survey_year, dtype=np.int16)),
        **keys,
    }
    for name in PAIR_COLUMNS:
        if name in PHI:
            index, least = PHI[name]
            columns[name] = pc.greater_equal(columns[index], least)
        elif name == DIVISION:
            division = np.unique([code[:2] for code in industries], return_inverse=True)[1]
            columns[name] = pa.array(division[j] == division[k])
        elif name in READ:
            columns[name] = found[name]
        else:
            # gathered by numpy, several times as fast as Arrow; NaN stands for null on the way
            values = found[name.removesuffix(BACK)].to_numpy(zero_copy_only=False)
            columns[name] = pa.array(values[back], from_pandas=True)
    return pa.table({name: columns[name] for name in (*PAIR_KEYS, *PAIR_COLUMNS)})


def _flat(lists: pa.ChunkedArray) -> pa.Array:
    column = lists.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    return column.flatten()


def _repeat(coded: pa.DictionaryArray, lengths: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        np.repeat(coded.indices.to_numpy(), lengths), coded.dictionary
    )


def _codes(keys: dict[str, pa.DictionaryArray]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Industries of the year, and codes of j and k (rows,) into them."""
    found = {}
    both = pc.unique(pa.concat_arrays([keys[f"{side}_industry"].dictionary for side in SIDES]))
    for side in SIDES:
        key = keys[f"{side}_industry"]
        where = pc.index_in(key.dictionary, both).to_numpy().astype(np.int64)
        found[side] = where[key.indices.to_numpy()]
    return both.to_pylist(), found["from"], found["to"]


def _ways_back(
    place: pa.DictionaryArray, j: np.ndarray, k: np.ndarray, industries: int
) -> np.ndarray | None:
    """Row of (k, j) for every row (j, k) of the same agglomeration; None when one is missing."""
    c = place.indices.to_numpy().astype(np.int64) * industries
    row = np.full(len(place.dictionary) * industries**2, -1, dtype=np.int32)
    row[(c + j) * industries + k] = np.arange(len(j), dtype=np.int32)
    back = row[(c + k) * industries + j]
    return None if (back < 0).any() else back
