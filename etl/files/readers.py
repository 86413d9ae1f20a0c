"""Open a table file, whatever it is called: the format is told from its first bytes.

A file is read in streams that can be repeated: once when it is opened (hash, encoding, headers),
then once for each `batches()`. What cannot be a row comes back as malformed with its row number,
so that rows read = rows in tables + malformed rows, always.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coagg.errors import CoaggError
from coagg.etl.files import arrow_files, encodings, packed, parts, statistics_files, vector_files
from coagg.etl.files.delimited import DelimitedFile
from coagg.etl.files.json_files import JsonFile, looks_like_json
from coagg.etl.files.packed import Source
from coagg.etl.files.table_file import Batch, FileState, Fits, TableFile, open_binary
from coagg.etl.files.text_records import Malformed
from coagg.etl.files.workbooks import WorkbookFile

__all__ = ["Batch", "Malformed", "TableFile", "open_table"]

READ_FORMATS = (
    "csv, tsv, txt, xlsx, xlsb, xls, ods, dta, sav, sas7bdat, xpt, parquet, feather, "
    "gpkg, geojson, shp, fgb, dbf, json, jsonl (also in zip, gz, bz2, xz, zst)"
)
_SNIFFED_BYTES = 65_536
# Control characters, and their share, above which bytes are no text.
_MOST_CONTROLS, _MOST_CONTROLS_SHARE = 16, 0.1
_TEXT_CONTROLS = b"\t\n\r\f\x1e"
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS) + b"\x7f"

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# First bytes of what people mistake for a table, and what to do with it.
_OTHERS = (
    (b"%PDF", "a PDF; ask for the data as csv"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!", "a rar archive; unpack it first"),
    (b"FEA1", "a Feather file of the first version; save it as parquet"),
    (b"\x09\x08", "an Excel file older than 1995; save it as .xlsx or csv"),
    (b"ASCII SPSS PORT", "a portable SPSS file; save it as .sav or csv"),
)


class _Asked(NamedTuple):
    """What a caller says of a file."""

    encoding: str | None
    sheet: str | None
    fits: Fits | None
    header_line: int | None


def open_table(
    path: Path | str | Sequence[Path],
    encoding: str | None = None,
    *,
    sheet: str | None = None,
    fits: Fits | None = None,
    header_line: int | None = None,
) -> TableFile:
    """Open a table for reading: a file, or several files or a folder of files as one.

    A file in a zip is named behind it (archive.zip/member.csv) unless it is the only one.
    `encoding` of its text and `sheet` of a workbook (or layer of a map) are found out by default;
    `fits` says of a line of cells whether it holds the headers wanted, so that titles above them,
    and other sheets, are told from them; `header_line` counts lines from 1 and says so too.

    Raises CoaggError in one line when there is no readable file, it is empty, its format or
    encoding is not known, it is damaged, or it has no rows under one header.
    """
    paths = [Path(path)] if isinstance(path, Path | str) else list(path)
    stated = encodings.checked(encoding) if encoding else None
    asked = _Asked(stated, sheet, fits, header_line)
    found = [_open_one(file, asked) for file in parts.files_of(paths)]
    return found[0] if len(found) == 1 else parts.PartsFile(found)


def _open_one(path: Path, asked: _Asked) -> TableFile:
    path, member = packed.split(path)
    state = FileState.of(path)
    with open_binary(path) as file:
        start = file.read(_SNIFFED_BYTES)
    if not start:
        raise CoaggError(f"{path}: is empty; it needs a header line and rows")
    try:
        source = Source(path, start, member)
    except CoaggError as error:
        raise CoaggError(" ".join(str(error).splitlines())) from None
    try:
        table = _open(path, state, source, start, asked)
    except CoaggError as error:
        raise source.renamed(error) from None
    table.check_unchanged()
    return table


def _open(path: Path, state: FileState, source: Source, start: bytes, asked: _Asked) -> TableFile:
    if source.kind:
        start = source.start(_SNIFFED_BYTES)
        if not start.strip():
            raise CoaggError(f"{path}: is empty; it needs a header line and rows")
        if packed.kind_of(start) not in ("", "zip"):
            raise CoaggError(f"{path}: is packed twice; unpack it first")
    workbook = source.workbook or _workbook(source, start)
    kind = vector_files.format_of(start)
    if asked.sheet is not None and not (workbook or kind in ("gpkg", "fgb")):
        raise CoaggError(f"{path}: is no workbook and has no sheets; leave out --sheet")
    table = _with_types(path, state, source, start, asked, workbook, kind)
    if table is not None:
        if asked.header_line is not None and not workbook:
            raise CoaggError(f"{path}: is {table.format}, which has no header line to name")
        return table
    wide = _require_text(path, start, asked.encoding)
    text = encodings.decode_marked(start, "utf-8")
    if wide:
        text = start.decode(wide, "replace")
    if looks_like_json(text):
        if asked.header_line is not None:
            raise CoaggError(f"{path}: is JSON, which has no header line; leave out --header-line")
        return JsonFile(path, state, source, asked.encoding, wide)
    return DelimitedFile(path, state, source, asked.encoding, wide, asked.fits, asked.header_line)


def _with_types(
    path: Path,
    state: FileState,
    source: Source,
    start: bytes,
    asked: _Asked,
    workbook: str | None,
    vector: str | None,
) -> TableFile | None:
    """The reader of a format that is no text; None where it is text, or nothing known."""
    if statistics := statistics_files.format_of(start):
        return statistics_files.StatisticsFile(path, state, source, statistics, asked.encoding)
    if vector:
        return vector_files.VectorFile(
            path, state, source, vector, asked.encoding, asked.sheet, asked.fits
        )
    columns: Any = None
    if start.startswith(arrow_files.PARQUET):
        columns = arrow_files.ParquetFile
    elif start.startswith(arrow_files.ARROW):
        columns = arrow_files.ArrowFile
    if asked.encoding and (columns or workbook):
        raise CoaggError(f"{path}: says itself which encoding it is in; leave out --encoding")
    if columns:
        table: TableFile = columns(path, state, source)
        return table
    if workbook:
        return WorkbookFile(
            path, state, source, workbook, asked.sheet, asked.fits, asked.header_line
        )
    if start.startswith(packed.ZIP):
        raise CoaggError(f"{path}: holds a zip archive in an archive; unpack it first")
    return None


def _workbook(source: Source, start: bytes) -> str | None:
    """Which workbook an unpacked table is, None where it is none."""
    if start.startswith(_OLE):
        return "xls"
    if source.kind and start.startswith(packed.ZIP):
        return Source(source.file, start).workbook
    return None


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
