"""Rows of pairs as the passes over them need them: codes of groups, pieces of numbers.

Numbers come in pieces (P, rows), one row a column of the sample, so that sums and products run
over contiguous memory; a piece is good until the next one is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from coagg.analysis.estimation import checks
from coagg.errors import CoaggError

Source: TypeAlias = Mapping[str, np.ndarray] | pa.Table | Path
"""Arrays of one length by name, an Arrow table, or a Parquet file."""

CHUNK = 131_072


@dataclass(frozen=True)
class Keys:
    """Codes (n,) int32 and sorted levels of every grouping column."""

    codes: dict[str, np.ndarray]
    levels: dict[str, np.ndarray]


def column_names(source: Source) -> list[str]:
    """Names of all columns."""
    if isinstance(source, Path):
        return list(pq.read_schema(source).names)
    return list(source.column_names if isinstance(source, pa.Table) else source.keys())


def _column(source: Source, name: str) -> pa.ChunkedArray | np.ndarray:
    if not isinstance(source, Path):
        return source[name]
    # texts that repeat by the million are read as codes, never as texts
    texts = [name] if pa.types.is_string(pq.read_schema(source).field(name).type) else []
    return pq.read_table(source, columns=[name], read_dictionary=texts, use_threads=False)[name]


def _code(source: Source, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes and sorted levels of one grouping column; Arrow columns stay in Arrow."""
    column = _column(source, name)
    if not isinstance(column, pa.ChunkedArray):
        found, levels = checks.codes(name, column)
        return found.astype(np.int32), levels
    if column.null_count:
        raise CoaggError(
            f"column {name}: {column.null_count} empty values; fill them or leave those rows out"
        )
    coded = column.dictionary_encode().unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0)
    levels = np.asarray(coded.dictionary.to_pylist())
    order = np.argsort(levels, kind="stable")
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank[coded.indices.to_numpy(zero_copy_only=False)], levels[order]


def read_keys(source: Source, names: Sequence[str]) -> Keys:
    """Codes of the grouping columns. Raises CoaggError for empty values and unequal lengths."""
    codes, levels = {}, {}
    for name in names:
        codes[name], levels[name] = _code(source, name)
        # Codes of levels that no row has would count as absorbed effects.
        there = np.bincount(codes[name], minlength=len(levels[name])) > 0
        if not there.all():
            codes[name] = (np.cumsum(there) - 1).astype(np.int32)[codes[name]]
            levels[name] = levels[name][there]
    lengths = {name: len(code) for name, code in codes.items()}
    if len(set(lengths.values())) > 1:
        raise CoaggError(f"columns differ in length ({lengths}); give columns of one sample")
    if 0 in lengths.values():
        raise CoaggError("no rows for the pairs; widen the sample")
    return Keys(codes, levels)


def _numbers(name: str, column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    if column.null_count:
        raise CoaggError(f"column {name} has empty values; restrict the sample or mend the column")
    if isinstance(column, pa.ChunkedArray):
        return column.to_numpy()
    return column.to_numpy(zero_copy_only=False)


def _file_pieces(place: Path, names: Sequence[str], buffer: np.ndarray) -> Iterator[np.ndarray]:
    """A row group at a time, column by column, so that no more than one is ever decoded."""
    with pq.ParquetFile(place) as file:
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if rows <= buffer.shape[1]:
                for i, name in enumerate(names):
                    column = file.read_row_group(group, columns=[name], use_threads=False)[name]
                    buffer[i, :rows] = _numbers(name, column)
                yield buffer[:, :rows]
            else:
                batches = file.iter_batches(
                    buffer.shape[1], row_groups=[group], columns=list(names), use_threads=False
                )
                yield from _batch_pieces(batches, names, buffer)


def _batch_pieces(
    batches: Iterator[pa.RecordBatch], names: Sequence[str], buffer: np.ndarray
) -> Iterator[np.ndarray]:
    for batch in batches:
        for i, name in enumerate(names):
            buffer[i, : batch.num_rows] = _numbers(name, batch.column(name))
        yield buffer[:, : batch.num_rows]


def pieces(source: Source, names: Sequence[str]) -> Iterator[np.ndarray]:
    """The numeric columns in pieces (P, rows), float64, in the order of the rows.

    The caller may change a piece; the next one overwrites it.
    """
    buffer = np.empty((len(names), CHUNK))
    if isinstance(source, Path):
        yield from _file_pieces(source, names, buffer)
    elif isinstance(source, pa.Table):
        batches = source.select(list(names)).to_batches(max_chunksize=CHUNK)
        yield from _batch_pieces(iter(batches), names, buffer)
    else:
        total = len(source[names[0]])
        for start in range(0, total, CHUNK):
            rows = min(CHUNK, total - start)
            for i, name in enumerate(names):
                buffer[i, :rows] = source[name][start : start + CHUNK]
            yield buffer[:, :rows]


def complain_of_values(source: Source, name: str) -> None:
    """Raise CoaggError about a column whose sum of squares is not finite."""
    first = 0
    for piece in pieces(source, (name,)):
        bad = ~np.isfinite(piece[0])
        if bad.any():
            raise CoaggError(
                f"column {name}: NaN or infinite values, the first in row "
                f"{first + int(np.argmax(bad))}; restrict the sample or mend the column"
            )
        first += piece.shape[1]
    raise CoaggError(f"column {name}: values too large to square; rescale it")
