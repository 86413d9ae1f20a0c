"""Several files, or the files of a folder, as one table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from coagg.errors import CoaggError
from coagg.etl.files import packed
from coagg.etl.files.table_file import TableFile
from coagg.etl.files.text_records import Malformed

MOST_PARTS = 10_000
_SHOWN = 5


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files that paths name, those of a folder by name; hidden ones are left out.

    Raises CoaggError for a folder without files.
    """
    found: list[Path] = []
    for path in paths:
        if path.suffix.lower() == ".gdb" and path.is_dir():
            raise CoaggError(f"{path}: is a file geodatabase; export its layer as GeoPackage")
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(file for file in path.iterdir() if file.is_file())
        except OSError as fault:
            raise CoaggError(f"{path}: cannot be read: {fault.strerror or fault}") from None
        seen = [file for file in inside if not file.name.startswith((".", "_"))]
        names = set(packed.tables([file.name for file in seen]))
        if not names:
            raise CoaggError(f"{path}: is a folder with no file in it; name a file")
        found += [file for file in seen if file.name in names]
    if len(found) > MOST_PARTS:
        raise CoaggError(f"{found[0]} and {len(found) - 1} more: are too many files for one table")
    if twice := next((path for path in found if found.count(path) > 1), None):
        raise CoaggError(f"{twice}: is named twice")
    return found


class PartsFile(TableFile):
    """Tables under the same headers, one after the other; rows are numbered through.

    `sha256` is that of the hashes of all parts, in order. `begins` has the number of rows before
    each part once the rows were read.
    """

    def __init__(self, parts: Sequence[TableFile]) -> None:
        """Raises CoaggError when headers or coordinate systems differ, or two parts are one."""
        first = parts[0]
        super().__init__(first.path, first._state)
        self.parts = list(parts)
        self.begins: list[int] = []
        self._ends: list[int] = []
        for part in self.parts[1:]:
            _check_alike(first, part)
        seen: dict[str, Path] = {}
        for part in self.parts:
            if part.sha256 in seen:
                raise CoaggError(f"{part.path}: holds the same bytes as {seen[part.sha256]}")
            seen[part.sha256] = part.path
        self.headers = list(first.headers)
        self.point, self.crs = first.point, first.crs
        hashes = "\n".join(part.sha256 for part in self.parts)
        self.sha256 = hashlib.sha256(hashes.encode()).hexdigest()
        self.bytes = sum(part.bytes for part in self.parts)
        self.format = ", ".join(dict.fromkeys(part.format for part in self.parts))
        found = dict.fromkeys(part.encoding for part in self.parts if part.encoding)
        self.encoding = ", ".join(found) or None
        sure = [p.encoding_confidence for p in self.parts if p.encoding_confidence is not None]
        self.encoding_confidence = min(sure, default=None)
        names = [part.name for part in self.parts]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        self.name = ", ".join(names[:_SHOWN]) + more
        self._take_notes()

    def rows_of(self, part: TableFile) -> int:
        """Rows of a part, once they were read."""
        place = self.parts.index(part)
        return self._ends[place] - self.begins[place]

    def received(self) -> list[tuple[Path, str]]:
        """Each file and its hash."""
        return [one for part in self.parts for one in part.received()]

    def check_unchanged(self) -> None:
        """Raise CoaggError when a part is no longer what was opened."""
        for part in self.parts:
            part.check_unchanged()

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        before = 0
        self.begins, self._ends = [], []
        for part in self.parts:
            self.begins.append(before)
            count = 0
            for batch in part.batches(rows, columns):
                moved = [
                    bad._replace(row_number=bad.row_number + before) for bad in batch.malformed
                ]
                count += batch.table.num_rows + len(moved)
                yield batch.table, moved
            before += count
            self._ends.append(before)
        self._take_notes()

    def _take_notes(self) -> None:
        self.tell_once(f"{part.name}: {note}" for part in self.parts for note in part.notes)


def _check_alike(first: TableFile, part: TableFile) -> None:
    lacks = [header for header in first.headers if header not in part.headers]
    more = [header for header in part.headers if header not in first.headers]
    if lacks or more:
        told = [f"lacks {_told(lacks)}"] if lacks else []
        told += [f"has {_told(more)} beside"] if more else []
        raise CoaggError(
            f"{part.path}: is no part of the same table as {first.path}: it {' and '.join(told)}"
        )
    if (part.point, part.crs) != (first.point, first.crs):
        raise CoaggError(
            f"{part.path}: its points are in {part.crs}, those of {first.path} in {first.crs}; "
            "load them as files of one coordinate system"
        )


def _told(headers: list[str]) -> str:
    return " ".join(", ".join(headers[:_SHOWN]).split())
