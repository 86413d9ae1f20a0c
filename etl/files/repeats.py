"""Long texts that a file holds once and names in many rows: how many rows may be read at once.

Parquet keeps a column's values in a dictionary, or as a change to the value before; Stata keeps
long strings (strL) once. A megabyte named in a million rows is a terabyte when it is read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from coagg.errors import CoaggError
from coagg.etl.files import limits

_MAP_ENTRIES, _STRLS = 14, 10  # of the map of a Stata file from version 117 on


def parquet_rows(path: Path, columns: Sequence[str], rows: int) -> int:
    """Rows of `columns` to read at once, at most `rows`, so that memory holds them.

    Raises CoaggError when a column of a row group alone is too large.
    """
    most = limits.limit(path.stat().st_size, whole=True)
    largest = 1
    with pyarrow.parquet.ParquetFile(path, read_dictionary=list(columns)) as file:
        wanted = set(columns)
        for group in range(file.metadata.num_row_groups):
            about = file.metadata.row_group(group)
            longest = 0
            for number in range(about.num_columns):
                chunk = about.column(number)
                name = chunk.path_in_schema
                if name not in wanted:
                    continue
                size = chunk.total_uncompressed_size
                if size > most:
                    raise limits.too_large(path, f"column {name} unpacks to", size, most)
                if chunk.physical_type != "BYTE_ARRAY" or size * rows <= most:
                    continue
                if "DELTA_BYTE_ARRAY" in chunk.encodings:
                    longest += size
                elif chunk.has_dictionary_page:
                    longest += _longest(file, group, name)
            largest = max(largest, longest)
    return max(min(rows, most // 4 // largest), 1)


def _longest(file: pyarrow.parquet.ParquetFile, group: int, name: str) -> int:
    """Bytes of the longest value in the dictionary of a column."""
    first = next(file.iter_batches(1, row_groups=[group], columns=[name], use_threads=False))
    column = first.column(0)
    if not pa.types.is_dictionary(column.type) or not len(column.dictionary):
        return 0
    return int(pc.max(pc.binary_length(column.dictionary)).as_py() or 0)


def check_arrow(path: Path) -> None:
    """Refuse a file of Arrow whose compressed columns say that they unpack to too much.

    Each buffer of a compressed batch begins with its size. Where they lie is in the head of the
    batch's message, a table of FlatBuffers. Raises CoaggError.
    """
    most = limits.limit(path.stat().st_size, whole=True)
    with pa.OSFile(str(path)) as raw:
        raw.read(8)  # ARROW1 and two bytes to fill
        for message in pa.ipc.MessageReader.open_stream(raw):
            if message.type not in ("record batch", "dictionary"):
                continue
            head, body = message.metadata.to_pybytes(), message.body
            size = 0
            for offset, length in _compressed(head, message.type == "dictionary"):
                if length >= 8 and 0 <= offset <= len(body) - 8:
                    size += max(struct.unpack("<q", body.slice(offset, 8).to_pybytes())[0], 0)
            if size > most:
                raise limits.too_large(path, "a batch of rows unpacks to", size, most)


def _compressed(head: bytes, dictionary: bool) -> list[tuple[int, int]]:
    """Offset and length of each buffer of a record batch, none where it is not compressed."""
    try:
        batch = _field(head, _target(head, 0), 2)  # Message.header
        table = _target(head, batch)
        if dictionary:
            table = _target(head, _field(head, table, 1))  # DictionaryBatch.data
        if not _field(head, table, 3):  # RecordBatch.compression
            return []
        vector = _target(head, _field(head, table, 2))  # RecordBatch.buffers
        (count,) = struct.unpack_from("<I", head, vector)
        pairs = struct.iter_unpack("<qq", head[vector + 4 : vector + 4 + 16 * count])
        return [(int(offset), int(length)) for offset, length in pairs]
    except struct.error:
        return []  # a head that Arrow does not read either


def _target(head: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", head, at)[0])


def _field(head: bytes, table: int, number: int) -> int:
    """Where a field of a table of FlatBuffers stands, 0 where it is not there."""
    vtable = table - int(struct.unpack_from("<i", head, table)[0])
    (size,) = struct.unpack_from("<H", head, vtable)
    place = 4 + 2 * number
    if place + 2 > size:
        return 0
    offset = int(struct.unpack_from("<H", head, vtable + place)[0])
    return table + offset if offset else 0


def stata_longest(path: Path) -> int:
    """Bytes of the longest strL of a Stata file, 0 where it has none.

    Raises CoaggError where they are not as the format says.
    """
    with path.open("rb") as file:
        head = file.read(2048)
        at = head.find(b"<map>")
        if at < 0:
            return 0  # before version 117, which had none
        order = "<" if b"<byteorder>LSF" in head else ">"
        file.seek(at + len(b"<map>"))
        try:
            places = struct.unpack(f"{order}{_MAP_ENTRIES}Q", file.read(8 * _MAP_ENTRIES))
            file.seek(places[_STRLS])
            if file.read(len(b"<strls>")) != b"<strls>":
                raise ValueError("no <strls>")
            reference = 4 + (4 if b"<release>117" in head else 8)  # v and o
            longest = 0
            while file.read(3) == b"GSO":
                file.seek(reference + 1, os.SEEK_CUR)
                (size,) = struct.unpack(f"{order}I", file.read(4))
                longest = max(longest, size)
                file.seek(size, os.SEEK_CUR)
        except (struct.error, ValueError, OverflowError, OSError) as fault:
            raise CoaggError(
                f"{path}: is a damaged or truncated dta file ({fault}); fetch it again"
            ) from None
    return longest
