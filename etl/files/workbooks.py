"""Workbooks: which sheet holds the table, and what its cells hold that is no value."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fastexcel
import numpy as np
import pyarrow as pa

from coagg.errors import CoaggError
from coagg.etl.files import confined, limits
from coagg.etl.files.packed import Source
from coagg.etl.files.table_file import MOST_ABOVE, FileState, Fits, checked_headers, without_nul
from coagg.etl.files.text_records import Malformed
from coagg.etl.files.typed_files import TypedFile, text_table

_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_ERROR_CELL = re.compile(rb"""(<c\s[^>]*?\bt=)(["'])e\2""")
_FORMULA_CELL = re.compile(
    rb"<c(\s[^>]*)?>\s*<f\b(?:[^>]*/>|[^>]*>([^<]*)</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>"
)
_TYPE = re.compile(rb"""\st=(["'])([a-zA-Z]*)\1""")


class WorkbookFile(TypedFile):
    """One sheet of a workbook (xlsx, xlsb, xls, ods): the named one, or the one with the table.

    The library reads a sheet whole, so memory grows with it (some 100 bytes a cell while opening).
    Rows without any value are no rows. An error and a formula whose value was never stored come
    out as their text (#N/A, =F2*3), so that they are flagged where a value is needed.
    """

    def __init__(
        self,
        path: Path,
        state: FileState,
        source: Source,
        kind: str = "xlsx",
        sheet: str | None = None,
        fits: Fits | None = None,
        header_line: int | None = None,
    ) -> None:
        """Read a sheet; `fits` says whether headers are those of the table. Raises CoaggError."""
        self.format = kind + source.suffix
        super().__init__(path, state, source)
        if kind == "xlsx":
            limits.check_workbook(self.data)
        with self.library():
            shown = 0
            if kind == "xlsx":
                data, shown = with_shown_cells(self.data.read_bytes())
                workbook = fastexcel.read_excel(data)
                names = list(workbook.sheet_names)
                sheets = [_filled(_sheet(workbook, n)) for n in range(len(names))]
            else:
                received = confined.sheets(self.data, self.bytes)
                names = [name for name, _ in received]
                sheets = [_filled(rows) for _, rows in received]
            if sheet is not None and sheet not in names:
                raise CoaggError(f"{path}: has no sheet {sheet!r}; there are {', '.join(names)}")
            begins = [_Beginning(rows, fits) for rows in sheets]
            chosen = names.index(sheet) if sheet is not None else _choose(begins)
            rows = sheets[chosen]
        self.sheet = names[chosen]
        if shown:
            self.notes.append(
                f"{shown} cells are errors or formulas without a stored value; they are read as "
                "their text, such as #N/A or =A1+1; open the file in a spreadsheet and save it"
            )
        others = [n for n in range(len(names)) if n != chosen and begins[n].rows]
        self._tell_others(names, begins, chosen, others, named=sheet is not None)
        if rows.num_rows == 0:
            raise CoaggError(
                f"{path}: its {'first sheet' if chosen == 0 else f'sheet {self.sheet}'} is empty; "
                "put the table there"
            )
        above = begins[chosen].header or 0
        if header_line is not None:
            above = min(header_line, rows.num_rows) - 1
        self.header_line = above + 1
        if above:
            self.notes.append(f"{above} rows above the header were left out")
        header = [column[above].as_py() for column in rows.columns]
        self.headers = checked_headers(path, header)
        self._rows = rows.slice(above + 1).rename_columns(self.headers)
        if self._rows.num_rows == 0:
            raise CoaggError(f"{path}: has a header but no rows; is it the right file?")

    def _tell_others(
        self,
        names: list[str],
        begins: list[_Beginning],
        chosen: int,
        others: list[int],
        named: bool,
    ) -> None:
        """Refuse rows of the same table on other sheets, unless one is named; note other rows."""
        own = sorted(begins[chosen].headers)
        more = [n for n in others if begins[n].rows > 1 and sorted(begins[n].headers) == own]
        if more and own and not named:
            told = ", ".join(names[n] for n in more)
            count = sum(begins[n].rows - 1 for n in more)
            raise CoaggError(
                f"{self.path}: sheet {told} holds more rows under the same header ({count}); "
                f"put all into one sheet, or read one of them: --sheet {names[chosen]!r}"
            )
        if others:
            told = ", ".join(f"{names[n]} ({begins[n].rows} rows)" for n in others)
            self.notes.append(
                f"sheet {names[chosen]} was read; not read: {told} (--sheet names the one to read)"
            )

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        for start in range(0, self._rows.num_rows, rows):
            part = self._rows.select(columns).slice(start, rows)
            yield without_nul(text_table(part), start + 1)


class _Beginning:
    """First rows of a sheet: `rows` it has, `header` the row that fits, None where none does."""

    def __init__(self, sheet: pa.Table, fits: Fits | None) -> None:
        top = sheet.slice(0, MOST_ABOVE + 1)
        cells = [[value or "" for value in column.to_pylist()] for column in top.columns]
        lines = [list(line) for line in zip(*cells, strict=True)]
        self.rows = sheet.num_rows
        self.width = sheet.num_columns
        found = (n for n, line in enumerate(lines) if fits is not None and fits(line))
        self.header = next(found, None)
        self.headers = [cell.strip() for cell in lines[self.header or 0]] if lines else []


def _choose(begins: list[_Beginning]) -> int:
    """The first sheet with the headers wanted; else the first that looks like a table."""
    fitting = [n for n, begin in enumerate(begins) if begin.header is not None]
    tables = [n for n, begin in enumerate(begins) if begin.width > 1 and begin.rows > 1]
    return (fitting or tables or [0])[0]


def _sheet(workbook: fastexcel.ExcelReader, number: int) -> pa.Table:
    """The cells of a sheet, all as strings."""
    loaded = workbook.load_sheet(number, header_row=None, dtypes="string")
    if loaded.width == 0 or loaded.height == 0:
        return pa.table({})
    return pa.Table.from_batches([loaded.to_arrow()])


def _filled(sheet: pa.Table) -> pa.Table:
    """Rows of a sheet that hold anything, columns that hold anything."""
    sheet = sheet.select([n for n, c in enumerate(sheet.columns) if c.null_count < len(c)])
    empty = np.ones(sheet.num_rows, dtype=bool)
    for column in sheet.columns:
        empty &= column.is_null().to_numpy()
    return sheet.filter(pa.array(~empty)) if empty.any() else sheet


def with_shown_cells(data: bytes) -> tuple[bytes, int]:
    """A workbook whose errors and formulas without a stored value are texts, and how many.

    The library makes both empty, as if nothing had stood there. A formula that gives an empty text
    says so by its type (str) and is left.
    """
    changed: dict[str, bytes] = {}
    shown = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in filter(_SHEET.fullmatch, archive.namelist()):
            xml = archive.read(name)
            xml, errors = _ERROR_CELL.subn(rb"\1\2str\2", xml)
            formulas = 0
            if b"<f" in xml:

                def text(found: re.Match[bytes]) -> bytes:
                    nonlocal formulas
                    attributes = found[1] or b""
                    kind = _TYPE.search(attributes)
                    if kind and kind[2] == b"str":
                        return found[0]
                    formulas += 1
                    formula = b"=" + (found[2] or b"formula")
                    rest = _TYPE.sub(b"", attributes)
                    return b"<c" + rest + b' t="str"><v>' + formula + b"</v></c>"

                xml = _FORMULA_CELL.sub(text, xml)
            if errors or formulas:
                changed[name] = xml
                shown += errors + formulas
        if not changed:
            return data, 0
        rewritten = io.BytesIO()
        with zipfile.ZipFile(rewritten, "w", zipfile.ZIP_STORED) as target:
            for name in archive.namelist():
                target.writestr(name, changed.get(name) or archive.read(name))
    return rewritten.getvalue(), shown
