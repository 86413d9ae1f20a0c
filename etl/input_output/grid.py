"""A published input-output matrix as a grid of cells: where its sectors, margins and unit stand.

Statistical offices publish the table as a sheet with merged headers, a line with the unit, and
totals between the numbers. What can be relied on is the line and the column of codes: sectors are
the codes that stand in both, margins have codes of their own (TII, TVA, TI; TIU, GO) or a label.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import fastexcel
import numpy as np

from coagg.errors import CoaggError
from coagg.etl.files import csv_tables, limits

# Codes (or labels, without blanks, in lower case) of the margins.
BOTTOM = {
    "intermediate_input": ("tii", "中间投入合计", "total intermediate input", "t005"),
    "value_added": ("tva", "va", "增加值合计", "value added", "value_added", "valu", "b1g", "vabas",
                    "t006"),
    "other_input": ("txs_int_fnl", "tls", "taxsub", "d21x31", "taxes less subsidies on products"),
    "total_input": ("ti", "总投入", "total input", "total_input", "output", "out", "p1", "t018"),
}  # fmt: skip
RIGHT = {
    "intermediate_use": ("tiu", "中间使用合计", "total intermediate use", "t001"),
    "total_output": ("go", "总产出", "gross output", "gross_output", "total output"),
}
_MARGIN_WORDS = {
    "".join(word.split()) for words in (*BOTTOM.values(), *RIGHT.values()) for word in words
}
_LABEL = re.compile(r"(?=.*[^\W\d_]).{1,80}", re.DOTALL)
_NO_FLOW = ("...", "-", "–")  # as statistical offices write a cell that holds nothing
_CODE = re.compile(r"[0-9]{2,6}|[A-Z][0-9]{1,5}")
_UNIT = re.compile("单位 *: *(\\S+)")
_WORKBOOKS = (b"\xd0\xcf\x11\xe0", b"PK\x03\x04")  # .xls, .xlsx


@dataclass(frozen=True)
class Matrix:
    """A matrix over sectors, with the margins that the file states.

    `values` (n, n): row supplies, column uses. `margins` maps a name of BOTTOM or RIGHT to its n
    values. `blanks` counts sector cells that hold nothing, taken for zero. `sha256` and `bytes`
    are the file's.
    """

    codes: list[str]
    names: list[str]
    values: np.ndarray
    margins: dict[str, np.ndarray]
    unit: str | None
    blanks: int
    format: str
    encoding: str | None
    sha256: str
    bytes: int
    form: str = "grid"


def read_matrix(path: Path) -> Matrix:
    """Read an Excel workbook's first sheet, old or new, or a csv file.

    Numbers of a workbook are the cells' own, not what their format shows of them. Raises CoaggError
    naming cell or code for codes that stand in the line but not in the column, twice, or fewer
    than two, and for a cell of a sector that is no number.
    """
    data = csv_tables.read_bytes(path)
    sha256, size = hashlib.sha256(data).hexdigest(), len(data)
    if data.startswith(_WORKBOOKS):
        if data.startswith(_WORKBOOKS[1]):
            limits.check_workbook(path)
        text, numbers = _workbook_cells(path, data)
        format_ = "xls" if data.startswith(_WORKBOOKS[0]) else "xlsx"
        encoding = None
    else:
        text, encoding = _csv_cells(path, data)
        numbers, format_ = [[_number(cell) for cell in row] for row in text], "csv"
    line, column, codes = _find_codes(path, text)
    row_of = _places(path, [row[column] for row in text], codes, line)
    column_of = _places(path, text[line], codes, column)
    values = np.empty((len(codes), len(codes)))
    blanks = 0
    for i, supplier in enumerate(codes):
        for j, user in enumerate(codes):
            value = numbers[row_of[supplier]][column_of[user]]
            if value is None or not np.isfinite(value):
                cell = text[row_of[supplier]][column_of[user]]
                if cell and cell not in _NO_FLOW:
                    raise CoaggError(
                        f"{path}: the cell of supplier {supplier} and user {user} holds "
                        f"{cell[:40]!r}, no number: correct it"
                    )
                value = 0.0
                blanks += 1
            values[i, j] = value
    margins: dict[str, np.ndarray] = {}
    for name, words in BOTTOM.items():
        row = _margin(words, [[r[column], *r[:column]] for r in text])
        if row is not None:
            margins[name] = _margin_values(
                path, name, [(numbers[row][column_of[c]], c) for c in codes]
            )
    for name, words in RIGHT.items():
        heads = [[text[r][j] for r in range(line + 1)] for j in range(len(text[line]))]
        place = _margin(words, heads)
        if place is not None:
            margins[name] = _margin_values(
                path, name, [(numbers[row_of[c]][place], c) for c in codes]
            )
    return Matrix(
        codes=codes,
        names=_names(text, line, column, row_of, column_of, codes),
        values=values,
        margins=margins,
        unit=_unit(text),
        blanks=blanks,
        format=format_,
        encoding=encoding,
        sha256=sha256,
        bytes=size,
    )


def _workbook_cells(path: Path, data: bytes) -> tuple[list[list[str]], list[list[float | None]]]:
    try:
        workbook = fastexcel.read_excel(data)
        sheets = [
            workbook.load_sheet(0, header_row=None, dtypes=kind).to_arrow()
            for kind in ("string", "float")
        ]
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as fault:  # the library's panics are no Exception
        reason = " ".join(str(fault).split())[:200] or type(fault).__name__
        raise CoaggError(f"{path}: cannot be read as a workbook ({reason}); fetch it again") from (
            None
        )
    shown, exact = ([column.to_pylist() for column in sheet.columns] for sheet in sheets)
    text = [[(cell or "").strip() for cell in row] for row in zip(*shown, strict=True)]
    return text, [list(row) for row in zip(*exact, strict=True)]


def _csv_cells(path: Path, data: bytes) -> tuple[list[list[str]], str]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            content = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        raise CoaggError(f"{path}: is text in neither UTF-8 nor GB18030; save it as csv in UTF-8")
    try:
        rows = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    except csv.Error as fault:
        raise CoaggError(f"{path}: no csv table: {fault}") from None
    width = max(map(len, rows), default=0)
    cells = [[cell.strip() for cell in row] + [""] * (width - len(row)) for row in rows]
    return cells, "utf-8" if encoding == "utf-8-sig" else encoding


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _find_codes(path: Path, text: list[list[str]]) -> tuple[int, int, list[str]]:
    """Line and column of the codes, and the codes in the order of the line.

    Of every line and column near the upper left corner the pair that shares most codes; a line of
    numbers shares none with a column of numbers but by chance.
    """
    width = len(text[0]) if text else 0
    lines = {r: [c for c in text[r] if _CODE.fullmatch(c)] for r in range(min(len(text), 30))}
    columns = {
        j: [row[j] for row in text if _CODE.fullmatch(row[j])] for j in range(min(width, 10))
    }
    best = max(
        (
            (len(set(in_line) & set(in_column)), -r, -j)
            for r, in_line in lines.items()
            for j, in_column in columns.items()
        ),
        default=(0, 0, 0),
    )
    shared, line, column = best[0], -best[1], -best[2]
    if shared < 2:
        return _find_labels(path, text)
    codes, below = lines[line], columns[column]
    odd = [c for c in codes if c not in below] + [c for c in below if c not in codes]
    if odd:
        raise CoaggError(
            f"{path}: sector {odd[0]} stands in the "
            f"{'line' if odd[0] in codes else 'column'} of codes only; each one must supply and use"
        )
    return line, column, codes


def _find_labels(path: Path, text: list[list[str]]) -> tuple[int, int, list[str]]:
    """Like _find_codes where sectors have other codes, or names only: TTL_01T02, 111CA, Coal.

    Sectors are what stands in line and column alike, but for margins; final uses and primary inputs
    stand in one of them.
    """
    width = len(text[0]) if text else 0
    lines = {r: _labels(text[r]) for r in range(min(len(text), 30))}
    columns = {j: _labels([row[j] for row in text]) for j in range(min(width, 10))}
    best = max(
        (
            (len(set(in_line) & set(in_column)), -r, -j)
            for r, in_line in lines.items()
            for j, in_column in columns.items()
        ),
        default=(0, 0, 0),
    )
    shared, line, column = best[0], -best[1], -best[2]
    crossing = text[line][column] if text else ""
    below = set(columns.get(column, ()))
    codes = [code for code in lines.get(line, ()) if code in below and code != crossing]
    if shared < 2 or len(set(codes)) < 2:
        raise CoaggError(
            f"{path}: no line and column of the same sector codes (001, 002 ...) or names found; "
            "is it an input-output table?"
        )
    return line, column, codes


def _labels(cells: Sequence[str]) -> list[str]:
    return [
        cell
        for cell in cells
        if _LABEL.fullmatch(cell) and "".join(cell.split()).casefold() not in _MARGIN_WORDS
    ]


def _places(path: Path, cells: Sequence[str], codes: list[str], head: int) -> dict[str, int]:
    """Where each code stands in the line or column, which `head` crosses."""
    found: dict[str, int] = {}
    for place, cell in enumerate(cells):
        if place != head and cell in set(codes):
            if cell in found:
                raise CoaggError(f"{path}: sector {cell} stands twice among its codes; remove one")
            found[cell] = place
    return found


def _margin(words: Sequence[str], heads: Sequence[Sequence[str]]) -> int | None:
    """The first line or column whose code or label is one of the words, by the order of words."""
    forms = [{"".join(head.split()).casefold() for head in cells if head} for cells in heads]
    for word in words:
        plain = "".join(word.split())
        for place, known in enumerate(forms):
            if plain in known:
                return place
    return None


def _margin_values(path: Path, name: str, cells: list[tuple[float | None, str]]) -> np.ndarray:
    for value, code in cells:
        if value is None or not np.isfinite(value):
            raise CoaggError(
                f"{path}: {name.replace('_', ' ')} of sector {code} is blank or no number"
            )
    return np.array([value for value, _ in cells], dtype=float)


def _names(
    text: list[list[str]],
    line: int,
    column: int,
    row_of: Mapping[str, int],
    column_of: Mapping[str, int],
    codes: list[str],
) -> list[str]:
    """Names beside the codes, left or right, else above them; the code where there is none."""
    for place in (column - 1, column + 1):
        if 0 <= place < len(text[line]) and place not in column_of.values():
            names = ["".join(text[row_of[code]][place].split("\n")) for code in codes]
            if all(names) and not all(_number(name) is not None for name in names):
                return names
    for above in range(line):
        names = ["".join(text[above][column_of[code]].split("\n")) for code in codes]
        if all(names):
            return names
    return list(codes)


def _unit(text: list[list[str]]) -> str | None:
    for row in text[:30]:
        for cell in row:
            found = _UNIT.search(unicodedata.normalize("NFKC", cell))
            if found:
                return found[1]
    return None
