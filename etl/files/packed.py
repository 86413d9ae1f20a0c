"""What a file holds once it is unpacked: gz, bz2, xz and zst hold one file, a zip several.

`Source` gives the bytes of the table itself: as a stream, or as a file of its own for libraries
that need one (in a folder that goes away with the source). Both are counted against the limit.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
import zipfile
import zlib
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from coagg.errors import CoaggError
from coagg.etl.files import limits
from coagg.etl.files.received import HashedFile, open_binary

ZIP = b"PK\x03\x04"
_KINDS = (
    (b"\x1f\x8b", "gz"), (ZIP, "zip"), (b"BZh", "bz2"), (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
)  # fmt: skip
_NAMES = {"gz": "gzip", "zip": "zip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}
# A workbook is a zip too; it is told by what it holds.
WORKBOOKS = {"xl/workbook.xml": "xlsx", "xl/workbook.bin": "xlsb", "content.xml": "ods"}
SHAPE_PARTS = (".shp", ".dbf", ".shx", ".prj", ".cpg")
_SHAPE_EXTRAS = (".sbn", ".sbx", ".qpj", ".qix", ".shp.xml", ".idx", ".fix", ".cst")
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
    NotImplementedError, RuntimeError, OverflowError, MemoryError, AttributeError, KeyError,
)  # fmt: skip
_CHUNK = 1 << 20


def kind_of(start: bytes) -> str:
    """How a file with these first bytes is packed; empty where it is not.

    Examples
    --------
    >>> kind_of(b"\\x1f\\x8b\\x08"), kind_of(b"a,b")
    ('gz', '')
    """
    return next((kind for mark, kind in _KINDS if start.startswith(mark)), "")


class Stream:
    """Unpacked bytes; whatever is wrong with the packing comes out as a CoaggError."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._files: list[Any] = []
        self._from = source.guarded(self._open)

    def _open(self) -> Any:
        path, kind = self._source.path, self._source.kind
        if not kind:
            self._files = [open_binary(path)]
            return self._files[0]
        if kind == "zip":
            archive = zipfile.ZipFile(path)
            self._files = [archive]
            unpacked: Any = archive.open(self._source.member or "")
        elif kind == "zst":
            raw = pa.OSFile(str(path))
            self._files = [raw]
            unpacked = pa.CompressedInputStream(raw, "zstd")
        else:
            self._files = [open_binary(path)]
            unpacking: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
            unpacked = unpacking[kind](self._files[0], "rb")
        return limits.Counted(path, unpacked, path.stat().st_size)

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end. Raises CoaggError."""
        if not self._source.kind:
            data: bytes = self._from.read(size)
            return data
        return bytes(self._source.guarded(lambda: self._from.read(size)))

    def close(self) -> None:
        """Close the file."""
        for file in self._files:
            file.close()


class Source:
    """The bytes of a table: those of a file, or of what it packs."""

    def __init__(self, path: Path, start: bytes, member: str | None = None) -> None:
        """`start`: the first bytes of the file; `member`: name of a file in a zip.

        Raises CoaggError for an archive whose table is not told.
        """
        self.path = path
        self.kind = kind_of(start)
        self.member: str | None = None
        self.workbook: str | None = None
        self._names: list[str] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if self.kind == "zip":
            self._names = self.guarded(self._list)
            self.workbook = next((k for n, k in WORKBOOKS.items() if n in self._names), None)
            if self.workbook and member is None:
                self.kind = ""
            else:
                self.workbook = None
                self.member = self._choose(member)
        elif member is not None:
            raise CoaggError(f"{path}: is no zip archive; there is no {member} in it")

    @property
    def suffix(self) -> str:
        """What the name of the format gets, such as .gz."""
        return f".{self.kind}" if self.kind else ""

    def guarded(self, what: Any) -> Any:
        """Call; say in a line what is wrong with the packing."""
        try:
            return what()
        except CoaggError:
            raise
        except EOFError:
            raise CoaggError(
                f"{self.path}: is truncated, the {_NAMES[self.kind]} data ends too early; "
                "fetch it again"
            ) from None
        except _DAMAGED as fault:
            if not self.kind:
                raise
            reason = " ".join(str(fault).split())[:200] or type(fault).__name__
            if "password" in reason:
                raise CoaggError(
                    f"{self.path}: is protected by a password; unpack it first"
                ) from None
            what_it_is = "xlsx or zip" if self.kind == "zip" else _NAMES[self.kind]
            cut = "damaged or truncated" if self.kind == "zip" else "a damaged"
            article = "a " if self.kind == "zip" else ""
            raise CoaggError(
                f"{self.path}: is {article}{cut} {what_it_is} file ({reason}); fetch it again"
            ) from None

    def _list(self) -> list[str]:
        with zipfile.ZipFile(self.path) as archive:
            return [info.filename for info in archive.infolist() if not info.is_dir()]

    def _choose(self, member: str | None) -> str:
        names = [name for name in self._names if not _is_hidden(name)]
        found = tables(names)
        if member is not None:
            if member not in names:
                raise CoaggError(f"{self.path}: has no {member}; there are {_told(found)}")
            return member
        if not found:
            raise CoaggError(f"{self.path}: is a zip archive with no file in it")
        if len(found) > 1:
            first = f"{self.path.name}/{found[0]}"
            raise CoaggError(
                f"{self.path}: holds several files, {_told(found)}; name one, as in {first}"
            )
        return found[0]

    def hashed(self) -> tuple[str, int]:
        """Hash and size of the file as received."""
        with open_binary(self.path) as file:
            return HashedFile(file).finish()

    def start(self, size: int) -> bytes:
        """The first bytes of the table."""
        stream = Stream(self)
        try:
            data = b""
            while len(data) < size and (more := stream.read(size - len(data))):
                data += more
            return data
        finally:
            stream.close()

    def open(self) -> Stream:
        """The bytes of the table from its beginning."""
        return Stream(self)

    @cached_property
    def file(self) -> Path:
        """A file that holds the table's bytes, with the parts that belong to it beside it."""
        if not self.kind:
            return self.path
        self._folder = tempfile.TemporaryDirectory(prefix="coagg-")
        name = PurePosixPath(self.member or self.path.stem).name
        target = Path(self._folder.name) / (name if name.strip(". ") else "table")
        self._unpack(self.member, target)
        for part in self._names:
            if self.member and part != self.member and _stem(part) == _stem(self.member):
                suffix = PurePosixPath(part).suffix.lower()
                if suffix in SHAPE_PARTS:
                    self._unpack(part, target.with_suffix(suffix))
        return target

    def _unpack(self, member: str | None, target: Path) -> None:
        own, self.member = self.member, member
        stream = self.open()
        try:
            with target.open("wb") as file:
                while data := stream.read(_CHUNK):
                    file.write(data)
        finally:
            stream.close()
            self.member = own

    def renamed(self, error: CoaggError) -> CoaggError:
        """The error in one line, with the name of the file for that of what it packs."""
        told = str(error)
        if self._folder is not None:
            told = told.replace(str(self.file), str(self.path))
        if "\n" not in told and told == str(error):
            return error
        return CoaggError(" ".join(told.splitlines()))  # names in a file may hold line ends


