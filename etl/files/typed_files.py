"""Tables whose format carries types, and their values as text.

Values come out as text: whole numbers without a decimal point, other numbers in their shortest
form, leading zeros of text columns as they are. A file that keeps codes as numbers has lost their
zeros already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl.files import encodings
from coagg.etl.files.packed import Source
from coagg.etl.files.table_file import (
    FileState,
    TableFile,
    nul_marked,
)

_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r")
_LARGEST_WHOLE = 2.0**53  # beyond it a double does not tell neighbouring whole numbers apart


class TypedFile(TableFile):
    """A file that its library reads from disk; hashed first."""

    encoding: str | None = None

    def __init__(self, path: Path, state: FileState, source: Source) -> None:
        super().__init__(path, state, source)
        self.sha256, self.bytes = source.hashed()
        self.data = source.file

    @contextmanager
    def library(self) -> Iterator[None]:
        """Turn whatever a library says of a damaged file into one line.

        On bytes that only resemble their format the libraries raise errors of any type, and
        panics of Rust, which are no Exception.
        """
        try:
            yield
        except (CoaggError, KeyboardInterrupt, SystemExit):
            raise
        except MemoryError:
            raise CoaggError(
                f"{self.path}: takes more memory to read than there is; save it in parts, or as csv"
            ) from None
        except BaseException as fault:
            reason = " ".join(str(fault).split())[:200] or type(fault).__name__
            raise CoaggError(
                f"{self.path}: is a damaged or truncated {self.format} file ({reason}); "
                "fetch it again"
            ) from None


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column holds bytes, of which nobody says that they are text."""
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or _is_fixed(kind)
        or pa.types.is_binary_view(kind)
    )  # fmt: skip


def _is_fixed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_binary(kind))


def is_text(value: bytes) -> bool:
    """Whether bytes are UTF-8 text.

    Examples
    --------
    >>> is_text("红星".encode()), is_text(b"\\x01\\x01\\0\\0\\0"), is_text(b"\\xff\\xfe")
    (True, False, False)
    """
    if value.translate(None, _CONTROLS) != value:
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def text_table(part: pa.Table, in_hex: Collection[str] = ()) -> pa.Table:
    """All columns of a flat table as text, those of `in_hex` in hexadecimal."""
    arrays = []
    for header, column in zip(part.column_names, part.columns, strict=True):
        text = hexadecimal(column) if header in in_hex else as_text(column)
        arrays.append(pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text))
    return pa.table(arrays, names=part.column_names)


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of any flat type as strings; NUL characters and bytes that are no text marked."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_text(column.cast(kind.value_type))
    if pa.types.is_floating(kind):
        if pa.types.is_float16(kind):
            column = column.cast(pa.float32())
        return floats_as_text(column)
    if is_bytes(kind):
        values = [None if value is None else _bytes_as_text(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:  # text that is no UTF-8
        return as_text(column.cast(pa.binary()))
    return nul_marked(column.cast(pa.string()))


def hexadecimal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bytes as people write them: 0101000000..., in upper case."""
    values = [None if value is None else value.hex().upper() for value in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def _bytes_as_text(value: bytes) -> str:
    return encodings.decode_marked(value.replace(b"\0", b"\0N"), "utf-8")


def floats_as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as text: whole ones without a point, others in their shortest form."""
    whole = pc.and_(pc.equal(pc.trunc(column), column), pc.less(pc.abs(column), _LARGEST_WHOLE))
    whole = pc.fill_null(whole, False)
    integers = pc.if_else(whole, column, pa.scalar(0, column.type)).cast(pa.int64())
    text = pc.if_else(whole, integers.cast(pa.string()), column.cast(pa.string()))
    return pc.if_else(pc.is_null(column, nan_is_null=True), pa.scalar(None, pa.string()), text)
