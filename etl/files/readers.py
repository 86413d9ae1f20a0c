"""Open a table file, whatever it is called: the format is told from its first bytes.

A file is read in streams that can be repeated: once when it is opened (hash, encoding, headers),
then once for each `batches()`. What cannot be a row comes back as malformed with its row number,
so that rows read = rows in tables + malformed rows, always.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path

from coagg.errors import CoaggError
from coagg.etl.files import encodings
from coagg.etl.files.delimited import DelimitedFile
from coagg.etl.files.table_file import Batch, FileState, Fits, TableFile, open_binary
from coagg.etl.files.text_records import Malformed
from coagg.etl.files.typed_files import ParquetFile, StataFile
from coagg.etl.files.workbooks import WorkbookFile

__all__ = ["Batch", "Malformed", "TableFile", "open_table"]

READ_FORMATS = "csv, tsv, txt (also .gz), xlsx, dta, parquet"
_SNIFFED_BYTES = 65_536
# Control characters, and their share, above which bytes are no text.
_MOST_CONTROLS, _MOST_CONTROLS_SHARE = 16, 0.1
_TEXT_CONTROLS = b"\t\n\r\f"
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS) + b"\x7f"

_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
# First bytes of what people mistake for a table, and what to do with it.
_OTHERS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel .xls (or another Office file); save it as .xlsx or csv"),
    (b"%PDF", "a PDF; ask for the data as csv"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!", "a rar archive; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (b"$FL", "an SPSS file; save it as csv or dta"),
    (b"SQLite format 3", "an SQLite data base; export the table as csv"),
    (b"ARROW1", "a Feather file; save it as parquet"),
)


def open_table(
    path: Path | str,
    encoding: str | None = None,
    *,
    sheet: str | None = None,
    fits: Fits | None = None,
) -> TableFile:
    """Open a table for reading.

    `encoding` of its text and `sheet` of a workbook are found out by default; `fits` says of a
    line of cells whether it holds the headers wanted, so that titles above them, and other sheets,
    are told from them.

    Raises CoaggError in one line when there is no readable file, it is empty, its format or
    encoding is not known, it is damaged, or it has no rows under one header with unique names.
    """
    path = Path(path)
    state = FileState.of(path)
    with open_binary(path) as file:
        start = file.read(_SNIFFED_BYTES)
    if not start:
        raise CoaggError(f"{path}: is empty; it needs a header line and rows")
    table = _open(
        path, state, start, encodings.checked(encoding) if encoding else None, sheet, fits
    )
    table.check_unchanged()
    return table


def _open(
    path: Path,
    state: FileState,
    start: bytes,
    stated: str | None,
    sheet: str | None,
    fits: Fits | None,
) -> TableFile:
    if sheet is not None and not start.startswith(_ZIP):
        raise CoaggError(f"{path}: is no workbook and has no sheets; leave out --sheet")
    if start.startswith(_GZIP):
        inner = _unpacked_start(path)
        if not inner.strip():
            raise CoaggError(f"{path}: is empty; it needs a header line and rows")
        if inner.startswith((_GZIP, _ZIP, _PARQUET)) or _is_stata(inner):
            raise CoaggError(f"{path}: what it packs is no text; unpack it first (gunzip)")
        wide = _require_text(path, inner, stated)
        return DelimitedFile(path, state, gzipped=True, stated=stated, wide=wide, fits=fits)
    if _is_stata(start):
        return StataFile(path, state, stated)
    if stated and start.startswith((_PARQUET, _ZIP)):
        raise CoaggError(f"{path}: says itself which encoding it is in; leave out --encoding")
    if start.startswith(_PARQUET):
        return ParquetFile(path, state)
    if start.startswith(_ZIP):
        if not _is_workbook(path):
            raise CoaggError(f"{path}: is a zip archive but no .xlsx; unpack it first")
        return WorkbookFile(path, state, sheet, fits)
    wide = _require_text(path, start, stated)
    return DelimitedFile(path, state, gzipped=False, stated=stated, wide=wide, fits=fits)


def _unpacked_start(path: Path) -> bytes:
    """First bytes inside a gzip file; damage further on is found when the file is read."""
    try:
        with gzip.open(path) as file:
            return file.read1(_SNIFFED_BYTES)
    except EOFError:
        raise CoaggError(
            f"{path}: is truncated, the gzip data ends too early; fetch it again"
        ) from None
    except (OSError, zlib.error) as fault:
        raise CoaggError(f"{path}: is a damaged gzip file ({fault}); fetch it again") from None


def _is_stata(start: bytes) -> bool:
    """Versions 117 and later open with a tag, earlier ones with version, byte order, 1 and 0."""
    return start.startswith(b"<stata_dta>") or (
        len(start) > 4 and 102 <= start[0] <= 115 and start[1] in (1, 2) and start[2:4] == b"\1\0"
    )


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as fault:
        raise CoaggError(
            f"{path}: is a damaged or truncated xlsx or zip file ({fault}); fetch it again"
        ) from None


def _require_text(path: Path, start: bytes, stated: str | None) -> str | None:
    """The encoding of text in UTF-16 or UTF-32, else None. Raises CoaggError for what is no text.

    Where a file begins with no mark but its NUL bytes show UTF-16, somebody must name it.
    """
    for beginning, what in _OTHERS:
        if start.startswith(beginning):
            raise CoaggError(f"{path}: is {what}. Formats read: {READ_FORMATS}")
    wide = stated if stated in encodings.WIDE else None
    if wide is None and stated is None:
        wide = encodings.wide_encoding(start)
    if wide:
        return wide
    if stated is None and (wide := encodings.looks_wide(start)):
        raise CoaggError(
            f"{path}: looks like UTF-16 without the mark at its beginning; "
            f"if it is, say --encoding {wide}"
        )
    if start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CoaggError(f"{path}: is a web page or XML, whatever its name; save it as csv or xlsx")
    controls = len(start) - len(start.translate(None, _CONTROLS))
    if controls > max(_MOST_CONTROLS, _MOST_CONTROLS_SHARE * len(start)):
        raise CoaggError(f"{path}: is binary data, no table. Formats read: {READ_FORMATS}")
    return None