def split(path: Path) -> tuple[Path, str | None]:
    """A path into a zip, archive.zip/member.csv, as the archive and its member.

    Examples
    --------
    >>> split(Path("none.csv"))
    (PosixPath('none.csv'), None)
    """
    try:
        if path.exists():
            return path, None
    except OSError:
        return path, None
    for parent in path.parents:
        try:
            if parent.is_file():
                with parent.open("rb") as file:
                    packed = file.read(len(ZIP)) == ZIP
                return (parent, path.relative_to(parent).as_posix()) if packed else (path, None)
            if parent.exists():
                break
        except OSError:
            break
    return path, None


def tables(names: list[str]) -> list[str]:
    """Names of files without those that only belong to a shapefile among them.

    Examples
    --------
    >>> tables(["a.shp", "a.dbf", "a.shx", "b.dbf"])
    ['a.shp', 'b.dbf']
    """
    stems = {name[:-4].lower() for name in names if name.lower().endswith(".shp")}
    return [name for name in names if not _is_shape_part(name, stems)]


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return not parts or parts[0] == "__MACOSX" or parts[-1].startswith(".")


def _stem(name: str) -> str:
    return name.rpartition(".")[0].lower()


def _is_shape_part(name: str, stems: set[str]) -> bool:
    """Whether a file only belongs to a shapefile beside it."""
    lower = name.lower()
    return not lower.endswith(".shp") and any(
        lower == stem + suffix for stem in stems for suffix in (*SHAPE_PARTS, *_SHAPE_EXTRAS)
    )


def _told(names: list[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
